"""Lowering of numbers, conditions, guards and the frame's own slots."""

from __future__ import annotations

from pyston.compiler.artifact import EXIT_SYNC
from pyston.compiler.bytecode.cfg import NEVER_RUN
from pyston.compiler.hir import types as t
from pyston.compiler.hir import values as h
from pyston.compiler.hir.values import Value, resolve
from pyston.compiler.lir import instructions as lir
from pyston.compiler.lir.instructions import (
    CC_A,
    CC_B,
    CC_BE,
    CC_E,
    CC_G,
    CC_NE,
    FRAME_BASE,
    Block,
    Lir,
)
from pyston.compiler.lir.layout import (
    COMPACT_TAG_LIMIT,
    DICT_KEYS,
    DICT_WATCHERS,
    FRAME_FUNCTION,
    FRAME_GLOBALS,
    FUNCTION_CLOSURE,
    KEYS_VERSION,
    LONG_DIGIT,
    LONG_SHIFT,
    LONG_TAG,
    NULL_REFERENCE,
    OB_SIZE,
    OB_TYPE,
    RANGE_LENGTH,
    SEQUENCE_ITER_INDEX,
    SEQUENCE_ITER_SEQUENCE,
    TUPLE_ITEMS,
    TWO_DIGITS_TAG_LIMIT,
)
from pyston.compiler.lir.lower import Lowering
from pyston.compiler.native import Final

# --- leaves and the frame ------------------------------------------------------------------------------------


def lower_nothing(w: Lowering, v: Value) -> None:
    """Made where it is used."""


def lower_parameter(w: Lowering, v: Value) -> None:
    if v.imm >= w.function.frame_slots:
        lower_load_global_slot(w, v)
        return
    reference = w.load(FRAME_BASE, w.slot_offset(v.imm))
    # A stack reference: bit 0 says who owns it.
    w.emit(Lir(lir.AND, w.define(v), reference, -1, -2))


def lower_entry_operand(w: Lowering, v: Value) -> None:
    """The frame's stack pointer is at the base already: what is above it is ours."""
    reference = w.load(FRAME_BASE, w.slot_offset(w.function.frame_slots + v.imm))
    if v.type == t.LASTI:
        w.move(w.define(v), reference)
        return
    w.emit(Lir(lir.AND, w.define(v), reference, -1, -2))


def lower_float_constant(w: Lowering, v: Value) -> None:
    w.emit(Lir(lir.FIMM, w.define(v), -1, -1, v.imm))


def lower_load_global_slot(w: Lowering, v: Value) -> None:
    w.load_into(w.define(v), _global_place(w, v.imm), 0)


def _global_place(w: Lowering, slot: int) -> int:
    slots = w.function.globals
    assert slots is not None
    return w.immediate(slots.places[slot - w.function.frame_slots])


def lower_guard_globals(w: Lowering, v: Value) -> None:
    """The keys are those that the places belong to, and nobody else wants to be told of changes."""
    slots = w.function.globals
    assert slots is not None
    exit_ = w.guard_exit(v)
    namespace = w.immediate(slots.namespace)
    w.check_memory(CC_E, w.load(namespace, DICT_KEYS), KEYS_VERSION, -1, slots.keys_version, exit_, width=4)
    watchers = w.op(lir.AND, w.load(namespace, DICT_WATCHERS, 1), -1, slots.watchers)
    w.check(CC_E, watchers, -1, 0, exit_)


