"""Counts what a load executes: by opcode and specialised form, by kind of call, by kind of attribute.

The load is warmed up first, so the interpreter has specialised it, and the specialised form of every
instruction is noted: switching instruction events on resets them. Then one pass over the load's steps runs
with INSTRUCTION events of `sys.monitoring`, and each event looks at the operands on the frame's stack.
They are read at the addresses where a CPython 3.14 with the GIL keeps them; `read_operand` is tried on a
known function first, and refuses to count where that does not give what it must.

Looking disturbs nothing that is counted: what runs in an event is not monitored, and types are asked
without calling their code (`isinstance` would ask a proxy for its `__class__`).
"""

from __future__ import annotations

import ctypes
import dis
import gc
import opcode
import sys
import types
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from types import CodeType
from typing import Any

FRAME_OF_OBJECT, STACK_POINTER = 24, 64
TAG_BITS = 3
TOOL = sys.monitoring.PROFILER_ID if sys.version_info >= (3, 12) else 0
FAMILY = {
    form: base for base, forms in getattr(opcode, "_specializations", {}).items() for form in (base, *forms)
}

FUNCTION = types.FunctionType
mro_of: Callable[[type], tuple[type, ...]] = type.__dict__["__mro__"].__get__
dict_of: Callable[[type], Any] = type.__dict__["__dict__"].__get__


class CannotLook(Exception):
    """Says why this interpreter's stack cannot be read."""


def read_operand(frame: types.FrameType, depth: int) -> Any:
    """The object `depth` places below the top of a frame's stack, 1 being the top; None for NULL."""
    inner = ctypes.c_uint64.from_address(id(frame) + FRAME_OF_OBJECT).value
    top = ctypes.c_uint64.from_address(inner + STACK_POINTER).value
    bits = ctypes.c_uint64.from_address(top - 8 * depth).value & ~TAG_BITS
    return ctypes.cast(bits, ctypes.py_object).value if bits else None


class Site:
    """One instruction: what it is, and how often and with what it was executed."""

    __slots__ = ("argument", "base", "count", "form", "name")

    def __init__(self, base: str, form: str, argument: int, name: str) -> None:
        self.base, self.form, self.argument, self.name = base, form, argument, name
        self.count = 0


class Census:
    """What was counted; `sites` are by code object and offset."""

    def __init__(self, snapshot: dict[int, tuple[CodeType, bytes]]) -> None:
        self._snapshot = snapshot
        self.sites: dict[int, tuple[CodeType, dict[int, Site]]] = {}
        self.calls: Counter[str] = Counter()
        self.attributes: Counter[str] = Counter()
        self.operands: Counter[str] = Counter()
        self.starts = self.resumes = self.unwound = 0

    def on_instruction(self, code: CodeType, offset: int) -> None:
        if code is count.__code__:
            return
        entry = self.sites.get(id(code))
        if entry is None:
            entry = self.sites[id(code)] = (code, self._sites_of(code))
        site = entry[1][offset]
        site.count += 1
        look = LOOKS.get(site.base)
        if look is not None:
            look(self, site, sys._getframe(1))

    def _sites_of(self, code: CodeType) -> dict[int, Site]:
        _, adaptive = self._snapshot.get(id(code), (code, b""))
        names = {**opcode.opmap, **getattr(opcode, "_specialized_opmap", {})}
        forms = {number: name for name, number in names.items()}
        found = {}
        for each in dis.get_instructions(code):
            form = forms.get(adaptive[each.offset], each.opname) if adaptive else each.opname
            if FAMILY.get(form, form) != each.opname:
                form = each.opname  # instrumented by somebody else, or a quickened jump
            name = each.argval if isinstance(each.argval, str) else each.argrepr
            found[each.offset] = Site(each.opname, form, each.arg or 0, name)
        return found

    def on_start(self, _code: CodeType, _offset: int) -> None:
        self.starts += 1

    def on_resume(self, _code: CodeType, _offset: int) -> None:
        self.resumes += 1

    def on_unwind(self, _code: CodeType, _offset: int, _error: BaseException) -> None:
        self.unwound += 1

    def answer(self, steps: int) -> dict[str, Any]:
        """Plain counts, to be divided by the number of steps."""
        forms: Counter[str] = Counter()
        for _, sites in self.sites.values():
            for site in sites.values():
                if site.count:
                    forms[f"{site.base} {site.form}"] += site.count
        return {
            "steps": steps,
            "code_objects": len(self.sites),
            "starts": self.starts,
            "resumes": self.resumes,
            "unwound": self.unwound,
            "forms": dict(forms),
            "calls": dict(self.calls),
            "attributes": dict(self.attributes),
            "operands": dict(self.operands.most_common(300)),
        }


