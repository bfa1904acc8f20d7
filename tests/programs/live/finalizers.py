"""Finalizers change what compiled code has taken for constant: no call stands between the death and the next use."""

import types

COUNT = 0
NAME = "n"
FLAG = None
module = types.ModuleType("counted")
module.count = 0


class Class:
    count = 0

    def get(self):
        return self.count


class Dying:
    def __init__(self, changes):
        self.changes = changes

    def __del__(self):
        global COUNT, NAME, FLAG
        if self.changes == "count":
            COUNT += 1
        elif self.changes == "name":
            NAME += "x"
        elif self.changes == "flag":
            FLAG = not FLAG
        elif self.changes == "class":
            Class.count += 1
        else:
            module.count += 1


class Slotted:
    __slots__ = ("value",)


class Plain:
    def __init__(self, value):
        self.value = value
        self.other = 5


# Each function takes its object out of a list: an argument lives as long as the caller's.


def replaced_local(box):
    x = box.pop()
    x = None
    return COUNT


def deleted_local(box):
    x = box.pop()
    del x
    return COUNT


def second_name(box):
    x = box.pop()
    y = x
    x = None
    before = COUNT
    y = None
    return before, COUNT


def replaced_attribute(box, on):
    on.value = box.pop()
    on.value = 1
    return COUNT


def replaced_item(box):
    items = [box.pop()]
    items[0] = 2
    return COUNT


def replaced_cell(box):
    x = box.pop()

    def see():
        return x

    see()
    x = None
    return COUNT


def several_at_once(box):
    x = box.pop()
    x, y = 1, 2
    return COUNT


def in_a_branch(box, flag):
    x = box.pop()
    if flag:
        x = None
    else:
        flag = 3
    return COUNT, COUNT


def in_a_handler(box):
    x = box.pop()
    try:
        raise ValueError(x)
    except ValueError as error:
        x = None
        error = None
    return COUNT


def in_a_loop(rounds):
    seen = []
    for i in range(rounds):
        x = Dying("count")
        seen.append(COUNT)
    return seen


def across_a_yield(box):
    x = box.pop()
    yield COUNT
    x = None
    yield COUNT


def left_early():
    def one():
        x = Dying("count")
        yield x.changes

    for _ in one():
        break
    return COUNT


def temporaries():
    (Dying("count"), 5)[1]
    first = COUNT
    Plain(Dying("count")).other
    second = COUNT
    if [Dying("count")]:
        return first, second, COUNT


def name(box):
    x = box.pop()
    x = None
    return NAME


def flag(box):
    x = box.pop()
    x = None
    if FLAG:
        return "set"
    return "not set"


def class_attribute(box):
    x = box.pop()
    x = None
    return Class.count


def attribute_of_the_class(box, instance):
    x = box.pop()
    x = None
    return instance.count


def in_a_method(box, instance):
    x = box.pop()
    x = None
    return instance.get()


def module_attribute(box):
    x = box.pop()
    x = None
    return module.count


for _ in range(12):
    for function in (
        replaced_local, deleted_local, second_name, replaced_item, replaced_cell, several_at_once, in_a_handler
    ):  # fmt: skip
        print(function.__name__, function([Dying("count")]))
    print(replaced_attribute([Dying("count")], Plain(0)), replaced_attribute([Dying("count")], Slotted()))
    print(in_a_branch([Dying("count")], True), in_a_branch([Dying("count")], False), in_a_loop(4))
    print(list(across_a_yield([Dying("count")])), left_early(), temporaries())
    print(name([Dying("name")]), flag([Dying("flag")]), class_attribute([Dying("class")]))
    print(attribute_of_the_class([Dying("class")], Class()), in_a_method([Dying("class")], Class()))
    print(module_attribute([Dying("module")]))
