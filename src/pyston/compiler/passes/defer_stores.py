"""Leaves locals that hold unboxed numbers out of frame memory until code could look.

A StoreLocal of a box would box on every round of a loop. Instead the slot's memory goes stale (`DeferLocal`), exits
know how to make it true (`Value.deferred`), and before code that could look at the frame the slot is stored after all.
What only releases an object knows it too: should that run a finalizer, the frame is made true first.

What stale memory holds must be harmless to free late: an int, a float, NULL (types.INERT). Anything else is
released at the assignment, as the interpreter does, by storing NULL.

At a join a slot is stale if it is on any edge; it must then stand for a box of a machine value there, so that every
path can make it true. Else the edge stores it.
"""

from __future__ import annotations

from pyston.compiler.hir import types as t
from pyston.compiler.hir import values as h
from pyston.compiler.hir.effects import ESCAPES, WRITES
from pyston.compiler.hir.uses import deepest_escape, strong_uses
from pyston.compiler.hir.values import Function, HirBlock, Value, in_slot, is_number_box, leaves, resolve
from pyston.compiler.native import i64


def defer_stores(function: Function) -> bool:
    """Returns whether any store was deferred."""
    content, worthwhile = _content_types(function)
    if not worthwhile:
        _note_contents(function, content)
        return False
    strong = strong_uses(function)
    deepest = deepest_escape(function)
    leaving: dict[HirBlock, dict[int, Value]] = {}
    flushed: dict[HirBlock, dict[int, Value]] = {}
    for block in function.blocks:
        entry = [resolve(v) for v in block.entry_locals]
        block.entry_locals = entry
        stale: dict[int, Value] = {}
        for predecessor in block.predecessors:
            before = leaving.get(predecessor)
            if before is None:
                continue  # a back edge, done below
            for slot in before:
                # A loop with calls would make it true on every round: better once, on the way in.
                if is_number_box(entry[slot]) and not (block.loop_header and block.loop_depth <= deepest):
                    stale[slot] = entry[slot]
        if block.loop_header:
            for slot, value in enumerate(entry):
                if is_number_box(value) and value.block is block:
                    stale[slot] = value
        block.entry_deferred = sorted(stale)
        stored: dict[int, Value] = {}
        leaving[block] = _walk(function, block, stale, content, strong, stored)
        flushed[block] = stored
    for block in function.blocks:
        for target in block.successors:
            _flush_edge(function, block, target, leaving[block], flushed[block], strong)
    return True


def _note_contents(function: Function, anywhere: list[int]) -> None:
    """Every store as it stands; each learns what it replaces, which often is nothing that needs releasing."""
    for block in function.blocks:
        memory = _contents_on_entry(function, block, anywhere)
        shared = True  # with another block
        for value in block.body:
            operation = value.operation
            if operation == h.STORE_LOCAL:
                value.imm2 = memory[value.imm]
                content: int = value.args[0].type
            elif operation == h.TAKE_LOCAL:
                content = t.NULL
            elif operation == h.COPY_FREE_VARIABLE:
                content = t.NULLABLE
            else:
                if value.flags & ESCAPES != 0 and function.globals is not None:
                    memory = memory[: function.frame_slots] + _anything(function)
                    shared = False
                continue
            if shared:
                memory = memory.copy()
                shared = False
            memory[value.imm] = content
        block.contents = memory


def _contents_on_entry(function: Function, block: HirBlock, anywhere: list[int]) -> list[int]:
    """Not to be changed: it may be what another block left."""
    memory: list[int] | None = None
    if block.entry_depth >= 0:
        memory = anywhere  # entered from outside
    elif not block.predecessors:
        arguments = function.argument_slots
        return [t.NULLABLE] * arguments + [t.NULL] * (function.slot_count - arguments)
    joined = False
    for predecessor in block.predecessors:
        before = predecessor.contents
        if before is None:
            before = anywhere  # a loop's end
        if memory is None:
            memory = before
        elif before is not memory:
            if not joined:
                memory = memory.copy()
                joined = True
            for slot in range(function.slot_count):
                content = before[slot]
                if content != memory[slot]:
                    memory[slot] |= content
    assert memory is not None
    return memory


def _content_types(function: Function) -> tuple[list[int], bool]:
    """The types each slot's memory can hold, anywhere; and whether some store is worth deferring."""
    found = False
    content = [t.NULL] * function.slot_count
    for slot in range(function.argument_slots):
        content[slot] = t.NULLABLE
    for block in function.blocks:
        if block.entry_depth >= 0:
            for slot, local in enumerate(block.entry_locals):
                content[slot] |= local.type
        for value in block.body:
            operation = value.operation
            if operation == h.STORE_LOCAL:
                stored = value.args[0]
                content[value.imm] |= stored.type
                if is_number_box(stored) and block.loop_depth > 0:
                    found = True
            elif operation == h.COPY_FREE_VARIABLE:
                content[value.imm] = t.NULLABLE
            elif value.flags & ESCAPES != 0 and function.globals is not None:
                content[function.frame_slots :] = _anything(function)
    return content, found


