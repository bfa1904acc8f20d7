"""Subscripts and slices: exact lists and tuples with an int index inline, the rest by the C API."""

from __future__ import annotations

from pyston.compiler.bytecode import opcodes as op
from pyston.compiler.bytecode.decode import Instruction
from pyston.compiler.hir import types as t
from pyston.compiler.hir import values as h
from pyston.compiler.hir.builder import Builder
from pyston.compiler.hir.values import Value


def build_subscript(b: Builder, i: Instruction) -> None:
    """BINARY_OP with the operand NB_SUBSCR."""
    container = b.stack[-2]
    index = b.stack[-1]
    keep = len(b.stack) - 2
    if not b.learnt(i) and b.may_be(index, t.INT):
        sequence = 0
        if b.is_type(container, t.LIST) or i.seen == op.BINARY_OP_SUBSCR_LIST_INT:
            sequence = t.LIST
        elif b.is_type(container, t.TUPLE) or i.seen == op.BINARY_OP_SUBSCR_TUPLE_INT:
            sequence = t.TUPLE
        if sequence and b.may_be(container, sequence) and (b.is_type(index, t.INT) or i.seen != i.opcode):
            b.guard_type(container, sequence)
            number = _index(b, index, container)
            item = b.emit(h.LIST_GET if sequence == t.LIST else h.TUPLE_GET, t.OBJECT, [container, number])
            item.reason = "index"
            b.stack.pop()
            b.stack.pop()
            b.stack.append(item)
            return
    value = b.helper("get_item", [container, index], keep)
    b.stack.pop()
    b.stack.pop()
    b.stack.append(value)


def _index(b: Builder, index: Value, container: Value) -> Value:
    """A constant negative index counts from the end; others leave when negative."""
    number = b.as_int(index)
    if number.operation == h.INT_CONSTANT and number.imm < 0:
        size = b.emit(h.LOAD_SIZE, t.I64, [container])
        size.imm = 16
        number = b.emit(h.INT_ADD, t.I64, [size, number])
        number.reason = "int"
    return number


def build_store_subscr(b: Builder, i: Instruction) -> None:
    """Stack: value, container, index."""
    value = b.stack[-3]
    container = b.stack[-2]
    index = b.stack[-1]
    keep = len(b.stack) - 3
    if not b.learnt(i) and b.may_be(index, t.INT) and b.may_be(container, t.LIST):
        known = b.is_type(container, t.LIST) and b.is_type(index, t.INT)
        if known or i.seen == op.STORE_SUBSCR_LIST_INT:
            b.guard_type(container, t.LIST)
            number = _index(b, index, container)
            store = b.emit(h.LIST_SET, t.NOTHING, [container, number, value])
            store.reason = "index"
            del b.stack[-3:]
            return
    b.helper("set_item", [container, index, value], keep)
    del b.stack[-3:]


def build_delete_subscr(b: Builder, i: Instruction) -> None:
    b.helper("delete_item", [b.stack[-2], b.stack[-1]], len(b.stack) - 2)
    del b.stack[-2:]


def build_binary_slice(b: Builder, i: Instruction) -> None:
    value = b.helper("binary_slice", [b.stack[-3], b.stack[-2], b.stack[-1]], len(b.stack) - 3)
    del b.stack[-3:]
    b.stack.append(value)


def build_store_slice(b: Builder, i: Instruction) -> None:
    """Stack: value, container, start, stop."""
    b.helper("store_slice", [b.stack[-3], b.stack[-2], b.stack[-1], b.stack[-4]], len(b.stack) - 4)
    del b.stack[-4:]


def build_build_slice(b: Builder, i: Instruction) -> None:
    step = b.stack.pop() if i.arg == 3 else b.null
    stop = b.stack.pop()
    start = b.stack.pop()
    b.stack.append(b.helper("build_slice", [start, stop, step], len(b.stack)))
