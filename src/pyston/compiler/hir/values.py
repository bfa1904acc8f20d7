"""The high-level IR: SSA values with types and frame states. `docs/hir.md` is its definition.

One class serves for every instruction; what an operation may do stands in its row of `OPERATIONS`, or of `HELPERS`, and
from there in the instruction's `flags`, so a pass asks these instead of knowing operations. An instruction is also the
value it defines.

Passes keep what they find out about a value in the value: that costs a machine instruction or two where a dict or set
of values costs a hundred.

Reference counts are invisible here until `passes/insert_reference_counts.py`: an operation says whether its
result is a new reference (OWNED) or borrowed, and which arguments it takes over (`steals`).
"""

from __future__ import annotations

from pyston.compiler.hir import types as t
from pyston.compiler.hir.effects import (
    ESCAPES,
    GUARD,
    OWNED,
    PASSES,
    PURE,
    RAISES,
    READS,
    STEALS_ALL,
    TERMINATOR,
    WRITES,
)
from pyston.compiler.hir.helpers import Helper
from pyston.compiler.native import Final, final, i64, mypyc_attr
from pyston.compiler.world import GlobalSlots, Ref


@final
class Operation:
    def __init__(self, name: str, flags: int, steals: int = 0) -> None:
        self.name = name
        self.flags: i64 = flags
        self.steals: i64 = steals  # bit i: argument i is taken over


# Leaves of the graph.
PARAMETER: Final = 0  # imm: slot, read at an entry; borrowed from the slot
CONSTANT: Final = 1  # ref
NULL: Final = 2
INT_CONSTANT: Final = 3  # imm
FLOAT_CONSTANT: Final = 4  # imm: the double's bits
PHI: Final = 5

# The frame.
STORE_LOCAL: Final = 6  # imm: slot; imm2: type bits of what its memory holds so far (0: anything)
TAKE_LOCAL: Final = 7  # imm: slot; moves its content out, leaving NULL
STORE_STACK: Final = 80  # imm: depth; into the operand stack's memory, over nothing
CHECK_TOOLS: Final = (
    8  # signals, GIL, tracing: syncs, goes on or leaves; imm 1: finalizers have made it necessary
)

# Guards: no result; what they prove is known from there on.
GUARD_TYPE: Final = 9  # imm: type bits, exactly one
GUARD_CLASS: Final = 10  # ref: the exact type
GUARD_IS: Final = 11  # ref
GUARD_NOT_NULL: Final = 12
GUARD_SIZE: Final = 13  # imm: ob_size of a tuple or list
GUARD_INLINE_VALUES: Final = 14  # imm: offset of the valid byte
GUARD_WORD: Final = 15  # imm: address of a u32; imm2: what it must hold

# Numbers.
UNBOX_INT: Final = 16  # leaves when the int has more than two digits (60 bits)
UNBOX_FLOAT: Final = 17
BOX_INT: Final = 18
BOX_FLOAT: Final = 19
BOX_BOOL: Final = 20
INT_TO_FLOAT: Final = 21
INT_ADD: Final = 22  # leave on overflow
INT_SUB: Final = 23
INT_MUL: Final = 24
INT_NEG: Final = 25
INT_FLOOR_DIV: Final = 26  # leaves on 0 and -1
INT_MOD: Final = 27
INT_AND: Final = 28
INT_OR: Final = 29
INT_XOR: Final = 30
INT_SHL: Final = 31  # leaves unless 0 <= count < 32 and the value has at most 30 bits
INT_SHR: Final = 32  # leaves unless 0 <= count < 64
INT_INVERT: Final = 33
INT_COMPARE: Final = 34  # imm: condition code (lir.instructions.CC_*)
FLOAT_ADD: Final = 35  # these five leave on NaN where imm2 says so: passes/guard_nans.py
FLOAT_SUB: Final = 36
FLOAT_MUL: Final = 37
FLOAT_DIV: Final = 38  # leaves on division by zero
FLOAT_NEG: Final = 39
FLOAT_COMPARE: Final = 40
IS: Final = 41  # identity of two objects -> CBool
NOT: Final = 42  # CBool -> CBool
INT_TRUTH: Final = 43  # a boxed int -> CBool
SIZE_TRUTH: Final = 44  # imm: offset of a size word -> CBool

