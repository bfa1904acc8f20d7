"""Attributes of an imported name are called: CPython loads them as if it were a module's, and they may be methods."""

import sys
import types as registry

from prelude import Loud, case, log, look, see


class Registry:
    size = len

    def __init__(self):
        self.own = lambda *args, **named: ("own", args, named)

    def plain(self, *args, k="default"):
        return type(self).__name__, args, k

    def one(self, x):
        look()
        return x

    @classmethod
    def of_class(cls, x):
        return cls.__name__, x

    @staticmethod
    def of_none(x):
        return x

    @property
    def computed(self):
        look(2)
        return self.one

    def __getattr__(self, name):
        if name == "asked":
            return lambda *args: ("asked", args)
        raise AttributeError(f"no {name}")

    def counts(self, x):
        return sys.getrefcount(x)

    def raises(self, x):
        raise ValueError(x)


class Large(Registry):
    """Has a dict of its own."""

    def __init__(self):
        super().__init__()
        for i in range(40):
            setattr(self, f"a{i}", i)


registry = Registry()  # noqa: F811


@case("5")
def in_all_ways(x):
    return (
        registry.plain(x),
        registry.plain(x, k=x),
        registry.plain(*[x]),
        registry.plain(*[x], **{"k": 1}),
        registry.plain(registry.plain(x, registry.one(x)), k=registry.of_class(x)),
        registry.plain(1 if x else 2),
        registry.plain([registry.one(y) for y in (x, x)]),
        registry.own(x, k=x),
        registry.of_none(x),
        registry.computed(x),
        registry.asked(x, x),
    )


@case("5", "2**62", "1.5")
def argument_that_leaves(x):
    return registry.plain(x * 2 + 1, k=x - 1)


@case("5")
def bound_and_kept(x):
    method = registry.one
    return method(x), registry.one.__self__ is registry, registry.one is not registry.one


@case("[5]", odd=False)
def counted(x):
    return registry.counts(x), registry.counts([x])


@case("5", odd=False)
def missing(x):
    return registry.nothing(
        x,
        x,
    )


@case("5", odd=False)
def failing(x):
    try:
        return registry.raises(
            x,
        )
    except ValueError as error:
        see(error)
        return registry.size()


@case("5", odd=False)
def argument_that_fails(x):
    return registry.plain(Loud("first"), registry.one(Loud("second")), x / 0)


@case("5", odd=False)
def in_a_generator(x):
    def steps():
        yield registry.plain((yield x), k=(yield 2))

    running = steps()
    return next(running), running.send("a"), running.send("b")


@case("5", odd=False)
def replaced_by_an_argument(x):
    def replace():
        Registry.one = lambda self, x: ("replaced", x)

    before = Registry.one
    try:
        return registry.one(replace()), registry.one(x)
    finally:
        Registry.one = before


@case("5", odd=False)
def of_a_list(x):
    log.append(x)
    return log.index(x)


@case("5", odd=False)
def rebound(x):
    global registry
    before = registry
    results = []
    try:
        for registry in (before, Large(), 5, before):
            try:
                results.append(registry.plain(x))
            except AttributeError as error:
                results.append(str(error))
    finally:
        registry = before
    return results


@case("None, 5", "len, 'abc'", "0, [1]", odd=False)
def chosen(function, x):
    return (function or registry.plain)(x), (function and registry.plain or registry.one)(x)
