"""Emission of calls: arguments into their registers all at once, the call, the result to its place.

Argument moves are a parallel move: each register is written only once nothing pending reads it any more, and
a ring of registers is turned by exchanging. What comes from the stack or is a constant needs no
order and comes last.
"""

from __future__ import annotations

from pyston.compiler.artifact import (
    CHECKED_NEXT,
    CHECKED_OBJECT,
    CHECKED_RETURNS,
    CHECKED_STATUS,
    CHECKED_TOOLS,
    CHECKED_UNWIND,
    EXIT_ERROR,
    EXIT_LEAVE,
    EXIT_RAISED,
    EXIT_SYNC,
    EXIT_UNWIND,
    NOTHING,
    RELOC_CONST_ABS32,
    WHERE_GPR,
    ExitRecord,
)
from pyston.compiler.lir import instructions as lir
from pyston.compiler.lir.instructions import Lir
from pyston.compiler.lir.virtual_registers import AGAIN, SPILL
from pyston.compiler.native import i64
from pyston.compiler.x86_64 import encoder as x
from pyston.compiler.x86_64 import floats
from pyston.compiler.x86_64.emitter import Emitter
from pyston.compiler.x86_64.encoder import W
from pyston.compiler.x86_64.exits import exit_index, note_sync, put_exit_number
from pyston.compiler.x86_64.positions import moves, window_moved
from pyston.compiler.x86_64.registers import (
    ARGUMENT_XMMS,
    R11,
    RAX,
    RDI,
    RDX,
    RSP,
    XMM0,
    argument_gpr,
)


def has_checked_entry(e: Emitter, ins: Lir) -> bool:
    """Whether the call may go through a checked entry, or be followed by one that calls nothing."""
    return (
        ins.op == lir.CALL
        or ins.op == lir.CALL_MEM
        or (ins.op == lir.CALL_REG and known_address(e, ins) != 0)
    )


def known_address(e: Emitter, ins: Lir) -> int:
    """Of the C function that is called; 0: only the running code knows."""
    definition = e.registers[ins.a].definition
    if e.registers[ins.a].place != AGAIN or definition is None or definition.op != lir.IMM:
        return 0
    return definition.imm


def call_checked(e: Emitter, ins: Lir, kind: i64) -> None:
    """The call, through its checked entry or with one behind it."""
    if ins.op == lir.CALL_MEM:
        call_memory(e, ins)
        e.call_checked(NOTHING, kind)
        return
    move_arguments(e, ins)
    e.call_checked(ins.helper if ins.op == lir.CALL else known_address(e, ins), kind)


def checked_kind(ins: Lir, check: Lir) -> i64:
    """How `check`, right behind a call, tests for failure (artifact.CHECKED_*); -1: another check."""
    exit_ = check.exit
    if check.op != lir.CHECK or check.b >= 0 or check.imm != 0 or exit_ is None:
        return -1
    kind = exit_.kind
    if kind != EXIT_ERROR and kind != EXIT_RAISED and kind != EXIT_UNWIND:
        return -1
    unwinds: i64 = CHECKED_UNWIND if kind == EXIT_UNWIND else 0
    result = result_kind(ins, check)
    return result + unwinds if result >= 0 else -1


def result_kind(ins: Lir, check: Lir) -> i64:
    """How the check or branch tells success from failure; -1: not by the call's result alone."""
    if check.cc == lir.CC_NE and check.width == 8 and check.a == ins.dst:
        return CHECKED_OBJECT
    if check.cc == lir.CC_GE and check.width == 4:
        if check.a == ins.dst:
            return CHECKED_STATUS
        if check.a == ins.dst2:
            return CHECKED_NEXT
    return -1


def emit_caught_call(e: Emitter, ins: Lir, branch: Lir) -> bool:
    """A call whose failure the branch behind it sends to its handler, and the check for tools where it goes
    after success, if that is all there is. The check is gone then."""
    success = branch.then
    kind = result_kind(ins, branch) if branch.op == lir.BRANCH and branch.b < 0 and branch.imm == 0 else -1
    if kind < 0 or success is None or success.cold or e.block_labels[success.index].position >= 0:
        return False
    check = success.body[0]
    exit_ = check.exit
    if check.op != lir.CHECK_TOOLS or check.imm or check.saves or exit_ is None or exit_.kind != EXIT_SYNC:
        return False
    success.body.pop(0)
    note_moved(e, ins)
    call_checked(e, ins, kind + CHECKED_TOOLS + CHECKED_RETURNS)
    put_exit_number(e, exit_index(e, exit_))
    note_sync(e, exit_)
    find_results_in_registers(ins, exit_)
    e.claim()
    take_results(e, ins)
    return True


def note_moved(e: Emitter, ins: Lir) -> None:
    """The helper may move instr_ptr."""
    if ins.op == lir.CALL and moves(ins):
        e.window_known = window_moved(ins, e.first_unit, e.position_known)
        e.position_known = -1


