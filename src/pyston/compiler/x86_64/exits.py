"""Ways out of the hot code: exit records and the cold stubs that lead to the runtime.

A stub is as small as it can be, since there are more of them than of anything else: it pushes the exit's
number and jumps to the artifact's one tail, which takes it from there (docs/abi.md):

    stub k:     push k ; jmp tail
    tail:       movabs r11, artifact ; jmp exit_thunk_pushed

Stubs stand in rows; the one that is out of reach of a short jump to the tail takes the long one, and serves
the ones after it as a stepping stone.

Most exits need no stub: a helper that may raise is called through its checked entry, which tests the result and, when
it says failure, leaves by the return address. The exit's number stands there, as the operand of an instruction
without effect:

    call checked entry ; test al, k

Where the exception just ends the activation even that is not needed. A check for tools right behind such a call is the
entry's, too: its exit is number k + 1, or the one that stands there if the failure needs none.

A sync stub pushes the object to free (or 0) and the exit's number, calls `sync_tail`, and jumps back.
"""

from __future__ import annotations

import struct

from pyston.compiler.artifact import (
    EXIT_UNWIND,
    RELOC_ARTIFACT_ABS64,
    REPR_BORROWED,
    REPR_F64,
    WHERE_CONST,
    WHERE_GPR,
    WHERE_IMM,
    WHERE_SPILL,
    WHERE_XMM,
    ExitEntry,
    ExitRecord,
)
from pyston.compiler.lir import instructions as lir
from pyston.compiler.lir.instructions import UNKNOWN_WINDOW, Lir
from pyston.compiler.lir.virtual_registers import SPILL
from pyston.compiler.native import Final, i64
from pyston.compiler.x86_64 import encoder as x
from pyston.compiler.x86_64.emitter import Emitter, Label, Stub
from pyston.compiler.x86_64.encoder import Assembler, W
from pyston.compiler.x86_64.positions import window_of
from pyston.compiler.x86_64.registers import R11, R15, RBX, RDI, RSI

# Kinds of stubs.
STUB_LEAVE: Final = 0  # take the exit
STUB_SYNC: Final = 1  # make the frame true, free the object (if any), come back
STUB_FREE: Final = 2  # free the object, come back: nothing that it does can look at the frame


# --- records ----------------------------------------------------------------------------------------------


def exit_index(e: Emitter, exit_: ExitRecord) -> i64:
    """The exit's number; at the first call it joins the artifact's."""
    number = exit_.number
    if number < 0:
        exits = e.artifact.exits
        number = len(exits)
        exit_.number = number
        exits.append(exit_)
        e.exit_stub.append(None)
        for entry in exit_.entries:
            if entry.vreg >= 0:
                place_entry(e, entry)
    return number


def place_entry(e: Emitter, entry: ExitEntry) -> None:
    """Says where the register of the entry is."""
    where = e.registers[entry.vreg].place
    if where >= SPILL:
        entry.where = WHERE_SPILL
        entry.index = where - SPILL
    elif where >= 16:
        entry.where = WHERE_XMM
        entry.index = where - 16
    elif where >= 0:
        entry.where = WHERE_GPR
        entry.index = where
    else:
        place_constant(e, entry)


def place_constant(e: Emitter, entry: ExitEntry) -> None:
    """For a value that is nowhere, since it is made again at each use."""
    definition = e.registers[entry.vreg].definition
    assert definition is not None
    imm = definition.imm
    entry.where = WHERE_CONST
    if definition.op == lir.CONST:
        entry.index = imm
        return
    if entry.repr == REPR_F64:
        entry.repr = REPR_BORROWED
        entry.index = add_constant(e, float_of_bits(imm))
        return
    assert definition.op == lir.IMM
    if imm >= 1 << 63:
        imm -= 1 << 64
    if -0x80000000 <= imm <= 0x7FFFFFFF:
        entry.where = WHERE_IMM
        entry.index = imm
    else:
        entry.repr = REPR_BORROWED
        entry.index = add_constant(e, imm)


def add_constant(e: Emitter, value: object) -> int:
    """A new object for recipes only: no code refers to it."""
    e.artifact.constants.append(value)
    return len(e.artifact.constants) - 1


def float_of_bits(bits: int) -> float:
    value: float = struct.unpack("<d", (bits & 0xFFFFFFFFFFFFFFFF).to_bytes(8, "little"))[0]
    return value


def names(exit_: ExitRecord, v: i64) -> bool:
    """Whether the exit's recipe names the register."""
    return any(entry.vreg == v for entry in exit_.entries)


def note_sync(e: Emitter, exit_: ExitRecord) -> None:
    """A sync sets frame->instr_ptr, if it happens."""
    if e.position_known != exit_.lasti:
        e.position_known = -1
        if e.window_known >= 0 and e.window_known != window_of(e.first_unit, exit_.lasti):
            e.window_known = UNKNOWN_WINDOW


# --- from the hot code ------------------------------------------------------------------------------------