def _store_global_slot(w: Lowering, v: Value) -> None:
    """Where a finalizer has changed the keys since the last guard, the dict has to find the place."""
    slots = w.function.globals
    assert slots is not None
    content = v.imm2
    value = w.use(v.args[0])
    there = w.new_block()
    moved = w.new_block(cold=True)
    done = w.new_block()
    keys = w.load(w.immediate(slots.namespace), DICT_KEYS)
    w.branch_memory(CC_E, keys, KEYS_VERSION, -1, slots.keys_version, there, moved, width=4)
    w.start(there)
    place = _global_place(w, v.imm)
    old = -1 if content and not content & ~t.UNCOUNTED else w.load(place, 0)
    w.store(place, 0, value)
    if old >= 0:
        w.release(old, content & ~t.NULL if content else t.OBJECT, v)
    w.jump(done)
    w.start(moved)
    call = Lir(lir.CALL)
    call.helper = "store_moved_global"
    name = w.world.ref(slots.names[v.imm - w.function.frame_slots])
    call.args = w.registers(w.load(FRAME_BASE, FRAME_GLOBALS), w.constant(name), value)
    w.emit(call)
    w.jump(done)
    w.start(done)


def lower_store_local(w: Lowering, v: Value) -> None:
    if v.imm >= w.function.frame_slots:
        _store_global_slot(w, v)
        return
    offset = w.slot_offset(v.imm)
    stored = v.args[0]
    content = v.imm2
    clean = content != 0 and not content & ~t.UNCOUNTED
    old = -1 if clean else w.load(FRAME_BASE, offset)
    _store_slot(w, offset, stored)
    if old >= 0:
        w.release(old, content, v, tagged=True)


def lower_store_stack(w: Lowering, v: Value) -> None:
    _store_slot(w, w.slot_offset(w.function.frame_slots + v.imm), v.args[0])


def _store_slot(w: Lowering, offset: int, stored: Value) -> None:
    """An owned reference, or none, into the frame's memory."""
    if stored.operation == h.NULL:
        w.store_immediate(FRAME_BASE, offset, NULL_REFERENCE)
    elif stored.operation == h.CONSTANT and stored.ref is not None and stored.ref.immortal:
        w.store_constant(FRAME_BASE, offset, stored.ref)
    elif stored.type & t.NULL:
        _store_nullable(w, offset, w.use(stored))
    else:
        w.store(FRAME_BASE, offset, w.use(stored))


def _store_nullable(w: Lowering, offset: int, register: int) -> None:
    """An absent value is 0 in a register and 1 in the frame."""
    full = w.new_block()
    empty = w.new_block(cold=True)
    done = w.new_block()
    w.branch(CC_E, register, -1, 0, empty, full)
    w.start(full)
    w.store(FRAME_BASE, offset, register)
    w.jump(done)
    w.start(empty)
    w.store_immediate(FRAME_BASE, offset, NULL_REFERENCE)
    w.jump(done)
    w.start(done)


def lower_flush_local(w: Lowering, v: Value) -> None:
    number, full, done = w.use(v.args[0]), w.new_block(), w.new_block()
    w.branch(CC_E, number, -1, h.IN_SLOT, done, full)
    w.start(full)
    _store_number(w, v.imm, number, v)
    w.jump(done)
    w.start(done)


def lower_settle_local(w: Lowering, v: Value) -> None:
    number, rare, done = w.use(v.args[0]), w.new_block(cold=True), w.new_block()
    w.branch(CC_E, number, -1, h.IN_SLOT, rare, done)
    w.start(rare)
    _store_number(w, v.imm, number, v)
    w.jump(done)
    w.start(done)


def _store_number(w: Lowering, slot: int, number: int, v: Value) -> None:
    """Its box, over what a stale slot may hold."""
    box = w.op(lir.BOX_INT, number)
    old = w.load(FRAME_BASE, w.slot_offset(slot))
    w.store(FRAME_BASE, w.slot_offset(slot), box)
    w.release(old, t.INERT, v, tagged=True)


# Thunks that give the frame up: that many locals from the first on, or all that it has.
GIVE_BACK: Final = "give_back"
MOST_RELEASED: Final = 8


