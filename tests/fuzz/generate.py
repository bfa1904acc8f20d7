"""Writes random programs, each by its seed, aimed at what a JIT gets wrong.

A program has classes of all layouts, functions that call those before them, generators, closures, and a driver that
calls everything several times with arguments of the usual types, changes the program, and calls again with odd ones.
(Programs about nothing but classes are in classes.py; what may be around a program, in surroundings.py.)
What a program may use besides Python is in child.py: out, look, report, fuel, write, Loud, Witness, Manager.
"""

from __future__ import annotations

import warnings
from functools import partial

from tests.fuzz.classes import ClassProgram
from tests.fuzz.expressions import ATTRIBUTES, METHODS, Scope
from tests.fuzz.statements import Statements
from tests.fuzz.surroundings import surround

# Special methods: name, parameters, what they return.
DUNDERS = """
__eq__ -> bool: other
__lt__ -> bool: other
__bool__ -> bool:
__len__ -> int:
__getitem__ -> any: key
__contains__ -> bool: item
__add__ -> any: other
__radd__ -> any: other
__iadd__ -> obj: other
__call__ -> any: *args
__neg__ -> any:
__index__ -> int:
__iter__ -> iter:
__setitem__ -> none: key, value
__sub__ -> int: other
__exit__ -> bool: cls, error, tb
__enter__ -> any:
__getattr__ -> any: name
__mul__ -> any: other
__hash__ -> int:
__format__ -> str: spec
__str__ -> str:
__delattr__ -> none: name
""".split("\n")[1:-1]


# What coroutines wait for, and what drives them: sends values, and throws an exception in after a while.
ASYNC = """
class Pause:
    def __init__(self, x): self.x = x
    def __await__(self):
        got = yield self.x
        return got
async def ticks(n):
    for i in range(n % 4):
        yield i if i % 2 else await Pause(i)
async def collect(g):
    return [x async for x in g]
def steps(c):
    seen = []
    value = None
    try:
        while len(seen) < 8:
            seen.append(c.send(value))
            value = len(seen)
            if value == 4:
                seen.append(c.throw(KeyError('thrown')))
    except (StopIteration, KeyError) as error:
        report(error)
    finally:
        c.close()
    return seen
"""


