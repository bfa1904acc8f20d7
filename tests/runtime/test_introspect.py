"""What the runtime tells the compiler about live objects is true of them."""

from __future__ import annotations

import ctypes
import gc
import math
import re
import types
from typing import Any

import pytest
from helper_calls import runtime

layout: dict[str, int] = runtime.layout()


def word(address: int) -> int:
    return ctypes.c_uint64.from_address(address).value


def byte(address: int) -> int:
    return ctypes.c_uint8.from_address(address).value


class Point:
    scale = 2

    def __init__(self) -> None:
        self.x = object()
        self.y = object()

    def move(self) -> None: ...

    @property
    def size(self) -> int:
        return 5

    @staticmethod
    def make() -> None: ...

    @classmethod
    def build(cls) -> None: ...


class Slots:
    __slots__ = ("a", "b")


class Hooked(Point):
    def __getattr__(self, name: str) -> Any: ...


class All:
    def __getattribute__(self, name: str) -> Any: ...

    def __setattr__(self, name: str, value: Any) -> None: ...


class Meta(type):
    @property
    def spelled(cls) -> str: ...  # type: ignore[empty-body]


class OfMeta(metaclass=Meta):
    pass


def test_inline_values() -> None:
    point = Point()
    protocol, version, class_part, storage, overrides, function = runtime.attribute_facts(Point, "y")
    assert (protocol, class_part, overrides, function) == ("generic", ("none",), False, None)
    kind, offset, index, valid = storage
    assert (kind, index) == ("inline_value", 1)
    assert word(id(point) + offset) == id(point.y)
    assert byte(id(point) + valid) == 1
    point.__dict__ = {}
    assert byte(id(point) + valid) == 0
    assert runtime.type_by_version(version) is Point
    assert runtime.type_version(Point) == version


def test_names_that_instances_do_not_have() -> None:
    class Growing:
        def __init__(self) -> None:
            self.a = 1

        def method(self) -> None: ...

    instance = Growing()
    facts = runtime.attribute_facts(Growing, "method")
    assert facts[2] == ("method", Growing.__dict__["method"])
    kind, valid, address, count, may_grow = facts[3]
    assert kind == "inline_no_key" and may_grow
    assert word(address) == count == 1
    instance.b = 2  # type: ignore[attr-defined]
    assert word(address) == 2
    for i in range(100):
        setattr(instance, f"more{i}", i)
    full = runtime.attribute_facts(Growing, "method")[3]
    assert full[3] == word(address) and not full[4]


def test_class_parts() -> None:
    def part(cls: type, name: str) -> Any:
        return runtime.attribute_facts(cls, name)[2]

    own = Point.__dict__
    assert part(Point, "scale") == ("class_value", 2, False)
    assert part(Point, "move") == ("method", own["move"])
    assert part(Point, "make") == ("staticmethod", own["make"].__func__)
    assert part(Point, "build") == ("classmethod", own["build"].__func__)
    assert part(Point, "size") == ("property", own["size"].fget, None, own["size"])
    assert part(Point, "__class__")[:2] == ("getset", object.__dict__["__class__"])
    assert part(list, "append") == ("method", list.__dict__["append"])
    kind, offset, read_only, none_when_empty = part(Slots, "b")
    assert (kind, read_only, none_when_empty) == ("slot", 0, 0)
    slots = Slots()
    slots.b = object()  # type: ignore[attr-defined]
    assert word(id(slots) + offset) == id(slots.b)  # type: ignore[attr-defined]
    assert runtime.attribute_facts(Slots, "c")[2:4] == (("none",), ("nothing",))
    assert runtime.attribute_facts(Exception, "c")[3][0] == "dict"


def test_protocols() -> None:
    def protocol(cls: type, rule: Any = runtime.attribute_facts) -> Any:
        return rule(cls, "x")[0], rule(cls, "x")[5]

    assert protocol(Hooked) == ("getattr_hook", Hooked.__dict__["__getattr__"])
    assert protocol(All) == ("python", All.__dict__["__getattribute__"])
    with pytest.raises(AttributeError):
        All().x.y  # the interpreter settles the slot at the first look-up
    assert protocol(All) == ("python", All.__dict__["__getattribute__"])
    assert protocol(types.ModuleType) == ("module", None)
    assert protocol(type) == ("type", None)
    assert protocol(super) == ("other", None)
    assert protocol(All, runtime.store_facts) == ("python", All.__dict__["__setattr__"])
    assert protocol(Point, runtime.store_facts) == ("generic", None)
    assert runtime.store_facts(Point, "size")[4] is True
    assert runtime.store_facts(Point, "move")[4] is False


def test_class_attributes() -> None:
    facts = runtime.class_attribute_facts
    assert facts(Point, "scale") == ("value", 2)
    assert facts(Point, "move") == ("value", Point.__dict__["move"])
    assert facts(Point, "make") == ("value", Point.__dict__["make"].__func__)
    assert facts(Point, "build") == ("classmethod", Point.__dict__["build"].__func__)
    assert facts(Point, "size") == ("unknown",)
    assert facts(Point, "nothing") == ("none",)
    assert facts(Point, "__name__") == ("unknown",)
    assert facts(OfMeta, "spelled") == ("unknown",)
    assert facts(dict, "get") == ("value", dict.get)


