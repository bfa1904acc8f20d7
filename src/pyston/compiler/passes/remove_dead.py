"""Removes values that nothing needs.

Frame states need objects, but a state that holds a box is content with the machine value in it: the exit's recipe
boxes it. So a box used by states alone is removed here and lives on in the states only; it has no block any more.
"""

from __future__ import annotations

from pyston.compiler.hir import values as h
from pyston.compiler.hir.effects import PURE, READS
from pyston.compiler.hir.values import Function, Value, is_number_box, leaves, resolve


def remove_dead(function: Function) -> None:
    work: list[Value] = []
    for block in function.blocks:
        for value in block.body:
            flags = value.flags
            if flags & PURE != 0 or flags == READS or value.operation == h.DEFER_LOCAL:
                continue
            value.live = True
            _need_arguments(value, work)
            state = value.state
            if state is not None and leaves(value):
                for entry in state.stack:
                    _need_object(resolve(entry), work)
            if value.deferred is not None:
                for _, entry in value.deferred:
                    _need_object(resolve(entry), work)
            while work:
                _need_arguments(work.pop(), work)
    for block in function.blocks:
        if block.phis:
            block.phis = [phi for phi in block.phis if phi.live]
        dead = False
        for value in block.body:
            if not value.live and value.operation != h.DEFER_LOCAL:
                value.block = None
                dead = True
                if value.operation == h.BOX_BOOL:
                    function.truths_in_states = True
        if dead:
            block.body = [value for value in block.body if value.block is not None]


def _need_arguments(value: Value, work: list[Value]) -> None:
    for argument in value.args:
        _need(argument, work)


def _need(value: Value, work: list[Value]) -> None:
    """`work`: what is needed, and whose arguments have not been looked at."""
    if not value.live:
        value.live = True
        if value.args:
            work.append(value)


def _need_object(value: Value, work: list[Value]) -> None:
    """For a frame state."""
    while not value.live and (is_number_box(value) or value.operation == h.BOX_BOOL):
        value = value.args[0]
    _need(value, work)
