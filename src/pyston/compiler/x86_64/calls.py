"""Emission of calls: arguments into their registers all at once, the call, the result to its place.

Argument moves are a parallel move: each register is written only once nothing pending reads it any more, and
a ring of registers is turned by exchanging. What comes from the stack or is a constant needs no
order and comes last.
"""

from __future__ import annotations

from pyston.compiler.artifact import (
    CHECKED_NEXT,
    CHECKED_OBJECT,
    CHECKED_STATUS,
    CHECKED_UNWIND,
    EXIT_ERROR,
    EXIT_RAISED,
    EXIT_UNWIND,
    RELOC_CONST_ABS32,
)
from pyston.compiler.lir import instructions as lir
from pyston.compiler.lir.allocate import AGAIN, SPILL
from pyston.compiler.lir.instructions import Lir
from pyston.compiler.native import i64
from pyston.compiler.x86_64 import encoder as x
from pyston.compiler.x86_64 import floats
from pyston.compiler.x86_64.emitter import Emitter
from pyston.compiler.x86_64.encoder import W
from pyston.compiler.x86_64.exits import exit_index, put_exit_number
from pyston.compiler.x86_64.registers import (
    ARGUMENT_GPRS,
    ARGUMENT_XMMS,
    R9,
    R11,
    RAX,
    RCX,
    RDI,
    RDX,
    RSP,
    XMM0,
)


def checked_kind(ins: Lir, check: Lir) -> int:
    """How `check`, right behind the call of a helper, tests for failure (artifact.CHECKED_*); -1: another check."""
    exit_ = check.exit
    if ins.op != lir.CALL or check.op != lir.CHECK or check.b >= 0 or check.imm != 0 or exit_ is None:
        return -1
    unwinds = CHECKED_UNWIND if exit_.kind == EXIT_UNWIND else 0
    if exit_.kind not in (EXIT_ERROR, EXIT_RAISED, EXIT_UNWIND):
        return -1
    if check.cc == lir.CC_NE and check.width == 8 and check.a == ins.dst:
        return CHECKED_OBJECT + unwinds
    if check.cc == lir.CC_GE and check.width == 4:
        if check.a == ins.dst:
            return CHECKED_STATUS + unwinds
        if check.a == ins.dst2:
            return CHECKED_NEXT + unwinds
    return -1


def emit_checked_call(e: Emitter, ins: Lir, check: Lir, kind: int) -> None:
    """A helper's call and the check behind it in one."""
    exit_ = check.exit
    assert exit_ is not None
    move_arguments(e, ins)
    if ins.imm:
        e.position_known = -1
    e.call_checked(ins.helper, kind)
    if not kind & CHECKED_UNWIND:
        put_exit_number(e, exit_index(e, exit_))
    e.claim()
    take_results(e, ins)


def emit_call(e: Emitter, ins: Lir) -> None:
    op = ins.op
    asm = e.asm
    if op == lir.CALL:
        if ins.imm:
            e.position_known = -1
        move_arguments(e, ins)
        e.call_helper(ins.helper)
    elif op == lir.CALL_REG:
        place: i64 = e.place[ins.a]
        definition = e.definition[ins.a]
        if place == AGAIN and definition is not None and definition.op == lir.IMM:
            # A known address: shorter through a word of the pool than as an immediate.
            move_arguments(e, ins)
            e.rip_label(0xFF, 2, e.pooled_bits(definition.imm), 0)
            e.claim()
            take_results(e, ins)
            return
        if is_argument(place) or place < 0 or place >= SPILL:
            # The arguments go through this register; r11 is nobody's.
            e.load_into(R11, ins.a)
            place = R11
        move_arguments(e, ins)
        asm.rr(0xFF, 2, place, 0)
    elif op == lir.CALL_MEM:
        base = e.base(ins.a)
        if is_argument(base):
            asm.mov(R11, base)
            base = R11
        move_arguments(e, ins)
        e.mem(0xFF, 2, base, ins.disp, 0)
    elif op == lir.CALL_PRESERVING:
        emit_call_preserving(e, ins)
        return
    elif op == lir.OUT:
        emit_out(e, ins)
        return
    else:
        assert op == lir.OUT_ADDRESS
        if e.place[ins.dst] != AGAIN:
            register = e.target(ins.dst)
            e.make_again(register, ins)
            e.finish(ins.dst, register)
        return
    e.claim()
    take_results(e, ins)


def is_argument(place: i64) -> bool:
    return place == 1 or place == 2 or 6 <= place <= 9


def take_results(e: Emitter, ins: Lir) -> None:
    dst = ins.dst
    if dst < 0:
        return
    if e.code.classes[dst] == lir.XMM:
        # The second result is the first integer one.
        if ins.dst2 >= 0:
            e.finish(ins.dst2, RAX)
        floats.finish(e, dst, 0)
        return
    dst2 = ins.dst2
    if dst2 >= 0:
        if e.place[dst] == RDX:
            if e.place[dst2] == RAX:
                e.asm.rr(x.XCHG, RAX, RDX, W)
            else:
                e.finish(dst2, RDX)
                e.finish(dst, RAX)
            return
        e.finish(dst, RAX)
        e.finish(dst2, RDX)
        return
    e.finish(dst, RAX)


