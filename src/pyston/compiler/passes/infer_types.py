"""Finds the types of loop phis, and drops guards that they prove.

While building, a loop header's phi could be anything, since the back edges were not built yet. Now they are.

How: optimistic iteration. Every phi starts as the empty type and grows to the union of its inputs until
nothing changes; a loop that only ever stores ints keeps an int. Then a GuardType whose value is already of the
type, a GuardNotNull whose value cannot be NULL, and a check for what a harmless value's end may have done, go.
"""

from __future__ import annotations

from pyston.compiler.hir import types as t
from pyston.compiler.hir import values as h
from pyston.compiler.hir.values import Function, Value, resolve


def infer_types(function: Function) -> bool:
    """Returns whether any phi got a smaller type."""
    phis = [phi for block in function.blocks for phi in block.phis]
    if not phis:
        return False
    before = [phi.type for phi in phis]
    for phi in phis:
        phi.type = 0
    changed = True
    while changed:
        changed = False
        for phi in phis:
            mask = phi.type
            for value in phi.args:
                mask |= value.type
            if mask != phi.type:
                phi.type = mask
                changed = True
    narrowed = False
    for phi, old in zip(phis, before):
        if phi.type == 0:
            phi.type = t.NULL
        if phi.type != old:
            narrowed = True
    if narrowed:
        for block in function.blocks:
            block.body = [value for value in block.body if not _is_proved(value)]
    return narrowed


def _is_proved(value: Value) -> bool:
    if value.operation == h.GUARD_TYPE:
        return (value.args[0].type & ~value.imm) == 0
    if value.operation == h.GUARD_NOT_NULL:
        return (value.args[0].type & t.NULL) == 0
    if value.operation == h.DROP_OPERAND:
        return not value.args[0].type & ~t.INERT
    if value.operation == h.CHECK_TOOLS and value.released is not None:
        return all(not resolve(released).type & ~t.INERT for released in value.released)
    return False
