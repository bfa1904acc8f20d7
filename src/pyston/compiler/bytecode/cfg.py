"""The control-flow graph of a function's bytecode.

Exception handlers belong to it: a block *raises to* the handlers of its instructions. Such an edge leaves from the
middle of the block: what the block does behind its first instruction that raises may not have happened at the handler.
Blocks come in reverse post-order; each knows its predecessors, its immediate dominator and the loops it heads. A loop
may have other ways in than its header (`FlowBlock.anew`).

A generator is left at a `yield` and entered anew behind it: the block there, a *resumption*, has no predecessors.
Order and loops are those of the source all the same, as if control flowed through the `yield`; dominance is that
of the values. An exception may be thrown in at the `yield`, so the block that ends there raises to its handler.

A loop can be had alone, entered at its header (`build_loop_flow`): for on-stack replacement.

Blocks that the interpreter has never run, a third of a web application's hot functions, are not built: they are *left*.
"""

from __future__ import annotations

from pyston.compiler.bytecode import opcodes as op
from pyston.compiler.bytecode.decode import NEVER, UNKNOWN, Instruction
from pyston.compiler.bytecode.exceptions import Handled
from pyston.compiler.native import Final, final, i64


def is_conditional(opcode: i64) -> bool:
    return opcode in (
        op.POP_JUMP_IF_FALSE,
        op.POP_JUMP_IF_TRUE,
        op.POP_JUMP_IF_NONE,
        op.POP_JUMP_IF_NOT_NONE,
        op.FOR_ITER,
        op.SEND,
    )


def is_unconditional(opcode: i64) -> bool:
    return opcode in (op.JUMP_FORWARD, op.JUMP_BACKWARD, op.JUMP_BACKWARD_NO_INTERRUPT)


def ends_flow(opcode: i64) -> bool:
    return opcode in (op.RETURN_VALUE, op.RAISE_VARARGS, op.RERAISE, op.RETURN_GENERATOR, op.YIELD_VALUE)


def suspends(opcode: i64) -> bool:
    return opcode in (op.RETURN_GENERATOR, op.YIELD_VALUE)


class Unsupported(Exception):
    """The function stays in the interpreter; the argument is a short stable reason for the statistics."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


# Why a block is left to the interpreter.
LOOP_END: Final = "loop end"  # it lies behind a loop that is built alone
NEVER_RUN: Final = "never run"

# Shared by all blocks that have none: never to be changed.
NO_SLOTS: Final[set[int]] = set()
NO_MEMBERS: Final[set[FlowBlock]] = set()
NO_BLOCKS: Final[list[FlowBlock]] = []


@final
class FlowBlock:
    def __init__(self, number: i64, start: i64) -> None:
        self.number: i64 = number  # position in reverse post-order, once known
        self.start: i64 = start  # code unit
        self.unvisited: i64 = -1  # while the order is made: blocks that follow and are not visited yet
        self.instructions: list[Instruction] = []
        self.successors = NO_BLOCKS  # of a conditional: [fall-through, jump]
        self.predecessors = NO_BLOCKS
        self.handlers = NO_BLOCKS  # that it raises to
        self.raisers = NO_BLOCKS  # of a handler: the blocks before it that raise to it
        self.cold = False  # reached by exceptions only
        self.dominator: FlowBlock | None = None  # OUTSIDE for blocks that are entered from there
        self.resumption: FlowBlock | None = None  # of a block that suspends: where it goes on
        self.suspended: FlowBlock | None = None  # of a resumption: the block it goes on from
        self.bound = 0  # bit s: slot s is surely bound at the start; of functions that suspend only
        self.loop_header = False
        self.anew = False  # of a loop header: the loop can be entered elsewhere, so nothing holds around it
        self.loop_depth = 0
        self.stored: set[int] = NO_SLOTS  # of a loop header: slots stored in its loop
        self.members: set[FlowBlock] = NO_MEMBERS  # of a loop header: the blocks of its loop
        self.left = ""  # why it is left to the interpreter, if it is


def build_flow(
    instructions: list[Instruction], argument_slots: int = 0, met: set[int] | None = None
) -> list[FlowBlock]:
    """The reachable blocks in reverse post-order, entry first.

    Unless `met` is None, blocks that have never run are `left`, but for those at the code units in it."""
    return _arranged(_make_blocks(instructions)[0], argument_slots, met)


def build_loop_flow(
    instructions: list[Instruction], unit: int, met: set[int] | None = None
) -> list[FlowBlock]:
    """The outermost loop around the header at the code unit, entered there: an entry block without instructions, then
    the blocks of the loop. What lies behind the loop is blocks without successors, which are `left`.

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
    for block in _make_blocks(instructions):
        if block.start not in starts:
            _leave(block, LOOP_END)
        elif block.start == unit:
            entry.successors = [block]
    order = _arranged(entry, 0, met)
    # Seen from an inner header other loops, too, go round by what is outside of them for the interpreter: whatever
    # that does may have happened.
    bodies = {block.start: {member.start for member in block.members} for block in whole}
    for block in order:
        if block.loop_header and any(member.start not in bodies[block.start] for member in block.members):
            block.anew = True
    return order


