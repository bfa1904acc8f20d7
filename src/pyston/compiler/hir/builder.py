"""Builds HIR from bytecode by running it abstractly: locals and stack hold SSA values instead of objects.

Blocks are visited in reverse post-order, so a block's dominator is always done before it. At a join, a local
that differs between predecessors becomes a phi; at a loop header every local stored in the loop does.
What is known about values (exact types, unboxed forms) is used at once, so most of what a separate pass would
clean up is never built: a guard is emitted only for what is not yet known.

The opcodes themselves are built by the functions in `build_*.py`, one table row each (`dispatch.py`).
"""

from __future__ import annotations

from struct import pack

from pyston.compiler.bytecode import opcodes as op
from pyston.compiler.bytecode.cfg import (
    NEVER_RUN,
    NO_SLOTS,
    FlowBlock,
    Unsupported,
    build_flow,
    build_loop_flow,
    dissolve_flow,
    reached_from_handlers,
)
from pyston.compiler.bytecode.decode import Instruction, decode
from pyston.compiler.bytecode.exceptions import Handled
from pyston.compiler.hir import types as t
from pyston.compiler.hir import values as h
from pyston.compiler.hir.edges import split_critical_edges
from pyston.compiler.hir.effects import ESCAPES, GUARD, RAISES, TERMINATOR
from pyston.compiler.hir.helpers import HELPERS, RESULT_NEVER, RESULT_STATUS, RESULT_TEST
from pyston.compiler.hir.values import (
    NO_VALUES,
    FrameState,
    Function,
    HirBlock,
    Value,
    add_phi,
    dissolve,
    link,
)
from pyston.compiler.native import Callable, Final, final, i64, mypyc_attr
from pyston.compiler.snapshot import (
    CO_ASYNC_GENERATOR,
    CO_COROUTINE,
    CO_GENERATOR,
    CO_OPTIMIZED,
    KIND_FREE,
    NAMES_ANYWHERE,
    NAMES_MODULE,
    Loop,
    Snapshot,
)
from pyston.compiler.world import Ref, World

NO_ENTRIES: Final[frozenset[int]] = frozenset()
MOST_GLOBAL_SLOTS: Final = 60
# What these release is in none of our hands.
RELEASES_FROM_HEAP: Final = frozenset(
    (
        op.STORE_ATTR,
        op.DELETE_ATTR,
        op.STORE_SUBSCR,
        op.DELETE_SUBSCR,
        op.STORE_SLICE,
        op.STORE_DEREF,
        op.DELETE_DEREF,
    )
)
NO_CLASSES: Final[dict[Value, Ref]] = {}  # shared, like NOTHING: never to be changed
NOTHING: Final[set[Value]] = set()
# Of at most 52: a site that varies by a few in a hundred shows more than that when its function is hot.
MISSES_THAT_TELL: Final = 4
MOST_INSTRUCTIONS: Final = 6000  # a larger function takes too long to compile in one go


def only_moves(opcode: i64) -> bool:
    """Does it only push, pop or copy values that are there? No instruction comes of it, so none needs its state."""
    return opcode in (
        op.LOAD_FAST,
        op.LOAD_FAST_BORROW,
        op.LOAD_FAST_LOAD_FAST,
        op.LOAD_FAST_BORROW_LOAD_FAST_BORROW,
        op.LOAD_CONST,
        op.LOAD_SMALL_INT,
        op.POP_TOP,
        op.PUSH_NULL,
        op.COPY,
        op.SWAP,
        op.NOP,
        op.NOT_TAKEN,
    )


@final
@mypyc_attr(acyclic=True)
class Facts:
    """What is known about values, for as long as they live."""

    def __init__(self, types: dict[Value, int], unboxed: dict[Value, Value], bound: set[Value]) -> None:
        self.types = types
        self.unboxed = unboxed
        self.bound = bound


@final
@mypyc_attr(acyclic=True)
class Raise:
    """A way to a handler: the block that goes there, and the abstract frame."""

    def __init__(self, builder: Builder, handled: Handled, exception: Value | None) -> None:
        self.block = builder.block
        self.handled = handled
        self.unit = builder.state.lasti
        self.locals = builder.locals
        self.stack = builder.state.stack[: handled.depth]
        self.exception = exception  # None: the one that is set; it has no traceback entry yet
        self.lasti: Value | None = None  # for an exception that keeps the place where it was raised first


