"""Makes references explicit: the last pass of HIR.

Until here a value is just a value. Now each is *held* (we own a reference) or *lent*: kept alive by a frame slot, by
the artifact (constants), or by an object read just before. The rules:

- An operation's new reference is held from there on. Its last use gives it up: an operation that steals it
  takes it, else a DecRef follows. That is where the interpreter would release it: the last use is the
  instruction that pops it.
- A slot lends what it holds. When the slot changes while the value is still needed, we first take a reference.
- A global that is a slot lends what it holds until other code runs (ESCAPES): that may give it another value.
- What was read from the heap (READS) is lent only until something could release it there: if that may come
  before its last use, an IncRef follows the read at once.
- A steal of a lent value, or of one still needed later, takes a reference first.
- At a join every live value must be held on all edges or on none: it is lent if the slots on entry lend it, else
  held; edges adjust.
- Every instruction that can leave records what is held there (`held`, and `held_on_error` after its steals).

The model is mypyc's and CinderX's insertion by liveness; lending by frame slots is ours, because slots are
real memory here.
"""

from __future__ import annotations

from typing import Final

from pyston.compiler.hir import types as t
from pyston.compiler.hir import values as h
from pyston.compiler.hir.effects import ESCAPES, GUARD, OWNED, PASSES, RAISES, READS, TERMINATOR, WRITES
from pyston.compiler.hir.values import (
    Function,
    HirBlock,
    Value,
    flags_of,
    is_counted,
    is_owned,
    leaves,
    resolve,
    steals_of,
)

# A call takes over as many of its first operands at most: their bits have to fit into a word (helpers.h).
MOST_PASSED: Final = 16


def insert_reference_counts(function: Function) -> None:
    live_in, live_out = _liveness(function)
    held_at_end: dict[HirBlock, set[Value]] = {}
    wanted: dict[HirBlock, set[Value]] = {}
    for block in function.blocks:
        lent = _lent_on_entry(function, block)
        wanted[block] = {
            v for v in live_in[block] if is_counted(v) and v.operation != h.CONSTANT and v not in lent
        }
        for phi in block.phis:
            if is_counted(phi) and phi not in lent:
                wanted[block].add(phi)
    for block in function.blocks:
        held_at_end[block] = _walk(function, block, wanted[block], live_out[block])
    for block in function.blocks:
        for target in block.successors:
            _adjust_edge(function, block, target, held_at_end[block], wanted[target])


def _uses(value: Value) -> list[Value]:
    """What the instruction needs alive, its frame state included."""
    if not leaves(value):
        return value.args
    result = list(value.args)
    state = value.state
    if state is not None:
        stack = state.stack
        if flags_of(value) & (GUARD | RAISES) == RAISES:
            stack = stack[: value.keep]
        for entry in stack:
            _add_use(resolve(entry), result)
    if value.deferred is not None:
        for _, entry in value.deferred:
            _add_use(resolve(entry), result)
    return result


def _add_use(value: Value, result: list[Value]) -> None:
    if value.block is not None:  # else a box that lives in states only
        result.append(value)


def _liveness(function: Function) -> tuple[dict[HirBlock, set[Value]], dict[HirBlock, set[Value]]]:
    """Object values live at each block's start and at its end. Phi inputs are used at the end of the predecessor."""
    used: dict[HirBlock, set[Value]] = {}
    defined: dict[HirBlock, set[Value]] = {}
    live_in: dict[HirBlock, set[Value]] = {}
    live_out: dict[HirBlock, set[Value]] = {}
    for block in function.blocks:
        used[block], defined[block] = _block_uses(block)
        live_in[block] = used[block]
        live_out[block] = set()
    changed = True
    while changed:
        changed = False
        for block in reversed(function.blocks):
            out: set[Value] = set()
            for target in block.successors:
                out |= live_in[target]
                if target.phis:
                    position = target.predecessors.index(block)
                    for phi in target.phis:
                        value = phi.args[position]
                        if value.type & t.OBJECT:
                            out.add(value)
            if len(out) != len(live_out[block]):  # they only grow
                live_out[block] = out
                into = (out - defined[block]) | used[block]
                if len(into) != len(live_in[block]):
                    live_in[block] = into
                    changed = True
    return live_in, live_out


def _block_uses(block: HirBlock) -> tuple[set[Value], set[Value]]:
    """The object values that the block uses without defining them, and all that it defines."""
    used: set[Value] = set()
    defined: set[Value] = set(block.phis)
    for value in block.body:
        if value.operation != h.DEFER_LOCAL:
            for argument in _uses(value):
                if argument.type & t.OBJECT and argument not in defined:
                    used.add(argument)
        defined.add(value)
    return used, defined


