"""Objects die when they die on stock: locals, temporaries, exceptions, frames kept, weak references, shutdown."""
import atexit
import gc
import sys
import weakref

gc.disable()

class Loud:
    def __init__(self, name):
        self.name = name
    def __del__(self):
        print("died", self.name, end="; ")
    def method(self):
        return self
    def __iter__(self):
        return iter((1, 2))

def locals_(n):
    a = Loud("a")
    b = Loud("b")
    a = None
    print("a gone", end="; ")
    del b
    print("b gone", end="; ")
    c = Loud("c")
    return n

def temporaries(n):
    Loud("statement")
    print("next", end="; ")
    Loud("method").method().method()
    x = [Loud("in a list"), Loud("too")][0]
    print("index", end="; ")
    y, z = Loud("iterated")
    for i in Loud("loop"):
        print(i, end="; ")
    return Loud("returned").name

def loop(n):
    for i in range(n):
        x = Loud(i)
    return None

def raises(n):
    held = Loud("held by the traceback")
    raise ValueError(Loud("argument").name)

def catches(n):
    try:
        raises(n)
    except ValueError as error:
        print("caught", end="; ")
    print("after", end="; ")

def kept(n):
    x = Loud("in a kept frame")
    return sys._getframe()

def cell(n):
    x = Loud("in a cell")
    def inner():
        return x
    return inner

def deleted_in_callee(n):
    x = Loud("passed")
    return drop([x])

def drop(items):
    items.pop()
    print("popped", end="; ")

def overwritten(n):
    d = {"k": Loud("in a dict")}
    d["k"] = 1
    print("overwritten", end="; ")
    p = Loud("owner")
    p.child = Loud("child")
    p.child = None
    print("cleared", end="; ")

def weak(n):
    x = Loud("weakly held")
    r = weakref.ref(x, lambda r: print("callback", end="; "))
    w = weakref.finalize(x, print, "finalized", end="; ")
    del x
    return r() is None

def generator(n):
    x = Loud("in a generator")
    yield 1
    yield 2

def uses_generator(n):
    g = generator(n)
    next(g)
    del g
    print("generator gone", end="; ")
    for i in generator(n):
        break
    print("loop left", end="; ")

def resurrects(n):
    class Again:
        def __del__(self):
            back.append(self)
    x = Again()
    del x
    return len(back)
back = []

functions = [locals_, temporaries, loop, catches, cell, deleted_in_callee, overwritten, weak, uses_generator, resurrects]
for f in functions:
    for _ in range(8):
        r = f(3)
        r = None
        print()
f = kept(1)
print(sorted(f.f_locals))
f.clear()
print("cleared")
for _ in range(8):
    f = kept(1)
    print("frame kept", end="; ")
    f = None
    print()
at_end = Loud("global at the end")
hidden = [Loud("in a list at the end")]
def uses_global(): return at_end
for _ in range(10): uses_global()
class Last:
    def __del__(self):
        print("last", uses_global is None or uses_global() is None or uses_global().name)
last = Last()
atexit.register(lambda: print("atexit", uses_global().name))
