"""Instances change class, dict and layout."""
import types

class A:
    def __init__(self):
        self.a = 1
        self.b = 2
    def m(self):
        return "A.m", self.a

class B:
    def __init__(self):
        self.b = "b"
        self.a = "a"
    def m(self):
        return "B.m", self.b

class S:
    __slots__ = ("a", "b")
    def __init__(self):
        self.a = 10
        self.b = 20
    def m(self):
        return "S.m", self.b

class SD(S):
    def __init__(self):
        super().__init__()
        self.c = 5

class W:
    __slots__ = ("a", "b", "__weakref__", "__dict__")
    def __init__(self):
        self.a = self.b = 7
    def m(self):
        return "W.m"

class Wide:
    def __init__(self):
        for i in range(60):
            setattr(self, f"n{i}", i)
        self.a = "wide"
        self.b = "wider"
    def m(self):
        return self.n59

class D(dict):
    a = "class a"
    def __init__(self):
        self.b = 1
    def m(self):
        return len(self)

def read(o):
    try:
        return o.a, o.b, o.m()
    except AttributeError as error:
        return str(error)

def write(o, v):
    o.a = v
    o.b += o.b
    return o.a

def run(text, o):
    seen = []
    for i in range(10):
        seen.append(read(o))
    print(text, seen[0], all(s == seen[0] for s in seen))

kinds = [A, B, S, SD, W, Wide, D]
for cls in kinds:
    run(cls.__name__, cls())
for cls in kinds:
    for i in range(10):
        o = cls()
        write(o, i)
        run("written", o)
a = A()
run("a", a)
a.__class__ = B
run("now B", a)
a.__dict__ = {"b": "new dict", "a": 3, 5: "odd key"}
run("dict replaced", a)
a.__dict__["a"] = "through dict"
run("dict written", a)
del a.a
run("deleted", a)
a.__dict__.clear()
run("cleared", a)
a.a = 1
a.b = 2
a.__class__ = A
run("again A", a)
b = A()
d = b.__dict__
run("dict shown", b)
d["a"] = "shown"
run("dict shown and written", b)
b.b = 77
print(d)
c = A()
vars(c).update(zip("zyxwvu", range(6)))
run("many", c)
del c.a
c.a = "last now"
print(list(vars(c)))
s = S()
del s.a
run("slot deleted", s)
s.a = 4
run("slot again", s)
m = types.ModuleType("m")
m.a, m.b = 1, 2
m.m = lambda: "module"
run("module", m)
m.__class__ = type("Mod", (types.ModuleType,), {"a": property(lambda self: "property of a module")})
# (A site of stock's that has specialised for the module's dict goes on with it; a fresh one does what the class says.)
print("module subclass", [o.a for o in [m] * 10][0], m.b)
n = types.SimpleNamespace(a=1, b=2, m=lambda: 3)
run("namespace", n)
run("class itself", A)
A.a, A.b = "class a", "class b"
A.m = classmethod(lambda cls: cls.a)
run("class itself", A)
del A.a, A.b
