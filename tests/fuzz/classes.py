"""Writes random programs about classes: what attributes, calls and questions about types mean while the classes change.

A program has a few classes of all kinds (with metaclasses, slots, descriptors, hooks of attribute access), functions of
one or two such operations each, that see objects of several classes, and a driver that calls them again and again and
changes a class or an object in between. Compiled code keeps much of this by version, shape or class; each change has to
be noticed.
"""

from __future__ import annotations

import random

NAMES = ["a", "b", "c", "m"]

PRELUDE = """
class Data:
    def __init__(self, name): self.name = name
    def __get__(self, o, cls):
        if o is None: return ('class', self.name)
        return ('data', self.name)
    def __set__(self, o, value): out('set', self.name, value)
    def __delete__(self, o): out('delete', self.name)
class Plain:
    def __init__(self, name): self.name = name
    def __get__(self, o, cls): return ('plain', self.name, o is None)
class Called:
    def __init__(self, name): self.name = name
    def __call__(self, *args): return ('called', self.name, len(args))
"""

OPERATIONS = (
    """
o.NAME; o.NAME; o.NAME; o.NAME(); o.NAME(1); o.NAME(1, k=2); (o.NAME, o.OTHER); p.NAME; o.NAME is p.NAME
getattr(o, 'NAME'); getattr(o, 'NAME', 9); getattr(o, n); getattr(o, n, 9); hasattr(o, 'NAME'); hasattr(o, n)
CLASS.NAME; CLASS.NAME(o); CLASS.NAME(); CLASS(); CLASS(1); CLASS(1, 2); CLASS(k=1); CLASS().NAME
type(CLASS()).__name__
isinstance(o, CLASS); isinstance(o, (CLASS, int)); isinstance(o, p.__class__); issubclass(type(o), CLASS)
type(o).NAME; type(o) is CLASS; type(o)(); o.__class__; CLASS.__mro__[1]; o.__dict__.get('NAME'); sorted(vars(o))
o(); o(1); o == p; o != p; o < p; o + p; o in [p]; p in o; len(o); not o; o[1]; list(o); str(o); f'{o}'
hash(o) == hash(p); {o: 1}.get(p); [x for x in o]; 1 if o else 2
super(CLASS, 0 if o is None else o).NAME; super(CLASS, 0 if o is None else o).NAME()
""".strip()
    .replace("\n", "; ")
    .split("; ")
)

STATEMENTS = (
    """
o.NAME = VALUE; o.NAME = p; o.NAME += 1; setattr(o, 'NAME', VALUE); setattr(o, n, 4); del o.NAME; o.NAME = o.OTHER
p.NAME = o.NAME
""".strip()
    .replace("\n", "; ")
    .split("; ")
)

# Special methods: parameters, and bodies to choose from.
HOOKS = {
    "__getattr__": ("self, name", ["return ('missing', name)", "raise AttributeError(name)", "return 5"]),
    "__getattribute__": (
        "self, name",
        [
            "return object.__getattribute__(self, name)",
            "return super().__getattribute__(name)",
            "out('asked', name) if name in 'abcm' else None; return object.__getattribute__(self, name)",
        ],
    ),
    "__setattr__": ("self, name, value", ["object.__setattr__(self, name, value)", "out('no', name)"]),
    "__delattr__": ("self, name", ["object.__delattr__(self, name)", "out('kept', name)"]),
    "__call__": ("self, *args", ["return ('call', len(args))", "return self.a"]),
    "__eq__": ("self, other", ["return True", "return NotImplemented", "return self.a == 1"]),
    "__hash__": ("self", ["return 7", "return 'x'"]),
    "__len__": ("self", ["return 3", "return self.a", "return -1"]),
    "__bool__": ("self", ["return False", "return self.a"]),
    "__getitem__": ("self, key", ["return ('item', key)", "raise IndexError(key)"]),
    "__contains__": ("self, item", ["return item == 1", "return self.a"]),
    "__iter__": ("self", ["return iter((1, 2))", "yield self.a"]),
    "__add__": ("self, other", ["return ('sum', other)", "return NotImplemented"]),
    "__lt__": ("self, other", ["return True", "return NotImplemented"]),
    "__str__": ("self", ["return 'text'", "return self.a"]),
    "__enter__": ("self", ["return self", "return self.a"]),
}


