"""The back end's front door: LIR in, artifact out.

Layout of the code: prologue and hot blocks, dense and contiguous; then the stubs that hot code jumps to, the
nearest first; then cold blocks and their stubs, shared routines and tails; last the pool of 8-byte constants.
"""

from __future__ import annotations

from pyston.compiler.artifact import RELOC_CONST_ABS64, Artifact, EntryRecord
from pyston.compiler.lir import instructions as lir
from pyston.compiler.lir.allocate import allocate
from pyston.compiler.lir.instructions import Block, Code, Lir
from pyston.compiler.lir.virtual_registers import SPILL
from pyston.compiler.native import i64
from pyston.compiler.x86_64 import encoder as x
from pyston.compiler.x86_64.branches import finished_code, shorten_jumps
from pyston.compiler.x86_64.calls import (
    checked_kind,
    emit_call,
    emit_caught_call,
    emit_checked_call,
    emit_push_frame,
    has_checked_entry,
    room_checked,
    tools_behind,
)
from pyston.compiler.x86_64.control import (
    destination,
    emit_check,
    emit_control,
    is_passed_over,
    put_epilogue,
)
from pyston.compiler.x86_64.emitter import Emitter, Label
from pyston.compiler.x86_64.encoder import W
from pyston.compiler.x86_64.exits import emit_stubs, put_unwind_tail
from pyston.compiler.x86_64.floats import emit_float
from pyston.compiler.x86_64.integers import emit_integer
from pyston.compiler.x86_64.memory import emit_memory
from pyston.compiler.x86_64.positions import find_windows
from pyston.compiler.x86_64.references import emit_idiom, emit_routines
from pyston.compiler.x86_64.registers import R15, RAX, RBX, RDI, RDX, RSI, RSP


def compile_lir(code: Code, mapped: bool = False) -> Artifact:
    """Allocates registers and writes the machine code. Fills in everything that follows from LIR alone:
    `dependencies`, `cells` content and `instructions` are the caller's. `mapped`: the map of lines too, for people."""
    allocation = allocate(code)
    e = Emitter(code, allocation)
    artifact = e.artifact
    artifact.constants = code.constants
    artifact.spill_bytes = allocation.spill_bytes
    artifact.cells = bytes(code.cell_bytes)
    find_windows(code, allocation.order)
    order = [block for block in allocation.order if not is_passed_over(block)]
    count = len(order)
    emit_prologue(e)
    start = destination(code.entries[0])
    if start is not order[0]:
        e.jump_to_block(start)
    hot_end = Label()
    is_cold = False
    for index in range(count):
        block = order[index]
        if block.cold and not is_cold:
            is_cold = True
            e.bind(hot_end)
            emit_stubs(e)
        following = order[index + 1] if index + 1 < count else None
        if following is not None and following.cold and not is_cold:
            following = None  # the stubs stand between
        emit_block(e, block, following)
    if not is_cold:
        e.bind(hot_end)
    emit_stubs(e)
    epilogue = e.epilogue
    if epilogue is None:
        epilogue = put_epilogue(e)
    put_unwind_tail(e)
    resume = emit_resume(e)
    emit_routines(e)
    dropped = shorten_jumps(e)
    emit_pool(e, dropped)
    artifact.code = finished_code(e)
    artifact.hot_bytes = hot_end.position
    artifact.epilogue = epilogue.position
    if resume is not None:
        artifact.resume = resume.position
        for entry in code.entries[1:]:
            position = e.block_labels[destination(entry).index].position
            artifact.entries.append(EntryRecord(entry.offset, position, entry.entry_depth))
    if mapped:
        artifact.line_map = [(e.block_labels[block.index].position, block.offset) for block in order]
    return artifact


def emit_prologue(e: Emitter) -> None:
    asm = e.asm
    asm.push(RBX)
    asm.push(R15)
    for register in (5, 14, 13, 12):
        if e.allocation.given >> register & 1:
            asm.push(register)
    size: i64 = e.allocation.spill_bytes
    if size == 8:
        asm.push(RAX)
    elif size:
        asm.alu_imm(x.SUB, RSP, size, W)
    asm.mov(RBX, RSI)
    asm.mov(R15, RDI)


