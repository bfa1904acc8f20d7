"""A small assembler: one method per shape of instruction, bytes out.

The caller names the opcode and the shape; the assembler works out prefixes, ModRM, SIB and the shortest
displacement or immediate. Nothing is parsed and nothing is looked up, so an instruction costs little more
than its bytes.

Opcodes are ints read as they are written in the manuals, mandatory prefix first: 0x8B, 0x0FAF, 0xF20F58.
Registers are hardware numbers 0..15, xmm registers too (callers mask off the 16 of `registers.py`).
`w` is 8 for the REX.W bit (64-bit operands) and 0 without, so that it can be or-ed in as it is.

The bytes are kept in words of 8, the last of them still open, so that an instruction is one or two shifts into a
machine integer: a list with an int for each byte costs ten times as much, a bytearray's methods more.
"""

from __future__ import annotations

import struct

from pyston.compiler.native import Final, final, i64

W: Final = 8  # REX.W: 64-bit operand
W32: Final = 0

# Two-operand integer instructions: the /digit of the immediate forms; `digit * 8 + 3` is `reg <- reg/mem`,
# `digit * 8 + 1` is `mem <- reg`.
ADD: Final = 0
OR: Final = 1
AND: Final = 4
SUB: Final = 5
XOR: Final = 6
CMP: Final = 7

# Shifts: the /digit.
SHL: Final = 4
SHR: Final = 5
SAR: Final = 7

MOV_LOAD: Final = 0x8B  # reg <- reg/mem
MOV_STORE: Final = 0x89
MOV_STORE8: Final = 0x88
MOVZX8: Final = 0x0FB6
MOVZX16: Final = 0x0FB7
MOVSX8: Final = 0x0FBE
MOVSX16: Final = 0x0FBF
MOVSXD: Final = 0x63
LEA: Final = 0x8D
TEST: Final = 0x85
XCHG: Final = 0x87
IMUL: Final = 0x0FAF

MOVSD_LOAD: Final = 0xF20F10
MOVSD_STORE: Final = 0xF20F11
MOVAPS: Final = 0x0F28
XORPS: Final = 0x0F57
ANDPS: Final = 0x0F54
ADDSD: Final = 0xF20F58
MULSD: Final = 0xF20F59
SUBSD: Final = 0xF20F5C
DIVSD: Final = 0xF20F5E
SQRTSD: Final = 0xF20F51
UCOMISD: Final = 0x660F2E
CVTSI2SD: Final = 0xF20F2A
MOVQ_FROM_GPR: Final = 0x660F6E  # xmm <- gpr (with W)


# One format for code of any length: struct keeps an object for each format, which a program that counts its objects
# sees, and the module array raises an audit event for each array.
WORDS: Final = 32
PACK: Final = struct.Struct(f"<{WORDS}q").pack


def signed(value: i64, bits: i64) -> i64:
    """The low bits, the highest of them the sign: what fills a word up to its end."""
    top: i64 = 1
    top <<= bits - 1  # a literal would be shifted as a C int
    return (value & (top + top - 1) ^ top) - top


