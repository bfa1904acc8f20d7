"""Leaves where a NaN is computed that could become two objects.

A number has no identity that a program may rely on, so it is boxed wherever an object is wanted. NaN is the exception:
containers look for an object by its identity before they compare, and a NaN equals nothing. `x in [x]` must find one
object, and there are two where a box is made, the number stays unboxed through a phi, and is boxed again.

How: numbers that phis join are one family. Where a family is boxed in one place at most, which is passed once for each
number, nothing can go wrong. In the others each operation that may give a NaN leaves when it does; code that often
leaves there is compiled again with objects (`Builder.learnt`). So it costs a compare where a loop boxes anyway, and
a loop that boxes nothing pays nothing. (A frame that is synced for a signal may still hold a box of its own.)

Runs when boxes are where they stay. Until then every operation of floats counts as one that may leave, so that its
frame state is kept up.
"""

from __future__ import annotations

from pyston.compiler.hir import types as t
from pyston.compiler.hir import values as h
from pyston.compiler.hir.effects import GUARD, PURE
from pyston.compiler.hir.values import Function, HirBlock, Value, leaves, resolve

# Place of an instruction: number of its block in the list, position in the block.
Place = tuple[int, int]


def guard_nans(function: Function) -> None:
    makers: list[Value] = []
    placed: dict[Value, list[tuple[Place, Value]]] = {}
    parents: dict[Value, Value] = {}
    joined: set[Value] = set()
    for block in function.blocks:
        for phi in block.phis:
            if phi.type == t.F64:
                joined.add(phi)
                for value in phi.args:
                    _join(parents, phi, value)
    for index, block in enumerate(function.blocks):
        for position, value in enumerate(block.body):
            if value.type == t.F64:
                if value.flags & GUARD:
                    makers.append(value)
            elif value.operation == h.BOX_FLOAT:
                family = _family(parents, value.args[0])
                placed.setdefault(family, []).append(((index, position), value))
    if not makers:
        return
    with_phis = {_family(parents, phi) for phi in joined}
    once: dict[Value, Place] = {}  # families boxed at one place, with that
    for family, boxes in placed.items():
        place, box = boxes[0]
        block = function.blocks[place[0]]
        passed_once = block.loop_depth == 0 or (family not in with_phis and block is box.args[0].block)
        if len(boxes) == 1 and passed_once:
            once[family] = place
    if once:
        _find_boxed_by_exits(function.blocks, parents, once)
    for value in makers:
        family = _family(parents, value)
        if family in placed and family not in once:
            value.imm2 = 1
        elif value.flags & PURE:
            value.flags = PURE


def _find_boxed_by_exits(
    blocks: list[HirBlock], parents: dict[Value, Value], once: dict[Value, Place]
) -> None:
    """An exit behind the one box that there is may make another one."""
    for index, block in enumerate(blocks):
        for position, value in enumerate(block.body):
            if not leaves(value) or value.state is None:
                continue
            entries = list(value.state.stack)
            if value.deferred is not None:
                entries += [entry for _, entry in value.deferred]
            for entry in entries:
                entry = resolve(entry)
                if entry.block is None and entry.operation == h.BOX_FLOAT:
                    family = _family(parents, entry.args[0])
                    if (index, position) > once.get(family, (index, position)):
                        del once[family]


def _family(parents: dict[Value, Value], value: Value) -> Value:
    value = resolve(value)
    while value in parents:
        value = parents[value]
    return value


def _join(parents: dict[Value, Value], a: Value, b: Value) -> None:
    a = _family(parents, a)
    b = _family(parents, b)
    if a is not b:
        parents[a] = b
