"""Random expressions of a wanted type, and what the rest of the generator stands on: chance, text, names in scope.

Expressions are typed, so that most programs run for a while; now and then the type is another, so that guards fail.
Values lie at the edges: small ints, 62 and 64 bits, nan, -0.0, empty containers.
"""

from __future__ import annotations

import random
from collections.abc import Callable

INTS = """0 1 2 3 -1 -2 5 7 10 255 256 257 -5 -6 -7 1000 65535 2**30 2**31 -2**31 2**32 2**60 2**61 2**62-1 2**62 -2**62
-2**62-1 -2**62+1 2**63-1 2**63 -2**63 -2**63-1 2**64 10**20 -10**25 4611686018427387903""".split()
FLOATS = """0.0 -0.0 1.0 -1.5 0.5 2.5 1e308 -1e308 5e-324 float('nan') float('inf') -float('inf') 3.0 1e16 0.1
9007199254740993.0""".split()
STRS = [
    "''",
    "'a'",
    "'b'",
    "'abc'",
    "'x' * 3",
    "'é'",
    "'\\U0001f600'",
    "'a b'",
    "'12'",
    "'%s'",
    "'key'",
    "'%d-%s'",
]
KINDS = ["int", "float", "str", "bool", "list", "tuple", "dict", "set", "obj", "none"]
WEIGHTS = [9, 4, 5, 2, 4, 4, 4, 1, 5, 1]
ATTRIBUTES = ["a", "b", "c", "d"]
METHODS = ["m0", "m1", "m2"]
ERRORS = ["ValueError", "KeyError", "TypeError", "IndexError", "ZeroDivisionError", "AttributeError",
          "StopIteration", "E0", "E1", "LookupError", "Exception", "UnboundLocalError", "OverflowError"]  # fmt: skip
BINARY = ["+", "-", "*", "//", "%", "/", "&", "|", "^", ">>"]
COMPARE = ["<", "<=", "==", "!=", ">", ">=", "is", "is not", "in", "not in"]


class Scope:
    """The names of a function that is being written."""

    def __init__(self, outer: Scope | None, name: str) -> None:
        self.outer = outer
        self.name = name
        self.variables: dict[str, str] = {}  # name -> kind
        self.counter = 0
        self.is_generator = False
        self.is_coroutine = False  # with is_generator: an asynchronous generator
        self.is_function = True
        self.loop = 0
        self.globals_declared: set[str] = set()

    def fresh(self, prefix: str) -> str:
        self.counter += 1
        return f"{prefix}{self.counter}"