def move_arguments(e: Emitter, ins: Lir) -> None:
    args = ins.args
    if args is None:
        return
    source = e.move_source
    classes = e.code.classes
    place = e.place
    pending: i64 = 0
    pending_xmms: i64 = 0
    gprs: i64 = 0
    xmms: i64 = 0
    # Registers first: `source[r]` is what must come into argument register r.
    for v in args:
        where: i64 = place[v]
        if classes[v] == lir.XMM:
            assert xmms < ARGUMENT_XMMS
            target: i64 = XMM0 + xmms
            xmms += 1
            if 0 <= where < SPILL and where != target:
                source[target] = where
                pending_xmms += 1
        else:
            target = ARGUMENT_GPRS[gprs]
            gprs += 1
            if 0 <= where < SPILL and where != target:
                source[target] = where
                pending += 1
    if pending:
        move_registers(e, source, pending, RCX, R9)
    if pending_xmms:
        move_registers(e, source, pending_xmms, XMM0, XMM0 + ARGUMENT_XMMS - 1)
    gprs = 0
    xmms = 0
    for v in args:
        where = place[v]
        outside = where < 0 or where >= SPILL
        if classes[v] == lir.XMM:
            if outside:
                floats.load_into(e, xmms, v)
            xmms += 1
        else:
            if outside:
                e.load_into(ARGUMENT_GPRS[gprs], v)
            gprs += 1


def move_registers(e: Emitter, source: list[int], pending: i64, first: i64, last: i64) -> None:
    """Carries out `target <- source[target]` for all targets in first..last at once; empties source."""
    asm = e.asm
    while pending > 0:
        read: i64 = 0  # the registers that pending moves still read
        target = first
        while target <= last:
            where: i64 = source[target]
            if where >= 0:
                read |= 1 << where
            target += 1
        moved = False
        target = first
        while target <= last:
            where = source[target]
            if where >= 0 and not read >> target & 1:
                if target < XMM0:
                    asm.mov(target, where)
                else:
                    asm.rr(x.MOVAPS, target - XMM0, where - XMM0, 0)
                source[target] = -1
                pending -= 1
                moved = True
            target += 1
        if not moved:
            # Only rings are left.
            target = first
            while source[target] < 0:
                target += 1
            if target < XMM0:
                asm.rr(x.XCHG, target, source[target], W)
                pending -= exchange(source, target, source[target])
            else:
                # No exchange for xmm: xmm15 keeps the value that is about to be overwritten.
                asm.rr(x.MOVAPS, 15, target - XMM0, 0)
                redirect(source, target, XMM0 + 15)


def exchange(source: list[int], target: i64, where: i64) -> i64:
    """Notes `xchg target, where`: target is done, and what was in it is now in `where`. Returns how many moves
    are done with that: a ring of two is done at once."""
    source[target] = -1
    redirect(source, target, where)
    if source[where] == where:
        source[where] = -1
        return 2
    return 1


def redirect(source: list[int], old: i64, new: i64) -> None:
    """What the one remaining reader of `old` wants is now in `new`."""
    reader: i64 = 0
    while source[reader] != old:
        reader += 1
    source[reader] = new


def emit_call_preserving(e: Emitter, ins: Lir) -> None:
    """Arguments on the stack, the first on top; the result comes back in its place. No register changes."""
    asm = e.asm
    args = ins.args
    words: i64 = 0
    if args is not None:
        for index in range(len(args) - 1, -1, -1):
            e.push_value(args[index])
            words += 1
    if words == 0:
        asm.push(RAX)  # the result's word
        e.bias += 8
        words = 1
    e.call_preserving(ins.helper)
    if ins.dst >= 0:
        e.pop_into(ins.dst)
        words -= 1
    if words:
        asm.alu_imm(x.ADD, RSP, 8 * words, W)
        e.bias -= 8 * words


def emit_out(e: Emitter, ins: Lir) -> None:
    asm = e.asm
    offset: i64 = 8 * ins.disp + e.bias
    a = ins.a
    if a < 0:
        store_out_constant(e, offset, ins.imm)
        return
    if e.place[a] == AGAIN:
        definition = e.definition[a]
        if definition is not None:
            if definition.op == lir.CONST:
                store_out_constant(e, offset, definition.imm)
                return
            if definition.op == lir.IMM and -0x80000000 <= definition.imm <= 0x7FFFFFFF:
                asm.mem(0xC7, 0, RSP, offset, W)
                asm.put4(definition.imm)
                return
    asm.store(RSP, offset, e.use(a))


def store_out_constant(e: Emitter, offset: i64, index: int) -> None:
    if e.constant_fits(index):
        e.asm.mem(0xC7, 0, RSP, offset, W)
        e.put_constant32(index, 0)
    else:
        e.claim()
        e.constant_into(R11, index)
        e.asm.store(RSP, offset, R11)


def emit_push_frame(e: Emitter, ins: Lir) -> None:
    if e.constant_fits(ins.imm):
        e.relocate(RELOC_CONST_ABS32, e.asm.mov32_hole(RDI), ins.imm, 0)
    else:
        e.constant_into(RDI, ins.imm)
    e.call_helper("push_frame")
    e.claim()
    e.finish(ins.dst, RAX)


def emit_box(e: Emitter, ins: Lir) -> None:
    if ins.op == lir.BOX_INT:
        e.load_into(RAX, ins.a)
        e.call_helper("box_int")
    else:
        floats.load_into(e, 0, ins.a)
        e.call_helper("box_float")
    e.claim()
    e.finish(ins.dst, RAX)