@final
class Builder:
    def __init__(self, snapshot: Snapshot, world: World) -> None:
        self.snapshot = snapshot
        self.world = world
        self.function = Function(snapshot.qualname)
        self.instructions: list[Instruction] = []
        self.block = HirBlock(0)
        self.locals: list[Value] = []
        self.stack: list[Value] = []
        self.state = FrameState(0, 0, self.locals, ())  # before the current instruction
        self.noted_stack: tuple[Value, ...] = ()  # what the last state has of it
        self.ended = False  # the current block has its terminator
        self.placed: list[HirBlock] = []  # all blocks so far, in order
        self.raises: dict[int, list[Raise]] = {}  # by the code unit of the handler, until that is built
        self.handled: Handled | None = None  # where an exception of the current instruction goes on in here
        self.unhandled = False  # there is no such place, compiled or not
        self.handler_left = False  # there is one, which has never run and is not compiled
        self.facts_at_raise: Facts | None = None  # what was known at the current flow block's first Raise
        self.unchecked = False  # code has run that may have changed what we take for granted
        # Facts about values, valid at the current point. Those that are made anew to be changed are shared by blocks.
        self.types: dict[Value, int] = {}  # exact builtin types: true for ever once proved
        self.unboxed: dict[Value, Value] = {}  # I64 or F64 form
        self.classes = NO_CLASSES  # exact heap types: until code runs that could set __class__; made anew
        self.varied: set[Value] = set()  # receivers of which guards have failed before this compilation
        self.layouts = NOTHING  # inline values are in use: until other code runs; made anew
        self.bound = NOTHING  # proved not to be NULL, although the type says so; made anew
        self.constants: dict[int, Value] = {}  # by address; all live in the entry block
        self.null = self._leaf(h.NULL, t.NULL)
        self.resumed_stacks: dict[int, list[int]] = {}  # by code unit: types on the stack when resumed there
        self.pending_method: Instruction | None = (
            None  # a load that its call carries out: NULL, receiver on the stack
        )
        self.spread: list[Value] = []  # what stands before `*args` in a list that is only passed on
        self.loop_alone = False  # what is built is a loop, entered while it runs
        self.loop_stack: list[int] = []  # the types of what it finds on the stack
        self.names = NAMES_ANYWHERE
        self.global_slots: dict[str, int] = {}  # globals that are slots behind the frame's
        self.header_stacks: dict[int, list[Value]] = {}  # by block number, for the check at the back edge

    # --- making values ---------------------------------------------------------------------------------

    def _leaf(self, operation: int, type_: int) -> Value:
        return self.function.number(Value(operation, type_, NO_VALUES))

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
        value.call(row)
        value.imm = imm
        value.ref = ref
        value.keep = keep
        if row.flags & ESCAPES:
            self.note_escape()
        if row.flags & RAISES:
            self.note_raise(value)
        return value

    def note_raise(self, value: Value) -> None:
        """The instruction may raise. Where its handler is in here, the block ends: it goes well, or goes there."""
        handled = self.handled
        value.unhandled = self.unhandled
        if self.handler_left and value.flags & GUARD == 0:
            value.reason = NEVER_RUN
        if handled is None or self.ended:
            return
        value.caught = True
        helper = value.helper
        never = helper is not None and helper.result == RESULT_NEVER
        before = self.block
        branch = self.emit(h.GOTO if never else h.BRANCH_ERROR, t.NOTHING, NO_VALUES if never else [value])
        if never:
            self._add_raise(handled, None)
            self.ended = True
            return
        branch.imm = 1
        well = self.new_block(before)
        raised = self.new_block(before)
        raised.cold = True
        before.successors = [well, raised]
        self.block = raised
        self.emit(h.GOTO, t.NOTHING, NO_VALUES)
        self._add_raise(handled, None)
        self.block = well

    def new_block(self, before: HirBlock) -> HirBlock:
        """A block entered from this one alone, with the slots as they are now."""
        block = HirBlock(-1)
        block.offset = before.offset
        block.loop_depth = before.loop_depth
        block.cold = before.cold
        block.entry_locals = self.locals
        block.globals_changed = self.unchecked
        block.predecessors = [before]
        self.placed.append(block)
        return block

    def _add_raise(self, handled: Handled, exception: Value | None) -> Raise:
        if self.facts_at_raise is None:
            self.facts_at_raise = Facts(dict(self.types), dict(self.unboxed), self.bound)
        way = Raise(self, handled, exception)
        self.raises.setdefault(handled.target, []).append(way)
        return way

    def never_returns(self, name: str, args: list[Value], keep: int, imm: int = 0) -> None:
        """Ends the block with a helper that always raises."""
        self.helper(name, args, keep, imm)
        if not self.ended:
            self.emit(h.UNREACHABLE, t.NOTHING, [])
            self.ended = True

    def reraise(self, exception: Value, lasti: Value | None, keep: int) -> None:
        """Ends the block: the exception goes on without another traceback entry. It takes `lasti` with it as the place
        where it was raised, else it is this instruction."""
        if lasti is None:
            lasti = self.emit(h.INT_CONSTANT, t.LASTI, [])
            lasti.imm = self.state.lasti << 2 | 3
        if self.handled is not None:
            self.emit(h.GOTO, t.NOTHING, NO_VALUES)
            self._add_raise(self.handled, exception).lasti = lasti
        else:
            self.helper("reraise", [exception, lasti], keep)
            self.emit(h.RERAISE, t.NOTHING, []).keep = keep
        self.ended = True

    def note_escape(self) -> None:
        """Other code may have run: facts that it could change are gone, and watched ones want a look (`unchecked`)."""
        self.unchecked = True
        self.classes = NO_CLASSES
        self.layouts = NOTHING

    def check_tools(self, state: FrameState) -> None:
        """Behind code that may have done anything: was a watched fact changed, tracing switched on, a signal sent?

        build_function does this behind every instruction that escaped; a handler only where it goes on after it.
        """
        self.emit(h.CHECK_TOOLS, t.NOTHING, NO_VALUES).state = state
        self.unchecked = False
        if self.global_slots:
            self.read_globals(state)

    def read_globals(self, state: FrameState) -> None:
        """Other code may have changed the globals that are slots here."""
        self.emit(h.GUARD_GLOBALS, t.NOTHING, []).state = state
        self.locals = self.locals.copy()
        for slot in self.global_slots.values():
            value = self.emit(h.LOAD_GLOBAL_SLOT, t.OBJECT, [])
            value.imm = slot
            value.state = state
            self.locals[slot] = value

    def note_state(self, instruction: Instruction) -> None:
        """The frame as it is now is what the interpreter has before the instruction."""
        self.state = FrameState(instruction.start, instruction.offset, self.locals, self.stack_now())

    def stack_now(self) -> tuple[Value, ...]:
        """A copy for a frame state; the last one where the stack is as it was then."""
        stack = self.stack
        noted = self.noted_stack
        depth: i64 = len(stack)
        if depth == len(noted):
            while depth > 0 and noted[depth - 1] is stack[depth - 1]:
                depth -= 1
            if depth == 0:
                return noted
        self.noted_stack = noted = tuple(stack)
        return noted

    def following(self, instruction: Instruction) -> Instruction | None:
        """What stands behind the instruction in the bytecode."""
        index = instruction.index + 1
        return self.instructions[index] if index < len(self.instructions) else None

    def check_releases(self, instruction: Instruction, before: FrameState) -> None:
        """With globals as slots, finalizers count as well: where the instruction may have run one that has changed a
        global, compiled code leaves behind it. (The runtime sees to it that this check fails then.)"""
        following = self.following(instruction)
        if following is not None and following.opcode == op.JUMP_BACKWARD:
            return  # has its own
        released = [
            value
            for slot, value in enumerate(before.locals)
            if self.locals[slot] is not value and self.may_be(value, ~t.INERT)
        ]
        for value in before.stack:
            popped = value not in self.stack and value not in self.locals
            if popped and value.operation != h.CONSTANT and self.may_be(value, ~t.INERT & t.OBJECT):
                released.append(value)
        from_heap = instruction.opcode in RELEASES_FROM_HEAP
        if released or from_heap:
            check = self.emit(h.CHECK_TOOLS, t.NOTHING, NO_VALUES)
            check.state = self.state_after(instruction)
            check.released = None if from_heap else released

    def state_after(self, instruction: Instruction) -> FrameState:
        return FrameState(instruction.next, instruction.offset, self.locals, self.stack_now())

    # --- the abstract frame ----------------------------------------------------------------------------

    def push(self, value: Value) -> None:
        self.stack.append(value)

    def pop(self) -> Value:
        return self.stack.pop()

    def drop_operand(self, instruction: Instruction) -> None:
        """Pops an object of the stack, which may die here. A reference ends behind the value's last use, mostly the
        instruction before. Where it is not (a `break` behind a store), a finalizer has to see what came in between."""
        value = self.stack[-1]
        body = self.block.body
        if not body or not self._needs(body[-1], value):
            kept = value in self.stack[:-1] or value in self.locals or value.operation == h.CONSTANT
            if not kept and self.may_be(value, t.OBJECT & ~t.INERT) and self.is_type(value, t.OBJECT):
                self.note_state(instruction)
                self.emit(h.DROP_OPERAND, t.NOTHING, [value])
        self.stack.pop()

    def _needs(self, instruction: Value, value: Value) -> bool:
        """Is the value the instruction's result, an operand of it, or in the frame that it may leave with?"""
        if instruction is value or value in instruction.args:
            return True
        return h.leaves(instruction) and instruction.state is not None and value in instruction.state.stack

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

    def type_of(self, value: Value) -> i64:
        known = self.types.get(value) if self.types else None
        if known is None:
            return value.type
        return known

    def is_type(self, value: Value, mask: i64) -> bool:
        return (self.type_of(value) & ~mask) == 0

    def may_be(self, value: Value, mask: i64) -> bool:
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
        self.note_class(value, cls)

    def note_class(self, value: Value, cls: Ref) -> None:
        self.classes = {**self.classes, value: cls}

    def note_bound(self, value: Value) -> None:
        self.bound = {*self.bound, value}

    def as_int(self, value: Value) -> Value:
        """The I64 form of an int object, guarded as far as needed."""
        known = self.unboxed.get(value)
        if known is not None:
            return known
        if value.operation == h.BOX_INT:
            return value.args[0]
        if value.operation == h.CONSTANT and value.ref is not None and type(value.ref.value) is int:
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
        if known_constant and value.ref is not None and type(value.ref.value) is float:
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

    def varies(self, instruction: Instruction) -> bool:
        """The same for what a guard saves little at: here it is enough that the interpreter has seen several kinds."""
        return instruction.misses >= MISSES_THAT_TELL or self.learnt(instruction)


