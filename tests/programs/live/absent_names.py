"""Names that classes have not, or have from the start, asked for by constant and by computed names while that changes."""


class Base:
    here = "base"


class Derived(Base):
    @classmethod
    def made(cls):
        return cls.__name__

    @staticmethod
    def still():
        return "still"

    @property
    def own(self):
        return "own"

    def method(self):
        return "method"


class Meta(type):
    @property
    def special(cls):
        return cls.__name__ + " special"


class Other(metaclass=Meta):
    pass


class Slotted:
    __slots__ = ("slot",)


NAMES = [
    "here", "made", "still", "own", "method", "absent", "special", "slot", "mro", "__name__", "__dict__", "__class__", "__doc__",
    "__module__", "__init__", "__abstractmethods__", "__annotations__", "__bases__",
]
CLASSES = [Base, Derived, Other, Meta, Slotted, int, type, dict]


def shown(value):
    return value if isinstance(value, (str, int, tuple)) else type(value).__name__


def ask(thing, name):
    try:
        found = getattr(thing, name)
    except AttributeError as error:
        found = str(error)
    return hasattr(thing, name), shown(getattr(thing, name, "default")), shown(found)


def constants(thing):
    try:
        absent = thing.absent
    except AttributeError as error:
        absent = str(error)
    return hasattr(thing, "absent"), shown(getattr(thing, "absent", "default")), hasattr(thing, "special"), shown(absent)


def all_names(title):
    for _ in range(6):
        found = [ask(thing, name) for thing in CLASSES for name in NAMES]
        more = [constants(thing) for thing in CLASSES]
    print(title, found, more)


all_names("first")
Base.absent = "now there"
all_names("added to a base")
Derived.absent = property(lambda self: "property")
all_names("added itself")
del Base.absent
all_names("taken from the base")
del Derived.absent
all_names("taken")
Meta.absent = "of the metaclass"
all_names("added to the metaclass")
del Meta.absent
Derived.__bases__ = (type("Another", (Base,), {"absent": 5}),)
all_names("other bases")
Derived.__bases__ = (Base,)
all_names("as before")


class Changing(Base):
    pass


def often():
    seen = []
    for number in range(1500):
        if number % 3 == 0:
            Changing.absent = number
        seen.append((hasattr(Changing, "absent"), getattr(Changing, NAMES[5], None), hasattr(Changing, NAMES[6])))
        if number % 3 == 1:
            del Changing.absent
    return seen[-7:], sum(there for there, *_ in seen)


print(often())
