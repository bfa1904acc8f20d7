"""Suspended generators between compiled code, the interpreter, and whoever looks: output must be stock's."""

from __future__ import annotations

import pytest
from whole_programs import check_same_as_stock

PRELUDE = """
import gc, inspect, os, signal, sys, threading, types, weakref

def numbers(n):
    i = 0
    while i < n:
        got = yield i
        if got:
            print("got", got)
        i += 1
    return "end"

def passes(n):
    return (yield from numbers(n))

class Pause:
    def __await__(self):
        return (yield "paused")

async def inner(x):
    await Pause()
    return x

async def outer(x):
    return await inner(x), await inner(x + 1)

def drive(c):
    out = []
    try:
        while True:
            out.append(c.send(None))
    except StopIteration as stop:
        out.append(stop.value)
    return out

for _ in range(4):  # compiled by now, where the threshold is 1
    list(numbers(3)), list(passes(2)), drive(outer(1)), list(x for x in numbers(2))
"""

PROGRAMS = {
    "tracing switched on and off between resumptions": """
def tracer(frame, event, argument):
    if frame.f_code.co_filename == "<string>":
        events.append((frame.f_code.co_name, event, frame.f_lineno, argument))
    return tracer

for make in (lambda: numbers(5), lambda: passes(5)):
    events = []
    g = make()
    out = [next(g)]
    sys.settrace(tracer)
    out.append(next(g))
    sys.settrace(None)
    out.append(next(g))
    sys.settrace(tracer)
    out.extend(g)
    sys.settrace(None)
    print(out)
    print(*events, sep="\\n")
""",
    "profiling": """
events = []
sys.setprofile(lambda frame, event, argument: events.append((frame.f_code.co_name, event)))
sum(numbers(3)), list(passes(2)), drive(outer(1))
sys.setprofile(None)
print(*events, sep="\\n")
""",
    "monitoring": """
m = sys.monitoring
m.use_tool_id(2, "test")
events = []
names = "PY_START", "PY_RESUME", "PY_YIELD", "PY_RETURN", "PY_UNWIND", "STOP_ITERATION", "PY_THROW", "RAISE"
every = 0
for name in names:
    m.register_callback(2, getattr(m.events, name), lambda code, *rest, name=name: events.append((name, code.co_name)))
    every |= getattr(m.events, name)
g = numbers(4)
print(next(g))
m.set_events(2, every)
print(next(g), list(passes(2)), drive(outer(1)))
m.set_events(2, 0)
print(next(g))
m.free_tool_id(2)
print(list(g))
print(*events, sep="\\n")
""",
    "a global changes while it is suspended": """
def shift(): return 100
def shifted(n):
    for i in range(n):
        yield i + shift()
list(shifted(9))
g = shifted(6)
out = [next(g), next(g)]
shift = lambda: 200
out += [next(g), next(g)]
del shift
try:
    next(g)
except NameError as error:
    print(error)
print(out, inspect.getgeneratorstate(g))
""",
    "many slots": """
source = "def many(n):\\n" + "".join(f"    v{i} = n + {i}\\n" for i in range(90))
source += "    yield v3\\n" + "".join(f"    v{i} = v{89 - i}\\n" for i in range(90))
source += "    w = v1 if n else None\\n    x = v2 + (yield w) + len([n, (yield True)])\\n"
source += "    yield " + ", ".join(f"v{i}" for i in range(90)) + ", x\\n"
exec(source)
def run():
    g = many(5)
    return [next(g), next(g), g.send(7), g.send(None), list(g)]
first = run()
for _ in range(50):
    assert run() == first
print(first)
print([sys.getrefcount(x) > 1 << 30 for x in (None, True, 5, 7)])
""",
    "immortal objects are not counted": """
def holds(n):
    a = None
    b = True
    c = 5
    d = "a"
    e = int
    f = ()
    for g in (None, 1, "b", False):
        h = g
        yield a, (yield b, (yield c)), d, e, f, h
counts = [sys.getrefcount(x) for x in (None, True, 5, "a", int, (), 1, "b")]
for _ in range(200):
    list(holds(1))
    g = holds(2)
    next(g), next(g), g.close()
print([sys.getrefcount(x) - n for x, n in zip((None, True, 5, "a", int, (), 1, "b"), counts)])
""",
    "collected while suspended": """
class Node: pass
def cyclic(node):
    node.me = yield node
    yield node
def leave():
    node = Node()
    g = cyclic(node)
    next(g)
    g.send(g)
    return weakref.ref(node), weakref.ref(g)
for _ in range(5):
    refs = leave()
    gc.collect()
    print([r() for r in refs])
held = [numbers(9) for _ in range(50)]
for g in held: next(g)
gc.collect()
print([next(g) for g in held] == [1] * 50)
""",
    "finalized where it is dropped": """
def finishing(name):
    try:
        yield 1
        yield 2
    finally:
        print("finally", name, sys.exception())
def use(name):
    g = finishing(name)
    next(g)
    print("drop", name)
    del g
    print("dropped", name)
for i in range(3): use(i)
for x in finishing("loop"):
    break
print("behind")
""",
    "a signal's exception is for the innermost coroutine": """
def interrupt(number, frame): raise KeyboardInterrupt
signal.signal(signal.SIGUSR1, interrupt)
class Kill:
    def __await__(self):
        yield 1
        os.kill(os.getpid(), signal.SIGUSR1)
        for i in range(1000): pass
        yield 2
async def innermost():
    try:
        await Kill()
    except KeyboardInterrupt:
        print("inside")
        return "caught"
async def middle(): return await innermost()
async def outermost():
    try:
        return await middle()
    except KeyboardInterrupt:
        print("outside")
for _ in range(3): print(drive(outermost()))
""",
    "threads": """
results = []
def work(): results.append((sum(numbers(5000)), drive(outer(1)), list(passes(5))))
threads = [threading.Thread(target=work) for _ in range(4)]
for t in threads: t.start()
for t in threads: t.join()
print(results)
g = numbers(10)
def other():
    results.append(next(g))
next(g)
t = threading.Thread(target=other); t.start(); t.join()
print(results[-1], next(g))
""",
    "a fork while suspended": """
g, c = numbers(4), outer(3)
next(g), c.send(None)
pid = os.fork()
if not pid:
    ok = list(g) == [1, 2, 3] and drive(c) == ["paused", (3, 4)]
    os._exit(0 if ok else 1)
print(os.waitpid(pid, 0)[1], list(g), drive(c))
""",
    "another interpreter": """
from concurrent import interpreters
other = interpreters.create()
other.exec('''
def numbers(n):
    for i in range(n):
        yield i
async def c(): return 1
assert sum(numbers(1000)) == 499500
assert list(numbers(3)) == [0, 1, 2]
try: c().send(None)
except StopIteration as stop: assert stop.value == 1
''')
other.close()
print(sum(numbers(100)))
""",
    "switched off and on": """
try:
    import pyston
except ImportError:
    pyston = None
g = numbers(6)
next(g)
if pyston: pyston.disable()
print(next(g))
if pyston: pyston.enable()
print(next(g), list(g))
""",
    "a tool comes while a generator runs, which then raises": """
monitoring = sys.monitoring
events = []
def note(name):
    def noted(code, offset, error):
        if code.co_filename == "<string>":
            events.append((name, code.co_name, type(error).__name__))
    return noted
NAMES = "RAISE", "RERAISE", "PY_UNWIND", "EXCEPTION_HANDLED"
def watch():
    monitoring.use_tool_id(3, "test")
    for name in NAMES:
        monitoring.register_callback(3, getattr(monitoring.events, name), note(name))
    monitoring.set_events(3, sum(getattr(monitoring.events, name) for name in NAMES))
def raises(kind, watched):
    yield 1
    if watched:
        watch()
    raise kind("from inside")
def handles(kind, watched):
    try:
        yield 1
        if watched:
            watch()
        raise kind("from inside")
    except KeyError as error:
        yield str(error)
    finally:
        yield "finally"
def attempt(make, kind, watched):
    try:
        return list(make(kind, watched))
    except Exception as error:
        return repr(error), repr(error.__cause__)
for make in (raises, handles):
    for kind in (StopIteration, ValueError, KeyError):
        for watched in (False, False, False, True):
            events.clear()
            print(make.__name__, attempt(make, kind, watched))
        print(events)
        monitoring.set_events(3, 0)
        monitoring.free_tool_id(3)
""",
    "methods bound before and after switching off": """
if "pyston" in sys.modules or hasattr(sys, "pyston_version_info"):
    import pyston
    off, on = pyston.disable, pyston.enable
else:
    off = on = lambda: None
g = numbers(20)
c = outer(7)
send, step, again = g.send, g.__next__, type(g).send
print(send(None), step(), again(g, 5), next(g))
off()
print(send(None), step(), again(g, None), next(g), g.__next__())
on()
print(send(None), step(), again(g, None), next(g), g.__next__())
async def items():
    for i in range(6):
        yield i
a = items()
def item(awaitable):
    try:
        awaitable.send(None)
    except StopIteration as stop:
        return stop.value
for _ in range(3):
    print(item(a.__anext__()))
    off()
    print(item(a.asend(None)))
    on()
print(drive(c))
""",
    "the code of the function is replaced": """
def f(n):
    for i in range(n):
        yield i
def other(n):
    yield "other"
list(f(3)), list(f(3))
g = f(4)
next(g)
f.__code__ = other.__code__
print(list(f(3)), list(g))
del f
import gc; gc.collect()
""",
    "recursion": """
def down(n):
    yield n
    yield from down(n + 1)
def deep(n):
    if n:
        for x in deep(n - 1):
            yield x
    yield n
try:
    for x in down(0): pass
except RecursionError as error:
    print("RecursionError", x > 300)
print(sum(deep(300)))
sys.setrecursionlimit(30000)
async def chain(n): return await chain(n - 1) + 1 if n else 0
print(drive(chain(8000)))
""",
    "objects without iternext": """
g = (x for x in range(3))
g.gi_frame.f_locals[".0"] = [1]
try:
    list(g)
except TypeError as error:
    print(error)
""",
    "memory of generators that have ended is used again, and nothing of them is left in it": """
def fails(n):
    try:
        yield n
        raise KeyError(n)
    finally:
        yield "finally"

@types.coroutine
def old_style():
    yield 1
    return 2

async def both():
    return await old_style(), await inner(5)

class Loud:
    def __init__(self, what):
        self.what = what
    def __del__(self):
        print("dead", self.what)

def holds(what):
    loud = Loud(what)
    yield what
    return loud.what

def notices(what):
    print("notices", what)

for round in range(40):
    g = fails(round)
    next(g)
    watched = weakref.ref(g, lambda ref: notices(round)) if round % 3 == 0 else None
    frame = g.gi_frame if round % 5 == 0 else None
    try:
        print(next(g), next(g))
    except KeyError as error:
        print(error, g.gi_frame, g.gi_running, g.gi_suspended, g.gi_yieldfrom)
    assert watched is None or watched() is g
    g.__name__ = f"named {round}"
    print(g.__name__, g.__qualname__, frame and frame.f_locals)
    del g, watched, frame
    c = both()
    assert c.cr_origin is None and c.cr_frame is not None and c in gc.get_objects()
    print(drive(c), c.cr_frame, gc.is_tracked(c), c.__name__, type(c))
    del c
    h = holds(round)
    next(h)
    if round % 2:
        print(list(h))
    del h  # dies suspended, or ended
    fresh = (x for x in range(round))
    assert gc.is_tracked(fresh) and sys.getrefcount(fresh) == 2 and not weakref.getweakrefs(fresh), round
    print(sum(fresh))

def loop():
    g = fails(1)
    cycle = [g]
    cycle.append(cycle)
    return weakref.ref(g), list(zip(g, [1]))

refs = [loop()[0] for _ in range(20)]
gc.collect()
print([ref() for ref in refs])

sys.set_coroutine_origin_tracking_depth(1)
c = inner(1)
print(c.cr_origin[0][1:])
drive(c)
sys.set_coroutine_origin_tracking_depth(0)
del c
print(inner(1).cr_origin) if False else None

class Renamed:
    pass

def replaced():
    yield 1
for i in range(30):
    replaced.__name__ = "name" + str(i)
    replaced.__qualname__ = "qualname" + str(i)
    g = replaced()
    print(g.__name__, g.__qualname__, list(g))
""",
    "calls make them of any arguments": """
import functools, tracemalloc, warnings

def plain(a, b): yield a, b
def defaults(a, b=2, c=3): yield a, b, c
def named(a, /, b, *, c=4, d): yield a, b, c, d
def collects(a, *args, k=5, **rest): yield a, args, k, rest
async def coroutine(a, b=()): return a, b
def cells(a, b=7, *, c=8):
    d = 9
    yield (lambda: (a, b, c, d))
    a = b = c = d = 0
    yield (lambda: (a, b, c, d))
def closures(x):
    def free(a): yield a, x
    def both(a):
        y = [a]
        yield (lambda: (a, x, y))
    async def waits(a):
        return [i + a + x for i in range(2)], (lambda: a)()
    return free, both, waits

class Asks:
    def __call__(self, a, b=1): yield self is asks, a, b
    async def awaited(self, a): return a
asks = Asks()

def all_of(made):
    if inspect.iscoroutine(made):
        return drive(made)
    return [x() if callable(x) else x for x in made]

def attempt(function, *args, **kwargs):
    try:
        return all_of(function(*args, **kwargs))
    except TypeError as error:
        return str(error), error.__traceback__.tb_next is None

def directly():
    return [all_of(made) for made in (
        plain(1, 2), defaults(1), defaults(1, c=5), defaults(b=3, a=4), named(1, 2, d=3), collects(1, 2, 3, z=4),
        collects(1), coroutine(1), coroutine(1, b=2), cells(1), cells(1, c=2), asks(5), asks.awaited(6),
        closures(3)[0](1), closures(3)[1](2))]

for round in range(12):
    print(directly())
    free, both, waits = closures(round)
    for function in (plain, defaults, named, collects, coroutine, cells, asks, asks.awaited, free, both, waits,
                     functools.partial(collects, "first", z=1), functools.partial(named, d=3)):
        for args, kwargs in (((1, 2), {}), ((1,), {}), ((), {}), ((1, 2, 3), {}), ((1, 2), {"d": 4}), ((1,), {"b": 2}),
                             ((1,), {"a": 2}), ((1, 2, 3, 4, 5), {}), ((1,), {"b": 2, "d": 3, "other": 4})):
            print(attempt(function, *args, **kwargs))
    print([all_of(g) for g in map(plain, "ab", "cd")], [all_of(g) for g in map(free, range(3))])

    # What is seen of one that has not begun.
    argument = object()
    things = argument, both, both.__code__, both.__closure__[0], both.__name__
    counts = [sys.getrefcount(thing) for thing in things]
    g = both(argument)
    print([sys.getrefcount(thing) - count for thing, count in zip(things, counts)])
    del things
    frame = g.gi_frame
    print(sorted(frame.f_locals), frame.f_lineno - both.__code__.co_firstlineno, frame.f_back, frame.f_lasti)
    del frame
    print(inspect.getgeneratorstate(g), g.gi_yieldfrom, g.gi_running, gc.is_tracked(g), sys.getrefcount(g) - 1)
    print([type(x).__name__ for x in gc.get_referents(g)], any(r is g for r in gc.get_referrers(both)))
    del g
    print(sys.getrefcount(argument) - counts[0], sys.getrefcount(both) - counts[1])

    late = weakref.ref(Asks())
    held = Asks()
    late = weakref.ref(held)
    g = plain(held, 1)
    del held
    print(late() is not None, next(g)[0] is late())
    del g
    print(late())

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        coroutine(1)
        waits(1)
    print([str(w.message) for w in caught])

    defaults.__defaults__ = (round, [round])
    cells.__kwdefaults__["c"] = round
    both.__name__ = plain.__name__ = f"renamed {round}"
    print(both(1).__name__, plain(1, 2).__name__, all_of(defaults(1)), all_of(cells(1)))

    sys.set_coroutine_origin_tracking_depth(round % 3)
    made = [waits(1), functools.partial(coroutine, 1)(), next(map(coroutine, [2]))]
    print([c.cr_origin and [place[2] for place in c.cr_origin] for c in made])
    sys.set_coroutine_origin_tracking_depth(0)
    print([all_of(c) for c in made])

    if round == 9:
        tracemalloc.start(4)
        kept = [plain(1, [2]) for _ in range(3)]
        lines = [tracemalloc.get_object_traceback(g)[-1].lineno for g in kept]
        print(lines[0] - plain.__code__.co_firstlineno, len(set(lines)))
        tracemalloc.stop()

def no_cells(): yield 1
bare = types.FunctionType(no_cells.__code__, globals(), "bare", None, ())
print([list(bare()) for _ in range(20)], bare.__closure__)

events = []
def tracer(frame, event, argument):
    if frame.f_code.co_filename == "<string>":
        events.append((frame.f_code.co_name, event, frame.f_lineno))
    return tracer
for traced in (False, True, False):
    sys.settrace(tracer if traced else None)
    out = [all_of(f(1)) for f in closures(2)]
    sys.settrace(None)
    print(out, events)

def deep(n): return deep(n - 1) if n else next(map(plain, [1], [2]))
def deepest():
    try:
        while True: deep(200); return deep(10 ** 6)
    except RecursionError as error:
        return "too deep"
print(deepest(), all_of(deep(3)))
""",
    "a tool that watches single code objects comes and goes between resumptions": """
m = sys.monitoring
events = []
def waits(n):
    got = yield from numbers(n)
    return got
def run(g, n): return [next(g) for _ in range(n)]
for round in range(6):
    g, h = waits(9), numbers(9)
    out = [run(g, 2), run(h, 2)]
    m.use_tool_id(2, "test")
    m.register_callback(2, m.events.LINE, lambda code, line: events.append((code.co_name, line)))
    for watched in (numbers, waits)[: round % 3]:
        m.set_local_events(2, watched.__code__, m.events.LINE)
    out += [run(g, 2), run(h, 2)]
    for watched in (numbers, waits):
        m.set_local_events(2, watched.__code__, 0)
    out += [run(g, 1), run(h, 1)]
    m.free_tool_id(2)
    out += [run(g, 2), run(h, 2), list(g), list(h)]
    print(out)
    print(events)
    events.clear()
""",
}


@pytest.mark.parametrize("program", PROGRAMS)
def test_same_as_stock(program: str) -> None:
    check_same_as_stock(PRELUDE + PROGRAMS[program])
