"""Moves the boxing of numbers out of loops, to where the object is wanted.

A loop's running total is wanted as an object once, behind the loop. Its box stands where the number is made, so it
would be made on every round. It is made again where it is used instead: in each block that uses it, if that is
less deep in loops, or the only one. (A number has no identity that a program may rely on; docs/internals.md.)
"""

from __future__ import annotations

from pyston.compiler.hir import values as h
from pyston.compiler.hir.values import Function, HirBlock, Value, is_number_box


def sink_boxes(function: Function) -> bool:
    """Returns whether any box moved."""
    users: dict[Value, set[HirBlock]] = {}
    for block in function.blocks:
        for phi in block.phis:
            if phi.imm >= 0:
                continue  # a local: defer_stores makes its box with the store
            for predecessor, value in zip(block.predecessors, phi.args):
                if is_number_box(value):
                    users.setdefault(value, set()).add(predecessor)
        for instruction in block.body:
            if instruction.operation == h.STORE_LOCAL:
                continue  # may be deferred; defer_stores boxes where it must
            for value in instruction.args:
                if is_number_box(value):
                    users.setdefault(value, set()).add(block)
    moving: dict[HirBlock, set[Value]] = {}
    for value, blocks in users.items():
        home = value.block
        assert home is not None
        if home in blocks:
            continue
        for block in blocks:
            if len(blocks) == 1 or block.loop_depth < home.loop_depth:
                moving.setdefault(block, set()).add(value)
    for block, values in moving.items():
        _box_again(function, block, values)
    return bool(moving)


def _box_again(function: Function, block: HirBlock, values: set[Value]) -> None:
    made: dict[Value, Value] = {}
    body: list[Value] = []
    for instruction in block.body:
        if instruction is block.body[-1]:
            for target in block.successors:
                position = target.predecessors.index(block)
                for phi in target.phis:
                    value = phi.args[position]
                    if phi.imm < 0 and value in values:
                        phi.args[position] = _made(function, block, value, made, body)
        if instruction.operation != h.STORE_LOCAL:
            for index, value in enumerate(instruction.args):
                if value in values:
                    instruction.args[index] = _made(function, block, value, made, body)
        body.append(instruction)
    block.body = body


def _made(
    function: Function, block: HirBlock, value: Value, made: dict[Value, Value], body: list[Value]
) -> Value:
    box = made.get(value)
    if box is None:
        box = function.number(Value(value.operation, value.type, [value.args[0]]))
        box.block = block
        body.append(box)
        made[value] = box
    return box
