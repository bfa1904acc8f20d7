"""Building, unpacking and filling containers, formatting strings, and iteration."""

from __future__ import annotations

from pyston.compiler.bytecode import opcodes as op
from pyston.compiler.bytecode.decode import Instruction
from pyston.compiler.hir import types as t
from pyston.compiler.hir import values as h
from pyston.compiler.hir.builder import Builder
from pyston.compiler.hir.values import Value


def _pop_many(b: Builder, count: int) -> list[Value]:
    if count == 0:
        return []
    items = b.stack[-count:]
    del b.stack[-count:]
    return items


def build_build_tuple(b: Builder, i: Instruction) -> None:
    b.stack.append(b.helper("build_tuple", _pop_many(b, i.arg), len(b.stack)))


def _is_spread(b: Builder, i: Instruction, mask: int) -> bool:
    """Is the local that the container is made of only to be passed on, and of this type? Then NULL stands for
    the container. (With globals as slots there may be checks anywhere.)"""
    load = b.following(i) if i.passed_on and not b.global_slots else None
    return load is not None and b.is_type(b.locals[load.arg], mask)


def build_build_list(b: Builder, i: Instruction) -> None:
    if _is_spread(b, i, t.TUPLE):
        b.spread = _pop_many(b, i.arg)
        b.stack.append(b.null)
        return
    b.stack.append(b.helper("build_list", _pop_many(b, i.arg), len(b.stack)))


def build_build_set(b: Builder, i: Instruction) -> None:
    b.stack.append(b.helper("build_set", _pop_many(b, i.arg), len(b.stack)))


def build_build_map(b: Builder, i: Instruction) -> None:
    if _is_spread(b, i, t.DICT):
        b.stack.append(b.null)
        return
    b.stack.append(b.helper("build_map", _pop_many(b, 2 * i.arg), len(b.stack), i.arg))


def build_build_string(b: Builder, i: Instruction) -> None:
    b.stack.append(b.helper("build_string", _pop_many(b, i.arg), len(b.stack)))


def _into_container(b: Builder, i: Instruction, name: str, operands: int) -> None:
    """LIST_APPEND and its kin: the container is `arg` entries below what is popped."""
    args = _pop_many(b, operands)
    container = b.stack[-i.arg]
    b.helper(name, [container, *args], len(b.stack))


def build_list_append(b: Builder, i: Instruction) -> None:
    _into_container(b, i, "list_append", 1)


def build_set_add(b: Builder, i: Instruction) -> None:
    _into_container(b, i, "set_add", 1)


def build_map_add(b: Builder, i: Instruction) -> None:
    _into_container(b, i, "map_add", 2)


def build_list_extend(b: Builder, i: Instruction) -> None:
    if b.stack[-1 - i.arg] is b.null:
        rest = b.stack.pop()
        b.stack.pop()
        b.stack.append(b.helper("build_extended_tuple", [rest, *b.spread], len(b.stack)))
        b.spread = []
        return
    _into_container(b, i, "list_extend", 1)


def build_set_update(b: Builder, i: Instruction) -> None:
    _into_container(b, i, "set_update", 1)


def build_dict_update(b: Builder, i: Instruction) -> None:
    _into_container(b, i, "dict_update", 1)


def build_dict_merge(b: Builder, i: Instruction) -> None:
    """For `f(**a, **b)`: the callable, five below the dict on CALL_FUNCTION_EX's stack, names the error."""
    update = b.stack[-1]
    container = b.stack[-1 - i.arg]
    if container is b.null:
        del b.stack[-2]
        return
    function = b.stack[-5 - (i.arg - 1)]
    b.helper("dict_merge", [container, update, function], len(b.stack) - 1)
    b.stack.pop()


