"""Classes that are called: CPython's own, and those with a `__new__` and an `__init__` in Python."""

import abc
import enum
import io
import sys

from prelude import Loud, case, look, see


class Looks:
    """Sees who makes a container of it."""

    def __init__(self, items):
        self.items = items

    def __iter__(self):
        look(2)
        return iter(self.items)


class Key:
    def __init__(self, value):
        self.value = value

    def __lt__(self, other):
        look(2)
        return self.value < other.value


class Both:
    def __new__(cls, *args, **kwargs):
        see("new", cls.__name__, args, kwargs)
        self = super().__new__(cls)
        self.args = args
        return self

    def __init__(self, value, *, factor=2):
        look()
        self.value = value * factor


class Derived(Both):
    def __init__(self, value, factor=3):
        super().__init__(value, factor=factor)
        self.derived = True


class MakesAnother:
    def __new__(cls, what):
        look()
        return what

    def __init__(self, what):
        see("must not be called", what)


class MakesDerived:
    def __new__(cls, first):
        return object.__new__(Below)

    def __init__(self, first):
        self.above = first


class Below(MakesDerived):
    def __init__(self, first):
        self.below = first


class ReturnsSomething:
    def __new__(cls, value):
        return super().__new__(cls)

    def __init__(self, value):
        return value


class Counted:
    made = 0

    def __new__(cls, *args, **kwargs):
        self = super().__new__(cls)
        self._args = args
        return self

    def __init__(self, **kwargs):
        Counted.made += 1
        self.number = Counted.made
        self.__dict__.update(kwargs)


class Undone(Both):
    """Its `__new__` takes `__init__` away."""

    def __new__(cls, value):
        if "__init__" in vars(cls):
            del cls.__init__
        return object.__new__(cls)

    def __init__(self, value):
        see("undone", value)


@case("[1, 2]", "(3,)", "'ab'", "Looks([1])", "{1: 2}", "7")
def containers(x):
    return list(x), tuple(x), sorted(set(x), key=repr), frozenset(x), dict.fromkeys(x)


@case("[(1, 2)]", "{'a': 1}", "Looks([('k', 'v')])", "[1]")
def dicts(x):
    return dict(x), dict(x, more=1), dict(a=x, b=2), dict(), dict(x).items() == dict(**dict(x)).items()


@case("[1, 2, 3]", "(4,)", "Looks([5, 6])", "3.5")
def iterators(x):
    pairs = [*zip(x, list(x)), *enumerate(x), *enumerate(x, start=5)]
    return pairs, list(reversed(list(x))), list(map(str, x)), list(filter(None, x))


@case("7", "'12'", "2.5", "True", "b'3'", "'x'")
def numbers(x):
    return int(x), float(x), bool(x), type(int(x)), int("12", base=3)


@case("[3, 1, 2]", "['b', 'a']", "[Key(2), Key(1)]", "5")
def keywords(x):
    largest = max(x, key=lambda item: item if isinstance(item, (int, str)) else item.value)
    return (
        sorted(x, reverse=True)[0],
        sorted(x, key=lambda item: 0),
        largest,
        "a,b,c".split(sep=",", maxsplit=1),
    )


@case("1", "'x'", "[]", odd=False)
def wrong_keywords(x):
    seen = []
    for call in (
        lambda: list(x, base=1),
        lambda: sorted(x, other=1),
        lambda: int(x, base=99),
        lambda: set(items=x),
        lambda: tuple(1, 2),
        lambda: enumerate(x, wrong=3),
    ):
        try:
            seen.append(call())
        except (TypeError, ValueError) as error:
            seen.append(str(error))
    return seen


@case("Loud('kept')", "Loud('kept', True)")
def what_is_contained_dies(thing):
    kept = list((thing, Loud("first")))
    look()
    kept = set((1,))
    other = dict(key=Loud("value"))
    other = tuple([Loud("item")])
    del thing
    return len(kept), len(other)


@case("3", "'a'", "[1]")
def both(x):
    first, second = Both(x), Both(x, factor=1)
    return first.value, first.args, second.value, type(second).__name__


@case("Both, 3", "Derived, 'a'", "Both, 'b'", "Derived, [1]")
def class_that_varies(cls, x):
    made = cls(x)
    return made.value, made.args, sorted(vars(made)), vars(cls(value=x)).keys() == {"args", "value"}


@case("3", "[4]", "Loud('made')")
def makes_another(x):
    return MakesAnother(x) is x


@case("3", "'b'")
def makes_derived(x):
    made = MakesDerived(x)
    return type(made).__name__, vars(made)


@case("None", "3", "'x'")
def returns_something(x):
    return type(ReturnsSomething(x)).__name__


