"""Emission of moves, loads, stores and address arithmetic."""

from __future__ import annotations

from pyston.compiler.artifact import RELOC_CELL_REL32
from pyston.compiler.lir import instructions as lir
from pyston.compiler.lir.instructions import Lir
from pyston.compiler.lir.virtual_registers import AGAIN
from pyston.compiler.native import i64
from pyston.compiler.x86_64 import encoder as x
from pyston.compiler.x86_64.emitter import RIP, Emitter, sign_extend_32
from pyston.compiler.x86_64.encoder import W
from pyston.compiler.x86_64.registers import R11, R15, RAX, RBX, RSP


def emit_memory(e: Emitter, ins: Lir) -> None:
    op = ins.op
    if op == lir.LOAD:
        emit_load(e, ins)
    elif op == lir.MOV:
        emit_move(e, ins)
    elif op == lir.STORE:
        emit_store(e, ins)
    elif op == lir.STORE_CONST:
        emit_store_const(e, ins)
    elif op == lir.LOAD_SIGNED:
        base = e.base(ins.a)
        register = e.target(ins.dst)
        width = ins.width
        load: i64 = x.MOV_LOAD
        if width == 4:
            load = x.MOVSXD
        elif width == 2:
            load = x.MOVSX16
        elif width == 1:
            load = x.MOVSX8
        e.mem(load, register, base, ins.disp, W)
        e.finish(ins.dst, register)
    elif op == lir.LOADX:
        emit_indexed(e, ins, x.MOV_LOAD)
    elif op == lir.LEA:
        emit_lea(e, ins)
    elif op == lir.STOREX:
        emit_storex(e, ins)
    elif e.registers[ins.dst].place != AGAIN:
        # A constant that has a place of its own.
        if e.registers[ins.dst].place == RBX or e.registers[ins.dst].place == R15:
            return
        register = e.target(ins.dst)
        e.make_again(register, ins)
        e.finish(ins.dst, register)


def emit_move(e: Emitter, ins: Lir) -> None:
    dst = ins.dst
    a = ins.a
    place: i64 = e.registers[dst].place
    if place == e.registers[a].place and place >= 0:
        return
    if e.in_register(a):
        if e.scratch_value == dst:
            e.claim()
        e.finish(dst, e.registers[a].place)
        return
    register = e.target(dst)
    if register == R11 and e.registers[a].place == AGAIN:
        definition = e.registers[a].definition
        if (
            definition is not None
            and definition.op == lir.IMM
            and -0x80000000 <= definition.imm <= 0x7FFFFFFF
        ):
            e.asm.mem(0xC7, 0, RSP, e.spill_offset(dst), W)
            e.asm.put4(definition.imm)
            return
    e.load_into(register, a)
    e.finish(dst, register)


def emit_load(e: Emitter, ins: Lir) -> None:
    base = e.base(ins.a)
    register = e.target(ins.dst)
    width = ins.width
    if width == 8:
        e.mem(x.MOV_LOAD, register, base, ins.disp, W)
    elif width == 4:
        e.mem(x.MOV_LOAD, register, base, ins.disp, 0)
    elif width == 2:
        e.mem(x.MOVZX16, register, base, ins.disp, 0)
    else:
        e.mem(x.MOVZX8, register, base, ins.disp, 0)
    e.finish(ins.dst, register)


def emit_store(e: Emitter, ins: Lir) -> None:
    a = ins.a
    b = ins.b
    width = ins.width
    if b < 0:
        store_immediate(e, e.solid_base(a), ins.disp, ins.imm, width)
        return
    if not e.in_register(b):
        definition = e.registers[b].definition
        if e.registers[b].place == AGAIN and definition is not None:
            imm = definition.imm
            if definition.op == lir.IMM and (width < 8 or -0x80000000 <= imm <= 0x7FFFFFFF):
                store_immediate(e, e.solid_base(a), ins.disp, imm, width)
                return
            if definition.op == lir.CONST and width == 8:
                store_constant(e, e.solid_base(a), ins.disp, imm, 0)
                return
        base = e.base(a)
        if base == R11:
            # Both in memory, one scratch register: through the stack.
            if width == 8:
                e.push_value(b)
                e.bias -= 8
                e.asm.mem(0x8F, 0, R11, ins.disp, 0)
            else:
                e.asm.push(RAX)
                e.bias += 8
                e.load_into(RAX, b)
                e.bias -= 8
                store_register(e, R11, ins.disp, RAX, width)
                e.asm.pop(RAX)
            return
        rip_target = e.rip_target
        register = e.use(b)
        e.rip_target = rip_target
    else:
        base = e.base(a)
        register = e.registers[b].place
    store_register(e, base, ins.disp, register, width)