# Memory.
LOAD_FIELD: Final = 45  # imm: offset; a borrowed object, never NULL
LOAD_ATTRIBUTE: Final = 85  # the same; leaves where it is NULL: the attribute is not set
LOAD_SIZE: Final = 46  # imm: offset of a size word -> I64
STORE_FIELD: Final = 47  # (object, value), imm: offset; releases the old one
STORE_INLINE: Final = 48  # the same for an inline value; imm2: keys index
LIST_GET: Final = 49  # (list, I64): leaves unless 0 <= index < size
TUPLE_GET: Final = 50
LIST_SET: Final = 51
LIST_ITEM: Final = 52  # imm: index known to be in range
TUPLE_ITEM: Final = 53
LOAD_CELL: Final = 54  # content of a cell; leaves where that is NULL
STORE_CELL: Final = 55

# Iteration over exact range, list and tuple iterators: the iterator object stays true.
RANGE_HAS_NEXT: Final = 56
RANGE_NEXT: Final = 57  # -> I64
LIST_ITER_HAS_NEXT: Final = 58
LIST_ITER_NEXT: Final = 59
TUPLE_ITER_HAS_NEXT: Final = 60
TUPLE_ITER_NEXT: Final = 61
ITER_EXHAUST: Final = 62  # drops an exhausted list or tuple iterator's sequence

# Calls.
HELPER: Final = 63  # flags and result come from the helper's own row
SECOND: Final = (
    64  # the second result of a helper; imm: of a method's, whether a local holds self until the call
)
STATUS: Final = 81  # the same as CBool
CALL_PYTHON: Final = 65  # ref: the Callee record
CALL_C: Final = 66  # ref2: facts; arguments: self first

ENTRY_OPERAND: Final = 78  # imm: depth; moves an entry of the operand stack out of the frame, at an entry

CATCH: Final = 82  # takes the exception that was raised; its SECOND: where
BRANCH_ERROR: Final = 83  # the instruction before, which is `caught`: successors [went well, raised]
RERAISE: Final = 84  # the exception that is set, and has its traceback entry, leaves the function

# Globals as slots, behind those of the frame: of a loop that is entered while it runs.
GUARD_GLOBALS: Final = 86  # the dict's keys are the known ones
LOAD_GLOBAL_SLOT: Final = (
    87  # imm: slot; read anew where other code may have changed it; borrowed from the slot
)

DROP_OPERAND: Final = 88  # the interpreter's stack lets go of its argument here; makes no code
DEFER_LOCAL: Final = 77  # imm: slot, whose memory stays stale; exits and later stores make it true

# A local that is an int or unbound, as a number (passes/unbox_phis.py). All have the slot as imm.
LOCAL_INT: Final = 89  # of a number: its box; what the slot has in memory, where the number is IN_SLOT
FLUSH_LOCAL: Final = 90  # makes the slot true
SETTLE_LOCAL: Final = 91  # a number that happens to be IN_SLOT is stored there
IN_SLOT: Final = -0x80000000  # a program's number now and then: it costs a box then

# Ends of blocks.
GOTO: Final = 67
BRANCH: Final = 68  # CBool: successors [true, false]
BRANCH_NULL: Final = 69  # successors [NULL, not NULL]
RETURN: Final = 70
LEAVE: Final = 71  # ref: the reason; goes on in the interpreter
UNREACHABLE: Final = 72  # behind a helper that always raises
HAND_OVER: Final = 79  # returns the value; the frame has been suspended, or has become a generator's

# Reference counts, inserted late.
INCREF: Final = 73
COPY_FREE_VARIABLE: Final = 75  # imm: slot; imm2: index in the closure; the slot borrows the cell
ARRAY_ITEM: Final = 76  # imm: index; an item of the output array of the helper just called
DECREF: Final = 74


