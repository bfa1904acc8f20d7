"""The helpers do what the interpreter does: same values, same exceptions."""

from __future__ import annotations

import collections
import functools
import math
import operator
import sys
from collections.abc import Callable
from typing import Any

import pytest
from helper_calls import NULL, Cell, attr_cell, call, incref, runtime, table

VALUES: list[Any] = [
    0, 1, -1, 7, -7, True, 2**29, 2**30, -(2**30), 2**62, -(2**63), 2**63, 2**200, -(2**200),
    0.0, -0.0, 1.5, -2.5, 1e308, math.inf, -math.inf, math.nan,
    "", "a", "abc", "ä", "☃", "𝄞x", b"", b"ab", None, (), (1, 2), [], [1], {}, {"a": 1}, {1, "a"}, object, 3j,
]  # fmt: skip


def outcome(function: Callable[..., Any], *arguments: Any) -> tuple[str, str]:
    try:
        value = function(*arguments)
    except Exception as error:
        return type(error).__name__, str(error)
    return type(value).__name__, repr(value)


@pytest.mark.parametrize(
    "name, function",
    [
        ("PyNumber_Add", operator.add),
        ("PyNumber_InPlaceAdd", operator.iadd),
        ("PyNumber_FloorDivide", operator.floordiv),
        ("PyNumber_Remainder", operator.mod),
        ("PyNumber_Lshift", lambda a, b: a << b),
        ("PyNumber_Or", operator.or_),
    ],
)
def test_operators(name: str, function: Callable[..., Any]) -> None:
    for left in VALUES:
        for right in VALUES:
            if name == "PyNumber_Lshift" and isinstance(right, int) and right > 1000:
                continue
            fresh = [list(left) if isinstance(left, list) else left for _ in range(2)]
            fresh = [set(x) if isinstance(x, set) else dict(x) if isinstance(x, dict) else x for x in fresh]
            assert outcome(call, name, fresh[0], right) == outcome(function, fresh[1], right)


def test_power() -> None:
    small = [v for v in VALUES if not (isinstance(v, int) and abs(v) > 10)]
    for left in small:
        for right in small:
            assert outcome(call, "number_power", left, right) == outcome(operator.pow, left, right)


def floats() -> list[float]:
    values = [v for v in VALUES if isinstance(v, float)]
    return [*values, 3.0, -3.0, 0.5, -0.5, 2.0, 1e-320, 5e-324, 7.25, -7.25, 1e16, 0.1, 0.3]


def same(a: float, b: float) -> bool:
    return (math.isnan(a) and math.isnan(b)) or (a == b and math.copysign(1, a) == math.copysign(1, b))


