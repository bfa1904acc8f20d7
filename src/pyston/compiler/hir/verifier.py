"""Checks that HIR keeps its rules; docs/hir.md states them under the same names.

Runs after every pass in tests and under PYSTON_DEBUG=1. A rule that does not hold is a bug of the pass that ran last,
found here rather than as a crash in compiled code.

How: blocks and edges first, since all else walks over them; then dominators, by iteration over the blocks in reverse
post-order, and with them that each use sees its definition; then types and frame states, instruction by
instruction; and after `insert_reference_counts` that references balance: a walk over the blocks that counts what is
held, as an execution would.
"""

from __future__ import annotations

from pyston.compiler.hir import types as t
from pyston.compiler.hir import values as h
from pyston.compiler.hir.effects import ESCAPES, GUARD, OWNED, PASSES, RAISES, TERMINATOR
from pyston.compiler.hir.printer import show_value
from pyston.compiler.hir.values import (
    Function,
    HirBlock,
    Value,
    is_counted,
    leaves,
    resolve,
)
from pyston.compiler.native import Final


class Malformed(Exception):
    """HIR that breaks a rule."""


# What an argument may be.
_ANY: Final = t.NULLABLE
_OBJECT: Final = t.OBJECT

# Argument types and result type of the operations that have fixed ones.
_SHAPES: Final[dict[int, tuple[list[int], int]]] = {
    h.PARAMETER: ([], _OBJECT),
    h.GUARD_GLOBALS: ([], t.NOTHING),
    h.LOAD_GLOBAL_SLOT: ([], _OBJECT),
    h.INT_CONSTANT: ([], t.I64 | t.CBOOL | t.LASTI),
    h.FLOAT_CONSTANT: ([], t.F64),
    h.STORE_LOCAL: ([_ANY], t.NOTHING),
    h.TAKE_LOCAL: ([], _ANY),
    h.ENTRY_OPERAND: ([], _ANY | t.LASTI),
    h.DEFER_LOCAL: ([_OBJECT], t.NOTHING),
    h.DROP_OPERAND: ([_OBJECT], t.NOTHING),
    h.CHECK_TOOLS: ([], t.NOTHING),
    h.GUARD_TYPE: ([_ANY], t.NOTHING),
    h.GUARD_CLASS: ([_ANY], t.NOTHING),
    h.GUARD_IS: ([_ANY], t.NOTHING),
    h.GUARD_NOT_NULL: ([_ANY], t.NOTHING),
    h.GUARD_SIZE: ([_ANY], t.NOTHING),
    h.GUARD_INLINE_VALUES: ([_ANY], t.NOTHING),
    h.GUARD_WORD: ([], t.NOTHING),
    h.UNBOX_INT: ([_ANY], t.I64),
    h.UNBOX_FLOAT: ([_ANY], t.F64),
    h.BOX_INT: ([t.I64], t.INT),
    h.BOX_FLOAT: ([t.F64], t.FLOAT),
    h.LOCAL_INT: ([t.I64], t.INT | t.NULL),
    h.FLUSH_LOCAL: ([t.I64], t.NOTHING),
    h.SETTLE_LOCAL: ([t.I64], t.NOTHING),
    h.BOX_BOOL: ([t.CBOOL], t.BOOL),
    h.INT_TO_FLOAT: ([t.I64], t.F64),
    h.INT_NEG: ([t.I64], t.I64),
    h.INT_INVERT: ([t.I64], t.I64),
    h.INT_COMPARE: ([t.I64, t.I64], t.CBOOL),
    h.FLOAT_NEG: ([t.F64], t.F64),
    h.FLOAT_COMPARE: ([t.F64, t.F64], t.CBOOL),
    h.IS: ([_ANY, _ANY], t.CBOOL),
    h.NOT: ([t.CBOOL], t.CBOOL),
    h.INT_TRUTH: ([_ANY], t.CBOOL),
    h.SIZE_TRUTH: ([_ANY], t.CBOOL),
    h.LOAD_FIELD: ([_ANY], _OBJECT),
    h.LOAD_ATTRIBUTE: ([_ANY], _OBJECT),
    h.LOAD_SIZE: ([_ANY], t.I64),
    h.STORE_FIELD: ([_ANY, _ANY], t.NOTHING),
    h.STORE_INLINE: ([_ANY, _ANY], t.NOTHING),
    h.LIST_GET: ([_ANY, t.I64], _OBJECT),
    h.TUPLE_GET: ([_ANY, t.I64], _OBJECT),
    h.LIST_SET: ([_ANY, t.I64, _ANY], t.NOTHING),
    h.LIST_ITEM: ([_ANY], _OBJECT),
    h.TUPLE_ITEM: ([_ANY], _OBJECT),
    h.LOAD_CELL: ([_ANY], _OBJECT),
    h.STORE_CELL: ([_ANY, _ANY], t.NOTHING),
    h.RANGE_HAS_NEXT: ([_ANY], t.CBOOL),
    h.RANGE_NEXT: ([_ANY], t.I64),
    h.LIST_ITER_HAS_NEXT: ([_ANY], t.CBOOL),
    h.LIST_ITER_NEXT: ([_ANY], _OBJECT),
    h.TUPLE_ITER_HAS_NEXT: ([_ANY], t.CBOOL),
    h.TUPLE_ITER_NEXT: ([_ANY], _OBJECT),
    h.GOTO: ([], t.NOTHING),
    h.BRANCH: ([t.CBOOL], t.NOTHING),
    h.BRANCH_NULL: ([_ANY], t.NOTHING),
    h.RETURN: ([_ANY], t.NOTHING),
    h.HAND_OVER: ([_ANY], t.NOTHING),
    h.STORE_STACK: ([_ANY | t.LASTI], t.NOTHING),
    h.LEAVE: ([], t.NOTHING),
    h.UNREACHABLE: ([], t.NOTHING),
    h.CATCH: ([], _OBJECT),
    h.RERAISE: ([], t.NOTHING),
    h.INCREF: ([_ANY], t.NOTHING),
    h.DECREF: ([_ANY], t.NOTHING),
}
for _operation in (
    h.INT_ADD, h.INT_SUB, h.INT_MUL, h.INT_FLOOR_DIV, h.INT_MOD, h.INT_AND, h.INT_OR, h.INT_XOR, h.INT_SHL, h.INT_SHR,
):  # fmt: skip
    _SHAPES[_operation] = ([t.I64, t.I64], t.I64)
