"""Locals, globals, builtins, cells, names, constants and stack shuffling."""

from __future__ import annotations

from pyston.compiler.bytecode.cfg import LOOP_END, Unsupported
from pyston.compiler.bytecode.decode import LIST_TO_TUPLE, Instruction
from pyston.compiler.hir import types as t
from pyston.compiler.hir import values as h
from pyston.compiler.hir.builder import Builder
from pyston.compiler.hir.finalizers import check_finalizers
from pyston.compiler.hir.values import Value
from pyston.compiler.snapshot import KIND_FREE, NAMES_MODULE


def build_nothing(b: Builder, i: Instruction) -> None:
    """NOP, NOT_TAKEN and their like."""


def build_resume(b: Builder, i: Instruction) -> None:
    """Who enters a function's code has looked whether it may run. Behind `yield from` (2) and `await` (3) nothing
    pending is handled: an exception from a signal is for the innermost generator."""
    if b.function.generator and i.arg & 3 < 2:
        b.emit(h.CHECK_TOOLS, t.NOTHING, [])


def build_load_const(b: Builder, i: Instruction) -> None:
    b.stack.append(b.constant_object(b.snapshot.constants[i.arg]))


def build_load_small_int(b: Builder, i: Instruction) -> None:
    b.stack.append(b.constant_object(i.arg))


def build_load_common_constant(b: Builder, i: Instruction) -> None:
    ref = b.world.common_constant(i.arg)
    if ref is None:
        b.stack.append(b.helper("load_common_constant", [], len(b.stack), i.arg))
    else:
        b.stack.append(b.constant(ref))


def build_load_build_class(b: Builder, i: Instruction) -> None:
    b.stack.append(b.helper("load_build_class", [], len(b.stack)))


# --- locals ---------------------------------------------------------------------------------------------------


def build_load_fast(b: Builder, i: Instruction) -> None:
    b.stack.append(b.locals[i.arg])


def build_load_fast_two(b: Builder, i: Instruction) -> None:
    b.stack.append(b.locals[i.arg >> 4])
    b.stack.append(b.locals[i.arg & 15])


def build_load_fast_check(b: Builder, i: Instruction) -> None:
    value = b.locals[i.arg]
    if value is b.null:
        b.never_returns("raise_unbound_local", [], len(b.stack), i.arg)
        return
    if value.type & t.NULL and value not in b.bound:
        # Unbound: the interpreter raises.
        guard = b.emit(h.GUARD_NOT_NULL, t.NOTHING, [value])
        guard.reason = "unbound"
        b.note_bound(value)
    b.stack.append(value)


def build_load_fast_and_clear(b: Builder, i: Instruction) -> None:
    slot = i.arg
    old = b.locals[slot]
    if old is b.null:
        b.stack.append(old)
        return
    taken = b.emit(h.TAKE_LOCAL, old.type | t.NULL, [])
    taken.imm = slot
    b.locals = b.locals.copy()
    b.locals[slot] = b.null
    b.stack.append(taken)


def build_store_fast(b: Builder, i: Instruction) -> None:
    b.store_local(i.arg, b.stack.pop())


def build_store_fast_load_fast(b: Builder, i: Instruction) -> None:
    b.store_local(i.arg >> 4, b.stack.pop())
    b.stack.append(b.locals[i.arg & 15])


def build_store_fast_store_fast(b: Builder, i: Instruction) -> None:
    b.store_local(i.arg >> 4, b.stack.pop())
    b.store_local(i.arg & 15, b.stack.pop())


def build_delete_fast(b: Builder, i: Instruction) -> None:
    value = b.locals[i.arg]
    if value is b.null:
        b.never_returns("raise_unbound_local", [], len(b.stack), i.arg)
        return
    if value.type & t.NULL and value not in b.bound:
        guard = b.emit(h.GUARD_NOT_NULL, t.NOTHING, [value])
        guard.reason = "unbound"
    b.store_local(i.arg, b.null)


