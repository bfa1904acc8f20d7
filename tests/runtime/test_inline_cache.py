"""A cached attribute access is the plain one, whatever happens to classes and instances between two of them."""

from __future__ import annotations

import ctypes
import enum
import functools
import gc
import random
import sys
import types
from collections.abc import Callable
from typing import Any

import pytest
from helper_calls import NULL, Cell, attr_cell, call

MISSING = object()


def outcome(function: Callable[..., Any], *arguments: Any) -> tuple[Any, ...]:
    try:
        return ("value", function(*arguments))
    except AttributeError as error:
        return (type(error), str(error), error.name, error.obj)
    except Exception as error:
        return (type(error), str(error))


def same(left: Any, right: Any) -> bool:
    """Bound methods are made anew each time; everything else is one object or equal."""
    if type(left) is not type(right):
        return False
    if isinstance(left, tuple):
        return len(left) == len(right) and all(same(a, b) for a, b in zip(left, right))
    if isinstance(left, functools.partial):
        return same((left.func, left.args), (right.func, right.args))
    if isinstance(left, (types.MethodType, types.BuiltinMethodType, types.MethodWrapperType)):
        return bool(left == right) and left.__self__ is right.__self__
    if isinstance(left, types.FunctionType):  # partialmethod makes a function for each load from the class
        return left is right or (left.__code__ is right.__code__ and "partialmethod" in left.__qualname__)
    return left is right or (not hasattr(type(left), "seen") and left == right)


def load(value: Any, cell: Cell) -> Any:
    return call("load_attr_cached", value, cell)


def load_method(value: Any, cell: Cell) -> Any:
    """What comes out, as the attribute it stands for."""
    function, self = call("load_method_cached", value, cell)
    if self is NULL:
        return function
    if isinstance(function, (types.FunctionType, type, functools.partial)):
        return types.MethodType(function, self)
    get = type(function).__get__
    if isinstance(function, types.ClassMethodDescriptorType):
        return get(function, None, self)
    return get(function, self, type(self))


def get_method(value: Any, name: str) -> None:
    """CPython's own load for a call, for its errors."""
    function = ctypes.pythonapi._PyObject_GetMethod
    function.argtypes = [ctypes.py_object, ctypes.py_object, ctypes.c_void_p]
    function(value, name, ctypes.addressof(ctypes.c_void_p()))


