"""Classes that change all the time: their look-ups are kept under the name, and follow every change of it (restless.c).

Each program prints the same on stock CPython and with everything compiled.
"""

# ruff: noqa: E501
from __future__ import annotations

import os
import subprocess
import sys

import pytest

START = """
class Meta(type): pass
class Base:
    counter = 0
    label = "base"
    def __init__(self, value):
        Base.counter += 1
        self.value = value
    def method(self): return "method of base", self.value
    @property
    def twice(self): return self.value * 2
    @twice.setter
    def twice(self, value): self.value = value // 2
    @staticmethod
    def static(): return "static"
    @classmethod
    def make(cls, value): return cls(value)
class Middle(Base):
    pass
class Leaf(Middle):
    __slots__ = ("slot",)
    def deeper(self): return super().method()
NAMES = ["".join([name[:2], name[2:]]) for name in ("label", "twice", "slot", "extra", "missing", "value")]
KINDS = Base, Middle, Leaf, int, (str, Middle), (str, bytes)
def use(leaf):
    for name in NAMES[1:4]:
        setattr(leaf, name, 6)
    by_name = [getattr(leaf, name) for name in NAMES[:4]], [hasattr(leaf, name) for name in NAMES]
    kinds = [isinstance(leaf, kind) for kind in KINDS]
    by_name += [getattr(leaf, name, None) for name in NAMES], kinds
    leaf.slot = leaf.value
    leaf.twice = leaf.value * 4
    leaf.extra = 1
    seen = [leaf.method(), leaf.label, leaf.twice, leaf.static(), leaf.make(3).value, leaf.slot, leaf.extra, leaf.deeper(),
            getattr(leaf, "missing", None), hasattr(leaf, "label"), Leaf.label, Leaf.counter > 0, Leaf.static(), Leaf.make(4).value]
    return [*seen, by_name]
def churn(n=300):
    for i in range(n):
        leaf = Leaf(i)
        last = use(leaf)
    return leaf, last
def attempt(f, *args):
    try:
        return f(*args)
    except Exception as error:
        return type(error).__name__, str(error)
leaf, last = churn()
print(last)
"""