def dissolve_flow(flow: list[FlowBlock]) -> None:
    """Cuts the cycles between blocks, so that all of it is freed at once, not by the collector."""
    for block in flow:
        block.successors = block.predecessors = block.handlers = block.raisers = NO_BLOCKS
        block.dominator = block.resumption = block.suspended = None
        block.members = NO_MEMBERS


def _make_blocks(instructions: list[Instruction]) -> list[FlowBlock]:
    """All blocks in the order of the bytecode, with their successors."""
    by_unit: list[Instruction | None] = [None] * instructions[-1].next
    for instruction in instructions:
        by_unit[instruction.start] = instruction
        if instruction.offset != instruction.start:
            by_unit[instruction.offset] = instruction
        instruction.leads = False
    instructions[0].leads = True
    behind = False  # of an instruction that ends its block
    for instruction in instructions:
        if behind:
            instruction.leads = True
            behind = False
        if instruction.handled is not None:
            _at(by_unit, instruction.handled.target).leads = True
        if instruction.target >= 0:
            _at(by_unit, instruction.target).leads = True
            behind = True
        elif ends_flow(instruction.opcode):
            behind = True
    blocks: list[FlowBlock] = []
    block: FlowBlock | None = None
    started: list[FlowBlock | None] = [None] * len(by_unit)
    for instruction in instructions:
        if block is None or instruction.leads:
            block = FlowBlock(-1, instruction.start)
            blocks.append(block)
            started[instruction.start] = block
        block.instructions.append(instruction)
    for index, block in enumerate(blocks):
        last = block.instructions[-1]
        following = blocks[index + 1] if index + 1 < len(blocks) else None
        if is_unconditional(last.opcode):
            block.successors = [_block_at(started, by_unit, last.target)]
        elif suspends(last.opcode):
            if following is None:
                raise Unsupported("falls off the end")
            block.resumption = following
            following.suspended = block
        elif not ends_flow(last.opcode):
            if following is None:
                raise Unsupported("falls off the end")
            block.successors = [following]
            if is_conditional(last.opcode):
                block.successors.append(_block_at(started, by_unit, last.target))
        handled: Handled | None = None
        for instruction in block.instructions:
            if instruction.handled is not None and instruction.handled is not handled:
                handled = instruction.handled
                handler = _block_at(started, by_unit, handled.target)
                if not block.handlers:
                    block.handlers = [handler]
                elif handler not in block.handlers:
                    block.handlers.append(handler)
    return blocks


def _at(by_unit: list[Instruction | None], unit: i64) -> Instruction:
    instruction = by_unit[unit]
    assert instruction is not None
    return instruction


def _block_at(started: list[FlowBlock | None], by_unit: list[Instruction | None], unit: i64) -> FlowBlock:
    block = started[_at(by_unit, unit).start]
    assert block is not None
    return block


def _leave(block: FlowBlock, reason: str) -> None:
    block.left = reason
    block.successors = block.handlers = NO_BLOCKS
    if block.resumption is not None:
        block.resumption.suspended = None
        block.resumption = None
    for instruction in block.instructions:
        instruction.handled = None


def _arranged(entry: FlowBlock, argument_slots: int, met: set[int] | None) -> list[FlowBlock]:
    order = _linked(entry)
    if any(block.suspended is not None for block in order):
        # With all that the interpreter may have run before it suspends.
        _find_bound(order, argument_slots)
    if met is not None and _leave_never_run(order, met):
        for block in order:
            block.predecessors = block.raisers = NO_BLOCKS
            block.unvisited = -1
        order = _linked(entry)
    for block in order[1:]:
        before = block.predecessors if block.suspended is None else [block.suspended]
        block.cold = block.left != "" or all(p.cold for p in before if p.number < block.number)
    _find_dominators(order)
    _find_loops(order)
    return order


