"""Behind a helper's call the helper's entry looks whether the code may go on (attention.c): what happens in the call is noticed
at once, by whoever it concerns and by nobody else.

Each program prints the same on stock CPython and with everything compiled.
"""

# ruff: noqa: E501
from __future__ import annotations

import pytest
from whole_programs import MODES, check_same_as_stock

START = """
import signal, sys, threading
CONSTANT = 1
class Changes:
    '''Does something in whatever C or an inline cache calls.'''
    def __init__(self, act): self.act = act
    @property
    def attribute(self): self.act(); return self
    def method(self, *args): self.act(); return self
    def __add__(self, other): self.act(); return self
    def __getitem__(self, key): self.act(); return self
    def __contains__(self, value): self.act(); return True
    def __iter__(self): self.act(); return iter((1,))
    def __bool__(self): self.act(); return True
    def __len__(self): self.act(); return 3
    def __eq__(self, other): self.act(); return True
    def __hash__(self): return 1
    def __call__(self, *args, **named): self.act(); return self
    def __getattr__(self, name): self.act(); return name
    def __setattr__(self, name, value):
        object.__setattr__(self, name, value)
        if name != "act": self.act()
    def __del__(self): pass
def attribute(c): x = c.attribute; return CONSTANT, x is c
def method(c): x = c.method(1, 2); return CONSTANT, x is c
def named(c): x = c(1, key=2); return CONSTANT, x is c
def spread(c): x = c(*(1, 2), **{"key": 2}); return CONSTANT, x is c
def add(c): x = c + 1; return CONSTANT, x is c
def item(c): x = c["key"]; return CONSTANT, x is c
def contains(c): x = 1 in c; return CONSTANT, x
def iterate(c): return [CONSTANT for _ in c], CONSTANT
def truth(c): return (CONSTANT if c else 0), CONSTANT
def length(c): x = len(c); return CONSTANT, x
def equal(c): x = c == 2; return CONSTANT, x
def missing(c): x = c.missing; return CONSTANT, x
def store(c): c.other = 1; return CONSTANT
def formats(c): x = f"{c.attribute.missing}"; return CONSTANT, x
def caught(c):
    try:
        x = c.attribute
        y = c["key"]
        z = c.method(CONSTANT)
    except ZeroDivisionError:
        return "caught", CONSTANT
    return CONSTANT, x is y is z
def temporary(c): return [c.attribute, Changes(c.act).attribute][0] is c, CONSTANT
def inner(c): return attribute(c), CONSTANT
def outer(c): return inner(c), method(c), CONSTANT
WAYS = attribute, method, named, spread, add, item, contains, iterate, truth, length, equal, missing, store, formats, caught, temporary, inner, outer
def nothing(): pass
def warm():
    for way in WAYS:
        for _ in range(4):
            way(Changes(nothing))
warm()
"""

PROGRAMS = {
    "a watched fact changes": """
def act():
    global CONSTANT
    CONSTANT += 1
for _ in range(3):
    for way in WAYS:
        print(way.__name__, way(Changes(act)), CONSTANT)
    warm()
""",
    "code of other functions goes on": """
def act():
    for other in WAYS:
        if other not in (way, inner, outer):
            globals()["CONSTANT"] = CONSTANT + 1
            print(other(Changes(nothing)), end=" ")
for way in WAYS:
    print(way.__name__, way(Changes(act)))
""",
    "tracing is switched on": """
for way in WAYS:
    seen = []
    def tracer(frame, event, argument):
        seen.append((frame.f_code.co_name, event, frame.f_lineno))
        return tracer
    def act():
        if len(seen) < 40:
            sys.settrace(tracer)
            sys._getframe(2).f_trace = tracer
    print(way.__name__, way(Changes(act)))
    sys.settrace(None)
    print([event for event in seen if event[0] != "act"][:8])
    warm()
""",
    "a signal comes": """
class Stop(Exception): pass
def stop(*args): raise Stop
signal.signal(signal.SIGUSR1, stop)
def act(): signal.raise_signal(signal.SIGUSR1)
reached = 0
def raises(c):
    global reached
    act()
    reached += 1
def raises_caught(c):
    global reached
    try:
        c.act()
        reached += 1
    except Stop:
        return "caught here"
for way in (*WAYS, raises, raises_caught):
    for _ in range(3):
        try:
            print(way.__name__, way(Changes(act)), reached)
        except Stop as error:
            trace, names = error.__traceback__, []
            while trace is not None:
                names.append((trace.tb_frame.f_code.co_name, trace.tb_lineno))
                trace = trace.tb_next
            print(way.__name__, "stopped", reached, names)
for interrupted in (lambda: sum(map(lambda x: x, iter(int, 1))), lambda: [sorted(range(20000), key=lambda x: -x) for _ in iter(int, 1)]):
    signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, 0.1)
    try:
        interrupted()
    except Stop:
        print("stopped")
""",
    "what was retired waits on another stack": """
go, there = threading.Event(), threading.Event()
def act():
    there.set()
    go.wait()
results = []
def work():
    for way in WAYS:
        results.append((way.__name__, way(Changes(act))))
thread = threading.Thread(target=work)
thread.start()
there.wait()
if hasattr(sys, "pyston_version_info"):
    from pyston import _runtime
    calm = _runtime.internals()["calm"]
    CONSTANT += 1
    assert not _runtime.internals()["calm"], calm
CONSTANT = 5
for way in WAYS:
    print(way(Changes(nothing)))
warm()
go.set()
thread.join()
print(results)
warm()
if hasattr(sys, "pyston_version_info"):
    for _ in range(3000):  # somebody looks from time to time whether they have gone
        attribute(Changes(nothing))
    assert _runtime.internals()["calm"]
""",
}


@pytest.mark.parametrize("program", PROGRAMS)
def test_same_as_stock(program: str) -> None:
    modes = ("compiled",) if "calm" in PROGRAMS[program] else tuple(MODES)
    check_same_as_stock(START + PROGRAMS[program], modes)