# --- the walk over the blocks ------------------------------------------------------------------------------


Handler = Callable[[Builder, Instruction], None]
FOR_BODY: Final = 256  # no opcode: what a loop's body begins with
# What builds each opcode. dispatch.py fills it: that is written against Builder.
HANDLERS: Final[list[Handler | None]] = [None] * (FOR_BODY + 1)


@final
@mypyc_attr(acyclic=True)
class _Exit:
    """The abstract frame at a block's end, for its successors."""

    def __init__(self, builder: Builder) -> None:
        self.block = builder.block
        self.locals = builder.locals
        self.stack = builder.stack
        self.classes = builder.classes
        self.layouts = builder.layouts
        self.facts = Facts(builder.types, builder.unboxed, builder.bound)
        self.facts_at_raise = builder.facts_at_raise
        self.unchecked = builder.unchecked


def build_function(
    snapshot: Snapshot, world: World, loop_entries: frozenset[int] = NO_ENTRIES, loop: Loop | None = None
) -> Function:
    """The HIR of a function. Raises Unsupported where it must stay in the interpreter as a whole.

    `loop_entries`: the code units of loop headers that can be entered from outside as well. `loop`: build nothing but
    this loop, entered at its header; everything behind it leaves.
    """
    if not snapshot.flags & CO_OPTIMIZED and loop is None:
        raise Unsupported("module or class body")
    instructions = decode(snapshot)
    if len(instructions) > MOST_INSTRUCTIONS:
        raise Unsupported("too large")
    generator = snapshot.flags & (CO_GENERATOR | CO_COROUTINE | CO_ASYNC_GENERATOR) != 0
    if generator and loop is not None:
        raise Unsupported("a generator's loop")  # its resumptions are compiled instead
    if loop is not None:
        flow = build_loop_flow(instructions, loop.unit, world.met())
    else:
        flow = build_flow(instructions, snapshot.argument_slots, world.met())
    builder = Builder(snapshot, world)
    builder.instructions = instructions
    function = builder.function
    function.slot_count = function.frame_slots = len(snapshot.slot_names)
    function.argument_slots = snapshot.argument_slots if loop is None else 0
    function.generator = generator
    function.instruction_count = len(instructions)
    built = False
    try:
        _build_blocks(builder, flow, loop_entries, loop)
        built = True
    finally:
        if not built:
            dissolve([*function.blocks, *builder.placed, builder.block], function.phis)
        dissolve_flow(flow)
    return function