def _lent_on_entry(function: Function, block: HirBlock) -> set[Value]:
    count = function.frame_slots if block.globals_changed else function.slot_count
    deferred = block.entry_deferred
    return {
        value
        for slot, value in enumerate(block.entry_locals[:count])
        if value.type & t.OBJECT and slot not in deferred
    }


def _walk(function: Function, block: HirBlock, entry: set[Value], out: set[Value]) -> set[Value]:
    held = set(entry)
    slots: list[Value | None] = list(block.entry_locals)
    if block.globals_changed:
        _take_back(function, slots)
    stale: dict[int, Value] = {}
    for slot in block.entry_deferred:
        stale[slot] = block.entry_locals[slot]
        slots[slot] = None
    last_use = _last_uses(block, out)
    body: list[Value] = []
    # Values nothing uses here although held on entry (dead phis of the join).
    for value in list(held):
        if value not in last_use and value not in out:
            held.discard(value)
            body.append(_count(function, block, block.body[0], h.DECREF, value, stale))
    for position, value in enumerate(block.body):
        operation = value.operation
        flags = flags_of(value)
        if operation == h.DEFER_LOCAL:
            slots[value.imm] = None
            stale[value.imm] = value.args[0]
            body.append(value)
            continue
        may_leave = leaves(value)
        if may_leave:
            value.held = _list(held)
            if stale and value.deferred is None:
                value.deferred = list(stale.items())
        steals = steals_of(value)
        dying = _dying(value, position, last_use, out)
        changed_slot = value.imm if operation in (h.STORE_LOCAL, h.TAKE_LOCAL) else -1
        if changed_slot >= 0:
            _keep_alive(function, block, slots, changed_slot, position, last_use, out, held, body, stale)
        if flags & ESCAPES and function.globals is not None:
            # Whatever runs may give the globals other values. (Where two of them lend one, it is kept once.)
            for slot in range(function.frame_slots, function.slot_count):
                _keep_alive(function, block, slots, slot, position, last_use, out, held, body, stale)
                slots[slot] = None
        taken: list[Value] = []
        if steals or flags & PASSES:
            for index, argument in enumerate(value.args):
                if flags & PASSES:
                    if (
                        index < MOST_PASSED
                        and argument in held
                        and argument in dying
                        and value.args.count(argument) == 1
                    ):
                        held.discard(argument)
                        value.moved |= 1 << index
                    continue
                if not (steals >> index & 1 if steals > 0 else 1):
                    continue
                if not is_counted(argument):
                    continue
                moves_to_slot = operation == h.STORE_LOCAL
                again = argument in value.args[index + 1 :]
                if argument in held and not again and (argument in dying or moves_to_slot):
                    held.discard(argument)
                else:
                    body.append(_count(function, block, value, h.INCREF, argument, stale))
                    taken.append(argument)
        if taken and flags & GUARD and value.held is not None:
            # The guard comes before the steal: what was taken for it is still ours when it fails.
            value.held = sorted([*value.held, *taken], key=_number)
        if may_leave and flags & RAISES:
            value.held_on_error = _list(held)
        body.append(value)
        if operation == h.STORE_LOCAL:
            slots[value.imm] = value.args[0]
            stale.pop(value.imm, None)
        elif operation == h.TAKE_LOCAL:
            slots[value.imm] = None
            stale.pop(value.imm, None)
        elif operation == h.COPY_FREE_VARIABLE or operation == h.LOAD_GLOBAL_SLOT:
            slots[value.imm] = value
        if operation == h.LOAD_GLOBAL_SLOT:
            continue  # lent by the slot
        if value.type & t.OBJECT and is_counted(value):
            if flags & OWNED:
                held.add(value)
            elif flags & READS and not _safe_to_lend(value, position, block, last_use, out, held):
                body.append(_count(function, block, value, h.INCREF, value, stale))
                held.add(value)
        if flags & TERMINATOR:
            if flags & ESCAPES:
                held = set()  # RETURN
            break
        for argument in sorted(dying, key=_number):
            if argument in held:
                held.discard(argument)
                body.append(_count(function, block, value, h.DECREF, argument, stale))
        if value in held and value not in last_use and value not in out:
            held.discard(value)
            body.append(_count(function, block, value, h.DECREF, value, stale))
    block.body = body
    return held


def _take_back(function: Function, slots: list[Value | None]) -> None:
    """Globals lend nothing where other code has run."""
    slots[function.frame_slots :] = [None] * (function.slot_count - function.frame_slots)


