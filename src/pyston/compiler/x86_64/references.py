"""Emission of reference counting and the interpreter's other idioms.

CPython 3.14 keeps the count in the low 32 bits of an object's first word; an immortal object's is negative.
So counting is `cmp dword [obj], 0 ; js over ; inc/dec dword [obj]`, seven bytes and no scratch register; at
zero the object is freed in cold code.

Decrementing has two forms. Inline, 13 bytes, in loops. Elsewhere compact, 5 bytes: a call of a routine for
the register that holds the object, which does the same and returns. Where freeing cannot run code that looks
at the frame that is the runtime's; else it is the artifact's own, and needs the number of the sync exit: this
stands in the code behind the call, as the operand of a `test al, k` that does nothing, and is found by the
return address:

    call decref_rcx_sync ; test al, k

    decref_rcx_sync:  cmp dword [rcx], 0 ; js done ; dec dword [rcx] ; jz free ; done: ret
    free:             pop r11 ; push rcx ; jmp sync_site
    sync_site:        push r11 ; push r11 ; movzx r11d, byte [r11 + 1] ; mov [rsp + 8], r11    (falls through)
    sync_tail:        movabs r11, artifact ; jmp sync_thunk

which leaves the stack as a sync stub does: object, exit number, return address. The check for tools has the
same two forms, 17 bytes and 7.
"""

from __future__ import annotations

from pyston.compiler.artifact import EXIT_SYNC, RELOC_CODE_LO8, RELOC_CODE_LO32, RELOC_VERSION_REL32
from pyston.compiler.lir import instructions as lir
from pyston.compiler.lir.instructions import CC_E, CC_NE, CC_S, Block, Lir
from pyston.compiler.native import Final, i64
from pyston.compiler.x86_64 import encoder as x
from pyston.compiler.x86_64.calls import emit_box, emit_push_frame
from pyston.compiler.x86_64.emitter import Emitter, Label, Stub
from pyston.compiler.x86_64.encoder import W
from pyston.compiler.x86_64.exits import (
    STUB_FREE,
    STUB_LEAVE,
    STUB_SYNC,
    exit_index,
    note_sync,
    put_exit_number,
    put_sync_tail,
    read_exit_number,
    sync_tail,
)
from pyston.compiler.x86_64.positions import window_of
from pyston.compiler.x86_64.registers import FRAME_REGISTER, R11, RSP, TSTATE_REGISTER

# Offsets in the interpreter's structs (CPython 3.14).
FRAME_INSTR_PTR: Final = 56
TSTATE_EVAL_BREAKER: Final = 24

# Keys of `Emitter.decref_labels`: register, plus what the routine does first, plus whether it can sync.
KEY_NULLABLE: Final = 32
KEY_TAGGED: Final = 64
KEY_SYNC: Final = 128


def prefers_speed(block: Block) -> bool:
    """The one place that chooses between the inline (fast) and the compact (dense) form."""
    return block.loop_depth > 0 and not block.cold


def emit_idiom(e: Emitter, ins: Lir) -> None:
    op = ins.op
    if op == lir.INCREF:
        register = e.use(ins.a)
        e.asm.alu_mem_imm(x.CMP, register, 0, 0, 4)
        over = e.asm.jcc8(CC_S)
        e.asm.mem(0xFF, 0, register, 0, 0)
        e.asm.land(over)
    elif op <= lir.DECREF_TAGGED:
        emit_decref(e, ins)
    elif op == lir.INSTR_PTR:
        if e.position_known == ins.imm:
            return
        emit_instr_ptr(e, ins)
    elif op == lir.CHECK_TOOLS:
        emit_check_tools(e, ins)
    elif op == lir.PUSH_FRAME:
        emit_push_frame(e, ins, None)
    else:
        emit_box(e, ins)


def emit_instr_ptr(e: Emitter, ins: Lir) -> None:
    asm = e.asm
    unit = ins.imm
    e.position_known = unit
    window = window_of(e.first_unit, unit)
    if e.window_known == window and ins.disp == 0:
        asm.mem(0xC6, 0, FRAME_REGISTER, FRAME_INSTR_PTR, 0)
        asm.put(0, 1)
        e.relocate(RELOC_CODE_LO8, asm.here() - 1, 0, unit)
        return
    asm.mem(0xC7, 0, FRAME_REGISTER, FRAME_INSTR_PTR, 0)
    asm.put(0, 4)
    e.relocate(RELOC_CODE_LO32, asm.here() - 4, 0, unit)
    if e.first_unit >= 0:
        e.window_known = window


