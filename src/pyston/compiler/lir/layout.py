"""Where fields lie in CPython 3.14's structures (GIL build, x86-64), in bytes.

The runtime compares every one with the running interpreter's at import (`_runtime.layout()`); a difference keeps
Pyston off.
"""

from __future__ import annotations

from pyston.compiler.native import Final

OB_TYPE: Final = 8
OB_SIZE: Final = 16
LONG_TAG: Final = 16
LONG_DIGIT: Final = 24
COMPACT_TAG_LIMIT: Final = 16  # an int below this tag has one digit
TWO_DIGITS_TAG_LIMIT: Final = 24
LONG_SHIFT: Final = 30  # bits of a digit
FLOAT_VALUE: Final = 16
LIST_ITEMS: Final = 24
TUPLE_ITEMS: Final = 32
CELL_CONTENT: Final = 16
FUNCTION_CLOSURE: Final = 72

FRAME_PREVIOUS: Final = 8
FRAME_FUNCTION: Final = 16
FRAME_GLOBALS: Final = 24
FRAME_BUILTINS: Final = 32
FRAME_OBJECT: Final = 48
FRAME_LOCALS: Final = 80

TSTATE_FRAME: Final = 72

RANGE_START: Final = 16
RANGE_STEP: Final = 24
RANGE_LENGTH: Final = 32
SEQUENCE_ITER_INDEX: Final = 16  # list and tuple iterators alike
SEQUENCE_ITER_SEQUENCE: Final = 24

# An object's inline values: capacity, size, embedded, valid (one byte each), then the values from here on.
INLINE_VALID: Final = 3
MANAGED_DICT: Final = -24  # the dict that shows the inline values, or NULL
DICT_USED: Final = 16
DICT_WATCHERS: Final = 24  # the lowest byte of the watchers' word
DICT_KEYS: Final = 32
KEYS_VERSION: Final = 12
INLINE_SIZE: Final = 1
INLINE_VALUES: Final = 8

CALLEE_BODY: Final = 16

ATTR_CELL_BYTES: Final = 40
GLOBAL_CELL_BYTES: Final = 16
SUPER_CELL_BYTES: Final = 32

VERSION_CELL: Final = -8  # where the version cell is, seen from the first of the other cells

NULL_REFERENCE: Final = 1  # the empty stack reference in frame memory
