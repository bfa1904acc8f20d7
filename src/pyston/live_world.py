"""`World` for the running interpreter: what the compiler is told about live objects, each answer watched.

One LiveWorld serves one compilation. A fact that the runtime cannot watch is not given: the compiler then builds
the general form.
"""

from __future__ import annotations

import sys
import types

from pyston import _runtime
from pyston.compiler.bytecode.cfg import NEVER_RUN
from pyston.compiler.hir import types as t
from pyston.compiler.native import Any, Final
from pyston.compiler.snapshot import (
    CO_COROUTINE,
    CO_GENERATOR,
    CO_VARARGS,
    CO_VARKEYWORDS,
)
from pyston.compiler.world import (
    ATTRIBUTE_CLASS_VALUE,
    ATTRIBUTE_INLINE,
    ATTRIBUTE_METHOD,
    ATTRIBUTE_PROPERTY,
    ATTRIBUTE_SLOT,
    ATTRIBUTE_UNKNOWN,
    CFUNCTION_FAST,
    CFUNCTION_FAST_KEYWORDS,
    CFUNCTION_NOARGS,
    CFUNCTION_O,
    AttributeFacts,
    CalleeFacts,
    CFunctionFacts,
    ClassAttribute,
    GlobalSlots,
    Ref,
    World,
)
from pyston.live_imports import imported_module

_MASKS: Final[dict[type, int]] = {
    int: t.INT,
    float: t.FLOAT,
    str: t.STR,
    bool: t.BOOL,
    type(None): t.NONE,
    tuple: t.TUPLE,
    list: t.LIST,
    dict: t.DICT,
    set: t.SET,
    frozenset: t.FROZENSET,
    bytes: t.BYTES,
    type: t.TYPE,
    types.FunctionType: t.FUNCTION,
    types.BuiltinFunctionType: t.CFUNCTION,
    types.MethodType: t.METHOD,
    type(iter(range(0))): t.RANGE_ITER,
    type(iter([])): t.LIST_ITER,
    type(iter(())): t.TUPLE_ITER,
    types.CellType: t.CELL,
    slice: t.SLICE,
    types.MethodDescriptorType: t.METHOD_DESCRIPTOR,
    types.ModuleType: t.MODULE,
}
# By address: a metaclass may have its own __hash__ and __eq__, which are none of the compiler's business.
_MASKS_BY_ADDRESS: Final[dict[int, int]] = {id(cls): mask for cls, mask in _MASKS.items()}
_TYPES: Final[dict[int, type]] = {mask: cls for cls, mask in _MASKS.items()}
_KINDS: Final = {
    "o": CFUNCTION_O,
    "noargs": CFUNCTION_NOARGS,
    "fast": CFUNCTION_FAST,
    "fast_kw": CFUNCTION_FAST_KEYWORDS,
}
# Builtins whose meaning the compiler knows (hir/intrinsics.py).
_INTRINSICS: Final[dict[int, str]] = {
    id(len): "len",
    id(isinstance): "isinstance",
    id(issubclass): "issubclass",
    id(getattr): "getattr",
    id(hasattr): "hasattr",
    id(setattr): "setattr",
    id(callable): "callable",
    id(next): "next",
    id(type): "type",
    id(str): "str",
    id(bool): "bool",
    id(list.append): "list.append",
    id(dict.get): "dict.get",
    id(range): "range",
}
_COMMON_CONSTANTS: Final = (AssertionError, NotImplementedError, tuple, all, any)
_UNKNOWN: Final = AttributeFacts(ATTRIBUTE_UNKNOWN)
# How `object.__class__` looks to attribute_facts.
_OWN_CLASS: Final = _runtime.attribute_facts(object, "__class__")[2]
# Classes whose call gives an exact instance, whatever the arguments are.
_MAKES_ITSELF: Final = t.LIST | t.DICT | t.SET | t.FROZENSET | t.TUPLE
# A C function that reads its caller's frame or namespace is an ordinary callee all the same: frames are real.

_is_immortal: Final = sys._is_immortal
_address_of: Final = _runtime.object_address  # id() raises an audit event
# Why guards of an attribute's receiver fail, and how often they do where it is no accident.
_RECEIVER_REASONS: Final = ("class", "layout")
_OFTEN: Final = 4
# Times that compiled code has met what had never run: then all of the function is built.
MOST_MET: Final = 400

# What a class says of itself, without asking its metaclass.
_mro_of: Final = type.__dict__["__mro__"].__get__
_namespace_of: Final = type.__dict__["__dict__"].__get__