for _operation in (h.FLOAT_ADD, h.FLOAT_SUB, h.FLOAT_MUL, h.FLOAT_DIV):
    _SHAPES[_operation] = ([t.F64, t.F64], t.F64)

_SUCCESSORS: Final[dict[int, int]] = {
    h.GOTO: 1,
    h.BRANCH: 2,
    h.BRANCH_NULL: 2,
    h.RETURN: 0,
    h.HAND_OVER: 0,
    h.LEAVE: 0,
    h.UNREACHABLE: 0,
    h.BRANCH_ERROR: 2,
    h.RERAISE: 0,
}


def verify(function: Function, counted: bool) -> None:
    """Raises Malformed at the first rule that does not hold. `counted`: reference counts have been inserted."""
    _check_blocks(function)
    _check_definitions(function)
    positions = _positions(function)
    dominators = _dominators(function)
    guards = _guards(function)
    for block in function.blocks:
        for phi in block.phis:
            _check_phi(block, phi, positions, dominators)
        for value in block.body:
            _check_instruction(block, value, positions, dominators)
            _check_shape(value)
            _check_unboxing(block, value, guards, positions, dominators)
            _check_state(function, value)
    if counted:
        _check_references(function)
        _check_lending(function)


def verify_after(stage: str, function: Function) -> None:
    """`verify` as an observer of the pipeline."""
    try:
        verify(function, stage == "insert_reference_counts")
    except Malformed as problem:
        raise Malformed(f"after {stage}: {function.name}: {problem}") from None


def _fail(value: Value, problem: str) -> None:
    raise Malformed(f"{show_value(value).split(';')[0].strip()}: {problem}")


