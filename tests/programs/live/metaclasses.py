"""Metaclasses that change, shadow, and decide about instances."""
import abc

class Meta(type):
    tag = "meta tag"
    def describe(cls):
        return f"described {cls.__name__}"
    def __call__(cls, *args):
        made = super().__call__(*args)
        made.made = True
        return made

class A(metaclass=Meta):
    def __init__(self, x):
        self.x = x

def use():
    a = A(3)
    return a.x, a.made, A.describe(), A.tag, isinstance(a, A), isinstance(3, A), issubclass(bool, A)

def rounds(text):
    seen = []
    for _ in range(10):
        try:
            seen.append(use())
        except (AttributeError, TypeError) as error:
            seen.append(str(error))
    print(text, seen[0], all(s == seen[0] for s in seen))

rounds("start")
A.tag = "own tag"; rounds("shadowed")
Meta.tag = property(lambda cls: "data descriptor"); rounds("property on the metaclass")
del Meta.tag; rounds("gone")
Meta.__instancecheck__ = lambda cls, x: x == 3; rounds("instancecheck")
del Meta.__instancecheck__
Meta.__subclasscheck__ = lambda cls, x: True; rounds("subclasscheck")
del Meta.__subclasscheck__
Meta.describe = lambda cls: "changed"; rounds("method")
Meta.__getattr__ = lambda cls, name: f"meta hook {name}"
del A.tag; rounds("hook")
old = Meta.__call__
Meta.__call__ = lambda cls, *args: old(cls, "other"); rounds("call")
del Meta.__call__; rounds("plain call")
class Meta2(type):
    def describe(cls):
        return "second metaclass"
A.__class__ = Meta2; rounds("metaclass assigned")

class Shape(abc.ABC):
    @abc.abstractmethod
    def area(self): ...

class Square:
    def area(self): return 4

def is_shape(x):
    return isinstance(x, Shape), issubclass(type(x), Shape)

s = Square()
print([is_shape(s) for _ in range(10)][-1])
Shape.register(Square)
print([is_shape(s) for _ in range(10)][-1])
try:
    Shape()
except TypeError as error:
    print(error)
Shape.__abstractmethods__ = frozenset()
def make(): return type(Shape()).__name__
print([make() for _ in range(10)][-1])