class Writer(Statements):
    def function(self) -> None:
        number = len(self.functions)
        generator = self.maybe(0.2)
        coroutine = self.maybe(0.15)
        name = f"{'a' if coroutine else ''}{'g' if generator else 'f'}{number}"
        kinds = [self.kind() for _ in range(self.upto(3))]
        self.scope = Scope(None, name)
        self.scope.is_generator = generator
        self.scope.is_coroutine = coroutine
        parameters = []
        default = False
        for i, kind in enumerate(kinds):
            default = default or self.maybe(0.2)
            parameters.append(f"p{i}={self.leaf(kind)}" if default else f"p{i}")
            self.scope.variables[f"p{i}"] = kind
        if self.maybe(0.15):
            parameters.append("*args")
            self.scope.variables["args"] = "tuple"
        if self.maybe(0.15):
            parameters.append(f"{'' if '*args' in parameters else '*, '}k={self.leaf('int')}")
            self.scope.variables["k"] = "int"
        if self.maybe(0.1):
            parameters.append("**kw")
            self.scope.variables["kw"] = "dict"
        self.statements_left = 4 + self.upto(22)

        def write() -> None:
            if self.callable_count:
                self.line("fuel()")
            self.body(10, 3)
            if generator:
                self.line(f"yield {self.expr('int', 0)}")
            elif self.maybe(0.7):
                self.line(f"return {self.expr(self.kind())}" if self.maybe(0.7) else "return locals()")

        self.block(f"{'async ' if coroutine else ''}def {name}({', '.join(parameters)}):", write)
        kind = ["", "gen", "coro", "async gen"][generator + 2 * coroutine]
        self.functions.append((name, kinds, kind))
        self.scope = Scope(None, "<module>")
        self.scope.is_function = False

    def recursive_function(self) -> None:
        number = len(self.functions)
        self.scope = Scope(None, f"f{number}")
        self.scope.variables |= {"p0": "int", "p1": "any"}
        self.statements_left = 4

        def write() -> None:
            self.line("fuel()")
            self.block("if p0 <= 0 or p0 > 12:", lambda: self.line(f"return {self.expr('int', 1)}"))
            self.body(3, 1)
            self.line(f"return f{number}(p0 - 1, {self.expr('any', 1)})")

        self.block(f"def f{number}(p0, p1=0):", write)
        self.functions.append((f"f{number}", ["int", "any"], ""))
        self.scope = Scope(None, "<module>")
        self.scope.is_function = False

    def method_body(self, kind: str, statements: int) -> None:
        self.statements_left = statements
        if self.maybe(0.7):
            self.body(max(statements, 1), 1)
        if kind == "iter":
            self.line("return iter((1, 2, 3))" if self.maybe(0.7) else "yield self.a")
        elif kind == "none":
            return
        elif kind == "bool":
            self.line(f"return {self.expr('bool', 1)}")
        elif kind == "int":
            self.line(f"return {self.one(['self.a', 'self.b', self.expr('int', 1)])}")
        else:
            self.line(f"return {self.expr(kind, 1)}")

    def klass(self) -> None:
        number = len(self.classes)
        base = (
            self.one(self.classes)
            if self.classes and self.maybe(0.4)
            else self.one(["", "", "", "int", "dict", "list", "str", "tuple"])
            if self.maybe(0.3)
            else ""
        )
        slots = base == "" and self.maybe(0.2)

        def method(name: str, parameters: str, kind: str, statements: int) -> None:
            self.scope = Scope(None, f"C{number}_{name}")
            self.scope.variables["self"] = "obj"
            for parameter in parameters.replace("*", "").replace("=2", "").split(", "):
                if parameter:
                    self.scope.variables[parameter] = (
                        "tuple" if parameter == "args" else "any" if parameter != "x" else "int"
                    )
            self.block(
                f"def {name}(self{', ' if parameters else ''}{parameters}):",
                lambda: self.method_body(kind, statements),
            )

        def write() -> None:
            if slots:
                self.line(
                    f"__slots__ = {tuple(self.random.sample(ATTRIBUTES, 3))!r}"
                    + (" + ('__dict__',)" if self.maybe(0.3) else "")
                )
            elif self.maybe(0.4):
                self.line(f"{self.one(ATTRIBUTES)} = {self.leaf(self.kind())}")
            if not base or self.maybe(0.4):
                names = self.random.sample(ATTRIBUTES, 4 if self.maybe(0.6) and not slots else 3)

                def init() -> None:
                    if base.startswith("C") and self.maybe(0.6):
                        self.line("super().__init__(x)")
                    for i, name in enumerate(names):
                        value = self.one(["x", "x", "y", self.leaf(self.kind())])
                        if self.maybe(0.15):
                            self.block("if x:", partial(self.line, f"self.{name} = {value}"))
                        else:
                            self.line(f"self.{name} = {value}")

                self.block("def __init__(self, x=1, y=2):", init)
            if self.maybe(0.25) and not slots:
                self.line("@property")
                method(self.one(ATTRIBUTES), "", "any", 2)
            for name in self.random.sample(METHODS, 1 + self.upto(1)):
                roll = self.upto(9)
                if roll == 0:
                    self.line("@staticmethod")
                    self.line(f"def {name}(*args): return args")
                elif roll == 1:
                    self.line("@classmethod")
                    self.line(f"def {name}(cls, *args): return cls, args")
                else:
                    method(name, self.one(["", "x=2", "x=2", "*args"]), "any", 4)
            for dunder in self.random.sample(DUNDERS, self.upto(4)):
                signature, _, parameters = dunder.partition(":")
                name, _, kind = signature.partition(" -> ")
                method(name, parameters.strip(), kind, 2)

        self.block(f"class C{number}{f'({base})' if base else ''}:", write)
        self.classes.append(f"C{number}")
        self.scope = Scope(None, "<module>")
        self.scope.is_function = False

    # --- the whole ----------------------------------------------------------------------------------------

    def driver_call(self, odd: bool) -> None:
        name, kinds, what = self.random.choice(self.functions)
        args = []
        for i, kind in enumerate(kinds):
            value = self.expr(self.kind() if odd and self.maybe(0.5) else kind, 1)
            if "(" in value:
                self.block("try:", partial(self.line, f"a{i} = {value}"))
                self.block("except BaseException as error:", lambda: self.line("report(error)"))
                value = f"a{i}"
            args.append(value)
        call = f"{name}({', '.join(args)})"
        if what == "gen":
            call = self.one(
                [f"list({call})", f"[x for x in {call}]", f"drive({call})", f"dict(enumerate({call}))"]
            )
        elif what:
            call = f"steps(collect({call}))" if what == "async gen" else f"steps({call})"
        self.block("try:", lambda: self.line(f"out({name!r}, {call})"))
        self.block("except BaseException as error:", lambda: self.line("report(error)"))

    def program(self) -> str:
        self.line("class E0(Exception): pass")
        self.line("class E1(E0, KeyError): pass")
        for i in range(2 + self.upto(3)):
            kind = self.kind()
            value = self.leaf(kind) if kind != "obj" else "None"
            self.line(f"G{i} = {value}")
            self.globals[f"G{i}"] = kind
        self.line("class C0:")
        self.line("    def __init__(self, x=1, y=2):")
        for name in self.random.sample(ATTRIBUTES, 4):
            self.line(f"        self.{name} = {self.one(['x', 'y', self.leaf(self.kind())])}")
        self.line("    def m0(self, x=3): return x")
        self.line("    def m1(self): return self.a")
        self.classes.append("C0")
        for _ in range(1 + self.upto(2)):
            self.klass()
        self.line("def drive(g):")
        self.line("    seen = []")
        self.line("    try:")
        self.line("        seen.append(next(g))")
        self.line("        seen.append(g.send(5))")
        self.line("        seen.append(g.throw(KeyError('thrown')))")
        self.line("    except (StopIteration, KeyError) as error:")
        self.line("        report(error)")
        self.line("    finally:")
        self.line("        g.close()")
        self.line("    return seen")
        self.lines += ASYNC.splitlines()
        for i in range(2 + self.upto(3)):
            self.callable_count = len(self.functions)
            if self.maybe(0.1):
                self.recursive_function()
            else:
                self.function()
        self.callable_count = len(self.functions)
        self.line("a0 = a1 = a2 = 0")
        for name, kind in self.globals.items():
            if kind == "obj":
                self.block("try:", partial(self.line, f"{name} = {self.one(self.classes)}(1)"))
                self.block("except Exception as error:", partial(self.line, "report(error)"))
        calls = 2 + self.upto(3)

        def rounds() -> None:
            for _ in range(calls):
                self.driver_call(False)
            if self.maybe(0.5):

                def change() -> None:
                    self.block("try:", self.mutate)
                    self.block("except Exception as error:", lambda: self.line("report(error)"))

                self.block(f"if r == {5 + self.upto(3)}:", change)

        self.scope.loop = 1
        self.block(f"for r in range({8 + self.upto(6)}):", rounds)
        self.scope.loop = 0
        for _ in range(3):
            self.driver_call(True)
        return "\n".join(self.lines) + "\n"


def generate(seed: int) -> str:
    """A program that compiles, the same for the same seed. Every fourth is one about classes, and every third has
    something around it."""
    attempt = 0
    while True:
        number = seed * 1000 + attempt
        text = (ClassProgram(number) if seed % 4 == 0 else Writer(number)).program()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                compile(text, "<fuzz>", "exec")
        except SyntaxError:
            attempt += 1
            continue
        return surround(text, seed)


if __name__ == "__main__":
    import sys

    print(generate(int(sys.argv[1])))
