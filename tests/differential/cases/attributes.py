import functools
import sys

from prelude import Loud, case, look, see


class Point:
    kind = "point"

    def __init__(self, x, y):
        self.x = x
        self.y = y

    def norm(self):
        return self.x * self.x + self.y * self.y

    def add(self, other, scale=1):
        return Point(self.x + other.x * scale, self.y + other.y * scale)

    @property
    def double(self):
        return self.x * 2

    @double.setter
    def double(self, value):
        self.x = value // 2

    @staticmethod
    def static(a, b=2):
        return a, b

    @classmethod
    def make(cls, x):
        return cls(x, x)


class Sub(Point):
    kind = "sub"

    def norm(self):
        return super().norm() + 1

    def add(self, other, scale=1):
        return super().add(other, scale=scale)


class Slots:
    __slots__ = ("a", "b")

    def __init__(self, a):
        self.a = a


class Hook:
    def __init__(self):
        self.x = 1

    def __getattr__(self, name):
        look(2)
        if name == "bad":
            raise AttributeError("no such thing", name)
        return "hook " + name


class Reads:
    def __getattribute__(self, name):
        see("read", name)
        return object.__getattribute__(self, name)

    x = 5


class Descriptor:
    def __get__(self, obj, cls):
        return ("got", obj is None, cls.__name__)

    def __set__(self, obj, value):
        see("set", value)

    def __delete__(self, obj):
        see("delete")


class HasDescriptor:
    d = Descriptor()


class Raises:
    @property
    def bad(self):
        raise ValueError("in property")

    def method(self):
        return self.missing


@case("Point(1, 2)", "Sub(3, 4)", "Point(1.5, 2.5)", "Slots(1)")
def loads(p):
    return p.x, p.y, p.kind, p.norm(), p.double


@case("Point(1, 2), 5", "Sub(3, 4), 'x'", "Slots(1), 2")
def stores(p, v):
    p.x = v
    p.y = p.x
    p.x += 1
    p.new = [v]
    return vars(p)


@case("Slots(1)", "Slots([])")
def slots(s):
    r = [s.a]
    s.a = 2
    s.b = s.a
    r.append(s.b)
    del s.b
    return r, s.b


@case("Point(1, 2)", "Sub(1, 2)")
def property_set(p):
    p.double = 10
    p.double += 4
    return p.x, p.double


@case("Point(1, 2), Point(3, 4)", "Sub(1, 2), Point(3, 4)", "Point(1, 2), Sub(1, 1)", "Sub(1, 2), Slots(1)")
def methods(a, b):
    m = a.norm
    c = a.add(b)
    d = a.add(b, 2)
    e = a.add(other=b, scale=3)
    return m(), c.norm(), d.norm(), e.norm(), type(c).__name__, Point.norm(a), a.static(1), a.make(3).x


@case("Hook()")
def hook(h):
    h.y = 2
    return h.x, h.z, h.y, h.other


@case("Hook()")
def hook_raises(h):
    return h.x + h.bad


@case("Reads()")
def reads(r):
    r.y = 1
    return r.x, r.y


@case("HasDescriptor()", "HasDescriptor")
def descriptor(o):
    a = o.d
    o.d = 5
    del o.d
    return a


@case("Point(1, 2)")
def shadow(p):
    r = [p.kind, p.norm()]
    p.kind = "own"
    p.norm = lambda: "own norm"
    r += [p.kind, p.norm()]
    del p.kind
    r.append(p.kind)
    return r


@case("Point(1, 2)", "Slots(3)")
def delete(p):
    del p.x
    return p.x


@case("Raises()")
def property_raises(r):
    try:
        r.bad
    except ValueError as error:
        see(str(error))
    return r.method()


@case("Point")
def class_attributes(cls):
    return cls.kind, cls.make(2).x, cls.__name__, cls.static(1), cls.missing


@case("3")
def module_attributes(x):
    import math
    import os.path

    return math.floor(2.5) + x, math.pi, os.path.join("a", "b"), os.sep, math.missing


@case("Point(1, 2)")
def through_dict(p):
    p.__dict__["x"] = 50
    a = p.x
    p.__dict__ = {"x": 7, "y": 8}
    b = p.x + p.y
    p.z = 3
    return a, b, vars(p)


@case("Point(1, 2)")
def changes_class(p):
    a = p.norm()
    p.__class__ = Sub
    return a, p.norm(), p.kind


