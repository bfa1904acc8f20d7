"""A World that answers from a golden case's text, so that what the compiler is told stands in the file.

    Point: x inline 24, y inline 32     an attribute in the inline values of exact instances
    Point: left slot 16                 a member descriptor
    Point: norm method                  not shadowed by instances; also `class value` and `property`
    Point: __init__ initializer         the class makes instances the stock way, then calls this
    rebound: counter                    a global that changes too often to be compiled in
    left: 12                            compiled code has left at this code unit before

Names, classes and functions are the objects that running the case's source has made; addresses are made up.
"""

from __future__ import annotations

import builtins
import types
from typing import Any

from pyston import _runtime
from pyston.compiler import world as w
from pyston.compiler.hir import types as t
from pyston.live_world import _COMMON_CONSTANTS, _INTRINSICS, _MASKS, _TYPES

UNKNOWN = w.AttributeFacts(w.ATTRIBUTE_UNKNOWN)
KINDS = {
    "inline": w.ATTRIBUTE_INLINE,
    "slot": w.ATTRIBUTE_SLOT,
    "method": w.ATTRIBUTE_METHOD,
    "class value": w.ATTRIBUTE_CLASS_VALUE,
    "property": w.ATTRIBUTE_PROPERTY,
}
VALID_OFFSET = 19
FIRST_VALUE = 24
C_FUNCTIONS = {
    len: w.CFUNCTION_O,
    isinstance: w.CFUNCTION_FAST,
    list.append: w.CFUNCTION_O,
    str.upper: w.CFUNCTION_NOARGS,
    str.split: w.CFUNCTION_FAST_KEYWORDS,
    abs: w.CFUNCTION_O,
}


class CalleeStandIn:
    """In place of the runtime's record of a Python function."""

    def __init__(self, function: types.FunctionType) -> None:
        self.__qualname__ = function.__qualname__