# --- blocks -------------------------------------------------------------------------------------------------


def _check_blocks(function: Function) -> None:
    blocks = function.blocks
    if not blocks or blocks[0].predecessors or blocks[0].phis:
        raise Malformed("the first block is not an entry")
    known = set(blocks)
    for number, block in enumerate(blocks):
        name = f"b{block.number}"
        if block.number != number:
            raise Malformed(f"{name} stands at {number}")
        if block.entry_depth >= 0:
            if not number or block.predecessors or block.phis:
                raise Malformed(f"{name} is an entry and something else")
            for slot, value in enumerate(block.entry_locals):
                read = value.operation == h.PARAMETER and value.block in (block, None)
                if not read and value.operation != h.NULL:
                    raise Malformed(f"{name} is an entry and does not read local {slot}")
        elif number and not block.predecessors:
            raise Malformed(f"{name} cannot be reached")
        if len(block.entry_locals) != function.slot_count:
            raise Malformed(f"{name} has {len(block.entry_locals)} slots on entry, not {function.slot_count}")
        if not block.body:
            raise Malformed(f"{name} is empty")
        for value in block.body[:-1]:
            if value.flags & TERMINATOR:
                _fail(value, f"ends {name} in its middle")
        last = block.body[-1]
        if not last.flags & TERMINATOR:
            _fail(last, f"does not end {name}")
        if len(block.successors) != _SUCCESSORS[last.operation]:
            _fail(last, f"has {len(block.successors)} successors")
        for target in block.successors:
            if target not in known:
                raise Malformed(f"{name} leads out of the function")
            if block.successors.count(target) != target.predecessors.count(block):
                raise Malformed(f"{name} and b{target.number} disagree about their edge")
            if len(block.successors) > 1 and len(target.predecessors) > 1:
                raise Malformed(f"the edge from {name} to b{target.number} is critical")
            if target.number <= number and not target.loop_header:
                raise Malformed(f"{name} leads back to b{target.number}, which is no loop header")
        for predecessor in block.predecessors:
            if predecessor not in known or block not in predecessor.successors:
                raise Malformed(f"{name} does not follow b{predecessor.number}")
        if block.predecessors and not any(predecessor.number < number for predecessor in block.predecessors):
            raise Malformed(f"{name} stands before its predecessors")


# --- definitions and uses ---------------------------------------------------------------------------------------


def _check_definitions(function: Function) -> None:
    numbers: set[int] = set()
    for block in function.blocks:
        for value in [*block.phis, *block.body]:
            if value.block is not block:
                _fail(value, f"stands in b{block.number} but names another block")
            if value.forward is not None:
                _fail(value, "was replaced and still stands")
            if value.number in numbers or value.number < 0:
                _fail(value, "has a number that is not its own")
            numbers.add(value.number)


def _positions(function: Function) -> dict[Value, int]:
    """Where in its block each value is defined; phis at -1."""
    positions: dict[Value, int] = {}
    for block in function.blocks:
        for phi in block.phis:
            positions[phi] = -1
        for position, value in enumerate(block.body):
            positions[value] = position
    return positions


def _dominators(function: Function) -> dict[HirBlock, set[HirBlock]]:
    """For each block those on every way to it, itself included."""
    blocks = function.blocks
    dominators: dict[HirBlock, set[HirBlock]] = {blocks[0]: {blocks[0]}}
    changed = True
    while changed:
        changed = False
        for block in blocks[1:]:
            found: set[HirBlock] | None = None
            for predecessor in block.predecessors:
                above = dominators.get(predecessor)
                if above is not None:
                    found = set(above) if found is None else found & above
            result = found if found is not None else set()
            result.add(block)
            if dominators.get(block) != result:
                dominators[block] = result
                changed = True
    return dominators


def _is_leaf(value: Value) -> bool:
    """Constants stand in no block: they are made where they are used."""
    return value.operation == h.CONSTANT or value.operation == h.NULL