def test_instances() -> None:
    class Sized:
        def __len__(self) -> int:
            return 0

    class Made(int):
        def __init__(self) -> None:
            pass

    class ByNew(str):
        def __new__(cls) -> ByNew:
            return super().__new__(cls)

    assert runtime.is_made_by_new(ByNew) and not runtime.is_made_by_init(ByNew)
    assert not any(map(runtime.is_made_by_new, (Point, Made, Sized, OfMeta, str, object)))
    assert runtime.is_made_by_init(Point)
    assert not any(map(runtime.is_made_by_init, (Made, Sized, OfMeta, int, object)))
    assert runtime.is_made_plainly(Sized) and runtime.is_made_plainly(object)
    assert not any(map(runtime.is_made_plainly, (Point, Made, ByNew, int, type)))
    assert runtime.is_never_asked(Point) and runtime.is_never_asked(object)
    assert not any(map(runtime.is_never_asked, (Sized, Made, list, dict)))
    for question in (
        runtime.is_made_plainly, runtime.is_made_by_init, runtime.is_made_by_new, runtime.is_never_asked,
    ):  # fmt: skip
        with pytest.raises(TypeError):
            question(1)


def test_callees() -> None:
    def function(a: Any, /, b: Any = 1, *c: Any, d: Any = 2) -> Any:
        return layout

    assert runtime.callee_facts(function) == (function.__code__, (1,))
    assert runtime.callee_facts(test_instances) == (test_instances.__code__, None)
    with pytest.raises(TypeError):
        runtime.callee_facts(len)


def test_c_functions() -> None:
    facts = runtime.cfunction_facts
    assert facts(len)[0] == "o" and facts(len)[4] == "len"
    assert facts(isinstance)[0] == "fast"
    assert facts(print)[0] == "fast_kw"
    assert facts(list.append)[0] == "o" and facts(list.append)[3] is list
    assert facts(dict.items)[0] == "noargs"
    bound: list[Any] = []
    assert facts(bound.append)[2] is bound and facts(bound.append)[1] == facts(list.append)[1]
    assert facts(math.sqrt)[0] == "o"
    assert facts(test_callees) is None
    assert facts(list)[0] == "fast_kw" and facts(list)[2] is list  # a class calls its own
    assert facts(type("List", (list,), {})) is None and facts(Point) is None


def test_addresses() -> None:
    value = object()
    assert runtime.object_address(value) == id(value)
    assert runtime.object_at(id(value)) is value
    assert layout["None"] == id(None) and layout["True"] == id(True) and layout["type.int"] == id(int)
    base = layout["long.small_ints"]
    for small in (-5, 0, 1, 256):
        assert id(small) == base + (small + 5) * layout["long.small_int_size"]
    assert layout["singleton.empty_tuple"] == id(())


def test_offsets() -> None:
    items = [object(), object()]
    assert word(word(id(items) + layout["list.items"]) + 8) == id(items[1])
    pair = (object(), object())
    assert word(id(pair) + layout["tuple.items"] + 8) == id(pair[1])
    assert word(id(pair) + layout["tuple.size"]) == 2
    assert ctypes.c_double.from_address(id(2.5) + layout["float.value"]).value == 2.5
    number = 5 * 2**30 + 7
    assert word(id(number) + layout["long.tag"]) >> layout["long.non_size_bits"] == 2
    assert ctypes.c_uint32.from_address(id(number) + layout["long.digit"] + 4).value == 5
    text = "hello"
    assert byte(id(text) + layout["unicode.ascii_data"]) == ord("h")
    assert word(id(text) + layout["unicode.length"]) == 5

    def function() -> None:
        return number and None

    assert word(id(function) + layout["function.code"]) == id(function.__code__)
    cell = function.__closure__[0]  # type: ignore[index]
    assert word(id(cell) + layout["cell.ref"]) == id(number)
    bound = Point().move
    assert word(id(bound) + layout["method.self"]) == id(bound.__self__)
    counter = enumerate(items)
    next(counter)
    assert word(id(counter) + layout["enumerate.index"]) == 1
    steps = iter(range(2, 20, 3))
    next(steps)
    assert word(id(steps) + layout["range_iterator.start"]) == 5
    assert word(id(steps) + layout["range_iterator.length"]) == 5


def test_versions_that_are_gone() -> None:
    assert runtime.type_by_version(0) is None
    assert runtime.function_by_version(1) is None

    class Short:
        pass

    version = runtime.type_version(Short)
    assert runtime.type_by_version(version) is Short
    Short.a = 1  # type: ignore[attr-defined]
    assert runtime.type_by_version(version) is None
    for i in range(1100):
        runtime.type_version(Short)
        Short.a = i  # type: ignore[attr-defined]
    assert runtime.type_version(Short) == 0
    assert runtime.attribute_facts(Short, "a")[1] == 0


def test_the_interpreters_table_forgets_and_ours_does_not() -> None:
    class Base:
        pass

    class Kept(Base):
        a = 0

    class Mixed(int, Base):
        pass

    kept, mixed = runtime.type_version(Kept), runtime.type_version(Mixed)
    assert runtime.type_by_version(kept) is Kept
    for _ in range(8):  # more tags than that table has places

        class Burns:
            a = 0

        for i in range(900):
            Burns.a = i
            runtime.type_version(Burns)
    assert runtime.type_by_version(kept) is Kept
    assert runtime.type_by_version(mixed) is Mixed
    Kept.a = 1
    assert runtime.type_by_version(kept) is None
    del Mixed
    gc.collect()
    assert runtime.type_by_version(mixed) is None
    for i in range(3000):  # the dead make room
        runtime.type_by_version(runtime.type_version(type(f"Short{i}", (Base,), {})))
    assert runtime.type_by_version(runtime.type_version(Base)) is Base
    for cls in (str, dict, list, type(re.compile("")), type(iter([])), type):
        assert runtime.type_by_version(runtime.type_version(cls)) is cls
