"""Keeps numbers unboxed around loops: a phi of boxed numbers becomes a phi of machine numbers.

    v9:  Int = Phi 0, v31             v40: I64 = Phi 0, v30
    v12: I64 = UnboxInt v9      =>    v9:  Int = BoxInt v40
    v31: Int = BoxInt v30             (v12 is v40)

A local that a loop binds may be unbound where the loop begins, and then is a phi with NULL. It becomes a number, too,
if frame states alone want it: one number (IN_SLOT) says that the slot's memory is true as it is.

    v12: Int|Null = Phi NULL, v17 local 2     =>    v41: I64 = Phi v40, v16        v40: I64 = IntConstant IN_SLOT
    v17: Int = BoxInt v16                           v12: Int|Null = LocalInt v41 local 2

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
from pyston.compiler.hir.values import Function, HirBlock, Value, in_slot, is_number_box, resolve
from pyston.compiler.native import Final

_UNBOUND: Final = t.INT | t.NULL
_BOXES: Final[dict[int, int]] = {t.INT: h.BOX_INT, t.FLOAT: h.BOX_FLOAT, _UNBOUND: h.LOCAL_INT}


def unbox_phis(function: Function) -> bool:
    """Returns whether anything changed; replaced values are forwarded, see `apply_forwards`."""
    candidates: set[Value] = set()
    unbound: set[Value] = set()  # those of them that may be NULL
    for block in function.blocks:
        for phi in block.phis:
            if phi.type == t.INT or phi.type == t.FLOAT:
                candidates.add(phi)
            elif phi.type == _UNBOUND and 0 <= phi.imm < function.frame_slots:
                unbound.add(phi)
    if unbound:
        deepest = deepest_escape(function)
        if any(_is_loop_deeper(phi, deepest) for phi in unbound):  # else none will be wanted
            _drop_seen(function, unbound)
            candidates |= unbound
        else:
            unbound.clear()
    if not candidates:
        return False
    changed = True
    while changed:
        changed = False
        for phi in list(candidates):
            if not all(_is_unboxable(value, phi, candidates) for value in phi.args):
                candidates.discard(phi)
                changed = True
        if unbound and _drop_joined(function, candidates):
            changed = True
    wanted: set[Value] = set()
    for block in function.blocks:
        for value in block.body:
            if value.operation in (h.UNBOX_INT, h.UNBOX_FLOAT) and value.args[0] in candidates:
                wanted.add(value.args[0])
    _add_unseen(function, candidates, wanted)
    if not wanted:
        return False
    joining = _joining(function, candidates) if unbound else {}
    # A wanted phi wants the phis it takes its inputs from, and what may be unbound those that take it.
    work = list(wanted)
    while work:
        phi = work.pop()
        for value in [*phi.args, *joining.get(phi, h.NO_VALUES)]:
            if value in candidates and value not in wanted:
                wanted.add(value)
                work.append(value)
    machine: dict[Value, Value] = {}
    for block in function.blocks:
        for phi in block.phis:  # in this order, not the set's, which changes from run to run
            if phi not in wanted:
                continue
            number = function.number(Value(h.PHI, t.F64 if phi.type == t.FLOAT else t.I64, []))
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
            box = function.number(Value(_BOXES[phi.type], phi.type, [number]))
            box.imm = phi.imm if phi.type == _UNBOUND else 0
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


def _is_loop_deeper(phi: Value, depth: int) -> bool:
    block = phi.block
    return block is not None and block.loop_header and block.loop_depth > depth


def _drop_seen(function: Function, unbound: set[Value]) -> None:
    """Leaves those that only phis and frame states have, the latter in their slots."""
    for block in function.blocks:
        for value in block.body:
            for argument in value.args:
                unbound.discard(argument)
            if value.state is not None:
                for entry in value.state.stack:
                    unbound.discard(resolve(entry))


def _joining(function: Function, candidates: set[Value]) -> dict[Value, list[Value]]:
    """For what may be unbound, the phis that take it."""
    result: dict[Value, list[Value]] = {}
    for block in function.blocks:
        for phi in block.phis:
            for value in phi.args:
                if value.type == _UNBOUND and value in candidates:
                    result.setdefault(value, []).append(phi)
    return result


def _drop_joined(function: Function, candidates: set[Value]) -> bool:
    """What may be unbound is no object for a phi that needs one."""
    before = len(candidates)
    for value, phis in _joining(function, candidates).items():
        if any(phi not in candidates or phi.imm != value.imm for phi in phis):
            candidates.discard(value)
    return len(candidates) != before


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
    if value.type & ~phi.type:
        return False
    if value.operation == h.NULL:
        return True
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
    if value.operation == h.NULL:
        constant = in_slot(function, predecessor)
        predecessor.body.insert(len(predecessor.body) - 1, constant)
        return constant
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