def in_class(types_asked: tuple[type, ...], name: str) -> Any:
    """What a type look-up finds, its code not called; None where there is nothing."""
    return next((dict_of(each)[name] for each in types_asked if name in dict_of(each)), None)


def has_in_python(types_asked: tuple[type, ...], *names: str) -> bool:
    return any(
        type(dict_of(each).get(name)) in (FUNCTION, staticmethod) for each in types_asked for name in names
    )


def kind_of_attribute(owner: Any, name: str, storing: bool) -> str:
    """Where `owner.name`, read or assigned, is found."""
    types_asked = mro_of(type(owner))
    hook = "__setattr__" if storing else "__getattribute__"
    if types.ModuleType in types_asked:
        return "module attribute"
    if has_in_python(types_asked, hook):
        return f"{hook} in Python"
    if type in types_asked:
        own = storing or any(name in dict_of(each) for each in mro_of(owner))
        return "class's attribute" if own else "attribute of a metaclass"
    found = in_class(types_asked, name)
    kind = type(found)
    if found is not None and any("__set__" in dict_of(each) for each in mro_of(kind)):
        return DATA_DESCRIPTORS.get(kind, "other data descriptor")
    if storing or name in values_of(owner):
        return "instance value" if found is None else "instance value that hides one of the class"
    if found is None:
        return "__getattr__" if has_in_python(types_asked, "__getattr__") else "missing"
    if kind in METHODS:
        return METHODS[kind]
    descriptor = any("__get__" in dict_of(each) for each in mro_of(kind))
    return "other descriptor" if descriptor else "class attribute of an instance"


def values_of(owner: Any) -> Any:
    try:
        return object.__getattribute__(owner, "__dict__")
    except AttributeError:
        return {}


DATA_DESCRIPTORS = {
    property: "property",
    types.MemberDescriptorType: "slot",
    types.GetSetDescriptorType: "getset descriptor",
}
METHODS: dict[type, str] = {
    types.FunctionType: "method",
    types.MethodDescriptorType: "method in C",
    types.WrapperDescriptorType: "method in C",
    types.ClassMethodDescriptorType: "class method",
    classmethod: "class method",
    staticmethod: "static method",
}


def kind_of_callable(called: Any, bound: bool) -> str:
    kind = type(called)
    if kind is FUNCTION:
        return "Python method" if bound else "Python function"
    if kind is types.MethodType:
        return "bound method" if type(called.__func__) is FUNCTION else "bound method of other"
    if type in mro_of(kind):
        if has_in_python(mro_of(kind), "__call__"):
            return "class with __call__ in its metaclass"
        made_in_python = has_in_python(mro_of(called), "__init__", "__new__")
        return "class with __init__ or __new__ in Python" if made_in_python else "class without"
    if kind in C_FUNCTIONS:
        return "C function"
    in_python = has_in_python(mro_of(kind), "__call__")
    return "object with __call__ in Python" if in_python else "object with __call__ in C"


C_FUNCTIONS = (
    types.BuiltinFunctionType,
    types.MethodDescriptorType,
    types.MethodWrapperType,
    types.WrapperDescriptorType,
    types.ClassMethodDescriptorType,
)


def look_at_attribute(census: Census, site: Site, frame: types.FrameType) -> None:
    storing = site.base == "STORE_ATTR"
    kind = kind_of_attribute(read_operand(frame, 1), site.name, storing)
    verb = "store" if storing else "load"
    left = "generic" if site.form == site.base else "specialised"
    census.attributes[f"{verb}|{kind}|{left}"] += 1