def find_results_in_registers(ins: Lir, exit_: ExitRecord) -> None:
    """The exit is taken where the call's results are not yet where they belong."""
    for entry in exit_.entries:
        if entry.vreg == ins.dst:
            entry.where = WHERE_GPR
            entry.index = RAX
        elif entry.vreg == ins.dst2 and entry.vreg >= 0:
            entry.where = WHERE_GPR
            entry.index = RDX


def tools_behind(body: list[Lir], index: i64, failure: ExitRecord | None) -> ExitRecord | None:
    """The exit of the check for tools at `index`, where the entry of the checked call in front can do that, too. Its
    number must be the one behind that of the failure's exit."""
    if index >= len(body):
        return None
    check = body[index]
    exit_ = check.exit
    if check.op != lir.CHECK_TOOLS or check.imm or check.saves or exit_ is None or exit_.kind != EXIT_SYNC:
        return None
    assert failure is not None
    if failure.kind != EXIT_UNWIND and failure.number >= 0:
        return None
    return exit_


def emit_checked_call(e: Emitter, ins: Lir, check: Lir, kind: i64, tools: ExitRecord | None) -> None:
    """A call, the check of its result, and the check for tools behind that (through `tools`), in one."""
    exit_ = check.exit
    assert exit_ is not None
    note_moved(e, ins)
    call_checked(e, ins, kind if tools is None else kind + CHECKED_TOOLS)
    if kind & CHECKED_UNWIND == 0:
        put_exit_number(e, exit_index(e, exit_))
    if tools is not None:
        number = exit_index(e, tools)
        if kind & CHECKED_UNWIND:
            put_exit_number(e, number)
        else:
            assert number == exit_.number + 1
        note_sync(e, tools)
        find_results_in_registers(ins, tools)
    e.claim()
    take_results(e, ins)


def emit_call(e: Emitter, ins: Lir) -> None:
    op = ins.op
    asm = e.asm
    if op == lir.CALL:
        note_moved(e, ins)
        move_arguments(e, ins)
        e.call_helper(ins.helper)
    elif op == lir.CALL_REG:
        address = known_address(e, ins)
        if address:
            # Shorter through a word of the pool than as an immediate.
            move_arguments(e, ins)
            e.rip_label(0xFF, 2, e.pooled_bits(address), 0)
            e.claim()
            take_results(e, ins)
            return
        place: i64 = e.registers[ins.a].place
        if is_argument(place) or place < 0 or place >= SPILL:
            # The arguments go through this register; r11 is nobody's.
            e.load_into(R11, ins.a)
            place = R11
        move_arguments(e, ins)
        asm.rr(0xFF, 2, place, 0)
    elif op == lir.CALL_MEM:
        call_memory(e, ins)
    elif op == lir.CALL_PRESERVING:
        emit_call_preserving(e, ins)
        return
    elif op == lir.OUT:
        emit_out(e, ins)
        return
    else:
        assert op == lir.OUT_ADDRESS
        if e.registers[ins.dst].place != AGAIN:
            register = e.target(ins.dst)
            e.make_again(register, ins)
            e.finish(ins.dst, register)
        return
    e.claim()
    take_results(e, ins)


def call_memory(e: Emitter, ins: Lir) -> None:
    """Through the word at [a + disp]."""
    base = e.base(ins.a)
    if is_argument(base):
        e.asm.mov(R11, base)
        base = R11
    move_arguments(e, ins)
    e.mem(0xFF, 2, base, ins.disp, 0)


def is_argument(place: i64) -> bool:
    return place == 1 or place == 2 or 6 <= place <= 9


def take_results(e: Emitter, ins: Lir) -> None:
    dst = ins.dst
    if dst < 0:
        return
    if e.registers[dst].xmm:
        # The second result is the first integer one.
        if ins.dst2 >= 0:
            e.finish(ins.dst2, RAX)
        floats.finish(e, dst, 0)
        return
    dst2 = ins.dst2
    if dst2 >= 0:
        if e.registers[dst].place == RDX:
            if e.registers[dst2].place == RAX:
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
    # Registers first: what must come into each argument register, four bits for each, and which of them are to be
    # written at all. General registers and the others apart, both numbered from 0.
    source: i64 = 0
    pending: i64 = 0
    source_xmms: i64 = 0
    pending_xmms: i64 = 0
    outside = False  # some come from elsewhere
    gprs: i64 = 0
    xmms: i64 = 0
    for register in args:
        where = register.place
        if register.xmm:
            assert xmms < ARGUMENT_XMMS
            if where < 0 or where >= SPILL:
                outside = True
            elif where - XMM0 != xmms:
                source_xmms |= (where - XMM0) << 4 * xmms
                pending_xmms |= 1 << xmms
            xmms += 1
        else:
            target = argument_gpr(gprs)
            if where < 0 or where >= SPILL:
                outside = True
            elif where != target:
                source |= where << 4 * target
                pending |= 1 << target
            gprs += 1
    if pending:
        move_registers(e, source, pending, False)
    if pending_xmms:
        move_registers(e, source_xmms, pending_xmms, True)
    if not outside:
        return
    gprs = 0
    xmms = 0
    for register in args:
        where = register.place
        if register.xmm:
            if where < 0 or where >= SPILL:
                floats.load_into(e, xmms, register.number)
            xmms += 1
        else:
            if where < 0 or where >= SPILL:
                e.load_into(argument_gpr(gprs), register.number)
            gprs += 1


