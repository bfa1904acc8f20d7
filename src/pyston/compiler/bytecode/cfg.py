"""The control-flow graph of a function's bytecode.

Exception handlers belong to it: a block *raises to* the handlers of its instructions. Such an edge leaves from the
middle of the block: what the block does behind its first instruction that raises may not have happened at the handler.
Blocks come in reverse post-order; each knows its predecessors, its immediate dominator and the loops it heads. A loop
may have other ways in than its header (`FlowBlock.anew`).

A generator is left at a `yield` and entered anew behind it: the block there, a *resumption*, has no predecessors.
Order and loops are those of the source all the same, as if control flowed through the `yield`; dominance is that
of the values. An exception may be thrown in at the `yield`, so the block that ends there raises to its handler.

A loop can be had alone, entered at its header (`build_loop_flow`): for on-stack replacement.
"""

from __future__ import annotations

from typing import Final, final

from pyston.compiler.bytecode import opcodes as op
from pyston.compiler.bytecode.decode import Instruction

CONDITIONAL: Final = frozenset(
    (
        op.POP_JUMP_IF_FALSE,
        op.POP_JUMP_IF_TRUE,
        op.POP_JUMP_IF_NONE,
        op.POP_JUMP_IF_NOT_NONE,
        op.FOR_ITER,
        op.SEND,
    )
)
UNCONDITIONAL: Final = frozenset((op.JUMP_FORWARD, op.JUMP_BACKWARD, op.JUMP_BACKWARD_NO_INTERRUPT))
ENDS_FLOW: Final = frozenset(
    (op.RETURN_VALUE, op.RAISE_VARARGS, op.RERAISE, op.RETURN_GENERATOR, op.YIELD_VALUE)
)
SUSPENDS: Final = frozenset((op.RETURN_GENERATOR, op.YIELD_VALUE))


