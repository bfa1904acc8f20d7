"""Builds HIR from bytecode by running it abstractly: locals and stack hold SSA values instead of objects.

Blocks are visited in reverse post-order, so a block's dominator is always done before it. At a join, a local
that differs between predecessors becomes a phi; at a loop header every local stored in the loop does.
What is known about values (exact types, unboxed forms) is used at once, so most of what a separate pass would
clean up is never built: a guard is emitted only for what is not yet known.

The opcodes themselves are built by the functions in `build_*.py`, one table row each (`dispatch.py`).
"""

from __future__ import annotations

from struct import pack
from typing import Final, final

from pyston.compiler.bytecode import opcodes as op
from pyston.compiler.bytecode.cfg import FlowBlock, Unsupported, build_flow
from pyston.compiler.bytecode.decode import Instruction, decode
from pyston.compiler.hir import types as t
from pyston.compiler.hir import values as h
from pyston.compiler.hir.edges import split_critical_edges
from pyston.compiler.hir.effects import ESCAPES, TERMINATOR
from pyston.compiler.hir.helpers import HELPERS, RESULT_NEVER, RESULT_OBJECT, RESULT_STATUS, RESULT_TEST
from pyston.compiler.hir.values import FrameState, Function, HirBlock, Value
from pyston.compiler.snapshot import (
    CO_ASYNC_GENERATOR,
    CO_COROUTINE,
    CO_GENERATOR,
    CO_OPTIMIZED,
    KIND_FREE,
    Snapshot,
)
from pyston.compiler.world import Ref, World

NO_ENTRIES: Final[frozenset[int]] = frozenset()
MOST_INSTRUCTIONS: Final = 6000  # a larger function takes too long to compile in one go


