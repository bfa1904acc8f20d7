"""Functions that come to their call as values: one call site, many callees, which change, end and leave while they run."""
import gc
import sys


class Loud:
    def __init__(self, name):
        self.name = name

    def __del__(self):
        print("died", self.name)


def call(function, *arguments):
    return function(*arguments)


def one(function, a):
    return function(a)


def two(function, a, b):
    return function(a, b)


class Methods:
    def plain(self, a, b="method"):
        return a, b

    @classmethod
    def of_class(cls, a, b="class"):
        return cls.__name__, a, b

    @staticmethod
    def static(a, b="static"):
        return a, b

    def __call__(self, a, b="called"):
        return a, b


def defaults(a, b=2, c=3):
    return a, b, c


def keyword_only(a, *, k="k"):
    return a, k


def collects(a, *rest, **named):
    return a, rest, named


def exact(a):
    return a


def closure(n):
    def inner(a, b=n):
        return n, a, b

    return inner


CALLEES = (defaults, keyword_only, collects, exact, closure(1), closure(2), Methods().plain, Methods.of_class, Methods.static,
           Methods(), len, str)


def rounds(title):
    for function in CALLEES:
        seen = []
        for _ in range(12):
            for caller, arguments in ((one, ("x",)), (two, ("x", "y"))):
                try:
                    seen.append(caller(function, *arguments))
                except TypeError as error:
                    seen.append(str(error))
        print(title, seen[:2], seen == seen[:2] * 12)


rounds("first")
defaults.__defaults__ = (20, 30)
rounds("other defaults")
defaults.__defaults__ = (300,)
rounds("too few")
defaults.__defaults__ = None
rounds("none")
defaults.__defaults__ = (4, 5, 6)
rounds("more than parameters behind")


def takes_away(a, b=Loud("default"), c=None):
    """Its defaults are replaced while it has one of them."""
    if a:
        takes_away.__defaults__ = (Loud(f"default {a}"), None)
    return type(b).__name__, b.name


for i in range(14):
    print(one(takes_away, i % 3 == 2 and i))


def dies(number):
    """Nobody but its call has the function."""

    def inner(a, b=Loud(f"of {number}")):
        holder.clear()
        gc.collect(0)
        return sys._getframe().f_code.co_name, a, b.name

    holder = [inner]
    del inner
    return one(holder.pop(), number)


for i in range(14):
    print(dies(i))


def changes_code(a, b=0):
    if a == 9:
        changes_code.__code__ = other.__code__
        return "now", one(changes_code, 5)
    return "old", a, b


def other(a, b=0):
    return "new", a, b


print([one(changes_code, i) for i in range(14)])


def deep(n, step=1):
    return 0 if n <= 0 else 1 + two(deep, n - step, step)


def deeper(n):
    try:
        return one(deeper, n + 1)
    except RecursionError as error:
        return str(error)


for _ in range(12):
    deep(20)
print(deep(400), one(deep, 300))
print(deeper(0), deep(50))


def traces(a, b=1):
    if a == 11:
        sys.settrace(trace)
    return a


def trace(frame, event, argument):
    print(event, frame.f_code.co_name, frame.f_lineno - frame.f_code.co_firstlineno)
    return trace


def traced(number):
    result = one(traces, number), one(exact, number), one(defaults, number)
    sys.settrace(None)
    return result


print([traced(i) for i in range(14)])


def counts(a, b=Loud("counted")):
    return sys.getrefcount(b) - baseline


baseline = 0
baseline = one(counts, 1)
print({one(counts, i) for i in range(20)}, {call(counts, i) for i in range(20)})
counts.__defaults__ = None
