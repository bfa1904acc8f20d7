"""Keeps numbers unboxed around loops: a phi of boxed numbers becomes a phi of machine numbers.

    v9:  Int = Phi 0, v31             v40: I64 = Phi 0, v30
    v12: I64 = UnboxInt v9      =>    v9:  Int = BoxInt v40
    v31: Int = BoxInt v30             (v12 is v40)

Only a phi that something unboxes is worth it, or a local that nothing wants as an object and that would be boxed on
each round of a loop only to be there; and only one whose inputs are all at hand unboxed: boxes, constants, or other
such phis. The boxes left over are used by frame states alone, mostly, and then cost nothing (`defer_stores`,
`remove_dead`).
"""

from __future__ import annotations

from struct import pack

from pyston.compiler.hir import types as t
from pyston.compiler.hir import values as h
from pyston.compiler.hir.uses import deepest_escape, strong_uses
from pyston.compiler.hir.values import Function, HirBlock, Value, is_number_box, resolve


def unbox_phis(function: Function) -> bool:
    """Returns whether anything changed; replaced values are forwarded, see `apply_forwards`."""
    candidates: set[Value] = set()
    for block in function.blocks:
        for phi in block.phis:
            if phi.type == t.INT or phi.type == t.FLOAT:
                candidates.add(phi)
    if not candidates:
        return False
    changed = True
    while changed:
        changed = False
        for phi in list(candidates):
            if not all(_is_unboxable(value, phi, candidates) for value in phi.args):
                candidates.discard(phi)
                changed = True
    wanted: set[Value] = set()
    for block in function.blocks:
        for value in block.body:
            if value.operation in (h.UNBOX_INT, h.UNBOX_FLOAT) and value.args[0] in candidates:
                wanted.add(value.args[0])
    _add_unseen(function, candidates, wanted)
    # A wanted phi wants the phis it takes its inputs from.
    work = list(wanted)
    while work:
        for value in work.pop().args:
            if value in candidates and value not in wanted:
                wanted.add(value)
                work.append(value)
    if not wanted:
        return False
    machine: dict[Value, Value] = {}
    for block in function.blocks:
        for phi in block.phis:  # in this order, not the set's, which changes from run to run
            if phi not in wanted:
                continue
            number = function.number(Value(h.PHI, t.I64 if phi.type == t.INT else t.F64, []))
            number.block = phi.block
            number.imm = -1
            function.phis.append(number)
            machine[phi] = number
    for block in function.blocks:
        if not block.phis:
            continue
        kept: list[Value] = []
        boxes: list[Value] = []
        for phi in block.phis:
            if phi not in wanted:
                kept.append(phi)
                continue
            number = machine[phi]
            for predecessor, value in zip(block.predecessors, phi.args):
                number.args.append(_unboxed(function, predecessor, value, machine))
            kept.append(number)
            box = function.number(Value(h.BOX_INT if phi.type == t.INT else h.BOX_FLOAT, phi.type, [number]))
            box.block = block
            boxes.append(box)
            box.unstored = True
            phi.forward = box
        block.phis = kept
        block.body = boxes + block.body
    for block in function.blocks:
        body: list[Value] = []
        for value in block.body:
            if value.operation in (h.UNBOX_INT, h.UNBOX_FLOAT) and value.args[0] in machine:
                value.forward = machine[value.args[0]]
            else:
                body.append(value)
        block.body = body
    apply_forwards(function)
    _find_unstored(function)
    return True


def _add_unseen(function: Function, candidates: set[Value], wanted: set[Value]) -> None:
    """Loop variables that are only stored: their slots can stay behind where no other code looks at them."""
    unseen = []
    deepest = deepest_escape(function)
    for block in function.blocks:
        if block.loop_header and block.loop_depth > deepest:
            unseen += [phi for phi in block.phis if phi.imm >= 0 and phi in candidates and phi not in wanted]
    if not unseen:
        return
    strong = strong_uses(function)
    for phi in unseen:
        if phi not in strong and any(is_number_box(value) and value not in strong for value in phi.args):
            wanted.add(phi)


def _find_unstored(function: Function) -> None:
    """The boxes made here are in no slot, nor is what joins them with others, even where it stands for a local."""
    changed = True
    while changed:
        changed = False
        for block in function.blocks:
            for phi in block.phis:
                if phi.imm >= 0 and not phi.unstored:
                    for value in phi.args:
                        if value.unstored:
                            phi.unstored = changed = True


def _is_unboxable(value: Value, phi: Value, candidates: set[Value]) -> bool:
    if value.type != phi.type:
        return False
    if value in candidates or value.operation in (h.BOX_INT, h.BOX_FLOAT):
        return True
    if value.operation == h.CONSTANT and value.ref is not None:
        obj = value.ref.value
        return (isinstance(obj, float) and obj == obj) or (
            isinstance(obj, int) and -(1 << 62) <= obj < 1 << 62
        )
    return False


def _unboxed(function: Function, predecessor: HirBlock, value: Value, machine: dict[Value, Value]) -> Value:
    known = machine.get(value)
    if known is not None:
        return known
    if value.operation in (h.BOX_INT, h.BOX_FLOAT):
        return value.args[0]
    assert value.ref is not None
    obj = value.ref.value
    if isinstance(obj, float):
        constant = function.number(Value(h.FLOAT_CONSTANT, t.F64, []))
        constant.imm = int.from_bytes(pack("<d", obj), "little", signed=True)
    else:
        assert isinstance(obj, int)
        constant = function.number(Value(h.INT_CONSTANT, t.I64, []))
        constant.imm = obj
    constant.block = predecessor
    predecessor.body.insert(len(predecessor.body) - 1, constant)
    return constant


def apply_forwards(function: Function) -> None:
    """Rewrites every argument to what stands for it. Frame states are resolved where they are read."""
    for block in function.blocks:
        for phi in block.phis:
            for index, value in enumerate(phi.args):
                if value.forward is not None:
                    phi.args[index] = resolve(value)
        for instruction in block.body:
            args = instruction.args
            for index, value in enumerate(args):
                if value.forward is not None:
                    args[index] = resolve(value)
        for value in block.entry_locals:
            if value.forward is not None:
                block.entry_locals = [resolve(v) for v in block.entry_locals]
                break