def build_unpack_sequence(b: Builder, i: Instruction) -> None:
    sequence = b.stack[-1]
    count = i.arg
    kind = 0
    if not b.learnt(i):
        if b.is_type(sequence, t.TUPLE) or i.seen in (op.UNPACK_SEQUENCE_TUPLE, op.UNPACK_SEQUENCE_TWO_TUPLE):
            kind = t.TUPLE
        elif b.is_type(sequence, t.LIST) or i.seen == op.UNPACK_SEQUENCE_LIST:
            kind = t.LIST
    if kind and b.may_be(sequence, kind):
        b.guard_type(sequence, kind)
        if sequence.helper is not None and sequence.helper.name == "build_tuple":
            known = len(sequence.args) == count
        else:
            known = False
        if not known:
            guard = b.emit(h.GUARD_SIZE, t.NOTHING, [sequence])
            guard.imm = count
            guard.reason = "size"
        items = [
            b.emit(h.LIST_ITEM if kind == t.LIST else h.TUPLE_ITEM, t.OBJECT, [sequence])
            for _ in range(count)
        ]
        for index, item in enumerate(items):
            item.imm = index
        b.stack.pop()
        items.reverse()
        b.stack.extend(items)
        return
    array = b.helper("unpack_sequence", [sequence], len(b.stack) - 1, count)
    b.stack.pop()
    _push_array(b, array, count)


def _push_array(b: Builder, array: Value, count: int) -> None:
    """Pushes a helper's output array so that its first item ends on top."""
    array.type = t.NOTHING
    items = []
    for index in range(count):
        item = b.emit(h.ARRAY_ITEM, t.OBJECT, [array])
        item.imm = index
        items.append(item)
    items.reverse()
    b.stack.extend(items)


def build_unpack_ex(b: Builder, i: Instruction) -> None:
    before = i.arg & 0xFF
    after = i.arg >> 8
    array = b.helper("unpack_ex", [b.stack[-1]], len(b.stack) - 1, before)
    array.imm2 = after
    b.stack.pop()
    _push_array(b, array, before + 1 + after)


# --- strings -------------------------------------------------------------------------------------------------


def build_format_simple(b: Builder, i: Instruction) -> None:
    value = b.stack[-1]
    if b.is_type(value, t.STR):
        return
    result = b.helper("format_simple", [value], len(b.stack) - 1)
    b.stack[-1] = result
    if b.is_type(value, t.INERT):
        b.unchecked = False  # numbers and strings run none of the program's code


def build_format_with_spec(b: Builder, i: Instruction) -> None:
    result = b.helper("format_with_spec", [b.stack[-2], b.stack[-1]], len(b.stack) - 2)
    del b.stack[-2:]
    b.stack.append(result)


def build_convert_value(b: Builder, i: Instruction) -> None:
    result = b.helper("convert_value", [b.stack[-1]], len(b.stack) - 1, i.arg)
    b.stack[-1] = result


def build_build_interpolation(b: Builder, i: Instruction) -> None:
    """Stack: value, its source, and its format where `arg` says so."""
    count = 2 + (i.arg & 1)
    args = b.stack[-count:]
    if count == 2:
        args.append(b.null)
    result = b.helper("build_interpolation", args, len(b.stack) - count, i.arg >> 2)
    del b.stack[-count:]
    b.stack.append(result)


def build_build_template(b: Builder, i: Instruction) -> None:
    result = b.helper("_PyTemplate_Build", b.stack[-2:], len(b.stack) - 2)
    del b.stack[-2:]
    b.stack.append(result)


# --- iteration -----------------------------------------------------------------------------------------------

_ITERATORS = {
    op.FOR_ITER_RANGE: t.RANGE_ITER,
    op.FOR_ITER_LIST: t.LIST_ITER,
    op.FOR_ITER_TUPLE: t.TUPLE_ITER,
}


def build_get_iter(b: Builder, i: Instruction) -> None:
    value = b.stack[-1]
    if b.is_type(value, t.RANGE_ITER):
        return  # it is its own iterator
    iterator = b.helper("get_iter", [value], len(b.stack) - 1)
    b.stack[-1] = iterator
    kind = b.type_of(value)
    if kind == t.LIST:
        b.types[iterator] = t.LIST_ITER
    elif kind == t.TUPLE:
        b.types[iterator] = t.TUPLE_ITER
    else:
        # Guard here rather than in the loop: the iterator's type is the same on every round.
        expected = _expected_iterator(b, i)
        b.state = b.state_after(i)
        b.check_tools(b.state)
        if expected:
            b.guard_type(iterator, expected)


