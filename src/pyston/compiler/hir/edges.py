"""Control-flow edges: afterwards no edge leads from a block with two successors to one with two predecessors.

So there is always a place where work for one edge alone can stand: the end of its source or the start of its
target.
"""

from __future__ import annotations

from pyston.compiler.hir import types as t
from pyston.compiler.hir import values as h
from pyston.compiler.hir.values import NO_VALUES, Function, HirBlock, Value


def split_critical_edges(function: Function) -> None:
    blocks: list[HirBlock] = []
    for block in function.blocks:
        blocks.append(block)
        if len(block.successors) < 2:
            continue
        for index, target in enumerate(block.successors):
            if len(target.predecessors) < 2:
                continue
            middle = HirBlock(-1)
            middle.offset = target.offset
            middle.loop_depth = min(block.loop_depth, target.loop_depth)
            middle.dominator = block
            middle.entry_locals = target.entry_locals
            goto = function.number(Value(h.GOTO, t.NOTHING, NO_VALUES))
            goto.block = middle
            middle.body.append(goto)
            block.successors[index] = middle
            middle.predecessors = [block]
            middle.successors = [target]
            # The first entry of this predecessor; a second edge from the same block finds the next one.
            position = target.predecessors.index(block)
            target.predecessors[position] = middle
            if target.phis:
                _use_edge_values(target, middle, position)
            blocks.append(middle)
    function.blocks = blocks
    for number, block in enumerate(blocks):
        block.number = number


def _use_edge_values(target: HirBlock, middle: HirBlock, position: int) -> None:
    """In the new block the slots stand for what the phis take along this edge."""
    along: dict[Value, Value] = {phi: phi.args[position] for phi in target.phis}
    middle.entry_locals = [along.get(value, value) for value in target.entry_locals]
