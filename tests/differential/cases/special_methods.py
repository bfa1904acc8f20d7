"""Special methods written in Python that operations reach: subscripts, `in`, truth, length, iteration, str."""

from prelude import Loud, case, look, see


class Whole:
    """Has them all."""

    def __init__(self, value):
        self.value = value

    def __getitem__(self, key):
        look(2)
        return self.value, key

    def __setitem__(self, key, value):
        look(2)
        self.value = key, value

    def __delitem__(self, key):
        look(2)
        self.value = "deleted", key

    def __contains__(self, item):
        look(2)
        return self.value == item

    def __bool__(self):
        look(2)
        return self.value == 1

    def __len__(self):
        look(2)
        return self.value

    def __iter__(self):
        look(2)
        yield self.value
        yield 2

    def __str__(self):
        look(2)
        return f"<{self.value}>"


class Deeper(Whole):
    def __len__(self):
        return super().__len__() + 1

    def __str__(self):
        return "deeper " + super().__str__()

    def __contains__(self, item):
        return super().__contains__(item) or item == 5


class Wrong:
    """What each gives is not what it should be."""

    def __getitem__(self, key, more=None, *rest):
        raise KeyError(key)

    def __setitem__(self, key):
        return key

    def __contains__(self, item):
        return Wrong()

    def __bool__(self):
        return 1

    def __len__(self):
        return "long"

    def __iter__(self):
        return 3

    def __str__(self):
        return b"bytes"


class Lengths:
    def __init__(self, length):
        self.length = length

    def __len__(self):
        return self.length


class Index:
    def __init__(self, value):
        self.value = value

    def __index__(self):
        see("index")
        return self.value


class Missing:
    __contains__ = None
    __iter__ = None
    __len__ = None
    __bool__ = None
    __getitem__ = None


class Bound:
    """None of them is a plain function of the class."""

    __getitem__ = staticmethod(lambda key: ("static", key))
    __contains__ = classmethod(lambda cls, item: (see(cls.__name__), item == 1)[1])
    __len__ = Index(3).__index__
    __bool__ = property(lambda self: lambda: True)
    __iter__ = type("Calls", (), {"__call__": lambda self: iter([1])})()
    __str__ = str


class Words(dict):
    def __missing__(self, key):
        return "missing", key

    def __setitem__(self, key, value):
        super().__setitem__(str(key), value)

    def __contains__(self, key):
        return super().__contains__(str(key))

    def __len__(self):
        return super().__len__() + 10


class Plural(list):
    def __getitem__(self, key):
        return "item", super().__getitem__(key)

    def __iter__(self):
        return reversed(self)


class Name(str):
    def __str__(self):
        return Name("its " + super().__str__())

    def __bool__(self):
        return False


class Vanishing:
    """Its methods take themselves out of the class."""

    def __getitem__(self, key):
        del Vanishing.__getitem__
        Vanishing.later = self, key
        return key

    def __contains__(self, item):
        del Vanishing.__contains__
        return item

    def __len__(self):
        del Vanishing.__len__
        return 4


OBJECTS = [
    "Whole(1)",
    "Whole(0)",
    "Deeper(1)",
    "Wrong()",
    "Lengths(0)",
    "Lengths(True)",
    "Lengths(-1)",
    "Lengths(1 << 80)",
    "Lengths(Index(7))",
    "Lengths(Index(-7))",
    "Missing()",
    "Bound()",
    "Words(a=1)",
    "Plural([1, 2])",
    "Name('name')",
    "Vanishing()",
]


@case(*(f"{thing}, {key}" for thing in OBJECTS for key in ("1", "'a'", "slice(1)", "Loud('key')")), odd=False)
def reads(thing, key):
    return thing[key]


@case(*(f"{thing}, 1, Loud('value')" for thing in OBJECTS), odd=False)
def writes(thing, key, value):
    thing[key] = value
    thing[key] = key
    return thing


@case(*(f"{thing}, 'a'" for thing in OBJECTS), odd=False)
def deletes(thing, key):
    del thing[key]
    return thing


@case(*(f"{thing}, {item}" for thing in OBJECTS for item in ("1", "'a'", "5")), odd=False)
def has(thing, item):
    return item in thing, item not in thing


@case(*OBJECTS, odd=False)
def truth(thing):
    if thing:
        return "true", not thing
    return "false", bool(thing), thing and 1, thing or 2


@case(*OBJECTS, odd=False)
def length(thing):
    return len(thing), len(thing) + 1


@case(*OBJECTS, odd=False)
def matches(thing):
    match thing:
        case [a, b]:
            return a, b
        case {"a": x}:
            return x
    return None


@case(*OBJECTS, odd=False)
def steps(thing):
    seen = []
    for item in thing:
        seen.append(item)
        if len(seen) > 5:
            break
    return seen


@case(*OBJECTS, odd=False)
def spreads(thing):
    first, *others = thing
    return first, others


@case(*OBJECTS, odd=False)
def texts(thing):
    return str(thing), f"{thing!s} {thing}"


@case("Whole(1)", "Deeper(1)")
def after_the_class_changed(thing):
    cls = type(thing)
    kept = cls.__len__, cls.__getitem__
    seen = []
    for step in range(4):
        seen.append((len(thing), thing[step]))
        if step == 1:
            cls.__len__ = lambda self: 9
            cls.__getitem__ = lambda self, key: ("changed", key)
        if step == 2:
            cls.__len__, cls.__getitem__ = kept
    return seen


class Recorded(Exception):
    def __init__(self, text, *, code=3):
        super().__init__(text)
        look(2)
        self.code = code


class Counted(dict):
    def __init__(self, *args, start=0, **named):
        see("args", args, named)
        super().__init__(*args, **named)
        self.start = start


class Narrow(int):
    def __init__(self, value, base=10):
        see("init", self, value, base)


class Elsewhere(bytes):
    """What tp_new gives is initialised as what it is."""

    def __init__(self, *args):
        see("elsewhere", args)
        return None


class Refuses(list):
    def __init__(self, *args):
        return 3


@case(
    "Recorded, 'text'",
    "Counted, {'a': 1}",
    "Narrow, '12'",
    "Narrow, 'x'",
    "Elsewhere, b'ab'",
    "Refuses, 'abc'",
    "Recorded, Loud('argument')",
    odd=False,
)
def constructs(cls, value):
    made = cls(value)
    return made, type(made).__name__, getattr(made, "args", None), getattr(made, "start", None)


@case("Recorded, 'text'", "Counted, [('a', 1)]", "Narrow, '12'", "Elsewhere, b'ab'", odd=False)
def constructs_with_keywords(cls, value):
    try:
        return cls(value, code=5)
    except TypeError:
        return cls(value, start=7)


def raised(text):
    raise Recorded(text, code=Loud("code"))


@case("'a'", "Loud('b')")
def raises(text):
    try:
        raised(text)
    except Recorded as error:
        return error.args, error.code, error.__traceback__.tb_next.tb_lineno
