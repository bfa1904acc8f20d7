"""The state of emission, and how operands are reached.

Everything else in this folder is functions over an `Emitter`: one file for each family of instructions.
This file knows where values are (`Allocation.place`) and turns a virtual register into a machine register,
a memory operand or an immediate, whichever is shortest.

r11 and xmm15 are scratch. `scratch_value` says which virtual register's value r11 happens to hold, so that
a spilled value used several times in a row is loaded once; whatever writes r11 calls `claim` first.

Jumps and references into later code go to *labels*: numbers whose position becomes known when they are
`bind`-ed. Long forms are written at first; `branches.relax` shrinks what turned out to be near.
"""

from __future__ import annotations

from typing import Final, final

from pyston.compiler.artifact import (
    RELOC_CELL_REL32,
    RELOC_CHECKED_REL32,
    RELOC_CONST_ABS32,
    RELOC_HELPER_REL32,
    RELOC_PRESERVING_REL32,
    Artifact,
    Relocation,
)
from pyston.compiler.lir import instructions as lir
from pyston.compiler.lir.allocate import AGAIN, SPILL, Allocation
from pyston.compiler.lir.instructions import Block, Code, Lir
from pyston.compiler.native import i64
from pyston.compiler.x86_64 import encoder as x
from pyston.compiler.x86_64.encoder import Assembler, W
from pyston.compiler.x86_64.registers import NAMES, R11, R15, RBX, RSP

# A base register that is none: the operand is [rip + cell].
RIP: Final = 16

# Kinds of label references. All are 4-byte holes relative to their own end.
REF_CALL: Final = 0  # call, or a rip-relative operand: never shrinks
REF_JMP: Final = 1
REF_JCC: Final = 2
REF_SHORT: Final = 3  # a jump with a hole of one byte


@final
class Stub:
    """A piece of cold code that a hot instruction jumps to; see exits.py for the kinds."""

    def __init__(self, kind: int, label: int, back: int, exit_index: int, register: int) -> None:
        self.kind = kind
        self.label = label
        self.back = back  # label to go back to, or -1
        self.exit_index = exit_index
        self.register = register  # of the object to free, or -1
        self.undo: Lir | None = None  # an addition or subtraction to take back before leaving