def store_register(e: Emitter, base: i64, disp: i64, register: i64, width: i64) -> None:
    if width == 8:
        e.mem(x.MOV_STORE, register, base, disp, W)
    elif width == 4:
        e.mem(x.MOV_STORE, register, base, disp, 0)
    elif width == 2:
        e.asm.put1(0x66)
        e.mem(x.MOV_STORE, register, base, disp, 0)
    elif base == RIP:
        if 4 <= register <= 7:
            e.asm.put1(0x40)
        e.mem(x.MOV_STORE8, register, base, disp, 0)
    else:
        e.asm.mem8(x.MOV_STORE8, register, base, disp)


def store_immediate(e: Emitter, base: i64, disp: i64, imm: int, width: i64) -> None:
    asm = e.asm
    value: i64 = sign_extend_32(imm)
    if width == 2:
        asm.put1(0x66)
    asm.mem(0xC6 if width == 1 else 0xC7, 0, base, disp, W if width == 8 else 0)
    asm.put_immediate(value, width)


def emit_store_const(e: Emitter, ins: Lir) -> None:
    store_constant(e, e.solid_base(ins.a), ins.disp, ins.imm, 1 if ins.c == 1 else 0)


def store_constant(e: Emitter, base: i64, disp: i64, index: i64, tag: i64) -> None:
    if e.constant_fits(index):
        e.asm.mem(0xC7, 0, base, disp, W)
        e.put_constant32(index, tag)
    elif base == R11:
        e.push_constant(index, tag)
        e.asm.mem(0x8F, 0, base, disp, 0)
    else:
        e.claim()
        e.rip_label(x.MOV_LOAD, R11, e.pooled_constant(index, tag), W)
        e.asm.store(base, disp, R11)


def emit_lea(e: Emitter, ins: Lir) -> None:
    if ins.b >= 0:
        emit_indexed(e, ins, x.LEA)
        return
    base = e.base(ins.a)
    register = e.target(ins.dst)
    if base == RIP:
        position = e.asm.rip(x.LEA, register, W)
        e.relocate(RELOC_CELL_REL32, position, e.rip_target + ins.disp, 0)
    elif ins.disp == 0:
        if register != base:
            e.asm.mov(register, base)
    elif base == register:
        e.asm.alu_imm(x.ADD, register, ins.disp, W)
    else:
        e.asm.mem(x.LEA, register, base, ins.disp, W)
    e.finish(ins.dst, register)


def emit_indexed(e: Emitter, ins: Lir, op: i64) -> None:
    base = index_operand(e, ins.a, ins.b, ins.scale)
    register = e.target(ins.dst)
    indexed(e, op, register, base, ins.b, ins.scale, ins.disp)
    e.finish(ins.dst, register)


def index_operand(e: Emitter, a: i64, index: i64, scale: int) -> i64:
    """Gets base and index within reach; returns the base, r11 where it holds the whole sum."""
    if a >= 0 and not e.in_register(a):
        if e.in_register(index):
            return e.solid_base(a)
        e.load_into(R11, index)
        if scale > 1:
            e.asm.shift_imm(x.SHL, R11, scale.bit_length() - 1, W)
        e.alu_value(x.ADD, R11, a, W)
        return R11
    base = e.base(a)
    if not e.in_register(index):
        e.use(index)
    return base


def indexed(e: Emitter, op: i64, register: i64, base: i64, index: i64, scale: i64, disp: i64) -> None:
    if e.in_register(index):
        e.asm.indexed(op, register, base, e.registers[index].place, scale, disp, W)
    elif base == R11:
        e.asm.mem(op, register, R11, disp, W)
    else:
        e.asm.indexed(op, register, base, R11, scale, disp, W)


def emit_storex(e: Emitter, ins: Lir) -> None:
    b = ins.b
    if e.in_register(b):
        base = index_operand(e, ins.a, ins.c, ins.scale)
        indexed(e, x.MOV_STORE, e.registers[b].place, base, ins.c, ins.scale, ins.disp)
        return
    if (ins.a < 0 or e.in_register(ins.a)) and e.in_register(ins.c):
        base = e.base(ins.a)
        e.asm.indexed(x.MOV_STORE, e.use(b), base, e.registers[ins.c].place, ins.scale, ins.disp, W)
        return
    base = index_operand(e, ins.a, ins.c, ins.scale)
    e.push_value(b)
    e.bias -= 8
    if e.in_register(ins.c):
        e.asm.indexed(0x8F, 0, base, e.registers[ins.c].place, ins.scale, ins.disp, 0)
    elif base == R11:
        e.asm.mem(0x8F, 0, R11, ins.disp, 0)
    else:
        e.asm.indexed(0x8F, 0, base, R11, ins.scale, ins.disp, 0)
