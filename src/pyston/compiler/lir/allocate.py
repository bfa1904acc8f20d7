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

from typing import Final, final

from pyston.compiler.lir import instructions as lir
from pyston.compiler.lir.instructions import Block, Code, Lir
from pyston.compiler.lir.liveness import Liveness, emission_order, find_liveness
from pyston.compiler.native import i64
from pyston.compiler.x86_64.registers import (
    ALLOCATABLE_GPRS,
    ALLOCATABLE_XMMS,
    CALLEE_SAVED,
    CALLEE_SAVED_ORDER,
    CALLER_SAVED,
    CALLER_SAVED_ORDER,
    FRAME_REGISTER,
    TSTATE_REGISTER,
    XMM0,
)

# Places, as `Allocation.place` gives them: 0..31 machine registers (registers.py), else:
AGAIN: Final = -1  # made again at each use, see `Liveness.definition`
UNUSED: Final = -2  # never defined
SPILL: Final = 32  # + byte offset from the body's stack pointer

# A new callee-saved register costs a push and a pop; a value with less weight is better spilled.
WORTH_SAVING: Final = 16


@final
class Allocation:
    def __init__(self, order: list[Block], liveness: Liveness) -> None:
        self.order = order
        self.liveness = liveness
        self.place: list[int] = []
        self.callee_saved = 0  # set of the callee-saved registers given out
        self.out_bytes = 0  # outgoing slots, from the stack pointer on
        self.spill_bytes = 0  # everything between the stack pointer and the saved registers' words
        self.save_base = 0  # offset of the words for saving registers around cold instructions
        # For each cold instruction that clobbers, in order: the machine registers to save around it.
        self.cold_saves: list[list[int]] = []


@final
class Shelf:
    """The live ranges that one machine register or stack slot already holds, sorted."""

    def __init__(self) -> None:
        self.starts: list[int] = []
        self.ends: list[int] = []


def find_place(shelf: Shelf, start: i64, end: i64) -> i64:
    """Where in the list [start, end) belongs, or -1 when it meets what is there."""
    ends = shelf.ends
    count: i64 = len(ends)
    if count == 0 or ends[count - 1] <= start:
        return count
    # The first range that ends after `start`.
    low: i64 = 0
    high: i64 = count - 1
    while low < high:
        middle = (low + high) >> 1
        if ends[middle] <= start:
            low = middle + 1
        else:
            high = middle
    if shelf.starts[low] < end:
        return -1
    return low


def holds_across(shelf: Shelf, position: i64) -> bool:
    """Whether one range covers both the reading and the writing position of the instruction there."""
    ends = shelf.ends
    low: i64 = 0
    count: i64 = len(ends)
    high = count
    while low < high:
        middle = (low + high) >> 1
        if ends[middle] <= position + 1:
            low = middle + 1
        else:
            high = middle
    return low < count and shelf.starts[low] <= position


def fits(shelf: Shelf, live: Liveness, first: i64) -> bool:
    while first >= 0:
        if find_place(shelf, live.starts[first], live.ends[first]) < 0:
            return False
        first = live.next[first]
    return True


def occupy(shelf: Shelf, live: Liveness, first: i64) -> None:
    while first >= 0:
        start = live.starts[first]
        end = live.ends[first]
        at = find_place(shelf, start, end)
        if at == len(shelf.starts):
            shelf.starts.append(start)
            shelf.ends.append(end)
        else:
            shelf.starts.insert(at, start)
            shelf.ends.insert(at, end)
        first = live.next[first]


def clobbered(live: Liveness, first: i64) -> i64:
    """The set of machine registers that some hot instruction changes while the value is live across it."""
    positions = live.clobber_positions
    masks = live.clobber_masks
    count: i64 = len(positions)
    if count == 0:
        return 0
    result: i64 = 0
    low: i64 = 0
    while first >= 0:
        start: i64 = live.starts[first]
        end: i64 = live.ends[first]
        high: i64 = count
        while low < high:
            middle = (low + high) >> 1
            if positions[middle] < start:
                low = middle + 1
            else:
                high = middle
        at = low
        while at < count and positions[at] + 1 < end:
            result |= masks[at]
            if result & CALLER_SAVED == CALLER_SAVED:
                return result
            at += 1
        low = at
        first = live.next[first]
    return result


def allocate(code: Code) -> Allocation:
    order = emission_order(code)
    live = find_liveness(code, order)
    result = Allocation(order, live)
    classes = code.classes
    count: i64 = len(classes)
    place: list[int] = [UNUSED] * count
    result.place = place
    blocked: list[int] = [0] * count
    queue: list[int] = []
    v: i64 = 0
    while v < count:
        first: i64 = live.first_range[v]
        if first >= 0:
            definition = live.definition[v] if live.constant[v] else None
            if definition is not None and definition.op == lir.FRAME:
                place[v] = FRAME_REGISTER
            elif definition is not None and definition.op == lir.TSTATE:
                place[v] = TSTATE_REGISTER
            elif definition is not None and live.needs[v] == 0:
                place[v] = AGAIN
            else:
                mask = clobbered(live, first)
                blocked[v] = mask
                queue.append(
                    rank(live, v, first, mask & CALLER_SAVED == CALLER_SAVED) << 48
                    | live.starts[first] << 24
                    | v
                )
        v += 1
    queue.sort()
    shelves: list[Shelf] = [Shelf() for _ in range(32)]
    spilled: list[int] = []
    for key in queue:
        v = key & 0xFFFFFF
        register = choose(result, live, classes, shelves, v, blocked[v])
        if register >= 0:
            place[v] = register
            occupy(shelves[register], live, live.first_range[v])
            if CALLEE_SAVED >> register & 1:
                result.callee_saved |= 1 << register
        elif live.constant[v] and is_number(live.definition[v]):
            place[v] = AGAIN
        else:
            spilled.append(v)
    lay_out_stack(code, result, live, shelves, spilled)
    return result


