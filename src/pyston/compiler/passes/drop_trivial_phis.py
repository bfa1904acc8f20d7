"""Drops phis whose inputs are all one value, or themselves: most of what loop headers made to be safe."""

from __future__ import annotations

from pyston.compiler.hir.values import Function, Value, resolve
from pyston.compiler.passes.unbox_phis import apply_forwards


def drop_trivial_phis(function: Function) -> bool:
    """Returns whether anything was dropped."""
    dropped = False
    changed = True
    while changed:
        changed = False
        for block in function.blocks:
            if not block.phis:
                continue
            kept: list[Value] = []
            for phi in block.phis:
                only: Value | None = None
                trivial = True
                for value in phi.args:
                    value = resolve(value)
                    if value is phi or value is only:
                        continue
                    if only is not None:
                        trivial = False
                        break
                    only = value
                if trivial and only is not None:
                    phi.forward = only
                    changed = True
                else:
                    kept.append(phi)
            if len(kept) != len(block.phis):
                block.phis = kept
        dropped = dropped or changed
    if dropped:
        apply_forwards(function)
    return dropped
