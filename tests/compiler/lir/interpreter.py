"""A tiny interpreter of LIR: what the machine code must agree with.

General registers hold 64-bit unsigned ints, floating-point ones Python floats. Memory is real memory.
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable

from pyston.compiler import artifact as art
from pyston.compiler.artifact import ExitRecord
from pyston.compiler.lir import instructions as lir
from pyston.compiler.lir.instructions import Code, Lir

MASK = (1 << 64) - 1

Value = int | float


def signed(value: Value, bits: int = 64) -> int:
    value = int(value) & (1 << bits) - 1
    return value - (1 << bits) if value >> bits - 1 else value


class Exited(Exception):
    def __init__(self, exit_: ExitRecord, values: list[tuple[int, int, Value]]) -> None:
        self.exit = exit_
        self.values = values


class Interpreter:
    def __init__(self, code: Code, frame: int, tstate: int, helpers: dict[str, Callable[..., int]]) -> None:
        self.code = code
        self.frame = frame
        self.tstate = tstate
        self.helpers = helpers
        self.registers: list[Value | None] = [None] * len(code.registers)
        self.cells = (ctypes.c_uint8 * max(code.cell_bytes, 1))()
        self.out = (ctypes.c_uint64 * 16)()
        self.addresses = code.constant_addresses
        self.syncs: list[tuple[ExitRecord, int, list[tuple[int, int, Value]]]] = []
        self.steps = 0

    # --- operands -----------------------------------------------------------------------------------------

    def get(self, v: int) -> Value:
        value = self.registers[v]
        assert value is not None, f"v{v} read before it is written"
        return value

    def int_of(self, v: int) -> int:
        value = self.get(v)
        assert isinstance(value, int)
        return value

    def float_of(self, v: int) -> float:
        value = self.get(v)
        assert isinstance(value, float)
        return value

    def base(self, a: int) -> int:
        if a == lir.FRAME_BASE:
            return self.frame
        if a == lir.TSTATE_BASE:
            return self.tstate
        return self.int_of(a)

    def second(self, ins: Lir) -> int:
        return self.int_of(ins.b) if ins.b >= 0 else ins.imm & MASK

    def load(self, address: int, width: int) -> int:
        return int.from_bytes(ctypes.string_at(address & MASK, width), "little")

    def store(self, address: int, value: int, width: int) -> None:
        ctypes.memmove(address & MASK, (value & (1 << 8 * width) - 1).to_bytes(width, "little"), width)

    # --- control ------------------------------------------------------------------------------------------

    def recipe(self, exit_: ExitRecord) -> list[tuple[int, int, Value]]:
        values: list[tuple[int, int, Value]] = []
        for entry in exit_.entries:
            if entry.vreg >= 0:
                value = self.get(entry.vreg)
            elif entry.where == art.WHERE_CONST:
                value = self.addresses[entry.index]
            else:
                value = entry.index & MASK
            values.append((entry.dest, entry.repr, value))
        return values

    def leave(self, ins: Lir) -> None:
        assert ins.exit is not None
        raise Exited(ins.exit, self.recipe(ins.exit))

    def compare(self, cc: int, a: int, b: int, bits: int = 64) -> bool:
        mask = (1 << bits) - 1
        a &= mask
        b &= mask
        difference = signed(a, bits) - signed(b, bits)
        truth = {
            lir.CC_O: difference != signed(difference, bits),
            lir.CC_B: a < b,
            lir.CC_E: a == b,
            lir.CC_BE: a <= b,
            lir.CC_S: signed(a - b, bits) < 0,
            lir.CC_L: difference < 0,
            lir.CC_LE: difference <= 0,
        }
        return not truth[cc ^ 1] if cc & 1 and cc not in truth else truth[cc]

    def fcompare(self, cc: int, a: float, b: float) -> bool:
        return {
            lir.CC_E: a == b, lir.CC_NE: a != b, lir.CC_A: a > b,
            lir.CC_AE: a >= b, lir.CC_B: a < b, lir.CC_BE: a <= b,
        }[cc]  # fmt: skip

    def run(self, entry: int = 0) -> int:
        block = self.code.entries[entry]
        while True:
            for ins in block.body:
                self.steps += 1
                if lir.JUMP <= ins.op <= lir.BRANCH_BIT:
                    break
                if ins.op == lir.RETURN:
                    return self.int_of(ins.a)
                self.execute(ins)
            op = ins.op
            if op == lir.JUMP:
                taken = True
            elif op == lir.BRANCH:
                taken = self.compare(ins.cc, self.int_of(ins.a), self.second(ins), 8 * ins.width)
            elif op == lir.BRANCH_MEM:
                value = self.load(self.base(ins.a) + ins.disp, ins.width)
                taken = self.compare(ins.cc, value, self.second(ins), 8 * ins.width)
            elif op == lir.BRANCH_CONST:
                taken = self.compare(ins.cc, self.int_of(ins.a), self.addresses[ins.imm])
            elif op == lir.FBRANCH:
                taken = self.fcompare(ins.cc, self.float_of(ins.a), self.float_of(ins.b))
            else:
                taken = self.int_of(ins.a) & ins.imm & MASK != 0
            target = ins.then if taken else ins.other
            assert target is not None
            block = target

    # --- instructions -------------------------------------------------------------------------------------

    def execute(self, ins: Lir) -> None:
        op = ins.op
        if lir.FADD <= op <= lir.FABS or op == lir.FMOV:
            self.registers[ins.dst] = self.arithmetic(ins)
        elif lir.ADD <= op <= lir.MOD_FLOOR:
            self.registers[ins.dst] = self.integer(ins)
        elif lir.CHECK <= op <= lir.CHECK_BIT:
            self.check(ins)
        elif op in (lir.CALL, lir.CALL_PRESERVING, lir.CALL_REG, lir.CALL_MEM):
            arguments = [self.get(register.number) for register in ins.args or []]
            if op in (lir.CALL, lir.CALL_PRESERVING):
                function = self.helpers[ins.helper]
            elif op == lir.CALL_REG:
                function = self.helpers[f"at {self.int_of(ins.a)}"]
            else:
                function = self.helpers[f"at {self.load(self.base(ins.a) + ins.disp, 8)}"]
            result = function(*arguments)
            if ins.dst >= 0:
                self.registers[ins.dst] = result if isinstance(result, float) else result & MASK
        else:
            self.other(ins)

    def other(self, ins: Lir) -> None:
        op = ins.op
        r = self.registers
        if op == lir.MOV:
            r[ins.dst] = self.int_of(ins.a)
        elif op == lir.IMM:
            r[ins.dst] = ins.imm & MASK
        elif op == lir.CONST:
            r[ins.dst] = self.addresses[ins.imm]
        elif op == lir.CELL:
            r[ins.dst] = ctypes.addressof(self.cells) + ins.imm
        elif op == lir.FRAME:
            r[ins.dst] = self.frame
        elif op == lir.TSTATE:
            r[ins.dst] = self.tstate
        elif op == lir.LOAD:
            r[ins.dst] = self.load(self.base(ins.a) + ins.disp, ins.width)
        elif op == lir.LOAD_SIGNED:
            r[ins.dst] = signed(self.load(self.base(ins.a) + ins.disp, ins.width), 8 * ins.width) & MASK
        elif op == lir.LOADX:
            r[ins.dst] = self.load(self.base(ins.a) + self.int_of(ins.b) * ins.scale + ins.disp, 8)
        elif op == lir.STORE:
            self.store(self.base(ins.a) + ins.disp, self.second(ins), ins.width)
        elif op == lir.STOREX:
            self.store(self.base(ins.a) + self.int_of(ins.c) * ins.scale + ins.disp, self.int_of(ins.b), 8)
        elif op == lir.LEA:
            index = self.int_of(ins.b) * ins.scale if ins.b >= 0 else 0
            r[ins.dst] = self.base(ins.a) + index + ins.disp & MASK
        elif op == lir.STORE_CONST:
            self.store(self.base(ins.a) + ins.disp, self.addresses[ins.imm] + (ins.c == 1), 8)
        elif op == lir.FIMM:
            r[ins.dst] = ctypes.c_double.from_buffer_copy((ins.imm & MASK).to_bytes(8, "little")).value
        elif op == lir.FLOAD:
            r[ins.dst] = ctypes.c_double.from_address(self.base(ins.a) + ins.disp).value
        elif op == lir.FSTORE:
            ctypes.c_double.from_address(self.base(ins.a) + ins.disp).value = self.float_of(ins.b)
        elif op == lir.INT_TO_FLOAT:
            r[ins.dst] = float(signed(self.int_of(ins.a)))
        elif op == lir.FSETCC:
            r[ins.dst] = int(self.fcompare(ins.cc, self.float_of(ins.a), self.float_of(ins.b)))
        elif op == lir.LEAVE:
            self.leave(ins)
        elif op == lir.OUT:
            self.out[ins.disp] = self.int_of(ins.a) if ins.a >= 0 else self.addresses[ins.imm]
        elif op == lir.OUT_ADDRESS:
            r[ins.dst] = ctypes.addressof(self.out) + 8 * ins.disp
        elif op in (lir.INCREF, lir.DECREF, lir.XDECREF, lir.DECREF_TAGGED):
            self.count(ins)
        elif op == lir.CHECK_TOOLS:
            pass  # nothing ever asks to stop
        elif op == lir.INSTR_PTR:
            self.store(self.frame + 56, 2 * ins.imm + 0x7700000000, 4)
        elif op == lir.PUSH_FRAME:
            r[ins.dst] = self.helpers["push_frame"](self.addresses[ins.imm]) & MASK
        elif op == lir.BOX_INT:
            r[ins.dst] = self.helpers["box_int"](self.int_of(ins.a)) & MASK
        elif op == lir.BOX_FLOAT:
            bits = int.from_bytes(bytes(ctypes.c_double(self.float_of(ins.a))), "little")
            r[ins.dst] = self.helpers["box_float"](bits) & MASK
        else:
            raise AssertionError(f"operation {op}")

    def count(self, ins: Lir) -> None:
        obj = self.int_of(ins.a)
        if (ins.op == lir.XDECREF and obj == 0) or (ins.op == lir.DECREF_TAGGED and obj & 1):
            return
        count = self.load(obj, 4)
        if count >= 1 << 31:
            return
        self.store(obj, count + (1 if ins.op == lir.INCREF else -1), 4)
        if ins.op != lir.INCREF and count == 1:
            if ins.exit is not None:
                self.syncs.append((ins.exit, obj, self.recipe(ins.exit)))
            else:
                self.helpers["_Py_Dealloc"](obj)

    def integer(self, ins: Lir) -> int:
        op = ins.op
        a = self.int_of(ins.a)
        if op == lir.NEG or op == lir.NEG_CHECK:
            if op == lir.NEG_CHECK and a == 1 << 63:
                self.leave(ins)
            return -a & MASK
        if op == lir.NOT:
            return ~a & MASK
        b = self.second(ins)
        if op == lir.SETCC:
            return int(self.compare(ins.cc, a, b, 8 * ins.width))
        if op in (lir.ADD, lir.ADD_CHECK):
            exact = signed(a) + signed(b)
        elif op in (lir.SUB, lir.SUB_CHECK):
            exact = signed(a) - signed(b)
        elif op in (lir.IMUL, lir.IMUL_CHECK):
            exact = signed(a) * signed(b)
        elif op == lir.AND:
            exact = a & b
        elif op == lir.OR:
            exact = a | b
        elif op == lir.XOR:
            exact = a ^ b
        elif op == lir.SHL:
            exact = a << (b & 63)
        elif op == lir.SHR:
            exact = a >> (b & 63)
        elif op == lir.SAR:
            exact = signed(a) >> (b & 63)
        elif op == lir.DIV_FLOOR:
            exact = signed(a) // signed(b)
        else:
            exact = signed(a) % signed(b)
        if lir.ADD_CHECK <= op <= lir.IMUL_CHECK and exact != signed(exact):
            self.leave(ins)
        return exact & MASK

    def arithmetic(self, ins: Lir) -> float:
        op = ins.op
        a = self.float_of(ins.a)
        if op == lir.FMOV:
            return a
        if op == lir.FNEG:
            return -a
        if op == lir.FABS:
            return abs(a)
        if op == lir.FSQRT:
            return math.sqrt(a) if a >= 0 else math.nan
        b = self.float_of(ins.b)
        if op == lir.FADD:
            return a + b
        if op == lir.FSUB:
            return a - b
        if op == lir.FMUL:
            return a * b
        if b == 0:
            return math.nan if a == 0 or a != a else math.copysign(math.inf, a) * math.copysign(1, b)
        return a / b

    def check(self, ins: Lir) -> None:
        op = ins.op
        if op == lir.CHECK:
            holds = self.compare(ins.cc, self.int_of(ins.a), self.second(ins), 8 * ins.width)
        elif op == lir.CHECK_MEM:
            value = self.load(self.base(ins.a) + ins.disp, ins.width)
            holds = self.compare(ins.cc, value, self.second(ins), 8 * ins.width)
        elif op == lir.CHECK_CONST:
            holds = self.compare(ins.cc, self.int_of(ins.a), self.addresses[ins.imm])
        elif op == lir.CHECK_MEM_CONST:
            value = self.load(self.base(ins.a) + ins.disp, 8)
            holds = self.compare(ins.cc, value, self.addresses[ins.imm])
        else:
            holds = (self.int_of(ins.a) & ins.imm & MASK == 0) == (ins.cc == lir.CC_E)
        if not holds:
            self.leave(ins)