# --- the stack ------------------------------------------------------------------------------------------------


def build_pop_top(b: Builder, i: Instruction) -> None:
    b.drop_operand(i)


def build_push_null(b: Builder, i: Instruction) -> None:
    b.stack.append(b.null)


def build_copy(b: Builder, i: Instruction) -> None:
    b.stack.append(b.stack[-i.arg])


def build_swap(b: Builder, i: Instruction) -> None:
    stack = b.stack
    stack[-1], stack[-i.arg] = stack[-i.arg], stack[-1]


# --- globals --------------------------------------------------------------------------------------------------


def build_load_global(b: Builder, i: Instruction) -> None:
    _load_global(b, b.snapshot.names[i.arg >> 1])
    if i.arg & 1:
        b.stack.append(b.null)


def _load_global(b: Builder, name: str) -> None:
    slot = b.global_slots.get(name)
    if slot is not None:
        b.stack.append(b.locals[slot])
        return
    ref = b.world.global_value(name)
    if ref is not None:
        check_finalizers(b, ref)
        b.stack.append(b.constant(ref))
    else:
        b.stack.append(b.helper("load_global_cached", [], len(b.stack), 0, b.world.ref(name)))


def build_store_global(b: Builder, i: Instruction) -> None:
    """The name itself may be a fact that code behind relies on, so the check behind is not only for what the
    release of the old value may run."""
    name = b.snapshot.names[i.arg]
    slot = b.global_slots.get(name)
    if slot is not None:
        b.store_local(slot, b.stack.pop())
        return
    b.helper("store_global", [b.stack[-1]], len(b.stack) - 1, 0, b.world.ref(name))
    b.stack.pop()


def build_delete_global(b: Builder, i: Instruction) -> None:
    b.helper("delete_global", [], len(b.stack), 0, b.world.ref(b.snapshot.names[i.arg]))


# --- names of modules and class bodies --------------------------------------------------------------------------


def build_load_name(b: Builder, i: Instruction) -> None:
    """In a module, whose locals are its globals, names are globals."""
    name = b.snapshot.names[i.arg]
    if b.names == NAMES_MODULE:
        _load_global(b, name)
    else:
        b.stack.append(b.helper("load_name", [], len(b.stack), 0, b.world.ref(name)))


def build_store_name(b: Builder, i: Instruction) -> None:
    if b.names == NAMES_MODULE:
        build_store_global(b, i)
        return
    b.helper("store_name", [b.stack[-1]], len(b.stack) - 1, 0, b.world.ref(b.snapshot.names[i.arg]))
    b.stack.pop()


def build_delete_name(b: Builder, i: Instruction) -> None:
    b.helper("delete_name", [], len(b.stack), 0, b.world.ref(b.snapshot.names[i.arg]))


def build_load_locals(b: Builder, i: Instruction) -> None:
    b.stack.append(b.helper("load_locals", [], len(b.stack)))


def build_load_from_dict_or_globals(b: Builder, i: Instruction) -> None:
    """A name in an annotation, a type alias or a bound within a class. Stack: the class's names."""
    name = b.world.ref(b.snapshot.names[i.arg])
    b.stack[-1] = b.helper("load_from_dict_or_globals", [b.stack[-1]], len(b.stack) - 1, 0, name)


def build_load_from_dict_or_deref(b: Builder, i: Instruction) -> None:
    """The same, and in the class body itself, for a variable of a function around it."""
    cell = b.locals[i.arg]
    b.stack[-1] = b.helper("load_from_dict_or_deref", [b.stack[-1], cell], len(b.stack) - 1, i.arg)


# --- cells ----------------------------------------------------------------------------------------------------


def build_copy_free_vars(b: Builder, i: Instruction) -> None:
    """The closure's cells move into their slots; the frame lends them from the function."""
    kinds = b.snapshot.slot_kinds
    b.locals = b.locals.copy()
    first = len(kinds) - i.arg
    for index in range(i.arg):
        slot = first + index
        if not kinds[slot] & KIND_FREE:
            raise Unsupported("free variables out of order")
        copied = b.emit(h.COPY_FREE_VARIABLE, t.CELL, [])
        copied.imm = slot
        copied.imm2 = index
        b.locals[slot] = copied


