"""Who wants what, asked by passes about numbers that need no object for most of their life."""

from __future__ import annotations

from pyston.compiler.hir import values as h
from pyston.compiler.hir.effects import ESCAPES
from pyston.compiler.hir.values import Function, Value, is_number_box


def deepest_escape(function: Function) -> int:
    """The greatest loop depth at which other code may run; -1 when none does."""
    deepest = -1
    for block in function.blocks:
        if block.loop_depth > deepest:
            for value in block.body:
                if value.flags & ESCAPES and value.operation != h.RETURN:
                    deepest = block.loop_depth
                    break
    return deepest


def strong_uses(function: Function) -> set[Value]:
    """Boxes and phis that something other than a local or a frame state wants, as objects where they are objects."""
    result: set[Value] = set()
    for block in function.blocks:
        for phi in block.phis:
            if phi.imm < 0:
                for value in phi.args:
                    if is_number_box(value) or value.operation == h.PHI:
                        result.add(value)
        for instruction in block.body:
            if instruction.operation != h.STORE_LOCAL:
                for value in instruction.args:
                    if is_number_box(value) or value.operation == h.PHI:
                        result.add(value)
    return result