def emit_resume(e: Emitter) -> Label | None:
    """Cold: the way in for all entries but the start, whose own prologue so needs no choice. It makes the same
    native frame and goes to the address in rdx. Returns its label, if there are such entries."""
    if len(e.code.entries) == 1:
        return None
    resume = Label()
    e.bind(resume)
    emit_prologue(e)
    e.asm.rr(0xFF, 4, RDX, 0)  # jmp rdx
    return resume


def emit_pool(e: Emitter, dropped: i64) -> None:
    """The constants that are not immediates. After the jumps have been shortened, so that alignment stays: all
    that comes now is `dropped` bytes nearer to the start than it is put."""
    asm = e.asm
    if not e.has_pool:
        return
    while (asm.here() - dropped) & 7:
        asm.put1(0xCC)  # int3: control does not come here
    for index, label in enumerate(e.pool_constant):
        if label is not None:
            label.position = asm.here() - dropped
            e.relocate(RELOC_CONST_ABS64, label.position, index >> 1, index & 1)
            asm.put8(0)
    for bits, word in e.pool_bits.items():
        word.position = asm.here() - dropped
        asm.put4(bits & 0xFFFFFFFF)
        asm.put4(bits >> 32)


def emit_block(e: Emitter, block: Block, following: Block | None) -> None:
    e.block = block
    e.next_block = following
    e.bind(e.block_labels[block.index])
    e.scratch_value = -1
    e.position_known = -1
    e.window_known = block.window
    cold = block.cold
    body = block.body
    count: i64 = len(body)
    index: i64 = 0
    while index < count:
        ins = body[index]
        index += 1
        if ins.saves:
            emit_guarded(e, ins)
            continue
        if ins.op >= lir.CALL and not cold and index < count:
            check = body[index]
            if ins.op == lir.PUSH_FRAME:
                room = room_checked(ins, check)
                emit_push_frame(e, ins, room)
                index += room is not None
                continue
            if ins.op <= lir.CALL_MEM and has_checked_entry(e, ins):
                kind = checked_kind(ins, check)
                if kind >= 0:
                    tools = tools_behind(body, index + 1, check.exit)
                    emit_checked_call(e, ins, check, kind, tools)
                    index += 1 if tools is None else 2
                    continue
                if emit_caught_call(e, ins, check):
                    continue
        emit_instruction(e, ins)


def emit_guarded(e: Emitter, ins: Lir) -> None:
    """A cold instruction that clobbers: what lives on in those registers is saved around it, so that hot code
    need not avoid them."""
    results = machine_register(e, ins.dst) | machine_register(e, ins.dst2)
    move_saved(e, ins.saves, ins.saves, x.MOV_STORE, x.MOVSD_STORE)
    emit_instruction(e, ins)
    move_saved(e, ins.saves, ins.saves & ~results, x.MOV_LOAD, x.MOVSD_LOAD)


def machine_register(e: Emitter, v: i64) -> i64:
    """The set with the machine register that v is in, or none."""
    place: i64 = e.registers[v].place if v >= 0 else -1
    one: i64 = 1
    return one << place if 0 <= place < SPILL else 0


def move_saved(e: Emitter, saves: i64, moved: i64, mov: i64, movsd: i64) -> None:
    """Moves the machine registers in the set `moved` to or from their words; each of the set `saves` has one."""
    offset = e.allocation.save_base
    register: i64 = 0
    while saves:
        if moved & 1:
            if register < 16:
                e.asm.mem(mov, register, RSP, offset, W)
            else:
                e.asm.mem(movsd, register - 16, RSP, offset, 0)
        if saves & 1:
            offset += 8
        saves >>= 1
        moved >>= 1
        register += 1


def emit_instruction(e: Emitter, ins: Lir) -> None:
    op = ins.op
    if op < lir.ADD:
        emit_memory(e, ins)
    elif op < lir.FMOV:
        emit_integer(e, ins)
    elif op < lir.JUMP:
        emit_float(e, ins)
    elif op < lir.CHECK:
        emit_control(e, ins)
    elif op < lir.CALL:
        emit_check(e, ins)
    elif op < lir.INCREF:
        emit_call(e, ins)
    else:
        emit_idiom(e, ins)
