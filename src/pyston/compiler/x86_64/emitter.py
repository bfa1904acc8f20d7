"""The state of emission, and how operands are reached.

Everything else in this folder is functions over an `Emitter`: one file for each family of instructions.
This file knows where values are (`VirtualRegister.place`) and turns a virtual register into a machine register,
a memory operand or an immediate, whichever is shortest.

r11 and xmm15 are scratch. `scratch_value` says which virtual register's value r11 happens to hold, so that
a spilled value used several times in a row is loaded once; whatever writes r11 calls `claim` first.

Jumps and references into later code go to *labels*, whose position becomes known when they are `bind`-ed. A jump to
one that is not known yet leaves a gap of the long form's size; `branches.py` then chooses and writes the form.
"""

from __future__ import annotations

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
from pyston.compiler.lir.allocate import Allocation
from pyston.compiler.lir.instructions import UNKNOWN_WINDOW, Block, Code, Lir
from pyston.compiler.lir.virtual_registers import AGAIN, SPILL
from pyston.compiler.native import Final, final, i64, mypyc_attr
from pyston.compiler.x86_64 import encoder as x
from pyston.compiler.x86_64.encoder import Assembler, W
from pyston.compiler.x86_64.registers import NAMES, R11, R15, RBX, RSP

# A base register that is none: the operand is [rip + cell].
RIP: Final = 16

# By register.
DECREF_HELPERS: Final = ["decref_" + name for name in NAMES]
DECREF_HELPERS_GPRS: Final = ["decref_" + name + "_gprs" for name in NAMES]

# Kinds of references to labels.
REF_CALL: Final = 0  # a call or a rip-relative operand: a hole of 4 bytes
REF_SHORT: Final = 1  # a jump back: a hole of one byte
REF_JMP: Final = 2  # a jump of which nothing is written yet: a gap
REF_JCC: Final = 3  # a conditional one

# The long forms' sizes, and how much shorter the short form is.
JMP_BYTES: Final = 5
JMP_SPARED: Final = 3
JCC_BYTES: Final = 6
JCC_SPARED: Final = 4


@final
@mypyc_attr(acyclic=True)
class Label:
    def __init__(self) -> None:
        self.position: i64 = -1
        self.down: i64 = 0  # how many bytes before it are dropped by shortening


@final
@mypyc_attr(acyclic=True)
class Reference:
    """A place in the code that is to be written when the label's position is known."""

    def __init__(self, kind: i64, position: i64, label: Label, cc: i64) -> None:
        self.kind: i64 = kind
        self.position: i64 = position  # of the hole or gap
        self.label = label
        self.cc: i64 = cc  # condition of a REF_JCC
        self.short = False  # a jump that gets the short form
        self.down: i64 = 0  # as of a label


@final
@mypyc_attr(acyclic=True)
class Stub:
    """A piece of cold code that a hot instruction jumps to; see exits.py for the kinds."""

    def __init__(self, kind: i64, label: Label, back: Label | None, exit_index: i64, register: i64) -> None:
        self.kind: i64 = kind
        self.label = label
        self.back = back  # where to go afterwards
        self.exit_index: i64 = exit_index
        self.register: i64 = register  # of the object to free, or -1
        self.undo: Lir | None = None  # an addition or subtraction to take back before leaving


