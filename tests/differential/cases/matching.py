"""`match` statements and t-strings."""

from collections import OrderedDict, deque

from prelude import case, look, see


class Point:
    __match_args__ = ("x", "y")

    def __init__(self, x, y):
        self.x = x
        self.y = y

    def __repr__(self):
        return f"{type(self).__name__}({self.x}, {self.y})"


class Sub(Point):
    pass


class Odd:
    """Attributes that come late, or raise."""

    __match_args__ = ("a", "b")

    def __init__(self, error=None):
        self.error = error

    @property
    def a(self):
        see("a")
        look()
        return 1

    @property
    def b(self):
        if self.error is not None:
            raise self.error
        return self


class BadNames:
    __match_args__ = ("x", 3)
    x = 1


class Sized:
    """A sequence by registration only is none to `match` without the flag."""

    def __init__(self, n):
        self.n = n

    def __len__(self):
        see("len")
        return self.n

    def __getitem__(self, i):
        return i


class Default(dict):
    def __missing__(self, key):
        see("missing", key)
        return key

    def get(self, key, default=None):
        see("get", key)
        if key == "bad":
            raise KeyError("get")
        return super().get(key, default)


SUBJECTS = (
    "1",
    "-1",
    "True",
    "None",
    "'text'",
    "b'b'",
    "1.5",
    "[]",
    "[1]",
    "[1, 2]",
    "(1, 2, 3, 4)",
    "range(3)",
    "{}",
    "{'k': 1}",
    "{'k': 1, 'l': [2, (3, 4)]}",
    "Point(0, 0)",
    "Point(1, [2])",
    "Sub(3, 4)",
    "Odd()",
    "Odd(ValueError('b'))",
    "Odd(AttributeError('b'))",
    "BadNames()",
    "deque([1, 2])",
    "Sized(2)",
    "OrderedDict(k=5)",
    "Default(k=2)",
    "Point",
    "frozenset()",
    "2**70",
)


@case(*SUBJECTS)
def every_pattern(subject):
    match subject:
        case True | None:
            return "singleton"
        case 1 | -1 | 1.5:
            return "number", subject
        case str() | bytes() as text:
            return "text", text
        case int(n) if n > 100:
            return "large", n
        case []:
            return "empty"
        case [one]:
            return "one", one
        case [first, *rest] if len(rest) > 1:
            return "more", first, rest
        case (first, second):
            return "two", first, second
        case {"k": k, "l": [m, (n, o)], **others}:
            return k, m, n, o, others
        case {"k": int() as k, **others}:
            return "k", k, others
        case {}:
            return "mapping"
        case Sub(x, y):
            return "sub", x, y
        case Point(x=0, y=0):
            return "origin"
        case Point(x, [y]):
            return "point", x, y
        case Odd(a, b=Odd()):
            return "odd", a, b is subject
        case Odd():
            return "odd only"
        case BadNames(x, y):
            return "bad", x, y
        case _:
            return "nothing"


@case("{}", "{'a': 1}", "{'a': 1, 'b': 2}", "Default(a=1)", "Default(bad=1)", "[('a', 1)]")
def keys_by_name(subject):
    class Names:
        first = "a"
        second = "bad"

    match subject:
        case {Names.first: value, Names.second: other}:
            return value, other
        case {Names.first: value}:
            return value
    return None


@case("{'a': 1}")
def the_same_key_twice(subject):
    class Names:
        one = "a"
        two = "a"

    match subject:
        case {Names.one: x, Names.two: y}:
            return x, y


@case("Point(1, 2)", "Sub(1, 2)", "5")
def too_many_positional(subject):
    match subject:
        case Point(a, b, c):
            return a, b, c
    return "no"


@case("Point(1, 2)", "5")
def class_that_is_none(subject):
    kind = 5
    match subject:
        case kind(a):
            return a


@case("[1, [2, [3, [4]]]]", "[1, 2]", "[1, [2, 3]]", "[]")
def in_a_loop(subject):
    out = []
    while True:
        match subject:
            case [head, list() as tail]:
                out.append(head)
                subject = tail
            case [head, *_]:
                out.append(("last", head))
                subject = []
            case _:
                return out


def parts(template):
    return template.strings, [
        (i.value, i.expression, i.conversion, i.format_spec) for i in template.interpolations
    ]


@case("1", "'x'", "[1]", "None")
def template(value):
    width = 10
    see(parts(t"{value}"))
    see(parts(t"a{value!r:>{width}}b{value = }c"))
    return parts(t"{value:{width}}tail")


@case("1", "0")
def template_whose_part_raises(value):
    return parts(t"{1 / value} {look()}")
