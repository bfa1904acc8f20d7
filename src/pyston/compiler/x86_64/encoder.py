"""A small assembler: one method per shape of instruction, bytes out.

The caller names the opcode and the shape; the assembler works out prefixes, ModRM, SIB and the shortest
displacement or immediate. Nothing is parsed and nothing is looked up, so an instruction costs little more
than its bytes.

Opcodes are ints read as they are written in the manuals, mandatory prefix first: 0x8B, 0x0FAF, 0xF20F58.
Registers are hardware numbers 0..15, xmm registers too (callers mask off the 16 of `registers.py`).
`w` is 8 for the REX.W bit (64-bit operands) and 0 without, so that it can be or-ed in as it is.

The bytes are kept in a list of ints: appending a small int to a list is the cheapest store that works
both interpreted and under mypyc (a bytearray's methods are generic calls there).
"""

from __future__ import annotations

from typing import Final, final

from pyston.compiler.native import i64

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


@final
class Assembler:
    def __init__(self) -> None:
        self.code: list[int] = []

    def here(self) -> i64:
        return len(self.code)

    # --- raw bytes ---------------------------------------------------------------------------------------

    def put(self, value: i64, count: i64) -> None:
        """The `count` low bytes of `value`, little end first."""
        code = self.code
        while count > 0:
            code.append(value & 0xFF)
            value >>= 8
            count -= 1

    def put1(self, value: i64) -> None:
        self.code.append(value & 0xFF)

    def put4(self, value: i64) -> None:
        code = self.code
        code.append(value & 0xFF)
        code.append((value >> 8) & 0xFF)
        code.append((value >> 16) & 0xFF)
        code.append((value >> 24) & 0xFF)

    def patch4(self, position: i64, value: i64) -> None:
        code = self.code
        code[position] = value & 0xFF
        code[position + 1] = (value >> 8) & 0xFF
        code[position + 2] = (value >> 16) & 0xFF
        code[position + 3] = (value >> 24) & 0xFF

    # --- operand shapes ----------------------------------------------------------------------------------

    def rr(self, op: i64, reg: i64, rm: i64, w: i64) -> None:
        """`op reg, rm`, both registers."""
        code = self.code
        if op > 0xFFFF:
            code.append(op >> 16)
        rex = w | (reg >> 3) << 2 | rm >> 3
        if rex:
            code.append(0x40 | rex)
        if op > 0xFF:
            code.append(0x0F)
        code.append(op & 0xFF)
        code.append(0xC0 | (reg & 7) << 3 | (rm & 7))

    def rr8(self, op: i64, reg: i64, rm: i64) -> None:
        """The same with `rm` a byte register: 4..7 need an empty REX prefix to mean spl..dil."""
        code = self.code
        rex = (reg >> 3) << 2 | rm >> 3
        if rex or (rm >= 4):
            code.append(0x40 | rex)
        if op > 0xFF:
            code.append(0x0F)
        code.append(op & 0xFF)
        code.append(0xC0 | (reg & 7) << 3 | (rm & 7))

    def mem(self, op: i64, reg: i64, base: i64, disp: i64, w: i64) -> None:
        """`op reg, [base + disp]` (or the other way round, as the opcode says)."""
        code = self.code
        if op > 0xFFFF:
            code.append(op >> 16)
        rex = w | (reg >> 3) << 2 | base >> 3
        if rex:
            code.append(0x40 | rex)
        if op > 0xFF:
            code.append(0x0F)
        code.append(op & 0xFF)
        low = base & 7
        modrm = (reg & 7) << 3 | low
        if disp == 0 and low != 5:
            code.append(modrm)
            if low == 4:
                code.append(0x24)
        elif -128 <= disp <= 127:
            code.append(0x40 | modrm)
            if low == 4:
                code.append(0x24)
            code.append(disp & 0xFF)
        else:
            code.append(0x80 | modrm)
            if low == 4:
                code.append(0x24)
            self.put4(disp)

    def mem8(self, op: i64, reg: i64, base: i64, disp: i64) -> None:
        """`mem` with `reg` a byte register."""
        if 4 <= reg <= 7 and base < 8:
            self.code.append(0x40)
        self.mem(op, reg, base, disp, 0)

    def indexed(self, op: i64, reg: i64, base: i64, index: i64, scale: i64, disp: i64, w: i64) -> None:
        """`op reg, [base + index * scale + disp]`; index is not rsp; base < 0: none."""
        code = self.code
        if op > 0xFFFF:
            code.append(op >> 16)
        base_bits = base if base >= 0 else 5
        rex = w | (reg >> 3) << 2 | (index >> 3) << 1 | base_bits >> 3
        if rex:
            code.append(0x40 | rex)
        if op > 0xFF:
            code.append(0x0F)
        code.append(op & 0xFF)
        log = 0 if scale == 1 else 1 if scale == 2 else 2 if scale == 4 else 3
        sib = log << 6 | (index & 7) << 3 | (base_bits & 7)
        modrm = (reg & 7) << 3 | 4
        if base < 0:
            code.append(modrm)
            code.append(sib)
            self.put4(disp)
        elif disp == 0 and base_bits & 7 != 5:
            code.append(modrm)
            code.append(sib)
        elif -128 <= disp <= 127:
            code.append(0x40 | modrm)
            code.append(sib)
            code.append(disp & 0xFF)
        else:
            code.append(0x80 | modrm)
            code.append(sib)
            self.put4(disp)

    def rip(self, op: i64, reg: i64, w: i64) -> i64:
        """`op reg, [rip + hole]`; returns the hole's position (4 bytes, now 0)."""
        code = self.code
        if op > 0xFFFF:
            code.append(op >> 16)
        rex = w | (reg >> 3) << 2
        if rex:
            code.append(0x40 | rex)
        if op > 0xFF:
            code.append(0x0F)
        code.append(op & 0xFF)
        code.append((reg & 7) << 3 | 5)
        position: i64 = len(code)
        self.put4(0)
        return position

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
                if dst >= 8:
                    self.code.append(0x41)
                self.code.append(0xB8 | (dst & 7))
                self.put4(value)
            return
        if value >= 1 << 63:
            value -= 1 << 64
        if -0x80000000 <= value < 0:
            self.rr(0xC7, 0, dst, W)
            self.put4(value)
        else:
            self.mov_abs(dst)
            self.put(value, 8)

    def mov_abs(self, dst: i64) -> None:
        """`movabs dst, …`: the 8 bytes are the caller's to put."""
        self.code.append(0x48 | dst >> 3)
        self.code.append(0xB8 | (dst & 7))

    def mov32_hole(self, dst: i64) -> i64:
        """`mov dst32, hole`; returns the hole's position."""
        if dst >= 8:
            self.code.append(0x41)
        self.code.append(0xB8 | (dst & 7))
        position: i64 = len(self.code)
        self.put4(0)
        return position

    # --- integer arithmetic -------------------------------------------------------------------------------

    def alu(self, op: i64, dst: i64, src: i64, w: i64) -> None:
        self.rr(op << 3 | 3, dst, src, w)

    def alu_imm(self, op: i64, dst: i64, value: i64, w: i64) -> None:
        """`op dst, imm` with imm in 32 bits signed."""
        if -128 <= value <= 127:
            self.rr(0x83, op, dst, w)
            self.code.append(value & 0xFF)
        elif dst == 0:
            if w:
                self.code.append(0x48)
            self.code.append(op << 3 | 5)
            self.put4(value)
        else:
            self.rr(0x81, op, dst, w)
            self.put4(value)

    def alu_mem_imm(self, op: i64, base: i64, disp: i64, value: i64, width: i64) -> None:
        """`op [base + disp], imm`, width 1, 2, 4 or 8."""
        if width == 1:
            self.mem(0x80, op, base, disp, 0)
            self.code.append(value & 0xFF)
            return
        if width == 2:
            self.code.append(0x66)
        w: i64 = W if width == 8 else 0
        if -128 <= value <= 127:
            self.mem(0x83, op, base, disp, w)
            self.code.append(value & 0xFF)
        else:
            self.mem(0x81, op, base, disp, w)
            self.put(value, 2 if width == 2 else 4)

    def test_imm(self, reg: i64, value: i64) -> None:
        """`test reg, imm`, imm not negative: in the shortest form, since the bits above do not count."""
        if 0 <= value <= 0x7F:
            if reg == 0:
                self.code.append(0xA8)
            else:
                self.rr8(0xF6, 0, reg)
            self.code.append(value)
        elif value <= 0x7FFFFFFF:
            if reg == 0:
                self.code.append(0xA9)
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
            self.code.append(count & 0xFF)

    def shift_cl(self, digit: i64, reg: i64, w: i64) -> None:
        self.rr(0xD3, digit, reg, w)

    def setcc(self, cc: i64, reg: i64) -> None:
        self.rr8(0x0F90 | cc, 0, reg)

    # --- stack and control --------------------------------------------------------------------------------

    def push(self, reg: i64) -> None:
        if reg >= 8:
            self.code.append(0x41)
        self.code.append(0x50 | (reg & 7))

    def pop(self, reg: i64) -> None:
        if reg >= 8:
            self.code.append(0x41)
        self.code.append(0x58 | (reg & 7))

    def push_imm(self, value: i64) -> None:
        """Sign-extended to 8 bytes."""
        if -128 <= value <= 127:
            self.code.append(0x6A)
            self.code.append(value & 0xFF)
        else:
            self.code.append(0x68)
            self.put4(value)

    def call_rel(self) -> i64:
        self.code.append(0xE8)
        position: i64 = len(self.code)
        self.put4(0)
        return position

    def jmp_rel(self) -> i64:
        self.code.append(0xE9)
        position: i64 = len(self.code)
        self.put4(0)
        return position

    def jcc_rel(self, cc: i64) -> i64:
        self.code.append(0x0F)
        self.code.append(0x80 | cc)
        position: i64 = len(self.code)
        self.put4(0)
        return position

    def jcc8(self, cc: i64) -> i64:
        """A short jump forward over a few bytes; `land` fills in where it goes."""
        self.code.append(0x70 | cc)
        self.code.append(0)
        return len(self.code)

    def jmp8(self) -> i64:
        self.code.append(0xEB)
        self.code.append(0)
        return len(self.code)

    def land(self, jump: i64) -> None:
        """Here is where the short jump returned by `jcc8` or `jmp8` goes."""
        distance: i64 = len(self.code) - jump
        assert distance <= 127
        self.code[jump - 1] = distance

    def ret(self) -> None:
        self.code.append(0xC3)

    def align(self, boundary: i64) -> None:
        """Pads with int3: only ever where control does not come."""
        while len(self.code) % boundary:
            self.code.append(0xCC)