class Unsupported(Exception):
    """The function stays in the interpreter; the argument is a short stable reason for the statistics."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@final
class FlowBlock:
    def __init__(self, number: int, start: int) -> None:
        self.number = number  # position in reverse post-order, once known
        self.start = start  # code unit
        self.instructions: list[Instruction] = []
        self.successors: list[FlowBlock] = []  # of a conditional: [fall-through, jump]
        self.predecessors: list[FlowBlock] = []
        self.handlers: list[FlowBlock] = []  # that it raises to
        self.raisers: list[FlowBlock] = []  # of a handler: the blocks before it that raise to it
        self.cold = False  # reached by exceptions only
        self.dominator: FlowBlock | None = None  # OUTSIDE for blocks that are entered from there
        self.resumption: FlowBlock | None = None  # of a block that suspends: where it goes on
        self.suspended: FlowBlock | None = None  # of a resumption: the block it goes on from
        self.bound = 0  # bit s: slot s is surely bound at the start; of functions that suspend only
        self.loop_header = False
        self.anew = False  # of a loop header: the loop can be entered elsewhere, so nothing holds around it
        self.loop_depth = 0
        self.stored: set[int] = set()  # of a loop header: slots stored in its loop
        self.members: set[FlowBlock] = set()  # of a loop header: the blocks of its loop
        self.outside = False  # behind the loop that is built: left to the interpreter


def build_flow(instructions: list[Instruction], argument_slots: int = 0) -> list[FlowBlock]:
    """The reachable blocks in reverse post-order, entry first."""
    return _arranged(_make_blocks(instructions)[0], argument_slots)


def build_loop_flow(instructions: list[Instruction], unit: int) -> list[FlowBlock]:
    """The outermost loop around the header at the code unit, entered there: an entry block without instructions, then
    the blocks of the loop. What lies behind the loop is blocks without successors, marked `outside`.

    Seen from there the header is that of the whole nest, which it dominates. Handlers behind the loop are left to the
    interpreter. A loop that suspends is entered where it goes on, not here."""
    whole = build_flow(instructions)
    header = next((block for block in whole if block.loop_header and block.start == unit), None)
    if header is None:
        raise Unsupported("no loop there")
    members = header.members
    for block in whole:
        if block.loop_header and header in block.members and len(block.members) > len(members):
            members = block.members
    if any(block.suspended is not None or block.resumption is not None for block in members):
        raise Unsupported("suspends in a loop")
    starts = {block.start for block in members}
    for block in members:
        for instruction in block.instructions:
            if instruction.handled is not None and instruction.handled.target not in starts:
                instruction.handled = None
    entry = FlowBlock(-1, unit)
    for block in _make_blocks(instructions).values():
        if block.start not in starts:
            block.outside = True
            block.successors = []
            block.handlers = []
            block.resumption = block.suspended = None
            for instruction in block.instructions:
                instruction.handled = None
        elif block.start == unit:
            entry.successors = [block]
    order = _arranged(entry, 0)
    # Around an inner header whatever the outer loop does may have happened.
    order[1].anew = members is not header.members
    return order


def _make_blocks(instructions: list[Instruction]) -> dict[int, FlowBlock]:
    """All blocks, by the index of their first instruction, with their successors."""
    by_unit: dict[int, int] = {}
    for index, instruction in enumerate(instructions):
        by_unit[instruction.start] = index
        by_unit[instruction.offset] = index
    leaders = {0}
    for instruction in instructions:
        if instruction.handled is not None:
            leaders.add(by_unit[instruction.handled.target])
        if instruction.target >= 0:
            leaders.add(by_unit[instruction.target])
            leaders.add(by_unit.get(instruction.next, len(instructions)))
        elif instruction.opcode in ENDS_FLOW:
            leaders.add(by_unit.get(instruction.next, len(instructions)))
    blocks: dict[int, FlowBlock] = {}
    current: FlowBlock | None = None
    for index, instruction in enumerate(instructions):
        if index in leaders:
            current = FlowBlock(-1, instruction.start)
            blocks[index] = current
        assert current is not None
        current.instructions.append(instruction)
    for index, block in blocks.items():
        last = block.instructions[-1]
        following = index + len(block.instructions)
        if last.opcode in UNCONDITIONAL:
            block.successors = [blocks[by_unit[last.target]]]
        elif last.opcode in CONDITIONAL:
            block.successors = [blocks[following], blocks[by_unit[last.target]]]
        elif last.opcode in SUSPENDS:
            block.resumption = blocks[following]
            blocks[following].suspended = block
        elif last.opcode not in ENDS_FLOW:
            if following not in blocks:
                raise Unsupported("falls off the end")
            block.successors = [blocks[following]]
        for instruction in block.instructions:
            if instruction.handled is not None:
                handler = blocks[by_unit[instruction.handled.target]]
                if handler not in block.handlers:
                    block.handlers.append(handler)
    return blocks


def _arranged(entry: FlowBlock, argument_slots: int) -> list[FlowBlock]:
    order = _reverse_post_order(entry)
    for block in order:
        for successor in block.successors:
            successor.predecessors.append(block)
        # Towards the start: code that a handler of its own protects. Such exceptions leave compiled code.
        block.handlers = [handler for handler in block.handlers if handler.number > block.number]
        for handler in block.handlers:
            handler.raisers.append(block)
    for block in order[1:]:
        before = block.predecessors if block.suspended is None else [block.suspended]
        block.cold = block.outside or all(p.cold for p in before if p.number < block.number)
    _find_dominators(order)
    _find_loops(order)
    if any(block.suspended is not None for block in order):
        _find_bound(order, argument_slots)
    return order


def _following(block: FlowBlock) -> list[FlowBlock]:
    return [*(block.successors if block.resumption is None else [block.resumption]), *block.handlers]


def _reverse_post_order(entry: FlowBlock) -> list[FlowBlock]:
    # An explicit stack: generated code can be deep. Handlers are visited first and then the jump successor, so
    # that the fall-through side comes first in the result and handlers late.
    order: list[FlowBlock] = []
    seen: set[FlowBlock] = {entry}
    stack: list[tuple[FlowBlock, int]] = [(entry, len(_following(entry)))]
    while stack:
        block, left = stack.pop()
        if left == 0:
            order.append(block)
            continue
        stack.append((block, left - 1))
        successor = _following(block)[left - 1]
        if successor not in seen:
            seen.add(successor)
            stack.append((successor, len(_following(successor))))
    order.reverse()
    for number, block in enumerate(order):
        block.number = number
    return order


def _find_dominators(order: list[FlowBlock]) -> None:
    # Cooper, Harvey and Kennedy, "A Simple, Fast Dominance Algorithm"; reducible graphs need two rounds.
    outside = FlowBlock(-1, -1)
    outside.dominator = outside
    order[0].dominator = outside
    for block in order:
        if block.suspended is not None:
            block.dominator = outside
    changed = True
    while changed:
        changed = False
        for block in order:
            if block.dominator is outside:
                continue
            best: FlowBlock | None = None
            for predecessor in block.predecessors + block.raisers:
                if predecessor.dominator is None:
                    continue
                if best is None:
                    best = predecessor
                    continue
                other = predecessor
                while best is not other:
                    while other.number > best.number:
                        assert other.dominator is not None
                        other = other.dominator
                    while best.number > other.number:
                        assert best.dominator is not None
                        best = best.dominator
            if best is not block.dominator:
                block.dominator = best
                changed = True


def dominates(upper: FlowBlock, lower: FlowBlock) -> bool:
    while lower.number > upper.number:
        assert lower.dominator is not None
        lower = lower.dominator
    return lower is upper


def reached_from_handlers(block: FlowBlock) -> set[FlowBlock]:
    """Where an exception raised in the block may lead to without passing the block again."""
    reached: set[FlowBlock] = set()
    work = list(block.handlers)
    while work:
        other = work.pop()
        if other is not block and other not in reached:
            reached.add(other)
            work.extend(other.successors)
            work.extend(other.handlers)
    return reached


def _find_loops(order: list[FlowBlock]) -> None:
    headers: list[tuple[FlowBlock, set[FlowBlock]]] = []
    for block in order:
        tails = [p for p in block.predecessors if p.number >= block.number]
        if not tails:
            continue
        block.loop_header = True
        block.anew = not all(dominates(block, tail) for tail in tails)
        members = {block}
        work = tails
        while work:
            member = work.pop()
            if member not in members:
                members.add(member)
                work.extend(member.predecessors)
                work.extend(member.raisers)
                if member.suspended is not None:
                    work.append(member.suspended)
        block.members = members
        headers.append((block, members))
    for header, members in headers:
        for member in members:
            member.loop_depth += 1
            for instruction in member.instructions:
                _note_stores(instruction, header.stored)


def _note_stores(instruction: Instruction, stored: set[int]) -> None:
    opcode = instruction.opcode
    arg = instruction.arg
    if opcode in (op.STORE_FAST, op.DELETE_FAST, op.LOAD_FAST_AND_CLEAR, op.MAKE_CELL):
        stored.add(arg)
    elif opcode == op.STORE_FAST_LOAD_FAST:
        stored.add(arg >> 4)
    elif opcode == op.STORE_FAST_STORE_FAST:
        stored.add(arg >> 4)
        stored.add(arg & 15)


def _find_bound(order: list[FlowBlock], argument_slots: int) -> None:
    """Which slots are surely bound at each block's start, as if control flowed through `yield`: nobody can unbind a
    local from outside while the frame is suspended. A handler can be reached from anywhere in the blocks before it."""
    everything = -1
    # What a comprehension has put aside is stored back by a plain store, and may be nothing.
    for block in order:
        for instruction in block.instructions:
            if instruction.opcode == op.LOAD_FAST_AND_CLEAR:
                everything &= ~(1 << instruction.arg)
    leaving: dict[FlowBlock, int] = {}
    within: dict[FlowBlock, int] = {}  # bound all through the block
    changed = True
    while changed:
        changed = False
        for block in order:
            bound = everything if block is not order[0] else everything & (1 << argument_slots) - 1
            for predecessor in block.predecessors if block.suspended is None else [block.suspended]:
                bound &= leaving.get(predecessor, everything)
            for raiser in block.raisers:
                bound &= within.get(raiser, everything)
            block.bound = bound
            always = bound
            for instruction in block.instructions:
                bound = _bound_after(instruction, bound) & everything
                always &= bound
            if leaving.get(block) != bound or within.get(block) != always:
                leaving[block] = bound
                within[block] = always
                changed = True


def _bound_after(instruction: Instruction, bound: int) -> int:
    opcode = instruction.opcode
    arg = instruction.arg
    if opcode == op.STORE_FAST:
        return bound | 1 << arg
    if opcode == op.STORE_FAST_LOAD_FAST:
        return bound | 1 << (arg >> 4)
    if opcode == op.STORE_FAST_STORE_FAST:
        return bound | 1 << (arg >> 4) | 1 << (arg & 15)
    if opcode == op.DELETE_FAST or opcode == op.LOAD_FAST_AND_CLEAR:
        return bound & ~(1 << arg)
    return bound