@final
class Assembler:
    def __init__(self) -> None:
        self.words: list[int] = []  # as signed numbers, little end first
        self.word: i64 = 0  # what comes behind them
        self.filled: i64 = 0  # how many bits of it are taken, 0..56

    def here(self) -> i64:
        return 8 * len(self.words) + (self.filled >> 3)

    def code(self) -> bytes:
        """All bytes so far."""
        words = [*self.words, self.word]
        words += [0] * (-len(words) % WORDS)
        parts = [PACK(*words[first : first + WORDS]) for first in range(0, len(words), WORDS)]
        return b"".join(parts)[: self.here()]

    # --- raw bytes ---------------------------------------------------------------------------------------

    def put(self, value: i64, count: i64) -> None:
        """`count` bytes, at most 7, little end first; `value` has no bits above them."""
        filled = self.filled
        bits = count << 3
        room = 64 - filled
        if bits < room:
            self.word |= value << filled
            self.filled = filled + bits
            return
        self.words.append(self.word | signed(value, room) << filled)
        self.word = value >> room
        self.filled = bits - room

    def put1(self, value: i64) -> None:
        self.put(value & 0xFF, 1)

    def put4(self, value: i64) -> None:
        self.put(value & 0xFFFFFFFF, 4)

    def put8(self, value: i64) -> None:
        self.put(value & 0xFFFFFFFF, 4)
        self.put(value >> 32 & 0xFFFFFFFF, 4)

    def put_opcode(self, op: i64, rex: i64) -> None:
        """Mandatory prefix, REX prefix, escape byte and opcode, as far as there are any."""
        value: i64 = 0
        bits: i64 = 0
        if op > 0xFFFF:
            value = op >> 16
            bits = 8
        if rex:
            value |= (0x40 | rex) << bits
            bits += 8
        if op > 0xFF:
            value |= 0x0F << bits
            bits += 8
        self.put(value | (op & 0xFF) << bits, (bits >> 3) + 1)

    # --- operand shapes ----------------------------------------------------------------------------------

    def rr(self, op: i64, reg: i64, rm: i64, w: i64) -> None:
        """`op reg, rm`, both registers."""
        rex = w | (reg >> 3) << 2 | rm >> 3
        modrm = 0xC0 | (reg & 7) << 3 | (rm & 7)
        if op > 0xFF:
            self.put_opcode(op, rex)
            self.put(modrm, 1)
        elif rex:
            self.put(0x40 | rex | op << 8 | modrm << 16, 3)
        else:
            self.put(op | modrm << 8, 2)

    def rr8(self, op: i64, reg: i64, rm: i64) -> None:
        """The same with `rm` a byte register: 4..7 need an empty REX prefix to mean spl..dil."""
        if 4 <= rm < 8 and reg < 8:
            self.put(0x40, 1)
        self.rr(op, reg, rm, 0)

    def mem(self, op: i64, reg: i64, base: i64, disp: i64, w: i64) -> None:
        """`op reg, [base + disp]` (or the other way round, as the opcode says)."""
        low = base & 7
        modrm = (reg & 7) << 3 | low
        # ModRM, SIB where the base is rsp or r12, displacement.
        operand = modrm
        count: i64 = 1
        shift: i64 = 8
        if low == 4:
            operand = modrm | 0x24 << 8
            count = 2
            shift = 16
        if disp == 0 and low != 5:
            pass
        elif -128 <= disp <= 127:
            operand |= 0x40 | (disp & 0xFF) << shift
            count += 1
        else:
            operand |= 0x80 | (disp & 0xFFFFFFFF) << shift
            count += 4
        rex = w | (reg >> 3) << 2 | base >> 3
        if op > 0xFF or count > 5:
            self.put_opcode(op, rex)
            self.put(operand, count)
        elif rex:
            self.put(0x40 | rex | op << 8 | operand << 16, count + 2)
        else:
            self.put(op | operand << 8, count + 1)

    def mem8(self, op: i64, reg: i64, base: i64, disp: i64) -> None:
        """`mem` with `reg` a byte register."""
        if 4 <= reg <= 7 and base < 8:
            self.put(0x40, 1)
        self.mem(op, reg, base, disp, 0)

    def indexed(self, op: i64, reg: i64, base: i64, index: i64, scale: i64, disp: i64, w: i64) -> None:
        """`op reg, [base + index * scale + disp]`; index is not rsp; base < 0: none."""
        base_bits = base if base >= 0 else 5
        self.put_opcode(op, w | (reg >> 3) << 2 | (index >> 3) << 1 | base_bits >> 3)
        log: i64 = 0 if scale == 1 else 1 if scale == 2 else 2 if scale == 4 else 3
        operand = (reg & 7) << 3 | 4 | (log << 6 | (index & 7) << 3 | (base_bits & 7)) << 8
        if base < 0:
            self.put(operand | (disp & 0xFFFFFFFF) << 16, 6)
        elif disp == 0 and base_bits & 7 != 5:
            self.put(operand, 2)
        elif -128 <= disp <= 127:
            self.put(operand | 0x40 | (disp & 0xFF) << 16, 3)
        else:
            self.put(operand | 0x80 | (disp & 0xFFFFFFFF) << 16, 6)

    def rip(self, op: i64, reg: i64, w: i64) -> i64:
        """`op reg, [rip + hole]`; returns the hole's position (4 bytes)."""
        self.put_opcode(op, w | (reg >> 3) << 2)
        self.put((reg & 7) << 3 | 5, 5)
        return self.here() - 4

    # --- moves -------------------------------------------------------------------------------------------

    def mov(self, dst: i64, src: i64) -> None:
        self.rr(MOV_LOAD, dst, src, W)

    def load(self, dst: i64, base: i64, disp: i64) -> None:
        self.mem(MOV_LOAD, dst, base, disp, W)

    def store(self, base: i64, disp: i64, src: i64) -> None:
        self.mem(MOV_STORE, src, base, disp, W)

    def mov_imm(self, dst: i64, value: int) -> None:
        """Any 64-bit value, signed or unsigned, in the shortest form. Changes flags (xor) for 0."""
        if 0 <= value <= 0xFFFFFFFF:
            if value == 0:
                self.rr(0x33, dst, dst, 0)
            else:
                self.mov32(dst, value)
            return
        if value >= 1 << 63:
            value -= 1 << 64
        if -0x80000000 <= value < 0:
            self.rr(0xC7, 0, dst, W)
            self.put4(value)
        else:
            self.mov_abs(dst)
            self.put8(value)

    def mov_abs(self, dst: i64) -> None:
        """`movabs dst, …`: the 8 bytes are the caller's to put."""
        self.put(0x48 | dst >> 3 | (0xB8 | (dst & 7)) << 8, 2)

    def mov32(self, dst: i64, value: i64) -> None:
        """`mov dst32, value`, which has 32 bits unsigned."""
        if dst >= 8:
            self.put(0x41 | (0xB8 | (dst & 7)) << 8 | value << 16, 6)
        else:
            self.put(0xB8 | dst | value << 8, 5)

    def mov32_hole(self, dst: i64) -> i64:
        """`mov dst32, hole`; returns the hole's position."""
        self.mov32(dst, 0)
        return self.here() - 4

    # --- integer arithmetic -------------------------------------------------------------------------------

    def alu(self, op: i64, dst: i64, src: i64, w: i64) -> None:
        self.rr(op << 3 | 3, dst, src, w)

    def alu_imm(self, op: i64, dst: i64, value: i64, w: i64) -> None:
        """`op dst, imm` with imm in 32 bits signed."""
        if -128 <= value <= 127:
            self.rr(0x83, op, dst, w)
            self.put1(value)
        elif dst == 0:
            if w:
                self.put(0x48, 1)
            self.put(op << 3 | 5 | (value & 0xFFFFFFFF) << 8, 5)
        else:
            self.rr(0x81, op, dst, w)
            self.put4(value)

    def alu_mem_imm(self, op: i64, base: i64, disp: i64, value: i64, width: i64) -> None:
        """`op [base + disp], imm`, width 1, 2, 4 or 8."""
        if width == 1:
            self.mem(0x80, op, base, disp, 0)
            self.put1(value)
            return
        if width == 2:
            self.put(0x66, 1)
        w: i64 = W if width == 8 else 0
        if -128 <= value <= 127:
            self.mem(0x83, op, base, disp, w)
            self.put1(value)
        else:
            self.mem(0x81, op, base, disp, w)
            self.put_immediate(value, width)

    def put_immediate(self, value: i64, width: i64) -> None:
        """As an operand of so many bytes has it: 4 bytes where that is 8."""
        if width == 1:
            self.put1(value)
        elif width == 2:
            self.put(value & 0xFFFF, 2)
        else:
            self.put4(value)

    def test_imm(self, reg: i64, value: i64) -> None:
        """`test reg, imm`, imm not negative: in the shortest form, since the bits above do not count."""
        if 0 <= value <= 0x7F:
            if reg == 0:
                self.put(0xA8 | value << 8, 2)
            else:
                self.rr8(0xF6, 0, reg)
                self.put(value, 1)
        elif value <= 0x7FFFFFFF:
            if reg == 0:
                self.put(0xA9, 1)
            else:
                self.rr(0xF7, 0, reg, 0)
            self.put4(value)
        else:
            raise AssertionError("no such immediate")

    def unary(self, digit: i64, reg: i64, w: i64) -> None:
        """F7 group: 2 not, 3 neg, 5 imul, 7 idiv."""
        self.rr(0xF7, digit, reg, w)

    def shift_imm(self, digit: i64, reg: i64, count: i64, w: i64) -> None:
        if count == 1:
            self.rr(0xD1, digit, reg, w)
        else:
            self.rr(0xC1, digit, reg, w)
            self.put1(count)

    def shift_cl(self, digit: i64, reg: i64, w: i64) -> None:
        self.rr(0xD3, digit, reg, w)

    def setcc(self, cc: i64, reg: i64) -> None:
        self.rr8(0x0F90 | cc, 0, reg)

    # --- stack and control --------------------------------------------------------------------------------

    def push(self, reg: i64) -> None:
        if reg >= 8:
            self.put(0x41 | (0x50 | (reg & 7)) << 8, 2)
        else:
            self.put(0x50 | reg, 1)

    def pop(self, reg: i64) -> None:
        if reg >= 8:
            self.put(0x41 | (0x58 | (reg & 7)) << 8, 2)
        else:
            self.put(0x58 | reg, 1)

    def push_imm(self, value: i64) -> None:
        """Sign-extended to 8 bytes."""
        if -128 <= value <= 127:
            self.put(0x6A | (value & 0xFF) << 8, 2)
        else:
            self.put(0x68 | (value & 0xFFFFFFFF) << 8, 5)

    def call_rel(self) -> i64:
        """Returns the position of the hole, 4 bytes."""
        self.put(0xE8, 5)
        return self.here() - 4

    def jmp_rel(self) -> i64:
        self.put(0xE9, 5)
        return self.here() - 4

    def jcc8(self, cc: i64) -> i64:
        """A short jump forward over a few bytes; `land` fills in where it goes."""
        self.put(0x70 | cc, 2)
        return self.here()

    def jmp8(self) -> i64:
        self.put(0xEB, 2)
        return self.here()

    def land(self, jump: i64) -> None:
        """Here is where the short jump returned by `jcc8` or `jmp8` goes."""
        distance = self.here() - jump
        assert distance <= 127
        index = (jump - 1) >> 3
        shift = ((jump - 1) & 7) << 3
        words = self.words
        if index < len(words):
            word: i64 = words[index]
            words[index] = word | distance << shift
        else:
            self.word |= distance << shift

    def ret(self) -> None:
        self.put(0xC3, 1)