def _linked(entry: FlowBlock) -> list[FlowBlock]:
    """The reachable blocks in reverse post-order, which know where control comes from."""
    order = _reverse_post_order(entry)
    for block in order:
        for successor in block.successors:
            if successor.predecessors:
                successor.predecessors.append(block)
            else:
                successor.predecessors = [block]
        # Towards the start: code that a handler of its own protects. Such exceptions leave compiled code.
        if block.handlers:
            block.handlers = [handler for handler in block.handlers if handler.number > block.number]
            for handler in block.handlers:
                if handler.raisers:
                    handler.raisers.append(block)
                else:
                    handler.raisers = [block]
    return order


# --- what has never run --------------------------------------------------------------------------------------


def _leave_never_run(order: list[FlowBlock], met: set[int]) -> bool:
    """Leaves the blocks, handlers too, that the interpreter has never run. Whether there are any.

    What it did run leaves traces in the bytecode's caches (`Instruction.ran`). Where there are none at all, because the
    function is compiled at its first call or has run under tools only, everything is built."""
    never: set[FlowBlock] = set()
    for block in order:
        trace = _trace(block)
        if trace == NEVER:
            if not never and all(_trace(before) == UNKNOWN for before in order[: block.number]):
                return False
            if block.number > 0 and not block.left and block.start not in met:
                never.add(block)
    if not never:
        return False
    # What leads nowhere else has not run either. A `yield` may have, if nobody went on behind it: `met` tells.
    for block in reversed(order):
        followers = block.successors if block.resumption is None else [block.resumption]
        if (
            followers  # it is not left already
            and block.number > 0
            and block.suspended is None
            and not block.raisers
            and block.start not in met
            and _trace(block) == UNKNOWN
            and all(follower in never for follower in followers)
        ):
            never.add(block)
    left = {block for block in never if block.suspended is None}
    starts = {block.start for block in left}
    for block in order:
        if block in left:
            _leave(block, NEVER_RUN)
            continue
        if any(handler in left for handler in block.handlers):
            block.handlers = [handler for handler in block.handlers if handler not in left]
            for instruction in block.instructions:
                if instruction.handled is not None and instruction.handled.target in starts:
                    instruction.handled = None
                    instruction.handler_left = True
    return len(left) > 0


def _trace(block: FlowBlock) -> i64:
    """The first thing in the block that tells whether it has run."""
    for instruction in block.instructions:
        if instruction.ran != UNKNOWN:
            return instruction.ran
    return UNKNOWN


def _follower_count(block: FlowBlock) -> i64:
    count: i64 = 1 if block.resumption is not None else len(block.successors)
    return count + len(block.handlers)


def _follower(block: FlowBlock, index: i64) -> FlowBlock:
    """Where the source goes on, by successor or behind a `yield`; then the handlers."""
    before: i64
    if block.resumption is not None:
        if index == 0:
            return block.resumption
        before = 1
    else:
        before = len(block.successors)
        if index < before:
            return block.successors[index]
    return block.handlers[index - before]


def _reverse_post_order(entry: FlowBlock) -> list[FlowBlock]:
    # An explicit stack: generated code can be deep. Handlers are visited first and then the jump successor, so
    # that the fall-through side comes first in the result and handlers late.
    order: list[FlowBlock] = []
    stack = [entry]
    entry.unvisited = _follower_count(entry)
    while stack:
        block = stack[-1]
        if block.unvisited == 0:
            order.append(block)
            stack.pop()
            continue
        block.unvisited -= 1
        follower = _follower(block, block.unvisited)
        if follower.unvisited < 0:
            follower.unvisited = _follower_count(follower)
            stack.append(follower)
    order.reverse()
    for number, block in enumerate(order):
        block.number = number
    return order


def _find_dominators(order: list[FlowBlock]) -> None:
    # Cooper, Harvey and Kennedy, "A Simple, Fast Dominance Algorithm"; reducible graphs need two rounds.
    outside = FlowBlock(-1, -1)
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
            for predecessor in block.predecessors + block.raisers if block.raisers else block.predecessors:
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
        tails: list[FlowBlock] | None = None
        for predecessor in block.predecessors:
            if predecessor.number >= block.number:
                if tails is None:
                    tails = []
                tails.append(predecessor)
        if tails is None:
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
        block.stored = set()
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
