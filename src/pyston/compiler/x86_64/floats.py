"""Emission of double arithmetic: SSE2 scalar instructions.

Constants live in the pool behind the code and are operands straight from there. Comparisons use `ucomisd`,
which sets CF for "below or unordered": so `>` and `>=` read the flags as they are, `<` and `<=` are
compared the other way round, and only equality has to look at the parity flag, which says "unordered".
"""

from __future__ import annotations

from pyston.compiler.lir import instructions as lir
from pyston.compiler.lir.instructions import CC_A, CC_AE, CC_B, CC_BE, CC_E, CC_NE, Lir
from pyston.compiler.lir.virtual_registers import AGAIN, SPILL
from pyston.compiler.native import Final, i64
from pyston.compiler.x86_64 import encoder as x
from pyston.compiler.x86_64.emitter import Emitter
from pyston.compiler.x86_64.encoder import W
from pyston.compiler.x86_64.registers import R11, RSP

CC_P: Final = 10
CC_NP: Final = 11
SIGN_BIT: Final = 1 << 63
SCRATCH: Final = 15  # xmm15


def emit_float(e: Emitter, ins: Lir) -> None:
    op = ins.op
    if op == lir.FADD:
        emit_binary(e, ins, x.ADDSD, True)
    elif op == lir.FMUL:
        emit_binary(e, ins, x.MULSD, True)
    elif op == lir.FSUB:
        emit_binary(e, ins, x.SUBSD, False)
    elif op == lir.FDIV:
        emit_binary(e, ins, x.DIVSD, False)
    elif op == lir.FLOAD:
        base = e.base(ins.a)
        register = target(e, ins.dst)
        e.mem(x.MOVSD_LOAD, register, base, ins.disp, 0)
        finish(e, ins.dst, register)
    elif op == lir.FSTORE:
        base = e.base(ins.a)
        register = use(e, ins.b)
        e.mem(x.MOVSD_STORE, register, base, ins.disp, 0)
    elif op == lir.FMOV:
        if e.registers[ins.dst].place != e.registers[ins.a].place:
            register = target(e, ins.dst)
            load_into(e, register, ins.a)
            finish(e, ins.dst, register)
    elif op == lir.FIMM:
        if e.registers[ins.dst].place != AGAIN:
            register = target(e, ins.dst)
            constant_into(e, register, ins.imm)
            finish(e, ins.dst, register)
    elif op == lir.INT_TO_FLOAT:
        register = target(e, ins.dst)
        # The conversion leaves the upper half as it was: clear it, or it waits for whoever wrote it last.
        e.asm.rr(x.XORPS, register, register, 0)
        if e.is_spilled(ins.a):
            e.asm.mem(x.CVTSI2SD, register, RSP, e.spill_offset(ins.a), W)
        else:
            e.asm.rr(x.CVTSI2SD, register, e.use(ins.a), W)
        finish(e, ins.dst, register)
    elif op == lir.FSQRT:
        register = target(e, ins.dst)
        e.asm.rr(x.SQRTSD, register, use(e, ins.a), 0)
        finish(e, ins.dst, register)
    elif op == lir.FNEG:
        emit_sign(e, ins, x.XORPS, SIGN_BIT)
    elif op == lir.FABS:
        emit_sign(e, ins, x.ANDPS, SIGN_BIT - 1)
    else:
        emit_fsetcc(e, ins)


# --- operands: as in emitter.py, for xmm registers (0..15 here) -------------------------------------------


def use(e: Emitter, v: i64) -> i64:
    place: i64 = e.registers[v].place
    if 16 <= place < SPILL:
        return place - 16
    load_into(e, SCRATCH, v)
    return SCRATCH


def load_into(e: Emitter, register: i64, v: i64) -> None:
    place: i64 = e.registers[v].place
    if place >= SPILL:
        e.asm.mem(x.MOVSD_LOAD, register, RSP, e.spill_offset(v), 0)
    elif place >= 0:
        if place - 16 != register:
            e.asm.rr(x.MOVAPS, register, place - 16, 0)
    else:
        definition = e.registers[v].definition
        assert definition is not None and definition.op == lir.FIMM
        constant_into(e, register, definition.imm)


def constant_into(e: Emitter, register: i64, bits: int) -> None:
    if bits == 0:
        e.asm.rr(x.XORPS, register, register, 0)
    else:
        e.rip_label(x.MOVSD_LOAD, register, e.pooled_bits(bits), 0)


