"""Lowers HIR to LIR: each operation becomes the few machine-like instructions it stands for.

This file holds what all operations share: registers of values, blocks, exits made from frame states, and the walk.
The operations stand in `lower_values.py`, `lower_floats.py`, `lower_memory.py`, `lower_calls.py`, one table row each.
"""

from __future__ import annotations

from pyston.compiler.artifact import (
    DEST_DROP,
    DEST_GLOBAL,
    EXIT_ERROR,
    EXIT_GUARD,
    EXIT_LEAVE,
    EXIT_RAISED,
    EXIT_RERAISE,
    EXIT_SYNC,
    EXIT_UNWIND,
    NO_ENTRIES,
    REPR_BOOL,
    REPR_BORROWED,
    REPR_F64,
    REPR_I64,
    REPR_LOCAL_INT,
    REPR_NULL,
    REPR_OWNED,
    REPR_RAW,
    WHERE_CONST,
    WHERE_IMM,
    ExitEntry,
    ExitRecord,
)
from pyston.compiler.hir import types as t
from pyston.compiler.hir import values as h
from pyston.compiler.hir.values import NO_VALUES, Function, HirBlock, Value, resolve
from pyston.compiler.lir import instructions as lir
from pyston.compiler.lir.instructions import GPR, XMM, Block, Code, Lir, in_register
from pyston.compiler.lir.layout import FRAME_LOCALS
from pyston.compiler.lir.virtual_registers import VirtualRegister
from pyston.compiler.native import Callable, Final, final, i64
from pyston.compiler.world import Ref, World

_CONDITIONS: Final = frozenset(
    (
        h.INT_COMPARE,
        h.FLOAT_COMPARE,
        h.IS,
        h.INT_TRUTH,
        h.SIZE_TRUTH,
        h.NOT,
        h.RANGE_HAS_NEXT,
        h.LIST_ITER_HAS_NEXT,
        h.TUPLE_ITER_HAS_NEXT,
    )
)


