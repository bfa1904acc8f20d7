"""Decodes bytecode into instructions, each with the specialised form the interpreter has given it.

Operands come from the unspecialised bytes; the adaptive bytes serve as feedback only (they may hold
instrumented or executor opcodes, which are then no feedback at all).
"""

from __future__ import annotations

from opcode import stack_effect

from pyston.compiler.bytecode import opcodes as op
from pyston.compiler.bytecode.exceptions import Handled, parse_exception_table
from pyston.compiler.bytecode.python314 import BACKOFF_BITS, CACHE_UNITS, COOLDOWN, NO_BRANCHES, UNTRIED
from pyston.compiler.native import Final, final, i64, mypyc_attr
from pyston.compiler.snapshot import Snapshot

# By opcode, as bytes: items of a list would be boxed.
LIST_TO_TUPLE: Final = 6  # of CALL_INTRINSIC_1

_CACHES: Final = bytes([CACHE_UNITS.get(i, 0) for i in range(256)])

# Jumps, from the end of the instruction, its caches included.
_FORWARD: Final = 1
_BACKWARD: Final = 2
_JUMPS: Final[dict[int, int]] = {
    op.FOR_ITER: _FORWARD,
    op.SEND: _FORWARD,
    op.JUMP_FORWARD: _FORWARD,
    op.JUMP_BACKWARD: _BACKWARD,
    op.JUMP_BACKWARD_NO_INTERRUPT: _BACKWARD,
    op.POP_JUMP_IF_FALSE: _FORWARD,
    op.POP_JUMP_IF_TRUE: _FORWARD,
    op.POP_JUMP_IF_NONE: _FORWARD,
    op.POP_JUMP_IF_NOT_NONE: _FORWARD,
    op.END_ASYNC_FOR: _BACKWARD,
}
_JUMP_DIRECTION: Final = bytes([_JUMPS.get(i, 0) for i in range(256)])

# What tells whether the interpreter has ever run an instruction.
_BY_COUNTER: Final = 1
_BY_BRANCHES: Final = 2
_BY_FORM: Final = 3  # it specialises at once
_TELLS: Final[dict[int, int]] = {
    op.BINARY_OP: _BY_COUNTER,
    op.CALL: _BY_COUNTER,
    op.CALL_KW: _BY_COUNTER,
    op.COMPARE_OP: _BY_COUNTER,
    op.CONTAINS_OP: _BY_COUNTER,
    op.FOR_ITER: _BY_COUNTER,
    op.LOAD_ATTR: _BY_COUNTER,
    op.LOAD_GLOBAL: _BY_COUNTER,
    op.LOAD_SUPER_ATTR: _BY_COUNTER,
    op.SEND: _BY_COUNTER,
    op.STORE_ATTR: _BY_COUNTER,
    op.STORE_SUBSCR: _BY_COUNTER,
    op.TO_BOOL: _BY_COUNTER,
    op.UNPACK_SEQUENCE: _BY_COUNTER,
    op.POP_JUMP_IF_FALSE: _BY_BRANCHES,
    op.POP_JUMP_IF_TRUE: _BY_BRANCHES,
    op.POP_JUMP_IF_NONE: _BY_BRANCHES,
    op.POP_JUMP_IF_NOT_NONE: _BY_BRANCHES,
    op.LOAD_CONST: _BY_FORM,
    op.RESUME: _BY_FORM,
}
_WHAT_TELLS: Final = bytes([_TELLS.get(i, 0) for i in range(256)])

# Instruction.ran
UNKNOWN: Final = 0
NEVER: Final = 1
RAN: Final = 2

STOPITERATION_ERROR: Final = 3  # of CALL_INTRINSIC_1
BACKOFF_MASK: Final = (1 << BACKOFF_BITS) - 1
_LAST_OPCODE: Final = 212  # the highest specialised form