class ClassProgram:
    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.lines = PRELUDE.strip("\n").split("\n")
        self.metas: list[str] = []
        self.classes: list[str] = []
        self.functions: list[str] = []
        self.objects = 0

    def maybe(self, chance: float) -> bool:
        return self.random.random() < chance

    def name(self) -> str:
        return self.random.choice(NAMES)

    def klass(self) -> str:
        return self.random.choice(self.classes)

    def obj(self) -> str:
        return f"o{self.random.randrange(self.objects)}"

    def value(self) -> str:
        choices = [
            "1",
            "2.5",
            "'s'",
            "None",
            "True",
            "-7",
            "(1, 2)",
            "10 ** 20",
            f"Plain({self.name()!r})",
            "len",
        ]
        return self.random.choice(choices)

    # --- what stands in classes ---------------------------------------------------------------------------

    def method(self, name: str, parameters: str = "self, *args") -> list[str]:
        first = parameters.split(",")[0]
        bodies = [
            f"return ({name!r}, len(args))",
            f"return {first}.{self.name()}",
            f"return super().{name}(*args) if {first} is not None else 0",
            f"return ({name!r}, type({first}).__name__)",
            f"{first}.{self.name()} = 3; return args",
        ]
        return [f"def {name}({parameters}):", f"    {self.random.choice(bodies)}"]

    def hook(self, name: str) -> list[str]:
        """A special method, as a function at the left margin."""
        parameters, bodies = HOOKS[name]
        return [f"def {name}({parameters}):", f"    {self.random.choice(bodies)}"]

    def member(self) -> list[str]:
        name = self.name()
        roll = self.random.randrange(10)
        if roll < 2:
            return self.method(name)
        if roll == 2:
            return ["@property", f"def {name}(self):", f"    return ('property', {self.value()})"]
        if roll == 3:
            return ["@classmethod", *self.method(name, "cls, *args")]
        if roll == 4:
            return ["@staticmethod", f"def {name}(*args):", "    return ('static', len(args))"]
        if roll == 5:
            return [f"{name} = {self.random.choice(['Data', 'Plain', 'Called'])}({name!r})"]
        if roll < 8:
            return [f"{name} = {self.value()}"]
        return self.hook(self.random.choice(list(HOOKS)))

    def block(self, head: str, lines: list[str]) -> None:
        self.lines.append(head)
        self.lines += ["    " + line for line in lines or ["pass"]]

    def meta(self) -> None:
        number = len(self.metas)
        instance = self.random.choice(["True", "False", "type.__instancecheck__(cls, o)"])
        choices = [
            [
                "def __call__(cls, *args):",
                "    out('making', len(args))",
                "    return super().__call__(*args)",
            ],
            ["def __instancecheck__(cls, o):", f"    return {instance}"],
            [
                "def __getattr__(cls, name):",
                "    if name[0] == '_': raise AttributeError(name)",
                "    return ('meta', name)",
            ],
            ["@property", f"def {self.name()}(cls):", "    return ('meta property', cls.__name__)"],
            self.method(self.name(), "cls, *args"),
        ]
        members = [line for _ in range(self.random.randrange(3)) for line in self.random.choice(choices)]
        base = self.metas[-1] if self.metas and self.maybe(0.5) else "type"
        self.block(f"class M{number}({base}):", members)
        self.metas.append(f"M{number}")

    def make_class(self) -> None:
        number = len(self.classes)
        bases = []
        if self.classes and self.maybe(0.6):
            bases.append(self.klass())
        elif self.maybe(0.15):
            bases.append(self.random.choice(["dict", "list", "int", "str", "Exception", "tuple"]))
        if self.classes and self.maybe(0.15):
            bases.append(self.klass())
        bases = list(dict.fromkeys(bases))
        plain = all(base[0] == "C" for base in bases)
        head = ", ".join(bases)
        if self.metas and self.maybe(0.3):
            head += f"{', ' if head else ''}metaclass={self.random.choice(self.metas)}"
        members: list[str] = []
        if not bases and self.maybe(0.25):
            more = " + ('__dict__',)" if self.maybe(0.4) else ""
            members.append(f"__slots__ = {tuple(self.random.sample(NAMES, 2))!r}{more}")
        if self.maybe(0.6):
            parameters = self.random.choice(["self, *args", "self, x=1", "self, x, y=2", "self, *, k=3"])
            names = self.random.sample(NAMES, 1 + self.random.randrange(3))
            values = [self.value(), "len(args)" if "args" in parameters else "0"]
            body = [f"self.{name} = {self.random.choice(values)}" for name in names]
            if bases and self.maybe(0.4):
                body.insert(0, "super().__init__()")
            members += [f"def __init__({parameters}):", *("    " + line for line in body)]
        if plain and self.maybe(0.2):
            made = self.random.choice(["object.__new__(cls)", "super().__new__(cls)", "object.__new__(C0)"])
            members += ["def __new__(cls, *args, **kw):", f"    return {made}"]
        for _ in range(self.random.randrange(5)):
            members += self.member()
        self.lines.append("try:")
        self.lines.append(f"    class C{number}({head}):")
        self.lines += ["        " + line for line in members or ["pass"]]
        self.lines += ["except TypeError as error:", "    report(error)", f"    class C{number}: a = 1"]
        self.classes.append(f"C{number}")

    # --- functions ------------------------------------------------------------------------------------------

    def filled(self, templates: list[str]) -> str:
        """One of them, with names, a class and a value of the program."""
        template = self.random.choice(templates)
        for place, write in (
            ("NAME", self.name),
            ("OTHER", self.name),
            ("CLASS", self.klass),
            ("VALUE", self.value),
        ):
            template = template.replace(place, write())
        return template

    def operation(self) -> str:
        return self.filled(OPERATIONS)

    def statement(self) -> str:
        return self.filled(STATEMENTS)

    def function(self) -> None:
        number = len(self.functions)
        lines = []
        for _ in range(self.random.randrange(2)):
            lines.append(self.statement())
        if self.maybe(0.3):
            lines += [
                "try:",
                f"    x = {self.operation()}",
                "except AttributeError as error:",
                "    x = type(error).__name__",
            ]
            lines.append(f"return x, {self.operation()}")
        elif self.maybe(0.2):
            lines += ["x = []", "for i in range(3):", f"    x.append({self.operation()})", "return x"]
        elif self.maybe(0.15):
            lines += ["with o as x:", "    return x"]
        else:
            lines.append(f"return {self.operation()}")
        self.block(f"def f{number}(o, p, n):", lines)
        self.functions.append(f"f{number}")

    # --- changes --------------------------------------------------------------------------------------------

    def change(self) -> list[str]:
        r, c, n, o = self.random, self.klass(), self.name(), self.obj()
        meta = r.choice([*self.metas, "type"])
        roll = r.randrange(24)
        if roll < 3:
            return [f"{c}.{n} = {self.value()}"]
        if roll < 5:
            hook = r.choice(list(HOOKS))
            return [*self.hook(hook), f"{c}.{hook} = {hook}"]
        if roll < 7:
            return [*self.method(n), f"{c}.{n} = {n}"]
        simple = [
            [f"del {c}.{n}"],
            [f"{c}.{n} = property(lambda self: ('late property', {self.value()}))"],
            [f"{c}.{n} = {r.choice(['Data', 'Plain', 'Called'])}({n!r})"],
            [f"del {c}.{r.choice(list(HOOKS))}"],
            [f"{o}.__class__ = {self.klass()}"],
            [f"{c}.__bases__ = ({self.klass()},)"],
            [f"{o}.{n} = {self.value()}"],
            [f"del {o}.{n}"],
            [f"{o}.__dict__ = {{'a': 1, 'zz': 2}}"],
            [f"{o}.__dict__[{n!r}] = 'by dict'"],
            [f"{o}.__dict__.clear()"],
            [f"{o}.__dict__.update(a=Called('a'), b=2)"],
            [f"{meta}.{n} = 'of the metaclass'"],
            [f"{meta}.__getattr__ = lambda cls, name: ('late meta', name)"],
            [f"{meta}.__call__ = lambda cls, *args: ('made late', len(args))"],
            [f"{meta}.__instancecheck__ = lambda cls, o: True"],
            [f"{c}.__class__ = {meta}"],
        ]  # fmt: skip
        more = [
            ["def __init__(self, *args): self.a = 'late'", f"{c}.__init__ = __init__"],
            [f"{c}.__new__ = lambda cls, *args: object.__new__(cls)"],
            [f"del {c}.__init__"],
            [f"{c}.__init__.__code__ = (lambda self, *args: None).__code__"],
            [f"{c}.__init__.__defaults__ = (41, 42)"],
            [f"{c} = type('{c}', ({self.klass()},), {{'{n}': 'new class'}})"],
            [f"{o} = {c}()"],
            [f"for i in range(40): {c}.{n} = i"],
            [f"f0, {r.choice(self.functions)} = {r.choice(self.functions)}, f0"],
        ]
        return r.choice(simple if self.maybe(0.7) else more)

    def guarded(self, lines: list[str], indent: str) -> None:
        self.lines.append(f"{indent}try:")
        self.lines += [f"{indent}    {line}" for line in lines]
        self.lines.append(f"{indent}except Exception as error: report(error)")

    def program(self) -> str:
        for _ in range(self.random.randrange(3)):
            self.meta()
        for _ in range(2 + self.random.randrange(4)):
            self.make_class()
        for _ in range(2 + self.random.randrange(4)):
            self.function()
        self.objects = 2 + self.random.randrange(4)
        for i in range(self.objects):
            self.lines.append(f"o{i} = None")
            self.guarded([f"o{i} = {self.klass()}({self.random.choice(['', '', '1', '1, 2'])})"], "")
        self.lines.append("def calls(r, objects, n):")
        self.lines.append("    for o in objects:")
        for function in self.functions:
            self.guarded([f"out(r, {function!r}, {function}(o, objects[r % len(objects)], n))"], "        ")
        objects = "[" + ", ".join(f"o{i}" for i in range(self.objects)) + "]"
        for part in range(2 + self.random.randrange(4)):
            self.lines.append(f"for r in range({2 + self.random.randrange(6)}):")
            few = self.random.choice([objects, objects, f"[{self.obj()}]", f"[{self.obj()}, {self.obj()}]"])
            self.lines.append(f"    calls(r, {few}, {self.name()!r})")
            for _ in range(1 + self.random.randrange(2)):
                self.guarded(self.change(), "")
        self.lines.append(f"for r in range(4): calls(r, {objects}, {self.name()!r})")
        return "\n".join(self.lines) + "\n"