@case("4", skip="big float nan minus_big")
def class_changes_while_running(n):
    class Local:
        value = 1

        def get(self):
            return self.value

    out = []
    x = Local()
    for i in range(n):
        out.append(x.value)
        out.append(x.get())
        if i == 1:
            Local.value = 2
        if i == 2:
            Local.get = lambda self: "new"
    return out


@case("[Point(1, 2), Sub(1, 2), Slots(1), Hook()]")
def many_classes(things):
    return [getattr(t, "x", None) for t in things], [t.x for t in things[:2]], things[3].x


@case("'abc'", "[1]", "5", "None", "1.5")
def builtin_attributes(x):
    return x.__class__.__name__, x.real if isinstance(x, (int, float)) else x.__len__()


@case("Point(1, 2), 'x'", "Point(1, 2), 'nope'", "Hook(), 'nope'")
def dynamic(p, name):
    p.new = 1
    return getattr(p, name, "default"), hasattr(p, name), getattr(p, name)


@case("3", skip="big float nan minus_big")
def builds_instances(n):
    return [Point(i, i + 1).norm() for i in range(n)] + [Sub(i, 1).norm() for i in range(n)]


@case("Point(1, 2)")
def bound_methods(p):
    f = p.norm
    g = p.add
    fs = [f, p.norm, Point.norm]
    return f(), g(p).x, g(other=p, scale=-1).x, [h.__name__ for h in fs], f == p.norm, f is p.norm


class Counter:
    def __init__(self):
        self.n = 0

    def bump(self, by=1):
        self.n += by
        return self

    def __call__(self, a, *rest, k=None):
        return (self.n, a, rest, k)

    def __len__(self):
        return self.n

    def __iter__(self):
        yield from range(self.n)

    def __contains__(self, x):
        return x == self.n

    def __enter__(self):
        see("enter")
        return self

    def __exit__(self, *args):
        see("exit", args[0])
        return self.n > 2


@case("Counter()")
def counter(c):
    c.bump().bump(2).bump(by=3)
    return c.n, c(1), c(1, 2, k=3), len(c), list(c), 6 in c, 7 in c, bool(c)


@case("Counter(), False", "Counter(), True", "Counter().bump(5), True")
def with_statement(c, fails):
    with c as d:
        see(d is c)
        if fails:
            raise KeyError("inside")
        c.bump()
    with c, c as e:
        look()
    return e.n


class Meta(type):
    @property
    def marked(cls):
        return "marked " + cls.__name__


@case("4", skip="big float nan minus_big")
def classes_come_and_go(n):
    out = []
    for i in range(n):
        made = Meta("Made", (), {"value": Loud(i)})
        out.append(made.value.name)
        out.append(made.marked)
        del made.value
    return out


@case("Point(1, 2)")
def stores_seen_by_dict(p):
    d = p.__dict__
    p.first = 1
    p.second = 2
    p.x = 3
    return d, len(d), list(d), p.second


class Filled:
    def __init__(self, early):
        if early:
            self.__dict__
        self.a = 1
        self.b = 2


@case("False", "True")
def filled_behind_a_dict(early):
    f = Filled(early)
    return len(f.__dict__), f.__dict__


class GetsInPython:
    """A descriptor in Python that may lose what makes it one."""

    def __init__(self, what="nothing"):
        self.what = what

    def __get__(self, instance, owner):
        see("get", self.what, type(instance).__name__, owner.__name__)
        if self.what == "raises":
            raise AttributeError("from the descriptor")
        return self.what, instance is None


class GetsAndSetsInPython(GetsInPython):
    def __set__(self, instance, value):
        see("set", self.what, value)


def many_classes():
    """More than a site keeps."""

    class Plain:
        shared = "class value"
        method = Point.norm if hasattr(Point, "norm") else len

        def __init__(self):
            self.own = "own"

    class Slotted:
        __slots__ = ("own", "unset")
        shared = "slotted"

        def __init__(self):
            self.own = 1

    class Computed(Plain):
        @property
        def shared(self):
            return "computed", self.own

    class Described(Plain):
        shared = GetsInPython("non-data")
        both = GetsAndSetsInPython("data")
        fails = GetsAndSetsInPython("raises")

    class Hooked(Described):
        def __getattr__(self, name):
            see("hook", name)
            if name == "unset":
                raise AttributeError(name)
            return "hooked " + name

    class Asked(Plain):
        def __getattribute__(self, name):
            see("asked", name)
            return object.__getattribute__(self, name)

    class Filled(Plain):
        def __init__(self):
            super().__init__()
            self.__dict__["shared"] = "in the dict"
            self.both = "own"

    kinds = [Plain, Slotted, Computed, Described, Hooked, Asked, Filled]
    kinds += [type(f"Sub{i}", (Plain,), {"number": i, "both": GetsInPython(i)}) for i in range(34)]
    return kinds


