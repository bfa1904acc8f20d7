"""Gives every virtual register one place for its whole life: a machine register, or a slot of the stack.

A value that is live across a hot instruction that clobbers registers may only take one that survives (a
callee-saved one, across a call); the others take caller-saved ones. Loops weigh more. What finds no
register is spilled: its uses read the stack slot, straight from memory where the instruction can. Cheap
constants are never spilled but made again at each use. Cold code asks for nothing: it does not make hot
values avoid registers, since the emitter saves what a cold instruction clobbers around it.

How: values that live across calls come first, since they have least choice, and the others follow them
through the hints; within both, registers are handed out in the order of weight by length, then of position.
A machine register keeps the sorted list of the live ranges it already holds; a virtual register fits where
none of its own ranges meets them. First asked for are the places that save a move: where the value comes from,
where it goes next, or where a call wants or returns it. As a value's place never changes, block borders need no
moves, and an exit's recipe is the same wherever it is taken.
"""

from __future__ import annotations

from pyston.compiler.lir import instructions as lir
from pyston.compiler.lir.instructions import Block, Code, Lir
from pyston.compiler.lir.liveness import Liveness, emission_order, find_liveness
from pyston.compiler.lir.virtual_registers import AGAIN, SPILL, Range, VirtualRegister
from pyston.compiler.native import Final, final, i64, mypyc_attr
from pyston.compiler.x86_64.registers import (
    ALLOCATABLE_GPRS,
    ALLOCATABLE_XMMS,
    CALLEE_SAVED,
    CALLEE_SAVED_COUNT,
    CALLEE_SAVED_ORDER,
    CALLER_SAVED,
    CALLER_SAVED_COUNT,
    CALLER_SAVED_ORDER,
    FRAME_REGISTER,
    TSTATE_REGISTER,
    XMM0,
    XMM15,
)

# A new callee-saved register costs a push and a pop; a value with less weight is better spilled.
WORTH_SAVING: Final = 16


@final
class Allocation:
    def __init__(self, order: list[Block], liveness: Liveness) -> None:
        self.order = order
        self.registers = liveness.registers  # each with its place
        self.given: i64 = 0  # set of the machine registers given out
        self.spill_bytes: i64 = 0  # everything between the stack pointer and the saved registers' words
        self.save_base: i64 = 0  # offset of the words for saving registers around cold instructions


@final
@mypyc_attr(acyclic=True)
class Shelf:
    """The live ranges that one machine register or stack slot already holds, sorted."""

    def __init__(self) -> None:
        self.ranges: list[Range] = []
        self.end: i64 = 0  # of the last


def find(ranges: list[Range], position: i64) -> i64:
    """Index of the first range that ends after the position."""
    low: i64 = 0
    high: i64 = len(ranges)
    while low < high:
        middle = (low + high) >> 1
        if ranges[middle].end <= position:
            low = middle + 1
        else:
            high = middle
    return low


def fits(shelf: Shelf, register: VirtualRegister) -> bool:
    """Whether no range of the register meets one that is there."""
    wanted = register.ranges
    while wanted is not None:
        if shelf.end <= wanted.start:
            return True
        ranges = shelf.ranges
        if ranges[find(ranges, wanted.start)].start < wanted.end:
            return False
        wanted = wanted.following
    return True


def occupy(shelf: Shelf, register: VirtualRegister) -> None:
    ranges = shelf.ranges
    taken = register.ranges
    while taken is not None:
        if shelf.end <= taken.start:
            ranges.append(taken)
            shelf.end = taken.end
        else:
            ranges.insert(find(ranges, taken.start), taken)
        taken = taken.following


def holds_across(shelf: Shelf, position: i64) -> bool:
    """Whether one range covers both the reading and the writing position of the instruction there."""
    if shelf.end <= position + 1:
        return False
    ranges = shelf.ranges
    return ranges[find(ranges, position + 1)].start <= position


def allocate(code: Code) -> Allocation:
    order = emission_order(code)
    live = find_liveness(code, order)
    result = Allocation(order, live)
    registers = live.registers
    shelves = [Shelf() for _ in range(XMM15 if lir.XMM in code.classes else XMM0)]
    spilled: list[VirtualRegister] = []
    # By rank, then by position. For a function that is not huge the key is an int of one digit, which sorts best.
    number_bits: i64 = len(registers).bit_length()
    positions: int = 2 * live.instructions
    start_bits: i64 = positions.bit_length()
    queue: list[int] = []
    for register in registers:
        first = register.ranges
        if first is not None and not is_elsewhere(register):
            queue.append((rank(register) << start_bits | first.start) << number_bits | register.number)
    queue.sort()
    mask: i64 = (1 << number_bits) - 1
    for key in queue:
        number: i64 = key & mask
        register = registers[number]
        place = choose(result, registers, shelves, register)
        if place >= 0:
            register.place = place
            occupy(shelves[place], register)
            result.given |= 1 << place
        elif register.constant and is_number(register.definition):
            register.place = AGAIN
        else:
            spilled.append(register)
    lay_out_stack(result, live, shelves, spilled)
    return result


def is_elsewhere(register: VirtualRegister) -> bool:
    """Places what needs no choice: a constant that is always somewhere, or that no use wants in a register."""
    if not register.constant:
        return False
    definition = register.definition
    assert definition is not None
    if definition.op == lir.FRAME:
        register.place = FRAME_REGISTER
    elif definition.op == lir.TSTATE:
        register.place = TSTATE_REGISTER
    elif register.needs == 0:
        register.place = AGAIN
    else:
        return False
    return True