def emit_check_tools(e: Emitter, ins: Lir) -> None:
    exit_ = ins.exit
    assert exit_ is not None
    e.claim()
    note_sync(e, exit_)
    if exit_.kind == EXIT_SYNC and not prefers_speed(e.block):
        routine = e.tools_routine
        if routine is None:
            routine = e.tools_routine = Label()
        e.call_label(routine)
        put_exit_number(e, exit_index(e, exit_))
        return
    compare_version(e)
    label = Label()
    if exit_.kind == EXIT_SYNC:
        index = exit_index(e, exit_)
        back = Label()
        e.stubs.append(Stub(STUB_SYNC, label, back, index, -1))
        e.jump_if(CC_NE, label)
        e.bind(back)
    else:
        e.stubs.append(Stub(STUB_LEAVE, label, None, exit_index(e, exit_), -1))
        e.jump_if(CC_NE, label)


def compare_version(e: Emitter) -> None:
    e.relocate(RELOC_VERSION_REL32, e.asm.rip(x.MOV_LOAD, R11, W), 0, 0)
    e.asm.mem(0x39, R11, TSTATE_REGISTER, TSTATE_EVAL_BREAKER, W)


def emit_decref(e: Emitter, ins: Lir) -> None:
    register = e.use(ins.a)
    # Whatever frees the object may use r11.
    e.claim()
    if ins.exit is not None:
        note_sync(e, ins.exit)
    if prefers_speed(e.block):
        emit_inline_decref(e, ins, register)
        return
    exit_ = ins.exit
    if ins.op == lir.DECREF and exit_ is None:
        e.call_helper(e.decref_helper(register))
        return
    key: i64 = register
    if ins.op == lir.XDECREF:
        key |= KEY_NULLABLE
    elif ins.op == lir.DECREF_TAGGED:
        key |= KEY_TAGGED
    if exit_ is not None:
        key |= KEY_SYNC
    label = e.decref_labels.get(key)
    if label is None:
        label = Label()
        e.decref_labels[key] = label
    e.call_label(label)
    if exit_ is not None:
        put_exit_number(e, exit_index(e, exit_))


def emit_inline_decref(e: Emitter, ins: Lir, register: i64) -> None:
    asm = e.asm
    over = Label()
    if ins.op == lir.XDECREF:
        asm.rr(x.TEST, register, register, W)
        e.jump_if(CC_E, over)
    elif ins.op == lir.DECREF_TAGGED:
        asm.test_imm(register, 1)
        e.jump_if(CC_NE, over)
    asm.alu_mem_imm(x.CMP, register, 0, 0, 4)
    e.jump_if(CC_S, over)
    asm.mem(0xFF, 1, register, 0, 0)
    free = Label()
    exit_ = ins.exit
    if exit_ is not None:
        e.stubs.append(Stub(STUB_SYNC, free, over, exit_index(e, exit_), register))
    else:
        e.stubs.append(Stub(STUB_FREE, free, over, -1, register))
    e.jump_if(CC_E, free)
    e.bind(over)


def emit_routines(e: Emitter) -> None:
    """The routines that compact forms called, and what they share. Cold, at the end."""
    asm = e.asm
    site: Label | None = None
    for key, label in e.decref_labels.items():
        register: i64 = key & 15
        e.bind(label)
        over_null: i64 = -1
        if key & KEY_NULLABLE:
            asm.rr(x.TEST, register, register, W)
            over_null = asm.jcc8(CC_E)
        elif key & KEY_TAGGED:
            asm.test_imm(register, 1)
            over_null = asm.jcc8(CC_NE)
        if not key & KEY_SYNC:
            e.jump_helper(e.decref_helper(register))
            asm.land(over_null)
            asm.ret()
            continue
        asm.alu_mem_imm(x.CMP, register, 0, 0, 4)
        over = asm.jcc8(CC_S)
        asm.mem(0xFF, 1, register, 0, 0)
        free = asm.jcc8(CC_E)
        asm.land(over)
        if over_null >= 0:
            asm.land(over_null)
        asm.ret()
        asm.land(free)
        if register == R11:
            asm.mem(x.XCHG, R11, RSP, 0, W)
        else:
            asm.pop(R11)
            asm.push(register)
        if site is None:
            site = Label()
        e.jump(site)
    if e.tools_routine is not None:
        e.bind(e.tools_routine)
        compare_version(e)
        differs = asm.jcc8(CC_NE)
        asm.ret()
        asm.land(differs)
        asm.pop(R11)
        asm.push_imm(0)
        if site is None:
            site = Label()
        e.jump(site)
    if site is not None:
        e.bind(site)
        put_sync_site(e)
    elif e.sync_tail is not None:
        put_sync_tail(e)


def put_sync_site(e: Emitter) -> None:
    """r11 is the return address, the object is pushed: finds the exit's number behind the call."""
    asm = e.asm
    asm.push(R11)
    asm.push(R11)
    read_exit_number(asm, len(e.artifact.exits) > 256)
    asm.store(RSP, 8, R11)
    sync_tail(e)
    put_sync_tail(e)
