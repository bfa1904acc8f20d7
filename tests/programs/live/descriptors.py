"""Descriptors whose class gains or loses __get__, __set__, __delete__; properties that change."""
import functools

class Desc:
    def __init__(self, value):
        self.value = value

class A:
    d = Desc("d")
    def __init__(self):
        self.__dict__["d"] = "instance d"
        self.n = 0
    @property
    def p(self):
        return "p", self.n
    @functools.cached_property
    def c(self):
        self.n += 1
        return "cached", self.n

def read(a):
    return a.d if isinstance(a.d, str) else type(a.d).__name__, a.p, a.c

def store(a):
    try:
        a.d = "stored"
        a.p = 5
    except (AttributeError, TypeError) as error:
        return str(error)
    return "fine"

def rounds(text):
    a = A()
    seen = [read(a) for _ in range(12)]
    print(text, seen[0], all(s == seen[0] for s in seen), [store(A()) for _ in range(4)][-1])

rounds("start")
Desc.__get__ = lambda self, o, cls=None: f"got {self.value}"; rounds("get, no data descriptor")
Desc.__set__ = lambda self, o, v: None; rounds("data descriptor")
del Desc.__set__; rounds("no more")
Desc.__delete__ = lambda self, o: None; rounds("delete only")
del Desc.__delete__
Desc.__get__ = lambda self, o, cls=None: "other get"; rounds("other get")
del Desc.__get__; rounds("none")
A.p = A.p.setter(lambda self, v: None); rounds("setter")
A.p = property(lambda self: "other p"); rounds("other property")
class P(property):
    def __get__(self, o, cls=None):
        return "subclass of property"
A.p = P(); rounds("subclass")
A.c = "plain"; rounds("plain")
class Slot:
    __slots__ = ("s",)
slot = Slot.__dict__["s"]
def slots(o): return o.s
o = Slot(); o.s = 3
print([slots(o) for _ in range(10)][-1])
Slot.s = 4
print([slots(o) for _ in range(10)][-1])
Slot.s = slot
print([slots(o) for _ in range(10)][-1])