def _build_blocks(
    builder: Builder, flow: list[FlowBlock], loop_entries: frozenset[int], loop: Loop | None
) -> None:
    function = builder.function
    blocks = [HirBlock(i) for i in range(len(flow))]
    function.blocks = blocks
    for source, block in zip(flow, blocks):
        block.offset = source.start
        block.loop_depth = source.loop_depth
        block.loop_header = source.loop_header
        block.cold = source.cold
        if source.dominator is not None and source.dominator.number >= 0:
            block.dominator = blocks[source.dominator.number]
    walk = _Walk(flow, blocks, loop_entries)
    for source, block in zip(flow, blocks):
        builder.block = block
        builder.facts_at_raise = None
        if source.number == 0 and loop is not None:
            builder.loop_alone = True
            builder.loop_stack = loop.stack
            _find_global_slots(builder, flow, loop)
            _enter_loop(builder, block, loop, flow[1].stored)
        elif source.number == 0:
            if source.loop_header:
                raise Unsupported("loop to the start")
            _enter_function(builder)
        elif source.suspended is not None:
            types = builder.resumed_stacks.get(source.start)
            if types is None:
                continue  # behind a suspension that is left to the interpreter
            open_entry(builder, block, source.start, source.bound, types)
        elif not _enter_block(builder, walk, source):
            continue  # behind blocks that all leave
        builder.placed.append(block)
        builder.ended = False
        moved = False
        for instruction in source.instructions:
            if source.left and instruction.opcode != op.END_FOR:  # which is no place to go on
                builder.note_state(instruction)
                builder.leave(source.left)
                break
            build = HANDLERS[instruction.opcode]
            moved = only_moves(instruction.opcode) and not builder.global_slots
            if not moved:
                builder.note_state(instruction)
            handled = instruction.handled
            builder.unhandled = instruction.unhandled
            builder.handler_left = instruction.handler_left
            if handled is not None and walk.numbers.get(handled.target, -1) <= source.number:
                handled = None  # towards the start: the interpreter handles it
            builder.handled = handled
            if build is None:
                builder.leave("opcode " + op.NAMES[instruction.opcode])
            else:
                build(builder, instruction)
            if builder.ended:
                break
            body = builder.block.body
            if body and body[-1].flags & TERMINATOR != 0:
                continue
            if builder.unchecked:
                builder.check_tools(builder.state_after(instruction))
            elif builder.global_slots:
                builder.check_releases(instruction, builder.state)
        if moved:
            builder.note_state(source.instructions[-1])
        builder.handled = None
        builder.unhandled = builder.handler_left = False
        end = _Exit(builder)
        walk.ends[source.number] = end
        if builder.ended:
            continue
        block = builder.block
        last = block.body[-1].operation if block.body else -1
        if last not in (h.BRANCH, h.BRANCH_NULL, h.GOTO):
            builder.emit(h.GOTO, t.NOTHING, NO_VALUES)
        walk.exits[source.number] = end
        targets = source.successors
        if block.body[-1].operation == h.GOTO and len(targets) == 2:
            # A branch that was decided while building: imm tells which successor is left.
            targets = [targets[block.body[-1].imm]]
        for successor in targets:
            target = blocks[successor.number]
            link(block, target)
            if successor.number <= source.number:
                _close_loop(builder, target, successor)
    function.blocks = builder.placed
    for number, block in enumerate(function.blocks):
        block.number = number
    split_critical_edges(function)


