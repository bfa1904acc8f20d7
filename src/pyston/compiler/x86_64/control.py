"""Emission of branches and guards.

A guard is one compare and one jump to the cold stub of its exit. A branch at a block's end falls through to
whichever target comes next; `branches.py` shortens the jumps afterwards.
"""

from __future__ import annotations

from pyston.compiler.lir import instructions as lir
from pyston.compiler.lir.instructions import CC_E, CC_NE, Block, Lir
from pyston.compiler.lir.virtual_registers import AGAIN
from pyston.compiler.native import i64
from pyston.compiler.x86_64 import encoder as x
from pyston.compiler.x86_64.emitter import Emitter, Label, sign_extend_32
from pyston.compiler.x86_64.encoder import W
from pyston.compiler.x86_64.exits import emit_leave, jump_to_exit
from pyston.compiler.x86_64.floats import CC_P, emit_fcompare
from pyston.compiler.x86_64.integers import emit_bit_test, emit_compare
from pyston.compiler.x86_64.registers import R11, RAX


def emit_control(e: Emitter, ins: Lir) -> None:
    op = ins.op
    then = ins.then
    if op == lir.JUMP:
        assert then is not None
        if destination(then) is not e.next_block:
            e.jump_to_block(destination(then))
    elif op == lir.RETURN:
        emit_return(e, ins)
    elif op == lir.LEAVE:
        emit_leave(e, ins)
    elif op == lir.FBRANCH:
        emit_fbranch(e, ins)
    else:
        cc = ins.cc
        if op == lir.BRANCH:
            emit_compare(e, ins.a, ins.b, ins.imm, ins.width)
        elif op == lir.BRANCH_MEM:
            emit_compare_memory(e, ins)
        elif op == lir.BRANCH_CONST:
            compare_constant(e, ins.a, ins.imm)
        else:
            emit_bit_test(e, ins.a, ins.imm)
            cc = CC_NE
        branch(e, ins, cc)


def destination(block: Block) -> Block:
    """Where a jump to the block ends up: blocks of nothing but a jump are passed over."""
    steps = 0
    while steps < 8 and len(block.body) == 1 and block.body[0].op == lir.JUMP:
        then = block.body[0].then
        assert then is not None
        block = then
        steps += 1
    return block


def is_passed_over(block: Block) -> bool:
    """Whether control never comes to the block: all that jump to it jump on, and none is put in front of it to fall
    into it."""
    end = destination(block)
    return end is not block and (len(end.body) > 1 or end.body[0].op != lir.JUMP)


def branch(e: Emitter, ins: Lir, cc: i64) -> None:
    assert ins.then is not None and ins.other is not None
    then = destination(ins.then)
    other = destination(ins.other)
    if then is other:
        if then is not e.next_block:
            e.jump_to_block(then)
    elif then is e.next_block:
        e.jump_to_block_if(cc ^ 1, other)
    else:
        e.jump_to_block_if(cc, then)
        if other is not e.next_block:
            e.jump_to_block(other)


def emit_fbranch(e: Emitter, ins: Lir) -> None:
    cc = emit_fcompare(e, ins.a, ins.b, ins.cc)
    if cc != CC_E and cc != CC_NE:
        branch(e, ins, cc)
        return
    # Unordered counts as unequal: parity decides first.
    assert ins.then is not None and ins.other is not None
    unequal = destination(ins.then if cc == CC_NE else ins.other)
    equal = destination(ins.other if cc == CC_NE else ins.then)
    e.jump_to_block_if(CC_P, unequal)
    if equal is e.next_block:
        e.jump_to_block_if(CC_NE, unequal)
    else:
        e.jump_to_block_if(CC_E, equal)
        if unequal is not e.next_block:
            e.jump_to_block(unequal)


def emit_return(e: Emitter, ins: Lir) -> None:
    e.load_into(RAX, ins.a)
    emit_epilogue(e)


def emit_epilogue(e: Emitter) -> None:
    """Leaves the body: by the epilogue, which the first return brings along."""
    if e.epilogue is not None:
        e.jump(e.epilogue)
    else:
        put_epilogue(e)


def put_epilogue(e: Emitter) -> Label:
    label = Label()
    e.epilogue = label
    e.bind(label)
    asm = e.asm
    size: i64 = e.allocation.spill_bytes
    if size == 8:
        asm.pop(R11)
    elif size:
        asm.alu_imm(x.ADD, 4, size, W)
    for register in (12, 13, 14, 5):
        if e.allocation.given >> register & 1:
            asm.pop(register)
    asm.pop(15)
    asm.pop(3)
    asm.ret()
    return label