def lower_take_local(w: Lowering, v: Value) -> None:
    offset = w.slot_offset(v.imm)
    result = w.define(v)
    w.load_into(result, FRAME_BASE, offset)
    w.store_immediate(FRAME_BASE, offset, NULL_REFERENCE)
    lent = w.new_block(cold=True)
    count = w.new_block(cold=True)
    done = w.new_block()
    branch = Lir(lir.BRANCH_BIT, -1, result, -1, 1)
    branch.then = lent
    branch.other = done
    w.emit(branch)
    w.start(lent)
    w.emit(Lir(lir.AND, result, result, -1, -2))
    w.branch(CC_E, result, -1, 0, done, count)
    w.start(count)
    w.emit(Lir(lir.INCREF, -1, result))
    w.jump(done)
    w.start(done)


def lower_copy_free_variable(w: Lowering, v: Value) -> None:
    reference = w.load(FRAME_BASE, FRAME_FUNCTION)
    function = w.op(lir.AND, reference, -1, -2)
    closure = w.load(function, FUNCTION_CLOSURE)
    cell = w.define(v)
    w.load_into(cell, closure, TUPLE_ITEMS + 8 * v.imm2)
    lent = w.op(lir.OR, cell, -1, 1)
    w.store(FRAME_BASE, w.slot_offset(v.imm), lent)


def lower_check_tools(w: Lowering, v: Value) -> None:
    instruction = Lir(lir.CHECK_TOOLS)
    instruction.exit = w.make_exit(v, EXIT_SYNC, "tools")
    instruction.imm = v.imm or w.function.globals is not None
    w.emit(instruction)


def lower_return(w: Lowering, v: Value) -> None:
    """Gives up the frame: unlinks it, releases its locals as the interpreter would, and pops it."""
    result = w.use(v.args[0])
    w.set_position(v)  # a frame object that lives on says where the frame ended
    call = Lir(lir.CALL)
    if w.function.generator:
        call.helper = "return_generator"
        call.args = w.registers(w.op(lir.TSTATE, -1), w.op(lir.FRAME, -1))
    else:
        slots = _slots_to_release(w, v)
        end = slots[-1] + 1 if slots else 0
        call.helper = f"{GIVE_BACK}_{end}" if end <= MOST_RELEASED else GIVE_BACK
    w.emit(call)
    w.emit(Lir(lir.RETURN, -1, result))


def lower_hand_over(w: Lowering, v: Value) -> None:
    w.emit(Lir(lir.RETURN, -1, w.use(v.args[0])))


def _slots_to_release(w: Lowering, v: Value) -> list[int]:
    """Slots that may hold a counted reference at this return."""
    state = v.state
    assert state is not None
    result: list[int] = []
    for slot in range(w.function.slot_count):
        written = w.slots_written[slot]
        if slot >= w.function.argument_slots and not written:
            continue
        value = resolve(state.locals[slot])
        if not written:
            result.append(slot)
        elif (value.operation == h.NULL and not w.deferring) or (
            value.operation == h.CONSTANT and value.ref is not None and value.ref.immortal and not w.deferring
        ):
            continue
        else:
            result.append(slot)
    return result


# --- guards ------------------------------------------------------------------------------------------------------


def lower_guard_type(w: Lowering, v: Value) -> None:
    w.check_memory_constant(w.use(v.args[0]), OB_TYPE, w.world.builtin_type(v.imm), w.guard_exit(v))


def lower_guard_class(w: Lowering, v: Value) -> None:
    assert v.ref is not None
    w.check_memory_constant(w.use(v.args[0]), OB_TYPE, v.ref, w.guard_exit(v))


def lower_guard_is(w: Lowering, v: Value) -> None:
    assert v.ref is not None
    instruction = Lir(lir.CHECK_CONST, -1, w.use(v.args[0]), -1, w.constant_index(v.ref))
    instruction.cc = CC_E
    instruction.exit = w.guard_exit(v)
    w.emit(instruction)


def lower_guard_not_null(w: Lowering, v: Value) -> None:
    w.check(CC_NE, w.use(v.args[0]), -1, 0, w.guard_exit(v))


