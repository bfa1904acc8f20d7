"""Annotations, type parameters, type aliases, and class bodies: code that looks a name up in a dictionary first."""

import typing

from prelude import Loud, case, look, see


class Outer:
    number = int
    hidden: "str" = "class"

    def annotated(self, a: number, b: typing.Optional[number] = None) -> hidden: ...

    class Inner: ...

    def of_inner(self, a: Inner, b: missing_everywhere) -> Inner: ...  # noqa: F821


def annotations_of(function):
    try:
        return dict(function.__annotate__(1))
    except NameError as error:
        return str(error), error.name


@case("1", "'x'", "2.5")
def annotations(value):
    see(annotations_of(Outer.annotated), annotations_of(Outer.of_inner))
    return value


def make_class(kind, names):
    """The class body and its annotations see the function's variables, unless the class has hidden them."""

    class Made:
        found = kind
        for name in names:
            last = name, kind
            locals()["kind"] = name

        def method(self, a: kind, b: names) -> found: ...

        field: kind = last

    return Made


@case("int, 'ab'", "str, []", "None, (1, 2)", "1, 5", odd=False)
def class_bodies(kind, names):
    made = make_class(kind, names)
    see(made.found, made.__dict__.get("last"), made.kind)
    see(made.method.__annotate__(1), made.__annotations__)
    made.kind = "later"
    del made.found
    return annotations_of(made.method)


def unbound_around(flag):
    if flag:
        around = 3

    class Made:
        inner = around

    return Made.inner


@case("1", "0", "[]")
def unbound_in_a_body(flag):
    return unbound_around(flag)


class Names(dict):
    """The names of a class body: tells what is looked up, and knows some itself."""

    def __getitem__(self, name):
        see("looked up", name)
        if name == "known":
            return "from the namespace"
        if name == "broken":
            raise ZeroDivisionError(name)
        return super().__getitem__(name)


class Meta(type):
    @classmethod
    def __prepare__(mcs, name, bases):
        return Names()


def prepared(known, other):
    class Made(metaclass=Meta):
        first = known
        second = other

        def method(self, a: known, b: other): ...

    return Made.first, Made.second, Made.method.__annotate__(1)


def broken_names(broken):
    class Made(metaclass=Meta):
        first = broken

    return Made


@case("1, 2", "'a', None")
def namespaces(known, other):
    see(prepared(known, other))
    return broken_names(known)


@case("1", "'x'")
def type_parameters(value):
    def plain[T](a: T) -> list[T]:
        return [a]

    def bounded[T: int, *Rest, **Spec](a: T) -> tuple[*Rest]:
        return a

    def choice[T: (int, str) = int](a: T) -> T:
        return a

    class Box[T, U = str]:
        item: T

        def get(self) -> U: ...

        type Pair[V] = tuple[T, V]

    type Alias[T] = dict[T, Box[T]] | value

    for function in (plain, bounded, choice):
        see(function(value), [str(p) for p in function.__type_params__], function.__annotations__.keys())
    bound, rest, spec = bounded.__type_params__
    see(bound.__bound__, choice.__type_params__[0].__constraints__, choice.__type_params__[0].__default__)
    see([str(base) for base in Box.__orig_bases__], str(Box.__type_params__[1].__default__))
    see(str(Box.Pair.__value__), str(Box.get.__annotations__["return"]), bound.__module__ == __name__)
    see(type(rest).__name__, type(spec).__name__, Alias.__type_params__[0].__name__)
    return Alias.__value__


@case("3", "0")
def bounds_that_fail(value):
    def bounded[T: 1 // value](a: T): ...

    return bounded.__type_params__[0].__bound__


def stops(value):
    keep = Loud("kept")
    yield value
    if value:
        raise StopIteration(value)
    look()
    raise ValueError(value)


def passes_on(value):
    try:
        yield from stops(value)
    finally:
        see("left")


def in_handler(value):
    try:
        1 / 0
    except ZeroDivisionError:
        yield value
        next(iter(()))


@case("1", "0", "'x'", "None")
def generators_that_raise(value):
    for make in (stops, passes_on, in_handler):
        generator = make(value)
        see(next(generator))
        try:
            next(generator)
        except (RuntimeError, ValueError) as error:
            see(error, error.__cause__, error.__context__, error.__suppress_context__)
        see(list(generator), generator.gi_frame)
    for item in stops(value):
        see(item)


async def stops_too(value):
    if value:
        raise StopIteration(value)
    raise StopAsyncIteration(value)


async def async_stops(value):
    yield value
    if value:
        raise StopAsyncIteration(value)
    raise StopIteration(value)


async def drives(value):
    async for item in async_stops(value):
        see(item)


@case("1", "0", "'x'")
def coroutines_that_raise(value):
    for make in (stops_too, drives):
        try:
            make(value).send(None)
        except RuntimeError as error:
            see(error, error.__cause__)
    return drives(value).send(None)
