"""What the compiler is given: plain data about one function's code, taken at one moment.

A snapshot holds no live interpreter structure but for the objects in `constants`, which are only ever named
(through `Ref`), compared and embedded, never called.
"""

from __future__ import annotations

from types import CodeType

from pyston.compiler.native import Final, final

# Bits of a localsplus entry's kind, as in co_localspluskinds.
KIND_LOCAL: Final = 0x20
KIND_CELL: Final = 0x40
KIND_FREE: Final = 0x80

# What is known of a running loop's namespaces.
NAMES_ANYWHERE: Final = 0
NAMES_GLOBAL: Final = 1  # globals and builtins are dicts, no subclasses
NAMES_MODULE: Final = 2  # and the locals are the globals: code of a module

# co_flags
CO_OPTIMIZED: Final = 0x1
CO_VARARGS: Final = 0x4
CO_VARKEYWORDS: Final = 0x8
CO_GENERATOR: Final = 0x20
CO_COROUTINE: Final = 0x80
CO_ASYNC_GENERATOR: Final = 0x200


@final
class Snapshot:
    def __init__(
        self,
        qualname: str,
        filename: str,
        firstlineno: int,
        bytecode: bytes,
        adaptive: bytes,
        exception_table: bytes,
        constants: tuple[object, ...],
        names: tuple[str, ...],
        slot_names: tuple[str, ...],
        slot_kinds: bytes,
        argument_slots: int,
        flags: int,
        stack_size: int,
    ) -> None:
        self.qualname = qualname
        self.filename = filename
        self.firstlineno = firstlineno
        self.first_unit: int = -1  # the address of its first code unit, if known
        self.bytecode = bytecode  # unspecialised, as co_code gives it
        self.adaptive = adaptive  # the same units with the interpreter's specialisations and caches
        self.exception_table = exception_table
        self.constants = constants
        self.names = names
        self.slot_names = slot_names  # localsplus, in order
        self.slot_kinds = slot_kinds
        self.argument_slots = argument_slots  # all parameters, *args and **kwargs included
        self.flags = flags
        self.stack_size = stack_size

    def collected_slots(self) -> tuple[int, int]:
        """The slots of `*args` and `**kwargs`; -1 where there is none."""
        last = self.argument_slots - 1
        keywords = last if self.flags & CO_VARKEYWORDS else -1
        positional = last - (keywords >= 0) if self.flags & CO_VARARGS else -1
        return positional, keywords


@final
class Loop:
    """A running loop that is to be entered at its header, with what its frame holds there.

    Types are `hir.types` bits, one set for each slot and each entry of the operand stack: whoever enters has checked
    them. 0: anything, or nothing."""

    def __init__(self, unit: int, slots: list[int], stack: list[int], names: int) -> None:
        self.unit = unit  # of the header
        self.slots = slots
        self.stack = stack
        self.names = names  # one of NAMES_*


def take_snapshot(code: CodeType) -> Snapshot:
    """The snapshot of a code object."""
    varnames: tuple[str, ...] = code.co_varnames
    cellvars: tuple[str, ...] = code.co_cellvars
    freevars: tuple[str, ...] = code.co_freevars
    flags: int = code.co_flags
    local_set = set(varnames)
    cell_set = set(cellvars)
    names = list(varnames)
    kinds = bytearray()
    for name in varnames:
        kinds.append(KIND_LOCAL | KIND_CELL if name in cell_set else KIND_LOCAL)
    for name in cellvars:
        if name not in local_set:
            names.append(name)
            kinds.append(KIND_CELL)
    for name in freevars:
        names.append(name)
        kinds.append(KIND_FREE)
    arguments: int = code.co_argcount + code.co_kwonlyargcount
    if flags & CO_VARARGS:
        arguments += 1
    if flags & CO_VARKEYWORDS:
        arguments += 1
    return Snapshot(
        code.co_qualname,
        code.co_filename,
        code.co_firstlineno,
        code.co_code,
        code._co_code_adaptive,  # type: ignore[attr-defined]  # CPython's own, not in the stubs
        code.co_exceptiontable,
        code.co_consts,
        code.co_names,
        tuple(names),
        bytes(kinds),
        arguments,
        flags,
        code.co_stacksize,
    )