def build_make_cell(b: Builder, i: Instruction) -> None:
    """The slot's value, if any, moves into a new cell, which takes its place."""
    old = b.locals[i.arg]
    content: Value = old
    if old is not b.null:
        content = b.emit(h.TAKE_LOCAL, old.type, [])
        content.imm = i.arg
        b.locals = b.locals.copy()
        b.locals[i.arg] = b.null
    cell = b.helper("make_cell", [content], len(b.stack))
    b.store_local(i.arg, cell)


def build_load_deref(b: Builder, i: Instruction) -> None:
    cell = b.locals[i.arg]
    value = b.emit(h.LOAD_CELL, t.OBJECT, [cell])
    value.reason = "unbound"
    b.stack.append(value)


def build_store_deref(b: Builder, i: Instruction) -> None:
    b.emit(h.STORE_CELL, t.NOTHING, [b.locals[i.arg], b.stack.pop()])


def build_delete_deref(b: Builder, i: Instruction) -> None:
    b.helper("delete_deref", [b.locals[i.arg]], len(b.stack), i.arg)


# --- imports, functions, classes --------------------------------------------------------------------------------


def build_import_name(b: Builder, i: Instruction) -> None:
    """Stack: level, names wanted."""
    name = b.snapshot.names[i.arg]
    level, wanted = b.stack[-2:]
    ref = None
    if level.operation == wanted.operation == h.CONSTANT and level.ref is not None and wanted.ref is not None:
        ref = b.world.imported(name, wanted.ref.value, level.ref.value)
    if ref is not None:
        value = b.constant(ref)
    else:
        value = b.helper("import_name", [wanted, level], len(b.stack) - 2, 0, b.world.ref(name))
    del b.stack[-2:]
    b.stack.append(value)


def build_import_from(b: Builder, i: Instruction) -> None:
    """Stack: module, which stays."""
    name = b.snapshot.names[i.arg]
    module = b.stack[-1]
    ref = None
    # Names with underscores the class of modules may answer first.
    if module.operation == h.CONSTANT and module.ref is not None and not name.startswith("__"):
        ref = b.world.constant_attribute(module.ref, name)
    if ref is not None:
        check_finalizers(b, ref)
        b.stack.append(b.constant(ref))
    else:
        b.stack.append(b.helper("import_from", [module], len(b.stack), 0, b.world.ref(name)))


def build_make_function(b: Builder, i: Instruction) -> None:
    value = b.helper("make_function", [b.stack[-1]], len(b.stack) - 1)
    b.stack[-1] = value


def build_set_function_attribute(b: Builder, i: Instruction) -> None:
    """Stack: attribute, function."""
    function = b.stack[-1]
    b.helper("set_function_attribute", [function, b.stack[-2]], len(b.stack) - 2, i.arg)
    del b.stack[-2:]
    b.stack.append(function)


def build_call_intrinsic_1(b: Builder, i: Instruction) -> None:
    if i.arg == LIST_TO_TUPLE and b.is_type(b.stack[-1], t.TUPLE):
        return  # build_list_extend has made it one
    value = b.helper("call_intrinsic_1", [b.stack[-1]], len(b.stack) - 1, i.arg)
    if i.arg == LIST_TO_TUPLE:
        value.type = t.TUPLE
    b.stack[-1] = value


def build_return_value(b: Builder, i: Instruction) -> None:
    if b.loop_alone:
        b.leave(LOOP_END)  # the frame is the interpreter's
        return
    b.emit(h.RETURN, t.NOTHING, [b.stack.pop()])
    b.ended = True


def build_jump_backward(b: Builder, i: Instruction) -> None:
    b.emit(h.CHECK_TOOLS, t.NOTHING, [])