def lower_guard_size(w: Lowering, v: Value) -> None:
    w.check_memory(CC_E, w.use(v.args[0]), OB_SIZE, -1, v.imm, w.guard_exit(v))


def lower_guard_inline_values(w: Lowering, v: Value) -> None:
    w.check_memory(CC_NE, w.use(v.args[0]), v.imm, -1, 0, w.guard_exit(v), width=1)


def lower_guard_word(w: Lowering, v: Value) -> None:
    address = w.immediate(v.imm)
    w.check_memory(CC_E, address, 0, -1, v.imm2, w.guard_exit(v), width=4)


# --- numbers -----------------------------------------------------------------------------------------------------


def lower_unbox_int(w: Lowering, v: Value) -> None:
    """Of one digit, mostly; of two where it must be."""
    boxed = w.use(v.args[0])
    tag = w.load(boxed, LONG_TAG)
    digit = w.new()
    small = w.new_block()
    wide = w.new_block(cold=True)
    done = w.new_block()
    w.branch(CC_B, tag, -1, COMPACT_TAG_LIMIT, small, wide)
    w.start(small)
    w.load_into(digit, boxed, LONG_DIGIT, 4)
    w.jump(done)
    w.start(wide)
    w.check(CC_B, tag, -1, TWO_DIGITS_TAG_LIMIT, w.guard_exit(v))
    high = w.op(lir.SHL, w.load(boxed, LONG_DIGIT + 4, 4), -1, LONG_SHIFT)
    w.emit(Lir(lir.ADD, digit, high, w.load(boxed, LONG_DIGIT, 4)))
    w.jump(done)
    w.start(done)
    # The low tag bits are 0 for positive, 1 for zero, 2 for negative: value = digit * (1 - sign).
    sign = w.op(lir.AND, tag, -1, 3)
    one = w.immediate(1)
    factor = w.op(lir.SUB, one, sign)
    w.emit(Lir(lir.IMUL, w.define(v), digit, factor))


def lower_box_int(w: Lowering, v: Value) -> None:
    w.emit(Lir(lir.BOX_INT, w.define(v), w.use(v.args[0])))


def lower_box_bool(w: Lowering, v: Value) -> None:
    false = w.world.ref(False)
    distance = w.world.ref(True).address - false.address
    mask = w.op(lir.NEG, w.use(v.args[0]))
    offset = w.op(lir.AND, mask, -1, distance)
    w.emit(Lir(lir.ADD, w.define(v), offset, w.constant(false)))


_CHECKED: Final = {h.INT_ADD: lir.ADD_CHECK, h.INT_SUB: lir.SUB_CHECK, h.INT_MUL: lir.IMUL_CHECK}
_PLAIN: Final = {h.INT_AND: lir.AND, h.INT_OR: lir.OR, h.INT_XOR: lir.XOR}


def _small(value: Value) -> bool:
    return value.operation == h.INT_CONSTANT and -(1 << 31) <= value.imm < 1 << 31


def lower_int_checked(w: Lowering, v: Value) -> None:
    a, b = v.args
    operation = _CHECKED[v.operation]
    if _small(a) and operation != lir.SUB_CHECK:
        a, b = b, a
    left = w.use(a)
    if _small(b):
        instruction = Lir(operation, w.define(v), left, -1, b.imm)
    else:
        instruction = Lir(operation, w.define(v), left, w.use(b))
    instruction.exit = w.guard_exit(v)
    w.emit(instruction)


def lower_int_plain(w: Lowering, v: Value) -> None:
    a, b = v.args
    left = w.use(a)
    if _small(b):
        w.emit(Lir(_PLAIN[v.operation], w.define(v), left, -1, b.imm))
    else:
        w.emit(Lir(_PLAIN[v.operation], w.define(v), left, w.use(b)))


def lower_int_neg(w: Lowering, v: Value) -> None:
    instruction = Lir(lir.NEG_CHECK, w.define(v), w.use(v.args[0]))
    instruction.exit = w.guard_exit(v)
    w.emit(instruction)


