"""What the cases of tests/differential/cases use: the table of cases, and ways to look at the program from inside."""

from __future__ import annotations

import re
import sys
import types
from collections.abc import Callable
from typing import Any

CASES = "<differential>/"  # how the file names of cases begin

log: list[object] = []


def case(
    *inputs: str,
    odd: bool = True,
    skip: str = "",
    compiled: bool = True,
    calls: bool = True,
    narrow: bool = True,
) -> Callable[[Any], Any]:
    """Marks a function as a case. `inputs`: argument lists as source, evaluated anew for each call.

    `odd`: also replace each argument by values of every other type. `skip`: those of them (by name, as in ODD) that
    would take for ever. `compiled=False`: known to be left to the interpreter. `calls=False`:
    calls from the interpreter through Pyston's counting stub keep an argument longer, so only compare compiled ones.
    `narrow=False`: not that way, since it counts references and an operand stack that was left has its own.
    """

    def mark(function: Any) -> Any:
        function.case = (inputs, odd, skip.split(), compiled, calls)
        function.narrow = narrow
        return function

    return mark


def see(*things: object) -> None:
    """Notes values, to be compared with stock."""
    log.append([describe(thing) for thing in things])


def look(depth: int = 1) -> None:
    """Notes what the caller's frame shows: its position and its locals."""
    frame = sys._getframe(depth)
    log.append(("look", frame.f_code.co_name, frame.f_lineno, frame.f_lasti, describe(dict(frame.f_locals))))


class Loud:
    """Says when it dies, and what the frames look like at that moment."""

    def __init__(self, name: object, deep: bool = False) -> None:
        self.name = name
        self.deep = deep

    def __del__(self) -> None:
        frame: types.FrameType | None = sys._getframe(1)
        where = []
        while frame is not None and frame.f_code.co_filename.startswith(CASES):
            where.append(
                (frame.f_code.co_name, frame.f_lineno, sorted(frame.f_locals) if self.deep else None)
            )
            frame = frame.f_back
        log.append(("died", self.name, where))


class Weird:
    """Refuses most things, with a message of its own."""

    def __init__(self, number: int = 3) -> None:
        self.number = number

    def __add__(self, other: object) -> object:
        look(2)
        return ("add", describe(other))

    def __radd__(self, other: object) -> object:
        return ("radd", describe(other))

    def __lt__(self, other: object) -> object:
        see("lt")
        return "less"

    def __eq__(self, other: object) -> Any:
        see("eq")
        return "equal"

    def __hash__(self) -> int:
        return 7

    def __bool__(self) -> bool:
        raise ZeroDivisionError("no truth")

    def __getitem__(self, index: object) -> object:
        see("getitem", index)
        if type(index) is int and index > 3:
            raise IndexError("enough")
        return ("item", describe(index))

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        see("getattr", name)
        return 5


class SubInt(int):
    pass


class SubStr(str):
    pass


class SubList(list):  # type: ignore[type-arg]
    pass


class SubDict(dict):  # type: ignore[type-arg]
    def __missing__(self, key: object) -> object:
        return ("missing", describe(key))


ODD = {
    "none": "None",
    "true": "True",
    "zero": "0",
    "minus": "-7",
    "big": "2**70",
    "minus_big": "-(2**62)",
    "float": "2.5",
    "nan": "float('nan')",
    "str": "'text'",
    "bytes": "b'ab'",
    "list": "[1, 2]",
    "empty_list": "[]",
    "tuple": "(1, 2)",
    "dict": "{1: 2, 'k': 3}",
    "set": "{4}",
    "range": "range(3)",
    "iterator": "iter([1, 2])",
    "generator": "(x for x in (1, 2, 3))",
    "complex": "1j",
    "function": "len",
    "class": "int",
    "weird": "Weird()",
    "sub_int": "SubInt(5)",
    "sub_str": "SubStr('sub')",
    "sub_list": "SubList([1, 2])",
    "sub_dict": "SubDict({1: 2})",
}


def describe(value: Any, depth: int = 0) -> object:
    """A value as something that is equal on stock and compiled exactly when the values are the same."""
    cls = type(value)
    name = cls.__name__
    if depth > 4:
        return name
    if value is None or cls in (bool, int, float, complex, str, bytes, SubInt, SubStr, range, slice):
        return (name, re.sub(r"0x[0-9a-f]+", "ADDRESS", repr(value)))
    if cls in (list, tuple, SubList):
        return (name, [describe(item, depth + 1) for item in value])
    if cls in (dict, SubDict):
        return (name, [(describe(k, depth + 1), describe(v, depth + 1)) for k, v in value.items()])
    if cls in (set, frozenset):
        return (name, sorted(repr(describe(item, depth + 1)) for item in value))
    if isinstance(value, type | types.FunctionType | types.BuiltinFunctionType):
        return (name, value.__qualname__)
    if isinstance(value, BaseException):
        return describe_exception(value, depth + 1)
    if isinstance(value, types.CellType):
        try:
            return (name, describe(value.cell_contents, depth + 1))
        except ValueError:
            return (name, "empty")
    if isinstance(value, types.MethodType):
        return (name, value.__func__.__qualname__, describe(value.__self__, depth + 1))
    if hasattr(value, "__dict__") and not isinstance(value, types.ModuleType):
        return (name, describe(dict(value.__dict__), depth + 1))
    return name


def describe_exception(error: BaseException, depth: int = 0) -> object:
    where = []
    traceback = error.__traceback__
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if code.co_filename.startswith(CASES):
            where.append((code.co_name, traceback.tb_lineno, traceback.tb_lasti))
        traceback = traceback.tb_next
    chain = []
    if depth < 4:
        for other in (error.__context__, error.__cause__):
            chain.append(None if other is None else describe_exception(other, depth + 1))
    return (
        type(error).__name__,
        [describe(a, 2) for a in error.args],
        where,
        chain,
        error.__suppress_context__,
    )