def _sees(
    block: HirBlock,
    position: int,
    used: Value,
    positions: dict[Value, int],
    dominators: dict[HirBlock, set[HirBlock]],
) -> bool:
    """Is `used` defined on every way to the position in the block?"""
    if _is_leaf(used):
        return True
    where = positions.get(used)
    if where is None or used.block is None:
        return False
    if used.block is block:
        return where < position
    return used.block in dominators[block]


def _check_phi(
    block: HirBlock, phi: Value, positions: dict[Value, int], dominators: dict[HirBlock, set[HirBlock]]
) -> None:
    if phi.operation != h.PHI:
        _fail(phi, "stands among the phis")
    if len(phi.args) != len(block.predecessors):
        _fail(phi, f"has {len(phi.args)} inputs for {len(block.predecessors)} predecessors")
    for predecessor, value in zip(block.predecessors, phi.args):
        if not _sees(predecessor, len(predecessor.body), value, positions, dominators):
            _fail(phi, f"its input from b{predecessor.number} is not defined there")
        if value.type & ~phi.type:
            _fail(phi, f"its input from b{predecessor.number} is {t.show(value.type)}")
    if phi.type & t.MACHINE and phi.type not in (t.I64, t.F64, t.CBOOL, t.LASTI):
        _fail(phi, "mixes machine values and objects")


def _check_instruction(
    block: HirBlock, value: Value, positions: dict[Value, int], dominators: dict[HirBlock, set[HirBlock]]
) -> None:
    if value.operation == h.PHI:
        _fail(value, "stands in a body")
    if value.operation in (h.PARAMETER, h.ENTRY_OPERAND) and block.number and block.entry_depth < 0:
        _fail(value, f"stands in b{block.number}, which is no entry")
    position = positions[value]
    for argument in value.args:
        if argument.forward is not None:
            _fail(value, f"uses v{argument.number}, which was replaced")
        if value.operation == h.DEFER_LOCAL:
            argument = _machine_form(argument)
        if not _sees(block, position, argument, positions, dominators):
            _fail(value, f"uses v{argument.number}, which is not defined on every way here")
    entries: list[Value] = []
    if leaves(value):
        state = value.state
        if state is None:
            _fail(value, "may leave and has no frame state")
            return
        entries.extend(state.stack)
        if value.flags & (GUARD | RAISES) == RAISES:
            entries = entries[: value.keep]
    if value.deferred is not None:
        entries.extend(entry for _, entry in value.deferred)
    for entry in entries:
        entry = _machine_form(resolve(entry))
        if not _sees(block, position, entry, positions, dominators):
            _fail(value, f"its frame state needs v{entry.number}, which is not defined on every way here")


def _machine_form(value: Value) -> Value:
    """What a recipe reads: a box that lives in frame states only stands for what is in it."""
    while value.block is None and value.operation in (h.BOX_INT, h.BOX_FLOAT, h.BOX_BOOL, h.LOCAL_INT):
        value = resolve(value.args[0])
    return value


# --- types ------------------------------------------------------------------------------------------------------


def _check_shape(value: Value) -> None:
    operation = value.operation
    shape = _SHAPES.get(operation)
    if shape is None:
        _check_call(value)
        return
    arguments, result = shape
    if len(value.args) != len(arguments):
        _fail(value, f"takes {len(arguments)} arguments")
    for argument, allowed in zip(value.args, arguments):
        if argument.type & ~allowed or argument.type == t.NOTHING:
            _fail(value, f"v{argument.number} is {t.show(argument.type)}, not {t.show(allowed)}")
    if value.type & ~(result | (t.NULL if result == _OBJECT else 0)) or (result and not value.type):
        _fail(value, f"its result is {t.show(value.type)}, not {t.show(result)}")


