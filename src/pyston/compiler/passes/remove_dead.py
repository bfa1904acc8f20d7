"""Removes values that nothing needs.

Frame states need objects, but a state that holds a box is content with the machine value in it: the exit's recipe
boxes it. So a box used by states alone is removed here and lives on in the states only; it has no block any more.
"""

from __future__ import annotations

from pyston.compiler.hir import values as h
from pyston.compiler.hir.effects import PURE, READS
from pyston.compiler.hir.values import Function, Value, flags_of, leaves, resolve

_BOXES = (h.BOX_INT, h.BOX_FLOAT, h.BOX_BOOL)


def remove_dead(function: Function) -> None:
    live: set[Value] = set()
    work: list[Value] = []
    for block in function.blocks:
        for value in block.body:
            flags = flags_of(value)
            if flags & PURE or flags == READS or value.operation == h.DEFER_LOCAL:
                continue
            live.add(value)
            work.append(value)
    while work:
        value = work.pop()
        for argument in value.args:
            if argument not in live:
                live.add(argument)
                work.append(argument)
        if not leaves(value):
            continue
        state = value.state
        if state is not None:
            for entry in state.stack:
                _need(resolve(entry), live, work)
        if value.deferred is not None:
            for _, entry in value.deferred:
                _need(resolve(entry), live, work)
    for block in function.blocks:
        block.phis = [phi for phi in block.phis if phi in live]
        body: list[Value] = []
        for value in block.body:
            if value in live or value.operation == h.DEFER_LOCAL:
                body.append(value)
            else:
                value.block = None
        block.body = body


def _need(value: Value, live: set[Value], work: list[Value]) -> None:
    while value.operation in _BOXES and value not in live:
        value = value.args[0]
    if value not in live:
        live.add(value)
        work.append(value)