CHANGES = {
    "rebound": 'Base.label = "new"; print(use(leaf)); Middle.label = "middle"; print(use(leaf)); del Middle.label',
    "method replaced": 'Base.method = lambda self: "new"; print(use(leaf)); Leaf.method = lambda self: "leaf"; print(use(leaf))',
    "method deleted": "del Base.method; print(attempt(use, leaf))",
    "property for a value": 'class P(property):\n    __repr__ = lambda self: "a property"\n'
    'Base.label = P(lambda self: "computed"); print(use(leaf))',
    "value for a property": "Base.twice = 5; print(use(leaf)); print(leaf.__dict__)",
    "property without a setter": "Base.twice = property(lambda self: 7); print(attempt(use, leaf))",
    "instance shadows": 'leaf.label = "own"; leaf.method = lambda: "own"; print(use(leaf)); del leaf.label; print(use(leaf))',
    "getattr comes": "Base.__getattr__ = lambda self, name: name * 2\nprint(use(leaf)); del Base.__getattr__; print(use(leaf))",
    "getattribute comes": "Base.__getattribute__ = lambda self, name: object.__getattribute__(self, name)\nprint(use(leaf)); "
    "del Base.__getattribute__; print(use(leaf))",
    "setattr comes": "log = []\ndef set_(self, name, value):\n    log.append(name)\n    object.__setattr__(self, name, value)\n"
    "Middle.__setattr__ = set_; print(use(leaf), log); del Middle.__setattr__; print(use(leaf), log)",
    "bases": 'class Other:\n    label = "other"\n    def method(self): return "method of other"\n'
    "    twice = value = 1\n    def __init__(self, value): pass\n    static = staticmethod(lambda: 0)\n    make = classmethod(lambda cls, v: cls(v))\n"
    "    counter = 1\nMiddle.__bases__ = (Other,); print(attempt(use, leaf)); Middle.__bases__ = (Base,); print(use(leaf))",
    "bases twice": "class A(Base): label = 'a'\nclass B(Base): label = 'b'\n"
    "for base in (A, B, A, Base, B, A):\n    Middle.__bases__ = (base,); print(use(leaf))",
    "init": "def init(self, value):\n    self.value = -value\nLeaf.__init__ = init; print(use(Leaf(2))); del Leaf.__init__; print(use(Leaf(2)))",
    "new": "Leaf.__new__ = staticmethod(lambda cls, value: object.__new__(cls)); print(use(Leaf(2)))",
    "a key that is not interned": 'name = "".join(["la", "bel"])\nsetattr(Base, name, "again"); print(use(leaf))',
    "a str subclass": "class Name(str): pass\nprint(attempt(setattr, Base, Name('label'), 'odd')); print(use(leaf))",
    "the class of an instance": "class Twin(Middle):\n    __slots__ = ('slot',)\n    def deeper(self): return 'twin'\n    label = 'twin'\n"
    "leaf.__class__ = Twin; print(attempt(use, leaf))",
    "a descriptor's class": "class D:\n    pass\nd = D(); Base.label = d; print(use(leaf)[1] is d)\n"
    "D.__get__ = lambda self, instance, owner: 'got'\nprint(use(leaf)); D.__set__ = lambda self, instance, value: None\nleaf.__dict__['label'] = 1; print(use(leaf))",
    "a metaclass's attribute": "print(attempt(lambda: Leaf.__name__), Leaf.__qualname__, Leaf.__bases__ == (Middle,))",
    "new classes in old places": "import gc\nfor i in range(300):\n    class Short(Leaf):\n        __slots__ = ()\n        label = i\n"
    "    for _ in range(3):\n        s = Short(i); assert s.label == i and Short.label == i, (s.label, i)\n"
    "    del s, Short\n    if i % 50 == 0: gc.collect()\nprint('well')",
    "many names": "for i in range(3000):\n    setattr(Base, f'name{i}', i)\ngetter = [eval(f'lambda o: o.name{i}') for i in range(0, 3000, 7)]\n"
    "for g in getter: g(leaf), g(leaf)\nprint(sum(g(leaf) for g in getter))\nBase.name7 = 'changed'; print(getter[1](leaf))",
    "super's method": "Middle.method = lambda self: 'of middle'; print(use(leaf)); del Middle.method; print(use(leaf))",
    "init often": "for i in range(80):\n    Leaf.__init__ = lambda self, value, i=i: setattr(self, 'value', i)\n"
    "    assert Leaf(1).value == i\n    if i % 3 == 0: del Leaf.__init__; assert Leaf(1).value == 1",
    "a name often": "for i in range(80):\n    Middle.label = i\n    assert use(leaf)[1] == i == Leaf.label\ndel Middle.label; print(use(leaf))",
    "getattr often": "for i in range(80):\n    Base.__getattr__ = lambda self, name, i=i: i\n    assert use(leaf)[8] == i == leaf.__getattr__('x')\n"
    "    del Base.__getattr__\n    assert use(leaf)[8] is None",
    "abstract": "print(type(Leaf(1)).__name__); Leaf.__abstractmethods__ = {'f'}; print(attempt(Leaf, 1))\n"
    "Leaf.__abstractmethods__ = set(); print(type(Leaf(1)).__name__)",
    "with": "class C(Base):\n    __enter__ = lambda self: 'in'\n    __exit__ = lambda self, *a: None\n"
    "def enter(c):\n    with c as got: return got\nfor i in range(2000): Base.counter += 1; enter(C(i)) if i % 50 == 0 else None\n"
    "c = C(1); print(enter(c), enter(c)); C.__enter__ = lambda self: 'else'; print(enter(c)); del C.__exit__; print(attempt(enter, c))",
    "disabled between": "import sys\nif hasattr(sys, 'pyston_version_info'):\n    import pyston; pyston.disable()\n"
    "Base.label = 'while off'\nif hasattr(sys, 'pyston_version_info') or 'pyston' in sys.modules:\n    pyston.enable()\n"
    "for _ in range(5): use(leaf)\nprint(use(leaf))",
}


def run(program: str, variables: dict[str, str]) -> tuple[int, str, str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYSTON")}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env=environment | variables, text=True, capture_output=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("change", CHANGES)
def test_change(change):
    program = START + CHANGES[change] + "\nprint(churn()[1])\n"
    assert run(program, {"PYSTON_THRESHOLD": "1"}) == run(program, {"PYSTON": "0"})
