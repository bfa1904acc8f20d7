"""Calls the runtime's helpers from tests, through ctypes.

`call("name", …)` converts by the helper's C signature: objects stand for `PyObject *`, NULL for a null pointer; a
`PyThreadState *` is filled in; a `_PyInterpreterFrame *` is given as a frame object; arrays are lists of objects
(scratch: changed in place); results of two words come back as tuples. An argument that the helper steals gets a
reference of its own first. An exception that the helper sets is raised.
"""

from __future__ import annotations

import ctypes
from typing import Any

import pytest

runtime = pytest.importorskip("pyston._runtime")

NULL = object()
table: dict[str, tuple[int, str, str]] = runtime.helper_table()

STEALS = {
    ("unicode_append", "left"),
    ("store_deref", "value"),
    ("make_cell", "value"),
    ("set_function_attribute", "value"),
    ("reraise", "exception"),
    ("raise_exception", "exception"),
    ("pop_except", "previous"),
    ("list_append", "item"),
    ("build_tuple", "items"),
    ("build_list", "items"),
    ("build_set", "items"),
}

thread_state = ctypes.pythonapi.PyThreadState_Get
thread_state.restype = ctypes.c_void_p
incref = ctypes.pythonapi.Py_IncRef
incref.argtypes = [ctypes.c_void_p]
decref = ctypes.pythonapi.Py_DecRef
decref.argtypes = [ctypes.c_void_p]


class Words(ctypes.Structure):
    _fields_ = [("first", ctypes.c_void_p), ("second", ctypes.c_int64)]


class IntWords(ctypes.Structure):
    _fields_ = [("first", ctypes.c_int64), ("second", ctypes.c_int64)]


class FloatWords(ctypes.Structure):
    _fields_ = [("first", ctypes.c_double), ("second", ctypes.c_int64)]


RESULTS = {
    "PyObject *": ctypes.c_void_p,
    "int": ctypes.c_int,
    "void": None,
    "double": ctypes.c_double,
    "Py_ssize_t": ctypes.c_ssize_t,
    "Py_hash_t": ctypes.c_ssize_t,
    "ObjectPair": Words,
    "ValueStatus": Words,
    "IntStatus": IntWords,
    "FloatStatus": FloatWords,
}


def address(value: Any) -> int | None:
    return None if value is NULL else id(value)


def owned(pointer: int | None) -> Any:
    """The object of a new reference, which is given back."""
    if not pointer:
        return NULL
    value = ctypes.cast(pointer, ctypes.py_object).value
    decref(pointer)
    return value


class Cell:
    """A zeroed inline cache with its name."""

    def __init__(self, name: str, size: int) -> None:
        self.name = name
        self.buffer = ctypes.create_string_buffer(size)
        ctypes.cast(self.buffer, ctypes.POINTER(ctypes.c_void_p))[0] = id(name) if name else None


def attr_cell(name: str) -> Cell:
    return Cell(name, 40)


def parameters(text: str) -> list[tuple[str, str]]:
    result = []
    for item in text[1:-1].split(","):
        item = item.strip()
        if item != "void":
            kind = item.rstrip("_abcdefghijklmnopqrstuvwxyz")
            result.append((kind.strip() or item, item[len(kind) :]))
    return result


def call(name: str, *arguments: Any) -> Any:
    where, result, signature = table[name]
    values: list[Any] = []
    kinds: list[Any] = []
    arrays = []
    given = list(arguments)
    for kind, parameter in parameters(signature):
        if kind.startswith("PyThreadState"):
            kinds.append(ctypes.c_void_p)
            values.append(thread_state())
            continue
        value = given.pop(0)
        if kind == "_PyInterpreterFrame *":
            kinds.append(ctypes.c_void_p)
            values.append(ctypes.c_void_p.from_address(id(value) + 24).value)
        elif kind.endswith("Cell *"):
            kinds.append(ctypes.c_void_p)
            values.append(ctypes.addressof(value.buffer))
        elif "**" in kind or "*const *" in kind:
            array = (ctypes.c_void_p * (len(value) + 1))(*map(address, value))
            if (name, parameter) in STEALS:
                for item in value:
                    incref(id(item))
            arrays.append((value, array))
            kinds.append(ctypes.c_void_p)
            values.append(ctypes.addressof(array))
        elif kind in ("PyObject *", "PyLongObject *"):
            kinds.append(ctypes.c_void_p)
            values.append(address(value))
            if (name, parameter) in STEALS and value is not NULL:
                incref(id(value))
        else:
            kinds.append(ctypes.c_double if kind == "double" else ctypes.c_int64)
            values.append(value)
    assert not given
    function = ctypes.PYFUNCTYPE(RESULTS[result], *kinds)(where)
    got = function(*values)
    for value, array in arrays:
        unpacks = name in ("unpack_sequence", "unpack_ex", "iter_next_pair")
        if unpacks and got == (1 if name == "iter_next_pair" else 0):
            value[:] = [owned(array[i]) for i in range(len(value))]
    if result == "PyObject *":
        return owned(got)
    if result == "ObjectPair":
        return owned(got.first), owned(got.second)
    if result == "ValueStatus":
        return owned(got.first), got.second
    if result in ("IntStatus", "FloatStatus"):
        return got.first, got.second
    return got