def lower_int_invert(w: Lowering, v: Value) -> None:
    w.emit(Lir(lir.NOT, w.define(v), w.use(v.args[0])))


def lower_int_divide(w: Lowering, v: Value) -> None:
    a, b = v.args
    left = w.use(a)
    right = w.use(b)
    if b.operation != h.INT_CONSTANT or b.imm in (0, -1):
        # The hardware traps on division by zero and on the smallest number by -1.
        successor = w.op(lir.ADD, right, -1, 1)
        w.check(CC_A, successor, -1, 1, w.guard_exit(v))
    w.emit(Lir(lir.DIV_FLOOR if v.operation == h.INT_FLOOR_DIV else lir.MOD_FLOOR, w.define(v), left, right))


def lower_int_shl(w: Lowering, v: Value) -> None:
    left = w.use(v.args[0])
    count = w.use(v.args[1])
    exit_ = w.guard_exit(v)
    w.check(CC_BE, count, -1, 31, exit_)
    result = w.define(v)
    w.emit(Lir(lir.SHL, result, left, count))
    back = w.op(lir.SAR, result, count)
    w.check(CC_E, back, left, 0, exit_)


def lower_int_shr(w: Lowering, v: Value) -> None:
    left = w.use(v.args[0])
    count = w.use(v.args[1])
    w.check(CC_BE, count, -1, 63, w.guard_exit(v))
    w.emit(Lir(lir.SAR, w.define(v), left, count))


# --- conditions ----------------------------------------------------------------------------------------------------


def lower_condition(w: Lowering, v: Value) -> None:
    """A condition as 0 or 1 in a register."""
    operation = v.operation
    if operation == h.INT_COMPARE:
        left = w.use(v.args[0])
        b = v.args[1]
        if _small(b):
            instruction = Lir(lir.SETCC, w.define(v), left, -1, b.imm)
        else:
            instruction = Lir(lir.SETCC, w.define(v), left, w.use(b))
        instruction.cc = v.imm
        w.emit(instruction)
    elif operation == h.FLOAT_COMPARE:
        instruction = Lir(lir.FSETCC, w.define(v), w.use(v.args[0]), w.use(v.args[1]))
        instruction.cc = v.imm
        w.emit(instruction)
    elif operation == h.IS:
        instruction = Lir(lir.SETCC, w.define(v), w.use(v.args[0]), w.use(v.args[1]))
        instruction.cc = CC_E
        w.emit(instruction)
    elif operation == h.NOT:
        w.emit(Lir(lir.XOR, w.define(v), w.use(v.args[0]), -1, 1))
    elif operation == h.INT_TRUTH:
        # Tag bit 0 is set for zero alone.
        tag = w.load(w.use(v.args[0]), LONG_TAG)
        zero = w.op(lir.AND, tag, -1, 1)
        w.emit(Lir(lir.XOR, w.define(v), zero, -1, 1))
    elif operation == h.SIZE_TRUTH:
        size = w.load(w.use(v.args[0]), v.imm)
        instruction = Lir(lir.SETCC, w.define(v), size, -1, 0)
        instruction.cc = CC_NE
        w.emit(instruction)
    else:
        yes = w.new_block()
        no = w.new_block()
        done = w.new_block()
        result = w.define(v)
        emit_branch(w, v, yes, no)
        w.start(yes)
        w.emit(Lir(lir.IMM, result, -1, -1, 1))
        w.jump(done)
        w.start(no)
        w.emit(Lir(lir.IMM, result, -1, -1, 0))
        w.jump(done)
        w.start(done)