def is_number(definition: Lir | None) -> bool:
    """Whether the constant can stand in any instruction as it is, or in memory; addresses cannot."""
    if definition is None:
        return False
    op = definition.op
    return op == lir.IMM or op == lir.CONST or op == lir.FIMM


def rank(register: VirtualRegister) -> i64:
    """The smaller, the earlier served: few steps, so that within a step the order is that of the code."""
    first = register.ranges
    assert first is not None
    density = register.weight * 32 // (register.end - first.start + 32)
    step: i64 = 30 if register.blocked & CALLER_SAVED == CALLER_SAVED else 60
    while density > 0:
        density >>= 1
        step -= 1
    return step


def choose(
    result: Allocation, registers: list[VirtualRegister], shelves: list[Shelf], register: VirtualRegister
) -> i64:
    """A machine register for it, or -1."""
    xmm = register.xmm
    if xmm:
        allowed = ALLOCATABLE_XMMS & ~register.blocked
    else:
        allowed = ALLOCATABLE_GPRS & ~register.blocked
        if register.weight < WORTH_SAVING:
            allowed &= CALLER_SAVED | result.given
    if allowed == 0:
        return -1
    # The places that save a move.
    wanted = register.wanted
    wanted_from: i64 = -1
    wanted_to: i64 = -1
    if register.hint_from >= 0:
        hint = registers[register.hint_from]
        wanted_from = hint.wanted
        if is_free(hint.place, shelves, register, allowed):
            return hint.place
    if register.hint_to >= 0:
        hint = registers[register.hint_to]
        wanted_to = hint.wanted
        if is_free(hint.place, shelves, register, allowed):
            return hint.place
    if wanted < 0:
        # What it is about to become, or is made from, may have a wish of its own.
        wanted = wanted_to if wanted_to >= 0 else wanted_from
    if is_free(wanted, shelves, register, allowed):
        return wanted
    if xmm:
        place = XMM0
        while place < XMM15:
            if is_free(place, shelves, register, allowed):
                return place
            place += 1
        return -1
    place = first_fit(shelves, register, allowed, CALLER_SAVED_ORDER, CALLER_SAVED_COUNT)
    if place < 0 and allowed & CALLEE_SAVED:
        # Those already saved first: they are free.
        saved = allowed & result.given
        place = first_fit(shelves, register, saved, CALLEE_SAVED_ORDER, CALLEE_SAVED_COUNT)
        if place < 0:
            unsaved = allowed & ~saved
            place = first_fit(shelves, register, unsaved, CALLEE_SAVED_ORDER, CALLEE_SAVED_COUNT)
    return place


def is_free(place: i64, shelves: list[Shelf], register: VirtualRegister, allowed: i64) -> bool:
    """Whether the place is a machine register that is allowed and has room."""
    return 0 <= place < SPILL and allowed >> place & 1 != 0 and fits(shelves[place], register)


def first_fit(shelves: list[Shelf], register: VirtualRegister, allowed: i64, order: i64, count: i64) -> i64:
    while count > 0:
        place = order & 15
        if is_free(place, shelves, register, allowed):
            return place
        order >>= 4
        count -= 1
    return -1


def lay_out_stack(
    result: Allocation, live: Liveness, shelves: list[Shelf], spilled: list[VirtualRegister]
) -> None:
    """From the stack pointer up: outgoing slots, spilled values, cold saves, padding."""
    out_bytes = live.out_bytes
    registers = live.registers
    slots: list[Shelf] = []
    for register in spilled:
        slot = hinted_slot(register.hint_from, registers, slots, register, out_bytes)
        if slot < 0:
            slot = hinted_slot(register.hint_to, registers, slots, register, out_bytes)
        if slot < 0:
            slot = 0
            while slot < len(slots) and not fits(slots[slot], register):
                slot += 1
            if slot == len(slots):
                slots.append(Shelf())
        occupy(slots[slot], register)
        register.place = SPILL + out_bytes + 8 * slot
    size: i64 = out_bytes + 8 * len(slots)
    result.save_base = size
    size += 8 * note_saves(live, shelves, result.given)
    # At entry the return address makes rsp 8 off; each push turns that round.
    pushes: i64 = 2
    saved = result.given & CALLEE_SAVED
    while saved:
        pushes += saved & 1
        saved >>= 1
    if (8 + 8 * pushes + size) & 15:
        size += 8
    result.spill_bytes = size


def hinted_slot(
    hint: i64, registers: list[VirtualRegister], slots: list[Shelf], register: VirtualRegister, out_bytes: i64
) -> i64:
    """The hint's stack slot, where that has one and there is room; or -1."""
    if hint >= 0 and registers[hint].place >= SPILL:
        slot = (registers[hint].place - SPILL - out_bytes) >> 3
        if fits(slots[slot], register):
            return slot
    return -1


def note_saves(live: Liveness, shelves: list[Shelf], given: i64) -> i64:
    """What to save around each cold instruction (`Lir.saves`); returns how many registers at most."""
    most: i64 = 0
    clobber = live.cold_clobbers
    while clobber is not None:
        mask = clobber.mask & given
        saves: i64 = 0
        count: i64 = 0
        register: i64 = 0
        while mask:
            if mask & 1 and holds_across(shelves[register], clobber.position):
                saves |= 1 << register
                count += 1
            mask >>= 1
            register += 1
        clobber.ins.saves = saves
        if count > most:
            most = count
        clobber = clobber.following
    return most
