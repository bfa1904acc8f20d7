"""Makes references explicit: the last pass of HIR.

Until here a value is just a value. Now each is *held* (we own a reference) or *lent*: kept alive by a frame slot, by
the artifact (constants), or by an object read just before. The rules:

- An operation's new reference is held from there on. Its last use gives it up: an operation that steals it
  takes it, else a DecRef follows. That is where the interpreter would release it: the last use is the
  instruction that pops it (DropOperand where no other does), or right behind the check for tools that follows a call.
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

How: what each instruction needs alive is listed once. Liveness follows from that for the few values that are needed
in other blocks than their own, one value at a time, backwards from where it is used. Then one walk down each block,
with the values that are held in a list, by number, and at last the edges.
"""

from __future__ import annotations

from pyston.compiler.hir import types as t
from pyston.compiler.hir import values as h
from pyston.compiler.hir.effects import (
    ESCAPES,
    GUARD,
    LEFT_FIRST,
    OWNED,
    PASSES,
    RAISES,
    READS,
    TERMINATOR,
    WRITES,
)
from pyston.compiler.hir.values import (
    NO_VALUES,
    Function,
    HirBlock,
    Value,
    is_counted,
    is_owned,
    leaves,
    resolve,
)
from pyston.compiler.native import Final, final, i64

# A call takes over as many of its first operands at most: their bits have to fit into a word (helpers.h).
MOST_PASSED: Final = 16


def insert_reference_counts(function: Function) -> None:
    uses = _find_liveness(function)
    for block in function.blocks:
        _find_held_in(function, block)
    walk = _Walk(function, uses)
    for block in function.blocks:
        walk.over(block)
    for block in function.blocks:
        for target in block.successors:
            _adjust_edge(function, block, target)
    for block in function.blocks:
        block.live_in = None
        block.held_in = block.held_out = NO_VALUES


# --- what is needed, and where --------------------------------------------------------------------------------------


def _find_liveness(function: Function) -> list[Value]:
    """What all instructions need alive, one behind the other; and `live_in` of each block. Phi inputs are used at the
    end of the predecessor."""
    uses: list[Value] = []
    crossing: list[Value] = []  # needed in other blocks than their own
    for block in function.blocks:
        for value in block.body:
            first: i64 = len(uses)
            value.first_use = first
            if value.operation != h.DEFER_LOCAL:
                _add_uses(value, uses)
            end: i64 = len(uses)
            value.end_use = end
            for index in range(first, end):
                used = uses[index]
                if used.block is not block:
                    _note_crossing(used, block, crossing)
        for target in block.successors:
            if target.phis:
                position = target.predecessors.index(block)
                for phi in target.phis:
                    used = phi.args[position]
                    counted = used.type & t.COUNTED != 0 and used.operation != h.CONSTANT
                    if counted and used.block is not block:
                        _note_crossing(used, block, crossing)
    work: list[HirBlock] = []
    for value in crossing:
        assert value.used_in is not None
        for block in value.used_in:
            _live_up_from(value, block, work)
        while work:
            _live_up_from(value, work.pop(), work)
    return uses


def _note_crossing(value: Value, block: HirBlock, crossing: list[Value]) -> None:
    if value.used_in is None:
        value.used_in = [block]
        crossing.append(value)
    elif value.used_in[-1] is not block:
        value.used_in.append(block)


def _live_up_from(value: Value, block: HirBlock, work: list[HirBlock]) -> None:
    """The value is live at the start of the block and of those before it, up to its own. Where ways join, all of them
    come into `work`."""
    while block is not value.block:
        if block.live_in is None:
            block.live_in = [value]
        elif block.live_in[-1] is value:
            return
        else:
            block.live_in.append(value)
        if len(block.predecessors) != 1:
            work.extend(block.predecessors)
            return
        block = block.predecessors[0]


def _add_uses(value: Value, uses: list[Value]) -> None:
    """What the instruction needs alive and may be held, its frame state included."""
    for argument in value.args:
        _add_use(argument, uses)
    state = value.state
    if state is not None and leaves(value):
        stack = state.stack
        count: i64 = len(stack)
        if value.flags & (GUARD | RAISES) == RAISES:
            count = value.keep
        for depth in range(count):
            _add_use(resolve(stack[depth]), uses)
    if value.deferred is not None:
        for _, entry in value.deferred:
            _add_use(resolve(entry), uses)


def _add_use(value: Value, uses: list[Value]) -> None:
    if value.type & t.COUNTED == 0 or value.operation == h.CONSTANT:
        return
    if value.block is not None:  # else a box that lives in states only
        uses.append(value)


