"""Functions that import: what they name is rebound, removed, imported anew, hooked, and imports itself are replaced."""
import builtins
import importlib
import os
import sys
import tempfile
import types

folder = tempfile.mkdtemp()
sys.path.insert(0, folder)
sys.dont_write_bytecode = True


def write(name, text):
    path = os.path.join(folder, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(text)
    importlib.invalidate_caches()


write("alone.py", "value = 1\ndef f(x): return x + value\n")
write("pack/__init__.py", "here = 'pack'\n")
write("pack/part.py", "value = 'part'\nfrom . import other\n")
write("pack/other.py", "value = 'other'\n")
write("pack/asks.py", """
def near():
    from . import other
    from .part import value
    return other.value, value
def up():
    from ..pack import here
    return here
""")


def plain():
    import alone
    return alone.f(3), alone.value


def names():
    from alone import f, value
    return f(4), value


def dotted():
    import pack.part
    return pack.part.value, pack.here


def renamed():
    import pack.part as p
    from pack import part
    return p.value, part is p


def missing():
    try:
        from alone import nothing
    except ImportError as error:
        return str(error).split("(")[0], error.name
    return nothing


def missing_module():
    try:
        import nowhere_to_be_found
    except ImportError as error:
        return str(error), error.name
    return nowhere_to_be_found


def of_class():
    from alone import __class__ as found, __dict__ as namespace, __name__ as name
    return found, namespace is sys.modules["alone"].__dict__, name


def near():
    return sys.modules["pack.asks"].near()


def up():
    try:
        return sys.modules["pack.asks"].up()
    except ImportError as error:
        return str(error)


import pack.asks

ASKED = (plain, names, dotted, renamed, missing, missing_module, of_class, near, up)


def rounds(title, asked=ASKED):
    print("---", title)
    for function in asked:
        seen = []
        for _ in range(12):
            try:
                seen.append(function())
            except Exception as error:
                seen.append((type(error).__name__, str(error).replace(folder, "")))
        print(function.__name__, seen[0], all(s == seen[0] for s in seen))


rounds("at first")
alone = sys.modules["alone"]
alone.value = 10
rounds("rebound", (plain, names))
alone.__getattr__ = lambda name: f"hook {name}"
rounds("a hook", (plain, names, missing))
del alone.value
rounds("only the hook", (names, missing))
alone.__path__ = []
rounds("now a package", (plain, names, missing))
del alone.__path__, alone.__getattr__
rounds("neither", (names, missing))
del sys.modules["alone"]
rounds("imported anew", (plain, names, of_class))
sys.modules["alone"] = types.SimpleNamespace(f=abs, value="no module")
rounds("no module", (plain, names))
sys.modules["alone"] = None
rounds("None", (plain, names))
sys.modules["alone"] = alone
alone.value = 3


class Lazy(types.ModuleType):
    @property
    def value(self):
        return "by a property"


rounds("again", (plain, names))
instance = Lazy("alone")
instance.f = hex
sys.modules["alone"] = instance
rounds("of a subclass", (plain, names))
sys.modules["alone"] = alone

stock = builtins.__import__


def loud(name, *rest):
    print("import", name, rest[2:])
    return stock(name, *rest)


builtins.__import__ = loud
rounds("__import__ replaced", (plain, names, dotted, near))
builtins.__import__ = stock
rounds("put back")

part = sys.modules.pop("pack.part")
del sys.modules["pack"].part
rounds("a submodule went", (dotted, renamed, near))
print(sys.modules["pack.part"] is part)
del sys.modules["pack"].other
sys.modules["pack.other"].value = "from sys.modules"
rounds("an attribute went", (near,))
write("pack/other.py", "value = 'another'\n")
del sys.modules["pack.other"]
rounds("both", (near,))
sys.modules["pack.asks"].__package__ = "pack.part"
rounds("another package", (near, up))
sys.modules["pack.asks"].__package__ = "pack"
rounds("the same again", (near, up))

spec = alone.__spec__
alone.__spec__ = None
rounds("no spec", (plain, names))
alone.__spec__ = spec
spec._initializing = True
rounds("being imported", (plain, names))
spec._initializing = False
modules = sys.modules
sys.modules = dict(modules, alone=types.SimpleNamespace(value="elsewhere", f=abs))
rounds("sys.modules replaced", (plain, names))
sys.modules = modules

for i in range(30):
    alone.value = i
    print(plain()[1], names()[1], end=" ")
print()
