"""Functions get other code, defaults, names, globals and cells."""
import types
import traceback

def f(a, b=2, *, k=3):
    return a, b, k

def g(a, b="g", *, k="gk"):
    return "g", a, b, k

def call():
    return f(1), f(1, k=5), f(1, 2), f(a=1, b=0)

def show(text):
    seen = []
    for _ in range(10):
        try:
            seen.append(call())
        except TypeError as error:
            seen.append(str(error))
    print(text, seen[0], all(s == seen[0] for s in seen))

show("start")
f.__defaults__ = (20,); show("defaults")
f.__defaults__ = None; show("no defaults")
f.__defaults__ = (10, 20, 30)[:2]; show("two")
f.__kwdefaults__ = {"k": 33}; show("kwdefaults")
f.__kwdefaults__["k"] = 44; show("in place")
f.__kwdefaults__ = None; show("none")
f.__kwdefaults__ = {"k": 3}
f.__code__ = g.__code__; show("code")
f.__code__ = (lambda a, b=1, *, k=0: a).__code__; show("lambda code")
f.__name__ = "renamed"
f.__qualname__ = "re.named"
show("renamed")
globals()["f"] = g; show("rebound")
globals()["f"] = lambda *a, **k: (a, k); show("lambda")
del globals()["f"]
try:
    call()
except NameError as error:
    print(error)
from functools import partial
f = partial(g, b="partial"); show("partial")
class F:
    def __call__(self, a, b=0, *, k=0):
        return "called", a, b, k
f = F(); show("object")
F.__call__ = lambda self, *a, **k: "changed"; show("object changed")

def counter():
    n = 0
    def up():
        nonlocal n
        n += 1
        return n
    def get():
        return n
    return up, get

up, get = counter()
for _ in range(12):
    up()
print(get(), up.__closure__[0].cell_contents)
up.__closure__[0].cell_contents = "text"
print(get())
try:
    up()
except TypeError as error:
    print(error)
up.__closure__[0].cell_contents = 2**62 - 1
print(up(), up(), get())
del up.__closure__[0].cell_contents
try:
    get()
except NameError as error:
    print(error)

def own_code(n):
    if n == 5:
        own_code.__code__ = other.__code__
    total = 0
    for i in range(n):
        total += i
    return "old", total

def other(n):
    return "new", n

print([own_code(n) for n in range(10)])
space = {"K": 1, "__builtins__": __builtins__}
exec("def reads(): return K, len([K])", space)
reads = space["reads"]
for i in range(8):
    print(reads(), end=" ")
space["K"] = "changed"
print(reads())
space["len"] = lambda x: "own len"
print(reads())
del space["len"]
print(reads())
del space["K"]
try:
    reads()
except NameError as error:
    print(error)
space.clear()
try:
    reads()
except NameError as error:
    print(error)
moved = types.FunctionType(call.__code__, {"f": lambda *a, **k: "other globals"})
print([moved() for _ in range(8)][-1], call()[0])
def raises():
    return missing_name
raises.__code__ = raises.__code__.replace(co_name="shown", co_firstlineno=500)
for _ in range(5):
    try:
        raises()
    except NameError:
        text = traceback.format_exc()
print(text)