class Accesses:
    """One site of each kind for a name."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.cells = [attr_cell(name) for _ in range(4)]

    def check(self, value: Any) -> None:
        expected = outcome(getattr, value, self.name)
        got = outcome(load, value, self.cells[0])
        assert same(got, expected), (value, self.name, got, expected)
        if len(expected) == 4:  # loaded to be called, some errors do not learn what was asked for
            expected = outcome(get_method, value, self.name)
        got = outcome(load_method, value, self.cells[1])
        assert same(got, expected), (value, self.name, got, expected)
        expected = outcome(getattr, value, self.name, MISSING)
        got = outcome(call, "get_attr_default_cached", value, self.cells[2], MISSING)
        assert same(got, expected), (value, self.name, got, expected)
        expected = outcome(lambda: int(hasattr(value, self.name)))
        got = outcome(call, "has_attr_cached", value, self.cells[3])
        assert got == expected, (value, self.name)
        for name in (self.name, "".join(list(self.name))):  # no constant; the second one is not interned
            assert outcome(call, "has_attr", value, name) == expected, (value, name)
            assert same(outcome(call, "get_attr", value, name), outcome(getattr, value, name)), (value, name)
            got = outcome(call, "get_attr_default", value, name, MISSING)
            assert same(got, outcome(getattr, value, name, MISSING)), (value, name)

    def store(self, value: Any, twin: Any, new: Any, cell: Cell) -> None:
        expected = outcome(setattr, twin, self.name, new)
        got = outcome(call, "store_attr_cached", value, new, cell)
        assert got[0] is expected[0] or (got == ("value", 0) and expected == ("value", None)), (got, expected)
        if got[0] != "value":
            assert got[1] == expected[1]
        if hasattr(value, "__dict__") and not isinstance(value, (type, types.ModuleType)):
            assert list(value.__dict__.items()) == list(twin.__dict__.items())
        assert same(outcome(getattr, value, self.name), outcome(getattr, value, self.name))
        self.check(value)


def plain_class() -> Any:
    class Plain:
        shadowed = "class"
        constant = 5

        def __init__(self) -> None:
            self.x = 1
            self.y = "two"

        def method(self) -> Any:
            return self

        @classmethod
        def of_class(cls) -> Any:
            return cls

        @staticmethod
        def static() -> Any:
            return "static"

        @property
        def computed(self) -> Any:
            return self.x

        @computed.setter
        def computed(self, value: Any) -> None:
            self.x = value

        @property
        def failing(self) -> Any:
            raise AttributeError("from the property")

        @property
        def broken(self) -> Any:
            raise ValueError("broken")

        @functools.cached_property
        def cached(self) -> Any:
            return [self.x]

        part = functools.partial(lambda *a: a, 1)
        partmethod = functools.partialmethod(lambda *a: a, 1)
        builtin = len
        nested: Any = type("nested", (), {})

    return Plain


def slots_class() -> Any:
    class Slots:
        __slots__ = ("__weakref__", "empty", "x")
        constant = 5

        def __init__(self) -> None:
            self.x = 1

        def method(self) -> Any:
            return self

    return Slots


def hooked_class() -> Any:
    class Hooked(plain_class()):  # type: ignore[misc]
        def __getattr__(self, name: str) -> Any:
            if name == "nothing":
                raise AttributeError("hook says no")
            return ("hook", name)

    return Hooked


def getattribute_class() -> Any:
    class Getattribute:
        x = 1

        def __getattribute__(self, name: str) -> Any:
            if name == "nothing":
                raise AttributeError("getattribute says no")
            return ("getattribute", name)

    return Getattribute


def both_class() -> Any:
    class Both(getattribute_class()):  # type: ignore[misc]
        def __getattr__(self, name: str) -> Any:
            return ("hook", name)

    return Both


class Data:
    def __get__(self, instance: Any, owner: Any) -> Any:
        return ("data", instance, owner)

    def __set__(self, instance: Any, value: Any) -> None:
        instance.__dict__["stored"] = value


class NonData:
    def __get__(self, instance: Any, owner: Any) -> Any:
        return ("non-data", instance, owner)


class OnlySet:
    def __set__(self, instance: Any, value: Any) -> None:
        instance.__dict__["stored"] = value


def descriptor_class() -> Any:
    class Descriptors:
        x = Data()
        y = NonData()
        constant = OnlySet()

        def __init__(self) -> None:
            self.__dict__.update(x=1, y=2, constant=3)

    return Descriptors


def dict_class() -> Any:
    """Instances begin with a real dictionary."""

    class Many(plain_class()):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            for i in range(40):
                setattr(self, f"a{i}", i)

    return Many


def exception_class() -> Any:
    class Error(Exception):
        constant = 5

        def __init__(self) -> None:
            self.x = 1

        def method(self) -> Any:
            return self

    return Error


def int_class() -> Any:
    class Number(int):
        constant = 5

        def __init__(self) -> None:
            self.x = 1

        def method(self) -> Any:
            return self

    return Number


class Lookup:
    """A `__getattr__` that is no function, as proxies have it."""

    def __get__(self, instance: Any, owner: Any) -> Any:
        return self if instance is None else functools.partial(self.find, instance)

    def find(self, instance: Any, name: str) -> Any:
        if name == "nothing":
            raise AttributeError(f"nothing of {type(instance).__name__}")
        return ("found", name)


def proxy_class() -> Any:
    return type("Proxy", (plain_class(),), {"__slots__": ("empty", "full"), "__getattr__": Lookup()})


def setattr_class() -> Any:
    class Setting(plain_class()):  # type: ignore[misc]
        def __setattr__(self, name: str, value: Any) -> None:
            self.__dict__[name] = ("set", value)

    return Setting


def enum_class() -> Any:
    class Color(enum.Enum):
        x = 1
        y = 2

        def method(self) -> Any:
            return self

        @property
        def computed(self) -> Any:
            return 5

    return Color


class Meta(type):
    constant = "meta"
    x = Data()

    def method(cls) -> Any:
        return cls

    @property
    def computed(cls) -> Any:
        return ("meta", cls)


def of_meta() -> Any:
    class OfMeta(metaclass=Meta):
        y = 5
        computed = 6
        static = staticmethod(len)

        @classmethod
        def of_class(cls) -> Any:
            return cls

    return OfMeta


NAMES = [
    "x", "y", "shadowed", "constant", "method", "of_class", "static", "computed", "failing", "broken", "cached", "part",
    "partmethod", "builtin", "nested", "nothing", "empty", "value", "name", "a7", "__class__", "__dict__", "__doc__",
    "__name__", "__module__", "__init__", "__eq__", "append", "real", "args", "mro", "__call__", "__func__", "__self__",
    "full",
]  # fmt: skip

MAKERS: list[Callable[[], Any]] = [
    plain_class, slots_class, hooked_class, getattribute_class, both_class, descriptor_class, dict_class,
    exception_class, int_class, setattr_class, proxy_class,
]  # fmt: skip


def zoo() -> list[Any]:
    classes = [maker() for maker in MAKERS]
    color, meta = enum_class(), of_meta()
    module = types.ModuleType("module")
    module.x, module.method = 5, len  # type: ignore[attr-defined]
    hooked = types.ModuleType("hooked")
    hooked.__getattr__ = lambda name: ("module hook", name)  # type: ignore[method-assign]
    values = [cls() for cls in classes] + classes
    values += [
        color,
        color.x,
        color.y,
        meta,
        meta(),
        module,
        hooked,
        [1],
        5,
        True,
        "s",
        {},
        len,
        int,
        type,
        object,
    ]
    values += [plain_class, functools.partial(len), super(classes[2], classes[2]()), lambda: 1, [].append]

    def described() -> None:
        pass

    vars(described).update(x=5, value="of the function")
    bound = types.MethodType(described, 5)
    filled = proxy_class()()
    filled.full = "in a slot"
    values += [filled, values[0].method, bound, types.MethodType(bound, 6), types.MethodType(classes[2], 7)]
    return values


@pytest.mark.parametrize("name", NAMES)
def test_every_kind(name: str) -> None:
    for value in zoo():
        accesses = Accesses(name)
        for _ in range(3):
            accesses.check(value)


@pytest.mark.parametrize("name", NAMES)
def test_one_site_for_all(name: str) -> None:
    accesses = Accesses(name)
    values = zoo()
    for _ in range(3):
        for value in values:
            accesses.check(value)
    few = values[:4]
    accesses = Accesses(name)
    for _ in range(3):
        for value in few:
            accesses.check(value)


@pytest.mark.parametrize("name", ["x", "y", "new", "shadowed", "constant", "method", "computed", "failing", "cached",
                                  "__class__", "__doc__", "empty"])  # fmt: skip
def test_stores(name: str) -> None:
    for maker in MAKERS:
        if maker in (getattribute_class, both_class):
            continue
        cls = maker()
        accesses, cell = Accesses(name), attr_cell(name)
        for turn in range(4):
            value, twin = cls(), cls()
            if turn == 2:
                value.__dict__ if hasattr(value, "__dict__") else None
                twin.__dict__ if hasattr(twin, "__dict__") else None
            for new in (1, "two", 1, cls):
                accesses.store(value, twin, new, cell)
        accesses.store(cls, cls, "for the class", attr_cell(name))
    module = types.ModuleType("module")
    cell = attr_cell(name)
    for new in range(3):
        assert outcome(call, "store_attr_cached", module, new, cell)[0] in ("value", TypeError)


def test_stores_of_names_that_are_no_shared_keys() -> None:
    """Instances that have a dict in place of inline values, and get a name that no class knows."""

    class Plain:
        later = "of the class"

    cell = attr_cell("later")
    made = []
    for number in range(6):
        one = Plain()
        one.__dict__ = {"first": number}
        for value in (number, [number]):
            call("store_attr_cached", one, value, cell)
        made.append(one)
    assert [one.__dict__ for one in made] == [{"first": i, "later": [i]} for i in range(6)]
    fresh = [Plain() for _ in range(3)]  # have no dict, so that the name becomes a shared key
    for one in fresh:
        call("store_attr_cached", one, 1, cell)
        call("store_attr_cached", one, 2, cell)
        assert vars(one) == {"later": 2}
    del made[0].later
    assert made[0].later == "of the class"
    call("store_attr_cached", made[0], 3, cell)
    assert vars(made[0]) == {"first": 0, "later": 3}


@pytest.mark.parametrize("hooked", [False, True])
def test_values_in_a_dict_of_their_own(hooked: bool) -> None:
    """Instances whose dict was put there as a whole, as pydantic does, among others that keep theirs inline."""

    class Model:
        if hooked:

            def __getattr__(self, name: str) -> str:
                if name == "missing":
                    raise AttributeError("by the hook")
                return f"hook {name}"

    def model(**values: object) -> Model:
        one = Model()
        one.__dict__ = values
        return one

    for turns in (5, 1):
        site, missing = Accesses("value"), Accesses("missing")
        for number in range(turns):
            site.check(model(first=0, value=number))
            site.check(model(value=[number]))
            missing.check(model(value=1))
        without: Any = Model()
        site.check(without)
        site.check(model(value="again"))
        site.check(model(other=1))
        without.other = 1
        site.check(without)
        shown = Model()
        shown.__dict__["value"] = "in a dict that shares the values' place"
        site.check(shown)
        inline: Any = Model()
        inline.value = "a shared key by now"
        for one in (inline, without, model(value=2), shown, model(), inline):
            site.check(one)
        inline.__dict__.clear()
        site.check(inline)


@pytest.mark.parametrize("restless", [False, True])
def test_descriptors_behind_dicts_of_their_own(restless: bool) -> None:
    """Instances with more values than places for them: a cached property's, say, is in a dict that shares no keys."""

    class NonData:
        def __get__(self, instance: object, owner: type) -> tuple[str, type]:
            return "computed", owner

    class Large:
        value: Any = NonData()

    def large(**values: object) -> Large:
        one = Large()
        for i in range(35):
            setattr(one, f"a{i}", i)
        vars(one).update(values)
        return one

    if restless:
        unsettled: Any = Large
        for i in range(100):
            unsettled.counter = i
            assert unsettled().counter == i
    changing: Any = NonData
    site = Accesses("value")
    one, other, inline = large(value="own"), large(), Large()
    for value in (Large.__dict__["value"], "plain", len, None, property(lambda self: "property")):
        Large.value = value
        for _ in range(3):
            for each in (one, other, inline, large(first=1, value="its own")):
                site.check(each)
    Large.value = NonData()
    for _ in range(3):
        site.check(one)
    changing.__set__ = lambda *_: None
    for each in (one, other, inline):
        site.check(each)
    del changing.__set__
    del Large.value
    for each in (one, other, one):
        site.check(each)
    vars(one).clear()
    site.check(one)


