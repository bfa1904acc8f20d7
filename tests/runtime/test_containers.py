"""Containers that the runtime makes and frees (sequences.c, dicts.c), and calls that take a tuple, against stock."""

from __future__ import annotations

import pytest
from whole_programs import MODES, PRELUDE, check_same_as_stock, output

PROGRAMS = {
    "what a container has dies in order": """
def tuples():
    (Noisy(1), (Noisy(2), Noisy(3)), Noisy(4))
    log.append("between")
    one = (Noisy(5),)
    del one

def lists():
    [Noisy(1), [Noisy(2), Noisy(3)], Noisy(4)]
    made = []
    for i in range(20):
        made.append(Noisy(i))
    made.pop()
    log.append("before")
    del made

def dicts():
    {"a": Noisy(1), "b": {"c": Noisy(2)}, "d": Noisy(3)}
    made = {}
    for i in range(12):
        made[f"n{i}"] = Noisy(i)
    del made["n3"]
    made = {Noisy("key"): Noisy("value"), 5: Noisy("five")}

def several_kinds():
    made = {"list": [(Noisy(1), {"x": [Noisy(2)]})], "tuple": (Noisy(3), [Noisy(4), Noisy(5)])}
    made["list"].append(made["tuple"])
    del made

def iterators():
    for noisy in [Noisy(1), Noisy(2)]:
        log.append(noisy.name)
    noisy = None
    steps = iter([Noisy(3), Noisy(4)])
    next(steps)
    log.append("stepped")
    del steps
    iter([Noisy(5)])

def below(kind):
    made = kind([Noisy(1), Noisy(2)])
    reference = weakref.ref(made, lambda _: log.append("reference")) if kind is not Tuple else None
    del made
    log.append("end")

class List(list):
    pass

class Tuple(tuple):
    pass

class Dict(dict):
    def __init__(self, items):
        self.update(enumerate(items))

for function in (tuples, lists, dicts, several_kinds, iterators):
    several(function)
for kind in (List, Tuple, Dict):
    several(below, kind)
""",
    "finalizers look, revive and collect": """
class Looking:
    "Looks for what it dies in, through the collector."
    def __del__(self):
        log.append(len([one for one in gc.get_referrers(self) if type(one) in (tuple, list, dict)]))

class Reviving:
    def __del__(self):
        kept.append(self)

class Making:
    "Makes containers of the kind that is just being freed."
    def __del__(self):
        made.append((1, 2, self.__class__, 4, 5, 6, 7))
        made.append([1, len(made)])
        made.append({"a": 1, "b": len(made)})

class Collecting:
    def __del__(self):
        gc.collect()
        log.append("collected")

kept, made = [], []

def looks():
    (1, Looking(), 3)
    [Looking()]
    {"looking": Looking()}

def revives():
    (1, Reviving()), [Reviving(), 2], {"a": Reviving()}
    log.append(len(kept))
    for one in kept:
        log.append(sys.getrefcount(one))
    one = None
    kept.clear()
    log.append(len(kept))
    kept.clear()

def makes():
    (1, 2, Making(), 4, 5, 6, 7), [Making(), 2], {"a": Making(), "b": 2}
    log.append(repr(made).count("Making"))
    log.append(len(made))
    made.clear()

def collects():
    (1, Collecting(), 3), [1, Collecting()], {"a": Collecting(), "b": 3}

for function in (looks, revives, makes, collects):
    several(function)
""",
    "what containers look like": """
def made(value, name):
    grown = []
    grown.append(value)
    return [
        (), (1,), (value,), (1, "a"), (1, value),
        (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, value),
        [], [1], [value, value], grown, {}, {"a": 1}, {"a": 1, "b": value}, {"a": 1, "b": 2, "c": 3, "d": 4, "e": 5},
        {"a": 1, "b": 2, "c": 3, "d": 4, "e": 5, "f": 6}, {"a": 1, "a": 2}, {name: 1, "name": 2}, {1: 2, "a": 3},
        {"x": {}, "y": {"z": ()}},
    ]

def keywords(**named):
    return named

def grows(count):
    made, sizes = [], []
    for i in range(count):
        made.append(i)
        sizes.append(sys.getsizeof(made))
    return sizes, made == list(range(count))

for _ in range(100):
    result = made([], "".join(["na", "me"]))
    named = [keywords(), keywords(a=1), keywords(a=1, b=2, c=3, d=4, e=5, f=6, g=7)]
    named.append(keywords(**{"".join(["na", "me"]): 1}))
for one in result + named:
    tracked = gc.is_tracked(one)
    print(one, tracked, sys.getrefcount(one) if tracked else "constant", sys.getsizeof(one), list(one))
print(hash(result[1]) == hash((1,)), hash(result[3]) == hash((1, "a")))
for count in (1, 3, 5, 9, 50, 100):
    for _ in range(70):
        sizes = grows(count)
    print(*sizes)

for one in result:
    if type(one) is dict:
        one["new"] = 1
        one.pop("a", 0)
        one.setdefault("b", one)
        print(list(one), len(one), dict(one) == one, one.copy() == one, sys.getsizeof(one))

a = keywords(first=1, second=2)
b = keywords(second=2, first=1)
print(a == b, list(a), list(b), a | b, {**a, "third": 3, **b})

def collides(one, other):
    return {one: 1, other: 2, "x": 3, "y": 4}

keys = [sys.intern(f"key{i}") for i in range(200)]
print(all(list(collides(x, y).items()) == [(x, 1), (y, 2), ("x", 3), ("y", 4)] and collides(x, y)[y] == 2
          for x in keys for y in keys if x != y), collides("x", "y"), collides("".join("ab"), "".join("ab")))

class Key(str):
    def __hash__(self):
        log.append("hashed")
        return super().__hash__()

print(collides(Key("q"), "q"), log)

def sorts():
    values = [3, 1, 2]
    def key(value):
        values.append(value)
        return value
    try:
        values.sort(key=key)
    except ValueError as error:
        log.append(str(error))
    log.append(len(values))

several(sorts)

def shrinks():
    values = [Noisy(i) for i in range(20)]
    while values:
        values.pop()
    values.append(Noisy("last"))
    values[:] = [Noisy("only")]
    values *= 3
    del values[1:]
    values.extend([])
    values.clear()
    values.append(1)
    log.append(values)

several(shrinks)
""",
    "arrays that C has made shorter": """
import ctypes

class List(ctypes.Structure):
    _fields_ = [("refcount", ctypes.c_ssize_t), ("type", ctypes.c_void_p), ("size", ctypes.c_ssize_t),
                ("items", ctypes.c_void_p), ("allocated", ctypes.c_ssize_t)]

reallocate = ctypes.pythonapi.PyMem_Realloc
reallocate.argtypes, reallocate.restype = (ctypes.c_void_p, ctypes.c_size_t), ctypes.c_void_p

def words(made):
    return List.from_address(id(made))

def shortened(places):
    "As mypyc's functions leave it: from an array that was long, so malloc's, with as many bytes as places need."
    made = list(range(200))
    del made[90:]
    head = words(made)
    head.size = min(places, 2)
    head.items = reallocate(head.items, places * 8)
    head.allocated = places
    return made, head.items

def built(a):
    return [[a], [a, a], [a, a, a], [a, a, a, a], [a, a, a, a, a], [a, a, a, a, a, a], [a, a, a, a, a, a, a]]

class Of:
    __slots__ = ("a", "b", "c", "d")

for _ in range(70):
    built(1), Of()
for places in range(1, 8):
    made, address = shortened(places)
    del made
    kept = [built(1) for _ in range(70)]
    there = [one for several in kept for one in several if words(one).items == address]
    print(places, [len(one) for one in there if len(one) > max(places, 3)])
    made = kept = there = None
""",
    "namespaces that were displays": """
def in_display(value):
    namespace = {"value": value, "len": lambda x: 3}
    exec("def f(): return len(value)\\nresult = [f() for _ in range(50)]", namespace)
    log.append(namespace["result"][-1])
    return namespace["f"]

def instance_dict():
    class Plain:
        pass
    one = Plain()
    one.__dict__ = {"a": Noisy("a"), "b": 2}
    log.append(one.a.name)
    names = one.__dict__
    del one
    log.append(list(names))

for _ in range(40):
    in_display("abc")
log.clear()
print(in_display("abc")(), log)
several(instance_dict)
""",
    "the collector": """
def made(count):
    return [(i, []) for i in range(count)], [[i] for i in range(count)], [{"a": i} for i in range(count)]

def cyclic(count):
    for _ in range(count):
        one = []
        one.append((one, {"one": one}))

made(100)
gc.disable()
for function in (lambda: made(300), lambda: [() for _ in range(300)]):
    for _ in range(3):
        before = gc.get_count()[0]
        kept = function()
        between = gc.get_count()[0]
        del kept
        after = gc.get_count()[0]
    print(between - before, after - before)
cyclic(1000)
gc.enable()
print(gc.collect() >= 3000)

def freed(count):
    for _ in range(count):
        one = [(1, [])]
        one.append({"a": one})
        one.pop()

before = len(gc.get_objects())
freed(3000)
print(len(gc.get_objects()) - before)
print([type(one).__name__ for one in gc.get_referrers(made) if one is not globals()])
""",
    "memory is traced": """
def made(count):
    lists = []
    for i in range(count):
        lists.append([i, i, i])
    return [(i, i + 1000) for i in range(count)], lists, [{"a": i, "b": i} for i in range(count)]

for _ in range(20):
    made(50)
tracemalloc.start(3)
kept = made(1000)
before = tracemalloc.get_traced_memory()[0]
print(before > 1000 * 300)
for one in kept:
    one.reverse()
del kept, one
print(tracemalloc.get_traced_memory()[0] < before / 5)
for _ in range(30):
    made(100)
print(tracemalloc.get_traced_memory()[0] < before / 5)
kept = made(1000)
tracemalloc.stop()
del kept
for _ in range(20):
    made(50)
print([len(one) for one in made(10)])
""",
    "deep": """
def tuples(length):
    last = ()
    for _ in range(length):
        last = (last, 1)
    return last

def lists(length):
    last = []
    for _ in range(length):
        last = [last]
    return last

def dicts(length):
    last = {}
    for _ in range(length):
        last = {"last": last}
    return last

def mixed(length):
    last = None
    for _ in range(length):
        last = {"a": [(last, iter([last])), 2]}
    return last

for length in (10, 1000, 200000):
    for function in (tuples, lists, dicts, mixed):
        made = function(length)
        del made
    print(length)
""",
    "calls that take a tuple": """
import collections, functools, itertools, decimal, operator, datetime

class Text(str):
    def __add__(self, other):
        return Text(str.__add__(self, other))

class Number(int):
    def __init__(self, *arguments, **named):
        log.append((arguments, named))

class Named(collections.namedtuple("Named", "a b")):
    pass

class Meta(type):
    pass

class MetaCalled(type):
    def __call__(cls, *arguments):
        return "called", arguments

class Of(metaclass=Meta):
    def __new__(cls, value):
        return value

class Called(str, metaclass=MetaCalled):
    pass

class Failing(list):
    def __init__(self, *arguments):
        raise ValueError("no")

class Other(set):
    __new__ = lambda cls, *arguments: 5

class Slotted(float):
    __slots__ = ("own",)

class Point(tuple):
    __slots__ = ()

CALLS = '''
Text("a") + "b"
Text(b"a", "utf-8")
Text(b"a", encoding="latin-1")
Text(1, 2, 3, 4)
Text(object=5)
Text()
Number(3)
Number("11", 2)
Number("11", base=3)
Number(3, 4, 5)
Named(1, 2)
Named(a=1, b=2)
Named(1)
Of(3)
Called("x")
Failing([1])
Failing()
Other([1])
Slotted("1.5")
Slotted("x")
Point([1, 2])
Point(1)
Meta("New", (), {})
Meta("New", (), {}, 5)
ValueError(1, 2).args
ValueError().args
OSError(2, "gone").errno
KeyError("a", "b")
UnicodeDecodeError("a", b"b", 0, 1, "c")
UnicodeDecodeError("a", 1)
weakref.ref(Of)() is Of
weakref.ref(5)
weakref.WeakValueDictionary(a=Of)["a"] is Of
functools.partial(max, 1)(2)
functools.partial()
set([1, 2], 3)
set([1])
frozenset("a")
collections.deque([1, 2], 1)
collections.deque([1, 2], maxlen=1)
collections.OrderedDict(a=1)
collections.defaultdict(list, a=1)["b"]
collections.Counter("aab")["a"]
itertools.count(3, 2)
itertools.chain([1], [2]).__next__()
itertools.islice([1, 2, 3], 1, 2).__next__()
zip([1], [2]).__next__()
zip([1], [2], strict=True).__next__()
map(max, [1], [2]).__next__()
filter(None, [1]).__next__()
decimal.Decimal("1.5")
decimal.Decimal((0, (1, 2), -1))
datetime.datetime(2020, 1, 2, 3)
datetime.timedelta(days=1)
datetime.datetime(2020, 13, 1)
object(1)
complex(1, 2)
bytes("a", "ascii")
bytearray(b"x")
slice(1)
property(max).fget(1, 2)
memoryview(b"a")[0]
operator.attrgetter("a", "b")
operator.itemgetter(0, 1)((1, 2))
operator.methodcaller("upper")("a")
getattr(5, "real")
getattr(5, "unreal", 6)
getattr(5)
"a".__class__(5)
5()
None(1)
"text"(a=1)
types.SimpleNamespace(a=1)
types.MethodType(max, 1)(0)
types.MappingProxyType({})
types.FunctionType(1)
'''.split("\\n")

import re
functions = [(line, eval(f"lambda: {line}")) for line in CALLS if line]
for _ in range(40):
    outcomes = []
    for line, function in functions:
        log.clear()
        try:
            value = function()
            outcomes.append((line, type(value).__name__, re.sub("0x[0-9a-f]+", "", repr(value)), repr(log)))
        except Exception as error:
            outcomes.append((line, repr(error), error.__traceback__.tb_next.tb_next is None, repr(log)))
for outcome in outcomes:
    print(*outcome)

def arguments_of(error):
    made = error(Noisy("argument"), [])
    arguments = made.args
    counts = sys.getrefcount(arguments), sys.getrefcount(arguments[0]), gc.is_tracked(arguments)
    del made
    log.append(counts)
    return arguments

several(lambda: arguments_of(ValueError) and None)

class Keeping(list):
    def __init__(self, *arguments):
        super().__init__(arguments)
        kept.append(arguments)

kept = []
def keeps():
    kept.clear()
    made = Keeping(Noisy("kept"), 2)
    del made
    log.append(len(kept[0]))

several(keeps)

def recursive(depth=0):
    class Deeper(str):
        def __new__(cls, value):
            return Text(recursive(depth + 1)) if depth < 30 else str.__new__(cls, value)
    return Deeper("x")

class Endless(list):
    def __init__(self, value):
        super().__init__([functools.partial(Endless, value)()])

print(recursive())
try:
    Endless(1)
except RecursionError as error:
    print("too deep")
""",
    "other interpreters": """
import _interpreters

def made(count):
    for i in range(count):
        kept = [(i, []), {"a": i, "b": [i]}]
        kept.append({})
        for one in kept:
            pass
    return kept

SOURCE = '''
def made(count):
    for i in range(count):
        kept = [(i, []), {"a": i, "b": [i]}, iter([i])]
        kept.append({})
    return kept
assert made(3000)[0][0] == 2999
'''
print(made(300))
for config in ("isolated", "legacy"):
    other = _interpreters.create(config)
    for _ in range(3):
        print(_interpreters.exec(other, SOURCE), made(300))
    _interpreters.destroy(other)
    print(made(300))
""",
}

# They count what is at work, or are too much for it.
ONCE = ("the collector", "deep", "other interpreters", "arrays that C has made shorter")


def test_other_allocators() -> None:
    for allocator in ("debug", "malloc_debug", "malloc"):
        program = PRELUDE + PROGRAMS["what a container has dies in order"]
        program += PROGRAMS["what containers look like"]
        expected = output(program, PYSTON="0", PYTHONMALLOC=allocator)
        assert expected[0] == 0, expected[2]
        assert output(program, PYSTON_THRESHOLD="1", PYTHONMALLOC=allocator) == expected, allocator


@pytest.mark.parametrize("name", PROGRAMS)
def test_same_as_stock(name: str) -> None:
    check_same_as_stock(PRELUDE + PROGRAMS[name], ("compiled",) if name in ONCE else tuple(MODES))
