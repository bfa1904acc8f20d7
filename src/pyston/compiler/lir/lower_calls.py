"""Lowering of calls: Python functions through their frame, C functions and helpers through registers."""

from __future__ import annotations

from pyston.compiler.artifact import EXIT_ERROR, EXIT_LEAVE, EXIT_RAISED, EXIT_RERAISE, ExitRecord
from pyston.compiler.hir import types as t
from pyston.compiler.hir import values as h
from pyston.compiler.hir.effects import ESCAPES, GUARD, PASSES, RAISES
from pyston.compiler.hir.helpers import (
    RESULT_ARRAY,
    RESULT_FLOAT,
    RESULT_INT,
    RESULT_MAYBE,
    RESULT_NEVER,
    RESULT_NEXT,
    RESULT_OBJECT,
    RESULT_PAIR,
    RESULT_SEND,
    RESULT_STATUS,
    RESULT_TEST,
    Helper,
)
from pyston.compiler.hir.values import Value, resolve
from pyston.compiler.lir import instructions as lir
from pyston.compiler.lir.instructions import CC_GE, CC_NE, FRAME_BASE, Lir
from pyston.compiler.lir.layout import (
    ATTR_CELL_BYTES,
    CALLEE_BODY,
    FRAME_BUILTINS,
    FRAME_GLOBALS,
    FRAME_LOCALS,
    GLOBAL_CELL_BYTES,
    SUPER_CELL_BYTES,
    VERSION_CELL,
)
from pyston.compiler.lir.lower import Lowering
from pyston.compiler.lir.lower_floats import leave_if_nan
from pyston.compiler.lir.virtual_registers import VirtualRegister
from pyston.compiler.native import Final, i64
from pyston.compiler.world import (
    CFUNCTION_FAST,
    CFUNCTION_FAST_KEYWORDS,
    CFUNCTION_FAST_NAMED,
    CFUNCTION_NOARGS,
    CFUNCTION_O,
)

CALL_LENT: Final = 1  # helpers.h
_CELL_BYTES: Final = {"load_global_cached": GLOBAL_CELL_BYTES, "load_super_attr_cached": SUPER_CELL_BYTES}
LAST_BIT: Final = 63  # of a set of slots


def lower_helper(w: Lowering, v: Value) -> None:
    helper = v.helper
    assert helper is not None
    flags = helper.flags
    kind = EXIT_ERROR
    call = Lir(lir.CALL)
    call.helper = helper.name
    if flags & PASSES and v.imm:
        # Two instructions in one: instr_ptr begins at the first, and the helper moves it on.
        w.set_position(v, v.imm)
        call.imm = v.imm
        kind = EXIT_RAISED
    elif flags & (ESCAPES | RAISES):
        w.set_position(v)
    call.args = _arguments(w, v, helper)
    result = helper.result
    if result == RESULT_OBJECT:
        call.dst = w.define(v)
        w.emit(call)
        if flags & RAISES:
            w.check_error(v, CC_NE, call.dst, 8, kind)
    elif result in (RESULT_STATUS, RESULT_ARRAY, RESULT_NEVER):
        call.dst = w.new()
        w.emit(call)
        if flags & RAISES:
            w.check_error(v, CC_GE, call.dst, 4)
    elif result == RESULT_TEST:
        call.dst = w.define(v)
        w.emit(call)
        if flags & RAISES:
            w.check_error(v, CC_GE, call.dst, 4)
    elif result == RESULT_PAIR:
        call.dst = w.define(v)
        call.dst2 = w.new()
        v.second = call.dst2
        w.emit(call)
        w.check_error(v, CC_NE, call.dst)
    elif result == RESULT_NEXT:
        call.dst = w.define(v)
        call.dst2 = w.new()
        w.emit(call)
        w.check_error(v, CC_GE, call.dst2, 4)
    elif result == RESULT_SEND:
        call.dst = w.define(v)
        call.dst2 = w.new()
        v.second = call.dst2
        w.emit(call)
        w.check_error(v, CC_GE, call.dst2, 4)
    elif result == RESULT_FLOAT:
        call.dst = w.define(v)
        call.dst2 = w.new()
        w.emit(call)
        if flags & GUARD:
            _check_int(w, lir.CC_E, call.dst2, w.guard_exit(v))
        leave_if_nan(w, v)
    else:
        assert result in (RESULT_INT, RESULT_MAYBE)
        call.dst = w.define(v)
        w.emit(call)