def test_class_values_behind_empty_places() -> None:
    """A default in the class, which some instances replace."""

    class Flagged:
        flag: object = "of the class"

    class Descriptor:
        pass

    changing: Any = Descriptor
    site = Accesses("flag")
    one, two = Flagged(), Flagged()
    two.flag = "own"
    for _ in range(3):
        site.check(two)
        site.check(one)
    Flagged.flag = described = Descriptor()
    for _ in range(3):
        site.check(two)
        site.check(one)
    changing.__get__ = lambda *_: "by __get__"
    site.check(two)
    site.check(one)
    changing.__set__ = lambda *_: None
    site.check(two)
    site.check(one)
    assert described is vars(Flagged)["flag"]
    two.__dict__ = {}
    site.check(two)


def test_setattr_by_name() -> None:
    class Plain:
        pass

    one, name = Plain(), "".join(["na", "me"])
    assert call("set_attr", one, name, 5) == 0 and vars(one) == {"name": 5}
    with pytest.raises(TypeError, match="must be string"):
        call("set_attr", one, 5, 5)
    with pytest.raises(AttributeError):
        call("set_attr", 5, name, 5)


def test_store_through_dict_of_its_own() -> None:
    cls = plain_class()
    cell, accesses = attr_cell("x"), Accesses("x")
    for change in (
        lambda v: v.__dict__,
        lambda v: setattr(v, "__dict__", {"x": 0, "b": 1}),
        lambda v: setattr(v, "__dict__", {}),
        lambda v: setattr(v, "__dict__", {1: 2}),
        lambda v: v.__dict__.update({5: 6}),
        lambda v: v.__dict__.clear(),
        lambda v: delattr(v, "x"),
        lambda v: [setattr(v, f"n{i}", i) for i in range(40)],
    ):
        value, twin = cls(), cls()
        for new in range(3):
            accesses.store(value, twin, new, cell)
            change(value)
            change(twin)
            accesses.check(value)
            accesses.store(value, twin, new, cell)