@final
class Builder:
    def __init__(self, snapshot: Snapshot, world: World) -> None:
        self.snapshot = snapshot
        self.world = world
        self.function = Function(snapshot.qualname)
        self.instructions: list[Instruction] = []
        self.next_of: dict[int, Instruction] = {}  # by start unit
        self.block = HirBlock(0)
        self.locals: list[Value] = []
        self.stack: list[Value] = []
        self.state = FrameState(0, 0, self.locals, self.stack)  # before the current instruction
        self.ended = False  # the current block has its terminator
        self.unchecked = False  # code has run that may have changed what we take for granted
        # Facts about values, valid at the current point.
        self.types: dict[Value, int] = {}  # exact builtin types: true for ever once proved
        self.classes: dict[Value, Ref] = {}  # exact heap types: until code runs that could set __class__
        self.layouts: set[Value] = set()  # inline values are in use: until other code runs
        self.unboxed: dict[Value, Value] = {}  # I64 or F64 form
        self.bound: set[Value] = set()  # proved not to be NULL
        self.constants: dict[int, Value] = {}  # by address; all live in the entry block
        self.null = self._leaf(h.NULL, t.NULL)
        self.resumed_depths: dict[int, int] = {}  # by code unit: operand stack of a frame that goes on
        self.header_stacks: dict[int, list[Value]] = {}  # by block number, for the check at the back edge

    # --- making values ---------------------------------------------------------------------------------

    def _leaf(self, operation: int, type_: int) -> Value:
        return self.function.number(Value(operation, type_, []))

    def emit(self, operation: int, type_: int, args: list[Value]) -> Value:
        value = Value(operation, type_, args)
        value.number = self.function.next_number
        self.function.next_number += 1
        value.state = self.state
        value.block = self.block
        self.block.body.append(value)
        return value

    def constant(self, ref: Ref) -> Value:
        known = self.constants.get(ref.address)
        if known is not None:
            return known
        value = self._leaf(h.CONSTANT, ref.type_mask)
        value.ref = ref
        self.constants[ref.address] = value
        entry = self.function.blocks[0]
        value.block = entry
        return value

    def constant_object(self, obj: object) -> Value:
        return self.constant(self.world.ref(obj))

    def int_constant(self, number: int) -> Value:
        value = self._leaf(h.INT_CONSTANT, t.I64)
        value.imm = number
        value.block = self.block
        self.block.body.append(value)
        return value

    def helper(self, name: str, args: list[Value], keep: int, imm: int = 0, ref: Ref | None = None) -> Value:
        """A call of the named helper; `keep`: stack entries it leaves in place when it raises."""
        row = HELPERS[name]
        type_ = row.type
        if row.result == RESULT_STATUS or row.result == RESULT_NEVER:
            type_ = t.NOTHING
        elif row.result == RESULT_TEST:
            type_ = t.CBOOL
        value = self.emit(h.HELPER, type_, args)
        value.helper = name
        value.imm = imm
        value.ref = ref
        value.keep = keep
        if row.result == RESULT_OBJECT:
            self.bound.add(value)
        if row.flags & ESCAPES:
            self.note_escape()
        return value

    def note_escape(self) -> None:
        """Other code may have run: facts that it could change are gone, and watched ones want a look (`unchecked`)."""
        self.unchecked = True
        if self.classes:
            self.classes = {}
        if self.layouts:
            self.layouts = set()

    def check_tools(self, state: FrameState) -> None:
        """Behind code that may have done anything: was a watched fact changed, tracing switched on, a signal sent?

        build_function does this behind every instruction that escaped; a handler only where it goes on after it.
        """
        self.emit(h.CHECK_TOOLS, t.NOTHING, []).state = state
        self.unchecked = False

    def state_after(self, instruction: Instruction) -> FrameState:
        return FrameState(instruction.next, instruction.offset, self.locals, list(self.stack))

    # --- the abstract frame ----------------------------------------------------------------------------

    def push(self, value: Value) -> None:
        self.stack.append(value)

    def pop(self) -> Value:
        return self.stack.pop()

    def store_local(self, slot: int, value: Value) -> None:
        store = self.emit(h.STORE_LOCAL, t.NOTHING, [value])
        store.imm = slot
        # States share the list of locals, so a change makes a new one.
        self.locals = self.locals.copy()
        self.locals[slot] = value

    def leave(self, reason: str) -> None:
        """Ends the block: the interpreter goes on from the current instruction."""
        value = self.emit(h.LEAVE, t.NOTHING, [])
        value.reason = reason
        self.ended = True

    # --- facts -------------------------------------------------------------------------------------------

    def type_of(self, value: Value) -> int:
        known = self.types.get(value)
        return value.type if known is None else known

    def is_type(self, value: Value, mask: int) -> bool:
        return (self.type_of(value) & ~mask) == 0

    def may_be(self, value: Value, mask: int) -> bool:
        return (self.type_of(value) & mask) != 0

    def guard_type(self, value: Value, mask: int, reason: str = "type") -> None:
        """From here on `value` is exactly of the one type in `mask`."""
        if self.is_type(value, mask):
            return
        guard = self.emit(h.GUARD_TYPE, t.NOTHING, [value])
        guard.imm = mask
        guard.reason = reason
        self.types[value] = mask

    def guard_class(self, value: Value, cls: Ref) -> None:
        known = self.classes.get(value)
        if known is not None and known.address == cls.address:
            return
        guard = self.emit(h.GUARD_CLASS, t.NOTHING, [value])
        guard.ref = cls
        guard.reason = "class"
        self.classes[value] = cls

    def as_int(self, value: Value) -> Value:
        """The I64 form of an int object, guarded as far as needed."""
        known = self.unboxed.get(value)
        if known is not None:
            return known
        if value.operation == h.BOX_INT:
            return value.args[0]
        if value.operation == h.CONSTANT and value.ref is not None and isinstance(value.ref.value, int):
            number: int = value.ref.value
            if value.type == t.INT and -(1 << 62) <= number < 1 << 62:
                return self.int_constant(number)
        self.guard_type(value, t.INT)
        unboxed = self.emit(h.UNBOX_INT, t.I64, [value])
        unboxed.reason = "big int"
        self.unboxed[value] = unboxed
        return unboxed

    def as_float(self, value: Value) -> Value:
        known = self.unboxed.get(value)
        if known is not None and known.type == t.F64:
            return known
        if value.operation == h.BOX_FLOAT:
            return value.args[0]
        known_constant = value.operation == h.CONSTANT and value.type == t.FLOAT
        if known_constant and value.ref is not None and isinstance(value.ref.value, float):
            constant = self.emit(h.FLOAT_CONSTANT, t.F64, [])
            constant.imm = int.from_bytes(pack("<d", value.ref.value), "little", signed=True)
            self.unboxed[value] = constant
            return constant
        self.guard_type(value, t.FLOAT)
        unboxed = self.emit(h.UNBOX_FLOAT, t.F64, [value])
        self.unboxed[value] = unboxed
        return unboxed

    def box_int(self, number: Value) -> Value:
        boxed = self.emit(h.BOX_INT, t.INT, [number])
        self.unboxed[boxed] = number
        return boxed

    def box_float(self, number: Value) -> Value:
        boxed = self.emit(h.BOX_FLOAT, t.FLOAT, [number])
        self.unboxed[boxed] = number
        return boxed

    def box_bool(self, truth: Value) -> Value:
        return self.emit(h.BOX_BOOL, t.BOOL, [truth])

    def learnt(self, instruction: Instruction) -> bool:
        """Has compiled code left at this instruction too often? Then build it the general way."""
        return self.world.learnt(instruction.start) > 0


