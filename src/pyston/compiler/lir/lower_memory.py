"""Lowering of what reads and writes objects: fields, items, cells, iterators."""

from __future__ import annotations

from pyston.compiler.artifact import ExitRecord
from pyston.compiler.hir import types as t
from pyston.compiler.hir import values as h
from pyston.compiler.hir.values import Value
from pyston.compiler.lir import instructions as lir
from pyston.compiler.lir.instructions import CC_A, CC_E, CC_NE, Lir
from pyston.compiler.lir.layout import (
    CELL_CONTENT,
    DICT_USED,
    INLINE_SIZE,
    INLINE_VALID,
    INLINE_VALUES,
    LIST_ITEMS,
    MANAGED_DICT,
    OB_SIZE,
    RANGE_LENGTH,
    RANGE_START,
    RANGE_STEP,
    SEQUENCE_ITER_INDEX,
    SEQUENCE_ITER_SEQUENCE,
    TUPLE_ITEMS,
)
from pyston.compiler.lir.lower import Lowering


def lower_load_field(w: Lowering, v: Value) -> None:
    w.load_into(w.define(v), w.use(v.args[0]), v.imm)


def lower_load_attribute(w: Lowering, v: Value) -> None:
    _load_set(w, v, v.imm)


def lower_load_cell(w: Lowering, v: Value) -> None:
    _load_set(w, v, CELL_CONTENT)


def _load_set(w: Lowering, v: Value, offset: int) -> None:
    """Loads, and leaves where nothing is there."""
    result = w.define(v)
    w.load_into(result, w.use(v.args[0]), offset)
    w.check(CC_NE, result, -1, 0, w.guard_exit(v))


def _replace(w: Lowering, v: Value, base: int, offset: int, value: Value) -> None:
    old = w.load(base, offset)
    w.store(base, offset, w.use(value))
    w.release(old, t.NULLABLE, v)


def lower_store_field(w: Lowering, v: Value) -> None:
    _replace(w, v, w.use(v.args[0]), v.imm, v.args[1])


def lower_store_cell(w: Lowering, v: Value) -> None:
    _replace(w, v, w.use(v.args[0]), CELL_CONTENT, v.args[1])


def lower_store_inline(w: Lowering, v: Value) -> None:
    """A first store also notes the key's place in the order of insertion, behind the values."""
    receiver = w.use(v.args[0])
    index = v.imm2 & 0xFFFF
    values = (v.imm2 >> 16) - INLINE_VALID
    old = w.load(receiver, v.imm)
    new_key = w.new_block()
    again = w.new_block()
    done = w.new_block()
    value = w.use(v.args[1])
    w.store(receiver, v.imm, value)
    w.branch(CC_E, old, -1, 0, new_key, again)
    w.start(again)
    w.release(old, t.OBJECT, v)
    w.jump(done)
    w.start(new_key)
    capacity = w.load(receiver, values, 1)
    size = w.load(receiver, values + INLINE_SIZE, 1)
    order = Lir(lir.LEA, w.new(), receiver, capacity)
    order.scale = 8
    order.disp = values + INLINE_VALUES
    w.emit(order)
    place = Lir(lir.LEA, w.new(), order.dst, size)
    place.scale = 1
    w.emit(place)
    w.store_immediate(place.dst, 0, index, 1)
    larger = w.op(lir.ADD, size, -1, 1)
    w.store(receiver, values + INLINE_SIZE, larger, 1)
    # A dict that shows the values counts them too.
    has_dict = w.new_block(cold=True)
    dict_ = w.load(receiver, MANAGED_DICT)
    w.branch(CC_E, dict_, -1, 0, done, has_dict)
    w.start(has_dict)
    used = w.op(lir.ADD, w.load(dict_, DICT_USED), -1, 1)
    w.store(dict_, DICT_USED, used)
    w.jump(done)
    w.start(done)


def lower_load_size(w: Lowering, v: Value) -> None:
    w.load_into(w.define(v), w.use(v.args[0]), v.imm)


