"""Subclasses of every builtin in code that was compiled for the builtin itself."""

log = []
def note(name):
    log.append(name)

class I(int):
    def __add__(self, o): note("add"); return I(int(self) + int(o))
    def __lt__(self, o): note("lt"); return True
    def __bool__(self): note("bool"); return False
    def __index__(self): note("index"); return 1
    def __eq__(self, o): note("eq"); return False
    __hash__ = int.__hash__
class Fl(float):
    def __mul__(self, o): note("mul"); return "product"
    def __neg__(self): return "neg"
class St(str):
    def __add__(self, o): note("sadd"); return "added"
    def __getitem__(self, i): return "item"
    def __len__(self): return 77
    def __eq__(self, o): return True
    __hash__ = str.__hash__
    def __format__(self, spec): return "formatted"
class L(list):
    def __getitem__(self, i): note("getitem"); return ("L", i)
    def __len__(self): return 99
    def __iter__(self): return iter("L!")
    def append(self, x): note("append")
    def __contains__(self, x): return True
    def __setitem__(self, i, v): note("setitem")
class T(tuple):
    def __getitem__(self, i): return ("T", i)
    def __iter__(self): return iter("ab")
    def __len__(self): return 5
class D(dict):
    def __getitem__(self, k): return ("D", k)
    def __contains__(self, k): return k == "no"
    def __missing__(self, k): return "missing"
    def get(self, k, d=None): return "got"
    def items(self): return [("x", "y")]
    def __iter__(self): return iter("keys")
class Se(set):
    def __contains__(self, k): return True
    def add(self, k): note("add to set")
class By(bytes):
    def __getitem__(self, i): return "byte"
class Ex(Exception):
    def __str__(self): return "special"
class Ty(type):
    pass

def arithmetic(x, y): return x + y, x < y, x == y, bool(x), -x
def product(x): return x * 2.0, -x
def text(x): return x + "b", x[0], len(x), x == "q", f"{x}", x
def sequence(x):
    x.append(1)
    x[0] = 2
    return x[0], len(x), [i for i in x], 5 in x, x[-1]
def unpack(x):
    a, b = x
    return a, b, x[0], len(x), (*x, 1)
def mapping(x):
    x["k"] = 1
    return x["k"], "k" in x, x.get("k"), [k for k, v in x.items()], [k for k in x], {**x}
def members(x):
    x.add(3)
    return 3 in x, sorted(x)
def index(x, i): return x[i]
def first(x): return x[0]
def raises(e):
    try:
        raise e
    except Exception as error:
        return str(error), type(error).__name__

for _ in range(10):
    arithmetic(1, 2); product(1.5); text("a"); sequence([1]); unpack((1, 2)); mapping({}); members({1}); index([1, 2, 3], 1)
    first(b"ab"); raises(ValueError("plain"))
for _ in range(6):
    for call in (
        lambda: arithmetic(I(3), I(4)), lambda: arithmetic(1, I(4)), lambda: product(Fl(2)), lambda: text(St("a")), lambda: sequence(L([1, 2])),
        lambda: unpack(T((1, 2))), lambda: mapping(D()), lambda: members(Se({1})), lambda: index([1, 2, 3], I(0)),
        lambda: first(By(b"ab")), lambda: raises(Ex()), lambda: arithmetic(True, 2), lambda: arithmetic(2**70, -2**70),
        lambda: index([1], 2**70), lambda: index((1, 2), -5),
    ):
        try:
            print(call())
        except Exception as error:
            print(type(error).__name__, error)
    print(log)
    log.clear()