def emit_branch(w: Lowering, condition: Value, then: Block, other: Block) -> None:
    """Branches on a condition; one that has no register of its own is compared right here."""
    while condition.operation == h.NOT and condition.register < 0:
        condition = condition.args[0]
        then, other = other, then
    if condition.register >= 0 or condition.operation == h.INT_CONSTANT:
        w.branch(CC_NE, w.use(condition), -1, 0, then, other)
        return
    operation = condition.operation
    args = condition.args
    if operation == h.INT_COMPARE:
        left = w.use(args[0])
        if _small(args[1]):
            w.branch(condition.imm, left, -1, args[1].imm, then, other)
        else:
            w.branch(condition.imm, left, w.use(args[1]), 0, then, other)
    elif operation == h.FLOAT_COMPARE:
        instruction = Lir(lir.FBRANCH, -1, w.use(args[0]), w.use(args[1]))
        instruction.cc = condition.imm
        instruction.then = then
        instruction.other = other
        w.emit(instruction)
    elif operation == h.IS:
        _branch_identity(w, args[0], args[1], then, other)
    elif operation == h.INT_TRUTH:
        tag = w.load(w.use(args[0]), LONG_TAG)
        instruction = Lir(lir.BRANCH_BIT, -1, tag, -1, 1)
        instruction.then = other
        instruction.other = then
        w.emit(instruction)
    elif operation == h.SIZE_TRUTH:
        w.branch_memory(CC_NE, w.use(args[0]), condition.imm, -1, 0, then, other)
    elif operation == h.RANGE_HAS_NEXT:
        w.branch_memory(CC_G, w.use(args[0]), RANGE_LENGTH, -1, 0, then, other)
    else:
        assert operation == h.LIST_ITER_HAS_NEXT or operation == h.TUPLE_ITER_HAS_NEXT
        iterator = w.use(args[0])
        sequence = w.load(iterator, SEQUENCE_ITER_SEQUENCE)
        alive = w.new_block()
        w.branch(CC_E, sequence, -1, 0, other, alive)
        w.start(alive)
        index = w.load(iterator, SEQUENCE_ITER_INDEX)
        w.branch_memory(CC_G, sequence, OB_SIZE, index, 0, then, other)


def _branch_identity(w: Lowering, a: Value, b: Value, then: Block, other: Block) -> None:
    if b.operation == h.CONSTANT and b.ref is not None:
        instruction = Lir(lir.BRANCH_CONST, -1, w.use(a), -1, w.constant_index(b.ref))
        instruction.cc = CC_E
        instruction.then = then
        instruction.other = other
        w.emit(instruction)
    else:
        w.branch(CC_E, w.use(a), w.use(b), 0, then, other)


def lower_goto(w: Lowering, v: Value) -> None:
    w.jump(w.successor(0))


def lower_branch(w: Lowering, v: Value) -> None:
    true = w.successor(v.imm)
    false = w.successor(1 - v.imm)
    emit_branch(w, v.args[0], true, false)


def lower_branch_null(w: Lowering, v: Value) -> None:
    null = w.successor(v.imm)
    full = w.successor(1 - v.imm)
    w.branch(CC_E, w.use(v.args[0]), -1, 0, null, full)


def lower_leave(w: Lowering, v: Value) -> None:
    instruction = Lir(lir.LEAVE)
    # What has never run before is a guess that failed, like any other.
    instruction.exit = w.guard_exit(v) if v.reason == NEVER_RUN else w.leave_exit(v, v.reason)
    w.emit(instruction)


def lower_unreachable(w: Lowering, v: Value) -> None:
    """The helper before it has always left; what stands here is never run."""
    w.emit(Lir(lir.RETURN, -1, w.immediate(0)))


def lower_incref(w: Lowering, v: Value) -> None:
    value = v.args[0]
    register = w.use(value)
    if value.type & t.NULL:
        full = w.new_block()
        done = w.new_block()
        w.branch(CC_E, register, -1, 0, done, full)
        w.start(full)
        w.emit(Lir(lir.INCREF, -1, register))
        w.jump(done)
        w.start(done)
        return
    w.emit(Lir(lir.INCREF, -1, register))


def lower_decref(w: Lowering, v: Value) -> None:
    value = v.args[0]
    w.release(w.use(value), value.type, v)
