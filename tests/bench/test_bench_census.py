"""The census: kinds of attributes and calls, operands read off the stack, and its tables."""

from __future__ import annotations

import functools
import importlib.util
import sys
import types
from collections.abc import Callable
from typing import Any

import pytest
from bench import census as tables
from bench.execute import WORKER

spec = importlib.util.spec_from_file_location("bench_worker_census", WORKER.with_name("census.py"))
assert spec is not None and spec.loader is not None
census = importlib.util.module_from_spec(spec)
sys.modules[spec.name] = census
spec.loader.exec_module(census)


class Slotted:
    __slots__ = ("x",)


class Thing:
    shared = 1

    def __init__(self) -> None:
        self.own = 1

    def method(self) -> None: ...

    @property
    def size(self) -> int:
        return 1

    @functools.cached_property
    def once(self) -> int:
        return 1

    @staticmethod
    def static() -> None: ...

    def __getattr__(self, name: str) -> int:
        return 1


class Proxy:
    asked = False

    def __getattribute__(self, name: str) -> Any:
        Proxy.asked = True
        return object.__getattribute__(self, name)


class Plain:
    pass


def with_hidden() -> Thing:
    thing = Thing()
    thing.shared = 2
    return thing


@pytest.mark.parametrize(
    ("owner", "name", "kind"),
    [
        (Thing(), "own", "instance value"),
        (Thing(), "shared", "class attribute of an instance"),
        (with_hidden(), "shared", "instance value that hides one of the class"),
        (Thing(), "method", "method"),
        (Thing(), "size", "property"),
        (Thing(), "once", "other descriptor"),
        (Thing(), "static", "static method"),
        (Thing(), "nothing", "__getattr__"),
        (Slotted(), "x", "slot"),
        (Plain(), "x", "missing"),
        (Proxy(), "x", "__getattribute__ in Python"),
        (Thing, "method", "class's attribute"),
        (Thing, "mro", "attribute of a metaclass"),
        (types, "FunctionType", "module attribute"),
        ([], "append", "method in C"),
        (types.FunctionType.__call__, "__doc__", "getset descriptor"),
    ],
)
def test_kinds_of_attributes(owner: Any, name: str, kind: str):
    Proxy.asked = False
    assert census.kind_of_attribute(owner, name, False) == kind
    assert not Proxy.asked


def test_kinds_of_stores():
    assert census.kind_of_attribute(Plain(), "new", True) == "instance value"
    assert census.kind_of_attribute(Thing(), "shared", True) == "instance value that hides one of the class"
    assert census.kind_of_attribute(Slotted(), "x", True) == "slot"


@pytest.mark.parametrize(
    ("called", "bound", "kind"),
    [
        (test_kinds_of_stores, False, "Python function"),
        (test_kinds_of_stores, True, "Python method"),
        (Thing().method, False, "bound method"),
        (Thing, False, "class with __init__ or __new__ in Python"),
        (Plain, False, "class without"),
        (len, False, "C function"),
        (list.append, True, "C function"),
        (functools.partial(len), False, "object with __call__ in C"),
    ],
)
def test_kinds_of_calls(called: Callable[..., object], bound: bool, kind: str):
    assert census.kind_of_callable(called, bound) == kind


def test_a_census_of_something_known():
    def add(a: Any, b: Any) -> Any:
        return a + b

    def step() -> int:
        thing = Thing()
        for _ in range(10):
            thing.own = add(thing.own, 1)
        return add(2, 3)

    for _ in range(100):
        step()
        add([1], [2])
    answer = census.take([step, step])
    assert answer["steps"] == 2
    assert answer["calls"]["Python function|CALL"] == 22
    assert answer["attributes"]["store|instance value|specialised"] == 22
    assert answer["starts"] == 2 * (1 + 1 + 11)  # step, __init__, add
    added = [number for form, number in answer["forms"].items() if form.startswith("BINARY_OP ")]
    assert sum(added) == 22


def test_tables():
    taken = {
        "steps": 2,
        "code_objects": 3,
        "starts": 4,
        "resumes": 0,
        "unwound": 1,
        "forms": {"LOAD_ATTR LOAD_ATTR": 10, "LOAD_ATTR LOAD_ATTR_SLOT": 30, "NOP NOP": 60},
        "calls": {"C function|CALL": 8},
        "attributes": {"load|slot|specialised": 30, "load|slot|generic": 10},
        "operands": {"TO_BOOL|dict": 5},
    }
    lines = [line.split() for line in tables.as_text({"shop": taken}).splitlines()]
    assert ["instructions", "a", "request", "50"] in lines
    assert ["LOAD_ATTR", "40.00", "(", "25%)"] in lines
    assert ["NOP", "60.00"] in lines
    assert ["C", "function", "(CALL)", "4"] in lines
    assert ["load", "slot", "20", "(", "25%)"] in lines
    assert ["TO_BOOL", "dict", "2.5"] in lines