def _walk(
    function: Function,
    block: HirBlock,
    entry: dict[int, Value],
    content: list[int],
    strong: set[Value],
    stored_boxes: dict[int, Value],
) -> dict[int, Value]:
    """Returns what is stale at the end; `stored_boxes`: what flushes in this block have put into the slots."""
    stale = dict(entry)
    boxed: dict[Value, Value] = {}  # numbers of which there is a box by now: one object for each
    memory = list(content)
    body: list[Value] = []
    for value in block.body:
        operation = value.operation
        if operation == h.STORE_LOCAL:
            slot = value.imm
            stored = value.args[0]
            stored_boxes.pop(slot, None)
            value.imm2 = memory[slot]
            if is_number_box(stored) and stored not in strong:
                stale[slot] = stored
                if memory[slot] & ~t.INERT:
                    filler = _filler(function, block, slot)
                    store = _store(function, block, slot, filler, memory[slot])
                    store.state = value.state
                    store.deferred = list(stale.items())
                    body.append(store)
                    memory[slot] = filler.type
                memory[slot] |= stored.type  # where the frame is synced
                value.become(h.DEFER_LOCAL)
            else:
                stale.pop(slot, None)
                if stale and memory[slot] & ~t.INERT:
                    value.deferred = list(stale.items())
                memory[slot] = stored.type
        elif is_number_box(value):
            if value in strong:
                boxed.setdefault(value.args[0], value)
        else:
            flags = value.flags
            if operation == h.LOAD_GLOBAL_SLOT and value.imm in stale:
                _flush(function, block, body, value.imm, stale.pop(value.imm), memory, strong, boxed)
            if operation == h.TAKE_LOCAL:
                if value.imm in stale:
                    _flush(function, block, body, value.imm, stale.pop(value.imm), memory, strong, boxed)
                stored_boxes.pop(value.imm, None)
                memory[value.imm] = t.NULL
            elif operation == h.RETURN:
                pass
            elif flags & ESCAPES:
                for slot, number in stale.items():
                    stored_boxes[slot] = _flush(function, block, body, slot, number, memory, strong, boxed)
                stale = {}
                memory[function.frame_slots :] = _anything(function)
            elif stale and (leaves(value) or flags & WRITES):
                value.deferred = list(stale.items())
        body.append(value)
    block.body = body
    return stale


def _anything(function: Function) -> list[int]:
    """What globals hold when other code has run."""
    return [t.OBJECT] * (function.slot_count - function.frame_slots)


def _filler(function: Function, block: HirBlock, slot: int) -> Value:
    """What stands in a slot's memory while it is stale; a global is never empty."""
    if slot < function.frame_slots:
        value = function.number(Value(h.NULL, t.NULL, []))
    else:
        value = function.number(Value(h.CONSTANT, t.NONE, []))
        value.ref = function.none
    value.block = block
    return value


def _store(function: Function, block: HirBlock, slot: int, value: Value, memory: int) -> Value:
    store = function.number(Value(h.STORE_LOCAL, t.NOTHING, [value]))
    store.imm = slot
    store.imm2 = memory
    store.block = block
    return store


def _flush(
    function: Function,
    block: HirBlock,
    body: list[Value],
    slot: int,
    number: Value,
    memory: list[int],
    strong: set[Value],
    boxed: dict[Value, Value],
) -> Value:
    """Stores a stale slot after all; returns the box it now holds. `boxed`: those made so far, by their numbers."""
    if number.operation == h.LOCAL_INT:
        body.append(_of_local(function, block, h.FLUSH_LOCAL, slot, number.args[0]))
        memory[slot] = number.type
        return number
    box = number
    if box not in strong:
        machine = number.args[0]
        known = boxed.get(machine)
        if known is None:
            # Boxed only on this path.
            known = function.number(Value(number.operation, number.type, [machine]))
            known.block = block
            body.append(known)
            boxed[machine] = known
        box = known
    body.append(_store(function, block, slot, box, memory[slot]))
    memory[slot] = number.type
    return box


def _of_local(function: Function, block: HirBlock, operation: i64, slot: int, number: Value) -> Value:
    value = function.number(Value(operation, t.NOTHING, [number]))
    value.imm = slot
    value.block = block
    return value


def _settle_edge(
    function: Function, block: HirBlock, target: HirBlock, stale: dict[int, Value], body: list[Value]
) -> None:
    """Numbers of locals that may be unbound: where the slot is true they say so, and none that is not does."""
    position = target.predecessors.index(block)
    for slot in target.entry_deferred:
        local = target.entry_locals[slot]
        if local.operation != h.LOCAL_INT or local.block is not target:
            continue
        args = local.args[0].args
        number = stale.get(slot)
        if number is None:
            if args[position].operation != h.INT_CONSTANT:
                args[position] = in_slot(function, block)
                body.append(args[position])
        elif number.operation != h.LOCAL_INT:
            body.append(_of_local(function, block, h.SETTLE_LOCAL, slot, args[position]))


def _flush_edge(
    function: Function,
    block: HirBlock,
    target: HirBlock,
    stale: dict[int, Value],
    stored_boxes: dict[int, Value],
    strong: set[Value],
) -> None:
    """What the target does not know as stale is stored on the way; a phi of a local takes just what its slot holds."""
    body: list[Value] = []
    position = target.predecessors.index(block)
    memory = [t.NULLABLE] * function.frame_slots + _anything(function)
    made: dict[int, Value] = {}
    boxed: dict[Value, Value] = {}
    for slot, number in stale.items():
        if slot not in target.entry_deferred:
            made[slot] = _flush(function, block, body, slot, number, memory, strong, boxed)
    for phi in target.phis:
        slot = phi.imm
        value = phi.args[position]
        if slot < 0 or not is_number_box(value) or value in strong:
            continue
        box = made.get(slot)
        if box is None:
            box = stored_boxes.get(slot)
        if box is None:
            box = _flush(function, block, body, slot, value, memory, strong, boxed)
        phi.args[position] = box
    _settle_edge(function, block, target, stale, body)
    if not body:
        return
    if len(block.successors) == 1:
        block.body[-1:-1] = body
    else:
        # No critical edges: the target has this predecessor only.
        for value in body:
            value.block = target
        target.body[0:0] = body