def test_values_that_die() -> None:
    """The store is complete before the old value's end runs."""
    cls = plain_class()
    cell = attr_cell("x")

    class Watcher:
        def __init__(self, owner: Any) -> None:
            self.owner = owner

        def __del__(self) -> None:
            seen.append(self.owner.x)
            self.owner.__dict__ = {}

    seen: list[Any] = []
    for convert in (False, True):
        value = cls()
        if convert:
            value.__dict__ = dict(value.__dict__)
        for i in range(3):
            call("store_attr_cached", value, Watcher(value), cell)
            call("store_attr_cached", value, i, cell)
    assert seen == [0, 1, 2] * 2


def mutations(cls: Any) -> list[Callable[[Any], None]]:
    def class_set(name: str, value: Any) -> Callable[[Any], None]:
        return lambda instance: setattr(cls, name, value)

    def class_delete(name: str) -> Callable[[Any], None]:
        return lambda instance: delattr(cls, name) if name in cls.__dict__ else None

    def instance_set(name: str, value: Any) -> Callable[[Any], None]:
        return lambda instance: instance.__dict__.__setitem__(name, value)

    def stored(name: str, value: Any) -> Callable[[Any], None]:
        return lambda instance: object.__setattr__(instance, name, value)

    def instance_delete(name: str) -> Callable[[Any], None]:
        return lambda instance: instance.__dict__.pop(name, None)

    found: list[Callable[[Any], None]] = []
    for name in ("x", "method", "computed", "fresh", "cached"):
        found += [
            class_set(name, 1),
            class_set(name, property(lambda self: "property")),
            class_set(name, lambda self: self),
            class_set(name, Data()),
            class_set(name, NonData()),
            class_set(name, Plastic()),
            class_set(name, classmethod(lambda cls: cls)),
            class_set(name, staticmethod(len)),
            class_delete(name),
            instance_set(name, "instance"),
            instance_delete(name),
            instance_delete(name),
        ]
        if name != "computed":
            found.append(lambda instance, name=name: outcome(object.__setattr__, instance, name, "s"))  # type: ignore[misc]
    found += [
        lambda instance: setattr(instance, "__dict__", dict(instance.__dict__)),
        lambda instance: setattr(instance, "__dict__", {}),
        lambda instance: setattr(cls, "__getattr__", lambda self, name: ("hook", name)),
        class_delete("__getattr__"),
        lambda instance: setattr(cls, "__getattribute__", lambda self, name: ("all", name)),
        class_delete("__getattribute__"),
        class_delete("__getattribute__"),
        lambda instance: setattr(cls, "__setattr__", lambda self, name, value: None),
        class_delete("__setattr__"),
        lambda instance: setattr(cls, "__bases__", (Other,)),
        lambda instance: setattr(cls, "__bases__", (First,)),
        lambda instance: setattr(Other, "fresh", "other"),
        lambda instance: delattr(Other, "fresh") if "fresh" in Other.__dict__ else None,
        lambda instance: setattr(Plastic, "__get__", lambda self, instance, owner: ("plastic", instance)),
        lambda instance: delattr(Plastic, "__get__") if "__get__" in Plastic.__dict__ else None,
        lambda instance: setattr(Plastic, "__set__", lambda self, instance, value: None),
        lambda instance: delattr(Plastic, "__set__") if "__set__" in Plastic.__dict__ else None,
    ]
    return found