@case("1", "'x'")
def counted(x):
    made = [Counted(a=x), Counted(b=x, c=1), Counted()]
    return [{**vars(one), "number": 0} for one in made], made[2].number - made[0].number


@case("1", odd=False)
def undone(x):
    Undone.__init__ = lambda self, value: see("new init", value)
    Undone.__new__ = staticmethod(lambda cls, value: (delattr(cls, "__init__"), object.__new__(cls))[1])
    try:
        return type(Undone(x)).__name__
    except TypeError as error:
        return str(error)


@case("1", "None", odd=False)
def wrong_arguments(x):
    seen = []
    for call in (lambda: Both(), lambda: Both(x, 2, 3), lambda: Both(x, other=1), lambda: Derived(x, 1, 2)):
        try:
            seen.append(call())
        except TypeError as error:
            seen.append(str(error))
    return seen


class Color(enum.Enum):
    RED = 1
    GREEN = [2]

    @classmethod
    def of(cls, value):
        return cls(value)

    @staticmethod
    def named(name):
        return Color[name]


class Registry:
    entries = {}
    last = None
    count = 0
    handler = print

    @classmethod
    def add(cls, name, value=None):
        look()
        cls.entries[name] = value
        return cls

    @staticmethod
    def twice(value):
        return value, value

    def plain(self, more=0):
        return type(self).__name__, more


class Below(Registry):
    @classmethod
    def add(cls, name, value=None):
        return super().add(name, [value])


class Meta(type):
    answers = {"a": 1}

    @property
    def hidden(cls):
        look(2)
        return cls.__name__

    def __getattr__(cls, name):
        if name != "missing":
            raise AttributeError(name)
        return "meta " + name


class OfMeta(metaclass=Meta):
    hidden = "not this one"
    seen = ["x"]


@case("1", "[2]", "3")
def enums(value):
    try:
        found = Color.of(value)
    except ValueError as error:
        found = str(error)
    return found, Color.RED is Color.named("RED"), Color.GREEN.value, Color.RED.name


@case("'k', 1", "'k', None")
def of_classes(name, value):
    first = Registry.add(name, value)
    second = Below.add(name)
    bound = Registry.add
    plain = Registry.plain(Registry(), value), Registry.twice(name)
    return (
        first.__name__,
        second.entries,
        bound("other").__name__,
        plain,
        str.upper(name),
        dict.fromkeys(name),
    )


@case("'k'", odd=False)
def class_changes(name):
    seen = [Registry.twice(name)]
    twice = Registry.__dict__["twice"]
    for number in range(4):
        Registry.twice = staticmethod(lambda value, number=number: number)
        seen.append(Registry.twice(name))
    Registry.twice = classmethod(lambda cls, value: (cls.__name__, value))
    seen.append(Registry.twice(name))
    Registry.twice = twice
    Below.twice = 7
    try:
        Below.twice(name)
    except TypeError as error:
        seen.append(str(error))
    del Below.twice
    return seen, Below.twice(name), Registry.handler is print


@case("1", odd=False)
def last_one_is_kept(value):
    seen = []
    for number in range(6):
        Registry.last = [number]
        Registry.count += 1
        seen.append((Registry.last, Registry.last[0]))
    return seen


@case("Loud('of a class')")
def what_a_class_had_dies(thing):
    Registry.last = thing
    del thing
    before = Registry.last is not None
    look()
    Registry.last = None
    look()
    return before


@case("1", odd=False)
def metaclasses(value):
    seen = [OfMeta.hidden, OfMeta.seen, OfMeta.missing, OfMeta.answers["a"]]
    Meta.seen = property(lambda cls: "data descriptor")
    seen.append(OfMeta.seen)
    del Meta.seen
    Meta.__getattribute__ = lambda cls, name: "asked"
    seen.append(OfMeta.seen)
    del Meta.__getattribute__
    return seen, OfMeta.seen


class Text(str):
    def __new__(cls, value="", mark=None):
        look()
        return super().__new__(cls, f"<{value}>")


class Pair(tuple):
    __slots__ = ()

    def __new__(cls, *items):
        if len(items) == 3:
            return items
        if len(items) == 4:
            return super().__new__(PairBelow, items)
        if not items:
            raise ValueError("nothing to pair")
        return super().__new__(cls, items)


class PairBelow(Pair):
    def __init__(self, *items):
        look()
        see("initialised", items)


class Initialised(str):
    def __new__(cls, value):
        Initialised.__init__ = lambda self, value: see("now", value)
        return super().__new__(cls, value)


@case("'x'", "3", "Loud('inside')", "None")
def immutable(x):
    first = Text(x)
    return type(first).__name__, Text() + Text(mark=x), Text(x, 1) is Text(x, 1)