def emit_check(e: Emitter, ins: Lir) -> None:
    op = ins.op
    cc = ins.cc
    exit_ = ins.exit
    assert exit_ is not None
    if op == lir.CHECK_MEM_CONST:
        compare_memory_constant(e, ins)
    elif op == lir.CHECK:
        emit_compare(e, ins.a, ins.b, ins.imm, ins.width)
    elif op == lir.CHECK_MEM:
        emit_compare_memory(e, ins)
    elif op == lir.CHECK_CONST:
        compare_constant(e, ins.a, ins.imm)
    else:
        assert op == lir.CHECK_BIT
        emit_bit_test(e, ins.a, ins.imm)
    jump_to_exit(e, cc ^ 1, exit_, None)


def compare_constant(e: Emitter, a: i64, index: i64) -> None:
    e.alu_constant(x.CMP, e.use(a), index)


def compare_memory_constant(e: Emitter, ins: Lir) -> None:
    """[a + disp] against an object's address."""
    index = ins.imm
    if e.constant_fits(index):
        e.asm.mem(0x81, x.CMP, e.solid_base(ins.a), ins.disp, W)
        e.put_constant32(index, 0)
        return
    base = e.base(ins.a)
    e.claim()
    e.mem(x.MOV_LOAD, R11, base, ins.disp, W)
    e.alu_constant(x.CMP, R11, index)


def emit_compare_memory(e: Emitter, ins: Lir) -> None:
    """[a + disp], `width` bytes, against b or imm."""
    asm = e.asm
    width = ins.width
    b = ins.b
    if b >= 0 and not e.in_register(b):
        definition = e.registers[b].definition
        if e.registers[b].place == AGAIN and definition is not None:
            if definition.op == lir.CONST and width == 8 and e.constant_fits(definition.imm):
                asm.mem(0x81, x.CMP, e.solid_base(ins.a), ins.disp, W)
                e.put_constant32(definition.imm, 0)
                return
            if definition.op == lir.IMM and fits(definition.imm, width):
                compare_memory_immediate(e, ins, definition.imm)
                return
    elif b < 0 and fits(ins.imm, width):
        compare_memory_immediate(e, ins, ins.imm)
        return
    if b >= 0 and e.in_register(b):
        base = e.base(ins.a)
        compare_memory_register(e, base, ins.disp, e.registers[b].place, width)
        return
    # The other operand is neither register nor immediate.
    base = e.base(ins.a)
    if width == 8:
        e.claim()
        e.mem(x.MOV_LOAD, R11, base, ins.disp, W)
        if b >= 0:
            e.alu_value(x.CMP, R11, b, W)
        else:
            e.alu_immediate(x.CMP, R11, ins.imm, W)
        return
    # Narrow, and both in memory: rax helps out.
    assert b >= 0
    base = e.solid_base(ins.a)
    asm.push(RAX)
    e.bias += 8
    if base == RAX:
        e.claim()
        asm.mov(R11, RAX)
        base = R11
    e.load_into(RAX, b)
    compare_memory_register(e, base, ins.disp, RAX, width)
    e.bias -= 8
    asm.pop(RAX)


def fits(imm: int, width: i64) -> bool:
    """Whether imm can be the immediate of a compare of this width."""
    if width == 8:
        return -0x80000000 <= imm <= 0x7FFFFFFF or imm >= (1 << 64) - 0x80000000
    return True


def compare_memory_immediate(e: Emitter, ins: Lir, imm: int) -> None:
    width = ins.width
    if width == 8:
        value = imm - (1 << 64) if imm >= 1 << 63 else imm
    elif width == 4:
        value = sign_extend_32(imm)
    elif width == 2:
        value = (imm & 0xFFFF) - (0x10000 if imm & 0x8000 else 0)
    else:
        value = imm & 0xFF
    e.asm.alu_mem_imm(x.CMP, e.solid_base(ins.a), ins.disp, value, width)


def compare_memory_register(e: Emitter, base: i64, disp: i64, register: i64, width: i64) -> None:
    """`cmp [base + disp], register`"""
    if width == 8:
        e.mem(0x39, register, base, disp, W)
    elif width == 4:
        e.mem(0x39, register, base, disp, 0)
    elif width == 2:
        e.asm.put1(0x66)
        e.mem(0x39, register, base, disp, 0)
    else:
        if 4 <= register <= 7 and (base < 8 or base == 16):
            e.asm.put1(0x40)
        e.mem(0x38, register, base, disp, 0)
