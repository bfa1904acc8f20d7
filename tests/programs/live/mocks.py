"""unittest.mock rebinds globals, builtins, attributes of modules, classes and instances."""
import math
import sys
from unittest import mock

LIMIT = 3

def helper(x):
    return x + LIMIT

def root(x):
    return math.sqrt(x)

def outer(x):
    return helper(x), len([x]), root(4)

class Service:
    rate = 2
    def fetch(self, x):
        return x * self.rate
    @classmethod
    def make(cls):
        return cls()
    @staticmethod
    def tool(x):
        return -x
    @property
    def level(self):
        return self.rate

def use(s):
    return s.fetch(3), s.level, s.tool(1), type(s.make()).__name__

def rounds(f, *args):
    seen = []
    for _ in range(15):
        seen.append(f(*args))
    print(seen[0], seen[-1], seen.count(seen[0]))

s = Service()
rounds(outer, 1)
rounds(use, s)
me = sys.modules[__name__]
with mock.patch.object(me, "helper", lambda x: ("mocked", x)):
    rounds(outer, 1)
rounds(outer, 1)
with mock.patch("builtins.len", lambda x: 77):
    rounds(outer, 1)
rounds(outer, 1)
with mock.patch.object(math, "sqrt", return_value="root") as m:
    rounds(outer, 1)
    print(m.call_count)
rounds(outer, 1)
with mock.patch.object(me, "LIMIT", 100):
    rounds(outer, 1)
rounds(outer, 1)
with mock.patch.object(Service, "fetch", lambda self, x: "class"):
    rounds(use, s)
with mock.patch.object(s, "fetch", lambda x: "instance"):
    rounds(use, s)
with mock.patch.object(Service, "level", new_callable=mock.PropertyMock, return_value=9):
    rounds(use, s)
with mock.patch.object(Service, "rate", 50):
    rounds(use, s)
with mock.patch.object(Service, "make", lambda self: 5):
    rounds(use, s)
with mock.patch.dict(globals(), {"LIMIT": 7}):
    rounds(outer, 1)
rounds(use, s)
rounds(outer, 1)

def middle(x):
    """What it relies on changes while it runs."""
    before = helper(x)
    with mock.patch.object(me, "helper", lambda x: "inside"):
        during = helper(x)
    return before, during, helper(x)

rounds(middle, 2)
