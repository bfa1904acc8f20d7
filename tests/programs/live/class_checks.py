"""isinstance() and issubclass() of classes whose metaclasses have a say, asked again after what may change the answer."""

import abc
import collections.abc
import enum
import gc
import sys


class Shape(abc.ABC):
    pass


class Hooked(abc.ABC):
    @classmethod
    def __subclasshook__(cls, other):
        return any("area" in base.__dict__ for base in other.__mro__) or NotImplemented


class Round:
    pass


pretended = Round


class Square(Round):
    area = 1


class Lies:
    @property
    def __class__(self):
        return pretended


class Twofaced(Round):
    __class__ = property(lambda self: Lazy)


class Lazy:
    def __getattr__(self, name):
        raise AttributeError(name)


class Color(enum.Flag):
    RED = 1


class Asking(type):
    """Says itself who is one."""

    def __instancecheck__(cls, instance):
        return super().__instancecheck__(instance) or type(instance).__name__ == "Square"

    def __subclasscheck__(cls, derived):
        return cls.__name__ in derived.__name__ or super().__subclasscheck__(derived)


class Squ(metaclass=Asking):
    pass


class Derived(abc.ABCMeta):
    pass


class Kept(metaclass=Derived):
    pass


class Own(abc.ABC):
    pass


CLASSES = [
    Shape, Hooked, Color, Squ, Kept, Own, collections.abc.Mapping, collections.abc.Hashable, (int, Shape), (Kept, (Own, Round)),
]
OBJECTS = [Round(), Square(), Lies(), Lazy(), Color.RED, 3, "x", {}, [], Squ(), Round().__init__, int | str, Shape, None]


def check(thing, kind):
    return isinstance(thing, kind), issubclass(type(thing), kind)


def all_checks(title):
    """Four times, so that what is kept is used; the last is printed."""
    for _ in range(4):
        found = ["".join("ny"[answer] for answer in check(thing, kind)) for kind in CLASSES for thing in OBJECTS]
    print(title, *found)


all_checks("first")

pretended = Square
all_checks("pretends something else")

Shape.register(Round)
all_checks("registered")

Derived.__instancecheck__ = lambda cls, instance: not abc.ABCMeta.__instancecheck__(cls, instance)
all_checks("metaclass")
del Derived.__instancecheck__
all_checks("metaclass as before")

Own.__subclasscheck__ = classmethod(lambda cls, derived: True)
all_checks("__subclasscheck__ of the class's own")
del Own.__subclasscheck__

Kept.register(Square)
all_checks("registered again")
Kept._abc_registry_clear()
all_checks("registry cleared")
Kept._abc_caches_clear()
all_checks("caches cleared")

Square.__bases__ = (Lazy,)
all_checks("bases")
Square.__bases__ = (Round,)

Square.__bases__ = (Twofaced,)
all_checks("another __class__ by its bases")
Square.__bases__ = (Round,)

Lazy.__getattribute__ = lambda self, name: dict if name == "__class__" else object.__getattribute__(self, name)
all_checks("__getattribute__")
del Lazy.__getattribute__

collections.abc.Mapping.register(Lazy)
all_checks("a mapping")

code = abc.ABCMeta.__instancecheck__.__code__
abc.ABCMeta.__instancecheck__.__code__ = (lambda cls, instance: type(instance) is int).__code__
all_checks("other code")
abc.ABCMeta.__instancecheck__.__code__ = code

builtin = abc._abc_instancecheck
abc._abc_instancecheck = lambda cls, instance: type(instance) is str
all_checks("another global")
abc._abc_instancecheck = builtin
all_checks("as before")


class Grown:
    """Becomes hashable and a mapping only after it was asked about."""

    __hash__ = None


OBJECTS[:] = [Grown()]
all_checks("grows")
Grown.__hash__ = object.__hash__
all_checks("has grown")
collections.abc.Sized.register(Round)
all_checks("has grown, and is asked anew")


class Wrong(type):
    def __instancecheck__(cls, instance):
        raise KeyError(instance)

    def __subclasscheck__(cls, derived):
        return Undecided()


class Undecided:
    def __bool__(self):
        raise ValueError("no truth")


class Raises(metaclass=Wrong):
    pass


def failing(question, thing, kind):
    try:
        return question(thing, kind)
    except (KeyError, ValueError, TypeError) as error:
        return type(error).__name__, str(error)


for _ in range(4):
    print(failing(isinstance, 1, Raises), failing(issubclass, int, Raises), failing(issubclass, 1, Shape))
    print(failing(isinstance, 1, "no class"), failing(issubclass, int, (Shape, 3)), isinstance(Raises(), Raises))

# --- by what an object says of its class ------------------------------------------------------------------------------


def believed(liar):
    return [isinstance(liar, Hooked) for _ in range(4)], [isinstance(liar, Square) for _ in range(4)]


for pretended in (Round, Square, Round, Square):
    print(believed(Lies()))

# --- what tools see of it ---------------------------------------------------------------------------------------------

events = []


def profile(frame, event, argument):
    if event == "call" and "check" in frame.f_code.co_name:
        events.append(frame.f_code.co_name)


def many():
    return [check(3, Shape) for _ in range(5)]


many()
sys.setprofile(profile)
many()
sys.setprofile(None)
many()
print(events)


class Starter(type):
    def __instancecheck__(cls, instance):
        sys.setprofile(profile)
        return False


class Starts(metaclass=Starter):
    pass


def between():
    return [isinstance(3, (kind, Shape)) for kind in (int, str, str, Starts, str)]


for _ in range(4):
    events.clear()
    between()
    sys.setprofile(None)
    print(events)

# --- addresses that come again ----------------------------------------------------------------------------------------


def short_lived(number):
    class Abstract(abc.ABC):
        @classmethod
        def __subclasshook__(cls, other):
            return number % 3 == 0

    return [check(3, Abstract) for _ in range(3)]


for number in range(8):
    print(short_lived(number))
    gc.collect()
