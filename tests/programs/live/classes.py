"""Classes gain and lose attributes, methods, hooks and bases."""

class Base:
    shared = "base"
    def greet(self):
        return "base greet"

class Other:
    shared = "other"
    def greet(self):
        return "other greet"

class Thing(Base):
    kind = 1
    def __init__(self, x):
        self.x = x
    def double(self):
        return self.x * 2

def look(t):
    out = []
    for name in ("x", "kind", "shared"):
        out.append(getattr(t, name, None))
    try:
        out.append(t.x)
        out.append(t.kind)
        out.append(t.double())
        out.append(t.greet())
        out.append(t.extra)
    except AttributeError as error:
        out.append(str(error))
    return out

def make(x):
    return Thing(x)

def rounds():
    seen = [look(make(4)) for _ in range(12)]
    print(seen[0] if all(s == seen[0] for s in seen) else seen)
    seen = [look(old) for _ in range(3)]
    print(seen[-1])

old = Thing(9)
rounds()
Thing.extra = "gained"; rounds()
Thing.extra = property(lambda self: ("property", self.x)); rounds()
del Thing.extra; rounds()
Thing.__getattr__ = lambda self, name: f"hook {name}"; rounds()
del Thing.__getattr__; rounds()
Thing.__getattribute__ = lambda self, name: object.__getattribute__(self, name) if name != "kind" else "stolen"; rounds()
del Thing.__getattribute__; rounds()
Thing.double = lambda self: "new double"; rounds()
Thing.double = staticmethod(lambda: "static"); rounds()
Thing.double = classmethod(lambda cls: cls.__name__); rounds()
Thing.x = property(lambda self: "data", lambda self, v: None); rounds()
del Thing.x; rounds()
Thing.x = "class x, hidden by the instance"; rounds()
del Thing.x
Thing.__bases__ = (Other,); rounds()
Other.greet = lambda self: "changed in a base"; rounds()
Thing.__bases__ = (Other, Base); rounds()
del Other.greet; rounds()
Thing.__init__ = lambda self, x: setattr(self, "x", -x); rounds()
Thing.__new__ = staticmethod(lambda cls, x: object.__new__(cls)); rounds()
Thing.__setattr__ = lambda self, name, value: object.__setattr__(self, name, ("set", value)); rounds()
del Thing.__setattr__
Thing.__slots__ = ("y",); rounds()
for i in range(1100):
    Thing.kind = i
rounds()
Thing.kind = "after a thousand changes"; rounds()
