"""Attributes are stored by computed names, in objects of all layouts, while descriptors and hooks come and go."""

import sys

NAMES = [
    sys.intern(name) for name in ("x", "twice", "only", "y", "kind", "__class__", "__dict__", "new1", "new2")
]


class Plain:
    kind = 1

    def __init__(self):
        self.x = 1

    @property
    def twice(self):
        return self.x * 2

    @twice.setter
    def twice(self, value):
        self.x = value

    @property
    def only(self):
        return 1


class Slots:
    __slots__ = ("x", "twice", "only", "y")


class Descriptor:
    def __set__(self, instance, value):
        print("set", type(instance).__name__, value)

    def __get__(self, instance, owner):
        return "got"


class Sub(Plain):
    pass


class Hooked(Plain):
    def __setattr__(self, name, value):
        print("hook", name)
        object.__setattr__(self, name, value)


class List(list):
    pass


def put(instance, value):
    for name in NAMES:
        try:
            setattr(instance, name, value)
        except Exception as error:
            print(name, type(error).__name__, error)
    print(sorted((key, str(held)) for key, held in getattr(instance, "__dict__", {}).items()))


def rounds(what):
    print(what)
    for i in range(12):
        for cls in (Plain, Slots, Sub, Hooked, List, object, int):
            put(cls(), i)


rounds("as they are made")
Plain.y = Descriptor()
rounds("a descriptor comes")
del Plain.y
Plain.x = Descriptor()
rounds("where an attribute has been")
del Plain.x
del Plain.twice
rounds("a property goes")
Plain.__setattr__ = lambda self, name, value: print("late", name)
rounds("a hook comes")
del Plain.__setattr__
rounds("and goes")
instance = Plain()
instance.__dict__ = {"x": 3}
put(instance, 4)
put(instance, 5)