def _number(value: Value) -> int:
    return value.number


def _list(held: set[Value]) -> list[Value]:
    return sorted(held, key=_number)


def _last_uses(block: HirBlock, out: set[Value]) -> dict[Value, int]:
    result: dict[Value, int] = {}
    for position, value in enumerate(block.body):
        if value.operation == h.DEFER_LOCAL:
            continue
        for used in _uses(value):
            if used.type & t.OBJECT:
                result[used] = position
    return result


def _dying(value: Value, position: int, last_use: dict[Value, int], out: set[Value]) -> set[Value]:
    return {
        used
        for used in _uses(value)
        if used.type & t.OBJECT and last_use[used] == position and used not in out
    }


def _keep_alive(
    function: Function,
    block: HirBlock,
    slots: list[Value | None],
    slot: int,
    position: int,
    last_use: dict[Value, int],
    out: set[Value],
    held: set[Value],
    body: list[Value],
    stale: dict[int, Value],
) -> None:
    """The slot stops lending its value: take a reference if it is needed beyond this instruction."""
    old = slots[slot]
    if old is None or not is_counted(old) or old in held or old.operation == h.CONSTANT:
        return
    if old not in out and last_use.get(old, -1) <= position and old not in block.body[position].args:
        return
    for other, lender in enumerate(slots):
        if other != slot and lender is old:
            return
    body.append(_count(function, block, block.body[position], h.INCREF, old, stale))
    held.add(old)


def _safe_to_lend(
    value: Value,
    position: int,
    block: HirBlock,
    last_use: dict[Value, int],
    out: set[Value],
    held: set[Value],
) -> bool:
    """May a value read from the heap be used without a reference of ours?

    Yes if between here and its last use in this block nothing writes the heap or a slot, runs other code, or
    gives up a held object (which could have been the one that keeps this one alive), and nothing takes the
    value over.
    """
    if value in out:
        return False
    end = last_use.get(value, position)
    for index in range(position, end + 1):
        instruction = block.body[index]
        flags = flags_of(instruction)
        if index > position:
            if flags & (ESCAPES | WRITES):
                return False
            if value in instruction.args and (steals_of(instruction) or flags & PASSES):
                return False
            if instruction.operation == h.DEFER_LOCAL and instruction.args[0] is value:
                return False
        if index < end:
            for used in _uses(instruction):
                if last_use.get(used) == index and _releases(used, held) and used not in out:
                    return False
            if index > position and instruction not in last_use and _releases(instruction, held):
                return False
    return True


def _releases(value: Value, held: set[Value]) -> bool:
    """Would the end of this value give up a reference to something that could own others?"""
    return (value in held or is_owned(value)) and bool(value.type & ~t.INERT) and is_counted(value)


def _count(
    function: Function, block: HirBlock, at: Value, operation: int, value: Value, stale: dict[int, Value]
) -> Value:
    """An IncRef or DecRef beside the instruction `at`, whose position the frame shows if freeing runs code."""
    count = function.number(Value(operation, t.NOTHING, [value]))
    count.block = block
    count.state = at.state
    if operation == h.DECREF:
        count.deferred = list(stale.items()) if stale else None
    return count


def _adjust_edge(
    function: Function, block: HirBlock, target: HirBlock, held: set[Value], wanted: set[Value]
) -> None:
    position = target.predecessors.index(block)
    needs: list[Value] = []
    left = set(held)
    for phi in target.phis:
        if phi in wanted:
            value = phi.args[position]
            if value in left:
                left.discard(value)
            elif is_counted(value):
                needs.append(value)
    phis = set(target.phis)
    for value in wanted:
        if value in phis:
            continue
        if value in left:
            left.discard(value)
        else:
            needs.append(value)
    terminator = block.body[-1]
    if terminator.operation in (h.BRANCH_NULL, h.BRANCH_ERROR):
        null_side = block.successors[terminator.imm]
        if target is null_side:
            left.discard(terminator.args[0])
    changes: list[Value] = []
    stale = {slot: target.entry_locals[slot] for slot in target.entry_deferred}
    for value in needs:
        changes.append(_count(function, block, terminator, h.INCREF, value, stale))
    # An exception takes the operand stack down from its top.
    raises = target.cold and (terminator.operation == h.BRANCH_ERROR or target.body[0].operation == h.CATCH)
    for value in sorted(left, key=_number, reverse=raises):
        changes.append(_count(function, block, terminator, h.DECREF, value, stale))
    if not changes:
        return
    if len(block.successors) == 1:
        block.body[-1:-1] = changes
    else:
        for change in changes:
            change.block = target
        target.body[0:0] = changes
