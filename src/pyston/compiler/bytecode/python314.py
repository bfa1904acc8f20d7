"""CPython 3.14's opcode table: how many inline cache units follow each opcode, and where they hold feedback."""

from __future__ import annotations

from pyston.compiler.bytecode import opcodes as op
from pyston.compiler.native import Final

# The counter of an instruction's caches: its lower bits are none of its value, which starts so once it is specialised.
BACKOFF_BITS: Final = 4
COOLDOWN: Final = 52
# What a counter is while its instruction has never run, and the branches that a conditional jump remembers then.
UNTRIED: Final = 1 << BACKOFF_BITS | 1
NO_BRANCHES: Final = 0x5555

CACHE_UNITS: Final[dict[int, int]] = {
    op.STORE_SUBSCR: 1,
    op.TO_BOOL: 3,
    op.BINARY_OP: 5,
    op.CALL: 3,
    op.CALL_KW: 3,
    op.COMPARE_OP: 1,
    op.CONTAINS_OP: 1,
    op.FOR_ITER: 1,
    op.JUMP_BACKWARD: 1,
    op.LOAD_ATTR: 9,
    op.LOAD_GLOBAL: 4,
    op.LOAD_SUPER_ATTR: 1,
    op.POP_JUMP_IF_FALSE: 1,
    op.POP_JUMP_IF_NONE: 1,
    op.POP_JUMP_IF_NOT_NONE: 1,
    op.POP_JUMP_IF_TRUE: 1,
    op.SEND: 1,
    op.STORE_ATTR: 4,
    op.UNPACK_SEQUENCE: 1,
    op.BINARY_OP_INPLACE_ADD_UNICODE: 5,
}
