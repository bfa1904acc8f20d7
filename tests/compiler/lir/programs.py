"""Makes LIR programs out of lists of small ints, so that a property test can draw and shrink them.

Every list of ints is a program that ends: registers all have a value from the start, addresses stay within
the frame's buffer, and a counter of steps bounds every loop.

The frame's buffer, in words from its start: 10..17 ints, 18..21 doubles, 24..39 four objects of four words
(count, type, two fields).
"""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Iterator

from pyston.compiler import artifact as art
from pyston.compiler.artifact import ExitEntry, ExitRecord
from pyston.compiler.lir import instructions as lir
from pyston.compiler.lir.instructions import Block, Code, Lir, in_register

GPRS = 12
XMMS = 5
OBJECTS = 4
WORDS = 48
INTS = 10
DOUBLES = 18
FIRST_OBJECT = 24
FUEL = 40

INTERESTING = (
    0, 1, 2, 3, 5, 8, 127, 128, -128, -129, 255, 256, 65535, 1 << 31, (1 << 31) - 1, -(1 << 31), 1 << 32, -1,
    -2, (1 << 63) - 1, -(1 << 63), 0x123456789ABCDEF, 1 << 40, 7, 12, 64, -7, (1 << 32) - 1,
)  # fmt: skip
FLOATS = (0.0, -0.0, 1.0, -1.5, 1e300, -1e-300, float("inf"), float("nan"), 3.25, 2.0)
INT_CCS = (
    lir.CC_B, lir.CC_AE, lir.CC_E, lir.CC_NE, lir.CC_BE, lir.CC_A, lir.CC_L, lir.CC_GE, lir.CC_LE, lir.CC_G,
)  # fmt: skip
FLOAT_CCS = (lir.CC_E, lir.CC_NE, lir.CC_A, lir.CC_AE, lir.CC_B, lir.CC_BE)
BINARY = (
    lir.ADD, lir.SUB, lir.IMUL, lir.AND, lir.OR, lir.XOR, lir.SHL, lir.SHR, lir.SAR, lir.SETCC,
    lir.ADD_CHECK, lir.SUB_CHECK, lir.IMUL_CHECK, lir.DIV_FLOOR, lir.MOD_FLOOR, lir.ADD_CHECK, lir.SUB,
)  # fmt: skip
CONSTANTS: list[object] = [object(), object(), object()]
# Nothing looks behind these.
SMALL_ADDRESSES = (0x1230, 0x7FFF0000, 0x40)
LARGE_ADDRESSES = (0x7F1234567890, 0x5555_1234_5670, 0x8000_0000)


def bits_of(value: float) -> int:
    bits: int = struct.unpack("<q", struct.pack("<d", value))[0]
    return bits


class Numbers:
    """A stream of drawn ints; zeros when it runs dry."""

    def __init__(self, numbers: list[int]) -> None:
        self.numbers: Iterator[int] = iter(numbers)

    def below(self, limit: int) -> int:
        return next(self.numbers, 0) % limit

    def pick[T](self, choices: tuple[T, ...]) -> T:
        return choices[self.below(len(choices))]


