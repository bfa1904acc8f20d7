"""Instances, functions and cells that the runtime makes and frees itself (instances.c, functions.c), against stock."""

from __future__ import annotations

import pytest
from whole_programs import MODES, PRELUDE, check_same_as_stock, output

PROGRAMS = {
    "what an instance has dies in order": """
class Plain:
    def __init__(self):
        self.first, self.second, self.third = Noisy("first"), Noisy("second"), Noisy("third")

class Slotted:
    __slots__ = ("b", "a", "c")
    def __init__(self):
        self.a, self.b, self.c = Noisy("a"), Noisy("b"), Noisy("c")

class Below(Slotted):
    __slots__ = ("z", "__weakref__")
    def __init__(self):
        self.z = Noisy("z")
        super().__init__()

class Lowest(Below):
    def __init__(self):
        self.own = Noisy("own")
        super().__init__()

class WithDict:
    __slots__ = ("x", "__dict__")
    def __init__(self):
        self.other, self.x = Noisy("other"), Noisy("x")

class Empty:
    pass

def dies(cls):
    cls()

def dies_watched(cls):
    instance = cls()
    reference = weakref.ref(instance, lambda _: log.append("reference"))
    del instance
    log.append(reference())

def dies_in_turn(cls):
    holder = Empty()
    holder.one, holder.list = cls(), [cls()]

def asked_for_dict(cls):
    instance = cls()
    kept = instance.__dict__
    del instance
    log.append(sorted(kept))

for cls in (Plain, Slotted, Below, Lowest, WithDict):
    several(dies, cls)
    several(dies_in_turn, cls)
    if cls not in (Slotted, WithDict):
        several(dies_watched, cls)
    if cls in (Plain, Lowest, WithDict):
        several(asked_for_dict, cls)
""",
    "classes change": """
class Base:
    pass

class Other:
    def __del__(self):
        log.append("other")

class Changing(Base):
    def __init__(self):
        self.value = Noisy("value")

def dies():
    Changing()

def gets_del():
    Changing.__del__ = lambda self: log.append("del")
    dies()
    del Changing.__del__
    dies()

def gets_bases():
    Changing.__bases__ = (Other,)
    dies()
    Changing.__bases__ = (Base,)
    dies()

def becomes_another():
    instance = Changing()
    instance.__class__ = Other
    del instance
    instance = Other()
    instance.more, instance.yet_more = Noisy("more"), Noisy("yet more")
    instance.__class__ = Changing
    del instance

def revived():
    kept = []
    Changing.__del__ = lambda self: kept.append(self)
    dies()
    log.append(len(kept))
    del Changing.__del__
    kept.clear()

for function in (dies, gets_del, gets_bases, becomes_another, revived):
    several(function)

# Restless: it changes each time.
def changes():
    Changing.number = getattr(Changing, "number", 0) + 1
    dies()

several(changes)

# Its values have more, and fewer, places with time.
class Growing:
    def __init__(self, names):
        for name in names:
            setattr(self, name, Noisy(name))

old = [Growing("ab") for _ in range(5)]
for count in range(1, 40):
    several(Growing, [f"n{i}" for i in range(count)])
several(old.clear)

# Classes come and go, others at their addresses.
def new_class(i):
    class Fleeting:
        __slots__ = tuple("abcdefgh"[: i % 8]) + ("__weakref__",) * (i % 3 == 0) + ("__dict__",) * (i % 5 == 0)
        def __init__(self):
            for name in self.__slots__:
                if name[0] != "_":
                    setattr(self, name, Noisy(name))
    return Fleeting

for i in range(60):
    cls = new_class(i)
    several(cls)
    del cls
    gc.collect()
""",
    "deep": """
class Link:
    def __init__(self, next):
        self.next = next

class Narrow:
    __slots__ = ("next",)
    def __init__(self, next):
        self.next = next

def chain(cls, length):
    last = None
    for _ in range(length):
        last = cls(last)
    return last

def closures(length):
    last = None
    for _ in range(length):
        def function(last=last):
            return last
        last = function
    return last

def cells(length):
    def one(last):
        return lambda: last
    last = None
    for _ in range(length):
        last = one(last)
    return last

for length in (10, 1000, 200000):
    for cls in (Link, Narrow):
        made = chain(cls, length)
        del made
    made = closures(length)
    del made
    made = cells(length)
    del made
    print(length)
""",
    "the collector": """
class Plain:
    def __init__(self, value):
        self.value = value

class Slotted:
    __slots__ = ("value", "__weakref__")
    def __init__(self, value):
        self.value = value

def make(cls, count):
    return [cls(None) for _ in range(count)]

def lambdas(count):
    return [lambda: count for _ in range(count)]

def cyclic(cls, count):
    for _ in range(count):
        instance = cls(None)
        instance.value = instance

for cls in (Plain, Slotted):
    make(cls, 100), lambdas(10)
    instance = cls(None)
    print(gc.is_tracked(instance), sys.getrefcount(instance), gc.get_referents(instance)[-1] is cls)
    holders = sys.getrefcount(cls)
    made = make(cls, 100)
    print(sys.getrefcount(cls) - holders, sum(type(one) is cls for one in gc.get_objects()))
    del made
    print(sys.getrefcount(cls) - holders, sum(type(one) is cls for one in gc.get_objects()))
    reference = weakref.ref(instance)
    instance.value = instance
    del instance
    gc.collect()
    print(reference())

gc.disable()
for function, *arguments in ((make, Plain, 300), (make, Slotted, 300), (lambdas, 300)):
    for _ in range(3):
        before = gc.get_count()[0]
        kept = function(*arguments)
        between = gc.get_count()[0]
        del kept
        after = gc.get_count()[0]
    print(function.__name__, between - before, after - before)
gc.enable()

rounds = []
gc.callbacks.append(lambda phase, info: rounds.append(info["generation"]) if phase == "start" else None)
gc.collect()
rounds.clear()
cyclic(Plain, 20000)
print(8 <= len(rounds) <= 12 or len(rounds), 2 in rounds)
""",
    "memory is traced": """
class Plain:
    def __init__(self, value):
        self.value = value

def make(count):
    return [Plain(i) for i in range(count)], [lambda: i for i in range(count)]

for _ in range(20):
    make(50)
tracemalloc.start()
kept = make(1000)
before = tracemalloc.get_traced_memory()[0]
print(before > 1000 * 100)
del kept
print(tracemalloc.get_traced_memory()[0] < before / 5)
kept = make(1000)
tracemalloc.stop()
del kept
for _ in range(20):
    make(50)
print(len(make(10)[0]))
""",
    "functions": """
import builtins

def named(value):
    def inner(a, b=value, *, c=value) -> value:
        "What it is for."
        return a
    return inner

def plain(value):
    return lambda: value

def dies(make):
    made = make(Noisy("closure"))
    made.attribute = Noisy("attribute")
    reference = weakref.ref(made, lambda _: log.append("reference"))
    made.__defaults__ = (Noisy("default"),)
    made.__doc__ = Noisy("doc")
    made.__module__ = Noisy("module")
    del made
    log.append(reference())

def dies_plainly(make):
    make(Noisy("closure"))

for make in (named, plain):
    several(dies, make)
    several(dies_plainly, make)
    made = make(1)
    print(made.__name__, made.__qualname__, made.__module__, made.__doc__, made.__builtins__ is vars(builtins))
    print(made.__globals__ is globals(), gc.is_tracked(made), sys.getrefcount(made), made.__code__.co_name)

SOURCE = '''
def make(value):
    return lambda: (value, len)
'''

def in_namespace(**names):
    namespace = names
    exec(SOURCE, namespace)
    for _ in range(70):
        made = namespace["make"](1)
    for change in ({"__name__": "other"}, {"__builtins__": {"len": 5}}, {"zzz": 1}, {"__builtins__": builtins}):
        namespace.update(change)
        made = namespace["make"](2)
        print(made.__module__, made()[1], len(made.__builtins__) > 5)
    del namespace["__name__"]
    made = namespace["make"](3)
    print(getattr(made, "__module__", "none"), made()[0])
    namespace["__name__"] = "again"
    print(namespace["make"](3).__module__)

in_namespace()
in_namespace(__name__="first")
in_namespace(__builtins__=builtins, __name__="second")
in_namespace(__builtins__={"len": 3}, __name__="third")

def takes_itself(count):
    for _ in range(count):
        def function():
            return function
    return sys.getrefcount(function)

print(takes_itself(300), takes_itself(300))
gc.collect()

def in_cell():
    value = Noisy("cell")
    def keep():
        return value
    log.append("made")

several(in_cell)
""",
}

ONCE = ("the collector", "deep")  # they count the collector's work, or are too much for it


def test_other_allocators() -> None:
    for allocator in ("debug", "malloc_debug", "malloc"):
        program = PRELUDE + PROGRAMS["what an instance has dies in order"] + PROGRAMS["functions"]
        expected = output(program, PYSTON="0")
        environment = {"PYSTON_THRESHOLD": "1", "PYTHONMALLOC": allocator}
        assert output(program, **environment) == expected, allocator


@pytest.mark.parametrize("name", PROGRAMS)
def test_same_as_stock(name: str) -> None:
    check_same_as_stock(PRELUDE + PROGRAMS[name], ("compiled",) if name in ONCE else tuple(MODES))
