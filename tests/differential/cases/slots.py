"""Attributes in `__slots__`: read and written in place."""

from prelude import Loud, case, look, see


class Node:
    __slots__ = ("left", "right", "value", "__weakref__")

    def __init__(self, value, left=None, right=None):
        self.value = value
        self.left = left
        self.right = right

    def total(self):
        result = self.value
        if self.left is not None:
            result += self.left.total()
        if self.right is not None:
            result += self.right.total()
        return result


class Wider(Node):
    __slots__ = ("extra",)

    def __init__(self, value):
        super().__init__(value)
        self.extra = [value]


class Dicted(Node):
    pass


class Twin:
    __slots__ = ("left", "right", "value", "__weakref__")

    def __init__(self, value):
        self.value = value


class Hooked:
    __slots__ = ("set", "unset")

    def __init__(self):
        self.set = 1

    def __getattr__(self, name):
        if name != "unset":
            raise AttributeError(name)
        look(2)
        return "hook " + name


class Empties:
    """Its end empties a slot of somebody else."""

    def __init__(self, node):
        self.node = node

    def __del__(self):
        see("end", self.node.value)
        del self.node.left


@case("Node(1)", "Node(1, Node(2), Node(3, Node(4)))", "Wider(7)", "Dicted(2)")
def tree(node):
    return node.total(), node.value, node.left is None


@case("Node(1), 2", "Wider(1), 'x'", "Dicted(3), None", "Node([]), 1.5", "Twin(1), 2")
def replace(node, value):
    before = node.value
    node.value = value
    node.left = before
    node.value = node.value
    return node.value, node.left, before


@case("Node(1)", "Twin(1)", "Wider(2)")
def unset(node):
    first = node.value
    del node.left
    node.right = first
    return first, node.right, node.left


@case("Twin(1)", "Node(1)", "Twin('x')")
def never_set(node):
    try:
        return node.left
    except AttributeError as error:
        see(str(error), error.name)
        node.left = 5
        return node.left


@case("Hooked()")
def hooked(thing):
    return thing.set, thing.unset, thing.set


@case("Node(Loud('old'))", "Node(Loud('old', True))", "Wider(Loud('old'))")
def old_value_dies(node):
    new = Loud("new")
    node.value = new
    look()
    node.value = 1
    del new
    return node.value


@case("Node(1)", "Node(2)")
def value_empties_another_slot(node):
    node.left = 1
    node.right = Empties(node)
    kept = node.left
    node.right = 2
    return kept, hasattr(node, "left"), node.right


@case("Node(1), Node(2)", "Node(1), Wider(2)", "Node(1), Twin(2)")
def swaps(a, b):
    for _ in range(5):
        a.value, b.value = b.value, a.value
        a.left = b.value
    return a.value, b.value, a.left


@case("Node(1), Twin", "Node(1), Node", "Twin(1), Node", "Node(1), Wider")
def another_class(node, cls):
    first = node.value
    node.__class__ = cls
    return first, node.value, type(node).__name__


@case("Node([1])")
def lent_while_replaced(node):
    def drop(value):
        node.value = None
        return len(value)

    return node.value, drop(node.value), node.value


@case("Node(3)", "Node(0)", "Node(2.5)")
def counts(node):
    node.left = 0
    while node.left < 20:
        node.left += 1
        node.value += node.left
    return node.left, node.value
