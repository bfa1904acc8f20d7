"""What an instruction may do, as bits: the vocabulary of the operation and helper tables."""

from __future__ import annotations

from pyston.compiler.native import Final

# --- what an operation may do -------------------------------------------------------------------------------
PURE: Final = 1  # no effect: removable when unused, may be merged with an equal one
ESCAPES: Final = 2  # may run code that looks at the frame or changes the heap: the frame must be true
RAISES: Final = 4  # may end with an exception: leaves through an ERROR exit
GUARD: Final = 8  # may leave through a GUARD exit, before any effect
OWNED: Final = 16  # the result is a new reference
TERMINATOR: Final = 32
PASSES: Final = 64  # arguments held by us and dying here move into the callee's frame, others are lent
READS: Final = 128  # reads the heap: may not be moved over something that writes it
WRITES: Final = 256  # writes the heap without running other code
LEFT_FIRST: Final = 512  # its operands die from the first to the last, not from the top of the stack

STEALS_ALL: Final = -1