OPERATIONS: Final[list[Operation]] = [
    Operation("Parameter", PURE),
    Operation("Constant", PURE),
    Operation("Null", PURE),
    Operation("IntConstant", PURE),
    Operation("FloatConstant", PURE),
    Operation("Phi", PURE),
    Operation("StoreLocal", WRITES, STEALS_ALL),
    Operation("TakeLocal", WRITES | OWNED),
    Operation("CheckTools", 0),
    Operation("GuardType", GUARD),
    Operation("GuardClass", GUARD),
    Operation("GuardIs", GUARD),
    Operation("GuardNotNull", GUARD),
    Operation("GuardSize", GUARD),
    Operation("GuardInlineValues", GUARD),
    Operation("GuardWord", GUARD),
    Operation("UnboxInt", GUARD),
    Operation("UnboxFloat", PURE),
    Operation("BoxInt", PURE | OWNED),
    Operation("BoxFloat", PURE | OWNED),
    Operation("BoxBool", PURE),
    Operation("IntToFloat", PURE),
    Operation("IntAdd", GUARD),
    Operation("IntSub", GUARD),
    Operation("IntMul", GUARD),
    Operation("IntNeg", GUARD),
    Operation("IntFloorDiv", GUARD),
    Operation("IntMod", GUARD),
    Operation("IntAnd", PURE),
    Operation("IntOr", PURE),
    Operation("IntXor", PURE),
    Operation("IntShl", GUARD),
    Operation("IntShr", GUARD),
    Operation("IntInvert", PURE),
    Operation("IntCompare", PURE),
    Operation("FloatAdd", PURE | GUARD),
    Operation("FloatSub", PURE | GUARD),
    Operation("FloatMul", PURE | GUARD),
    Operation("FloatDiv", GUARD),
    Operation("FloatNeg", PURE | GUARD),
    Operation("FloatCompare", PURE),
    Operation("Is", PURE),
    Operation("Not", PURE),
    Operation("IntTruth", PURE),
    Operation("SizeTruth", PURE | READS),
    Operation("LoadField", READS),
    Operation("LoadSize", READS),
    Operation("StoreField", WRITES, 2),
    Operation("StoreInline", WRITES, 2),
    Operation("ListGet", READS | GUARD),
    Operation("TupleGet", READS | GUARD),
    Operation("ListSet", WRITES | GUARD, 4),
    Operation("ListItem", READS),
    Operation("TupleItem", READS),
    Operation("LoadCell", READS | GUARD),
    Operation("StoreCell", WRITES, 2),
    Operation("RangeHasNext", READS),
    Operation("RangeNext", READS | WRITES),
    Operation("ListIterHasNext", READS),
    Operation("ListIterNext", READS | WRITES),
    Operation("TupleIterHasNext", READS),
    Operation("TupleIterNext", READS | WRITES),
    Operation("IterExhaust", WRITES),
    Operation("Helper", ESCAPES | RAISES),
    Operation("Second", OWNED),
    Operation("CallPython", ESCAPES | RAISES | OWNED | PASSES),
    Operation("CallC", ESCAPES | RAISES | OWNED),
    Operation("Goto", TERMINATOR),
    Operation("Branch", TERMINATOR),
    Operation("BranchNull", TERMINATOR),
    Operation("Return", TERMINATOR | ESCAPES, STEALS_ALL),
    Operation("Leave", TERMINATOR),
    Operation("Unreachable", TERMINATOR),
    Operation("IncRef", 0),
    Operation("DecRef", 0),
    Operation("CopyFreeVariable", WRITES),
    Operation("ArrayItem", OWNED),
    Operation("DeferLocal", 0),
    Operation("EntryOperand", OWNED),
    Operation("HandOver", TERMINATOR | ESCAPES, STEALS_ALL),
    Operation("StoreStack", WRITES, STEALS_ALL),
    Operation("Status", PURE),
    Operation("Catch", ESCAPES | RAISES | OWNED),
    Operation("BranchError", TERMINATOR),
    Operation("Reraise", TERMINATOR | RAISES),
    Operation("LoadAttribute", READS | GUARD),
    Operation("GuardGlobals", GUARD),
    Operation("LoadGlobalSlot", READS),
    Operation("DropOperand", 0),
    Operation("LocalInt", PURE),
    Operation("FlushLocal", WRITES),
    Operation("SettleLocal", WRITES),
]