def is_number(definition: Lir | None) -> bool:
    """Whether the constant can stand in any instruction as it is, or in memory; addresses cannot."""
    return definition is not None and definition.op in (lir.IMM, lir.CONST, lir.FIMM)


def rank(live: Liveness, v: i64, first: i64, crossing: bool) -> i64:
    """The smaller, the earlier served: few steps, so that within a step the order is that of the code."""
    start: i64 = live.starts[first]
    end: i64 = live.ends[first]
    following: i64 = live.next[first]
    while following >= 0:
        end = live.ends[following]
        following = live.next[following]
    weight: i64 = live.weight[v]
    density = weight * 32 // (end - start + 32)
    step: i64 = 30 if crossing else 60
    while density > 0:
        density >>= 1
        step -= 1
    return step


def choose(
    result: Allocation, live: Liveness, classes: list[int], shelves: list[Shelf], v: i64, blocked: i64
) -> i64:
    """A machine register for v, or -1."""
    first: i64 = live.first_range[v]
    place = result.place
    if classes[v] == lir.XMM:
        allowed: i64 = ALLOCATABLE_XMMS & ~blocked
        if allowed == 0:
            return -1
    else:
        allowed = ALLOCATABLE_GPRS & ~blocked
        unsaved: i64 = CALLEE_SAVED & ~result.callee_saved
        if live.weight[v] < WORTH_SAVING:
            allowed &= ~unsaved
    # The places that save a move.
    hint: i64 = live.hint_from[v]
    if hint >= 0:
        register: i64 = place[hint]
        if 0 <= register < SPILL and allowed >> register & 1 and fits(shelves[register], live, first):
            return register
    hint = live.hint_to[v]
    if hint >= 0:
        register = place[hint]
        if 0 <= register < SPILL and allowed >> register & 1 and fits(shelves[register], live, first):
            return register
    register = live.wanted[v]
    if register < 0:
        # What it is about to become, or is made from, may have a wish of its own.
        if hint >= 0:
            register = live.wanted[hint]
        if register < 0 and live.hint_from[v] >= 0:
            register = live.wanted[live.hint_from[v]]
    if register >= 0 and allowed >> register & 1 and fits(shelves[register], live, first):
        return register
    if classes[v] == lir.XMM:
        register = XMM0
        while register < XMM0 + 15:
            if allowed >> register & 1 and fits(shelves[register], live, first):
                return register
            register += 1
        return -1
    for register in CALLER_SAVED_ORDER:
        if allowed >> register & 1 and fits(shelves[register], live, first):
            return register
    # Those already saved first: they are free.
    for register in CALLEE_SAVED_ORDER:
        if (result.callee_saved & allowed) >> register & 1 and fits(shelves[register], live, first):
            return register
    for register in CALLEE_SAVED_ORDER:
        if allowed >> register & 1 and fits(shelves[register], live, first):
            return register
    return -1


def lay_out_stack(
    code: Code,
    result: Allocation,
    live: Liveness,
    shelves: list[Shelf],
    spilled: list[int],
) -> None:
    """From the stack pointer up: outgoing slots, spilled values, cold saves, padding."""
    out_bytes = live.out_bytes
    place = result.place
    result.out_bytes = out_bytes
    slots: list[Shelf] = []
    for v in spilled:
        first = live.first_range[v]
        chosen: i64 = -1
        for hint in (live.hint_from[v], live.hint_to[v]):
            if hint >= 0 and place[hint] >= SPILL:
                slot: i64 = (place[hint] - SPILL - out_bytes) >> 3
                if chosen < 0 and fits(slots[slot], live, first):
                    chosen = slot
        slot = 0
        while chosen < 0:
            if slot == len(slots):
                slots.append(Shelf())
            if fits(slots[slot], live, first):
                chosen = slot
            slot += 1
        occupy(slots[chosen], live, first)
        place[v] = SPILL + out_bytes + 8 * chosen
    size = out_bytes + 8 * len(slots)
    result.save_base = size
    most = 0
    for index in range(len(live.cold_clobber_positions)):
        position = live.cold_clobber_positions[index]
        mask = live.cold_clobber_masks[index]
        saves: list[int] = []
        for register in range(32):
            if mask >> register & 1 and holds_across(shelves[register], position):
                saves.append(register)
        result.cold_saves.append(saves)
        if len(saves) > most:
            most = len(saves)
    size += 8 * most
    # At entry the return address makes rsp 8 off; each push turns that round.
    pushes = 2
    for register in CALLEE_SAVED_ORDER:
        if result.callee_saved >> register & 1:
            pushes += 1
    if (8 + 8 * pushes + size) % 16:
        size += 8
    result.spill_bytes = size