def _check_int(w: Lowering, cc: int, register: int, exit_: ExitRecord) -> None:
    """Leaves unless `register cc 0`, for a C int: its upper half is garbage."""
    check = Lir(lir.CHECK, -1, register)
    check.cc = cc
    check.width = 4
    check.exit = exit_
    w.emit(check)


def _arguments(w: Lowering, v: Value, helper: Helper) -> list[VirtualRegister]:
    registers = w.code.registers
    args: list[VirtualRegister] = []
    signature = helper.letters
    first_of_array: i64 = 0
    for position in range(len(signature)):
        letter: i64 = signature[position]
        if ord("0") <= letter <= ord("9"):
            if position == 0 or signature[position - 1] != ord("A"):
                args.append(registers[w.use(v.args[letter - ord("0")])])
            else:
                first_of_array = letter - ord("0")
                for index in range(first_of_array, len(v.args)):
                    _out(w, index - first_of_array, v.args[index])
                args.append(registers[_out_address(w)])
        elif letter == ord("T"):
            args.append(registers[w.op(lir.TSTATE, -1)])
        elif letter == ord("F"):
            args.append(registers[w.op(lir.FRAME, -1)])
        elif letter == ord("k"):
            assert v.ref is not None
            args.append(registers[w.cell(_CELL_BYTES.get(helper.name, ATTR_CELL_BYTES), v.ref)])
        elif letter == ord("i"):
            args.append(registers[w.immediate(v.imm)])
        elif letter == ord("j"):
            args.append(registers[w.immediate(v.imm2)])
        elif letter == ord("m"):
            args.append(registers[w.immediate(_maybe_untagged(w, v))])
        elif letter == ord("c"):
            args.append(registers[w.constant(v.ref) if v.ref is not None else w.immediate(0)])
        elif letter == ord("g"):
            args.append(registers[w.load(FRAME_BASE, FRAME_GLOBALS)])
        elif letter == ord("b"):
            args.append(registers[w.load(FRAME_BASE, FRAME_BUILTINS)])
        elif letter == ord("n"):
            args.append(registers[w.immediate(len(v.args) - first_of_array)])
        elif letter == ord("p"):
            flags = v.imm
            if flags == 0 and v.args[1].operation == h.SECOND and v.args[1].imm:
                flags = CALL_LENT
            args.append(registers[w.immediate(len(v.args) - 2 | flags << 8 | v.moved << 16)])
        elif letter == ord("o"):
            # Room for the output: the highest slot is touched so that it is reserved.
            args.append(registers[_out_address(w, max(v.imm + v.imm2 + 1, 1))])
        else:
            assert letter == ord("A")  # the digit behind it says where the array begins
    return args


def _maybe_untagged(w: Lowering, v: Value) -> int:
    """Bits of the slots that may hold an immortal object without the tag that the interpreter wants to see; the last
    bit stands for all from there on. What was there on entry has its tag."""
    state = v.state
    assert state is not None
    result = 0
    for slot, value in enumerate([*state.locals, *state.stack]):
        value = resolve(value)
        if not value.type & ~(t.MORTAL | t.NULL):
            continue
        if value.operation == h.CONSTANT and value.ref is not None and value.ref.immortal:
            continue
        if (
            slot < w.function.slot_count
            and slot not in w.slots_refilled
            and _is_from_entry(value, slot, set())
        ):
            continue
        result |= 1 << min(slot, LAST_BIT)
    return result


def _is_from_entry(value: Value, slot: int, seen: set[Value]) -> bool:
    if value.operation == h.PARAMETER or value.operation == h.COPY_FREE_VARIABLE:
        return value.imm == slot
    if value.operation != h.PHI or value.imm != slot:
        return False
    if value in seen:
        return True
    seen.add(value)
    return all(_is_from_entry(resolve(argument), slot, seen) for argument in value.args)


def _out(w: Lowering, index: i64, value: Value) -> None:
    if value.operation == h.CONSTANT and value.ref is not None:
        instruction = Lir(lir.OUT, -1, -1, -1, w.constant_index(value.ref))
    else:
        instruction = Lir(lir.OUT, -1, w.use(value))
    instruction.disp = index
    w.emit(instruction)