@final
class Emitter:
    def __init__(self, code: Code, allocation: Allocation) -> None:
        self.code = code
        self.allocation = allocation
        self.place = allocation.place
        self.definition = allocation.liveness.definition
        self.hint_to = allocation.liveness.hint_to
        self.position_known = -1  # what frame->instr_ptr holds, in code units, or -1
        self.asm = Assembler()
        self.artifact = Artifact()
        self.relocations = self.artifact.relocations
        self.helper_numbers: dict[str, int] = {}
        self.labels: list[int] = [-1] * len(allocation.order)  # those of the blocks come first
        self.reference_at: list[int] = []
        self.reference_to: list[int] = []
        self.reference_kind: list[int] = []
        self.scratch_value = -1
        self.bias = 0  # bytes pushed below the body's stack pointer at the moment
        self.rip_target = 0  # of the operand whose base is RIP
        self.block: Block = allocation.order[0]
        self.next_block: Block | None = None
        self.stubs: list[Stub] = []
        self.exit_stub: list[int] = []  # by exit index: label of its plain stub, or -1
        self.leave_tail = -1
        self.near_tail = -1  # a jump to the tail that may be within reach of a short jump
        self.sync_tail = -1
        self.unwind_tail = -1
        self.tools_routine = -1
        self.decref_labels: dict[int, int] = {}
        self.pool_constant: list[int] = [-1] * (2 * len(code.constants))  # by 2 * index + tag
        self.pool_bits: dict[int, int] = {}
        self.has_pool = False
        self.has_xmms = lir.XMM in code.classes
        self.epilogue = -1
        self.line_positions: list[int] = []
        self.line_units: list[int] = []
        self.cold_instruction = 0
        self.move_source: list[int] = [-1] * 32

    # --- labels, references, relocations ------------------------------------------------------------------

    def new_label(self) -> int:
        self.labels.append(-1)
        return len(self.labels) - 1

    def bind(self, label: int) -> None:
        self.labels[label] = self.asm.here()

    def refer(self, kind: i64, position: i64, label: i64) -> None:
        self.reference_at.append(position)
        self.reference_to.append(label)
        self.reference_kind.append(kind)

    def jump(self, label: int) -> None:
        position: i64 = self.labels[label]
        if position >= 0:
            distance = position - (self.asm.here() + 2)
            if distance >= -128:
                self.asm.put(0xEB, 2)
                self.refer(REF_SHORT, self.asm.here() - 1, label)
                return
        self.refer(REF_JMP, self.asm.jmp_rel(), label)

    def jump_if(self, cc: i64, label: int) -> None:
        position: i64 = self.labels[label]
        if position >= 0:
            distance = position - (self.asm.here() + 2)
            if distance >= -128:
                self.asm.put(0x70 | cc, 2)
                self.refer(REF_SHORT, self.asm.here() - 1, label)
                return
        self.refer(REF_JCC, self.asm.jcc_rel(cc), label)

    def call_label(self, label: int) -> None:
        self.refer(REF_CALL, self.asm.call_rel(), label)

    def relocate(self, kind: i64, position: i64, target: i64, addend: i64) -> None:
        self.relocations.append(Relocation(kind, position, target, addend))

    def helper(self, name: str) -> int:
        number = self.helper_numbers.get(name, -1)
        if number < 0:
            number = len(self.helper_numbers)
            self.helper_numbers[name] = number
            self.artifact.helpers.append(name)
        return number

    def call_helper(self, name: str) -> None:
        self.relocate(RELOC_HELPER_REL32, self.asm.call_rel(), self.helper(name), 0)

    def decref_helper(self, register: i64) -> str:
        """The runtime's routine that gives up the reference in the register, and preserves what is in use here."""
        return "decref_" + NAMES[register] + ("" if self.has_xmms else "_gprs")

    def call_checked(self, name: str, kind: int) -> None:
        """Calls the helper's checked entry; the exit's number must follow."""
        self.relocate(RELOC_CHECKED_REL32, self.asm.call_rel(), self.helper(name), kind)

    def jump_helper(self, name: str) -> None:
        self.relocate(RELOC_HELPER_REL32, self.asm.jmp_rel(), self.helper(name), 0)

    def call_preserving(self, name: str) -> None:
        self.relocate(RELOC_PRESERVING_REL32, self.asm.call_rel(), self.helper(name), 0)

    # --- constants ----------------------------------------------------------------------------------------

    def constant_fits(self, index: int) -> bool:
        """Whether the object's address is an immediate: 31 bits, the same sign-extended or not."""
        addresses = self.code.constant_addresses
        return index < len(addresses) and 0 < addresses[index] <= 0x7FFFFFF0

    def pooled_constant(self, index: int, tag: int) -> int:
        """Label of a word behind the code that holds the object's address (+ 1: borrowed)."""
        label = self.pool_constant[2 * index + tag]
        if label < 0:
            self.has_pool = True
            label = self.new_label()
            self.pool_constant[2 * index + tag] = label
        return label

    def pooled_bits(self, bits: int) -> int:
        """Label of a word behind the code that holds these 64 bits."""
        bits &= 0xFFFFFFFFFFFFFFFF
        label = self.pool_bits.get(bits, -1)
        if label < 0:
            self.has_pool = True
            label = self.new_label()
            self.pool_bits[bits] = label
        return label

    def rip_label(self, op: i64, reg: i64, label: int, w: i64) -> None:
        """`op reg, [label]`"""
        self.refer(REF_CALL, self.asm.rip(op, reg, w), label)

    def put_constant32(self, index: int, tag: int) -> None:
        """Four immediate bytes: the object's address (which fits)."""
        position = self.asm.here()
        self.asm.put4(0)
        self.relocate(RELOC_CONST_ABS32, position, index, tag)

    def constant_into(self, register: i64, index: int) -> None:
        if self.constant_fits(index):
            self.relocate(RELOC_CONST_ABS32, self.asm.mov32_hole(register), index, 0)
        else:
            self.rip_label(x.MOV_LOAD, register, self.pooled_constant(index, 0), W)

    def make_again(self, register: i64, ins: Lir) -> None:
        """Executes a constant's definition, but into `register`."""
        op = ins.op
        if op == lir.IMM:
            self.asm.mov_imm(register, ins.imm)
        elif op == lir.CONST:
            self.constant_into(register, ins.imm)
        elif op == lir.CELL:
            position = self.asm.rip(x.LEA, register, W)
            # The version cell lies before the others.
            self.relocate(RELOC_CELL_REL32, position, max(ins.imm, 0), min(ins.imm, 0))
        elif op == lir.OUT_ADDRESS:
            self.asm.mem(x.LEA, register, RSP, ins.disp * 8 + self.bias, W)
        elif op == lir.FRAME:
            self.asm.mov(register, RBX)
        else:
            assert op == lir.TSTATE
            self.asm.mov(register, R15)

    # --- operands -----------------------------------------------------------------------------------------

    def claim(self) -> None:
        """r11 is about to be overwritten."""
        self.scratch_value = -1

    def spill_offset(self, v: int) -> i64:
        return self.place[v] - SPILL + self.bias

    def in_register(self, v: int) -> bool:
        return 0 <= self.place[v] < SPILL

    def is_spilled(self, v: int) -> bool:
        return self.place[v] >= SPILL

    def use(self, v: int) -> i64:
        """A general register that holds v: its own, or r11."""
        place: i64 = self.place[v]
        if 0 <= place < 16:
            return place
        if self.scratch_value != v:
            self.load_into(R11, v)
            self.scratch_value = v
        return R11

    def load_into(self, register: i64, v: int) -> None:
        place: i64 = self.place[v]
        if register == R11:
            self.scratch_value = -1
        if 0 <= place < 16:
            if place != register:
                self.asm.mov(register, place)
        elif place >= SPILL:
            self.asm.load(register, RSP, self.spill_offset(v))
        else:
            definition = self.definition[v]
            assert place == AGAIN and definition is not None
            self.make_again(register, definition)

    def push_value(self, v: int) -> None:
        """Pushes v from wherever it is; no scratch register."""
        asm = self.asm
        place: i64 = self.place[v]
        if 0 <= place < 16:
            asm.push(place)
        elif place >= SPILL:
            asm.mem(0xFF, 6, RSP, self.spill_offset(v), 0)
        else:
            definition = self.definition[v]
            assert definition is not None
            if definition.op == lir.IMM and -0x80000000 <= definition.imm <= 0x7FFFFFFF:
                asm.push_imm(definition.imm)
            elif definition.op == lir.IMM:
                self.rip_label(0xFF, 6, self.pooled_bits(definition.imm), 0)
            elif definition.op == lir.CONST:
                self.push_constant(definition.imm, 0)
            else:
                # An address: made in rax, which is put back.
                asm.push(0)
                asm.push(0)
                self.bias += 16
                self.make_again(0, definition)
                self.bias -= 16
                asm.store(RSP, 8, 0)
                asm.pop(0)
        self.bias += 8

    def push_constant(self, index: int, tag: int) -> None:
        """Pushes the address of constants[index] + tag; the caller counts `bias`."""
        if self.constant_fits(index):
            self.asm.put1(0x68)
            self.put_constant32(index, tag)
        else:
            self.rip_label(0xFF, 6, self.pooled_constant(index, tag), 0)

    def pop_into(self, v: int) -> None:
        """Pops the top word into v's place."""
        self.bias -= 8
        place: i64 = self.place[v]
        if self.scratch_value == v:
            self.scratch_value = -1
        if 0 <= place < 16:
            self.asm.pop(place)
        elif place >= SPILL:
            # The address is computed after rsp has moved.
            self.asm.mem(0x8F, 0, RSP, self.spill_offset(v), 0)
        else:
            self.asm.pop(R11)
            self.scratch_value = -1

    def target(self, dst: int) -> i64:
        """The general register to compute `dst` in; `finish` puts it where it belongs."""
        place: i64 = self.place[dst]
        if self.scratch_value == dst:
            self.scratch_value = -1
        if 0 <= place < 16:
            return place
        self.scratch_value = -1
        return R11

    def target_over(self, ins: Lir) -> i64:
        """As `target`, for `dst = a op …`: a spilled dst is made in the register of a, if a ends here."""
        dst = ins.dst
        a = ins.a
        place: i64 = self.place[a]
        if (
            0 <= place < 16
            and self.place[dst] >= SPILL
            and self.hint_to[a] == dst
            and self.definition[dst] is ins
            and self.definition[a] is not None
            and (ins.b < 0 or self.place[ins.b] != place)
        ):
            if self.scratch_value == dst:
                self.scratch_value = -1
            return place
        return self.target(dst)

    def finish(self, dst: int, register: i64) -> None:
        place: i64 = self.place[dst]
        if place == register:
            return
        if place >= SPILL:
            self.asm.store(RSP, self.spill_offset(dst), register)
            if register == R11:
                self.scratch_value = dst
        elif place >= 0:
            self.asm.mov(place, register)

    def base(self, a: int) -> i64:
        """The base register of a memory operand; RIP, `rip_target` set, for a cell without a register."""
        if a == lir.FRAME_BASE:
            return RBX
        if a == lir.TSTATE_BASE:
            return R15
        if self.place[a] == AGAIN:
            definition = self.definition[a]
            if definition is not None and definition.op == lir.CELL:
                self.rip_target = definition.imm
                return RIP
            if definition is not None and definition.op == lir.OUT_ADDRESS and definition.disp == 0:
                assert self.bias == 0
                return RSP
        return self.use(a)

    def mem(self, op: i64, reg: i64, base: i64, disp: i64, w: i64) -> None:
        if base == RIP:
            self.relocate(RELOC_CELL_REL32, self.asm.rip(op, reg, w), self.rip_target + disp, 0)
        else:
            self.asm.mem(op, reg, base, disp, w)

    def solid_base(self, a: int) -> i64:
        """As `base`, but always a register: for forms with an immediate behind the displacement."""
        base = self.base(a)
        return self.use(a) if base == RIP else base

    def alu_value(self, op: i64, register: i64, v: int, w: i64) -> None:
        """`op register, v` for the two-operand group, v wherever it is."""
        place: i64 = self.place[v]
        if 0 <= place < 16:
            self.asm.alu(op, register, place, w)
        elif place >= SPILL:
            self.asm.mem(op << 3 | 3, register, RSP, self.spill_offset(v), w)
        else:
            definition = self.definition[v]
            assert definition is not None
            if definition.op == lir.IMM:
                self.alu_immediate(op, register, definition.imm, w)
            elif definition.op == lir.CONST:
                self.alu_constant(op, register, definition.imm)
            else:
                assert register != R11
                self.asm.alu(op, register, self.use(v), w)

    def alu_immediate(self, op: i64, register: i64, imm: int, w: i64) -> None:
        if imm >= 1 << 63:
            imm -= 1 << 64
        if -0x80000000 <= imm <= 0x7FFFFFFF:
            self.asm.alu_imm(op, register, imm, w)
        elif w == 0:
            self.asm.alu_imm(op, register, sign_extend_32(imm), w)
        else:
            self.rip_label(op << 3 | 3, register, self.pooled_bits(imm), W)

    def alu_constant(self, op: i64, register: i64, index: int) -> None:
        """`op register, address of constants[index]`"""
        if self.constant_fits(index):
            if register == 0:
                self.asm.put(0x48 | (op << 3 | 5) << 8, 2)
            else:
                self.asm.rr(0x81, op, register, W)
            self.put_constant32(index, 0)
        else:
            self.rip_label(op << 3 | 3, register, self.pooled_constant(index, 0), W)


def sign_extend_32(value: int) -> int:
    value &= 0xFFFFFFFF
    return value - (1 << 32) if value >= 1 << 31 else value