class FakeWorld(w.World):
    def __init__(self, namespace: dict[str, Any], text: str) -> None:
        self.namespace = namespace
        self.refs: dict[int, w.Ref] = {}
        self.facts: dict[tuple[str, str], w.AttributeFacts] = {}
        self.initializers: dict[str, w.Ref] = {}
        self.rebound: set[str] = set()
        self.left: set[int] = set()
        self.callees: dict[int, w.CalleeFacts] = {}
        for line in filter(None, text.splitlines()):
            name, _, what = line.partition(":")
            if name == "rebound":
                self.rebound.update(what.replace(",", " ").split())
            elif name == "left":
                self.left.update(map(int, what.replace(",", " ").split()))
            else:
                for part in what.split(","):
                    self.add_attribute(name, part.split())

    def add_attribute(self, owner: str, words: list[str]) -> None:
        name, *kind = words
        if kind == ["initializer"]:
            self.initializers[owner] = self.ref(vars(self.namespace[owner])[name])
            return
        offset = int(kind.pop()) if kind[-1].isdecimal() else 0
        facts = w.AttributeFacts(KINDS[" ".join(kind)])
        facts.offset = offset
        if facts.kind == w.ATTRIBUTE_INLINE:
            facts.valid_offset = VALID_OFFSET
            facts.keys_index = (offset - FIRST_VALUE) // 8
        elif facts.kind != w.ATTRIBUTE_SLOT:
            value = vars(self.namespace[owner])[name]
            facts.value = self.ref(value.fget if isinstance(value, property) else value)
            facts.valid_offset = VALID_OFFSET if facts.kind != w.ATTRIBUTE_PROPERTY else 0
        self.facts[owner, name] = facts

    def ref(self, value: object) -> w.Ref:
        known = self.refs.get(id(value))
        if known is None:
            immortal = value is None or isinstance(value, bool) or (type(value) is int and -5 <= value <= 256)
            known = w.Ref(value, id(value), _MASKS.get(type(value), t.OTHER), immortal)
            self.refs[id(value)] = known
        return known

    def learnt(self, offset: int) -> int:
        return 1 if offset in self.left else 0

    def global_value(self, name: str) -> w.Ref | None:
        if name in self.rebound:
            return None
        if name in self.namespace:
            return self.ref(self.namespace[name])
        return self.ref(getattr(builtins, name)) if hasattr(builtins, name) else None

    def global_slots(self, names: list[str]) -> w.GlobalSlots | None:
        slots = w.GlobalSlots(0x1000, 7, 0xFD)
        for name in names:
            if name in self.namespace:
                slots.names.append(name)
                slots.places.append(0x2000 + 8 * len(slots.places))
                mask = _MASKS.get(type(self.namespace[name]), 0)
                slots.classes.append(type(self.namespace[name]) if mask else None)
                slots.types.append(mask)
        return slots

    def constant_attribute(self, owner: w.Ref, name: str) -> w.Ref | None:
        if not isinstance(owner.value, types.ModuleType) or name not in vars(owner.value):
            return None
        return self.ref(vars(owner.value)[name])

    def class_attribute(self, owner: w.Ref, name: str) -> w.ClassAttribute | None:
        if not isinstance(owner.value, type):
            return None
        kind, *value = _runtime.class_attribute_facts(owner.value, name)
        if kind not in ("value", "classmethod") or self.ref(value[0]).type_mask & t.PLAIN:
            return None
        return w.ClassAttribute(self.ref(value[0]), kind == "classmethod", None)

    def common_constant(self, which: int) -> w.Ref | None:
        return self.ref(_COMMON_CONSTANTS[which])

    def type_of_version(self, version: int) -> w.Ref | None:
        for value in [*self.namespace.values(), *_MASKS]:
            if isinstance(value, type) and _runtime.type_version(value) == version:
                return self.ref(value)
        return None

    def function_of_version(self, version: int) -> w.Ref | None:
        function = _runtime.function_by_version(version)
        return None if function is None else self.ref(function)

    def attribute(self, type_: w.Ref, name: str) -> w.AttributeFacts:
        assert isinstance(type_.value, type)
        return self.facts.get((type_.value.__name__, name), UNKNOWN)

    def attribute_store(self, type_: w.Ref, name: str) -> w.AttributeFacts:
        facts = self.attribute(type_, name)
        return facts if facts.kind in (w.ATTRIBUTE_INLINE, w.ATTRIBUTE_SLOT) else UNKNOWN

    def initializer(self, cls: w.Ref) -> w.Ref | None:
        assert isinstance(cls.value, type)
        return self.initializers.get(cls.value.__name__)

    def maker(self, cls: w.Ref) -> w.Ref | None:
        return None

    def type_mask(self, cls: w.Ref) -> int:
        assert isinstance(cls.value, type)
        return _MASKS.get(cls.value, t.OTHER)

    def builtin_type(self, mask: int) -> w.Ref:
        return self.ref(_TYPES[mask])

    def is_subtype(self, cls: w.Ref, base: w.Ref) -> bool:
        assert isinstance(cls.value, type) and isinstance(base.value, type)
        return issubclass(cls.value, base.value)

    def instance_check(self, cls: w.Ref, base: w.Ref) -> bool | None:
        assert isinstance(cls.value, type) and isinstance(base.value, type)
        return issubclass(cls.value, base.value)

    def is_always_true(self, cls: w.Ref) -> bool:
        assert isinstance(cls.value, type)
        return not hasattr(cls.value, "__bool__") and not hasattr(cls.value, "__len__")

    def is_stable_function(self, function: w.Ref) -> bool:
        return True

    def callee(self, function: w.Ref) -> w.CalleeFacts | None:
        value = function.value
        if not isinstance(value, types.FunctionType):
            return None
        facts = self.callees.get(function.address)
        if facts is None:
            code = value.__code__
            facts = w.CalleeFacts(self.ref(CalleeStandIn(value)))
            facts.argument_count = code.co_argcount
            facts.positional_only = code.co_posonlyargcount
            facts.parameter_names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
            facts.collects_args = bool(code.co_flags & 0x04)
            facts.collects_keywords = bool(code.co_flags & 0x08)
            facts.defaults = [self.ref(default) for default in value.__defaults__ or ()]
            facts.makes_generator = bool(code.co_flags & 0xA0)
            self.callees[function.address] = facts
        return facts

    def intrinsic(self, callable_: w.Ref) -> str:
        return _INTRINSICS.get(id(callable_.value), "")

    def cfunction(self, function: w.Ref) -> w.CFunctionFacts | None:
        value: Any = function.value
        if value not in C_FUNCTIONS:
            return None
        facts = w.CFunctionFacts(C_FUNCTIONS[value], 4096, None)
        owner = getattr(value, "__objclass__", None)
        if owner is not None:
            facts.needs_type = self.ref(owner)
            facts.exact_mask = _MASKS.get(owner, t.OTHER)
        else:
            facts.self_ = self.ref(builtins)
        return facts
