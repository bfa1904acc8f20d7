"""Emission of integer arithmetic.

LIR names three registers, the machine two: `dst = a op b` becomes `mov dst, a; op dst, b`, without the move
where the allocator gave dst the register of a, and the other way round where it gave it that of b.
"""

from __future__ import annotations

from pyston.compiler.artifact import ExitRecord
from pyston.compiler.lir import instructions as lir
from pyston.compiler.lir.instructions import CC_E, CC_NS, CC_O, Lir
from pyston.compiler.lir.virtual_registers import SPILL
from pyston.compiler.native import i64
from pyston.compiler.x86_64 import encoder as x
from pyston.compiler.x86_64.emitter import Emitter, sign_extend_32
from pyston.compiler.x86_64.encoder import W
from pyston.compiler.x86_64.exits import jump_to_exit, names
from pyston.compiler.x86_64.registers import R11, RAX, RCX, RDX, RSP


def emit_integer(e: Emitter, ins: Lir) -> None:
    op = ins.op
    if op == lir.ADD:
        emit_alu(e, ins, x.ADD)
    elif op == lir.SUB:
        emit_alu(e, ins, x.SUB)
    elif op == lir.AND:
        emit_alu(e, ins, x.AND)
    elif op == lir.OR:
        emit_alu(e, ins, x.OR)
    elif op == lir.XOR:
        emit_alu(e, ins, x.XOR)
    elif op == lir.SETCC:
        emit_setcc(e, ins)
    elif op == lir.ADD_CHECK:
        emit_checked(e, ins, x.ADD)
    elif op == lir.SUB_CHECK:
        emit_checked(e, ins, x.SUB)
    elif op == lir.SHL:
        emit_shift(e, ins, x.SHL)
    elif op == lir.SHR:
        emit_shift(e, ins, x.SHR)
    elif op == lir.SAR:
        emit_shift(e, ins, x.SAR)
    elif op == lir.IMUL:
        emit_multiply(e, ins, None)
    elif op == lir.IMUL_CHECK:
        emit_multiply(e, ins, ins.exit)
    elif op == lir.NEG or op == lir.NOT or op == lir.NEG_CHECK:
        register = e.target(ins.dst)
        e.load_into(register, ins.a)
        e.asm.unary(2 if op == lir.NOT else 3, register, W)
        exit_ = ins.exit
        if op == lir.NEG_CHECK and exit_ is not None:
            jump_to_exit(e, CC_O, exit_, None)
        e.finish(ins.dst, register)
    else:
        emit_divide(e, ins)


def emit_alu(e: Emitter, ins: Lir, op: i64) -> None:
    dst = ins.dst
    a = ins.a
    b = ins.b
    if b < 0:
        emit_alu_immediate(e, ins, ins.imm, op)
        return
    asm = e.asm
    place_a: i64 = e.registers[a].place
    place_b: i64 = e.registers[b].place
    register = e.target_over(ins)
    if register == place_b and register != place_a:
        if op == x.SUB:
            asm.unary(3, register, W)
            op = x.ADD
        e.alu_value(op, register, a, W)
    elif op == x.ADD and register != place_a and 0 <= place_a < 16 and 0 <= place_b < 16:
        asm.indexed(x.LEA, register, place_a, place_b, 1, 0, W)
    else:
        e.load_into(register, a)
        e.alu_value(op, register, b, W)
    e.finish(dst, register)


def emit_alu_immediate(e: Emitter, ins: Lir, imm: int, op: i64) -> None:
    dst = ins.dst
    a = ins.a
    asm = e.asm
    place: i64 = e.registers[dst].place
    place_a: i64 = e.registers[a].place
    if imm >= 1 << 63:
        imm -= 1 << 64
    short = -0x80000000 <= imm <= 0x7FFFFFFF
    if place >= SPILL and place == place_a and short:
        asm.alu_mem_imm(op, RSP, e.spill_offset(dst), imm, 8)
        e.claim()
        return
    register = e.target_over(ins)
    if op == x.AND and 0 <= imm <= 0xFFFFFFFF and imm > 0x7F:
        # The upper half becomes 0 in any case: 32-bit forms, without REX.
        if 0 <= place_a < 16:
            if imm == 0xFF:
                asm.rr8(x.MOVZX8, register, place_a)
            elif imm == 0xFFFF:
                asm.rr(x.MOVZX16, register, place_a, 0)
            else:
                if register != place_a or imm == 0xFFFFFFFF:
                    asm.rr(x.MOV_LOAD, register, place_a, 0)
                if imm != 0xFFFFFFFF:
                    asm.alu_imm(op, register, sign_extend_32(imm), 0)
        else:
            e.load_into(register, a)
            if imm == 0xFFFFFFFF:
                asm.rr(x.MOV_LOAD, register, register, 0)
            else:
                asm.alu_imm(op, register, sign_extend_32(imm), 0)
    elif (op == x.ADD or op == x.SUB) and short and imm != -0x80000000:
        if op == x.SUB:
            imm = -imm
        if 0 <= place_a < 16 and register != place_a:
            asm.mem(x.LEA, register, place_a, imm, W)
        else:
            e.load_into(register, a)
            add_immediate(e, register, imm)
    else:
        e.load_into(register, a)
        e.alu_immediate(op, register, imm, 0 if op == x.AND and 0 <= imm <= 0x7F else W)
    e.finish(dst, register)