@final
class _Walk:
    """The blocks built so far, by number in the flow graph."""

    def __init__(self, flow: list[FlowBlock], blocks: list[HirBlock], loop_entries: frozenset[int]) -> None:
        self.blocks = blocks
        self.loop_entries = loop_entries
        self.reached: dict[int, set[FlowBlock]] = {}  # by number: reached_from_handlers
        self.exits: list[_Exit | None] = [None] * len(flow)  # where the block has successors
        self.ends: list[_Exit | None] = [None] * len(flow)  # the same wherever it ends
        # Of the handlers, by code unit.
        self.numbers: dict[int, int] = {block.start: block.number for block in flow if block.raisers}

    def facts(self, source: FlowBlock) -> Facts:
        """What is known on every way to the block: what its dominator left, or, where an exception leads from that
        here, what was known when it could first raise."""
        dominator = source.dominator
        assert dominator is not None
        if dominator.number < 0:
            return Facts({}, {}, NOTHING)
        end = self.ends[dominator.number]
        assert end is not None
        if end.facts_at_raise is not None:
            reached = self.reached.get(dominator.number)
            if reached is None:
                reached = reached_from_handlers(dominator)
                self.reached[dominator.number] = reached
            if source in reached:
                return end.facts_at_raise
        return end.facts