@case("1", "[1]", "Loud('item')")
def made_by_new(x):
    seen = [Pair(x), Pair(x, 2), Pair(x, 2, 3), type(Pair(x, 2, 3, 4)).__name__]
    try:
        Pair()
    except ValueError as error:
        look()
        seen.append(str(error))
    return seen


@case("'a'", odd=False)
def init_comes_while_it_is_made(x):
    first = Initialised(x)
    del Initialised.__init__
    second = Initialised(x)
    del Initialised.__init__
    return first, second


@case("1", odd=False)
def new_changes(x):
    before = Pair.__dict__["__new__"]
    seen = [Pair(x)]
    Pair.__new__ = staticmethod(lambda cls, *items: ("other", items))
    seen.append(Pair(x))
    Pair.__new__ = before
    return seen, Pair(x)


class MakesRefusing(tuple):
    def __new__(cls, item):
        return tuple.__new__(Refuses, (item, 1))


class Refuses(MakesRefusing):
    def __init__(self, item):
        raise ValueError(item)


@case("Loud('refused')", "[1]", "2")
def initialiser_refuses(x):
    try:
        MakesRefusing(x)
    except ValueError as error:
        look()
        return type(error.args[0]).__name__


class MetaOne(type):
    pass


class MetaTwo(type):
    seen = property(lambda cls: "of the other metaclass")


class OfMetaOne(metaclass=MetaOne):
    seen = ["own"]

    def __new__(cls, x):
        return object.__new__(cls)


@case("1", odd=False)
def metaclass_is_assigned(x):
    first = OfMetaOne.seen
    OfMetaOne.__class__ = MetaTwo
    second = OfMetaOne.seen
    OfMetaOne.__class__ = MetaOne
    return first, second, OfMetaOne.seen


@case("OfMetaOne, 1", odd=False)
def metaclass_answers_for_new(cls, x):
    seen = [type(cls(x)).__name__]
    MetaOne.__getattribute__ = lambda cls, name: (
        (lambda *a: "asked") if name == "__new__" else type.__getattribute__(cls, name)
    )
    seen.append(cls(x))
    del MetaOne.__getattribute__
    return seen, type(cls(x)).__name__


class Wrapper(io.TextIOWrapper):
    def __getattr__(self, name):
        look()
        return "hook " + name


class Unhooked(io.TextIOWrapper):
    pass


NOT_INTERNED = "".join(["na", "med"])


@case("Wrapper(io.BytesIO())", "Unhooked(io.BytesIO())", "Wrapper(io.BytesIO())")
def c_attribute_that_fails(x):
    try:
        return x.name, x.closed
    except AttributeError as error:
        return str(error)


@case("Registry()", "Both(1)")
def name_that_is_not_interned(x):
    x.__dict__ = {"first": 1}
    setattr(x, NOT_INTERNED, 2)
    return getattr(x, NOT_INTERNED), [sys._is_interned(key) for key in vars(x)], hasattr(x, NOT_INTERNED)


class Shape:
    made = 0

    def __new__(cls, *args, **named):
        self = super().__new__(cls)
        self.made_with = args
        return self

    def __init__(self, *args, **named):
        super().__init__()
        self.named = named

    def __getattribute__(self, name):
        if name == "hidden":
            raise AttributeError("hidden")
        return super().__getattribute__(name)

    @classmethod
    def of_class(cls, *args):
        return cls.__name__, args

    @staticmethod
    def of_none(*args):
        return args

    @property
    def computed(self):
        return type(self).__name__

    def method(self, *args, **named):
        return type(self).__name__, args, named

    value = 5


class Square(Shape):
    def __new__(cls, *args, **named):
        return super().__new__(cls, *args, **named)

    def __init__(self, *args, **named):
        super().__init__(*args, **named)

    @classmethod
    def of_class(cls, *args):
        return super().of_class(*args), super().of_none(1), super().value, super().method

    @staticmethod
    def of_none(*args):
        return super(Square, Square).of_none(*args)

    @property
    def computed(self):
        return super().computed, super().value, super().of_class, super().of_none(2), super().of_class(3)

    def method(self, *args, **named):
        kept = super().method
        return kept(*args, **named), super().method(*args, **named), kept.__self__ is self

    def missing(self):
        return super().missing()


class Coloured(Square):
    pass


class Meta(type):
    def __instancecheck__(cls, instance):
        return super().__instancecheck__(instance)

    def method(cls):
        return super().mro()


class Made(metaclass=Meta):
    pass


class MadeBelow(Made):
    pass


