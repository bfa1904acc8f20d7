"""Calls: straight into known Python functions and C functions, else by vectorcall.

A callee is known when the callable is a constant: a watched global, a watched method of a guarded class, or
a function that feedback named and a guard confirmed. Then arguments, keywords and defaults are matched here, once.
"""

from __future__ import annotations

from pyston.compiler.bytecode import opcodes as op
from pyston.compiler.bytecode.decode import Instruction, cache_u32
from pyston.compiler.hir import types as t
from pyston.compiler.hir import values as h
from pyston.compiler.hir.builder import Builder
from pyston.compiler.hir.intrinsics import INTRINSICS
from pyston.compiler.hir.values import Value
from pyston.compiler.native import Final
from pyston.compiler.world import (
    CFUNCTION_FAST_KEYWORDS,
    CFUNCTION_FAST_NAMED,
    CFUNCTION_NOARGS,
    CFUNCTION_NONE,
    CFUNCTION_O,
    CalleeFacts,
    CFunctionFacts,
    Ref,
)

MOST_ARGUMENTS: Final = 255  # in a call's word (helpers.h)


def build_call(b: Builder, i: Instruction) -> None:
    """Stack: callable, self or NULL, arguments."""
    if b.pending_method is None:
        _call(b, i, i.arg, None)
        return
    load = b.pending_method
    b.pending_method = None
    base = len(b.stack) - i.arg - 2
    name = b.world.ref(b.snapshot.names[load.arg >> 1])
    result = b.helper("call_method_cached", b.stack[base:], base, i.offset - load.offset, name)
    del b.stack[base:]
    b.stack.append(result)


def build_call_kw(b: Builder, i: Instruction) -> None:
    """The same with a tuple of keyword names on top."""
    names = b.stack.pop()
    if names.ref is None:
        b.stack.append(names)
        b.leave("keyword names")
        return
    _call(b, i, i.arg, names.ref)


def _call(b: Builder, i: Instruction, count: int, names: Ref | None) -> None:
    base = len(b.stack) - count - 2
    function = b.stack[base]
    self_ = b.stack[base + 1]
    args = b.stack[base + 2 :]
    if self_ is b.null or not b.may_be(self_, t.NULL) or self_ in b.bound:
        target = _known_target(b, i, function, self_)
        if target is not None:
            if self_ is not b.null:
                args.insert(0, self_)
            result = _call_known(b, i, target, args, names, base)
            if result is not None:
                del b.stack[base:]
                b.stack.append(result)
                return
    vector = [function, self_, *b.stack[base + 2 :]]
    if count > MOST_ARGUMENTS:
        b.leave("many arguments")
        return
    result = b.helper("call_vector", vector, base, 0, names)
    del b.stack[base:]
    b.stack.append(result)


def _known_target(b: Builder, i: Instruction, function: Value, self_: Value) -> Ref | None:
    if function.operation == h.CONSTANT:
        return function.ref
    if i.seen == op.CALL_PY_EXACT_ARGS and not b.varies(i):
        target = b.world.function_of_version(cache_u32(b.snapshot, i.offset + 2))
        if target is not None and b.world.is_stable_function(target):
            guard = b.emit(h.GUARD_IS, t.NOTHING, [function])
            guard.ref = target
            guard.reason = "callee"
            return target
    return None


def _call_known(
    b: Builder, i: Instruction, target: Ref, args: list[Value], names: Ref | None, keep: int
) -> Value | None:
    callee = b.world.callee(target)
    if callee is not None:
        if callee.makes_generator and not callee.takes_exactly(callee.argument_count):
            return None
        matched = _match_arguments(b, callee, args, names, keep)
        if matched is None:
            return None
        if callee.makes_generator:
            # By the runtime, which makes it at once: no frame is pushed for the function, its code is not entered.
            return b.helper("call_vector", [b.constant(target), b.null, *matched], keep)
        return _call_python(b, callee, matched, keep)
    intrinsic = None if names is not None else INTRINSICS.get(b.world.intrinsic(target))
    if intrinsic is not None:
        inlined = intrinsic(b, i, args, keep)
        if inlined is not None:
            return inlined
    if target.type_mask == t.TYPE:
        if not args and b.world.makes_plainly(target):
            made = b.helper("make_instance", [], keep, 0, target)
            b.note_class(made, target)
            return made
        instance = _instantiate(b, i, target, args, names, keep) or _call_new(b, i, target, args, names, keep)
        if instance is not None:
            return instance
    facts = b.world.cfunction(target)
    if facts is None or facts.kind == CFUNCTION_NONE:
        return None
    return _call_c(b, i, facts, target, args, names, keep)


def _call_python(b: Builder, callee: CalleeFacts, args: list[Value], keep: int) -> Value:
    """The arguments are one for each parameter."""
    call = b.emit(h.CALL_PYTHON, t.OBJECT, args)
    call.ref = callee.record
    call.keep = keep
    b.note_escape()
    b.note_raise(call)
    return call