@final
class Emitter:
    def __init__(self, code: Code, allocation: Allocation) -> None:
        self.code = code
        self.allocation = allocation
        self.registers = allocation.registers
        self.position_known: i64 = -1  # what frame->instr_ptr holds, in code units, or -1
        self.window_known: i64 = UNKNOWN_WINDOW  # where it is at least (positions.py)
        self.first_unit: i64 = code.first_unit
        self.asm = Assembler()
        self.artifact = Artifact()
        self.relocations = self.artifact.relocations
        self.helper_numbers: dict[str | int, int] = {}
        self.block_labels: list[Label] = [Label() for _ in allocation.order]
        self.bound: list[Label] = []  # by position
        self.references: list[Reference] = []  # by position
        self.scratch_value: i64 = -1
        self.bias: i64 = 0  # bytes pushed below the body's stack pointer at the moment
        self.rip_target: i64 = 0  # of the operand whose base is RIP
        self.block: Block = allocation.order[0]
        self.next_block: Block | None = None
        self.stubs: list[Stub] = []
        self.exit_stub: list[Label | None] = []  # by exit index: its plain stub
        self.leave_tail: Label | None = None
        self.near_tail: Label | None = None  # a jump to the tail that may be within reach of a short jump
        self.sync_tail: Label | None = None
        self.unwind_tail: Label | None = None
        self.tools_routine: Label | None = None
        self.decref_labels: dict[int, Label] = {}
        # By 2 * index + tag.
        self.pool_constant: list[Label | None] = [None] * (2 * len(code.constants))
        self.pool_bits: dict[int, Label] = {}
        self.has_pool = False
        self.has_xmms = code.has_xmms
        self.epilogue: Label | None = None

    # --- labels, references, relocations ------------------------------------------------------------------

    def bind(self, label: Label) -> None:
        label.position = self.asm.here()
        self.bound.append(label)

    def refer(self, kind: i64, position: i64, label: Label, cc: i64) -> None:
        self.references.append(Reference(kind, position, label, cc))

    def jump(self, label: Label) -> None:
        here = self.asm.here()
        if label.position >= 0 and label.position - (here + 2) >= -128:
            self.asm.put(0xEB, 2)
            self.refer(REF_SHORT, here + 1, label, 0)
        else:
            self.asm.put(0, JMP_BYTES)
            self.refer(REF_JMP, here, label, 0)

    def jump_if(self, cc: i64, label: Label) -> None:
        here = self.asm.here()
        if label.position >= 0 and label.position - (here + 2) >= -128:
            self.asm.put(0x70 | cc, 2)
            self.refer(REF_SHORT, here + 1, label, 0)
        else:
            self.asm.put(0, JCC_BYTES)
            self.refer(REF_JCC, here, label, cc)

    def jump_to_block(self, block: Block) -> None:
        self.jump(self.block_labels[block.index])

    def jump_to_block_if(self, cc: i64, block: Block) -> None:
        self.jump_if(cc, self.block_labels[block.index])

    def call_label(self, label: Label) -> None:
        self.refer(REF_CALL, self.asm.call_rel(), label, 0)

    def relocate(self, kind: i64, position: i64, target: i64, addend: i64) -> None:
        self.relocations.append(Relocation(kind, position, target, addend))

    def helper(self, name: str | int) -> i64:
        """The number of the helper, or of the C function at an address."""
        number: i64 = self.helper_numbers.get(name, -1)
        if number < 0:
            number = len(self.helper_numbers)
            self.helper_numbers[name] = number
            self.artifact.helpers.append(name)
        return number

    def call_helper(self, name: str) -> None:
        self.relocate(RELOC_HELPER_REL32, self.asm.call_rel(), self.helper(name), 0)

    def decref_helper(self, register: i64) -> str:
        """The runtime's routine that gives up the reference in the register, and preserves what is in use here."""
        return DECREF_HELPERS[register] if self.has_xmms else DECREF_HELPERS_GPRS[register]

    def call_checked(self, name: str | int, kind: i64) -> None:
        """Calls the checked entry of the helper or C function; the exit's number must follow."""
        self.relocate(RELOC_CHECKED_REL32, self.asm.call_rel(), self.helper(name), kind)

    def jump_helper(self, name: str) -> None:
        self.relocate(RELOC_HELPER_REL32, self.asm.jmp_rel(), self.helper(name), 0)

    def call_preserving(self, name: str) -> None:
        self.relocate(RELOC_PRESERVING_REL32, self.asm.call_rel(), self.helper(name), 0)

    # --- constants ----------------------------------------------------------------------------------------

    def constant_fits(self, index: i64) -> bool:
        """Whether the object's address is an immediate: 31 bits, the same sign-extended or not."""
        addresses = self.code.constant_addresses
        return index < len(addresses) and 0 < addresses[index] <= 0x7FFFFFF0

    def pooled_constant(self, index: i64, tag: i64) -> Label:
        """Label of a word behind the code that holds the object's address (+ 1: borrowed)."""
        label = self.pool_constant[2 * index + tag]
        if label is None:
            self.has_pool = True
            label = Label()
            self.pool_constant[2 * index + tag] = label
        return label

    def pooled_bits(self, bits: int) -> Label:
        """Label of a word behind the code that holds these 64 bits."""
        bits &= 0xFFFFFFFFFFFFFFFF
        label = self.pool_bits.get(bits)
        if label is None:
            self.has_pool = True
            label = Label()
            self.pool_bits[bits] = label
        return label

    def rip_label(self, op: i64, reg: i64, label: Label, w: i64) -> None:
        """`op reg, [label]`"""
        self.refer(REF_CALL, self.asm.rip(op, reg, w), label, 0)

    def put_constant32(self, index: i64, tag: i64) -> None:
        """Four immediate bytes: the object's address (which fits)."""
        position = self.asm.here()
        self.asm.put4(0)
        self.relocate(RELOC_CONST_ABS32, position, index, tag)

    def constant_into(self, register: i64, index: i64) -> None:
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
            offset: i64 = ins.imm
            if offset >= 0:
                self.relocate(RELOC_CELL_REL32, position, offset, 0)
            else:
                self.relocate(RELOC_CELL_REL32, position, 0, offset)
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

    def spill_offset(self, v: i64) -> i64:
        return self.registers[v].place - SPILL + self.bias

    def in_register(self, v: i64) -> bool:
        return 0 <= self.registers[v].place < SPILL

    def is_spilled(self, v: i64) -> bool:
        return self.registers[v].place >= SPILL

    def use(self, v: i64) -> i64:
        """A general register that holds v: its own, or r11."""
        place: i64 = self.registers[v].place
        if 0 <= place < 16:
            return place
        if self.scratch_value != v:
            self.load_into(R11, v)
            self.scratch_value = v
        return R11

    def load_into(self, register: i64, v: i64) -> None:
        place: i64 = self.registers[v].place
        if register == R11:
            self.scratch_value = -1
        if 0 <= place < 16:
            if place != register:
                self.asm.mov(register, place)
        elif place >= SPILL:
            self.asm.load(register, RSP, self.spill_offset(v))
        else:
            definition = self.registers[v].definition
            assert place == AGAIN and definition is not None
            self.make_again(register, definition)

    def push_value(self, v: i64) -> None:
        """Pushes v from wherever it is; no scratch register."""
        asm = self.asm
        place: i64 = self.registers[v].place
        if 0 <= place < 16:
            asm.push(place)
        elif place >= SPILL:
            asm.mem(0xFF, 6, RSP, self.spill_offset(v), 0)
        else:
            definition = self.registers[v].definition
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

    def push_constant(self, index: i64, tag: i64) -> None:
        """Pushes the address of constants[index] + tag; the caller counts `bias`."""
        if self.constant_fits(index):
            self.asm.put1(0x68)
            self.put_constant32(index, tag)
        else:
            self.rip_label(0xFF, 6, self.pooled_constant(index, tag), 0)

    def pop_into(self, v: i64) -> None:
        """Pops the top word into v's place."""
        self.bias -= 8
        place: i64 = self.registers[v].place
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

    def target(self, dst: i64) -> i64:
        """The general register to compute `dst` in; `finish` puts it where it belongs."""
        place: i64 = self.registers[dst].place
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
        place: i64 = self.registers[a].place
        if (
            0 <= place < 16
            and self.registers[dst].place >= SPILL
            and self.registers[a].hint_to == dst
            and self.registers[dst].definition is ins
            and self.registers[a].definition is not None
            and (ins.b < 0 or self.registers[ins.b].place != place)
        ):
            if self.scratch_value == dst:
                self.scratch_value = -1
            return place
        return self.target(dst)

    def finish(self, dst: i64, register: i64) -> None:
        place: i64 = self.registers[dst].place
        if place == register:
            return
        if place >= SPILL:
            self.asm.store(RSP, self.spill_offset(dst), register)
            if register == R11:
                self.scratch_value = dst
        elif place >= 0:
            self.asm.mov(place, register)

    def base(self, a: i64) -> i64:
        """The base register of a memory operand; RIP, `rip_target` set, for a cell without a register."""
        if a == lir.FRAME_BASE:
            return RBX
        if a == lir.TSTATE_BASE:
            return R15
        if self.registers[a].place == AGAIN:
            definition = self.registers[a].definition
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

    def solid_base(self, a: i64) -> i64:
        """As `base`, but always a register: for forms with an immediate behind the displacement."""
        base = self.base(a)
        return self.use(a) if base == RIP else base

    def alu_value(self, op: i64, register: i64, v: i64, w: i64) -> None:
        """`op register, v` for the two-operand group, v wherever it is."""
        place: i64 = self.registers[v].place
        if 0 <= place < 16:
            self.asm.alu(op, register, place, w)
        elif place >= SPILL:
            self.asm.mem(op << 3 | 3, register, RSP, self.spill_offset(v), w)
        else:
            definition = self.registers[v].definition
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

    def alu_constant(self, op: i64, register: i64, index: i64) -> None:
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