class Plastic:
    """Becomes a descriptor and stops being one."""


class First:
    def method(self) -> Any:
        return "first"


class Other:
    x = "other"

    def method(self) -> Any:
        return "other"


@pytest.mark.parametrize("seed", range(20))
def test_mutations(seed: int) -> None:
    chance = random.Random(seed)

    class Changing(First):
        def __init__(self) -> None:
            self.x = 1

        @property
        def computed(self) -> Any:
            return 5

    changes = mutations(Changing)
    sites = [Accesses(name) for name in ("x", "method", "computed", "fresh", "cached")]
    cells = {site.name: attr_cell(site.name) for site in sites}
    instances = [Changing() for _ in range(3)]
    for _ in range(300):
        site = chance.choice(sites)
        instance = chance.choice(instances)
        site.check(instance)
        site.check(Changing)
        if chance.random() < 0.3:
            twin = Changing.__new__(Changing)
            outcome(object.__setattr__, twin, "__dict__", dict(object.__getattribute__(instance, "__dict__")))
            expected = outcome(setattr, twin, site.name, 7)
            got = outcome(call, "store_attr_cached", instance, 7, cells[site.name])
            assert got[0] == expected[0]
            own = object.__getattribute__(instance, "__dict__")
            assert own == object.__getattribute__(twin, "__dict__")
        if chance.random() < 0.4:
            try:
                chance.choice(changes)(instance)
            except AttributeError, TypeError, ValueError:
                pass  # __getattribute__ is in the way
        if chance.random() < 0.05:
            fresh = outcome(Changing)
            if fresh[0] == "value":
                instances[chance.randrange(3)] = fresh[1]
    for name in ("__get__", "__set__"):
        if name in Plastic.__dict__:
            delattr(Plastic, name)


