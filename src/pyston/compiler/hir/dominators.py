"""The immediate dominator of each block: the last other block that every way to it leads through.

How: in reverse post-order, again until nothing changes, each block takes what is common to its predecessors, by walking
up from both (Cooper, Harvey and Kennedy). Blocks that are entered from outside have none.
"""

from __future__ import annotations

from pyston.compiler.hir.values import Function, HirBlock


def find_dominators(function: Function) -> None:
    for block in function.blocks:
        block.dominator = None
    outside = set(function.entries())
    reached = set(outside)
    changed = True
    while changed:
        changed = False
        for block in function.blocks:
            if block in outside:
                continue
            best: HirBlock | None = None
            first = True
            for predecessor in block.predecessors:
                if predecessor in reached:
                    best = predecessor if first else common_dominator(best, predecessor)
                    first = False
            if not first and (block not in reached or best is not block.dominator):
                reached.add(block)
                block.dominator = best
                changed = True


def common_dominator(a: HirBlock | None, b: HirBlock | None) -> HirBlock | None:
    """The last block that dominates both, or is one of them; None: there is none."""
    while a is not b:
        if a is None or b is None:
            return None
        if a.number > b.number:
            a = a.dominator
        else:
            b = b.dominator
    return a