def add_immediate(e: Emitter, register: i64, imm: i64) -> None:
    if imm == 128:
        e.asm.alu_imm(x.SUB, register, -128, W)
    elif imm == 1 or imm == -1:
        e.asm.rr(0xFF, 0 if imm == 1 else 1, register, W)
    elif imm:
        e.asm.alu_imm(x.ADD, register, imm, W)


def emit_checked(e: Emitter, ins: Lir, op: i64) -> None:
    """Addition or subtraction that leaves on overflow.

    Where dst took the register of a, and the exit's recipe names a, the stub takes the step back first:
    that costs nothing on the way that matters, and keeps `i += 1` one instruction.
    """
    dst = ins.dst
    a = ins.a
    b = ins.b
    exit_ = ins.exit
    assert exit_ is not None
    asm = e.asm
    imm = ins.imm
    register = e.target(dst)
    undo: Lir | None = None
    if b >= 0 and register == e.registers[b].place and (register != e.registers[a].place):
        # Only when dst and b are the same: the sum must not reach it before the check.
        register = R11
        e.claim()
    elif register == e.registers[a].place and names(exit_, a):
        undo = ins
    e.load_into(register, a)
    if b >= 0:
        e.alu_value(op, register, b, W)
    elif imm == 1 or imm == -1:
        # inc and dec set the overflow flag as adding and subtracting 1 do.
        asm.rr(0xFF, 0 if (imm == 1) == (op == x.ADD) else 1, register, W)
    else:
        e.alu_immediate(op, register, imm, W)
    jump_to_exit(e, CC_O, exit_, undo)
    e.finish(dst, register)


def emit_multiply(e: Emitter, ins: Lir, exit_: ExitRecord | None) -> None:
    dst = ins.dst
    a = ins.a
    b = ins.b
    asm = e.asm
    place_a: i64 = e.registers[a].place
    register = e.target(dst)
    imm = ins.imm
    if b < 0 and -0x80000000 <= imm <= 0x7FFFFFFF:
        op: i64 = 0x6B if -128 <= imm <= 127 else 0x69
        if place_a >= SPILL:
            asm.mem(op, register, RSP, e.spill_offset(a), W)
        elif place_a >= 0:
            asm.rr(op, register, place_a, W)
        else:
            e.load_into(register, a)
            asm.rr(op, register, register, W)
        asm.put_immediate(imm, 1 if op == 0x6B else 4)
    elif b < 0:
        e.load_into(register, a)
        e.rip_label(x.IMUL, register, e.pooled_bits(imm), W)
    else:
        other = b
        place_b: i64 = e.registers[b].place
        if register == place_b and register != place_a:
            other = a
        else:
            e.load_into(register, a)
        place_other: i64 = e.registers[other].place
        if 0 <= place_other < 16:
            asm.rr(x.IMUL, register, place_other, W)
        elif place_other >= SPILL:
            asm.mem(x.IMUL, register, RSP, e.spill_offset(other), W)
        else:
            definition = e.registers[other].definition
            assert definition is not None and definition.op == lir.IMM
            e.rip_label(x.IMUL, register, e.pooled_bits(definition.imm), W)
    if exit_ is not None:
        jump_to_exit(e, CC_O, exit_, None)
    e.finish(dst, register)


def emit_shift(e: Emitter, ins: Lir, digit: i64) -> None:
    dst = ins.dst
    a = ins.a
    b = ins.b
    asm = e.asm
    if b < 0:
        register = e.target(dst)
        place_a: i64 = e.registers[a].place
        count = ins.imm & 63
        if digit == x.SHL and count == 1 and 0 <= place_a < 16 and place_a != register:
            asm.indexed(x.LEA, register, place_a, place_a, 1, 0, W)
        else:
            e.load_into(register, a)
            if count:
                asm.shift_imm(digit, register, count, W)
        e.finish(dst, register)
        return
    # The count must be in cl, which nothing that lives on occupies.
    register = e.target(dst)
    if register == RCX or register == e.registers[b].place:
        register = R11
        e.claim()
    e.load_into(register, a)
    e.load_into(RCX, b)
    asm.shift_cl(digit, register, W)
    e.finish(dst, register)