# What follows is in cycles with blocks, which are cut when a function is compiled, and when that fails (`dissolve`): so
# the collector need not know of it.
@final
@mypyc_attr(acyclic=True)
class FrameState:
    """The interpreter's view of the frame before the instruction at `offset`.

    `locals` is shared between states until a local changes: never mutate it. `stack` entries are objects, or
    the value NULL. (A small tuple costs half of what a list does.)
    """

    def __init__(self, offset: i64, lasti: i64, locals_: list[Value], stack: tuple[Value, ...]) -> None:
        self.offset: i64 = offset
        self.lasti: i64 = lasti
        self.locals = locals_
        self.stack = stack


@final
@mypyc_attr(acyclic=True)
class Value:
    """An instruction, and the value it defines. `number` is its name in listings."""

    def __init__(self, operation: i64, type_: i64, args: list[Value]) -> None:
        row = OPERATIONS[operation]
        self.operation: i64 = operation
        self.type: i64 = type_
        self.flags: i64 = row.flags  # what it may do: effects.py
        self.steals: i64 = row.steals
        self.args = args
        self.number: i64 = -1
        self.imm = 0
        self.imm2 = 0
        self.ref: Ref | None = None
        self.helper: Helper | None = None  # of a HELPER
        self.reason = ""  # of a guard or LEAVE; NEVER_RUN where an exception's handler is left so
        self.state: FrameState | None = None
        self.keep = 0  # RAISES: how many of state.stack's entries the operation leaves in place
        self.unhandled = False  # RAISES: no handler in the function, so the exception ends the activation
        self.caught = False  # RAISES: does not leave; a BRANCH_ERROR behind it goes to the handler
        self.block: HirBlock | None = None
        self.forward: Value | None = None  # set when replaced by another value
        # Filled in by insert_reference_counts: what we hold a reference to when leaving here.
        self.held: tuple[Value, ...] | None = None
        self.held_on_error: tuple[Value, ...] | None = None
        self.released: list[Value] | None = (
            None  # of a CHECK_TOOLS: needed only where freeing these runs other code
        )
        self.moved = 0  # PASSES: bit i: argument i moves into the callee
        self.deferred: list[tuple[int, Value]] | None = None  # locals whose slot is not true here
        # Notes of remove_dead.
        self.live = False
        # Notes of insert_reference_counts.
        self.first_use: i64 = 0  # what it needs alive: a range of the function's uses
        self.end_use: i64 = 0
        self.last_use: i64 = -1  # position of the last instruction that needs it, in the block looked at last
        self.lent_in: i64 = -1  # number of the last block where a slot lends it on entry
        self.is_held = False  # we have a reference to it
        self.unstored = False  # for a local whose slot holds an equal number, maybe as another object
        self.takes_over = False  # of a phi: it is held, so it takes the reference of its input
        self.used_in: list[HirBlock] | None = None  # other blocks that use it
        # Notes of lowering.
        self.register: i64 = -1
        self.second: i64 = -1  # register of a helper's second result
        self.uses: i64 = 0  # of a condition: how often it is used
        self.fused = False  # a condition that the branch which uses it makes itself
        self.recipes: i64 = 0  # references to it that the recipe being made has not used up

    def become(self, operation: i64) -> None:
        """Makes another operation of it."""
        row = OPERATIONS[operation]
        self.operation = operation
        self.flags = row.flags
        self.steals = row.steals

    def call(self, helper: Helper) -> None:
        """Makes a HELPER call this one."""
        self.helper = helper
        self.flags = helper.flags
        self.steals = helper.steals


# Shared: never mutate them.
NO_VALUES: Final[list[Value]] = []
NO_SLOTS: Final[list[int]] = []
NO_BLOCKS: Final[list[HirBlock]] = []