class Program:
    def __init__(self, numbers: list[int], blocks: int, small_addresses: bool) -> None:
        self.numbers = Numbers(numbers)
        self.code = Code()
        self.code.first_unit = 0x7700000000  # as the interpreter of LIR and native.py have it
        self.code.constants = list(CONSTANTS)
        self.code.constant_addresses = list(SMALL_ADDRESSES if small_addresses else LARGE_ADDRESSES)
        self.code.cell_bytes = 64
        new = self.code.new_register
        self.gprs = [new(lir.GPR) for _ in range(GPRS)]
        self.xmms = [new(lir.XMM) for _ in range(XMMS)]
        self.objects = [new(lir.GPR) for _ in range(OBJECTS)]
        self.fuel = new(lir.GPR)
        self.exits = 0
        self.build(blocks)

    # --- pieces -------------------------------------------------------------------------------------------

    def gpr(self) -> int:
        return self.numbers.pick(tuple(self.gprs))

    def xmm(self) -> int:
        return self.numbers.pick(tuple(self.xmms))

    def object(self) -> int:
        return self.numbers.pick(tuple(self.objects))

    def imm(self) -> int:
        return self.numbers.pick(INTERESTING)

    def exit(self, kind: int, avoid: int = -1) -> ExitRecord:
        entries = []
        for index in range(self.numbers.below(6)):
            if self.numbers.below(4) == 0:
                entries.append(in_register(index, art.REPR_F64, self.xmm()))
            else:
                v = self.gpr()
                if v != avoid:
                    entries.append(in_register(index, art.REPR_I64, v))
        entries.append(ExitEntry(9, art.REPR_OWNED, art.WHERE_CONST, 1))
        self.exits += 1
        return ExitRecord(kind, self.exits, self.exits, 0, "test", entries)

    def build(self, blocks: int) -> None:
        code = self.code
        start = Block(0)
        body = [Block(n + 1) for n in range(blocks)]
        end = Block(blocks + 1)
        code.blocks = [start, *body, end]
        code.entries = [start]
        for index, v in enumerate(self.gprs):
            if index % 3 == 0:
                start.body.append(Lir(lir.IMM, v, imm=self.imm()))
            else:
                start.body.append(make(lir.LOAD, v, lir.FRAME_BASE, disp=8 * (INTS + index % 8)))
        for index, v in enumerate(self.xmms):
            if index % 2:
                start.body.append(Lir(lir.FIMM, v, imm=bits_of(self.numbers.pick(FLOATS))))
            else:
                start.body.append(make(lir.FLOAD, v, lir.FRAME_BASE, disp=8 * (DOUBLES + index % 4)))
        for index, v in enumerate(self.objects):
            start.body.append(make(lir.LEA, v, lir.FRAME_BASE, disp=8 * (FIRST_OBJECT + 4 * index)))
        start.body.append(Lir(lir.IMM, self.fuel, imm=FUEL))
        start.body.append(make(lir.JUMP, then=body[0]))
        for block in body:
            block.cold = self.numbers.below(3) == 0
            block.loop_depth = 0 if block.cold else self.numbers.below(3)
            for _ in range(self.numbers.below(9)):
                block.body += self.instruction()
            block.body += [
                Lir(lir.SUB, self.fuel, self.fuel, imm=1),
                make(
                    lir.CHECK, -1, self.fuel, imm=0, cc=lir.CC_NE, exit=self.exit(art.EXIT_GUARD)
                ),
                self.terminator([*body, end]),
            ]  # fmt: skip
        end.body.append(Lir(lir.RETURN, a=self.gpr()))

    def terminator(self, targets: list[Block]) -> Lir:
        pick = self.numbers.pick
        then = pick(tuple(targets))
        other = pick(tuple(targets))
        match self.numbers.below(8):
            case 0:
                return make(lir.JUMP, then=then)
            case 1:
                return make(
                    lir.BRANCH_MEM, -1, lir.FRAME_BASE, self.gpr(), disp=8 * (INTS + 1), cc=pick(INT_CCS),
                    width=pick((1, 2, 4, 8)), then=then, other=other,
                )  # fmt: skip
            case 2:
                return make(
                    lir.FBRANCH, -1, self.xmm(), self.xmm(), cc=pick(FLOAT_CCS), then=then, other=other
                )
            case 3:
                return make(lir.BRANCH_BIT, -1, self.gpr(), imm=abs(self.imm()), then=then, other=other)
            case 4:
                cc = pick((lir.CC_E, lir.CC_NE))
                return make(lir.BRANCH_CONST, -1, self.gpr(), imm=1, cc=cc, then=then, other=other)
            case 5:
                width = pick((4, 8))
                return make(
                    lir.BRANCH, -1, self.gpr(), imm=self.imm(), cc=pick(INT_CCS), width=width, then=then,
                    other=other,
                )  # fmt: skip
            case 6:
                return make(lir.LEAVE, exit=self.exit(art.EXIT_LEAVE))
            case _:
                return make(lir.BRANCH, -1, self.gpr(), self.gpr(), cc=pick(INT_CCS), then=then, other=other)

    def instruction(self) -> list[Lir]:
        pick = self.numbers.pick
        gpr = self.gpr
        match self.numbers.below(26):
            case 0 | 1 | 2:
                return self.binary()
            case 3:
                op = pick((lir.NEG, lir.NOT, lir.NEG_CHECK))
                dst = gpr()
                exit_ = self.exit(art.EXIT_GUARD, dst) if op == lir.NEG_CHECK else None
                return [make(op, dst, gpr(), exit=exit_)]
            case 4:
                return [Lir(lir.MOV, gpr(), gpr())]
            case 5:
                return [Lir(lir.IMM, gpr(), imm=self.imm())]
            case 6:
                width = pick((1, 2, 4, 8))
                op = pick((lir.LOAD, lir.LOAD_SIGNED))
                return [make(op, gpr(), lir.FRAME_BASE, disp=8 * INTS + self.numbers.below(56), width=width)]
            case 7:
                width = pick((1, 2, 4, 8))
                disp = 8 * INTS + self.numbers.below(56)
                if self.numbers.below(2):
                    return [make(lir.STORE, -1, lir.FRAME_BASE, gpr(), disp=disp, width=width)]
                imm = self.imm()
                if not -(1 << 31) <= imm < 1 << 31:
                    imm = 9
                return [make(lir.STORE, -1, lir.FRAME_BASE, imm=imm, disp=disp, width=width)]
            case 8:
                return self.indexed()
            case 9:
                count = self.numbers.below(6)
                dst = gpr() if self.numbers.below(4) else -1
                call = make(
                    lir.CALL,
                    dst,
                    helper=f"mix{count}",
                    args=[self.code.registers[gpr()] for _ in range(count)],
                )
                if dst < 0:
                    return [call]
                check = make(
                    lir.CHECK, -1, dst, imm=0, cc=lir.CC_NE, exit=self.exit(art.EXIT_ERROR, dst)
                )  # fmt: skip
                return [call, check]
            case 10:
                count = self.numbers.below(4)
                dst = gpr() if self.numbers.below(4) else -1
                return [
                    make(
                        lir.CALL_PRESERVING,
                        dst,
                        helper=f"mix{count}",
                        args=[self.code.registers[gpr()] for _ in range(count)],
                    )
                ]
            case 11:
                return self.check()
            case 12 | 13:
                op = pick((lir.FADD, lir.FSUB, lir.FMUL, lir.FDIV))
                return [Lir(op, self.xmm(), self.xmm(), self.xmm())]
            case 14:
                return [Lir(pick((lir.FMOV, lir.FNEG, lir.FABS, lir.FSQRT)), self.xmm(), self.xmm())]
            case 15:
                return [Lir(lir.FIMM, self.xmm(), imm=bits_of(pick(FLOATS)))]
            case 16:
                disp = 8 * (DOUBLES + self.numbers.below(4))
                if self.numbers.below(2):
                    return [make(lir.FLOAD, self.xmm(), lir.FRAME_BASE, disp=disp)]
                return [make(lir.FSTORE, -1, lir.FRAME_BASE, self.xmm(), disp=disp)]
            case 17:
                if self.numbers.below(2):
                    return [Lir(lir.INT_TO_FLOAT, self.xmm(), gpr())]
                return [make(lir.FSETCC, gpr(), self.xmm(), self.xmm(), cc=pick(FLOAT_CCS))]
            case 18:
                return [Lir(lir.INCREF, a=self.object())]
            case 19 | 20:
                return self.decref()
            case 21:
                if self.numbers.below(2):
                    return [Lir(lir.BOX_INT, gpr(), gpr())]
                return [Lir(lir.BOX_FLOAT, gpr(), self.xmm())]
            case 22:
                return [
                    make(
                        lir.STORE_CONST,
                        -1,
                        lir.FRAME_BASE,
                        imm=self.numbers.below(3),
                        disp=8 * (INTS + 3),
                        c=1,
                    ),
                    Lir(lir.CONST, gpr(), imm=self.numbers.below(3)),
                    Lir(lir.PUSH_FRAME, gpr(), imm=self.numbers.below(3)),
                    Lir(lir.INSTR_PTR, imm=self.numbers.below(400)),
                ]
            case 23:
                return self.floats_call()
            case 24:
                # A word of the cells, through an address that may or may not have a register.
                cell = self.code.new_register(lir.GPR)
                disp = 8 * self.numbers.below(4)
                return [
                    Lir(lir.CELL, cell, imm=8 * self.numbers.below(4)),
                    make(lir.STORE, -1, cell, gpr(), disp=disp, width=pick((1, 2, 4, 8))),
                    make(lir.STORE, -1, cell, imm=self.numbers.below(100), disp=disp, width=4),
                    make(lir.LOAD, gpr(), cell, disp=disp, width=pick((1, 2, 4, 8))),
                    make(lir.CHECK_TOOLS, exit=self.exit(art.EXIT_SYNC)),
                ]
            case _:
                return self.outgoing()

    def outgoing(self) -> list[Lir]:
        """Writes outgoing slots, lets a helper read them, reads them back."""
        count = 1 + self.numbers.below(3)
        address = self.code.new_register(lir.GPR)
        written = [make(lir.OUT, -1, self.gpr(), disp=n) for n in range(count)]
        if self.numbers.below(2):
            written[0] = make(lir.OUT, imm=1, disp=0)
        back = make(lir.LOAD, self.gpr(), address, disp=8 * self.numbers.below(count))
        return [*written, Lir(lir.OUT_ADDRESS, address, imm=count), back]

    def binary(self) -> list[Lir]:
        op = self.numbers.pick(BINARY)
        dst = self.gpr()
        a = self.gpr()
        b = self.gpr() if self.numbers.below(2) else -1
        imm = self.imm() if b < 0 else 0
        before: list[Lir] = []
        if op in (lir.DIV_FLOOR, lir.MOD_FLOOR):
            if b >= 0:
                # Never 0 or -1.
                if a == b:
                    a = self.gprs[(self.gprs.index(b) + 1) % GPRS]
                before = [Lir(lir.AND, b, b, imm=0xFF00), Lir(lir.OR, b, b, imm=2), Lir(lir.NEG, b, b)]
                before = before[: 2 + self.numbers.below(2)]
            elif imm in (0, -1):
                imm = 10
        exit_ = None
        if op in (lir.ADD_CHECK, lir.SUB_CHECK, lir.IMUL_CHECK):
            # dst may be named where it is `a`, whose old value the recipe then means.
            exit_ = self.exit(art.EXIT_GUARD, dst if dst != a or a == b or op == lir.IMUL_CHECK else -1)
        if op in (lir.SHL, lir.SHR, lir.SAR) and b < 0:
            imm &= 63
        width = self.numbers.pick((4, 8)) if op == lir.SETCC else 8
        ins = make(op, dst, a, b, imm=imm, cc=self.numbers.pick(INT_CCS), exit=exit_, width=width)
        return [*before, ins]

    def indexed(self) -> list[Lir]:
        index = self.gpr()
        scale = self.numbers.pick((1, 2, 4, 8))
        mask = Lir(lir.AND, index, index, imm=7)
        disp = 8 * INTS - (0 if scale < 8 else 8)
        a = lir.FRAME_BASE
        before = []
        if self.numbers.below(2):
            a = self.gpr()
            if a == index:
                a = self.gprs[(self.gprs.index(index) + 1) % GPRS]
            before = [Lir(lir.FRAME, a)]
        match self.numbers.below(3):
            case 0:
                last = make(lir.LOADX, self.gpr(), a, index, scale=scale, disp=disp)
            case 1:
                last = make(lir.STOREX, -1, a, self.gpr(), c=index, scale=scale, disp=disp)
                if last.b == a:
                    last.b = index  # the frame's address differs from run to run
            case _:
                # An address is no value to compare: it is used at once.
                address = self.code.new_register(lir.GPR)
                return [
                    *before,
                    mask,
                    make(lir.LEA, address, a, index, scale=scale, disp=disp),
                    make(lir.STORE, -1, address, imm=77, disp=0, width=4),
                    *([Lir(lir.IMM, a, imm=3)] if a >= 0 else []),
                ]
        return [*before, mask, last, *([Lir(lir.IMM, a, imm=3)] if a >= 0 else [])]

    def check(self) -> list[Lir]:
        pick = self.numbers.pick
        exit_ = self.exit(art.EXIT_GUARD)
        match self.numbers.below(4):
            case 0:
                b = self.gpr() if self.numbers.below(2) else -1
                return [
                    make(lir.CHECK, -1, self.gpr(), b, imm=self.imm(), cc=pick(INT_CCS), exit=exit_,
                         width=pick((4, 8)))
                ]  # fmt: skip
            case 1:
                width = pick((1, 2, 4, 8))
                b = self.gpr() if self.numbers.below(2) else -1
                return [
                    make(lir.CHECK_MEM, -1, lir.FRAME_BASE, b, imm=self.imm(), disp=8 * INTS, width=width,
                         cc=pick(INT_CCS), exit=exit_)
                ]  # fmt: skip
            case 2:
                return [
                    make(lir.CHECK_MEM_CONST, -1, self.object(), imm=self.numbers.below(2), disp=8,
                         cc=pick((lir.CC_E, lir.CC_NE)), exit=exit_)
                ]  # fmt: skip
            case _:
                cc = pick((lir.CC_E, lir.CC_NE))
                return [make(lir.CHECK_BIT, -1, self.gpr(), imm=abs(self.imm()), cc=cc, exit=exit_)]

    def decref(self) -> list[Lir]:
        op = self.numbers.pick((lir.DECREF, lir.XDECREF, lir.DECREF_TAGGED))
        exit_ = self.exit(art.EXIT_SYNC) if self.numbers.below(2) else None
        v = self.object()
        if op != lir.DECREF and self.numbers.below(3) == 0:
            # NULL, or a tagged reference.
            empty = self.code.new_register(lir.GPR)
            return [Lir(lir.IMM, empty, imm=0 if op == lir.XDECREF else 1), make(op, -1, empty, exit=exit_)]
        return [make(op, -1, v, exit=exit_)]

    def floats_call(self) -> list[Lir]:
        count = self.numbers.below(4)
        args = [self.code.registers[self.xmm()] for _ in range(count)]
        return [make(lir.CALL, self.xmm(), helper=f"fmix{count}", args=args)]


def make(op: int, dst: int = -1, a: int = -1, b: int = -1, imm: int = 0, **fields: object) -> Lir:
    ins = Lir(op, dst, a, b, imm)
    for name, value in fields.items():
        setattr(ins, name, value)
    return ins


def frame_buffer(seed: int, addresses: list[int]) -> ctypes.Array[ctypes.c_uint64]:
    words = (ctypes.c_uint64 * WORDS)()
    for index in range(8):
        words[INTS + index] = INTERESTING[(seed + 3 * index) % len(INTERESTING)] & (1 << 64) - 1
    for index in range(4):
        words[DOUBLES + index] = bits_of(FLOATS[(seed + index) % len(FLOATS)]) & (1 << 64) - 1
    for index in range(OBJECTS):
        at = FIRST_OBJECT + 4 * index
        words[at] = (1, 2, 3 << 30, 5)[(seed + index) % 4]
        words[at + 1] = addresses[index % 2]
    return words