def emit_divide(e: Emitter, ins: Lir) -> None:
    """Floor division: the machine truncates, so the result is mended where the signs differ."""
    dst = ins.dst
    a = ins.a
    b = ins.b
    asm = e.asm
    remainder = ins.op == lir.MOD_FLOOR
    imm = ins.imm
    if b < 0 and imm > 0 and imm & (imm - 1) == 0:
        if remainder:
            emit_alu_immediate(e, ins, imm - 1, x.AND)
        else:
            register = e.target(dst)
            e.load_into(register, a)
            if imm > 1:
                asm.shift_imm(x.SAR, register, imm.bit_length() - 1, W)
            e.finish(dst, register)
        return
    if b >= 0:
        divisor: i64 = e.registers[b].place
        if divisor in (RAX, RDX) or divisor < 0 or divisor >= SPILL:
            divisor = R11
            e.load_into(R11, b)
    else:
        divisor = R11
        e.claim()
        asm.mov_imm(R11, imm)
    e.load_into(RAX, a)
    asm.put(0x9948, 2)  # cqo
    asm.unary(7, divisor, W)
    # Where the remainder is not 0 and its sign is not the divisor's, the quotient is one too large.
    asm.rr(x.TEST, RDX, RDX, W)
    exact = asm.jcc8(CC_E)
    if remainder:
        # Whether the signs differ: sign of (remainder ^ divisor), found in rax, which is free now.
        asm.mov(RAX, RDX)
        asm.alu(x.XOR, RAX, divisor, W)
        same = asm.jcc8(CC_NS)
        asm.alu(x.ADD, RDX, divisor, W)
    else:
        asm.alu(x.XOR, RDX, divisor, W)
        same = asm.jcc8(CC_NS)
        asm.alu_imm(x.SUB, RAX, 1, W)
    asm.land(exact)
    asm.land(same)
    e.claim()
    e.finish(dst, RDX if remainder else RAX)


def emit_compare(e: Emitter, a: i64, b: i64, imm: int, width: i64) -> None:
    """Sets the flags for `a cc b` (or imm); 64 bits, or the low 32 when width is 4."""
    asm = e.asm
    w: i64 = 0 if width == 4 else W
    place: i64 = e.registers[a].place
    if b >= 0:
        place_b: i64 = e.registers[b].place
        if place >= SPILL and 0 <= place_b < 16:
            asm.mem(0x39, place_b, RSP, e.spill_offset(a), w)
        elif place < 0 and place_b < 0:
            e.load_into(R11, a)
            e.alu_value(x.CMP, R11, b, w)
            e.claim()
        else:
            e.alu_value(x.CMP, e.use(a), b, w)
        return
    if imm >= 1 << 63:
        imm -= 1 << 64
    if 0 <= place < 16:
        if imm == 0:
            asm.rr(x.TEST, place, place, w)
        else:
            e.alu_immediate(x.CMP, place, imm, w)
    elif place >= SPILL and e.scratch_value != a and -0x80000000 <= imm <= 0x7FFFFFFF:
        asm.alu_mem_imm(x.CMP, RSP, e.spill_offset(a), imm, 4 if width == 4 else 8)
    else:
        register = e.use(a)
        if imm == 0:
            asm.rr(x.TEST, register, register, w)
        else:
            e.alu_immediate(x.CMP, register, imm, w)


def emit_setcc(e: Emitter, ins: Lir) -> None:
    dst = ins.dst
    register = e.target(dst)
    cc = ins.cc
    clear = (
        register != e.registers[ins.a].place
        and (ins.b < 0 or register != e.registers[ins.b].place)
        and register != R11
    )
    if clear:
        e.asm.rr(0x33, register, register, 0)
    emit_compare(e, ins.a, ins.b, ins.imm, ins.width)
    if register == R11:
        e.claim()
    e.asm.setcc(cc, register)
    if not clear:
        e.asm.rr8(x.MOVZX8, register, register)
    e.finish(dst, register)


def emit_bit_test(e: Emitter, a: i64, imm: int) -> None:
    """Sets ZF to (a & imm) == 0."""
    place: i64 = e.registers[a].place
    if place >= SPILL and e.scratch_value != a and 0 <= imm <= 0x7FFFFFFF:
        if imm <= 0x7F:
            e.asm.mem(0xF6, 0, RSP, e.spill_offset(a), 0)
            e.asm.put1(imm)
        else:
            e.asm.mem(0xF7, 0, RSP, e.spill_offset(a), 0)
            e.asm.put4(imm)
        return
    register = e.use(a)
    if 0 <= imm <= 0x7FFFFFFF:
        e.asm.test_imm(register, imm)
    elif imm == 0x80000000:
        e.asm.rr(0xF7, 0, register, 0)
        e.asm.put4(imm)
    else:
        e.rip_label(x.TEST, register, e.pooled_bits(imm), W)
