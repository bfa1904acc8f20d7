"""Every kind of parameters, called in every way from sites that see all of them: what is bound, and what is said where nothing can be."""
import functools
import random
import types

chosen = random.Random(14)
NAMES = "abcdefg"
BODIES = (
    "def f({0}):\n    return {1}",
    "def f({0}):\n    keep = lambda: ({1})\n    return keep()",
    "def f({0}):\n    yield {1}",
    "async def f({0}):\n    return {1}",
)


class Key(str):
    pass


class Mapped:
    """No dict, but it has what ** asks for."""

    def __init__(self, **items):
        self.items = items

    def keys(self):
        return iter(self.items)

    def __getitem__(self, key):
        return self.items[key]


def make_function():
    only, plain, named = chosen.randrange(3), chosen.randrange(4), chosen.choice((0, 0, 1, 2))
    names = NAMES[: only + plain]
    defaults = chosen.randrange(len(names) + 1)
    parts = []
    for i, name in enumerate(names):
        parts.append(name if i < len(names) - defaults else f"{name}='{name}0'")
        if i == only - 1:
            parts.append("/")
    found = list(names)
    if chosen.random() < 0.4:
        parts.append("*rest")
        found.append("rest")
    elif named:
        parts.append("*")
    for name in "xy"[:named]:
        parts.append(chosen.choice((name, f"{name}='{name}0'")))
        found.append(name)
    if chosen.random() < 0.4:
        parts.append("**more")
        found.append("list(more.items())")
    source = chosen.choice(BODIES).format(", ".join(parts), f"({', '.join(found)},)" if found else "()")
    space = {}
    exec(source, space)
    return space["f"], source


def make_site():
    positional, names = chosen.randrange(4), chosen.sample("abcdxyzw", chosen.choice((0, 1, 1, 2, 3)))
    parts = [str(i) for i in range(positional)]
    space = {"later": (7, 8), "two": {"x": 70, "y": 80}, "other": {"z": 1, "a": 2, "x": 3}}
    if chosen.random() < 0.25:
        parts.append(chosen.choice(("*later", "*later[:1]", "*[]", "*()")))
    parts += [f"{name}='{name}1'" for name in names]
    if chosen.random() < 0.3:
        parts.append(chosen.choice(("**two", "**other", "**{}", "**dict(zip('ab', (1, 2)))")))
    source = f"def site(f):\n    return f({', '.join(parts)})"
    exec(source, space)
    return space["site"], source


def outcome(call, *arguments):
    try:
        result = call(*arguments)
        if isinstance(result, types.GeneratorType):
            return list(result)
        return result.send(None) if isinstance(result, types.CoroutineType) else result
    except StopIteration as ended:
        return ended.value
    except TypeError as error:
        return str(error)


functions = [make_function() for _ in range(40)]
sites = [make_site() for _ in range(30)]
for site, source in sites:
    for function, signature in functions:
        results = {repr(outcome(site, function)) for _ in range(4)}
        print(source[29:], signature.split("\n")[0], *results)

# The same by C, which makes names anew for each call.
for function, signature in functions:
    for given in ({}, {"x": 1}, {"y": 2, "z": 3}, {"a": 4}, {"b": 5, "a": 6}, {"".join(["ba", "r"]): 7}, {Key("a"): 8}):
        for positional in ((), (0,), (0, 1)):
            for _ in range(3):
                print(outcome(functools.partial(function, *positional, **given)), end=" ")
            print(outcome(functools.partial(function, **given), *positional), end=" ")
            print(outcome(types.MethodType(function, "self"), *positional))


def collect(*arguments, **named):
    return arguments, named


def pass_on(function, *arguments, **named):
    return function(*arguments, **named)


def spread(function, arguments, named):
    return function(*arguments, **named)


class Made:
    def __init__(self, *arguments, **named):
        self.got = arguments, named


class MadeByNew(Made):
    def __new__(cls, *arguments, **named):
        self = super().__new__(cls)
        self.new = arguments, named
        return self


class Metaclass(type):
    def __call__(cls, *arguments, **named):
        return super().__call__(*arguments, called=True, **named)


class MadeByMetaclass(Made, metaclass=Metaclass):
    pass