@final
class Lowering:
    def __init__(self, function: Function, world: World, counting: bool) -> None:
        self.function = function
        self.world = world
        self.counting = counting
        self.code = Code()
        self.block = Block(0)
        self.hir_block = function.blocks[0]
        self.blocks: list[Block] = []  # by number of the block in HIR
        self.slots_written = [False] * function.slot_count
        self.slots_refilled: set[int] = set()  # that are given a value which was read from a slot
        self.errors: dict[Value, Lir] = {}  # of what is caught: the check that it went well
        self.deferring = False  # some slot's memory may be stale

    # --- registers -----------------------------------------------------------------------------------------

    def new(self, cls: i64 = GPR) -> i64:
        return self.code.new_register(cls)

    def registers(self, first: int, second: int = -1, third: int = -1) -> list[VirtualRegister]:
        """As arguments of a call."""
        registers = self.code.registers
        return [registers[number] for number in (first, second, third) if number >= 0]

    def define(self, value: Value) -> i64:
        register = value.register
        if register < 0:
            register = self.code.new_register(XMM if value.type == t.F64 else GPR)
            value.register = register
        return register

    def use(self, value: Value) -> i64:
        """The register that holds a value; constants are made on the spot."""
        register = value.register
        if register >= 0:
            return register
        operation = value.operation
        if operation == h.CONSTANT:
            assert value.ref is not None
            return self.constant(value.ref)
        if operation == h.NULL:
            return self.immediate(0)
        if operation == h.INT_CONSTANT:
            return self.immediate(value.imm)
        raise AssertionError(f"{h.OPERATIONS[operation].name} v{value.number} has no register")

    def immediate(self, number: int) -> int:
        register = self.new()
        self.emit(Lir(lir.IMM, register, -1, -1, number))
        return register

    def constant(self, ref: Ref) -> int:
        register = self.new()
        self.emit(Lir(lir.CONST, register, -1, -1, self.constant_index(ref)))
        return register

    def constant_index(self, ref: Ref) -> i64:
        code = self.code
        if ref.constants is code.constants:
            return ref.index
        index: i64 = len(code.constants)
        code.constants.append(ref.value)
        code.constant_addresses.append(ref.address)
        ref.constants = code.constants
        ref.index = index
        return index

    def cell(self, size: int, name: Ref) -> int:
        """Reserves an inline cache cell whose first word points to the name; its address in a register."""
        offset = self.code.cell_bytes
        self.code.cell_bytes = offset + size
        self.code.cell_names.append((offset, name.value))
        self.constant_index(name)  # keeps it alive
        register = self.new()
        self.emit(Lir(lir.CELL, register, -1, -1, offset))
        return register

    # --- instructions ---------------------------------------------------------------------------------------

    def emit(self, instruction: Lir) -> Lir:
        self.block.body.append(instruction)
        return instruction

    def op(self, operation: int, a: int, b: int = -1, imm: int = 0, cls: int = GPR) -> int:
        """Emits `new = operation a, b or imm` and returns the new register."""
        register = self.code.new_register(cls)
        self.block.body.append(Lir(operation, register, a, b, imm))
        return register

    def load(self, base: int, disp: int, width: int = 8) -> int:
        register = self.new()
        self.load_into(register, base, disp, width)
        return register

    def load_into(self, register: int, base: int, disp: int, width: int = 8) -> None:
        instruction = Lir(lir.LOAD, register, base)
        instruction.disp = disp
        instruction.width = width
        self.block.body.append(instruction)

    def store(self, base: int, disp: int, source: int, width: int = 8) -> None:
        instruction = Lir(lir.STORE, -1, base, source)
        instruction.disp = disp
        instruction.width = width
        self.block.body.append(instruction)

    def store_immediate(self, base: int, disp: int, number: int, width: int = 8) -> None:
        instruction = Lir(lir.STORE, -1, base, -1, number)
        instruction.disp = disp
        instruction.width = width
        self.block.body.append(instruction)

    def store_constant(self, base: int, disp: int, ref: Ref) -> None:
        """Stores a constant as a borrowed stack reference (bit 0 set)."""
        instruction = Lir(lir.STORE_CONST, -1, base, -1, self.constant_index(ref))
        instruction.disp = disp
        instruction.c = 1
        self.block.body.append(instruction)

    def move(self, target: int, source: int) -> None:
        operation: i64 = lir.FMOV if self.code.registers[target].xmm else lir.MOV
        self.block.body.append(Lir(operation, target, source))

    def slot_offset(self, slot: int) -> int:
        return FRAME_LOCALS + 8 * slot

    # --- blocks ---------------------------------------------------------------------------------------------

    def new_block(self, cold: bool = False) -> Block:
        """A block to be placed by `start`."""
        block = Block(-1, cold)
        block.loop_depth = self.block.loop_depth
        block.offset = self.block.offset
        return block

    def start(self, block: Block) -> None:
        block.number = len(self.code.blocks)
        self.code.blocks.append(block)
        self.block = block

    def successor(self, index: i64) -> Block:
        """What has become of the HIR block's successor."""
        return self.blocks[self.hir_block.successors[index].number]

    def jump(self, target: Block) -> None:
        instruction = Lir(lir.JUMP)
        instruction.then = target
        self.block.body.append(instruction)

    def branch(self, cc: int, a: int, b: int, imm: int, then: Block, other: Block) -> None:
        instruction = Lir(lir.BRANCH, -1, a, b, imm)
        instruction.cc = cc
        instruction.then = then
        instruction.other = other
        self.block.body.append(instruction)

    def branch_memory(
        self, cc: int, base: int, disp: int, b: int, imm: int, then: Block, other: Block, width: int = 8
    ) -> None:
        instruction = Lir(lir.BRANCH_MEM, -1, base, b, imm)
        instruction.disp = disp
        instruction.width = width
        instruction.cc = cc
        instruction.then = then
        instruction.other = other
        self.block.body.append(instruction)

    # --- guards and exits -----------------------------------------------------------------------------------

    def check(self, cc: int, a: int, b: int, imm: int, exit_: ExitRecord) -> None:
        instruction = Lir(lir.CHECK, -1, a, b, imm)
        instruction.cc = cc
        instruction.exit = exit_
        self.block.body.append(instruction)

    def check_memory(
        self, cc: int, base: int, disp: int, b: int, imm: int, exit_: ExitRecord, width: int = 8
    ) -> None:
        instruction = Lir(lir.CHECK_MEM, -1, base, b, imm)
        instruction.disp = disp
        instruction.width = width
        instruction.cc = cc
        instruction.exit = exit_
        self.block.body.append(instruction)

    def check_memory_constant(self, base: int, disp: int, ref: Ref, exit_: ExitRecord) -> None:
        instruction = Lir(lir.CHECK_MEM_CONST, -1, base, -1, self.constant_index(ref))
        instruction.disp = disp
        instruction.cc = lir.CC_E
        instruction.exit = exit_
        self.block.body.append(instruction)

    def guard_exit(self, value: Value) -> ExitRecord:
        """Leaves before the bytecode the value belongs to."""
        return self.make_exit(value, EXIT_GUARD, value.reason or h.OPERATIONS[value.operation].name)

    def make_exit(self, value: Value, kind: int, reason: str) -> ExitRecord:
        state = value.state
        assert state is not None
        stack = state.stack
        depth: i64 = len(stack)
        held = value.held
        if kind in (EXIT_ERROR, EXIT_RERAISE, EXIT_RAISED):
            depth = min(depth, value.keep)
            if value.held_on_error is not None:
                held = value.held_on_error
        if depth == 0 and value.deferred is None and not held:
            return ExitRecord(kind, state.offset, state.lasti, 0, reason, NO_ENTRIES)
        if held is not None:
            for item in held:
                item.recipes += 1
        entries: list[ExitEntry] = []
        base: i64 = self.function.frame_slots
        for place in range(depth):
            entries.append(self._entry(base + place, resolve(stack[place])))
        if value.deferred is not None:
            for slot, item in value.deferred:
                entries.append(self._entry(self.destination(slot), resolve(item)))
        if held is not None:
            for item in held:
                if item.recipes > 0:
                    item.recipes -= 1
                    entries.append(in_register(DEST_DROP, REPR_OWNED, item.register))
        return ExitRecord(kind, state.offset, state.lasti, depth, reason, entries)

    def destination(self, slot: int) -> int:
        """A slot as a recipe names it."""
        frame_slots = self.function.frame_slots
        return slot if slot < frame_slots else DEST_GLOBAL + slot - frame_slots

    def _entry(self, dest: i64, value: Value) -> ExitEntry:
        operation = value.operation
        if operation == h.NULL:
            return ExitEntry(dest, REPR_NULL, WHERE_IMM, 0)
        if operation == h.CONSTANT:
            assert value.ref is not None
            return ExitEntry(dest, self._ownership(value), WHERE_CONST, self.constant_index(value.ref))
        if value.type == t.LASTI:
            if operation == h.INT_CONSTANT:
                return ExitEntry(dest, REPR_RAW, WHERE_IMM, value.imm)
            return in_register(dest, REPR_RAW, value.register)
        if value.block is None:
            # A box that lives in frame states only: what is in it decides.
            number = value.args[0]
            if operation == h.LOCAL_INT:
                return in_register(dest, REPR_LOCAL_INT, number.register)
            kind = REPR_I64 if value.type == t.INT else REPR_F64 if value.type == t.FLOAT else REPR_BOOL
            if number.operation == h.INT_CONSTANT:
                return ExitEntry(dest, kind, WHERE_IMM, number.imm)
            return in_register(dest, kind, number.register)
        return in_register(dest, self._ownership(value), value.register)

    def _ownership(self, value: Value) -> i64:
        """A reference that is held goes into the first entry that wants the value. (A constant is held where what takes
        it over comes behind the guard.)"""
        if value.recipes > 0:
            value.recipes -= 1
            return REPR_OWNED
        return REPR_BORROWED

    def sync_exit(self, value: Value) -> ExitRecord | None:
        """For cold work behind `value` that may look at the frame: its deferred locals are made true."""
        state = value.state
        if state is None:
            return None
        entries = NO_ENTRIES
        if value.deferred is not None:
            entries = [self._entry(self.destination(slot), resolve(item)) for slot, item in value.deferred]
        return ExitRecord(EXIT_SYNC, state.offset, state.lasti, 0, "sync", entries)

    def leave_exit(self, value: Value, reason: str) -> ExitRecord:
        return self.make_exit(value, EXIT_LEAVE, reason)

    def check_error(
        self, value: Value, cc: int, register: int, width: int = 8, kind: int = EXIT_ERROR
    ) -> None:
        """`register cc 0` says that the instruction went well: else it leaves, or its handler is here."""
        check = Lir(lir.CHECK, -1, register)
        check.cc = cc
        check.width = width
        if value.caught:
            self.errors[value] = check
            return
        check.exit = self.make_exit(value, kind, value.reason or "error")
        if value.unhandled and not check.exit.entries:
            check.exit.kind = EXIT_UNWIND
        self.emit(check)

    # --- reference counts -----------------------------------------------------------------------------------

    def release(self, register: int, type_: int, at: Value, tagged: bool = False) -> None:
        """Gives up a reference. What may run other code when freed syncs the frame first."""
        if type_ and not type_ & ~t.UNCOUNTED:
            return
        if tagged:
            operation = lir.DECREF_TAGGED
        elif type_ & t.NULL or not type_:
            operation = lir.XDECREF
        else:
            operation = lir.DECREF
        instruction = Lir(operation, -1, register)
        if not type_ or type_ & ~t.INERT:
            if at.deferred or self.function.globals is not None:
                instruction.exit = self.sync_exit(at)
            elif at.state is not None:
                # Freeing may run a finalizer, which sees this frame: only its position can be out of date.
                self.set_position(at)
        self.block.body.append(instruction)

    def set_position(self, value: Value, back: int = 0) -> None:
        """The frame's instr_ptr, before code that could look; `back` code units before the instruction."""
        state = value.state
        assert state is not None
        instruction = Lir(lir.INSTR_PTR, -1, -1, -1, state.lasti - back)
        instruction.disp = back  # the helper reads it, to move it on
        self.block.body.append(instruction)