def _reaches(end: _Exit | None, block: HirBlock) -> bool:
    """Not when the predecessor leaves, or has decided its branch the other way."""
    return end is not None and block in end.block.successors


def _enter_function(builder: Builder) -> None:
    snapshot = builder.snapshot
    kinds = snapshot.slot_kinds
    entry = builder.block
    builder.null.block = entry
    positional, keywords = snapshot.collected_slots()
    for slot in range(len(kinds)):
        kind = kinds[slot]
        if slot < snapshot.argument_slots:
            type_ = t.TUPLE if slot == positional else t.DICT if slot == keywords else t.OBJECT
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
    entry.entry_locals = builder.locals


def _find_global_slots(builder: Builder, flow: list[FlowBlock], loop: Loop) -> None:
    """Which globals are slots: those that the loop stores, and those that change too often to be constants."""
    builder.names = loop.names
    if loop.names == NAMES_ANYWHERE:
        return
    stores = {op.STORE_GLOBAL}
    if loop.names == NAMES_MODULE:
        stores.add(op.STORE_NAME)
    names = builder.snapshot.names
    stored: dict[str, bool] = {}  # for its order
    loaded: dict[str, bool] = {}
    for source in flow:
        if source.left:
            continue
        for instruction in source.instructions:
            if instruction.opcode in stores:
                stored[names[instruction.arg]] = True
            elif instruction.opcode == op.LOAD_GLOBAL:
                loaded[names[instruction.arg >> 1]] = True
            elif instruction.opcode == op.LOAD_NAME and loop.names == NAMES_MODULE:
                loaded[names[instruction.arg]] = True
    wanted = [*stored, *(n for n in loaded if n not in stored and builder.world.global_value(n) is None)]
    slots = builder.world.global_slots(wanted[:MOST_GLOBAL_SLOTS]) if wanted else None
    if slots is None or not slots.names:
        return
    function = builder.function
    function.globals = slots
    function.none = builder.world.ref(None)
    builder.global_slots = {name: function.frame_slots + k for k, name in enumerate(slots.names)}
    function.slot_count += len(slots.names)
    # Where they are read anew, or stored.
    changing = {builder.global_slots[name] for name in slots.names}
    for source in flow:
        if source.loop_header:
            source.stored |= changing


def _enter_loop(builder: Builder, block: HirBlock, loop: Loop, stored: set[int]) -> None:
    """Begins a function that is nothing but a loop: a start that nobody comes to, and the entry in front of the header.

    What the frame holds is of known types. Numbers that the loop changes go in unboxed."""
    function = builder.function
    start = HirBlock(0)
    builder.block = start
    builder.null.block = start
    builder.locals = [builder.null] * function.slot_count
    start.entry_locals = builder.locals
    builder.state = FrameState(0, 0, builder.locals, ())
    builder.leave("start")
    builder.placed.append(start)
    function.blocks = [start, *function.blocks]
    open_entry(builder, block, loop.unit, 0, [t.NULLABLE] * len(loop.stack))
    known_types = loop.slots if function.globals is None else [*loop.slots, *function.globals.types]
    for slot, known in enumerate(known_types):
        if known:
            builder.locals[slot].type = known
    for depth, known in enumerate(loop.stack):
        if known:
            builder.stack[depth].type = known
    builder.state = FrameState(loop.unit, loop.unit, builder.locals, builder.stack_now())
    if builder.world.learnt(loop.unit):
        return
    for slot, known in enumerate(known_types):
        local = builder.locals[slot]
        if known == t.INT:
            number = builder.as_int(local)
            if slot in stored:
                builder.store_local(slot, builder.box_int(number))
        elif known == t.FLOAT:
            number = builder.as_float(local)
            if slot in stored:
                builder.store_local(slot, builder.box_float(number))