def test_float_helpers() -> None:
    decided = 0
    for a in floats():
        for b in floats():
            if b != 0.0:
                assert same(call("float_mod", a, b), a % b), (a, b)
                assert same(call("float_floordiv", a, b), a // b), (a, b)
            value, status = call("float_pow", a, b)
            if status == 0:
                assert same(value, a**b), (a, b)
                decided += 1
    assert decided > 100


def test_ints() -> None:
    numbers = [v for v in VALUES if isinstance(v, int)]
    for a in numbers:
        value, status = call("long_as_i64", a)
        assert status == (not -(2**63) <= a < 2**63)
        assert status or value == a
        value, status = call("long_as_f64", a)
        assert status == 0 and value == float(a)
        for b in numbers:
            assert call("int_compare", a, b) == (a > b) - (a < b)
            for name, function in (
                ("int_floor_divide", operator.floordiv),
                ("int_remainder", operator.mod),
                ("int_true_divide", operator.truediv),
                ("_PyLong_Multiply", operator.mul),
            ):
                assert outcome(call, name, a, b) == outcome(function, a, b)
    assert call("long_as_f64", 10**400)[1] == 1
    for value in (0, -6, 300, -(2**63), 2**63 - 1):
        assert call("long_from_i64", value) == value


def test_compare() -> None:
    operators = [operator.lt, operator.le, operator.eq, operator.ne, operator.gt, operator.ge]
    for a in VALUES:
        for b in VALUES:
            for number, function in enumerate(operators):
                expected = outcome(lambda: int(bool(function(a, b))))
                assert outcome(call, "compare_bool", a, b, number) == expected


def test_strings() -> None:
    strings = [v for v in VALUES if isinstance(v, str)]
    for a in strings:
        for b in strings:
            assert call("unicode_equal", a, b) == (a == b)
            assert call("unicode_append", a, b) == a + b
        for index in range(-4, 4):
            assert outcome(call, "unicode_get_item", a, index) == outcome(operator.getitem, a, index)
    assert outcome(call, "unicode_append", "a", 1) == outcome(operator.iadd, "a", 1)
    assert call("build_string", ["a", "ä", "☃"], 3) == "aä☃"
    for value in VALUES:
        assert outcome(call, "format_simple", value) == outcome(lambda: f"{value}")
        assert outcome(call, "format_with_spec", value, ">9") == outcome(lambda: f"{value:>9}")
        assert outcome(call, "convert_value", value, 2) == outcome(repr, value)


def test_truth_and_membership() -> None:
    for value in VALUES:
        assert call("is_true", value) == bool(value)
        assert call("unary_not", value) is (not value)
        for item in VALUES:
            if not isinstance(value, (int, float)) or isinstance(value, bool):
                expected = outcome(lambda: int(operator.contains(value, item)))
                assert outcome(call, "contains", value, item) == expected


class Loud:
    """Equal to "a" and of the same hash."""

    def __hash__(self) -> int:
        return hash("a")

    def __eq__(self, other: object) -> bool:
        return other == "a"


def test_exact_lookups() -> None:
    names = [f"name{i}" for i in range(2000)]
    mapping = {name: i for i, name in enumerate(names)}
    general: dict[Any, int] = {1: 0, **mapping}
    everything = set(names)
    for name in names:
        copy = "".join(name)
        assert call("dict_lookup_exact_str", mapping, copy) == (mapping[name], 1)
        assert call("dict_lookup_exact_str", general, copy) == (mapping[name], 1)
        assert call("set_contains_exact_str", everything, copy) == 1
        assert call("set_contains_exact_str", everything, name + "?") == 0
        assert call("dict_lookup_exact_str", mapping, name + "?") == (NULL, 0)
        assert call("dict_contains_exact_str", general, name + "?") == 0
    for name in names[::2]:
        del mapping[name], general[name]
        everything.remove(name)
    for i, name in enumerate(names):
        assert call("dict_contains_exact_str", mapping, name) == i % 2
        assert call("dict_contains_exact_str", general, name) == i % 2
        assert call("set_contains_exact_str", everything, name) == i % 2
    assert call("dict_lookup_exact_str", {Loud(): 1}, "a") == (NULL, -1)
    assert call("set_contains_exact_str", {Loud()}, "a") == -1
    assert call("sequence_contains_exact_str", (None, 1, Loud()), "a") == -1
    assert call("sequence_contains_exact_str", [None, 1, "a"], "".join("a")) == 1
    assert call("contains", (Loud(),), "a") == 1
    assert call("dict_get_item", {Loud(): 5}, "a") == 5
    assert call("dict_get_default", {Loud(): 5}, "a", 6) == 5
    assert call("dict_get_default", {}, "a", 6) == 6
    assert outcome(call, "dict_get_item", {}, "a") == outcome(operator.getitem, {}, "a")
    assert outcome(call, "dict_get_item", {}, []) == outcome(operator.getitem, {}, [])


def test_get_item() -> None:
    keys: list[Any] = [*VALUES, slice(None), slice(1, None)]
    for container in VALUES:
        for key in keys:
            assert outcome(call, "get_item", container, key) == outcome(operator.getitem, container, key)


def test_building() -> None:
    assert call("build_tuple", [1, "b", None], 3) == (1, "b", None)
    assert call("build_tuple", [], 0) == ()
    assert call("build_extended_tuple", (3, 4), [1, "b"], 2) == (1, "b", 3, 4)
    assert call("build_extended_tuple", (), [], 0) == ()
    assert call("build_extended_tuple", tuple(range(20)), [1], 1) == (1, *range(20))
    assert call("build_list", [1, "b", None], 3) == [1, "b", None]
    assert call("build_set", [1, "b", 1], 3) == {1, "b"}
    assert outcome(call, "build_set", [1, []], 2) == outcome(lambda: {1, []})
    assert call("build_map", ["a", 1, "b", 2], 2) == {"a": 1, "b": 2}
    assert call("build_slice", 1, 2, NULL) == slice(1, 2)
    assert call("build_slice", 1, 2, 3) == slice(1, 2, 3)


def test_slices() -> None:
    bounds = [None, 0, 1, -1, 2, -2, 5, -5, 2**70, -(2**70), True, "x"]
    for container in ("abc", "a☃c", [1, 2, 3], (1, 2, 3), b"abc", {}, 5):
        for low in bounds:
            for high in bounds:
                expected = outcome(lambda: container[low:high])  # type: ignore[index]
                assert outcome(call, "binary_slice", container, low, high) == expected
    mine, theirs = [1, 2, 3], [1, 2, 3]
    call("store_slice", mine, 1, None, [9])
    theirs[1:None] = [9]
    assert mine == theirs


def unpack2(value: Any) -> list[Any]:
    a, b = value
    return [a, b]


def unpack_star(value: Any) -> list[Any]:
    a, *b, c = value
    return [a, b, c]


def test_unpacking() -> None:
    class Mine(tuple[int, ...]):
        pass

    def helper(value: Any) -> list[Any]:
        out = [None, None]
        call("unpack_sequence", value, out, 2)
        return out

    def star(value: Any) -> list[Any]:
        out = [None, None, None]
        call("unpack_ex", value, out, 1, 1)
        return out

    for make in (tuple, list, iter, Mine, lambda v: dict.fromkeys(v), "".join):
        for items in ("", "a", "ab", "abc", "abcd"):
            assert outcome(helper, make(items)) == outcome(unpack2, make(items))
            assert outcome(star, make(items)) == outcome(unpack_star, make(items))
    assert outcome(helper, 5) == outcome(unpack2, 5)
    assert outcome(star, 5) == outcome(unpack_star, 5)


def test_adding() -> None:
    items: list[Any] = []
    for i in range(100):
        call("list_append", items, i)
    assert items == list(range(100))
    call("list_extend", items, (1, 2))
    assert items[-2:] == [1, 2]
    assert outcome(call, "list_extend", items, 5) == outcome(lambda: [*5])  # type: ignore[misc]
    some: set[Any] = set()
    call("set_add", some, 1)
    call("set_update", some, [1, 2])
    assert some == {1, 2}
    mapping: dict[Any, Any] = {}
    call("map_add", mapping, 1, 2)
    call("dict_update", mapping, {3: 4})
    assert mapping == {1: 2, 3: 4}
    assert outcome(call, "dict_update", mapping, 5) == outcome(lambda: {**5})  # type: ignore[arg-type]

    def function(**keywords: Any) -> None: ...

    for bad in (5, {1: 2}, {"a": 1}):
        mine = outcome(call, "dict_merge", {"a": 1}, bad, function)
        if bad != {1: 2}:
            assert mine == outcome(lambda: function(a=1, **bad))  # type: ignore[arg-type]


def test_iteration() -> None:
    iterator = iter([1])
    assert call("iter_next", iterator) == (1, 0)
    assert call("iter_next", iterator) == (NULL, 0)

    def fails() -> Any:
        yield 1
        raise ValueError("no")

    generator = fails()
    assert call("iter_next", generator) == (1, 0)
    with pytest.raises(ValueError, match="no"):
        call("iter_next", generator)
    pairs = iter({"a": 1, "b": 2}.items())
    out = [None, None]
    assert call("iter_next_pair", pairs, out) == 1 and out == ["a", 1]
    assert call("iter_next_pair", pairs, out) == 1 and out == ["b", 2]
    assert call("iter_next_pair", pairs, out) == 0
    with pytest.raises(ValueError, match="not enough values"):
        call("iter_next_pair", iter(["a"]), out)
    assert call("builtin_next", iter("a"), NULL) == "a"
    assert call("builtin_next", iter(""), 5) == 5
    with pytest.raises(StopIteration):
        call("builtin_next", iter(""), NULL)
    assert outcome(call, "builtin_next", [], NULL) == outcome(next, [])
    assert outcome(call, "get_aiter", 5)[0] == "TypeError"
    for value in VALUES:
        assert outcome(call, "builtin_len", value) == outcome(len, value)


def test_calls() -> None:
    def function(a: Any, b: Any = 2, *c: Any, d: Any = 4, **e: Any) -> Any:
        return a, b, c, d, e

    class Class:
        def method(self, *arguments: Any, **keywords: Any) -> Any:
            return self, arguments, keywords

        def __call__(self, *arguments: Any) -> Any:
            return arguments

    instance = Class()
    assert call("call_vector", [function, NULL, 1, 2, 3], 3, NULL) == function(1, 2, 3)
    assert call("call_vector", [function, 0, 1], 1, NULL) == function(0, 1)
    assert call("call_vector", [function, NULL, 1, 9], 2, ("d",)) == function(1, d=9)
    assert call("call_vector", [instance.method, NULL, 1, 9], 2, ("d",)) == (instance, (1,), {"d": 9})
    assert call("call_vector", [instance, NULL, 1], 1, NULL) == (1,)
    assert call("call_vector", [len, NULL, "abc"], 1, NULL) == 3
    assert call("call_vector", [dict, NULL, 5], 1, ("a",)) == {"a": 5}
    assert call("call_vector", [function, NULL, *range(40)], 40, NULL) == function(*range(40))
    assert outcome(call, "call_vector", [5, NULL], 0, NULL) == outcome(lambda: VALUES[1]())
    assert outcome(call, "call_vector", [function, NULL], 0, NULL) == outcome(function)
    for arguments in ((1,), [1, 2], iter("ab"), range(20)):
        copy = list(arguments)
        given = iter(copy) if not isinstance(arguments, (tuple, list, range)) else arguments
        assert call("call_ex", function, given, NULL, 1) == function(*copy)
        assert call("call_ex", instance.method, tuple(copy), {"k": 1}, 1) == (instance, tuple(copy), {"k": 1})
    number: Any = 5
    assert outcome(call, "call_ex", function, number, NULL, 1) == outcome(lambda: function(*number))
    assert outcome(call, "call_ex", len, (), {}, 0) == outcome(len)
    for keywords in ({"k": 1}, {}, {"d": 1, "b": 2}, {"b": 3, "d": 4}, {"".join("zy"): 5}, {8: 9}):
        for callable_ in (function, Class, instance.method, functools.partial(function, 7), dict):
            for arguments in ((), (1,), tuple(range(11)), tuple(range(30))):
                expected = outcome(lambda: type(callable_(*arguments, **keywords)))
                found = outcome(lambda: type(call("call_ex", callable_, arguments, keywords, 1)))
                assert found == expected
    keywords = {"k": 1}
    assert call("call_ex", dict, (), keywords, 1) == keywords
    assert call("call_ex", dict, (), keywords, 1) is not keywords


class Plain:
    pass


class Slots:
    __slots__ = ("a",)

    def __init__(self, a: Any) -> None:
        self.a = a


class BadInit:
    def __init__(self) -> Any:
        return 5


class WithNew:
    def __new__(cls, *arguments: Any) -> Any:
        return arguments


class WithBoth:
    def __new__(cls, *arguments: Any) -> Any:
        self = object.__new__(cls)
        self.all = arguments
        return self

    def __init__(self, first: Any, second: Any = 2) -> None:
        self.a = (first, second)


class WithBothBelow(WithBoth):
    def __init__(self, first: Any) -> None:
        super().__init__(first, 5)


class Odd:
    """Makes something of another class, which is initialised then."""

    def __new__(cls, kind: Any = 0, *arguments: Any) -> Any:
        return object.__new__([cls, OddChild, Plain][kind])


class OddChild(Odd):
    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        if len(arguments) > 2:
            raise ValueError
        self.all = (arguments, keywords)


class Text(str):
    def __new__(cls, value: Any = "x", extra: Any = 1) -> Any:
        made = str.__new__(cls, value)
        made.all = extra
        return made


Pair = collections.namedtuple("Pair", "a b", defaults=[5])


class Meta(type):
    def __call__(cls, *arguments: Any) -> Any:
        return cls, arguments


class OfMeta(metaclass=Meta):
    def __init__(self) -> None: ...


def show(value: Any) -> Any:
    return type(value), getattr(value, "all", None), getattr(value, "a", None)


@pytest.mark.parametrize("raises", [False, True])
def test_a_call_releases_what_it_is_handed(raises: bool) -> None:
    class Class:
        def method(self, *arguments: Any) -> None:
            if raises:
                raise ValueError

        @classmethod
        def of_class(cls, *arguments: Any) -> None:
            Class.method(cls, *arguments)

    instance = Class()
    instance.own = instance.method  # type: ignore[attr-defined]
    arguments = [object(), object(), object()]
    call_vectors = [[Class.method, instance], [instance.method, NULL], [Class.method, NULL]]
    stacks = [("call_vector", [*start, *arguments]) for start in call_vectors]
    stacks += [(name, [NULL, instance, *arguments]) for name in ("method", "of_class", "own", "missing")]
    for name, stack in stacks:
        for moved in range(32):
            if any(moved >> i & 1 and operand is NULL for i, operand in enumerate(stack)):
                continue
            watched = [operand for operand in stack if operand is not NULL]
            last = NULL if name == "call_vector" else attr_cell(name)
            helper = name if name == "call_vector" else "call_method_cached"
            for _ in range(3):  # the first time, the cell learns
                before = [sys.getrefcount(operand) for operand in watched]
                for i in range(len(stack)):
                    if moved >> i & 1:
                        incref(id(stack[i]))
                outcome(call, helper, list(stack), len(arguments) | moved << 16, last)
                assert [sys.getrefcount(operand) for operand in watched] == before, (name, moved)


def test_calls_of_classes() -> None:
    class WithInit:
        def __init__(self, a: Any, b: Any = 2, **more: Any) -> None:
            self.all = (a, b, more)

    def make(cls: Any, arguments: list[Any], names: Any = NULL) -> Any:
        return show(call("call_vector", [cls, NULL, *arguments], len(arguments), names))

    for _ in range(3):
        for cls in (
            Plain,
            WithInit,
            Slots,
            BadInit,
            WithNew,
            WithBoth,
            WithBothBelow,
            OfMeta,
            Odd,
            OddChild,
            Text,
            Pair,
            int,
            ValueError,
            dict,
            list,
        ):
            for arguments in ([], [1], [1, 2], [2, 1], [1, 2, 3]):
                assert outcome(make, cls, arguments) == outcome(lambda: show(cls(*arguments)))
        assert make(WithInit, [1, 5], ("z",)) == show(WithInit(1, z=5))
    first = make(WithInit, [1])
    WithInit.__init__ = lambda self, *a: None  # type: ignore[method-assign, assignment]
    try:
        assert make(WithInit, []) == (WithInit, None, None)
    finally:
        del WithInit.__init__
    assert outcome(make, WithInit, [1]) == outcome(lambda: show(WithInit(1)))  # type: ignore[call-arg]
    assert first == (WithInit, (1, 2, {}), None)


class ClassLiar:
    @property
    def __class__(self) -> Any:
        return int


class Checker(type):
    def __instancecheck__(cls, instance: Any) -> bool:
        return instance == 5


class Checked(metaclass=Checker):
    pass


def test_instances() -> None:
    classes: list[Any] = [
        int,
        str,
        object,
        bool,
        Plain,
        type,
        (),
        (int, str),
        (Plain, (int,)),
        Checked,
        int | str,
        5,
    ]
    for value in [*VALUES, Plain(), Plain, ClassLiar(), Checked(), 5]:
        for cls in classes:
            assert outcome(call, "is_instance", value, cls) == outcome(lambda: int(isinstance(value, cls)))
            assert outcome(call, "is_subclass", type(value), cls) == outcome(
                lambda: int(issubclass(type(value), cls))
            )
            assert outcome(call, "is_subclass", value, cls) == outcome(lambda: int(issubclass(value, cls)))


def test_globals() -> None:
    frame = sys._getframe()
    scope: dict[str, Any] = {"a": 1}
    builtins: dict[str, Any] = {"b": 2, "late": 3}
    a, b, late, none = (Cell(n, 16) for n in ("a", "b", "late", "none"))
    for _ in range(3):
        assert call("load_global_cached", scope, builtins, a) == 1
        assert call("load_global_cached", scope, builtins, b) == 2
        assert call("load_global_cached", scope, builtins, late) == 3
        with pytest.raises(NameError, match="name 'none' is not defined") as caught:
            call("load_global_cached", scope, builtins, none)
        assert caught.value.name == "none"
    scope["late"] = 4
    assert call("load_global_cached", scope, builtins, late) == 4
    del scope["late"]
    assert call("load_global_cached", scope, builtins, late) == 3
    scope["a"] = 5
    assert call("load_global_cached", scope, builtins, a) == 5
    del scope["a"]
    builtins["a"] = 6
    assert call("load_global_cached", scope, builtins, a) == 6
    call("store_global", scope, "x", 7)
    assert scope["x"] == 7
    call("delete_global", scope, "x")
    with pytest.raises(NameError, match="name 'x' is not defined"):
        call("delete_global", scope, "x")
    assert call("load_build_class", frame) is __build_class__
    assert [call("load_common_constant", i) for i in range(5)] == [
        AssertionError, NotImplementedError, tuple, all, any,
    ]  # fmt: skip


def test_cells_and_locals() -> None:
    value = object()

    def closure(unset: bool = False) -> Any:
        nonlocal value
        if unset:
            del value
        return sys._getframe(), lambda: value

    frame, inner = closure()
    number = frame.f_code.co_nlocals + frame.f_code.co_cellvars.__len__()
    cell = inner.__closure__[0]
    assert call("load_deref", frame, cell, number) is cell.cell_contents
    call("store_deref", cell, 5)
    assert cell.cell_contents == 5
    call("delete_deref", frame, cell, number)
    with pytest.raises(NameError, match="cannot access free variable 'value'"):
        call("load_deref", frame, cell, number)
    with pytest.raises(NameError):
        call("delete_deref", frame, cell, number)
    with pytest.raises(UnboundLocalError, match="cannot access local variable 'unset'"):
        call("raise_unbound_local", frame, 0)
    assert call("make_cell", 5).cell_contents == 5
    with pytest.raises(ValueError):
        call("make_cell", NULL).cell_contents


def test_functions() -> None:
    frame = sys._getframe()
    function = call("make_function", frame, (lambda a, b=1: a).__code__)
    assert function.__globals__ is globals()
    call("set_function_attribute", function, 1, (5,))
    assert function.__defaults__ == (5,) and function(1) == 1
    module = call("import_name", frame, "os.path", NULL if False else None, 0)
    assert module.__name__ == "os"
    assert call("import_from", module, "path") is module.path
    with pytest.raises(ImportError, match="cannot import name 'nothing'"):
        call("import_from", module, "nothing")
    assert call("call_intrinsic_1", 5, 3) == 3
    assert call("call_intrinsic_1", 6, [1]) == (1,)


def test_class_scope() -> None:
    class Scope:
        frame = sys._getframe()
        call("store_name", frame, "made", 5)
        assert made == 5  # type: ignore[name-defined]  # noqa: F821
        assert call("load_name", frame, "made") == 5
        assert call("load_name", frame, "len") is len
        call("delete_name", frame, "made")
        with pytest.raises(NameError):
            call("delete_name", frame, "made")
        with pytest.raises(NameError):
            call("load_name", frame, "made")
        assert call("load_locals", frame)["frame"] is frame
        assert call("load_from_dict_or_globals", frame, {"made": 1}, "made") == 1
        assert call("load_from_dict_or_globals", frame, {}, "Plain") is Plain


def test_raising() -> None:
    def helper(exception: Any, cause: Any) -> None:
        call("raise_exception", exception, cause)

    def interpreter(exception: Any, cause: Any) -> None:
        if cause is NULL:
            raise exception
        raise exception from cause

    class Odd(Exception):
        def __new__(cls) -> Any:
            return 5

    kinds: list[Any] = [ValueError, ValueError("a"), 5, Odd, None, int]
    for exception in kinds:
        for cause in [NULL, *kinds]:
            assert outcome(helper, exception, cause) == outcome(interpreter, exception, cause)
            try:
                interpreter(exception, cause)
            except Exception as error:
                theirs = error
            try:
                helper(exception, cause)
            except Exception as error:
                mine = error
            assert repr(mine.__cause__) == repr(theirs.__cause__)
            assert mine.__suppress_context__ == theirs.__suppress_context__
    with pytest.raises(RuntimeError, match="No active exception to reraise"):
        call("handled_exception")
    try:
        raise ValueError("first")
    except ValueError as error:
        assert call("handled_exception") is error


def test_matching() -> None:
    error = ValueError()
    assert call("check_exc_match", error, ValueError) == 1
    assert call("check_exc_match", error, (TypeError, KeyError)) == 0
    assert outcome(call, "check_exc_match", error, 5)[0] == "TypeError"
    group = ExceptionGroup("g", [ValueError(1), TypeError(2)])
    rest, match = call("check_eg_match", sys._getframe(), group, ValueError)
    assert [type(e) for e in match.exceptions] == [ValueError]
    assert [type(e) for e in rest.exceptions] == [TypeError]
    call("pop_except", None)
    assert call("match_class", 5, int, 1, ()) == (5,)
    assert call("match_class", "a", int, 1, ()) is None
    assert outcome(call, "match_class", 5, 5, 0, ())[0] == "TypeError"
    assert call("match_keys", {"a": 1, "b": 2}, ("a",)) == (1,)
    assert call("match_keys", {"b": 2}, ("a",)) is None
    assert [call("match_mapping", v) for v in ({}, [], "")] == [1, 0, 0]
    assert [call("match_sequence", v) for v in ({}, [], "")] == [0, 1, 0]


def test_handlers() -> None:
    error = ValueError("here")
    previous = call("push_exc_info", error)
    assert previous is None and sys.exception() is error
    call("pop_except", previous)
    assert sys.exception() is None

    class Manager:
        def __enter__(self) -> Any:
            return 1

        def __exit__(self, *arguments: Any) -> Any:
            return arguments

    manager = Manager()
    function, self = call("load_special", manager, 0)
    assert function is Manager.__enter__ and self is manager
    exit_function, self = call("load_special", manager, 1)
    assert call("with_except_start", exit_function, self, error) == (ValueError, error, None)
    assert call("with_except_start", manager.__exit__, NULL, error) == (ValueError, error, None)

    def use(value: Any) -> None:
        with value:
            pass

    class Async:
        async def __aenter__(self) -> None: ...

        async def __aexit__(self, *a: Any) -> None: ...

    for value in (5, Async()):
        assert outcome(call, "load_special", value, 1) == outcome(use, value)
    assert call("check_init_result", None) == 0
    with pytest.raises(TypeError, match="should return None, not 'int'"):
        call("check_init_result", 5)


def test_super() -> None:
    class Base:
        value = 5

        def method(self) -> Any:
            return self

        @classmethod
        def make(cls) -> Any:
            return cls

    class Derived(Base):
        def method(self) -> Any:
            return 1

    one = Derived()
    assert call("load_super_attr", super, Derived, one, "method", 3) == (Base.method, one)
    bound, nothing = call("load_super_attr", super, Derived, one, "method", 2)
    assert bound() is one and nothing is NULL
    assert call("load_super_attr", super, Derived, one, "value", 2) == (5, NULL)
    assert call("load_super_attr", super, Derived, one, "make", 3)[0]() is Derived
    for bad in ((Derived, 5, "method"), (5, one, "method"), (Derived, one, "nothing")):
        assert outcome(call, "load_super_attr", super, *bad, 3) == outcome(
            lambda: getattr(super(bad[0], bad[1]), bad[2])
        )


def test_super_cached() -> None:
    class Base:
        def method(self) -> Any:
            return "base"

        @property
        def value(self) -> Any:
            return 5

    class Middle(Base):
        pass

    class Left(Middle):
        def method(self) -> Any:
            return "left"

    class Right(Middle):
        def method(self) -> Any:
            return "right"

    class Both(Left, Right):
        pass

    method, value = Cell("method", 32), Cell("value", 32)
    for _ in range(2):
        for instance in (Both(), Left(), Both()):
            for cls in (Left, Middle):
                for _ in range(2):
                    expected = super(cls, instance).method
                    got = call("load_super_attr_cached", super, cls, instance, 3, method)
                    assert got == (expected.__func__, instance)
                    bound = call("load_super_attr_cached", super, cls, instance, 2, method)
                    assert bound == (expected, NULL)
                    assert call("load_super_attr_cached", super, cls, instance, 3, value) == (5, NULL)
        Middle.method = lambda self: "middle"  # type: ignore[attr-defined]
    for bad in ((Left, 5), (5, Left()), (Left, Base())):
        assert outcome(call, "load_super_attr_cached", super, *bad, 3, method) == outcome(
            lambda: super(*bad).method
        )
    assert call("load_super_attr_cached", super, Left, Both, 3, method) == (Right.method, NULL)


def test_ends() -> None:
    assert call("is_stop_async_iteration", StopAsyncIteration()) == 1
    assert call("is_stop_async_iteration", StopIteration()) == 0


def test_table_is_complete() -> None:
    assert all(entry[0] for entry in table.values())
    assert len(runtime.layout()) > 150