@final
@mypyc_attr(acyclic=True)
class Instruction:
    """`start` (its first prefix), `offset` (its opcode) and `next` are in code units."""

    def __init__(self, start: i64, offset: i64, opcode: i64, arg: i64, seen: i64, next_: i64) -> None:
        self.start: i64 = start
        self.offset: i64 = offset
        self.opcode: i64 = opcode
        self.arg: i64 = arg
        self.seen: i64 = seen  # specialised opcode, or `opcode` itself
        self.ran: i64 = UNKNOWN  # in the interpreter: RAN, NEVER, or no trace is left of that
        self.misses: i64 = 0  # times that something else came since it was specialised, modulo COOLDOWN + 1
        self.next: i64 = next_
        self.target: i64 = -1  # code unit a jump goes to
        self.index: i64 = 0  # among all instructions
        self.leads = False  # it begins a block
        self.joined = False  # a method's load to CPython only by the PUSH_NULL behind it
        self.passed_on = False  # BUILD_LIST or BUILD_MAP of what is only passed on, see _find_passed_on
        self.handled: Handled | None = None  # where an exception that it raises goes on, in what is built
        self.unhandled = True  # nothing in the function handles it, built or not
        self.handler_left = False  # its handler has never run and is not built


def decode(snapshot: Snapshot) -> list[Instruction]:
    code = snapshot.bytecode
    adaptive = snapshot.adaptive
    size: i64 = len(code) // 2
    result: list[Instruction] = []
    i: i64 = 0
    start: i64 = -1
    extended: i64 = 0
    while i < size:
        opcode: i64 = code[2 * i]
        arg: i64 = code[2 * i + 1] | extended
        if start < 0:
            start = i
        if opcode == op.EXTENDED_ARG:
            extended = arg << 8
            i += 1
            continue
        seen: i64 = adaptive[2 * i]
        instrumented = seen > _LAST_OPCODE
        if instrumented:
            seen = opcode
        next_: i64 = i + 1 + _CACHES[opcode]
        instruction = Instruction(start, i, opcode, arg, seen, next_)
        tells = _WHAT_TELLS[opcode]
        if tells and not instrumented:
            instruction.ran = _has_run(adaptive, i, tells, seen != opcode)
        direction = _JUMP_DIRECTION[opcode]
        if direction:
            instruction.target = next_ + arg if direction == _FORWARD else next_ - arg
        if seen != opcode and next_ > i + 1:
            # Specialised at a counter of COOLDOWN, a miss takes one off; at 0 it is specialised anew.
            counter: i64 = adaptive[2 * i + 2] | adaptive[2 * i + 3] << 8
            if counter <= COOLDOWN << BACKOFF_BITS and counter & BACKOFF_MASK == 0:
                instruction.misses = COOLDOWN - (counter >> BACKOFF_BITS)
        instruction.index = len(result)
        result.append(instruction)
        i = next_
        start = -1
        extended = 0
    result = _join_method_loads(result)
    _find_passed_on(result)
    _find_handlers(snapshot, result)
    return result


def _join_method_loads(instructions: list[Instruction]) -> list[Instruction]:
    """An attribute that is called is loaded as a method, but not where its owner's name was imported: CPython takes
    that for a module. It may be any object (`from signals import saved`, `saved.send()`), for which a bound method
    would be made at each call. So the load and the PUSH_NULL behind it become one instruction, a method's load."""
    targets = {
        i.target for i in instructions
    }  # of `(chosen or name.method)()`, say: what is called is not always loaded
    nulls = [
        i.index
        for i in instructions
        if i.opcode == op.PUSH_NULL
        and i.index
        and i.start not in targets
        and _loads_attribute(instructions[i.index - 1])
    ]
    joined = [index for index in nulls if _calls(instructions, index)]
    if not joined:
        return instructions
    for index in joined:
        load = instructions[index - 1]
        load.arg |= 1
        load.joined = True
        load.next = instructions[index].next
    left = set(joined)
    result = [i for i in instructions if i.index not in left]
    for index, instruction in enumerate(result):
        instruction.index = index
    return result