# --- the walk over the blocks ------------------------------------------------------------------------------


@final
class _Exit:
    """The abstract frame at a block's end, for its successors."""

    def __init__(self, builder: Builder) -> None:
        self.block = builder.block
        self.locals = builder.locals
        self.stack = builder.stack
        self.types = builder.types
        self.classes = builder.classes
        self.layouts = builder.layouts
        self.unboxed = builder.unboxed
        self.bound = builder.bound
        self.unchecked = builder.unchecked


def build_function(snapshot: Snapshot, world: World, loop_entries: frozenset[int] = NO_ENTRIES) -> Function:
    """The HIR of a function. Raises Unsupported where it must stay in the interpreter as a whole.

    `loop_entries`: the code units of loop headers that can be entered from outside as well.
    """
    # Here, not above: the handlers are written against Builder.
    from pyston.compiler.hir.build_containers import enter_for_body
    from pyston.compiler.hir.dispatch import HANDLERS

    if not snapshot.flags & CO_OPTIMIZED:
        raise Unsupported("module or class body")
    builder = Builder(snapshot, world)
    instructions = decode(snapshot)
    if len(instructions) > MOST_INSTRUCTIONS:
        raise Unsupported("too large")
    builder.instructions = instructions
    for instruction in instructions:
        builder.next_of[instruction.start] = instruction
    flow = build_flow(instructions, snapshot.argument_slots)
    function = builder.function
    function.slot_count = len(snapshot.slot_names)
    function.argument_slots = snapshot.argument_slots
    function.generator = snapshot.flags & (CO_GENERATOR | CO_COROUTINE | CO_ASYNC_GENERATOR) != 0
    function.instruction_count = len(instructions)
    blocks = [HirBlock(i) for i in range(len(flow))]
    function.blocks = blocks
    for source, block in zip(flow, blocks):
        block.offset = source.start
        block.loop_depth = source.loop_depth
        block.loop_header = source.loop_header
        if source.dominator is not None and source.dominator.number >= 0:
            block.dominator = blocks[source.dominator.number]
    exits: list[_Exit | None] = [None] * len(flow)
    entries: dict[int, HirBlock] = {}  # by the number of the loop header they go to
    for source, block in zip(flow, blocks):
        builder.block = block
        if source.number == 0:
            if source.loop_header:
                raise Unsupported("loop to the start")
            _enter_function(builder)
        elif source.suspended is not None:
            depth = builder.resumed_depths.get(source.start)
            if depth is None:
                continue  # behind a suspension that is left to the interpreter
            open_entry(builder, block, source.start, source.bound, depth)
            builder.stack[-1].type = t.OBJECT  # the value sent
        else:
            reached = [p for p in source.predecessors if _reaches(exits[p.number], block)]
            if not reached:
                continue  # behind blocks that all leave
            if source.loop_header and source.start in loop_entries:
                loop_entry = _loop_entry(builder, source, reached, exits)
                entries[source.number] = loop_entry.block
            else:
                loop_entry = None
            _enter_block(builder, source, reached, exits, loop_entry, loop_entries)
            before = reached[0]
            if before.instructions[-1].opcode == op.FOR_ITER and before.successors[0] is source:
                enter_for_body(builder, before.instructions[-1])
            first_instruction = source.instructions[0]
            if builder.unchecked and first_instruction.opcode not in (op.END_FOR, op.YIELD_VALUE):
                # FOR_ITER or SEND escaped and ended its block. (END_FOR's stack exists for the builder only; at a
                # `yield` the activation ends before anything is relied upon.)
                start = first_instruction.start
                builder.check_tools(
                    FrameState(start, first_instruction.offset, builder.locals, list(builder.stack))
                )
        builder.ended = False
        for instruction in source.instructions:
            handler = HANDLERS[instruction.opcode]
            builder.state = FrameState(
                instruction.start, instruction.offset, builder.locals, list(builder.stack)
            )
            if handler is None:
                builder.leave("opcode " + op.NAMES[instruction.opcode])
            else:
                handler(builder, instruction)
            if builder.ended:
                break
            if builder.unchecked and not (block.body and h.flags_of(block.body[-1]) & TERMINATOR):
                builder.check_tools(builder.state_after(instruction))
        last = block.body[-1].operation if block.body else -1
        if last in (h.LEAVE, h.RETURN, h.HAND_OVER, h.UNREACHABLE):
            continue
        if last not in (h.BRANCH, h.BRANCH_NULL, h.GOTO):
            builder.emit(h.GOTO, t.NOTHING, [])
        exits[source.number] = _Exit(builder)
        targets = source.successors
        if block.body[-1].operation == h.GOTO and len(targets) == 2:
            # A branch that was decided while building: imm tells which successor is left.
            targets = [targets[block.body[-1].imm]]
        for successor in targets:
            target = blocks[successor.number]
            block.successors.append(target)
            target.predecessors.append(block)
            if successor.number <= source.number:
                _close_loop(builder, target, successor)
    _place_blocks(function, entries)
    split_critical_edges(function)
    return function