def _mask_of(cls: object) -> int:
    """The bit of a class that the lattice knows, else OTHER."""
    return _MASKS_BY_ADDRESS.get(_address_of(cls), t.OTHER)


def proved_types(classes: tuple[type | None, ...]) -> list[int]:
    """Types of values whose exact classes are known; 0 where they are not, or the lattice does not know the class."""
    masks = [0 if cls is None else _mask_of(cls) for cls in classes]
    return [0 if mask == t.OTHER else mask for mask in masks]


class LiveWorld(World):
    """Asks without running any of the program's code, and unseen by audit hooks.

    So an attribute of a function, or of a class with a metaclass, is not read as a program would read it.
    """

    def __init__(self, function: types.FunctionType) -> None:
        self.function = function
        self.globals: dict[str, Any] = function.__globals__
        untyped: Any = function  # typeshed does not know the attribute
        self.builtins: dict[str, Any] = untyped.__builtins__
        self.refs: dict[int, Ref] = {}
        self.global_values: dict[str, Ref | None] = {}
        self.attributes: dict[tuple[int, str], AttributeFacts] = {}
        self.stores: dict[tuple[int, str], AttributeFacts] = {}
        self.callees: dict[int, CalleeFacts | None] = {}
        self.depended: list[tuple[object, ...]] = []
        self.exits: dict[int, int] = {}
        self.varied: set[int] = set()
        self.units_met: set[int] = set()
        self.times_met = 0
        for offset, reason, count in _runtime.exit_history(function):
            if reason == NEVER_RUN:
                self.units_met.add(offset)
                self.times_met += count
                continue
            self.exits[offset] = self.exits.get(offset, 0) + count
            if reason in _RECEIVER_REASONS and count >= _OFTEN:
                self.varied.add(offset)

    def _depend(self, *dependency: object) -> bool:
        if not _runtime.depend(dependency):
            return False
        self.depended.append(dependency)
        return True

    def ref(self, value: object) -> Ref:
        address = _address_of(value)
        known = self.refs.get(address)
        if known is None:
            known = Ref(value, address, _mask_of(type(value)), _is_immortal(value))
            self.refs[address] = known
        return known

    def met(self) -> set[int] | None:
        return self.units_met if self.times_met < MOST_MET else None

    def learnt(self, offset: int) -> int:
        return self.exits.get(offset, 0)

    def receiver_varies(self, offset: int) -> bool:
        return offset in self.varied

    def dependencies(self) -> list[tuple[object, ...]]:
        return self.depended

    # --- names -------------------------------------------------------------------------------------------

    def global_value(self, name: str) -> Ref | None:
        if name not in self.global_values:
            self.global_values[name] = self._global_value(name)
        return self.global_values[name]

    def _global_value(self, name: str) -> Ref | None:
        if name in self.globals:
            return self._watched_key(self.globals, name)
        if type(self.builtins) is not dict or name not in self.builtins:
            return None
        # A global of this name would hide the builtin: both are watched.
        return self._watched_key(self.builtins, name) if self._watch_key(self.globals, name) else None

    def _watch_key(self, namespace: dict[str, Any], name: str) -> bool:
        """Whether what the name stands for, or that it is not there, may be relied on."""
        # A number or a container that a program rebinds is no constant worth compiling in.
        return _runtime.global_is_stable(namespace, name) and self._depend("dict_key", namespace, name)

    def _watched_key(self, namespace: dict[str, Any], name: str) -> Ref | None:
        return self.ref(namespace[name]) if self._watch_key(namespace, name) else None

    def global_slots(self, names: list[str]) -> GlobalSlots | None:
        if not self._depend("dict", self.globals):
            return None
        found = _runtime.claim_globals(self.globals, names)
        if found is None:
            return None
        keys_version, watchers, rows = found
        slots = GlobalSlots(_address_of(self.globals), keys_version, watchers)
        for name, place, cls in rows:
            slots.names.append(name)
            slots.places.append(place)
            slots.classes.append(cls)
        slots.types = proved_types(tuple(slots.classes))
        slots.classes = [cls if mask else None for cls, mask in zip(slots.classes, slots.types)]
        return slots

    def constant_attribute(self, owner: Ref, name: str) -> Ref | None:
        module = owner.value
        if type(module) is not types.ModuleType:
            return None
        namespace = module.__dict__
        if name not in namespace:
            return None
        return self._watched_key(namespace, name)

    def class_attribute(self, owner: Ref, name: str) -> ClassAttribute | None:
        cls: Any = owner.value
        metaclass = type(cls)
        if not issubclass(metaclass, type) or not _runtime.type_is_stable(cls):
            return None
        kind, *value = _runtime.class_attribute_facts(cls, name)
        if kind not in ("value", "classmethod"):
            return None
        found = self.ref(value[0])
        # What classes count with is no constant worth compiling in.
        if found.type_mask & t.PLAIN or not self._depend("type", cls):
            return None
        if metaclass is type:
            return ClassAttribute(found, kind == "classmethod", None)
        if not self._depend("type", metaclass):
            return None
        return ClassAttribute(found, kind == "classmethod", self.ref(metaclass))

    def imported(self, name: str, wanted: object, level: object) -> Ref | None:
        module = imported_module(self.globals, self.builtins, name, wanted, level, self._watch_key)
        return None if module is None else self.ref(module)

    def common_constant(self, which: int) -> Ref | None:
        return self.ref(_COMMON_CONSTANTS[which]) if which < len(_COMMON_CONSTANTS) else None

    # --- classes -----------------------------------------------------------------------------------------

    def type_of_version(self, version: int) -> Ref | None:
        cls = _runtime.type_by_version(version)
        return None if cls is None else self.ref(cls)

    def type_mask(self, cls: Ref) -> int:
        return _mask_of(cls.value)

    def builtin_type(self, mask: int) -> Ref:
        return self.ref(_TYPES[mask])

    def is_subtype(self, cls: Ref, base: Ref) -> bool:
        among_bases = any(each is base.value for each in _mro_of(cls.value))
        return among_bases and self._depend("type", cls.value)

    def instance_check(self, cls: Ref, base: Ref) -> bool | None:
        value: Any = cls.value
        # A class of metaclass `type`, which has no __instancecheck__ of its own, cannot be given another.
        if type(base.value) is not type or not self._depend("type", value):
            return None
        if any(each is base.value for each in _mro_of(value)):
            return True
        # `isinstance` then asks the object for its __class__, which may be another.
        protocol, version, class_part, *_ = _runtime.attribute_facts(value, "__class__")
        truthful = protocol in ("generic", "getattr_hook") and version != 0 and class_part == _OWN_CLASS
        return False if truthful else None

    def is_always_true(self, cls: Ref) -> bool:
        value: Any = cls.value
        return _runtime.is_never_asked(value) and self._depend("type", value)

    def attribute(self, type_: Ref, name: str) -> AttributeFacts:
        key = (type_.address, name)
        known = self.attributes.get(key)
        if known is None:
            cls: Any = type_.value
            known = self._find_load(cls, name)
            if known.kind != ATTRIBUTE_UNKNOWN and not self._depend("type", cls):
                known = _UNKNOWN
            self.attributes[key] = known
        return known

    def attribute_store(self, type_: Ref, name: str) -> AttributeFacts:
        key = (type_.address, name)
        known = self.stores.get(key)
        if known is None:
            cls: Any = type_.value
            known = self._find_store(cls, name)
            if known.kind != ATTRIBUTE_UNKNOWN and not self._depend("type", cls):
                known = _UNKNOWN
            self.stores[key] = known
        return known

    def _find_load(self, cls: type, name: str) -> AttributeFacts:
        protocol, version, class_part, storage, _overrides, _function = _runtime.attribute_facts(cls, name)
        # With a __getattr__ hook what is found is found the same way.
        if protocol not in ("generic", "getattr_hook") or version == 0:
            return _UNKNOWN
        kind = class_part[0]
        if kind == "slot":
            facts = AttributeFacts(ATTRIBUTE_SLOT)
            facts.offset = class_part[1]
            return facts
        if kind == "property":
            if type(class_part[1]) is not types.FunctionType:
                return _UNKNOWN
            facts = AttributeFacts(ATTRIBUTE_PROPERTY)
            facts.value = self.ref(class_part[1])
            return facts
        if kind in ("getset", "data_descriptor"):
            return _UNKNOWN
        if storage[0] == "inline_value":
            # The instance's own value comes first; where it is unset the guard on it leaves.
            facts = AttributeFacts(ATTRIBUTE_INLINE)
            _name, facts.offset, facts.keys_index, facts.valid_offset = storage
            return facts
        if storage[0] not in ("nothing", "inline_no_key"):
            return _UNKNOWN
        if kind == "method":
            facts = AttributeFacts(ATTRIBUTE_METHOD)
        elif (kind == "class_value" and not class_part[2]) or kind == "staticmethod":
            facts = AttributeFacts(ATTRIBUTE_CLASS_VALUE)
        else:
            return _UNKNOWN
        facts.value = self.ref(class_part[1])
        if storage[0] == "inline_no_key":
            _name, facts.valid_offset, address, entries, may_grow = storage
            if may_grow:
                facts.keys_version_address = address
                facts.keys_version = entries
        return facts

    def _find_store(self, cls: type, name: str) -> AttributeFacts:
        protocol, version, class_part, storage, overrides, _function = _runtime.store_facts(cls, name)
        if protocol != "generic" or version == 0:
            return _UNKNOWN
        if class_part[0] == "slot":
            _name, offset, read_only, _reads_as_none = class_part
            if read_only:
                return _UNKNOWN
            facts = AttributeFacts(ATTRIBUTE_SLOT)
            facts.offset = offset
            return facts
        if overrides or class_part[0] in ("property", "getset", "data_descriptor"):
            return _UNKNOWN
        if storage[0] != "inline_value":
            return _UNKNOWN
        facts = AttributeFacts(ATTRIBUTE_INLINE)
        _name, facts.offset, facts.keys_index, facts.valid_offset = storage
        return facts

    # --- callables ---------------------------------------------------------------------------------------

    def function_of_version(self, version: int) -> Ref | None:
        function = _runtime.function_by_version(version)
        return None if function is None else self.ref(function)

    def is_stable_function(self, function: Ref) -> bool:
        value = function.value
        assert isinstance(value, types.FunctionType)
        return value.__closure__ is None and "<locals>" not in value.__qualname__

    def callee(self, function: Ref) -> CalleeFacts | None:
        address = function.address
        if address in self.callees:
            return self.callees[address]
        value = function.value
        facts: CalleeFacts | None = None
        if type(value) is types.FunctionType and self._depend("function", value):
            code, defaults = _runtime.callee_facts(value)
            facts = CalleeFacts(self.ref(_runtime.callee(value)))
            flags = code.co_flags
            facts.argument_count = code.co_argcount
            facts.positional_only = code.co_posonlyargcount
            facts.parameter_names = _runtime.parameter_names(code)
            facts.collects_args = bool(flags & CO_VARARGS)
            facts.collects_keywords = bool(flags & CO_VARKEYWORDS)
            facts.defaults = [self.ref(default) for default in defaults or ()]
            facts.makes_generator = bool(flags & (CO_GENERATOR | CO_COROUTINE))
        self.callees[address] = facts
        return facts

    def initializer(self, cls: Ref) -> Ref | None:
        value: Any = cls.value
        if not issubclass(type(value), type):
            return None
        if not _runtime.is_made_by_init(value) or not self._depend_on_call(value):
            return None
        for base in _mro_of(value):
            found = _namespace_of(base).get("__init__")
            if found is not None:
                return self.ref(found) if type(found) is types.FunctionType else None
        return None

    def makes_plainly(self, cls: Ref) -> bool:
        value: Any = cls.value
        return (
            issubclass(type(value), type) and _runtime.is_made_plainly(value) and self._depend_on_call(value)
        )

    def _depend_on_call(self, cls: type) -> bool:
        """On the class and on its metaclass, which says what a call does."""
        return self._depend("type", cls) and (type(cls) is type or self._depend("type", type(cls)))

    def maker(self, cls: Ref) -> Ref | None:
        value: Any = cls.value
        if not issubclass(type(value), type) or not _runtime.is_made_by_new(value):
            return None
        found = self.class_attribute(cls, "__new__")
        if found is None or found.metaclass is not None or type(found.value.value) is not types.FunctionType:
            return None
        return found.value

    def intrinsic(self, callable_: Ref) -> str:
        return _INTRINSICS.get(callable_.address, "")

    def cfunction(self, function: Ref) -> CFunctionFacts | None:
        found = _runtime.cfunction_facts(function.value)
        if found is None:
            return None
        convention, address, self_, owner, _name = found
        kind = _KINDS.get(convention)
        if kind is None:
            return None
        facts = CFunctionFacts(kind, address, None)
        if owner is not None:
            facts.needs_type = self.ref(owner)
            facts.exact_mask = _mask_of(owner)
        elif self_ is not None:
            facts.self_ = self.ref(self_)
            if self_ is function.value:
                facts.makes = _mask_of(self_) & _MAKES_ITSELF
        return facts