class Called:
    def __call__(self, first, *arguments, k=0, **named):
        return first, arguments, k, named

    def method(self, first, *arguments, k=0, **named):
        return first, arguments, k, named

    @classmethod
    def of_class(cls, first, *arguments, k=0, **named):
        return cls.__name__, first, arguments, k, named

    @staticmethod
    def static(first, *arguments, k=0, **named):
        return first, arguments, k, named


def changes(**named):
    named["changed"] = len(named)
    return named


def keeps(*, x=1, **named):
    return x, named


called = Called()
callables = (
    collect, Made, MadeByNew, MadeByMetaclass, called, called.method, Called.method, called.of_class, called.static, changes, keeps,
    functools.partial(collect, 1, k=2), functools.partial(Made, 1, k=2), dict, list, print, int, "{} {k}".format, max, 5, None,
    functools.lru_cache(collect), functools.partial(called.method, x=9), sorted, type, object, ValueError, "a".join,
)  # fmt: skip
forwarded = (
    ((), {}), ((1,), {}), ((3, 2), {"k": 5}), ((), {"x": 1, "y": 2}), (["a"], {"k": 1}), (iter("ab"), {}), ((1,), Mapped(k=3)), (5, {}),
    ((1,), 6), ((called, 1), {"k": 1}), ((1,), {2: 3}), ((1,), {Key("k"): 4}), (tuple(range(14)), {"k": 1}),
)  # fmt: skip


def shown(result):
    for name in ("new", "got"):
        if hasattr(result, name):
            print(name, getattr(result, name), end=" ")
    return result if not isinstance(result, (Made, Called)) else type(result).__name__


for function in callables:
    for arguments, named in forwarded:
        for _ in range(4):
            for way in (pass_on, spread):
                try:
                    if way is spread:
                        result = spread(function, arguments, named)
                    else:
                        result = pass_on(function, *arguments, **named)
                    print(shown(result), end="; ")
                    assert result is not named
                except Exception as error:
                    print(type(error).__name__, error, end="; ")
        print(named)
named = {"x": 1}
for _ in range(10):
    result = spread(changes, (), named)
    assert result == {"x": 1, "changed": 1} and named == {"x": 1}, (result, named)


# Defaults that change, among them those of keywords only.
def changing(a, b=2, *, x=3, y=4):
    return a, b, x, y


def call_changing():
    return changing(1), changing(1, y=5), changing(a=1, x=5), changing(b=1, a=2)


for change in (
    lambda: None,
    lambda: setattr(changing, "__kwdefaults__", {"y": 40, "x": 30}),
    lambda: changing.__kwdefaults__.update(x=31),
    lambda: changing.__kwdefaults__.pop("y"),
    lambda: setattr(changing, "__kwdefaults__", {Key("x"): 32, "y": 42}),
    lambda: setattr(changing, "__kwdefaults__", vars(types.SimpleNamespace(x=1, y=2))),
    lambda: setattr(changing, "__kwdefaults__", None),
    lambda: setattr(changing, "__kwdefaults__", {"x": 3, "y": 4, 5: 6}),
    lambda: setattr(changing, "__defaults__", (10, 20)),
    lambda: setattr(changing, "__defaults__", None),
):
    change()
    for _ in range(8):
        result = outcome(call_changing)
    print(result)


# A dict that is passed on stays the caller's own: C code keeps the one that it gets, or changes it.
def make_partial(**named):
    made = functools.partial(collect, **named)
    named["later"] = 1
    return made.keywords, named


def pass_class(cls, **named):
    made = cls(**named)
    named["later"] = 1
    return made, named


for _ in range(10):
    result = make_partial(x=1), pass_class(dict, x=1), pass_class(functools.partial(dict, y=2), x=1), pass_class(dict)
print(result)


# Containers that are only passed on, in loops with globals for variables, whose finalizers change these.
count = 0


class Counts:
    def __del__(self):
        global count
        count += 1


def loops(*rest, **named):
    global count
    total = []
    for i in range(400):
        count += 1
        total.append(collect(Counts(), *rest, **named)[1:] + collect(i, *rest)[1:])
        count -= 1
    return len(total), count


for _ in range(4):
    print(loops(1, 2, a=3))