Lowerer = Callable[[Lowering, Value], None]
# By HIR operation. lower_table.py fills it: what lowers them is written against Lowering.
LOWERERS: Final[list[Lowerer]] = []


def lower_function(function: Function, world: World, counting: bool = False) -> Code:
    """`counting`: also count each call in the runtime's statistics.

    What is lowered leaves its block: nobody needs most instructions then, and LIR gets their memory (runtime/pool.c).
    """
    lowering = Lowering(function, world, counting)
    _find_fused(function)
    for block in function.blocks:
        target = Block(-1, block.cold)
        target.loop_depth = block.loop_depth
        target.offset = block.offset
        if block.entry_depth >= 0:
            target.entry_depth = block.entry_depth
            for slot, local in enumerate(block.entry_locals):
                if local.type != t.NULL:
                    lowering.slots_written[slot] = True
        lowering.blocks.append(target)
        for value in block.body:
            operation = value.operation
            if operation in (h.STORE_LOCAL, h.TAKE_LOCAL):
                lowering.slots_written[value.imm] = True
                if value.args and value.args[0].operation in (h.PARAMETER, h.PHI):
                    lowering.slots_refilled.add(value.imm)
            elif operation == h.DEFER_LOCAL:
                lowering.deferring = True
            elif operation in (h.FLUSH_LOCAL, h.SETTLE_LOCAL):
                lowering.slots_written[value.imm] = True
    for block in function.blocks:
        lowering.hir_block = block
        lowering.start(lowering.blocks[block.number])
        for phi in block.phis:
            lowering.define(phi)
        last = block.body[-1]
        for value in block.body:
            if value.fused:
                continue
            if value is last:
                _move_to_phis(lowering, block)
            LOWERERS[value.operation](lowering, value)
        block.body = NO_VALUES
    lowering.code.entries = [lowering.blocks[block.number] for block in function.entries()]
    return lowering.code