def target(e: Emitter, dst: i64) -> i64:
    place: i64 = e.registers[dst].place
    return place - 16 if 16 <= place < SPILL else SCRATCH


def finish(e: Emitter, dst: i64, register: i64) -> None:
    place: i64 = e.registers[dst].place
    if place >= SPILL:
        e.asm.mem(x.MOVSD_STORE, register, RSP, e.spill_offset(dst), 0)
    elif place - 16 != register and place >= 0:
        e.asm.rr(x.MOVAPS, place - 16, register, 0)


def operate(e: Emitter, op: i64, register: i64, v: i64) -> None:
    """`op register, v`, v wherever it is."""
    place: i64 = e.registers[v].place
    if place >= SPILL:
        e.asm.mem(op, register, RSP, e.spill_offset(v), 0)
    elif place >= 0:
        e.asm.rr(op, register, place - 16, 0)
    else:
        definition = e.registers[v].definition
        assert definition is not None
        e.rip_label(op, register, e.pooled_bits(definition.imm), 0)


# --- instructions -----------------------------------------------------------------------------------------


def emit_binary(e: Emitter, ins: Lir, op: i64, commutes: bool) -> None:
    a = ins.a
    b = ins.b
    register = target(e, ins.dst)
    if register == e.registers[b].place - 16 and register != e.registers[a].place - 16:
        if commutes:
            operate(e, op, register, a)
            finish(e, ins.dst, register)
            return
        register = SCRATCH
    load_into(e, register, a)
    operate(e, op, register, b)
    finish(e, ins.dst, register)


def emit_sign(e: Emitter, ins: Lir, op: i64, mask: int) -> None:
    # The mask goes through a register: as a memory operand it would have to be 16 aligned bytes.
    if e.registers[ins.a].place == e.registers[ins.dst].place and e.in_register(ins.dst):
        e.rip_label(x.MOVSD_LOAD, SCRATCH, e.pooled_bits(mask), 0)
        e.asm.rr(op, e.registers[ins.dst].place - 16, SCRATCH, 0)
        return
    register = target(e, ins.dst)
    if register == SCRATCH:
        e.rip_label(x.MOVSD_LOAD, SCRATCH, e.pooled_bits(mask), 0)
        place_a: i64 = e.registers[ins.a].place
        if 16 <= place_a < SPILL:
            e.asm.rr(op, SCRATCH, place_a - 16, 0)
            finish(e, ins.dst, SCRATCH)
        else:
            # Both in memory: the sign bit can be handled as an integer.
            e.claim()
            definition = e.registers[ins.a].definition
            if place_a == AGAIN and definition is not None:
                e.rip_label(x.MOV_LOAD, R11, e.pooled_bits(definition.imm), W)
            else:
                e.asm.load(R11, RSP, e.spill_offset(ins.a))
            if op == x.XORPS:
                e.rip_label(x.XOR << 3 | 3, R11, e.pooled_bits(mask), W)
            else:
                e.rip_label(x.AND << 3 | 3, R11, e.pooled_bits(mask), W)
            e.asm.store(RSP, e.spill_offset(ins.dst), R11)
        return
    e.rip_label(x.MOVSD_LOAD, register, e.pooled_bits(mask), 0)
    e.asm.rr(op, register, use(e, ins.a), 0)


def emit_fcompare(e: Emitter, a: i64, b: i64, cc: i64) -> int:
    """Sets the flags; returns the condition to look at. For E and NE parity counts too."""
    if cc in (CC_B, CC_BE):
        operate(e, x.UCOMISD, use(e, b), a)
        return CC_A if cc == CC_B else CC_AE
    operate(e, x.UCOMISD, use(e, a), b)
    return cc


def emit_fsetcc(e: Emitter, ins: Lir) -> None:
    asm = e.asm
    register = e.target(ins.dst)
    asm.rr(0x33, register, register, 0)
    cc = emit_fcompare(e, ins.a, ins.b, ins.cc)
    if cc in (CC_E, CC_NE):
        # Parity says "unordered", which makes them unequal.
        if cc == CC_E:
            skip = asm.jcc8(CC_P)
            asm.setcc(CC_E, register)
        else:
            asm.setcc(CC_NE, register)
            skip = asm.jcc8(CC_NP)
            if register >= 4:
                asm.put1(0x40 | register >> 3)
            asm.put1(0xB0 | (register & 7))
            asm.put1(1)
        asm.land(skip)
    else:
        asm.setcc(cc, register)
    e.finish(ins.dst, register)