@case("Square", "Coloured", "Shape")
def super_in_every_place(cls):
    results = []
    for each in (cls, Coloured, Square):
        shape = each(1, 2, k=3)
        results += [shape.made_with, shape.named, shape.of_class(4), each.of_class(5), each.of_none(6)]
        results += [shape.computed, shape.method(7, k=8), each.method(shape, 9), hasattr(shape, "hidden")]
        results += [shape.value, getattr(shape, "missing", None) and outcome_of(shape.missing)]
    return results


def outcome_of(function):
    try:
        return function()
    except Exception as error:
        return type(error), str(error)


@case("Made")
def super_in_a_metaclass(cls):
    return (
        isinstance(Made(), cls),
        isinstance(MadeBelow(), cls),
        isinstance(5, Made),
        Made.method(),
        MadeBelow.method(),
    )


@case("Square(1)", odd=False)
def super_of_what_changes(shape):
    before = Shape.of_none, Shape.value
    results = []
    for value in (lambda self, *args: ("function", args), classmethod(lambda cls, *args: cls), 7, before[0]):
        Shape.of_none = value
        results.append(outcome_of(lambda: super(Square, shape).of_none(1)))
        results.append(outcome_of(lambda: super(Square, Square).of_none(1)))
        results.append(outcome_of(shape.method))
    Shape.of_none = staticmethod(before[0])
    return results


@case("Square", "int", "object", "Sized")
def what_object_has(cls):
    make, fill, get = object.__new__, object.__init__, object.__getattribute__
    results = []
    for function, arguments in (
        (make, (cls,)),
        (make, (cls, 1)),
        (make, ()),
        (make, (5,)),
        (fill, (cls,)),
        (fill, (Shape.__new__(Shape),)),
        (fill, (Made(), 1)),
        (fill, ()),
        (get, (cls, "__name__")),
        (get, (Made(), "nothing")),
        (get, (Square(3), "made_with")),
        (get, (Square(3), 5)),
        (get, (Square(3),)),
    ):
        if len(arguments) == 1:
            results.append(outcome_of(lambda: type(function(arguments[0]))))
        elif len(arguments) == 2:
            results.append(outcome_of(lambda: function(arguments[0], arguments[1])))
        else:
            results.append(outcome_of(lambda: function()))
    first, second = object(), object()
    return results, first is second, type(first)


class Sized(abc.ABC):
    @abc.abstractmethod
    def size(self):
        raise NotImplementedError


class Called:
    def __init__(self, name):
        self.name = name

    def __call__(self, x, *rest, k="default", **named):
        look()
        return self.name, x, rest, k, named


class CalledPlainly:
    def __call__(self, x, y=2):
        return x, y


class CalledSlowly:
    def __call__(self, x):
        yield x
        yield self.__class__.__name__


@case("Called('n')", "CalledPlainly()", "CalledSlowly()", "len", "Square")
def instances_that_are_called(callee):
    return [
        outcome_of(call)
        for call in (
            lambda: callee(1),
            lambda: callee(1, 2),
            lambda: callee(x=3),
            lambda: callee(1, y=4),
            lambda: callee(1, k=5, other=6),
            lambda: callee(),
            lambda: list(callee("slowly")),
        )
    ]


@case("CalledPlainly()", odd=False)
def called_in_other_ways(callee):
    before = CalledPlainly.__call__
    results = []
    callee.__call__ = lambda *args: "of the instance"
    for value in (before, classmethod(lambda cls, *args: args), len, Called("class's"), before):
        CalledPlainly.__call__ = value
        results.append(outcome_of(lambda: callee([1])))
    del CalledPlainly.__call__
    results.append(outcome_of(lambda: callee([1])))
    CalledPlainly.__call__ = before
    return results, callee(3)


class Bare:
    pass


class BareOfMeta(metaclass=abc.ABCMeta):
    def method(self):
        return "method"


def make_bare():
    made = Bare(), BareOfMeta(), object()
    return [type(one).__name__ for one in made], vars(made[0]), made[1].method(), len({*made})


@case("1")
def made_plainly(x):
    results = [outcome_of(make_bare)]
    for cls, name, value in (
        (Bare, "__init__", lambda self: setattr(self, "x", x)),
        (Bare, "__new__", lambda cls: object.__new__(BareOfMeta)),
        (Bare, "__init__", lambda self, missing: None),
        (BareOfMeta, "__abstractmethods__", frozenset({"method"})),
    ):
        setattr(cls, name, value)
        results.append(outcome_of(make_bare))
        delattr(cls, name)
        results.append(outcome_of(make_bare))
    return results, outcome_of(lambda: Bare(x)), outcome_of(lambda: object(x)), outcome_of(lambda: Bare(y=x))