def _find_fused(function: Function) -> None:
    """Conditions that only the branch right behind them uses need no register of their own."""
    for block in function.blocks:
        for phi in block.phis:
            for value in phi.args:
                value.uses += 1
        for instruction in block.body:
            for value in instruction.args:
                if value.type == t.CBOOL:
                    value.uses += 1
            state = instruction.state
            if function.truths_in_states and state is not None and instruction.held is not None:
                for entry in state.stack:
                    entry = resolve(entry)
                    if entry.operation == h.BOX_BOOL and entry.block is None:
                        entry.args[0].uses = 2
    for block in function.blocks:
        before: Value | None = (
            None  # a condition that nothing else uses than the next instruction, if it is to be fused
        )
        for value in block.body:
            if before is not None:
                operation = value.operation
                if (operation == h.BRANCH or operation == h.NOT) and value.args[0] is before:
                    before.fused = True
                elif before.operation == h.NOT:
                    # Fused only together with what it negates.
                    before.args[0].fused = False
                before = None
            if value.type == t.CBOOL:
                if value.uses == 1 and value.operation in _CONDITIONS:
                    before = value
                elif value.operation == h.NOT:
                    value.args[0].fused = False


def _move_to_phis(lowering: Lowering, block: HirBlock) -> None:
    """Gives the successor's phis their values: all at once, so what a move would overwrite is copied first."""
    if len(block.successors) != 1:
        return
    target = block.successors[0]
    if not target.phis:
        return
    position = target.predecessors.index(block)
    for phi in target.phis:
        if phi.args[position] is not phi:
            lowering.define(phi)
    copied: list[tuple[int, int]] = []
    for phi in target.phis:
        source = phi.args[position]
        if source is not phi and _is_overwritten(source, target, position):
            register = lowering.define(phi)
            copy = lowering.new(XMM if lowering.code.registers[register].xmm else GPR)
            lowering.move(copy, lowering.use(source))
            copied.append((register, copy))
    for phi in target.phis:
        source = phi.args[position]
        if source is not phi and not _is_overwritten(source, target, position):
            lowering.move(lowering.define(phi), lowering.use(source))
    for register, copy in copied:
        lowering.move(register, copy)


def _is_overwritten(value: Value, target: HirBlock, position: i64) -> bool:
    """Is it a phi of the target's that gets another value on this edge?"""
    return value.operation == h.PHI and value.block is target and value.args[position] is not value