def _check_index(w: Lowering, sequence: int, index: Value, exit_: ExitRecord) -> None:
    """Unsigned: a negative index is larger than any size."""
    if index.operation == h.INT_CONSTANT:
        w.check_memory(CC_A, sequence, OB_SIZE, -1, index.imm, exit_)
    else:
        w.check_memory(CC_A, sequence, OB_SIZE, w.use(index), 0, exit_)


def _item_into(w: Lowering, target: int, items: int, index: Value, first: int) -> None:
    if index.operation == h.INT_CONSTANT:
        w.load_into(target, items, first + 8 * index.imm)
        return
    instruction = Lir(lir.LOADX, target, items, w.use(index))
    instruction.disp = first
    w.emit(instruction)


def lower_list_get(w: Lowering, v: Value) -> None:
    sequence = w.use(v.args[0])
    _check_index(w, sequence, v.args[1], w.guard_exit(v))
    items = w.load(sequence, LIST_ITEMS)
    _item_into(w, w.define(v), items, v.args[1], 0)


def lower_tuple_get(w: Lowering, v: Value) -> None:
    sequence = w.use(v.args[0])
    _check_index(w, sequence, v.args[1], w.guard_exit(v))
    _item_into(w, w.define(v), sequence, v.args[1], TUPLE_ITEMS)


def lower_list_set(w: Lowering, v: Value) -> None:
    sequence = w.use(v.args[0])
    index = v.args[1]
    _check_index(w, sequence, index, w.guard_exit(v))
    items = w.load(sequence, LIST_ITEMS)
    old = w.new()
    _item_into(w, old, items, index, 0)
    value = w.use(v.args[2])
    if index.operation == h.INT_CONSTANT:
        w.store(items, 8 * index.imm, value)
    else:
        store = Lir(lir.STOREX, -1, items, value)
        store.c = w.use(index)
        w.emit(store)
    w.release(old, t.OBJECT, v)


def lower_list_item(w: Lowering, v: Value) -> None:
    items = w.load(w.use(v.args[0]), LIST_ITEMS)
    w.load_into(w.define(v), items, 8 * v.imm)


def lower_tuple_item(w: Lowering, v: Value) -> None:
    w.load_into(w.define(v), w.use(v.args[0]), TUPLE_ITEMS + 8 * v.imm)


# --- iterators -----------------------------------------------------------------------------------------------------


def lower_range_next(w: Lowering, v: Value) -> None:
    iterator = w.use(v.args[0])
    number = w.define(v)
    w.load_into(number, iterator, RANGE_START)
    step = w.load(iterator, RANGE_STEP)
    w.store(iterator, RANGE_START, w.op(lir.ADD, number, step))
    left = w.load(iterator, RANGE_LENGTH)
    w.store(iterator, RANGE_LENGTH, w.op(lir.SUB, left, -1, 1))


def _advance(w: Lowering, iterator: int) -> int:
    """Moves the iterator on; the index it was at."""
    index = w.load(iterator, SEQUENCE_ITER_INDEX)
    w.store(iterator, SEQUENCE_ITER_INDEX, w.op(lir.ADD, index, -1, 1))
    return index


def lower_list_iter_next(w: Lowering, v: Value) -> None:
    iterator = w.use(v.args[0])
    sequence = w.load(iterator, SEQUENCE_ITER_SEQUENCE)
    items = w.load(sequence, LIST_ITEMS)
    index = _advance(w, iterator)
    w.emit(Lir(lir.LOADX, w.define(v), items, index))


def lower_tuple_iter_next(w: Lowering, v: Value) -> None:
    iterator = w.use(v.args[0])
    sequence = w.load(iterator, SEQUENCE_ITER_SEQUENCE)
    index = _advance(w, iterator)
    load = Lir(lir.LOADX, w.define(v), sequence, index)
    load.disp = TUPLE_ITEMS
    w.emit(load)


def lower_iter_exhaust(w: Lowering, v: Value) -> None:
    iterator = w.use(v.args[0])
    sequence = w.load(iterator, SEQUENCE_ITER_SEQUENCE)
    w.store_immediate(iterator, SEQUENCE_ITER_SEQUENCE, 0)
    # A list iterator's own code looks at the index alone.
    w.store_immediate(iterator, SEQUENCE_ITER_INDEX, -1)
    w.release(sequence, t.NULL | t.LIST, v)