def _instantiate(
    b: Builder, i: Instruction, cls: Ref, args: list[Value], names: Ref | None, keep: int
) -> Value | None:
    """An ordinary class with a Python `__init__`: allocates, and calls that as any known function."""
    initializer = b.world.initializer(cls)
    if initializer is None:
        return None
    callee = b.world.callee(initializer)
    if callee is None or callee.argument_count == 0:
        return None
    instance = Value(h.HELPER, t.OTHER, [])
    matched = _match_arguments(b, callee, [instance, *args], names, keep)
    if matched is None:
        return None
    made = b.helper("make_instance", [], keep + len(args), 0, cls)
    matched[0] = made
    call = _call_python(b, callee, matched, keep)
    result = b.helper("check_init_result", [call], keep)
    result.keep = keep
    b.note_class(made, cls)
    return made


def _call_new(
    b: Builder, i: Instruction, cls: Ref, args: list[Value], names: Ref | None, keep: int
) -> Value | None:
    """A class with a Python `__new__` and no `__init__`, as of immutable things."""
    maker = None if names is not None else b.world.maker(cls)
    callee = b.world.callee(maker) if maker is not None else None
    if callee is None:
        return None
    matched = _match_arguments(b, callee, [b.constant(cls), *args], None, keep)
    if matched is None:
        return None
    call = _call_python(b, callee, matched, keep)
    finished = b.helper("finish_new", [b.constant(cls), call, *args], keep)
    finished.keep = keep
    return call


def _match_arguments(
    b: Builder, callee: CalleeFacts, args: list[Value], names: Ref | None, keep: int
) -> list[Value] | None:
    """The callee's parameters in order, or None where the call must go the general way.

    What *args and **kwargs collect is made here, as the callee's own. A keyword-only parameter that is not
    given goes the general way: its default is looked up in a dict that may change unseen.
    """
    parameters = callee.parameter_names
    positional = len(args)
    keywords: tuple[str, ...] = ()
    if names is not None:
        assert isinstance(names.value, tuple)
        keywords = names.value
        positional -= len(keywords)
    wanted = callee.argument_count
    if positional > wanted and not callee.collects_args:
        return None
    given: list[Value | None] = [None] * len(parameters)
    for slot in range(min(positional, wanted)):
        given[slot] = args[slot]
    collected_names: list[str] = []
    collected: list[Value] = []
    for index, name in enumerate(keywords):
        slot = parameters.index(name) if name in parameters else -1
        if slot < callee.positional_only:
            if not callee.collects_keywords:
                return None
            collected_names.append(name)
            collected.append(args[positional + index])
        elif given[slot] is not None:
            return None
        else:
            given[slot] = args[positional + index]
    first_default = wanted - len(callee.defaults)
    result: list[Value] = []
    for slot, value in enumerate(given):
        if value is None:
            if slot < first_default or slot >= wanted:
                return None
            value = b.constant(callee.defaults[slot - first_default])
        result.append(value)
    if callee.collects_args:
        if positional > wanted:
            result.append(b.helper("build_tuple", args[wanted:positional], keep))
        else:
            result.append(b.constant_object(()))
    if callee.collects_keywords:
        result.append(b.helper("build_keywords", collected, keep, 0, b.world.ref(tuple(collected_names))))
    return result


def _call_c(
    b: Builder,
    i: Instruction,
    facts: CFunctionFacts,
    target: Ref,
    args: list[Value],
    names: Ref | None,
    keep: int,
) -> Value | None:
    kind = facts.kind
    if names is not None:
        if kind != CFUNCTION_FAST_KEYWORDS:
            return None
        kind = CFUNCTION_FAST_NAMED
    if facts.self_ is not None:
        args = [b.constant(facts.self_), *args]
    elif facts.needs_type is None:
        args = [b.null, *args]
    else:
        # A method descriptor: its receiver must be of the type, which is checked here, once.
        if not args:
            return None
        if not b.is_type(args[0], facts.exact_mask):
            if facts.exact_mask == t.OTHER:
                known = b.classes.get(args[0])
                if known is None or not b.world.is_subtype(known, facts.needs_type):
                    return None
            elif not b.may_be(args[0], facts.exact_mask) or b.learnt(i):
                return None
            else:
                b.guard_type(args[0], facts.exact_mask)
    given = len(args) - 1
    if (kind == CFUNCTION_NOARGS and given != 0) or (kind == CFUNCTION_O and given != 1):
        return None
    if names is not None:
        args = [*args, b.constant(names)]
    call = b.emit(h.CALL_C, facts.makes or t.OBJECT, args)
    call.ref = target
    call.imm = facts.address
    call.imm2 = kind
    call.keep = keep
    b.note_escape()
    b.note_raise(call)
    return call


def build_call_function_ex(b: Builder, i: Instruction) -> None:
    """Stack: callable, NULL, args, kwargs or NULL."""
    keywords = b.stack[-1]
    fresh = keywords.helper is not None and keywords.helper.name == "build_map"
    if fresh and any(local is keywords for local in b.locals):
        fresh = False  # a dict display that was put into a local, from where it is only passed on
    result = b.helper("call_ex", [b.stack[-4], b.stack[-2], keywords], len(b.stack) - 4, int(not fresh))
    del b.stack[-4:]
    b.stack.append(result)
