"""Random statements: assignments, control flow, exceptions, changes of the program itself, inner functions."""

from __future__ import annotations

from tests.fuzz.expressions import ATTRIBUTES, ERRORS, METHODS, Expressions, Scope

SHADOWED = ["len", "range", "isinstance", "int", "abs"]  # builtins that a global hides for a while
# What a class can learn while its instances live.
SPECIALS = {
    "__bool__": "lambda self: False",
    "__len__": "lambda self: 0",
    "__eq__": "lambda self, other: True",
    "__hash__": "lambda self: 7",
    "__lt__": "lambda self, other: 'less'",
    "__contains__": "lambda self, item: item == 1",
    "__iter__": "lambda self: iter((5, 'six'))",
    "__getitem__": "lambda self, key: (0, 1)[key]",
    "__setitem__": "lambda self, key, value: None",
    "__call__": "lambda self, *args: len(args)",
    "__add__": "lambda self, other: 'sum'",
    "__iadd__": "lambda self, other: self",
    "__str__": "lambda self: 'told'",
    "__enter__": "lambda self: 'in'",
    "__get__": "lambda self, owner, cls: 'got'",
}


class Statements(Expressions):
    def body(self, most: int, depth: int) -> None:
        for _ in range(1 + self.upto(most - 1)):
            if self.statements_left <= 0:
                return
            self.statement(depth)

    def statement(self, depth: int) -> None:
        self.statements_left -= 1
        simple = [self.assign] * 7 + [self.augment] * 4 + [self.unpack] * 2 + [self.set_attribute] * 3 + [
            self.set_item, self.set_item, self.note, self.note, self.delete, self.global_store, self.mutate_inside,
            self.bare_call, self.assertion, self.del_item,
        ]  # fmt: skip
        if self.scope.is_function:
            simple += [self.return_, self.raise_] + ([self.yield_] * 5 if self.scope.is_generator else [])
            simple += [self.await_] * 5 if self.scope.is_coroutine else []
            if self.maybe(0.3):
                simple += [self.import_, self.loud, self.witness, self.write]
        if self.scope.loop and self.maybe(0.5):
            simple += [self.break_]
        compound = (
            [self.if_] * 5 + [self.for_] * 4 + [self.while_] + [self.try_] * 4 + [self.with_] + [self.match_]
        )
        if self.scope.is_function:
            compound += [self.inner_function, self.inner_class]
        if depth > 0 and self.maybe(0.35):
            self.random.choice(compound)(depth)
        else:
            self.random.choice(simple)()

    def target(self, kind: str) -> str:
        variables = self.scope.variables
        same = [name for name, k in variables.items() if k == kind and (name != "self" or self.maybe(0.1))]
        if self.maybe(0.06) and variables:
            name = self.one(list(variables))
        elif self.maybe(0.5) and same:
            name = self.one(same)
        else:
            name = self.scope.fresh("v")
        # Assigned on one way only: not to be relied on elsewhere, mostly.
        if name not in variables and self.nested and self.maybe(0.8):
            self.conditional.append(name)
        variables[name] = kind
        return name

    nested = 0
    conditional: list[str]

    def assign(self) -> None:
        kind = self.kind()
        value = self.expr(kind)
        self.line(f"{self.target(kind)} = {value}")

    def augment(self) -> None:
        kind = self.one(["int", "int", "float", "str", "list"])
        name = None
        for candidate, k in self.scope.variables.items():
            if k == kind and self.maybe(0.6):
                name = candidate
        if name is None:
            return self.assign()
        operator = {"str": ["+"], "list": ["+"], "float": ["+", "-", "*", "/"]}.get(
            kind, ["+", "-", "|", "&", "//", "%", "^"]
        )
        self.line(f"{name} {self.one(operator)}= {self.expr(kind, 1)}")
        return None

    def unpack(self) -> None:
        count = 2 + self.upto(1)
        kinds = [self.kind() for _ in range(count)]
        whole = self.maybe(0.25)
        value = (
            self.expr(self.one(["tuple", "list", "str"]))
            if whole
            else ", ".join(self.expr(kind, 1) for kind in kinds)
        )
        names = [self.target("any" if whole else kind) for kind in kinds]
        if whole and self.maybe(0.7):
            names = [*names[:1], "*" + self.scope.fresh("v")]
        self.line(f"{', '.join(names)} = {value}")

    def set_attribute(self) -> None:
        receiver = self.variable("obj") or self.variable("any") or self.one(self.classes)
        name = self.one(ATTRIBUTES)
        roll = self.upto(9)
        if roll < 6:
            self.line(f"{receiver}.{name} = {self.expr(self.kind())}")
        elif roll < 8:
            self.line(f"{receiver}.{name} += {self.expr(self.one(['int', 'int', 'str', 'float']), 1)}")
        elif roll == 8:
            self.line(f"del {receiver}.{name}")
        else:
            self.line(f"setattr({receiver}, {name!r}, {self.expr('int', 1)})")

    def set_item(self) -> None:
        if self.maybe(0.5):
            self.line(
                f"{self.expr('list', 0)}[{self.index()}:] = [{self.expr(self.kind(), 1)}]"
                if self.maybe(0.6)
                else f"{self.expr('list', 0)}[{self.index()}] = {self.expr(self.kind(), 1)}"
            )
        elif self.maybe(0.5):
            self.line(
                f"{self.expr('dict', 0)}[{self.expr(self.one(['int', 'str']), 1)}] = {self.expr(self.kind(), 1)}"
            )
        elif self.maybe(0.5):
            self.line(f"{self.expr('list', 0)}[{self.slice()}] = {self.expr('list', 1)}")
        else:
            self.line(
                f"{self.expr('list', 0)}.append({self.expr(self.one(['int', 'int', 'float', 'any']), 1)})"
            )

    def del_item(self) -> None:
        if self.maybe(0.3):
            self.line(f"del {self.expr(self.one(['list', 'dict']), 0)}[{self.index()}]")
        else:
            self.line(f"del {self.expr('list', 0)}[{self.slice()}]")

    def note(self) -> None:
        if self.maybe(0.3):
            self.line("look()")
        elif self.maybe(0.2):
            self.line(f"print({self.expr(self.one(['int', 'str', 'float']), 1)})")
        else:
            self.line(f"out({self.expr(self.kind())})")

    def delete(self) -> None:
        if self.scope.variables and self.maybe(0.4):
            name = self.one(list(self.scope.variables))
            self.line(f"del {name}")
            if self.maybe(0.8) and name != "self":
                del self.scope.variables[name]

    def loud(self) -> None:
        name = self.scope.fresh("z")
        self.line(f"{name} = Loud({self.scope.name + name!r})")
        self.scope.variables[name] = "any"

    def witness(self) -> None:
        """An object that dies between other statements, and what its end has changed."""
        name = self.scope.fresh("z")
        self.line(f"{name} = Witness()")
        for _ in range(self.upto(2)):
            self.augment()
        self.line(f"del {name}" if self.maybe(0.3) else f"{name} = {self.leaf('int')}")
        if self.maybe(0.6):
            self.line(self.one(["out(dead)", f"{self.target('int')} = dead", "if dead & 1: look()"]))

    def write(self) -> None:
        """A callee changes a local."""
        own = [name for name in self.scope.variables if name not in self.scope.globals_declared]
        if own:
            self.line(f"write({self.one(own)!r}, {self.expr(self.kind(), 1)})")

    def global_store(self) -> None:
        if not self.globals:
            return
        name = self.one(list(self.globals))
        kind = self.globals[name] if self.maybe(0.7) else self.kind()
        self.line(f"globals()[{name!r}] = {self.expr(kind, 1)}")

    def mutate_inside(self) -> None:
        if self.maybe(0.4):
            self.block("try:", self.mutate)
            self.block("except Exception as error:", lambda: self.line("out(type(error))"))

    def mutate(self) -> None:
        """Changes the program itself."""
        cls = self.one(self.classes)
        functions = [name for name, _, _ in self.functions] or ["len"]
        special = self.one(list(SPECIALS))
        self.line(self.random.choice([
            f"{cls}.{self.one(ATTRIBUTES)} = {self.leaf('int')}",
            f"{cls}.{self.one(METHODS)} = {self.one(functions)}",
            f"{cls}.{self.one(METHODS)} = lambda self, *args: {self.leaf('int')}",
            f"{cls}.{self.one(ATTRIBUTES)} = property(lambda self: {self.leaf('int')})",
            f"{cls}.__getattr__ = lambda self, name: (name, {self.leaf('int')})",
            f"{self.variable('obj') or cls}.__class__ = {self.one(self.classes)}",
            f"{self.variable('obj') or cls}.{self.one(ATTRIBUTES)} = {self.leaf('int')}",
            f"{cls}.__init__ = lambda self, *args: None",
            f"{cls}.__setattr__ = lambda self, name, value: object.__setattr__(self, name, 77)",
            f"{cls}.__getattribute__ = lambda self, name: object.__getattribute__(self, name)",
            f"{cls}.__new__ = staticmethod(lambda cls, *args: object.__new__(cls))",
            f"{cls}.{self.one(METHODS)} = staticmethod({self.one(functions)})",
            f"{cls}.{self.one(METHODS)} = classmethod({self.one(functions)})",
            f"{self.variable('obj') or cls}.__dict__ = {{'a': 1, 'd': 'x'}}",
            f"{self.variable('obj') or cls}.__dict__[{self.one(ATTRIBUTES)!r}] = {self.leaf('int')}",
            f"{self.variable('obj') or cls}.__dict__.clear()",
            f"{self.one(functions)}.__defaults__ = ({self.leaf('int')}, {self.leaf('str')})",
            f"{self.one(functions)}.__kwdefaults__ = {{'k': {self.leaf('int')}}}",
            f"{self.one(functions)}.__code__ = {self.one(functions)}.__code__",
            f"globals()['{self.one(functions)}'] = {self.one(functions)}",
            f"globals()['{self.one(SHADOWED)}'] = {self.one(['len', 'range', 'abs', 'lambda *a: 3'])}",
            f"globals().pop('{self.one(SHADOWED)}', None)",
            f"del {cls}.{self.one(METHODS)}",
            f"{cls}.__bases__ = ({self.one(self.classes)},)",
            f"{cls}.{special} = {SPECIALS[special]}",
            f"{cls}.{special} = {SPECIALS[special]}",
            f"{cls}.{special} = None",
            f"del {cls}.{special}",
        ]))  # fmt: skip

    def bare_call(self) -> None:
        receiver = self.variable("obj")
        if receiver is not None and self.maybe(0.5):
            self.line(self.attribute(receiver, 1))
        elif self.callable_count and self.scope.loop < 2:
            self.line(f"out({self.call(1)})")

    def assertion(self) -> None:
        if self.maybe(0.5):
            self.line(f"assert {self.condition(1)}, {self.expr('str', 0)}")

    def return_(self) -> None:
        if self.scope.is_generator and self.scope.is_coroutine:
            return
        if self.nested and self.maybe(0.4):
            self.line(f"return {self.expr(self.kind())}" if self.maybe(0.8) else "return locals()")

    def raise_(self) -> None:
        if self.maybe(0.35):
            error = self.one(ERRORS)
            if self.maybe(0.8):
                return self.block(
                    f"if {self.condition(1)}:", lambda: self.line(f"raise {error}({self.expr('int', 0)})")
                )
            self.line(
                f"raise {error}({self.expr('int', 0)})"
                + (f" from {self.one(ERRORS)}()" if self.maybe(0.15) else "")
            )
        elif self.maybe(0.1):
            self.line("raise")
        return None

    def yield_(self) -> None:
        if self.maybe(0.15) and not self.scope.is_coroutine:
            self.line(f"yield from {self.iterable(1)}")
        elif self.maybe(0.3):
            self.line(f"{self.target('any')} = yield {self.expr(self.kind(), 1)}")
        else:
            self.line(f"yield {self.expr(self.kind(), 1)}")

    def await_(self) -> None:
        """Something that waits a while, or another coroutine."""
        coroutines = [f for f in self.functions[: self.callable_count] if f[2] == "coro"]
        if coroutines and self.scope.loop < 2 and self.maybe(0.4):
            name, kinds, _ = self.random.choice(coroutines)
            what = f"{name}({', '.join(self.expr(kind, 0) for kind in kinds)})"
        else:
            what = f"Pause({self.expr(self.kind(), 1)})"
        self.line(f"{self.target('any')} = await {what}" if self.maybe(0.7) else f"await {what}")

    def maybe_async(self) -> str:
        return "async " if self.scope.is_coroutine and self.maybe(0.4) else ""

    def break_(self) -> None:
        if not self.in_try_finally:
            self.block(f"if {self.condition(1)}:", lambda: self.line(self.one(["break", "continue"])))

    in_try_finally = 0

    def import_(self) -> None:
        self.line(
            self.one(
                [
                    "import math",
                    "from math import floor as floor",
                    "import os.path as osp",
                    "from math import nothing",
                ]
            )
        )

    def if_(self, depth: int) -> None:
        self.block(f"if {self.condition(2)}:", lambda: self.body(3, depth - 1))
        if self.maybe(0.3):
            self.block(f"elif {self.condition(2)}:", lambda: self.body(2, depth - 1))
        if self.maybe(0.4):
            self.block("else:", lambda: self.body(2, depth - 1))

    def for_(self, depth: int) -> None:
        if self.scope.loop >= 2:
            return self.if_(depth)
        source = self.iterable(1, 5)
        pairs = source.startswith(("enumerate", "zip")) or source.endswith(".items()")
        target = (
            f"{self.target('int')}, {self.target('any')}"
            if pairs and self.maybe(0.9)
            else self.target("int" if "range" in source else "any")
        )
        self.scope.loop += 1
        if word := self.maybe_async():
            target, source = self.target("any"), f"ticks({self.expr('int', 0)})"
        self.block(f"{word}for {target} in {source}:", lambda: self.body(4, depth - 1))
        self.scope.loop -= 1
        if self.maybe(0.15):
            self.block("else:", lambda: self.body(2, depth - 1))
        return None

    def while_(self, depth: int) -> None:
        if self.scope.loop >= 2:
            return self.if_(depth)
        name = self.scope.fresh("n")
        self.line(f"{name} = 0")

        def loop() -> None:
            self.line(f"{name} += 1")
            self.body(3, depth - 1)

        self.scope.loop += 1
        self.block(
            f"while {name} < {2 + self.upto(4)}{' and ' + self.condition(1) if self.maybe(0.3) else ''}:",
            loop,
        )
        self.scope.loop -= 1
        return None

    def try_(self, depth: int) -> None:
        self.block("try:", lambda: self.body(4, depth - 1))
        handlers = self.upto(2)
        final = handlers == 0 or self.maybe(0.3)
        star = "*" if self.maybe(0.06) else ""

        def handler() -> None:
            if self.maybe(0.5):
                self.line("report(error)" if self.maybe(0.6) else "out(type(error))")
            self.in_try_finally += bool(star)
            self.body(2, depth - 1)
            self.in_try_finally -= bool(star)

        for i in range(handlers):
            error = self.one(
                [
                    *ERRORS,
                    "Exception",
                    "Exception",
                    "(ValueError, TypeError)",
                    "(KeyError, E0)",
                    "ArithmeticError",
                ]
            )
            if i == handlers - 1 and not star and self.maybe(0.3):
                error = self.one(["BaseException", "Exception"])
            saved = self.scope.is_function
            if star:
                self.scope.is_function = False  # no return out of it
            self.block(f"except{star} {error} as error:", handler)
            self.scope.is_function = saved
        if handlers and self.maybe(0.2):
            self.block("else:", lambda: self.body(2, depth - 1))
        if final:
            self.in_try_finally += 1
            saved = self.scope.is_function
            self.scope.is_function = self.scope.is_function and self.maybe(0.1)
            self.block("finally:", lambda: self.body(2, depth - 1))
            self.scope.is_function = saved
            self.in_try_finally -= 1

    def with_(self, depth: int) -> None:
        swallow = f", {self.one(ERRORS)}" if self.maybe(0.4) else ""
        manager = f"Manager({self.expr('int', 0)}{swallow})"
        if self.maybe(0.15):
            manager = self.variable("obj") or manager
        head = f"{self.maybe_async()}with {manager} as {self.target('any')}:"
        self.block(head, lambda: self.body(3, depth - 1))

    def match_(self, depth: int) -> None:
        subject = self.expr(self.one(["int", "tuple", "list", "dict", "obj", "str"]))

        def cases() -> None:
            name = self.target("any")
            patterns = [
                "1 | 2 | 3", "'a'", "None", f"[{name}, *_]", f"({name}, 2)", f"{{'a': {name}}}", "{}",
                f"{self.one(self.classes)}(a={name})", f"int({name})", "[]", "str()", "-1.5",
            ]  # fmt: skip
            for _ in range(1 + self.upto(2)):
                guard = f" if {self.condition(1)}" if self.maybe(0.3) else ""
                self.block(f"case {self.one(patterns)}{guard}:", lambda: self.body(2, depth - 1))
            if self.maybe(0.6):
                self.block("case _:", lambda: self.body(2, depth - 1))

        self.block(f"match {subject}:", cases)

    def inner_function(self, depth: int) -> None:
        outer = self.scope
        name = outer.fresh("f")
        default = self.expr("int", 0)
        self.scope = Scope(outer, f"{outer.name}_{name}")
        self.scope.variables["x"] = "int"
        shared = [n for n in outer.variables if n.startswith(("v", "n"))]
        saved, self.in_comprehension = self.in_comprehension, 0
        saved_try, self.in_try_finally = self.in_try_finally, 0

        def write() -> None:
            if shared and self.maybe(0.5):
                self.line(f"nonlocal {self.one(shared)}")
                self.scope.outer = None
                self.scope.variables |= {
                    n: k for n, k in outer.variables.items() if n in self.lines[-1].split()
                }
            elif shared and self.maybe(0.5):
                captured = self.one(shared)
                self.line(f"out({captured})")
                self.scope.outer = None
            else:
                self.scope.outer = None
            if self.maybe(0.2):
                self.scope.is_generator = True
                self.line("yield x")
            self.body(3, depth - 1)
            self.line(f"return {self.expr('int', 1)}")

        head = f"def {name}(x={default}):"
        if annotated := self.maybe(0.25):
            self.in_comprehension += 1  # no := there
            bound, hint = self.expr("any", 1), self.expr("any", 1)
            self.in_comprehension -= 1
            head = f"def {name}[T: {bound}](x: {hint} = {default}) -> T:"
        self.block(head, write)
        self.scope = outer
        self.in_comprehension, self.in_try_finally = saved, saved_try
        if annotated:
            self.line(f"out({name}.__annotations__, {name}.__type_params__[0].__bound__)")
        call = f"{name}({self.expr('int', 0)})"
        self.line(
            f"{self.target('any')} = {call}" if self.maybe(0.7) else f"out([{name}() for _ in range(2)])"
        )

    def inner_class(self, depth: int) -> None:
        """Its body sees the function's variables until it has some of that name; annotations see both, later."""
        outer = self.scope
        name = outer.fresh("K")
        self.scope = Scope(outer, f"{outer.name}_{name}")
        self.scope.is_function = False
        self.scope.counter = outer.counter + 50  # other names
        saved, self.in_comprehension = self.in_comprehension, 1  # no := in annotations
        saved_try, self.in_try_finally = self.in_try_finally, 0

        def write() -> None:
            self.body(3, depth - 1)
            hints = [self.expr("any", 1) for _ in range(2)]
            self.line(f"def m(self, x: {hints[0]} = {self.expr('int', 0)}) -> {hints[1]}: return x")

        self.block(f"class {name}:", write)
        self.scope = outer
        self.in_comprehension, self.in_try_finally = saved, saved_try
        uses = ["{}.m.__annotations__", "{}().m()", "[(k, v) for k, v in vars({}).items() if k[0] != '_']"]
        self.line(f"{self.target('any')} = {self.one(uses).format(name)}")