def look_at_call(census: Census, site: Site, frame: types.FrameType) -> None:
    if site.base == "CALL_FUNCTION_EX":
        called, bound = read_operand(frame, 4), False
    else:
        depth = site.argument + (3 if site.base == "CALL_KW" else 2)
        called, bound = read_operand(frame, depth), read_operand(frame, depth - 1) is not None
    census.calls[f"{kind_of_callable(called, bound)}|{site.base}"] += 1


def look_at_types(*depths: int) -> Callable[[Census, Site, types.FrameType], None]:
    """Notes the operands' types where the interpreter left the instruction generic."""

    def look(census: Census, site: Site, frame: types.FrameType) -> None:
        if site.form == site.base:
            names = ", ".join(type(read_operand(frame, depth)).__name__ for depth in depths)
            operator = f" {site.name}" if site.base in ("BINARY_OP", "COMPARE_OP") else ""
            census.operands[f"{site.base}{operator}|{names}"] += 1

    return look


LOOKS: dict[str, Callable[[Census, Site, types.FrameType], None]] = {
    "LOAD_ATTR": look_at_attribute,
    "STORE_ATTR": look_at_attribute,
    "CALL": look_at_call,
    "CALL_KW": look_at_call,
    "CALL_FUNCTION_EX": look_at_call,
    "BINARY_OP": look_at_types(2, 1),
    "COMPARE_OP": look_at_types(2, 1),
    "CONTAINS_OP": look_at_types(2, 1),
    "STORE_SUBSCR": look_at_types(2, 1),
    "FOR_ITER": look_at_types(1),
    "TO_BOOL": look_at_types(1),
    "UNPACK_SEQUENCE": look_at_types(1),
    "SEND": look_at_types(2),
}


def all_code() -> Iterator[CodeType]:
    """The code of every function alive, and of what is defined inside."""
    seen: set[int] = set()

    def within(code: CodeType) -> Iterator[CodeType]:
        if id(code) not in seen:
            seen.add(id(code))
            yield code
            for constant in code.co_consts:
                if type(constant) is CodeType:
                    yield from within(constant)

    for each in gc.get_objects():
        if type(each) is types.FunctionType:
            yield from within(each.__code__)


def specialised_code(code: CodeType) -> bytes:
    adaptive: bytes = getattr(code, "_co_code_adaptive")  # noqa: B009  (typeshed does not know it)
    return adaptive


def check_reading() -> None:
    """Raises CannotLook where operands are not where they should be."""
    if sys.implementation.name != "cpython" or sys.version_info[:2] != (3, 14):
        raise CannotLook("the census reads the stack of CPython 3.14 only")
    census = Census({})

    class Known:
        value = 1

        def method(self) -> int:
            return self.value

    def known(thing: Known) -> int:
        return thing.method() + len("ab")

    count(census, [lambda: known(Known())])
    expected = {"load|method|generic": 1, "load|class attribute of an instance|generic": 1}
    calls = {
        "Python method|CALL": 1,
        "C function|CALL": 1,
        "class without|CALL": 1,
        "Python function|CALL": 1,
    }
    if dict(census.attributes) != expected or dict(census.calls) != calls:
        raise CannotLook(f"operands are not where they should be: {census.attributes}, {census.calls}")


def count(census: Census, steps: Sequence[Callable[[], object]]) -> None:
    """Runs every step once under instruction events."""
    monitoring = sys.monitoring
    events = monitoring.events
    callbacks: dict[int, Callable[..., object]] = {
        events.INSTRUCTION: census.on_instruction,
        events.PY_START: census.on_start,
        events.PY_RESUME: census.on_resume,
        events.PY_UNWIND: census.on_unwind,
    }
    monitoring.use_tool_id(TOOL, "census")
    try:
        for event, callback in callbacks.items():
            monitoring.register_callback(TOOL, event, callback)
        monitoring.set_events(TOOL, sum(callbacks))
        for step in steps:
            step()
    finally:
        monitoring.set_events(TOOL, 0)
        monitoring.free_tool_id(TOOL)


def take(steps: Sequence[Callable[[], object]]) -> dict[str, Any]:
    """The census of a load that is warmed up."""
    snapshot = {id(code): (code, specialised_code(code)) for code in all_code()}
    check_reading()
    census = Census(snapshot)
    count(census, steps)
    return census.answer(len(steps))
