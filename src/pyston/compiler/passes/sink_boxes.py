"""Moves the boxing of numbers out of loops, to where the object is wanted.

A loop's running total is wanted as an object once, behind the loop. Its box stands where the number is made, so it
would be made on every round. It is made before its uses instead: in the last block that dominates them all, or before
that, if there it is less deep in loops. Never deeper than the number, and always in one place: uses that see
one number see one object. (That a local or a frame state has another is the business of `guard_nans`.)
"""

from __future__ import annotations

from pyston.compiler.hir import values as h
from pyston.compiler.hir.dominators import common_dominator, find_dominators
from pyston.compiler.hir.values import Function, HirBlock, Value, is_number_box


def sink_boxes(function: Function) -> bool:
    """Returns whether any box moved."""
    users: dict[Value, list[HirBlock]] = {}
    for block in function.blocks:
        for phi in block.phis:
            if phi.imm >= 0:
                continue  # a local: defer_stores makes its box with the store
            for predecessor, value in zip(block.predecessors, phi.args):
                if is_number_box(value):
                    users.setdefault(value, []).append(predecessor)
        for instruction in block.body:
            if instruction.operation == h.STORE_LOCAL:
                continue  # may be deferred; defer_stores boxes where it must
            for value in instruction.args:
                if is_number_box(value):
                    users.setdefault(value, []).append(block)
    moved: dict[Value, Value] = {}
    known = False
    for value, blocks in users.items():
        home = value.block
        assert home is not None
        if home in blocks:
            continue
        if not known:
            find_dominators(function)
            known = True
        place = _place(home, blocks)
        if place is not home:
            box = function.number(Value(value.operation, value.type, [value.args[0]]))
            box.block = place
            moved[value] = box
    if moved:
        _use(function, moved)
    return bool(moved)


def _place(home: HirBlock, users: list[HirBlock]) -> HirBlock:
    """Where the box of a number made in `home` is cheapest."""
    common: HirBlock | None = users[0]
    for user in users:
        common = common_dominator(common, user)
    assert common is not None  # home dominates its users
    best = place = common
    while place is not home:
        if place.loop_depth < best.loop_depth:
            best = place
        assert place.dominator is not None
        place = place.dominator
    return best if best.loop_depth <= home.loop_depth else home


def _use(function: Function, moved: dict[Value, Value]) -> None:
    """Puts the new boxes before the first use in their blocks, or at the start, and in the place of the old ones."""
    waiting: dict[HirBlock, list[Value]] = {}
    for box in moved.values():
        assert box.block is not None
        waiting.setdefault(box.block, []).append(box)
    for block in function.blocks:
        for phi in block.phis:
            if phi.imm < 0:
                for index, value in enumerate(phi.args):
                    phi.args[index] = moved.get(value, value)
        boxes = waiting.get(block)
        body: list[Value] = []
        for instruction in block.body:
            if instruction.operation != h.STORE_LOCAL:
                for index, value in enumerate(instruction.args):
                    moved_box = moved.get(value)
                    if moved_box is not None:
                        instruction.args[index] = moved_box
                        if boxes is not None and moved_box in boxes:
                            boxes.remove(moved_box)
                            body.append(moved_box)
            body.append(instruction)
        block.body = boxes + body if boxes else body
