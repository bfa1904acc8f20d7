"""Has a finalizer perhaps run since the code last looked whether it may go on?

Behind each call stands a CheckTools: what the call has changed of the watched facts is noticed there. But the end of
an object runs code too, wherever a local is stored, an attribute replaced or an operand dropped, and that is too often
for a check behind each. What finalizers change in earnest is what programs keep count with: a number, a flag, a name.
So where such a value is taken for constant, the way back to the last check is searched for something that could have
died, and if there is anything, a check is made in front. (Who rebinds functions or classes in a finalizer is noticed at
the next one.)
"""

from __future__ import annotations

from pyston.compiler.hir import types as t
from pyston.compiler.hir import values as h
from pyston.compiler.hir.builder import Builder
from pyston.compiler.hir.effects import ESCAPES, OWNED, PASSES
from pyston.compiler.hir.values import NO_VALUES, HirBlock, Value
from pyston.compiler.native import Final
from pyston.compiler.world import Ref

_LOOKS: Final = (h.CHECK_TOOLS, h.CATCH)
# What replaces something in the heap, of which nothing is known.
_REPLACES: Final = (h.STORE_FIELD, h.STORE_INLINE, h.STORE_CELL, h.LIST_SET)


def check_finalizers(b: Builder, constant: Ref) -> None:
    """Before the current instruction takes the value of a watched name for constant. A loop that has globals as slots
    looks behind every release anyway."""
    if constant.type_mask & ~t.PLAIN or b.global_slots:
        return
    released: list[Value] = []
    known = True
    seen: list[HirBlock] = []
    work = [b.block]
    while work:
        block = work.pop()
        if block in seen:
            continue
        seen.append(block)
        looked = False
        for index in range(len(block.body) - 1, -1, -1):
            value = block.body[index]
            if value.operation in _LOOKS:
                looked = True
                if value.operation == h.CHECK_TOOLS and not value.imm:
                    _add_put_off(b, block.body, index, released)
                break
            known = known and value.operation not in _REPLACES
            _add_released(b, value, released)
        if not looked:
            # Back edges are not there yet: each has a check of its own.
            work.extend(block.predecessors)
    if released or not known:
        check = b.emit(h.CHECK_TOOLS, t.NOTHING, NO_VALUES)
        check.released = released if known else None
        check.imm = 1


def _add_put_off(b: Builder, body: list[Value], check: int, released: list[Value]) -> None:
    """Adds what dies behind the check though the call in front uses it last (passes/insert_reference_counts.py)."""
    for index in range(check - 1, -1, -1):
        value = body[index]
        if value.flags & PASSES == 0:
            _add_released(b, value, released)
        if value.flags & ESCAPES:
            break


def _add_released(b: Builder, value: Value, released: list[Value]) -> None:
    """Adds what may have died at the instruction: what its slot held, operands that only the stack had."""
    operation = value.operation
    if operation == h.STORE_LOCAL or operation == h.TAKE_LOCAL:
        assert value.state is not None
        _add(b, value.state.locals[value.imm], released)
    elif operation == h.DROP_OPERAND:
        _add(b, value.args[0], released)
    else:
        for argument in value.args:
            if argument.flags & OWNED and argument not in b.stack and argument not in b.locals:
                _add(b, argument, released)


def _add(b: Builder, value: Value, released: list[Value]) -> None:
    if b.may_be(value, t.OBJECT & ~t.INERT) and value.operation != h.CONSTANT:
        released.append(value)