def open_entry(builder: Builder, block: HirBlock, unit: int, bound: int, types: list[int]) -> None:
    """Begins a block where the function can be entered from outside: everything comes from the frame's memory.

    `bound`: bits of the slots that are surely bound. Nothing else is known of locals; the operand stack has entries of
    these types, which are ours from here on. (Whoever enters may come from the interpreter: nothing that compiled code
    has found out about them holds.)
    """
    block.offset = unit
    block.entry_depth = len(types)
    builder.block = block
    builder.ended = False
    builder.unchecked = False  # whoever enters has looked
    builder.types = {}
    builder.unboxed = {}
    builder.bound = NOTHING
    builder.classes = NO_CLASSES
    builder.layouts = NOTHING
    kinds = builder.snapshot.slot_kinds
    locals_: list[Value] = []
    for slot in range(builder.function.slot_count):
        if slot >= builder.function.frame_slots:
            type_ = t.OBJECT
        else:
            type_ = t.CELL if kinds[slot] & KIND_FREE else t.OBJECT if bound >> slot & 1 else t.NULLABLE
        local = builder.emit(h.PARAMETER, type_, [])
        local.imm = slot
        locals_.append(local)
    builder.locals = locals_
    block.entry_locals = locals_
    stack: list[Value] = []
    for index, type_ in enumerate(types):
        operand = builder.emit(h.ENTRY_OPERAND, type_, [])
        operand.imm = index
        stack.append(operand)
    builder.stack = stack


def entry_types(stack: list[Value]) -> list[int]:
    """What is always true of such an operand stack, whoever has run the function so far."""
    return [t.LASTI if value.type == t.LASTI else t.NULLABLE for value in stack]


def _loop_entry(builder: Builder, source: FlowBlock, stack: list[int]) -> _Exit:
    """A block that enters the loop from outside, one more predecessor of its header."""
    header = builder.block
    open_entry(builder, HirBlock(-1), source.start, 0, stack)
    builder.emit(h.GOTO, t.NOTHING, NO_VALUES)
    builder.placed.append(builder.block)
    return _way_to(builder, header)


def _way_to(builder: Builder, target: HirBlock) -> _Exit:
    """The current block, which ends in a GOTO, leads to the target, which becomes the current one."""
    link(builder.block, target)
    end = _Exit(builder)
    builder.block = target
    return end


def _enter_block(builder: Builder, walk: _Walk, source: FlowBlock) -> bool:
    """Sets up the abstract frame at the block's start. False: nothing leads there."""
    block = builder.block
    ends: list[_Exit] = []
    # One edge for each predecessor block, in the order they were (or will be) linked.
    for predecessor in source.predecessors:
        exit_ = walk.exits[predecessor.number]
        if _reaches(exit_, block):
            assert exit_ is not None
            ends.append(exit_)
    if source.start in builder.raises:
        ways = builder.raises.pop(source.start)
        untraced = [way for way in ways if way.exception is None]
        if untraced:
            ends.append(_catch(builder, source, untraced))
        for way in ways:
            if way.exception is not None:
                assert way.lasti is not None
                builder.block = way.block
                builder.locals = way.locals
                builder.stack = [*way.stack, *([way.lasti] if way.handled.lasti else []), way.exception]
                ends.append(_way_to(builder, block))
    if not ends:
        return False
    if source.loop_header and source.start in walk.loop_entries:
        ends.append(_loop_entry(builder, source, entry_types(ends[0].stack)))
    builder.unchecked = any(end.unchecked for end in ends)
    block.globals_changed = builder.unchecked
    facts = walk.facts(source)
    builder.types = dict(facts.types)
    builder.unboxed = dict(facts.unboxed)
    builder.bound = facts.bound
    first = ends[0]
    if len(ends) == 1 and not source.loop_header:
        builder.classes = first.classes
        builder.layouts = first.layouts
        builder.locals = first.locals
        builder.stack = list(first.stack)
        block.entry_locals = builder.locals
    else:
        _join(builder, walk, source, ends)
    _begin_block(builder, source)
    return True