def _reaches(end: _Exit | None, block: HirBlock) -> bool:
    """Not when the predecessor leaves, or has decided its branch the other way."""
    return end is not None and block in end.block.successors


def _enter_function(builder: Builder) -> None:
    snapshot = builder.snapshot
    kinds = snapshot.slot_kinds
    entry = builder.block
    builder.null.block = entry
    for slot in range(len(kinds)):
        kind = kinds[slot]
        if slot < snapshot.argument_slots:
            type_ = t.OBJECT
        elif kind & KIND_FREE:
            type_ = t.CELL
        else:
            builder.locals.append(builder.null)
            continue
        if kind & KIND_FREE:
            # COPY_FREE_VARS fills these in; until then they are empty.
            builder.locals.append(builder.null)
            continue
        parameter = builder._leaf(h.PARAMETER, type_)
        parameter.imm = slot
        parameter.block = entry
        entry.body.append(parameter)
        builder.locals.append(parameter)
        builder.bound.add(parameter)
    entry.entry_locals = builder.locals


def open_entry(builder: Builder, block: HirBlock, unit: int, bound: int, depth: int) -> None:
    """Begins a block where the function can be entered from outside: everything comes from the frame's memory.

    `bound`: bits of the slots that are surely bound. Nothing else is known of locals; the operand stack has `depth`
    entries, which are ours from here on.
    """
    block.offset = unit
    block.entry_depth = depth
    builder.block = block
    builder.ended = False
    builder.unchecked = False  # whoever enters has looked
    builder.types = {}
    builder.unboxed = {}
    builder.bound = set()
    builder.classes = {}
    builder.layouts = set()
    kinds = builder.snapshot.slot_kinds
    locals_: list[Value] = []
    for slot in range(builder.function.slot_count):
        type_ = t.CELL if kinds[slot] & KIND_FREE else t.OBJECT if bound >> slot & 1 else t.NULLABLE
        local = builder.emit(h.PARAMETER, type_, [])
        local.imm = slot
        locals_.append(local)
    builder.locals = locals_
    block.entry_locals = locals_
    stack: list[Value] = []
    for index in range(depth):
        operand = builder.emit(h.ENTRY_OPERAND, t.NULLABLE, [])
        operand.imm = index
        stack.append(operand)
    builder.stack = stack