def jump_to_exit(e: Emitter, cc: i64, exit_: ExitRecord, undo: Lir | None) -> None:
    """Leaves through the exit when the flags say `cc`, after taking back `undo`."""
    if exit_.kind == EXIT_UNWIND:
        tail = e.unwind_tail
        if tail is None:
            tail = e.unwind_tail = Label()
        e.jump_if(cc, tail)
        return
    index = exit_index(e, exit_)
    if undo is None:
        label = e.exit_stub[index]
        if label is None:
            label = Label()
            e.exit_stub[index] = label
            e.stubs.append(Stub(STUB_LEAVE, label, None, index, -1))
    else:
        label = Label()
        stub = Stub(STUB_LEAVE, label, None, index, -1)
        stub.undo = undo
        e.stubs.append(stub)
    e.jump_if(cc, label)


def put_exit_number(e: Emitter, index: i64) -> None:
    """Behind a call that may leave by its return address: an instruction without effect, for its operand."""
    if index < 256:
        e.asm.put(0xA8 | index << 8, 2)  # test al, k
    else:
        e.asm.put(0xA9 | index << 8, 5)  # test eax, k


def read_exit_number(asm: Assembler, may_be_wide: bool) -> None:
    """What put_exit_number has written at the return address in r11, into r11."""
    if not may_be_wide:
        asm.mem(x.MOVZX8, R11, R11, 1, 0)
        return
    asm.alu_mem_imm(x.CMP, R11, 0, -0x57, 1)  # A9: the number has 32 bits
    narrow = asm.jcc8(lir.CC_NE)
    asm.mem(x.MOV_LOAD, R11, R11, 1, 0)
    wide = asm.jmp8()
    asm.land(narrow)
    asm.mem(x.MOVZX8, R11, R11, 1, 0)
    asm.land(wide)


def emit_leave(e: Emitter, ins: Lir) -> None:
    """An unconditional exit: the stub itself, in place."""
    assert ins.exit is not None
    put_leave(e, exit_index(e, ins.exit))


# --- stubs ------------------------------------------------------------------------------------------------


def emit_stubs(e: Emitter) -> None:
    """Writes the stubs gathered so far; the last first, which is the nearest to its guard."""
    stubs = e.stubs
    e.stubs = []
    for index in range(len(stubs) - 1, -1, -1):
        stub = stubs[index]
        e.bind(stub.label)
        e.claim()
        if stub.kind == STUB_LEAVE:
            if stub.undo is not None:
                take_back(e, stub.undo)
            put_leave(e, stub.exit_index)
        else:
            put_free(e, stub)


def put_leave(e: Emitter, index: i64) -> None:
    asm = e.asm
    asm.push_imm(index)
    tail = e.leave_tail
    near = e.near_tail
    if tail is None or near is None:
        tail = Label()
        e.leave_tail = e.near_tail = tail
        e.bind(tail)
        artifact_into_r11(e)
        e.jump_helper("exit_thunk_pushed")
    elif asm.here() + 2 - near.position > 128:
        e.near_tail = Label()
        e.bind(e.near_tail)
        e.jump(tail)
    else:
        e.jump(near)


def artifact_into_r11(e: Emitter) -> None:
    e.asm.mov_abs(R11)
    position = e.asm.here()
    e.asm.put8(0)
    e.relocate(RELOC_ARTIFACT_ABS64, position, 0, 0)


def take_back(e: Emitter, ins: Lir) -> None:
    """Undoes an overflowed addition or subtraction whose result has overwritten `a`."""
    op: i64 = x.SUB if ins.op == lir.ADD_CHECK else x.ADD
    register: i64 = e.registers[ins.dst].place
    if ins.b >= 0:
        e.alu_value(op, register, ins.b, W)
    else:
        e.alu_immediate(op, register, ins.imm, W)


def put_free(e: Emitter, stub: Stub) -> None:
    asm = e.asm
    if stub.kind == STUB_FREE:
        # The count is 0: the runtime's routine takes it down once more, and knows the quick ways to free.
        asm.mem(0xFF, 0, stub.register, 0, 0)
        e.call_helper(e.decref_helper(stub.register))
    else:
        if stub.register >= 0:
            asm.push(stub.register)
        else:
            asm.push_imm(0)
        asm.push_imm(stub.exit_index)
        e.call_label(sync_tail(e))
    assert stub.back is not None
    e.jump(stub.back)


def sync_tail(e: Emitter) -> Label:
    tail = e.sync_tail
    if tail is None:
        tail = e.sync_tail = Label()
    return tail


def put_unwind_tail(e: Emitter) -> None:
    """An exception ends the activation; everything is in the frame. The result is NULL."""
    if e.unwind_tail is not None:
        e.bind(e.unwind_tail)
        e.asm.mov(RDI, R15)
        e.asm.mov(RSI, RBX)
        e.call_helper("unwind_body")
        assert e.epilogue is not None
        e.jump(e.epilogue)


def put_sync_tail(e: Emitter) -> None:
    e.bind(sync_tail(e))
    artifact_into_r11(e)
    e.jump_helper("sync_thunk")