def _begin_block(builder: Builder, source: FlowBlock) -> None:
    """What the end of the block before has left to be done."""
    if source.predecessors and source.predecessors[0].instructions:
        before = source.predecessors[0]
        if before.instructions[-1].opcode == op.FOR_ITER and before.successors[0] is source:
            enter = HANDLERS[FOR_BODY]
            assert enter is not None
            enter(builder, before.instructions[-1])
    first = source.instructions[0]
    if builder.unchecked and first.opcode not in (op.END_FOR, op.YIELD_VALUE):
        # FOR_ITER or SEND escaped and ended its block. (END_FOR's stack exists for the builder only; at a `yield` the
        # activation ends before anything is relied upon.)
        builder.check_tools(FrameState(first.start, first.offset, builder.locals, builder.stack_now()))


def _catch(builder: Builder, source: FlowBlock, ways: list[Raise]) -> _Exit:
    """The block in front of a handler: from all that raise to it. It takes the exception, as the interpreter does."""
    handler = builder.block
    block = HirBlock(-1)
    block.offset = source.start
    block.loop_depth = source.loop_depth
    block.cold = True
    builder.block = block
    for way in ways:
        link(way.block, block)
    first = ways[0]
    builder.locals = _join_lists(builder, [way.locals for way in ways], True)
    builder.stack = _join_lists(builder, [list(way.stack) for way in ways], False)
    block.entry_locals = builder.locals
    depth = len(builder.stack)
    builder.state = FrameState(first.unit, first.unit, builder.locals, builder.stack_now())
    exception = builder.emit(h.CATCH, t.OTHER, [])
    exception.keep = depth
    if first.handled.lasti:
        builder.stack.append(builder.emit(h.SECOND, t.LASTI, [exception]))
    builder.stack.append(exception)
    builder.classes = NO_CLASSES
    builder.layouts = NOTHING
    block.globals_changed = True
    builder.unchecked = bool(builder.global_slots)  # else CATCH has looked
    builder.emit(h.GOTO, t.NOTHING, NO_VALUES)
    builder.placed.append(block)
    return _way_to(builder, handler)


def _join(builder: Builder, walk: _Walk, source: FlowBlock, ends: list[_Exit]) -> None:
    """Several ways lead here: what differs between them becomes a phi; in a loop's header, what the loop changes."""
    block = builder.block
    entries = walk.loop_entries
    # Where the frame is read anew within a loop, anything may come along the back edge.
    anew = source.anew or (
        bool(entries) and any(member.start in entries and member.loop_header for member in source.members)
    )
    builder.classes = NO_CLASSES
    builder.layouts = NOTHING
    locals_ = _join_lists(builder, [end.locals for end in ends], True, anew, source.stored)
    builder.locals = locals_
    builder.stack = _join_lists(builder, [end.stack for end in ends], False, anew)
    block.entry_locals = locals_
    if source.loop_header:
        builder.header_stacks[source.number] = list(builder.stack)


def _join_lists(
    builder: Builder, ways: list[list[Value]], local: bool, anew: bool = False, changing: set[int] = NO_SLOTS
) -> list[Value]:
    """What a list of values becomes where ways join: a phi stands for what differs, for what is `changing`, and for
    everything where it is `anew`. `local`: these are the locals, else the stack."""
    first = ways[0]
    result = list(first)
    for position in range(len(first)):
        always = anew or (len(changing) > 0 and position in changing)
        if always or _differs(ways, position):
            result[position] = _merge(builder, ways, position, always, position if local else -1)
    return result


def _differs(ways: list[list[Value]], position: i64) -> bool:
    value = ways[0][position]
    return any(way[position] is not value for way in ways)


def _merge(builder: Builder, ways: list[list[Value]], position: i64, always: bool, slot: int) -> Value:
    """A phi. Where the ways do not all lead here yet (`always`) it may be anything."""
    incoming = [way[position] for way in ways]
    phi = builder._leaf(h.PHI, t.NULLABLE)
    phi.args = incoming
    phi.imm = slot
    phi.block = builder.block
    if not always or incoming[0].type == t.LASTI:
        phi.type = 0
        for value in incoming:
            phi.type |= value.type
    add_phi(builder.function, builder.block, phi)
    return phi


def _close_loop(builder: Builder, header: HirBlock, source: FlowBlock) -> None:
    """A back edge: gives the header's phis their inputs along it."""
    if builder.unchecked and builder.global_slots:
        raise Unsupported("back edge unchecked")
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