def _check_call(value: Value) -> None:
    """Helpers and calls take objects; those with a number as result take numbers."""
    allowed = _ANY | t.LASTI
    if value.operation == h.BRANCH_ERROR:
        raised = value.args[0]
        if not raised.caught or raised.block is not value.block or value.imm != 1:
            _fail(value, f"v{raised.number} before it is not what raises")
        return
    if value.caught and value.block is not None:
        last = value.block.body[-1]
        if last.operation != h.GOTO and (last.operation != h.BRANCH_ERROR or last.args[0] is not value):
            _fail(value, "is caught, and nothing behind it says where it goes on")
    if value.operation == h.HELPER:
        if value.helper is None:
            _fail(value, "calls no helper")
        else:
            allowed = value.helper.takes
    for argument in value.args:
        if argument.operation in (h.HELPER, h.CATCH) and value.operation in (
            h.SECOND,
            h.STATUS,
            h.ARRAY_ITEM,
        ):
            continue
        if argument.type & ~allowed or argument.type == t.NOTHING:
            _fail(value, f"v{argument.number} is {t.show(argument.type)}, not {t.show(allowed)}")


def _guards(function: Function) -> dict[Value, list[Value]]:
    """The GuardTypes of each value."""
    guards: dict[Value, list[Value]] = {}
    for block in function.blocks:
        for value in block.body:
            if value.operation == h.GUARD_TYPE:
                guards.setdefault(value.args[0], []).append(value)
    return guards


def _check_unboxing(
    block: HirBlock,
    value: Value,
    guards: dict[Value, list[Value]],
    positions: dict[Value, int],
    dominators: dict[HirBlock, set[HirBlock]],
) -> None:
    """What is read as a number has been proved to be one, by its type or by a guard on every way here."""
    if value.operation == h.UNBOX_INT or value.operation == h.INT_TRUTH:
        wanted = t.INT
    elif value.operation == h.UNBOX_FLOAT:
        wanted = t.FLOAT
    else:
        return
    argument = value.args[0]
    if not argument.type & ~wanted:
        return
    for guard in guards.get(argument, []):
        if guard.imm == wanted and _sees(block, positions[value], guard, positions, dominators):
            return
    _fail(value, f"v{argument.number} is not proved to be {t.show(wanted)}")


# --- frame states -------------------------------------------------------------------------------------------------


def _check_state(function: Function, value: Value) -> None:
    if not leaves(value):
        return
    state = value.state
    assert state is not None
    if len(state.locals) != function.slot_count:
        _fail(value, f"its frame state has {len(state.locals)} slots, not {function.slot_count}")
    if value.flags & RAISES and not 0 <= value.keep <= len(state.stack):
        _fail(value, f"keeps {value.keep} of {len(state.stack)} stack entries")
    for entry in state.stack:
        entry = resolve(entry)
        if entry.type != t.LASTI and (not entry.type & t.NULLABLE or entry.type & t.MACHINE):
            _fail(value, f"its frame state has v{entry.number}, which is no object")
    if value.deferred is not None:
        slots = [slot for slot, _ in value.deferred]
        if len(set(slots)) != len(slots) or any(not 0 <= slot < function.slot_count for slot in slots):
            _fail(value, "defers a slot twice, or one that does not exist")


# --- references -----------------------------------------------------------------------------------------------------


def _check_references(function: Function) -> None:
    """What is held at each point: the same on every way there, given up at the end, and at exits what `held` says."""
    at_entry: dict[HirBlock, dict[Value, int]] = {block: {} for block in function.entries()}
    for block in function.blocks:
        if block not in at_entry:
            raise Malformed(f"b{block.number} stands before its predecessors")
        held = dict(at_entry[block])
        for value in block.body:
            _count_instruction(value, held)
        for index, target in enumerate(block.successors):
            along = _along_edge(function, block, index, target, held)
            known = at_entry.get(target)
            if known is None:
                at_entry[target] = along
            elif known != along:
                raise Malformed(
                    f"from b{block.number} to b{target.number} {_show(along)} is held, from elsewhere {_show(known)}"
                )


