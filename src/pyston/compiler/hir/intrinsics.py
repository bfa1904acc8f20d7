"""Builtins whose meaning the compiler knows: `len`, `isinstance`, `getattr` with a constant name and their like.

One function each, in a table by the name that `World.intrinsic` gives the callable. It gets the call's positional
arguments and gives the result, or None where the general call is right.
"""

from __future__ import annotations

import sys

from pyston.compiler.bytecode import opcodes as op
from pyston.compiler.bytecode.decode import Instruction
from pyston.compiler.hir import types as t
from pyston.compiler.hir import values as h
from pyston.compiler.hir.builder import Builder
from pyston.compiler.hir.values import Value
from pyston.compiler.native import Callable, Final
from pyston.compiler.world import Ref

Intrinsic = Callable[[Builder, Instruction, list[Value], int], "Value | None"]


def _len(b: Builder, i: Instruction, args: list[Value], keep: int) -> Value | None:
    if len(args) != 1:
        return None
    if b.type_of(args[0]) in (t.LIST, t.TUPLE, t.DICT, t.STR):
        size = b.emit(h.LOAD_SIZE, t.I64, [args[0]])
        size.imm = 16
        return b.box_int(size)
    return b.helper("builtin_len", args, keep)


def _isinstance(b: Builder, i: Instruction, args: list[Value], keep: int) -> Value | None:
    if len(args) != 2:
        return None
    cls = args[1].ref
    known = b.classes.get(args[0])
    if cls is not None and known is not None and args[1].type == t.TYPE:
        answer = b.world.instance_check(known, cls)
        if answer is not None:
            return b.constant_object(answer)
    return b.box_bool(b.helper("is_instance", args, keep))


def _issubclass(b: Builder, i: Instruction, args: list[Value], keep: int) -> Value | None:
    if len(args) != 2:
        return None
    return b.box_bool(b.helper("is_subclass", args, keep))


def _attribute_name(args: list[Value]) -> Ref | None:
    """The attribute's name, if it is an interned constant, as the caches' names must be."""
    ref = args[1].ref
    if ref is None or args[1].type != t.STR:
        return None
    name = ref.value
    return ref if isinstance(name, str) and sys._is_interned(name) else None


def _getattr(b: Builder, i: Instruction, args: list[Value], keep: int) -> Value | None:
    if not 2 <= len(args) <= 3:
        return None
    name = _attribute_name(args)
    if name is None:
        return b.helper("get_attr" if len(args) == 2 else "get_attr_default", args, keep)
    if len(args) == 2:
        return b.helper("load_attr_cached", [args[0]], keep, 0, name)
    return b.helper("get_attr_default_cached", [args[0], args[2]], keep, 0, name)


def _hasattr(b: Builder, i: Instruction, args: list[Value], keep: int) -> Value | None:
    if len(args) != 2:
        return None
    name = _attribute_name(args)
    if name is None:
        return b.box_bool(b.helper("has_attr", args, keep))
    return b.box_bool(b.helper("has_attr_cached", [args[0]], keep, 0, name))


def _setattr(b: Builder, i: Instruction, args: list[Value], keep: int) -> Value | None:
    if len(args) != 3:
        return None
    name = _attribute_name(args)
    if name is None:
        b.helper("set_attr", args, keep)
    else:
        b.helper("store_attr_cached", [args[0], args[2]], keep, 0, name)
    return b.constant_object(None)


def _callable(b: Builder, i: Instruction, args: list[Value], keep: int) -> Value | None:
    return b.box_bool(b.helper("PyCallable_Check", args, keep)) if len(args) == 1 else None


def _next(b: Builder, i: Instruction, args: list[Value], keep: int) -> Value | None:
    if not 1 <= len(args) <= 2:
        return None
    return b.helper("builtin_next", [args[0], args[1] if len(args) == 2 else b.null], keep)


def _type(b: Builder, i: Instruction, args: list[Value], keep: int) -> Value | None:
    if len(args) != 1:
        return None
    known = b.classes.get(args[0])
    if known is not None:
        return b.constant(known)
    cls = b.emit(h.LOAD_FIELD, t.OBJECT, [args[0]])
    cls.imm = 8  # ob_type
    return cls


def _list_append(b: Builder, i: Instruction, args: list[Value], keep: int) -> Value | None:
    if len(args) != 2 or not b.may_be(args[0], t.LIST) or b.learnt(i):
        return None
    b.guard_type(args[0], t.LIST)
    b.helper("list_append", args, keep)
    return b.constant_object(None)


def _dict_get(b: Builder, i: Instruction, args: list[Value], keep: int) -> Value | None:
    if not 2 <= len(args) <= 3 or not b.may_be(args[0], t.DICT) or b.learnt(i):
        return None
    b.guard_type(args[0], t.DICT)
    fallback = args[2] if len(args) == 3 else b.constant_object(None)
    return b.helper("dict_get_default", [args[0], args[1], fallback], keep)


def _str(b: Builder, i: Instruction, args: list[Value], keep: int) -> Value | None:
    if len(args) != 1:
        return None
    return args[0] if b.is_type(args[0], t.STR) else b.helper("to_str", args, keep)


def _bool(b: Builder, i: Instruction, args: list[Value], keep: int) -> Value | None:
    return b.box_bool(b.helper("is_true", args, keep)) if len(args) == 1 else None


def _range(b: Builder, i: Instruction, args: list[Value], keep: int) -> Value | None:
    """`for x in range(…)` of ints: its iterator at once, which GET_ITER then leaves alone. No code runs."""
    following = b.following(i)
    if following is None or following.opcode != op.GET_ITER or not 1 <= len(args) <= 3 or b.learnt(i):
        return None
    if not all(b.may_be(value, t.INT) for value in args):
        return None
    step = 1
    if len(args) == 3:
        ref = args[2].ref if args[2].operation == h.CONSTANT else None
        if ref is None or type(ref.value) is not int or ref.value == 0 or abs(ref.value) >= 1 << 60:
            return None
        step = ref.value
    start = b.as_int(args[0]) if len(args) > 1 else b.int_constant(0)
    distance = b.as_int(args[min(len(args), 2) - 1])
    if len(args) > 1:
        distance = b.emit(h.INT_SUB, t.I64, [distance, start] if step > 0 else [start, distance])
        distance.reason = "int"
    return b.helper("range_iterator", [start, distance, b.int_constant(step)], keep)


INTRINSICS: Final[dict[str, Intrinsic]] = {
    "len": _len,
    "isinstance": _isinstance,
    "issubclass": _issubclass,
    "getattr": _getattr,
    "hasattr": _hasattr,
    "setattr": _setattr,
    "callable": _callable,
    "next": _next,
    "type": _type,
    "list.append": _list_append,
    "dict.get": _dict_get,
    "str": _str,
    "bool": _bool,
    "range": _range,
}