def read_all(objects, names):
    out = []
    for name in names:
        for thing in objects:
            try:
                out.append(getattr(thing, name))
            except AttributeError as error:
                out.append((str(error), error.name, type(error.obj).__name__))
            out.append(hasattr(thing, name))
            out.append(getattr(thing, name, "default"))
    return [getattr(value, "__name__", value) for value in out]


def read_shared(objects):
    return [thing.shared for thing in objects], [thing.own for thing in objects]


@case("3", skip="big float nan minus_big")
def names_and_classes_without_end(n):
    names = (
        "shared",
        "own",
        "both",
        "fails",
        "unset",
        "number",
        "__class__",
        "".join(["sha", "red"]),
        "mis" + "sing",
    )
    kinds = many_classes()
    objects = [kind() for kind in kinds] + [sys, Point, object(), 5, print, read_all]
    out = [read_all(objects, names) for _ in range(n)]
    some = objects[: len(kinds)]
    out.append([read_shared(some) for _ in range(3 * n)][-1])
    # What is known of a class ends with each change of it.
    kinds[0].shared = "another class value"
    out.append(read_all(objects, names))
    out.append(read_shared(some))
    del kinds[0].shared
    kinds[0].both = GetsAndSetsInPython("for all")
    out.append(read_all(objects[:8], names))
    some[0].shared = "own now"
    out.append(read_all(objects[:3], names))
    kinds[0].__getattr__ = lambda self, name: "late hook " + name
    out.append(read_all(objects, names))
    get = GetsInPython.__get__
    del GetsInPython.__get__
    kept = [thing for thing in objects[:8] if type(thing).__name__ == "Described"]
    out.append([type(thing.shared).__name__ for thing in kept])
    GetsInPython.__get__ = lambda self, instance, owner: "another get"
    out.append(read_all(objects[:8], names))
    GetsInPython.__get__ = functools.partial(lambda *args: len(args))
    out.append(read_all(objects[:8], names))
    GetsInPython.__get__ = get
    out.append(read_all(objects[:8], names))
    return out


@case("40", skip="big float nan minus_big")
def names_that_die(n):
    """A name's address may be another name's soon."""
    thing = Point(1, 2)
    out = []
    for i in range(n):
        name = f"name_{i % 7}"
        setattr(thing, sys.intern(name), i)
        out.append(getattr(thing, sys.intern(f"name_{i % 5}"), None))
        out.append(getattr(thing, sys.intern(f"other_{i}"), "none"))
    return out


class Proxy:
    """Asks twice, as Django's lazy objects do."""

    def __init__(self, target):
        self.__dict__["target"] = target

    def __getattribute__(self, name):
        see("asked", name)
        value = super().__getattribute__(name)
        if name.startswith("masked"):
            raise AttributeError
        return value

    def __getattr__(self, name):
        see("hook", name)
        if name == "never":
            raise LookupError(name)
        return getattr(super().__getattribute__("target"), name)

    def masked(self):
        return "the proxy's"

    def own(self):
        return "own", self.target


class Unhooks:
    """Its `__getattribute__` takes `__getattr__` away, which is asked this once nevertheless."""

    def __getattribute__(self, name):
        if "__getattr__" in Unhooks.__dict__:
            del Unhooks.__getattr__
        raise AttributeError(name)

    def __getattr__(self, name):
        return "hook", name


class Target:
    x = 1
    masked_value = 2

    def masked(self):
        return "the target's"


@case("Proxy(Target())", "Proxy(Proxy(Target()))", odd=False)
def proxied(thing):
    found = thing.x, thing.masked(), thing.own()[0], thing.masked_value
    try:
        thing.nothing
    except AttributeError as error:
        found += error.args, error.name, type(error.obj).__name__
    try:
        thing.never
    except LookupError as error:
        found += error.args, type(error.__context__).__name__
    return found, hasattr(thing, "nothing"), getattr(thing, "nothing", 3)


@case("Unhooks()", odd=False)
def unhooked(thing):
    try:
        return thing.x
    except AttributeError as error:
        return error.args
