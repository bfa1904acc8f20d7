"""Namespaces die, with the functions, the classes and what they hold, when they die on stock."""
import dataclasses
import gc
import os
import runpy
import sys
import tempfile
import types
import weakref

gc.disable()
CALLS = 20
died = []


class Loud:
    def __init__(self, name):
        self.name = name

    def __del__(self):
        died.append(self.name)


def report(title):
    print(title, "before:", sorted(died), end=" ")
    died.clear()
    found = gc.collect()
    print("collected:", sorted(died), found > 0)
    died.clear()


def make(source, **names):
    namespace = {"Loud": Loud, "CALLS": CALLS, "died": died, "gc": gc, **names}
    exec(compile(source, "<made>", "exec"), namespace)
    return namespace


CALLING = """
held = [Loud("in a list")]
def last(x):
    return held
def first(x):
    return last(x)
for i in range(CALLS):
    first(i)
"""


def dropped():
    namespace = make(CALLING)
    watched = weakref.ref(namespace["last"], lambda reference: died.append("last"))
    del namespace
    report("dropped")
    print(watched())


def cleared():
    namespace = make(CALLING)
    namespace.clear()
    report("cleared")
    print(len(namespace))


def called_from_here(namespace):
    for i in range(CALLS):
        namespace["first"](i)


def called():
    namespace = make(CALLING)
    called_from_here(namespace)
    del namespace
    report("called")


REGISTERED = """
registry = {"held": Loud("in a dict")}
def register(function):
    registry[function.__name__] = function
    return function
@register
def one(x):
    return registry["two"]
@register
def two(x):
    return registry["one"]
for i in range(CALLS):
    one(i), two(i)
"""


def registered():
    namespace = make(REGISTERED)
    del namespace
    report("registered")


CLASSES = """
class Base:
    held = [Loud("of the base")]
    def method(self, x):
        return self.other(x)
    def other(self, x):
        return self.held
class Derived(Base):
    def method(self, x):
        return super().method(x)
    @property
    def what(self):
        return self.other(1)
    @classmethod
    def make(cls):
        return cls()
    @staticmethod
    def get(x):
        return instance
    def __len__(self):
        return len(self.what)
instance = Derived()
instance.loud = Loud("of an instance")
def use(x):
    return instance.method(x), instance.what, Derived.make(), Derived.get(x), len(instance), isinstance(x, Base)
for i in range(CALLS):
    use(i)
"""


def classes():
    namespace = make(CLASSES)
    watched = weakref.ref(namespace["Derived"], lambda reference: died.append("Derived"))
    del namespace
    report("classes")
    print(watched())


def use_instance(instance):
    return instance.method(1), instance.what, len(instance)


def instances():
    """The classes are known to code that lives on."""
    namespace = make(CLASSES)
    instance = namespace["instance"]
    for i in range(CALLS):
        use_instance(instance)
    del namespace, instance
    report("instances")


def call(function, x):
    return function(x)


def passed():
    """And so are the functions."""
    namespace = make(CALLING)
    function = namespace["first"]
    for i in range(CALLS):
        call(function, i)
    del namespace, function
    report("passed")


def several():
    for i in range(4):
        make(CALLING)
    report("several")


RUNNING = """
held = [Loud("held while it runs")]
def inner(x, end):
    if end is not None:
        end(x)
    return len(held)
def outer(x, end=None):
    before = inner(x, end)
    return before + len(held) + inner(x, None)
for i in range(CALLS):
    outer(i)
"""


def running():
    namespace = make(RUNNING)
    box = [namespace.pop("outer")]
    del namespace

    def end(x):
        gc.collect()
        print("ending:", died, end=" ")

    print(box.pop()(1, end))
    report("running")


SUSPENDED = """
held = [Loud("of a generator")]
def one(x):
    return held
def steps(x):
    yield one(x)
    yield one(x)
for i in range(CALLS):
    list(steps(i))
"""


def suspended():
    namespace = make(SUSPENDED)
    generator = namespace["steps"](1)
    next(generator)
    del namespace
    report("suspended")
    print(len(next(generator)))
    del generator
    report("no longer suspended")


CLOSURES = """
held = [Loud("behind a closure")]
def outer(x):
    def inner(y):
        return held, x, outer
    return inner(x), inner
for i in range(CALLS):
    kept = outer(i)
"""


def closures():
    namespace = make(CLOSURES)
    inner = namespace["kept"][1]
    del namespace
    report("closure")
    print(len(inner(1)))
    del inner
    report("no closure")


def modules():
    module = types.ModuleType("temporary")
    sys.modules["temporary"] = module
    exec(CALLING, module.__dict__.update(Loud=Loud, CALLS=CALLS) or module.__dict__)
    for i in range(CALLS):
        module.first(i)
    del sys.modules["temporary"]
    report("module, held")
    del module
    report("module")


def paths():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "program.py")
        with open(path, "w") as file:
            file.write(CALLING)
        for i in range(2):
            names = runpy.run_path(path, {"Loud": Loud, "CALLS": CALLS})
            names["first"](1)
            del names
            report("path")


def generated():
    @dataclasses.dataclass(order=True)
    class Point:
        x: int
        held: object = None

        def sum(self):
            return self.x + self.add()

        def add(self):
            return self.x

    for i in range(CALLS):
        point = Point(i)
        point.sum(), point == Point(i), repr(point), point < Point(2)
    Point.held = Loud("of a data class")
    watched = weakref.ref(Point, lambda reference: died.append("Point"))
    del Point, point
    report("generated")
    print(watched())


def local_classes():
    class Local:
        held = Loud("of a local class")

        def method(self, x):
            return self.other(x)

        def other(self, x):
            return __class__

    instance = Local()
    for i in range(CALLS):
        instance.method(i)
    watched = weakref.ref(Local, lambda reference: died.append("Local"))
    del Local, instance
    report("local class")
    print(watched())


def tell_nobody():
    """What asks for what refers to what sees the program's objects only."""
    namespace = make(CALLING)
    names = {"Loud", "CALLS", "died", "gc", "held", "last", "first", "i", "__builtins__"}
    print(sorted(names ^ namespace.keys()))
    known = [id(name) for name in namespace] + [id(value) for value in namespace.values()]
    print(len([each for each in gc.get_referents(namespace) if id(each) not in known]))
    referrers = gc.get_referrers(namespace["held"])
    print([type(each).__name__ for each in referrers if each is not namespace])
    del namespace, referrers
    report("told")


def end():
    """The namespace dies with the process."""
    global left
    left = make(CALLING)
    left["held"].append(left)


for function in [
    dropped, cleared, called, registered, classes, instances, passed, several, running, suspended,
    closures, modules, paths, generated, local_classes, tell_nobody,
]:
    for i in range(2):
        function()
    print()
end()