def move_registers(e: Emitter, source: i64, pending: i64, xmm: bool) -> None:
    """Carries out `target <- source of target` for all pending targets at once."""
    asm = e.asm
    while pending:
        read: i64 = 0  # the registers that pending moves still read
        target: i64 = 0
        while pending >> target:
            if pending >> target & 1:
                read |= 1 << (source >> 4 * target & 15)
            target += 1
        ready = pending & ~read
        target = 0
        while ready >> target:
            if ready >> target & 1:
                where = source >> 4 * target & 15
                if xmm:
                    asm.rr(x.MOVAPS, target, where, 0)
                else:
                    asm.mov(target, where)
            target += 1
        pending &= ~ready
        if pending and not ready:
            # Only rings are left.
            target = 0
            while not pending >> target & 1:
                target += 1
            where = source >> 4 * target & 15
            if xmm:
                # No exchange: xmm15 keeps the value that is about to be overwritten.
                asm.rr(x.MOVAPS, 15, target, 0)
                source = redirect(source, pending, target, 15)
            else:
                asm.rr(x.XCHG, target, where, W)
                pending &= ~(1 << target)
                source = redirect(source, pending, target, where)
                if source >> 4 * where & 15 == where:
                    pending &= ~(1 << where)  # a ring of two is done at once


def redirect(source: i64, pending: i64, old: i64, new: i64) -> i64:
    """What the one remaining reader of `old` wants is now in `new`."""
    reader: i64 = 0
    while not pending >> reader & 1 or source >> 4 * reader & 15 != old:
        reader += 1
    return source ^ (old ^ new) << 4 * reader


def emit_call_preserving(e: Emitter, ins: Lir) -> None:
    """Arguments on the stack, the first on top; the result comes back in its place. No register changes."""
    asm = e.asm
    args = ins.args
    words: i64 = 0
    if args is not None:
        for index in range(len(args) - 1, -1, -1):
            e.push_value(args[index].number)
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
    if e.registers[a].place == AGAIN:
        definition = e.registers[a].definition
        if definition is not None:
            if definition.op == lir.CONST:
                store_out_constant(e, offset, definition.imm)
                return
            if definition.op == lir.IMM and -0x80000000 <= definition.imm <= 0x7FFFFFFF:
                asm.mem(0xC7, 0, RSP, offset, W)
                asm.put4(definition.imm)
                return
    asm.store(RSP, offset, e.use(a))


def store_out_constant(e: Emitter, offset: i64, index: i64) -> None:
    if e.constant_fits(index):
        e.asm.mem(0xC7, 0, RSP, offset, W)
        e.put_constant32(index, 0)
    else:
        e.claim()
        e.constant_into(R11, index)
        e.asm.store(RSP, offset, R11)


def emit_push_frame(e: Emitter, ins: Lir, room: ExitRecord | None) -> None:
    """`room`: the exit to leave by where there is none, or the result is 0 then."""
    if e.constant_fits(ins.imm):
        e.relocate(RELOC_CONST_ABS32, e.asm.mov32_hole(RDI), ins.imm, 0)
    else:
        e.constant_into(RDI, ins.imm)
    if room is None:
        e.call_helper("push_frame")
    else:
        e.call_helper("push_frame_or_leave")
        put_exit_number(e, exit_index(e, room))
    e.claim()
    e.finish(ins.dst, RAX)


def room_checked(ins: Lir, check: Lir) -> ExitRecord | None:
    """The exit of the check, right behind PUSH_FRAME, whether there was room."""
    exit_ = check.exit
    if check.op != lir.CHECK or check.a != ins.dst or check.b >= 0 or check.imm or check.cc != lir.CC_NE:
        return None
    return exit_ if exit_ is not None and exit_.kind == EXIT_LEAVE else None


def emit_box(e: Emitter, ins: Lir) -> None:
    if ins.op == lir.BOX_INT:
        e.load_into(RAX, ins.a)
        e.call_helper("box_int")
    else:
        floats.load_into(e, 0, ins.a)
        e.call_helper("box_float")
    e.claim()
    e.finish(ins.dst, RAX)