@final
@mypyc_attr(acyclic=True)
class HirBlock:
    def __init__(self, number: i64) -> None:
        self.number: i64 = number
        self.offset = 0  # code unit of its first bytecode
        self.phis = NO_VALUES  # made anew when it changes
        self.body: list[Value] = []
        self.successors = NO_BLOCKS  # made anew by the first edge, see `link`
        self.predecessors = NO_BLOCKS
        self.dominator: HirBlock | None = None
        self.loop_depth = 0
        self.loop_header = False
        self.cold = False
        self.entry_locals = NO_VALUES  # what the slots stand for on entry
        self.entry_deferred = NO_SLOTS  # slots whose memory is stale on entry
        self.globals_changed = False  # other code has run since: on entry the globals' slots lend nothing
        self.entry_depth = -1  # >= 0: entered from outside, with so many entries on the operand stack
        # Notes of defer_stores.
        self.contents: list[int] | None = None  # types that each slot's memory may hold at the end
        # Notes of insert_reference_counts.
        self.live_in: list[Value] | None = None  # values of other blocks that are needed here or behind
        self.held_in: list[Value] = NO_VALUES  # by number: what is held on entry
        self.held_out: list[Value] = NO_VALUES


@final
class Function:
    def __init__(self, name: str) -> None:
        self.name = name
        self.blocks: list[HirBlock] = []  # reverse post-order, entry first
        self.phis: list[Value] = []  # all that were ever made: their cycles have to be cut
        self.slot_count = 0  # of the frame's slots and then the globals
        self.frame_slots = 0
        self.globals: GlobalSlots | None = None
        self.none: Ref | None = None  # what a global's memory holds while it is stale
        self.argument_slots = 0
        self.truths_in_states = False  # frame states hold bools that exits make of conditions
        self.generator = False  # a call makes a generator or coroutine
        self.instruction_count = 0  # of bytecode, inline caches not counted
        self.next_number: i64 = 0

    def entries(self) -> list[HirBlock]:
        """Where the function may be entered: its start, then the other entries."""
        return [block for block in self.blocks if block.number == 0 or block.entry_depth >= 0]

    def number(self, value: Value) -> Value:
        value.number = self.next_number
        self.next_number += 1
        return value


def add_phi(function: Function, block: HirBlock, phi: Value) -> None:
    function.phis.append(phi)
    if block.phis:
        block.phis.append(phi)
    else:
        block.phis = [phi]


def link(source: HirBlock, target: HirBlock) -> None:
    """Adds an edge, behind those that are there."""
    if source.successors:
        source.successors.append(target)
    else:
        source.successors = [target]
    if target.predecessors:
        target.predecessors.append(source)
    else:
        target.predecessors = [source]


def dissolve(blocks: list[HirBlock], phis: list[Value]) -> None:
    """Cuts the cycles between blocks and what is in them, so that all of it is freed."""
    for phi in phis:
        phi.args = NO_VALUES
    for block in blocks:
        block.phis = block.body = block.entry_locals = block.held_in = block.held_out = NO_VALUES
        block.predecessors = block.successors = NO_BLOCKS
        block.live_in = None
        block.dominator = None


def resolve(value: Value) -> Value:
    """The value that stands for this one after replacements."""
    while value.forward is not None:
        value = value.forward
    return value


def is_owned(value: Value) -> bool:
    """Does the operation's result come with a reference of its own?"""
    return value.type & t.OBJECT != 0 and value.flags & OWNED != 0


def is_counted(value: Value) -> bool:
    """Does taking this value over need a reference?"""
    if value.type & t.COUNTED == 0:
        return False
    if value.operation == CONSTANT:
        # The artifact keeps it alive for us, but not for whoever takes it.
        return value.ref is not None and not value.ref.immortal
    return value.operation != BOX_BOOL


def in_slot(function: Function, block: HirBlock) -> Value:
    """The number that says that a local's slot is true."""
    value = function.number(Value(INT_CONSTANT, t.I64, []))
    value.imm = IN_SLOT
    value.block = block
    return value


def is_number_box(value: Value) -> bool:
    return value.operation == BOX_INT or value.operation == BOX_FLOAT or value.operation == LOCAL_INT


def leaves(value: Value) -> bool:
    """Is there an exit with the frame state? A direct call leaves too where its frame finds no room."""
    flags = value.flags
    if flags & GUARD != 0:
        return True
    if flags & RAISES != 0:
        return not value.caught or value.operation == CALL_PYTHON
    return value.operation == CHECK_TOOLS or value.operation == LEAVE