def _count_instruction(value: Value, held: dict[Value, int]) -> None:
    flags = value.flags
    operation = value.operation
    if leaves(value) and (flags & GUARD or operation in (h.CHECK_TOOLS, h.LEAVE)):
        _check_held(value, value.held, held, "when it leaves")
    if operation == h.INCREF:
        held[value.args[0]] = held.get(value.args[0], 0) + 1
        return
    if operation == h.DECREF:
        _give_up(value, value.args[0], held)
        return
    steals = value.steals
    for index, argument in enumerate(value.args):
        if flags & PASSES:
            if value.moved >> index & 1:
                _give_up(value, argument, held)
        elif steals and (steals < 0 or steals >> index & 1) and is_counted(argument):
            _give_up(value, argument, held)
    if flags & RAISES and not value.caught:
        _check_held(value, value.held_on_error, held, "when it raises")
    if flags & OWNED and is_counted(value):
        held[value] = held.get(value, 0) + 1
    if flags & TERMINATOR and flags & ESCAPES and held:
        _fail(value, f"still holds {_show(held)}")


def _give_up(value: Value, argument: Value, held: dict[Value, int]) -> None:
    count = held.get(argument, 0)
    if count == 0:
        _fail(value, f"gives up v{argument.number}, which is not held")
    elif count == 1:
        del held[argument]
    else:
        held[argument] = count - 1


def _check_held(value: Value, said: tuple[Value, ...] | None, held: dict[Value, int], when: str) -> None:
    expected: dict[Value, int] = {}
    for item in said or ():
        expected[item] = expected.get(item, 0) + 1
    if expected != held:
        _fail(value, f"holds {_show(held)} {when}, not {_show(expected)}")


def _along_edge(
    function: Function, block: HirBlock, index: int, target: HirBlock, held: dict[Value, int]
) -> dict[Value, int]:
    """What is held on arrival: phis that no slot lends take over the reference of their input."""
    along = dict(held)
    terminator = block.body[-1]
    if terminator.operation in (h.BRANCH_NULL, h.BRANCH_ERROR) and index == terminator.imm:
        along.pop(terminator.args[0], None)
    position = target.predecessors.index(block)
    lent = set(_lends(function, target).values())
    taken: list[Value] = []
    for phi in target.phis:
        if phi in lent or not is_counted(phi):
            continue
        if is_counted(phi.args[position]):
            _give_up(phi, phi.args[position], along)
        taken.append(phi)
    for phi in taken:
        along[phi] = along.get(phi, 0) + 1
    return along


def _check_lending(function: Function) -> None:
    """A slot that is said to lend a value when a block is entered holds that very object, on whichever way."""
    for block in function.blocks:
        memory = _lends(function, block)
        for value in block.body:
            operation = value.operation
            if operation == h.STORE_LOCAL:
                memory[value.imm] = value.args[0]
            elif operation == h.COPY_FREE_VARIABLE or operation == h.LOAD_GLOBAL_SLOT:
                memory[value.imm] = value
            elif operation in (h.TAKE_LOCAL, h.DEFER_LOCAL, h.FLUSH_LOCAL):
                memory.pop(value.imm, None)
            elif value.flags & ESCAPES:
                for slot in range(function.frame_slots, function.slot_count):
                    memory.pop(slot, None)
        for target in block.successors:
            position = target.predecessors.index(block)
            for slot, lent in _lends(function, target).items():
                if not is_counted(lent) or lent.operation == h.CONSTANT:
                    continue
                held = lent.args[position] if lent.operation == h.PHI and lent.block is target else lent
                if held.block is not None and is_counted(held) and memory.get(slot) is not held:
                    raise Malformed(
                        f"from b{block.number} to b{target.number} slot {slot} is said to hold v{held.number}"
                    )


def _lends(function: Function, block: HirBlock) -> dict[int, Value]:
    """What slots lend on entry, of values that are still there."""
    count = function.frame_slots if block.globals_changed else function.slot_count
    return {
        slot: value
        for slot, value in enumerate(block.entry_locals[:count])
        if slot not in block.entry_deferred and value.block is not None and not value.unstored
    }


def _show(held: dict[Value, int]) -> str:
    parts = [f"v{value.number}" + (f" {count}×" if count != 1 else "") for value, count in held.items()]
    return "{" + ", ".join(parts) + "}"