def test_shared_keys_that_grow() -> None:
    cls = plain_class()
    one, two = cls(), cls()
    site = Accesses("method")
    site.check(one)
    for i in range(10):
        setattr(two, f"more{i}", i)
        site.check(one)
    two.method = "own"
    site.check(one)
    site.check(two)
    one.method = "mine"
    site.check(one)


def test_types_without_version() -> None:
    """After a thousand changes a type gets no version any more; caches must leave it alone."""
    cls, other = plain_class(), plain_class()
    instance = cls()
    site = Accesses("constant")
    site.check(other())
    for i in range(1100):
        cls.constant = i
        site.check(instance)
    for cell in site.cells:
        Accesses.check(site, instance)
    cls.constant = "new"
    site.check(instance)
    fresh = Accesses("constant")
    fresh.check(instance)
    cls.constant = "newer"
    fresh.check(instance)


def test_dead_types_make_room() -> None:
    site = Accesses("x")
    for _ in range(100):
        cls = plain_class()
        site.check(cls())
        site.check(cls())
        del cls
        gc.collect()


def test_properties_that_remove_themselves() -> None:
    class Fleeting:
        @property
        def value(self) -> Any:
            del Fleeting.value
            gc.collect()
            return "once"

        def __getattr__(self, name: str) -> Any:
            return "hook"

    instance = Fleeting()
    cell = attr_cell("value")
    saved = Fleeting.value
    for _ in range(3):
        Fleeting.value = property(saved.fget)  # type: ignore[method-assign, assignment]
        assert load(instance, cell) == "once"
        assert load(instance, cell) == "hook"


def test_no_references_leak() -> None:
    cls = plain_class()
    instance = cls()
    value = object()
    instance.x = value
    cells = [attr_cell(n) for n in ("x", "method", "constant", "computed", "cached", "of_class", "nothing")]
    store = attr_cell("x")

    def work() -> None:
        for cell in cells:
            for name in ("load_attr_cached", "load_method_cached", "has_attr_cached"):
                outcome(call, name, instance, cell)
        call("store_attr_cached", instance, value, store)

    work()
    counts = [
        sys.getrefcount(o) for o in (value, instance, cls, cls.method, cls.__dict__["of_class"].__func__)
    ]
    for _ in range(100):
        work()
    after = [
        sys.getrefcount(o) for o in (value, instance, cls, cls.method, cls.__dict__["of_class"].__func__)
    ]
    assert after == counts


def test_a_site_that_has_given_up_learns_restless_classes() -> None:
    """A class that becomes restless takes all replacements of a site before; its lasting tag is kept all the same."""
    cell = attr_cell("x")

    class Counted:
        made = 0
        x = "class"

    one, others = Counted(), [type(f"T{i}", (), {"x": i})() for i in range(12)]
    for _ in range(200):
        Counted.made += 1
        assert load(one, cell) == "class"
        assert [load(other, cell) for other in others] == list(range(12))
    assert [load(one, cell) for _ in range(3)] == ["class"] * 3
    Counted.x = "changed"
    assert load(one, cell) == "changed"
    one.x = "own"
    assert load(one, cell) == "own"
    assert [load(other, cell) for other in others] == list(range(12))