def _find_held_in(function: Function, block: HirBlock) -> None:
    """What is live on entry and no slot lends."""
    if block.live_in is None and not block.phis:
        return
    number = block.number
    count: i64 = function.frame_slots if block.globals_changed else function.slot_count
    locals_ = block.entry_locals
    deferred = block.entry_deferred
    for slot in range(min(count, len(locals_))):
        if not ((deferred and slot in deferred) or locals_[slot].unstored):
            locals_[slot].lent_in = number
    if block.live_in is not None:
        for value in block.live_in:
            if value.lent_in != number and is_counted(value):
                _hold_on_entry(block, value)
    for phi in block.phis:
        if phi.lent_in != number and is_counted(phi):
            phi.takes_over = True
            _hold_on_entry(block, phi)


def _hold_on_entry(block: HirBlock, value: Value) -> None:
    if block.held_in:
        _insert(block.held_in, value)
    else:
        block.held_in = [value]


def _insert(values: list[Value], value: Value) -> None:
    """Into a list that is ordered by number."""
    index: i64 = len(values)
    while index > 0 and values[index - 1].number > value.number:
        index -= 1
    if index == len(values):
        values.append(value)
    else:
        values.insert(index, value)


# --- along a block --------------------------------------------------------------------------------------------------


@final
class _Walk:
    """What is held and lent at a point in a block."""

    def __init__(self, function: Function, uses: list[Value]) -> None:
        self.function = function
        self.uses = uses
        self.block = function.blocks[0]
        self.body: list[Value] = []  # with the counts
        # Positions go on from block to block, so that what was noted in another block is less than `first`.
        self.first: i64 = 0  # position of the block's start
        self.end: i64 = 0
        self.position: i64 = 0
        self.held: list[Value] = []  # by number
        self.record: tuple[Value, ...] | None = (
            None  # a copy, for instructions that leave while `held` stays the same
        )
        self.slots: list[Value | None] | None = None  # what each lends, see `_lenders`
        self.stale: dict[int, Value] = {}

    def over(self, block: HirBlock) -> None:
        self._enter(block)
        self.body = body = []
        if self.held:
            self._drop_unused(block.body[0])
        self.position = self.first
        put_off: Value | None = None
        for value in block.body:
            operation = value.operation
            flags = value.flags
            if operation == h.DEFER_LOCAL:
                self._keep_alive(value, value.imm)  # whatever syncs the frame before the store releases it
                self._lenders()[value.imm] = None
                self.stale[value.imm] = value.args[0]
                body.append(value)
                self.position += 1
                continue
            may_leave = leaves(value)
            if may_leave:
                value.held = self._recorded()
                if self.stale and value.deferred is None:
                    value.deferred = list(self.stale.items())
            if operation == h.STORE_LOCAL or operation == h.TAKE_LOCAL:
                self._keep_alive(value, value.imm)
            if flags & ESCAPES != 0 and self.function.globals is not None:
                # Whatever runs may give the globals other values. (Where two of them lend one, it is kept once.)
                for slot in range(self.function.frame_slots, self.function.slot_count):
                    self._keep_alive(value, slot)
                    self._lenders()[slot] = None
            if flags & PASSES != 0:
                self._pass(value)
            elif value.steals != 0:
                self._steal(value)
            if may_leave and flags & RAISES != 0:
                value.held_on_error = self._recorded()
            body.append(value)
            if operation == h.STORE_LOCAL:
                self._lenders()[value.imm] = value.args[0]
                if self.stale:
                    self.stale.pop(value.imm, None)
            elif operation == h.TAKE_LOCAL:
                self._lenders()[value.imm] = None
                if self.stale:
                    self.stale.pop(value.imm, None)
            elif operation == h.FLUSH_LOCAL:
                self.stale.pop(value.imm, None)
            elif operation == h.COPY_FREE_VARIABLE:
                self._lenders()[value.imm] = value
            elif operation == h.LOAD_GLOBAL_SLOT:
                self._lenders()[value.imm] = value
                self.position += 1
                continue  # lent by the slot
            if flags & (OWNED | READS) != 0 and is_counted(value):
                if flags & OWNED != 0:
                    self._hold(value)
                elif not self._safe_to_lend(value):
                    self._count(value, h.INCREF, value)
                    self._hold(value)
            if flags & TERMINATOR != 0:
                break
            if put_off is not None:
                self._release_behind(put_off)
                put_off = None
            if self._is_checked_first(value):
                self._put_off(value)
                put_off = value
            else:
                self._release_behind(value)
            self.position += 1
        block.body = body
        for value in self.held:
            value.is_held = False
        if block.successors:
            block.held_out = self.held

    def _enter(self, block: HirBlock) -> None:
        """Puts together what is held and lent on entry, and notes where each value is used last."""
        self.block = block
        self.first = self.end + 1
        uses = self.uses
        position = self.first
        for value in block.body:
            for index in range(value.first_use, value.end_use):
                uses[index].last_use = position
            position += 1
        self.end = position
        for target in block.successors:
            if target.live_in is not None:
                for value in target.live_in:
                    value.last_use = position
            if target.phis:
                edge = target.predecessors.index(block)
                for phi in target.phis:
                    phi.args[edge].last_use = position
        self.held = list(block.held_in)
        for value in self.held:
            value.is_held = True
        self.record = None
        self.slots = None
        if self.stale:
            self.stale = {}
        for slot in block.entry_deferred:
            self.stale[slot] = block.entry_locals[slot]

    def _lenders(self) -> list[Value | None]:
        """What each slot lends; a block that changes no slot need not know."""
        slots = self.slots
        if slots is None:
            block = self.block
            slots = [None if value.unstored else value for value in block.entry_locals]
            function = self.function
            if block.globals_changed and function.globals is not None:
                # They lend nothing where other code has run.
                for slot in range(function.frame_slots, function.slot_count):
                    slots[slot] = None
            for slot in block.entry_deferred:
                slots[slot] = None
            self.slots = slots
        return slots

    def _drop_unused(self, at: Value) -> None:
        """Values nothing uses here although held on entry (dead phis of the join)."""
        for value in self.block.held_in:
            if value.last_use < self.first:
                self._give_up(value)
                self._count(at, h.DECREF, value)

    def _hold(self, value: Value) -> None:
        value.is_held = True
        _insert(self.held, value)
        self.record = None

    def _give_up(self, value: Value) -> None:
        value.is_held = False
        held = self.held
        index: i64 = len(held) - 1
        while held[index] is not value:
            index -= 1
        held.pop(index)
        self.record = None

    def _recorded(self) -> tuple[Value, ...]:
        record = self.record
        if record is None:
            record = tuple(self.held)
            self.record = record
        return record

    def _count(self, at: Value, operation: i64, value: Value) -> None:
        self.body.append(_count(self.function, self.block, at, operation, value, self.stale))

    def _keep_alive(self, at: Value, slot: int) -> None:
        """The slot stops lending its value: take a reference if it is needed beyond this instruction."""
        slots = self._lenders()
        old = slots[slot]
        if old is None or old.is_held or not is_counted(old) or old.operation == h.CONSTANT:
            return
        if old.last_use <= self.position and _count_of(at.args, old) == 0:
            return
        for other, lender in enumerate(slots):
            if lender is old and other != slot:
                return
        self._count(at, h.INCREF, old)
        self._hold(old)

    def _pass(self, value: Value) -> None:
        """Arguments that are held and die here move into the callee."""
        args = value.args
        for index in range(min(len(args), MOST_PASSED)):
            argument = args[index]
            if argument.is_held and argument.last_use == self.position and _count_of(args, argument) == 1:
                self._give_up(argument)
                value.moved |= 1 << index

    def _steal(self, value: Value) -> None:
        """The references that the instruction takes over."""
        args = value.args
        steals = value.steals
        taken: list[Value] | None = None
        for index in range(len(args)):
            argument = args[index]
            if (steals > 0 and steals >> index & 1 == 0) or not is_counted(argument):
                continue
            if (
                argument.is_held
                and (argument.last_use == self.position or value.operation == h.STORE_LOCAL)
                and not _is_among(argument, args, index + 1)
            ):
                self._give_up(argument)
            else:
                self._count(value, h.INCREF, argument)
                if taken is None:
                    taken = [argument]
                else:
                    taken.append(argument)
        if taken is not None and value.flags & GUARD != 0 and value.held is not None:
            # The guard comes before the steal: what was taken for it is still ours when it fails.
            held = list(value.held)
            for argument in taken:
                _insert(held, argument)
            value.held = tuple(held)

    def _is_checked_first(self, value: Value) -> bool:
        """Does a check for tools stand right behind the call? It comes before what dies at the call is released: then
        one piece of code can do both (x86_64/calls.py). What finalizers change is noticed at the next check, or by one
        that is there for them (hir/finalizers.py)."""
        if value.flags & ESCAPES == 0 or value.flags & RAISES == 0 or self.function.globals is not None:
            return False
        following = self.block.body[self.position - self.first + 1]
        return following.operation == h.CHECK_TOOLS and not following.imm

    def _put_off(self, at: Value) -> None:
        """What dies at the instruction dies at the one behind it."""
        uses = self.uses
        for index in range(at.first_use, at.end_use):
            used = uses[index]
            if used.is_held and used.last_use == self.position:
                used.last_use += 1

    def _release_behind(self, at: Value) -> None:
        """Gives up what was used here for the last time, and a result that nobody uses."""
        self._release_dying(at)
        if at.is_held and at.last_use < self.first:
            self._give_up(at)
            self._count(at, h.DECREF, at)

    def _release_dying(self, at: Value) -> None:
        """The interpreter begins at the top of its stack, mostly."""
        uses = self.uses
        dying: list[Value] | None = None
        for index in range(at.first_use, at.end_use):
            used = uses[index]
            if used.is_held and used.last_use == self.position:
                self._give_up(used)
                if dying is None:
                    dying = [used]
                else:
                    _insert(dying, used)
        if dying is not None:
            if at.flags & LEFT_FIRST == 0:
                dying.reverse()
            for used in dying:
                self._count(at, h.DECREF, used)

    def _safe_to_lend(self, value: Value) -> bool:
        """May a value read from the heap be used without a reference of ours?

        Yes if between here and its last use in this block nothing writes the heap or a slot, runs other code, or
        gives up a held object (which could have been the one that keeps this one alive), and nothing takes the
        value over.
        """
        if value.last_use == self.end:
            return False
        uses = self.uses
        body = self.block.body
        for position in range(self.position, value.last_use + 1):
            instruction = body[position - self.first]
            if position > self.position:
                flags = instruction.flags
                if flags & (ESCAPES | WRITES) != 0:
                    return False
                takes = (
                    instruction.steals != 0 or flags & PASSES != 0 or instruction.operation == h.DEFER_LOCAL
                )
                if takes and _is_among(value, instruction.args, 0):
                    return False
            if position < value.last_use:
                for index in range(instruction.first_use, instruction.end_use):
                    used = uses[index]
                    if used.last_use == position and _releases(used):
                        return False
                if position > self.position and instruction.last_use < self.first and _releases(instruction):
                    return False
        return True


