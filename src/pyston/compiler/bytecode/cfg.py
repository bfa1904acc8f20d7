"""The control-flow graph of a function's bytecode.

Exception handlers belong to it: a block *raises to* the handlers of its instructions. Such an edge leaves from the
middle of the block: what the block does behind its first instruction that raises may not have happened at the handler.
Blocks come in reverse post-order; each knows its predecessors, its immediate dominator and the loops it heads.
Python's compiler emits reducible flow graphs; an irreducible one is refused (`Unsupported`).
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
ENDS_FLOW: Final = frozenset((op.RETURN_VALUE, op.RAISE_VARARGS, op.RERAISE))


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
        self.dominator: FlowBlock | None = None
        self.loop_header = False
        self.loop_depth = 0
        self.stored: set[int] = set()  # of a loop header: slots stored in its loop
        self.members: set[FlowBlock] = set()  # of a loop header: the blocks of its loop


def build_flow(instructions: list[Instruction]) -> list[FlowBlock]:
    """The reachable blocks in reverse post-order, entry first."""
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
        elif last.opcode not in ENDS_FLOW:
            if following not in blocks:
                raise Unsupported("falls off the end")
            block.successors = [blocks[following]]
        for instruction in block.instructions:
            if instruction.handled is not None:
                handler = blocks[by_unit[instruction.handled.target]]
                if handler not in block.handlers:
                    block.handlers.append(handler)
    order = _reverse_post_order(blocks[0])
    for block in order:
        for successor in block.successors:
            successor.predecessors.append(block)
        # Towards the start: code that a handler of its own protects. Such exceptions leave compiled code.
        block.handlers = [handler for handler in block.handlers if handler.number > block.number]
        for handler in block.handlers:
            handler.raisers.append(block)
    for block in order[1:]:
        before = [p for p in block.predecessors if p.number < block.number]
        block.cold = all(p.cold for p in before)
    _find_dominators(order)
    _find_loops(order)
    return order


def _reverse_post_order(entry: FlowBlock) -> list[FlowBlock]:
    # An explicit stack: generated code can be deep. Handlers are visited first and then the jump successor, so
    # that the fall-through side comes first in the result and handlers late.
    order: list[FlowBlock] = []
    seen: set[FlowBlock] = {entry}
    stack: list[tuple[FlowBlock, int]] = [(entry, len(entry.successors) + len(entry.handlers))]
    while stack:
        block, left = stack.pop()
        if left == 0:
            order.append(block)
            continue
        left -= 1
        stack.append((block, left))
        normal = len(block.successors)
        successor = block.successors[left] if left < normal else block.handlers[left - normal]
        if successor not in seen:
            seen.add(successor)
            stack.append((successor, len(successor.successors) + len(successor.handlers)))
    order.reverse()
    for number, block in enumerate(order):
        block.number = number
    return order


def _find_dominators(order: list[FlowBlock]) -> None:
    # Cooper, Harvey and Kennedy, "A Simple, Fast Dominance Algorithm"; reducible graphs need two rounds.
    order[0].dominator = order[0]
    changed = True
    while changed:
        changed = False
        for block in order[1:]:
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
        if not all(dominates(block, tail) for tail in tails):
            raise Unsupported("irreducible flow")
        block.loop_header = True
        members = {block}
        work = tails
        while work:
            member = work.pop()
            if member not in members:
                members.add(member)
                work.extend(member.predecessors)
                work.extend(member.raisers)
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