def _find_passed_on(instructions: list[Instruction]) -> None:
    """`f(x, *args, **kwargs)` makes a list, a tuple of it, and a dict. Where what is spread is a local, nothing can
    leave or look between the container's beginning and its last use, so that it need not exist."""
    found = [instructions[i.index - 2] for i in instructions if _spreads_local(instructions, i)]
    if found:
        targets = {i.target for i in instructions}
        for begun in found:
            behind = instructions[begun.index + 1 : begun.index + 4]
            begun.passed_on = not any(i.start in targets for i in behind)


def _spreads_local(instructions: list[Instruction], spread: Instruction) -> bool:
    """Does the instruction put a local into what was begun right before, for the call or the tuple that comes next?"""
    if spread.opcode not in (op.LIST_EXTEND, op.DICT_MERGE) or spread.arg != 1:
        return False
    if not 2 <= spread.index < len(instructions) - 1:
        return False
    begun, load, _, last = instructions[spread.index - 2 : spread.index + 2]
    if load.opcode not in (op.LOAD_FAST, op.LOAD_FAST_BORROW):
        return False
    if spread.opcode == op.LIST_EXTEND:
        ends = last.opcode == op.CALL_INTRINSIC_1 and last.arg == LIST_TO_TUPLE
        return ends and begun.opcode == op.BUILD_LIST
    return last.opcode == op.CALL_FUNCTION_EX and begun.opcode == op.BUILD_MAP and begun.arg == 0


def _loads_attribute(instruction: Instruction) -> bool:
    return instruction.opcode == op.LOAD_ATTR and instruction.arg & 1 == 0


def _calls(instructions: list[Instruction], index: int) -> bool:
    """Is what stands below the NULL that is pushed there called by CALL or CALL_KW, which take a self instead?"""
    depth = 0  # of the operand stack above the NULL
    for following in instructions[index + 1 :]:
        if following.target >= 0:
            return False
        depth += stack_effect(int(following.opcode), int(following.arg))
        if depth < 0:
            return following.opcode == op.CALL or following.opcode == op.CALL_KW
    return False


def _has_run(adaptive: bytes, unit: i64, tells: i64, specialised: bool) -> i64:
    if specialised:
        return RAN
    if tells == _BY_FORM:
        return NEVER
    word: i64 = adaptive[2 * unit + 2] | adaptive[2 * unit + 3] << 8
    if tells == _BY_BRANCHES:
        return RAN if word != NO_BRANCHES else UNKNOWN  # which those of one that alternates look like, too
    return NEVER if word == UNTRIED else RAN


def _find_handlers(snapshot: Snapshot, instructions: list[Instruction]) -> None:
    """Both are sorted by position, so one walk.

    What stands around the body of each generator, and turns a StopIteration into a RuntimeError, is no handler here:
    nothing goes on behind it. The runtime does that where it gives up the frame.
    """
    if not snapshot.exception_table:
        return
    table = parse_exception_table(snapshot.exception_table)
    converts = {
        i.start for i in instructions if i.opcode == op.CALL_INTRINSIC_1 and i.arg == STOPITERATION_ERROR
    }
    table = [entry for entry in table if entry.target not in converts]
    at = 0
    for instruction in instructions:
        while at < len(table) and table[at].end <= instruction.offset:
            at += 1
        if at < len(table) and table[at].start <= instruction.offset:
            instruction.handled = table[at]
            instruction.unhandled = False


def cache_u16(snapshot: Snapshot, unit: int) -> int:
    """The 16-bit cache word in the code unit."""
    adaptive = snapshot.adaptive
    return adaptive[2 * unit] | adaptive[2 * unit + 1] << 8


def cache_u32(snapshot: Snapshot, unit: int) -> int:
    return cache_u16(snapshot, unit) | cache_u16(snapshot, unit + 1) << 16