def _is_among(value: Value, values: list[Value], first: i64) -> bool:
    return any(values[index] is value for index in range(first, len(values)))


def _count_of(values: list[Value], value: Value) -> i64:
    count: i64 = 0
    for other in values:
        if other is value:
            count += 1
    return count


def _releases(value: Value) -> bool:
    """Would the end of this value give up a reference to something that could own others?"""
    return (value.is_held or is_owned(value)) and value.type & ~t.INERT != 0 and is_counted(value)


def _count(
    function: Function, block: HirBlock, at: Value, operation: i64, value: Value, stale: dict[int, Value]
) -> Value:
    """An IncRef or DecRef beside the instruction `at`, whose position the frame shows if freeing runs code."""
    count = function.number(Value(operation, t.NOTHING, [value]))
    count.block = block
    count.state = at.state
    if operation == h.DECREF and stale:
        count.deferred = list(stale.items())
    return count


# --- along an edge --------------------------------------------------------------------------------------------------


def _adjust_edge(function: Function, block: HirBlock, target: HirBlock) -> None:
    held = block.held_out
    wanted = target.held_in
    if not held and not wanted:
        return
    for value in held:
        value.is_held = True
    needs = NO_VALUES
    if target.phis:
        position = target.predecessors.index(block)
        for phi in target.phis:
            if phi.takes_over:
                value = phi.args[position]
                if value.is_held:
                    value.is_held = False
                elif is_counted(value):
                    needs = [*needs, value]
    for value in wanted:
        if value.operation == h.PHI and value.block is target:
            continue
        if value.is_held:
            value.is_held = False
        else:
            needs = [*needs, value]
    terminator = block.body[-1]
    decides = terminator.operation in (h.BRANCH_NULL, h.BRANCH_ERROR)
    if decides and target is block.successors[terminator.imm]:
        terminator.args[0].is_held = False  # it is NULL there
    left = NO_VALUES
    for value in held:
        if value.is_held:
            value.is_held = False
            left = [*left, value]
    if not needs and not left:
        return
    raised = target.cold and (terminator.operation == h.BRANCH_ERROR or target.body[0].operation == h.CATCH)
    if raised:
        left.reverse()  # an exception takes the operand stack down from its top
    stale = {slot: target.entry_locals[slot] for slot in target.entry_deferred}
    changes: list[Value] = []
    for value in needs:
        changes.append(_count(function, block, terminator, h.INCREF, value, stale))
    for value in left:
        change = _count(function, block, terminator, h.DECREF, value, stale)
        if raised and not stale and function.globals is None:
            # The frame's position says already where it was raised. (Which of two, where one instruction stands for a
            # method's load and its call, only the runtime knows.)
            change.state = None
        changes.append(change)
    if len(block.successors) == 1:
        block.body[-1:-1] = changes
    else:
        for change in changes:
            change.block = target
        target.body[0:0] = changes