def _out_address(w: Lowering, slots: int = 0) -> i64:
    instruction = Lir(lir.OUT_ADDRESS, w.new(), -1, -1, slots)
    w.emit(instruction)
    return instruction.dst


def lower_catch(w: Lowering, v: Value) -> None:
    """Leaves where a tool has come, or the code was retired: then the interpreter handles the exception."""
    call = Lir(lir.CALL)
    call.helper = "catch_exception"
    call.args = w.registers(w.op(lir.TSTATE, -1), w.op(lir.FRAME, -1), w.op(lir.CELL, -1, -1, VERSION_CELL))
    call.dst = w.define(v)
    call.dst2 = w.new()
    v.second = call.dst2
    w.emit(call)
    w.check(CC_NE, call.dst, -1, 0, w.make_exit(v, EXIT_RAISED, "error"))


def lower_branch_error(w: Lowering, v: Value) -> None:
    check = w.errors[v.args[0]]
    branch = Lir(lir.BRANCH, -1, check.a)
    branch.cc = check.cc
    branch.width = check.width
    branch.then = w.successor(0)
    branch.other = w.successor(1)
    w.emit(branch)


def lower_reraise(w: Lowering, v: Value) -> None:
    instruction = Lir(lir.LEAVE)
    instruction.exit = w.make_exit(v, EXIT_RERAISE, "error")
    w.emit(instruction)


def lower_second(w: Lowering, v: Value) -> None:
    w.move(w.define(v), v.args[0].second)


def lower_array_item(w: Lowering, v: Value) -> None:
    address = _out_address(w)
    w.load_into(w.define(v), address, 8 * v.imm)


def lower_call_python(w: Lowering, v: Value) -> None:
    """Writes the arguments straight into the callee's frame. No room for one: the interpreter makes the call."""
    assert v.ref is not None
    registers = [-1 if a.operation in (h.CONSTANT, h.NULL) else w.use(a) for a in v.args]
    w.set_position(v)
    push = Lir(lir.PUSH_FRAME, w.new(), -1, -1, w.constant_index(v.ref))
    w.emit(push)
    frame = push.dst
    w.check(CC_NE, frame, -1, 0, w.make_exit(v, EXIT_LEAVE, "no room"))
    for index, argument in enumerate(v.args):
        offset = FRAME_LOCALS + 8 * index
        if argument.operation == h.CONSTANT and argument.ref is not None:
            w.store_constant(frame, offset, argument.ref)
        elif v.moved >> index & 1 or not argument.type & ~t.UNCOUNTED:
            w.store(frame, offset, registers[index])
        else:
            # Lent: bit 0 tells the callee that we keep it alive.
            lea = Lir(lir.LEA, w.new(), registers[index])
            lea.disp = 1
            w.emit(lea)
            w.store(frame, offset, lea.dst)
    record = w.constant(v.ref)
    call = Lir(lir.CALL_MEM, w.define(v), record)
    call.disp = CALLEE_BODY
    call.args = w.registers(w.op(lir.TSTATE, -1), frame)
    w.emit(call)
    w.check_error(v, CC_NE, call.dst)


def lower_call_c(w: Lowering, v: Value) -> None:
    kind = v.imm2
    w.set_position(v)
    receiver = w.use(v.args[0])
    call = Lir(lir.CALL_REG, w.define(v))
    if kind == CFUNCTION_NOARGS:
        args = w.registers(receiver, w.immediate(0))
    elif kind == CFUNCTION_O:
        args = w.registers(receiver, w.use(v.args[1]))
    else:
        assert kind in (CFUNCTION_FAST, CFUNCTION_FAST_KEYWORDS, CFUNCTION_FAST_NAMED)
        count = len(v.args) - 1
        names = v.args[count].ref if kind == CFUNCTION_FAST_NAMED else None
        count -= names is not None
        for index in range(count):
            _out(w, index, v.args[1 + index])
        address = _out_address(w, 1)
        positional = count
        if names is not None:
            assert isinstance(names.value, tuple)
            positional -= len(names.value)
        args = w.registers(receiver, address, w.immediate(positional))
        if kind != CFUNCTION_FAST:
            args += w.registers(w.constant(names) if names is not None else w.immediate(0))
    call.a = w.immediate(v.imm)
    call.args = args
    w.emit(call)
    w.check_error(v, CC_NE, call.dst)
    if v.ref is not None:
        w.constant_index(v.ref)  # keeps the function, and so its code, alive