def _loop_entry(
    builder: Builder, source: FlowBlock, reached: list[FlowBlock], exits: list[_Exit | None]
) -> _Exit:
    """A block that enters the loop from outside, one more predecessor of its header."""
    header = builder.block
    end = exits[reached[0].number]
    assert end is not None
    open_entry(builder, HirBlock(-1), source.start, 0, len(end.stack))
    builder.emit(h.GOTO, t.NOTHING, [])
    builder.block.successors.append(header)
    entry = _Exit(builder)
    builder.block = header
    return entry


def _enter_block(
    builder: Builder,
    source: FlowBlock,
    reached: list[FlowBlock],
    exits: list[_Exit | None],
    loop_entry: _Exit | None,
    loop_entries: frozenset[int],
) -> None:
    block = builder.block
    # One edge for each predecessor block, in the order they were (or will be) linked.
    ends: list[_Exit] = []
    for predecessor in reached:
        end = exits[predecessor.number]
        assert end is not None
        ends.append(end)
    if loop_entry is not None:
        block.predecessors.append(loop_entry.block)
        ends.append(loop_entry)
    # Where the frame is read anew within a loop, anything may come along the back edge.
    anew = source.anew or (
        bool(loop_entries)
        and any(member.start in loop_entries and member.loop_header for member in source.members)
    )
    first = ends[0]
    builder.unchecked = any(end.unchecked for end in ends)
    dominator = source.dominator
    assert dominator is not None
    upper = exits[dominator.number] if dominator.number >= 0 else None
    builder.types = dict(upper.types) if upper is not None else {}
    builder.unboxed = dict(upper.unboxed) if upper is not None else {}
    builder.bound = set(upper.bound) if upper is not None else set()
    if len(ends) == 1 and not source.loop_header and first is upper:
        builder.classes = dict(first.classes)
        builder.layouts = set(first.layouts)
        builder.locals = first.locals
        builder.stack = list(first.stack)
        block.entry_locals = builder.locals
        return
    builder.classes = {}
    builder.layouts = set()
    locals_: list[Value] = []
    stored = source.stored
    for slot in range(len(first.locals)):
        incoming = [end.locals[slot] for end in ends]
        always = source.loop_header and (anew or slot in stored)
        locals_.append(_merge(builder, incoming, always, slot))
    stack: list[Value] = []
    for depth in range(len(first.stack)):
        incoming = [end.stack[depth] for end in ends]
        stack.append(_merge(builder, incoming, anew, -1))
    builder.locals = locals_
    builder.stack = stack
    block.entry_locals = locals_
    if source.loop_header:
        builder.header_stacks[source.number] = list(stack)


def _merge(builder: Builder, incoming: list[Value], always: bool, slot: int) -> Value:
    first = incoming[0]
    if not always:
        for other in incoming:
            if other is not first:
                break
        else:
            return first
    phi = builder._leaf(h.PHI, t.NULLABLE)
    phi.args = list(incoming)
    phi.imm = slot
    phi.block = builder.block
    if not always:
        mask = 0
        for value in incoming:
            mask |= value.type
        phi.type = mask
    builder.block.phis.append(phi)
    return phi


def _close_loop(builder: Builder, header: HirBlock, source: FlowBlock) -> None:
    """A back edge: gives the header's phis their inputs along it."""
    for phi in header.phis:
        if phi.imm >= 0:
            phi.args.append(builder.locals[phi.imm])
    for depth, value in enumerate(builder.header_stacks[source.number]):
        if value.operation == h.PHI and value.block is header:
            value.args.append(builder.stack[depth])
        elif builder.stack[depth] is not value:
            raise Unsupported("stack changes in a loop")
    entry = header.entry_locals
    for slot in range(len(entry)):
        if entry[slot] is not builder.locals[slot] and entry[slot] not in header.phis:
            raise Unsupported("local changes in a loop unseen")


def _place_blocks(function: Function, entries: dict[int, HirBlock]) -> None:
    """Drops blocks that nothing reaches, and puts the entries of loops in front of their headers."""
    blocks: list[HirBlock] = []
    for number, block in enumerate(function.blocks):
        if number in entries:
            blocks.append(entries[number])
        if number == 0 or block.predecessors or block.entry_depth >= 0:
            blocks.append(block)
    function.blocks = blocks
    for number, block in enumerate(blocks):
        block.number = number