def _expected_iterator(b: Builder, i: Instruction) -> int:
    """The iterator type seen by the FOR_ITER that follows, within a comprehension's set-up."""
    at = i
    for _ in range(8):
        following = b.following(at)
        if following is None:
            return 0
        at = following
        if following.opcode == op.FOR_ITER:
            return (
                0 if b.varies(following) or b.world.learnt(i.next) > 0 else _ITERATORS.get(following.seen, 0)
            )
        if following.opcode not in (
            op.LOAD_FAST_AND_CLEAR,
            op.SWAP,
            op.BUILD_LIST,
            op.BUILD_SET,
            op.BUILD_MAP,
        ):
            return 0
    return 0


def build_for_iter(b: Builder, i: Instruction) -> None:
    """Successors of the flow block: [body, exhausted]. The iterator stays on the stack in both."""
    iterator = b.stack[-1]
    kind = b.type_of(iterator)
    if kind not in (t.RANGE_ITER, t.LIST_ITER, t.TUPLE_ITER):
        kind = 0 if b.varies(i) else _ITERATORS.get(i.seen, 0)
        if not kind and i.seen == op.FOR_ITER and not b.learnt(i):
            kind = _standing_iterator(b)
        if kind:
            if b.may_be(iterator, kind):
                b.guard_type(iterator, kind)
            else:
                kind = 0
    if kind == t.RANGE_ITER:
        _for_inline(b, iterator, h.RANGE_HAS_NEXT)
    elif kind == t.LIST_ITER:
        _for_inline(b, iterator, h.LIST_ITER_HAS_NEXT)
    elif kind == t.TUPLE_ITER:
        _for_inline(b, iterator, h.TUPLE_ITER_HAS_NEXT)
    else:
        item = b.helper("iter_next", [iterator], len(b.stack))
        item.type = t.NULLABLE
        branch = b.emit(h.BRANCH_NULL, t.NOTHING, [item])
        branch.imm = 1  # NULL goes to the jump
        b.stack.append(item)


def _standing_iterator(b: Builder) -> int:
    """The outer loops of one that is entered in the middle have made few rounds, if any: the interpreter has not
    specialised them yet. But their iterators stand on the stack."""
    depth = len(b.stack) - 1
    known = b.loop_stack[depth] if depth < len(b.loop_stack) else 0
    return known if known in (t.RANGE_ITER, t.LIST_ITER, t.TUPLE_ITER) else 0


def _for_inline(b: Builder, iterator: Value, has_next: int) -> None:
    more = b.emit(has_next, t.CBOOL, [iterator])
    branch = b.emit(h.BRANCH, t.NOTHING, [more])
    branch.imm = 0  # true falls through
    # The item is made at the start of the body; until then the stack holds the mark that says so.
    b.stack.append(b.null)


def enter_for_body(b: Builder, i: Instruction) -> None:
    """The first thing in a loop body: the next item, in place of the mark that build_for_iter pushed."""
    if b.stack[-1] is not b.null:
        item = b.stack[-1]
        b.types[item] = t.OBJECT
        b.note_bound(item)
        return
    iterator = b.stack[-2]
    kind = b.type_of(iterator)
    b.stack.pop()
    if kind == t.RANGE_ITER:
        number = b.emit(h.RANGE_NEXT, t.I64, [iterator])
        item = b.box_int(number)
    else:
        operation = h.LIST_ITER_NEXT if kind == t.LIST_ITER else h.TUPLE_ITER_NEXT
        item = b.emit(operation, t.OBJECT, [iterator])
    b.stack.append(item)


def enter_exhausted(b: Builder, i: Instruction) -> None:
    """END_FOR, reached from FOR_ITER only: there is no item to pop, but the mark."""
    b.stack.pop()
    iterator = b.stack[-1]
    kind = b.type_of(iterator)
    if kind == t.LIST_ITER or kind == t.TUPLE_ITER:
        b.emit(h.ITER_EXHAUST, t.NOTHING, [iterator])


def build_pop_iter(b: Builder, i: Instruction) -> None:
    b.drop_operand(i)
