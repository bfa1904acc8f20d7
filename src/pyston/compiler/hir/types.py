"""The type lattice: a set of exact types as bits, so that union is `|`, meet is `&`, and asking is a mask.

A bit stands for the *exact* type; instances of subclasses are OTHER. NULL is a bit too: nullness is part of the
type. Machine values (I64, F64, CBOOL) are bits of their own and never mixed with objects in one value.
"""

from __future__ import annotations

from pyston.compiler.native import Final

INT: Final = 1 << 0
FLOAT: Final = 1 << 1
STR: Final = 1 << 2
BOOL: Final = 1 << 3
NONE: Final = 1 << 4
TUPLE: Final = 1 << 5
LIST: Final = 1 << 6
DICT: Final = 1 << 7
SET: Final = 1 << 8
FROZENSET: Final = 1 << 9
BYTES: Final = 1 << 10
TYPE: Final = 1 << 11
FUNCTION: Final = 1 << 12
CFUNCTION: Final = 1 << 13  # builtin_function_or_method
METHOD: Final = 1 << 14
RANGE_ITER: Final = 1 << 15
LIST_ITER: Final = 1 << 16
TUPLE_ITER: Final = 1 << 17
CELL: Final = 1 << 18
SLICE: Final = 1 << 19
METHOD_DESCRIPTOR: Final = 1 << 20
MODULE: Final = 1 << 21
OTHER: Final = 1 << 30
NULL: Final = 1 << 31

OBJECT: Final = (1 << 31) - 1
NULLABLE: Final = OBJECT | NULL

I64: Final = 1 << 40
F64: Final = 1 << 41
CBOOL: Final = 1 << 42
LASTI: Final = (
    1 << 43
)  # where an exception was raised, as the interpreter keeps it on its stack: a tagged number
NOTHING: Final = 0  # instructions without a result

MACHINE: Final = I64 | F64 | CBOOL | LASTI

# Freeing an object of these types runs no code that could look at anything.
INERT: Final = INT | FLOAT | STR | BOOL | NONE | BYTES | NULL | RANGE_ITER | SLICE
# What programs count with, or keep a state in: names of such values are rebound more often than others.
PLAIN: Final = INT | FLOAT | STR | BOOL | NONE | BYTES | TUPLE
# Objects of these types are never immortal.
MORTAL: Final = RANGE_ITER | LIST_ITER | TUPLE_ITER | CELL
# Objects of these types are never freed while the process lives.
UNCOUNTED: Final = BOOL | NONE | NULL
COUNTED: Final = OBJECT & ~UNCOUNTED

NAMES: Final = {
    INT: "Int",
    FLOAT: "Float",
    STR: "Str",
    BOOL: "Bool",
    NONE: "None",
    TUPLE: "Tuple",
    LIST: "List",
    DICT: "Dict",
    SET: "Set",
    FROZENSET: "FrozenSet",
    BYTES: "Bytes",
    TYPE: "Type",
    FUNCTION: "Function",
    CFUNCTION: "CFunction",
    METHOD: "Method",
    RANGE_ITER: "RangeIter",
    LIST_ITER: "ListIter",
    TUPLE_ITER: "TupleIter",
    CELL: "Cell",
    SLICE: "Slice",
    METHOD_DESCRIPTOR: "MethodDescriptor",
    MODULE: "Module",
    OTHER: "Other",
    NULL: "Null",
    I64: "I64",
    F64: "F64",
    CBOOL: "CBool",
    LASTI: "Lasti",
}


def show(mask: int) -> str:
    """A type as the printer shows it, e.g. `Int|Float`, `Object`, `Object?` (may be NULL)."""
    if mask == NOTHING:
        return "Nothing"
    if mask == OBJECT:
        return "Object"
    if mask == NULLABLE:
        return "Object?"
    parts = [name for bit, name in NAMES.items() if mask & bit]
    return "|".join(parts)