class Expressions:
    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.lines: list[str] = []
        self.indent = 0
        self.functions: list[
            tuple[str, list[str], str]
        ] = []  # name, the kinds of its parameters, "" or "gen", "coro", "async gen"
        self.classes: list[str] = []
        self.callable_count = 0  # functions that may be called here
        self.globals: dict[str, str] = {}
        self.scope = Scope(None, "<module>")
        self.scope.is_function = False
        self.statements_left = 0
        self.conditional = []

    # --- chance -------------------------------------------------------------------------------------------

    def maybe(self, probability: float) -> bool:
        return self.random.random() < probability

    def one(self, choices: list[str]) -> str:
        return self.random.choice(choices)

    def upto(self, most: int) -> int:
        return self.random.randint(0, most)

    def kind(self) -> str:
        return self.random.choices(KINDS, WEIGHTS)[0]

    # --- text ---------------------------------------------------------------------------------------------

    def line(self, text: str) -> None:
        self.lines.append("    " * self.indent + text)

    def block(self, head: str, write: Callable[[], None]) -> None:
        self.line(head)
        self.indent += 1
        before = len(self.lines)
        compound = not head.startswith(("def", "class"))
        outer, self.conditional = self.conditional, []
        self.nested += compound
        write()
        self.nested -= compound
        if compound:
            for name in self.conditional:
                self.scope.variables.pop(name, None)
        self.conditional = outer
        if len(self.lines) == before:
            self.line("pass")
        self.indent -= 1

    # --- expressions --------------------------------------------------------------------------------------

    def variable(self, kind: str) -> str | None:
        names = []
        scope: Scope | None = self.scope
        while scope is not None:
            names += [name for name, k in scope.variables.items() if k == kind]
            scope = scope.outer
        if self.maybe(0.3) or not names:
            names += [name for name, k in self.globals.items() if k == kind]
        return self.one(names) if names else None

    def expr(self, kind: str, depth: int = 2) -> str:
        if self.maybe(self.confusion):
            kind = self.kind()
        if self.maybe(0.45) or depth <= 0:
            name = self.variable(kind)
            if name is not None:
                return name
            if depth <= 0:
                return self.leaf(kind)
        if self.maybe(0.05):
            return f"({self.expr(kind, depth - 1)} if {self.condition(depth - 1)} else {self.expr(kind, depth - 1)})"
        if self.maybe(0.04):
            return f"({self.expr(kind, depth - 1)} {self.one(['and', 'or'])} {self.expr(kind, depth - 1)})"
        if self.maybe(0.09) and self.callable_count and self.scope.loop < 2:
            return self.call(depth - 1)
        if self.maybe(0.1):
            found = self.variable("obj")
            if found is not None:
                return self.attribute(found, depth)
        if self.maybe(0.03) and self.scope.is_function and not self.in_comprehension:
            name = self.scope.fresh("w")
            text = f"({name} := {self.expr(kind, depth - 1)})"
            if self.maybe(0.5):
                self.scope.variables[name] = kind
            return text
        method: Callable[[int], str] = getattr(self, "make_" + kind)
        return method(depth)

    in_comprehension = 0
    confusion = 0.02  # how often a type is another than it should be

    def leaf(self, kind: str) -> str:
        r = self.random
        match kind:
            case "int":
                return f"({r.choice(INTS)})" if self.maybe(0.5) else str(r.randint(-9, 20))
            case "float":
                return f"({r.choice(FLOATS)})"
            case "str":
                return f"({r.choice(STRS)})"
            case "bool":
                return r.choice(["True", "False"])
            case "list":
                return r.choice(["[]", "[1, 2, 3]", "['a', 2.5]", "[0]", "[[1], [2]]"])
            case "tuple":
                return r.choice(["()", "(1, 2)", "(1, 'a', None)", "((1, 2), (3, 4))", "(0.5,)"])
            case "dict":
                return r.choice(["{}", "{'a': 1, 'b': 2}", "{1: 'x', 2: 'y'}", "{'key': [1]}", "{(1, 2): 3}"])
            case "set":
                return r.choice(["set()", "{1, 2, 3}", "{'a', 'b'}", "frozenset((1, 5))"])
            case "obj":
                return f"{self.one(self.classes)}({self.leaf('int')})" if self.classes else "None"
        return "None"

    def attribute(self, receiver: str, depth: int) -> str:
        roll = self.upto(9)
        if roll < 5:
            return f"{receiver}.{self.one(ATTRIBUTES)}"
        if roll < 8:
            return f"{receiver}.{self.one(METHODS)}({self.arguments_for(self.upto(2), depth - 1)})"
        if roll == 8:
            return f"getattr({receiver}, {self.one(ATTRIBUTES)!r}, {self.expr('int', 0)})"
        return f"hasattr({receiver}, {self.one(ATTRIBUTES)!r})"

    def arguments_for(self, count: int, depth: int) -> str:
        return ", ".join(self.held(self.expr(self.kind(), depth)) for _ in range(count))

    def held(self, argument: str) -> str:
        """Gives a temporary a name: an interpreted caller of compiled code keeps its arguments longer."""
        if "(" in argument and self.scope.is_function and not self.in_comprehension:
            return f"({self.scope.fresh('t')} := {argument})"
        return argument

    def call(self, depth: int) -> str:
        name, kinds, what = self.random.choice(self.functions[: self.callable_count])
        args = [self.held(self.expr(kind, min(depth, 1))) for kind in kinds]
        if self.maybe(0.06) and args:
            args.pop()
        elif self.maybe(0.03):
            args.append(self.expr("int", 0))
        if self.maybe(0.2) and args:
            args[-1] = f"p{len(args) - 1}={args[-1]}"
        elif self.maybe(0.08) and args:
            args = [f"*({', '.join(args)},)"]
        elif self.maybe(0.05) and args:
            items = ", ".join(f"'p{i}': {arg}" for i, arg in enumerate(args))
            args = [f"**{{{items}}}"]
        text = f"{name}({', '.join(args)})"
        if what == "gen":
            text = self.one(
                [f"list({text})", f"sum({text}, 0)", f"next({text}, None)", f"[*{text}]", f"tuple({text})"]
            )
        elif what == "async gen":
            text = f"steps(collect({text}))"
        elif what == "coro":
            text = f"steps({text})"
        return text

    def make_int(self, depth: int) -> str:
        e, roll = self.expr, self.upto(22)
        if roll < 9:
            operator = self.one([*BINARY[:5], "&", "|", "^", "+", "-", "*"])
            right = e("int", depth - 1)
            if operator in ("//", "%") and self.maybe(0.8):
                right = self.one(["2", "3", "7", "-2", "256", f"({right} or 1)"])
            text = f"({e('int', depth - 1)} {operator} {right})"
            return f"({text} % 1000003)" if operator == "*" and self.scope.loop and self.maybe(0.7) else text
        if roll == 9:
            return f"({e('int', depth - 1)} << {self.one(['1', '3', '31', '62', '64'])})"
        if roll == 10:
            return f"({e('int', depth - 1)} >> {self.one(['1', '3', '31', '62', '64'])})"
        if roll == 11:
            return f"(-{e('int', depth - 1)})"
        if roll == 12:
            return f"(~{e('int', depth - 1)})"
        if roll == 13:
            return f"len({e(self.one(['str', 'list', 'tuple', 'dict', 'obj']), depth - 1)})"
        if roll == 14:
            return f"({e(self.one(['list', 'tuple']), depth - 1)} or [5])[{self.index()}]"
        if roll == 15:
            return f"int({e(self.one(['bool', 'bool', 'int', 'float']), depth - 1)})"
        if roll == 16:
            return self.one(
                [
                    f"abs({e('int', depth - 1)})",
                    f"hash({self.leaf('str')})",  # of most others it is their address
                    f"sum({e('list', depth - 1)})",
                    f"ord({e('str', 0)}[0])",
                ]
            )
        if roll == 17:
            return f"{self.one(['min', 'max'])}({e('int', depth - 1)}, {e('int', depth - 1)})"
        if roll == 18:
            return f"({e('int', depth - 1)} ** {self.one(['2', '3', '0', '-1'])} % 1000003)"
        if roll == 19:
            key = e(self.one(["str", "int"]), 0)
            return f"{e('dict', depth - 1)}" + (
                f"[{key}]" if self.maybe(0.2) else f".get({key}, {e('int', 0)})"
            )
        if roll == 20:
            return f"({e('bool', depth - 1)} + {e('int', depth - 1)})"
        return self.leaf("int")

    def make_float(self, depth: int) -> str:
        e, roll = self.expr, self.upto(9)
        if roll < 4:
            operator = self.one(["+", "-", "*", "+", "-", "*", "/", "//", "%"])
            right = (
                e("float", depth - 1)
                if operator in "+-*" or self.maybe(0.2)
                else self.one(["2.0", "-0.5", "1e300"])
            )
            return f"({e('float', depth - 1)} {operator} {right})"
        if roll == 4:
            return f"({e('int', depth - 1)} {self.one(['+', '-', '*'])} {e('float', depth - 1)})"
        if roll == 5:
            return f"({e('int', depth - 1)} / {self.one(['2', '3', '-4', e('int', 0)])})"
        if roll == 6:
            return f"(-{e('float', depth - 1)})"
        if roll == 7:
            return f"float({e(self.one(['int', 'int', 'float']), depth - 1)})"
        if roll == 8:
            return f"abs({e('float', depth - 1)})"
        return self.leaf("float")

    def make_str(self, depth: int) -> str:
        e, roll = self.expr, self.upto(11)
        if roll < 2:
            return f"({e('str', depth - 1)} + {e('str', depth - 1)})"
        if roll < 5:
            parts = []
            for _ in range(1 + self.upto(2)):
                form = self.one(["", "", "!r", ":>6", "!s", ":<4"])
                value = e(self.one(["int", "str", "float", "bool"]), min(depth - 1, 1))
                parts.append("{" + f"({value})" + form + "}" + self.one(["", "-", " "]))
            text = "".join(parts)
            return f'f"{text}"' if '"' not in text else self.leaf("str")
        if roll == 5:
            form = self.one(["%s", "<%d>", "%r", "%5.1f"])
            return f"({form!r} % ({e(self.one(['int', 'float', 'int']), depth - 1)},))"
        if roll == 6:
            return f"{e('str', depth - 1)}[{self.slice()}]"
        if roll == 7:
            return f"({e('str', depth - 1)} or 'xy')[{self.index()}]"
        if roll == 8:
            return (
                f"{e('str', depth - 1)}.{self.one('upper strip split encode lower isdigit title'.split())}()"
            )
        if roll == 9:
            return f"'-'.join(map(str, {e(self.one(['list', 'tuple', 'str']), depth - 1)}))"
        if roll == 10:
            return f"str({e(self.one(['int', 'float', 'bool', 'list']), depth - 1)})"
        return self.leaf("str")

    def index(self) -> str:
        return self.expr("int", 0) if self.maybe(0.15) else self.one(["0", "-1", "0"])

    def slice(self) -> str:
        e = self.expr
        return self.one(
            [
                f"{e('int', 0)}:",
                f":{e('int', 0)}",
                f"{e('int', 0)}:{e('int', 0)}",
                "::-1",
                ":",
                "1:",
                ":-1",
                "::2",
            ]
        )

    def make_bool(self, depth: int) -> str:
        e, roll = self.expr, self.upto(9)
        if roll < 4:
            kind = self.one(["int", "int", "float", "str", "list", "obj", "tuple"])
            return f"({e(kind, depth - 1)} {self.one(COMPARE[:8])} {e(kind, depth - 1)})"
        if roll == 4:
            operators = [self.one(COMPARE[:6]) for _ in range(2)]
            return f"({e('int', depth - 1)} {operators[0]} {e('int', depth - 1)} {operators[1]} {e('int', depth - 1)})"
        if roll == 5:
            container = self.one(["list", "tuple", "dict", "set", "str"])
            kind = "str" if container == "str" else self.one(["int", "int", "float", "any"])
            item = e(kind, depth - 1)
            return f"({item} {self.one(COMPARE[8:])} {e(container, depth - 1)})"
        if roll == 6:
            return f"(not {e(self.kind(), depth - 1)})"
        if roll == 7:
            classes = self.one([*(self.classes or ["int"]), "int", "str", "(int, str)", "list"])
            return f"isinstance({e(self.kind(), depth - 1)}, {classes})"
        if roll == 8:
            return f"bool({e(self.kind(), depth - 1)})"
        return self.leaf("bool")

    def comprehension(self, depth: int, form: str) -> str:
        name = self.scope.fresh("i")
        source = self.iterable(depth - 1, 1)
        kind = self.one(["int", "int", "str", "any"])
        self.scope.variables[name] = kind
        self.in_comprehension += 1
        self.scope.loop += 1
        body = self.expr("int", depth - 1)
        key = self.expr(self.one(["int", "str"]), 0)
        condition = f" if {self.condition(0)}" if self.maybe(0.3) else ""
        inner = f" for {name}i in ({name}, {self.expr('int', 0)})" if self.maybe(0.15) else ""
        self.scope.loop -= 1
        self.in_comprehension -= 1
        del self.scope.variables[name]
        return form.format(body=body, key=key, rest=f"for {name} in {source}{inner}{condition}")

    def make_list(self, depth: int) -> str:
        e, roll = self.expr, self.upto(10)
        if roll < 2:
            return "[" + self.arguments_for(self.upto(3), depth - 1) + "]"
        if roll < 5:
            return self.comprehension(depth, "[{body} {rest}]")
        if roll == 5:
            return f"({e('list', depth - 1)} + {e('list', depth - 1)})"
        if roll == 6:
            return f"{e('list', depth - 1)}[{self.slice()}]"
        if roll == 7:
            return f"[*{e(self.one(['list', 'tuple', 'str']), depth - 1)}, {e('int', 0)}]"
        if roll == 8:
            return f"sorted({e(self.one(['list', 'tuple', 'str']), depth - 1)})"
        if roll == 9:
            return f"list({self.iterable(depth - 1, 1)})"
        return self.leaf("list")

    def make_tuple(self, depth: int) -> str:
        e, roll = self.expr, self.upto(5)
        if roll < 2:
            return "(" + "".join(e(self.kind(), depth - 1) + ", " for _ in range(1 + self.upto(2))) + ")"
        if roll == 2:
            return f"({e('tuple', depth - 1)} + {e('tuple', depth - 1)})"
        if roll == 3:
            return f"{e('tuple', depth - 1)}[{self.slice()}]"
        if roll == 4:
            return self.comprehension(depth, "tuple({body} {rest})")
        return self.leaf("tuple")

    def make_dict(self, depth: int) -> str:
        e, roll = self.expr, self.upto(5)
        if roll < 2:
            items = ", ".join(
                f"{e(self.one(['int', 'str', 'tuple']), 0)}: {e(self.kind(), depth - 1)}"
                for _ in range(self.upto(3))
            )
            return "{" + items + "}"
        if roll == 2:
            return self.comprehension(depth, "{{{key}: {body} {rest}}}")
        if roll == 3:
            return f"{{**{e('dict', depth - 1)}, 'z': {e('int', depth - 1)}}}"
        if roll == 4:
            return f"dict(a={e('int', depth - 1)}, b={e('str', depth - 1)})"
        return self.leaf("dict")

    def make_set(self, depth: int) -> str:
        if self.maybe(0.5):
            return self.comprehension(depth, "{{{body} {rest}}}")
        return "{" + f"{self.expr('int', depth - 1)}, {self.expr('int', 0)}" + "}"

    def make_obj(self, depth: int) -> str:
        if self.classes and self.maybe(0.6):
            count = 1 + self.upto(1)
            return f"{self.one(self.classes)}({self.arguments_for(count, min(depth - 1, 1))})"
        return self.leaf("obj")

    def make_none(self, depth: int) -> str:
        return "None"

    def make_any(self, depth: int) -> str:
        return self.expr(self.kind(), depth)

    def condition(self, depth: int) -> str:
        if self.maybe(0.85):
            return self.expr("bool", depth)
        return self.expr("obj" if self.maybe(0.3) else self.kind(), depth)

    def iterable(self, depth: int, size: int = 3) -> str:
        roll = self.upto(13)
        e = self.expr
        if roll < 5:
            return self.one(
                [
                    f"range({self.upto(size) + 1})",
                    f"range({e('int', 0)} % {size + 2})",
                    "range(1, 6, 2)",
                    "range(3, 0, -1)",
                ]
            )
        if roll < 7:
            return e("list", depth)
        if roll == 7:
            return e("tuple", depth)
        if roll == 8:
            return e("dict", depth) + self.one(["", ".items()", ".values()"])
        if roll == 9:
            return f"enumerate({e(self.one(['list', 'str', 'tuple']), depth)})"
        if roll == 10:
            return f"zip({e('list', depth)}, {e('str', depth)})"
        if roll == 11:
            return e(self.one(["str", "str", "set", "obj", "int"]), depth)
        if roll == 12:
            return f"reversed({e(self.one(['list', 'tuple']), depth)})"
        generators = [f for f in self.functions[: self.callable_count] if f[2] == "gen"]
        if generators and self.scope.loop == 0:
            name, kinds, _ = self.random.choice(generators)
            return f"{name}({', '.join(e(kind, 0) for kind in kinds)})"
        return "(1, 2)"
