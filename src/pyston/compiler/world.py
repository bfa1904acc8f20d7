"""The one door through which the compiler asks about live objects.

Every answer that could become false later is recorded as a dependency; the runtime watches it and retires
the code when it changes. So a fact, once given, may be compiled in without a check.

The abstract class is what passes see. `pyston.live_world` answers from the running interpreter; tests answer
from plain data.
"""

from __future__ import annotations

from pyston.compiler.native import Final, final, i64, mypyc_attr

# How a load of an attribute on exact instances of a type works; see AttributeFacts.
ATTRIBUTE_UNKNOWN: Final = 0
ATTRIBUTE_INLINE: Final = 1  # in the object's inline values at `offset`; `valid_offset` says they are in use
ATTRIBUTE_SLOT: Final = 2  # a member descriptor of kind object at `offset`
ATTRIBUTE_METHOD: Final = 3  # `value` is a function or method descriptor of the class, not shadowed
ATTRIBUTE_CLASS_VALUE: Final = 4  # `value` is a plain class attribute, not shadowed
ATTRIBUTE_PROPERTY: Final = 5  # `value` is the property's getter, a Python function

# Kinds of C functions that compiled code calls by their own convention.
CFUNCTION_NONE: Final = 0
CFUNCTION_NOARGS: Final = 1
CFUNCTION_O: Final = 2
CFUNCTION_FAST: Final = 3
CFUNCTION_FAST_KEYWORDS: Final = 4
CFUNCTION_FAST_NAMED: Final = 5  # the same where keywords are given: their names are the last operand


@final
@mypyc_attr(acyclic=True)
class Ref:
    """A live object as the compiler sees it: embeddable, comparable by identity, with what is known of it."""

    def __init__(self, value: object, address: int, type_mask: int, immortal: bool = False) -> None:
        self.value = value
        self.address = address
        self.immortal = immortal  # needs no reference counting
        self.type_mask = type_mask  # hir.types bits of its exact type
        # Notes of lowering: the constants of the code that used it last, and its place among them.
        self.constants: list[object] | None = None
        self.index: i64 = 0


@final
class AttributeFacts:
    def __init__(self, kind: int) -> None:
        self.kind = kind
        self.offset = 0
        self.keys_index = 0
        self.valid_offset = 0  # 0: no inline values to check
        self.keys_version_address = (
            0  # 0: nothing to check; else a u32 in memory that must equal keys_version
        )
        self.keys_version = 0
        self.value: Ref | None = None


@final
class ClassAttribute:
    """What `cls.name` gives: `value`, or a bound method of the class, whose function it is.

    It holds while the class is of its `metaclass`, which is to be guarded; None where no other can be assigned.
    """

    def __init__(self, value: Ref, is_classmethod: bool, metaclass: Ref | None) -> None:
        self.value = value
        self.is_classmethod = is_classmethod
        self.metaclass = metaclass


@final
class CalleeFacts:
    """A Python function that compiled code may call directly."""

    def __init__(self, record: Ref) -> None:
        self.record = record  # the runtime's Callee object, see docs/abi.md
        self.argument_count = 0  # positional parameters
        self.positional_only = 0
        self.parameter_names: tuple[str, ...] = ()  # positional ones, then keyword-only ones
        self.collects_args = False  # has *args
        self.collects_keywords = False  # has **kwargs
        self.defaults: list[Ref] = []  # of the last positional parameters
        self.makes_generator = False  # all that a call does is to make a generator or coroutine

    def takes_exactly(self, count: int) -> bool:
        """Are so many positional arguments all its parameters?"""
        return self.argument_count == count == len(self.parameter_names) and not (
            self.collects_args or self.collects_keywords
        )


@final
class GlobalSlots:
    """Globals that a loop keeps in registers: where their values lie, while the keys of the dict do not change."""

    def __init__(self, namespace: int, keys_version: int, watchers: int) -> None:
        self.namespace = namespace  # the dict's address
        self.keys_version = keys_version  # which the keys must have for `places` to be right
        self.watchers = watchers  # bits of the watchers that must not be told of changes
        self.names: list[str] = []
        self.places: list[int] = []  # the address of each value's pointer
        self.classes: list[type | None] = []  # of each value now; None: not to be relied upon
        self.types: list[int] = []  # the same as hir.types bits; 0: anything


@final
class CFunctionFacts:
    def __init__(self, kind: int, address: int, needs_type: Ref | None) -> None:
        self.kind = kind
        self.address = address
        self.needs_type = needs_type  # method descriptors: the receiver's type or a subtype of it
        self.self_: Ref | None = None  # builtin functions: what is passed as self
        self.exact_mask = 0  # hir.types bits of needs_type when it is a builtin type
        self.makes = 0  # hir.types bits of the result where it is a builtin type that calls itself; else 0


@mypyc_attr(allow_interpreted_subclasses=True)
class World:
    """Answers from the live program. Each method that returns a fact records what it depends on."""

    def ref(self, value: object) -> Ref:
        """The Ref of an object the caller already holds; the same Ref for the same object."""
        raise NotImplementedError

    def global_value(self, name: str) -> Ref | None:
        """What a global or builtin name is bound to, watched; None when unbound or when it changes often."""
        raise NotImplementedError

    def global_slots(self, names: list[str]) -> GlobalSlots | None:
        """Those of the names that are globals now, for code that will change them behind the watcher's back: nobody
        takes them for constant from here on. None where that cannot be."""
        return None

    def type_of_version(self, version: int) -> Ref | None:
        """The live type that has this version tag."""
        raise NotImplementedError

    def function_of_version(self, version: int) -> Ref | None:
        raise NotImplementedError

    def attribute(self, type_: Ref, name: str) -> AttributeFacts:
        """How exact instances of the type answer a load of the name. Depends on the type."""
        raise NotImplementedError

    def attribute_store(self, type_: Ref, name: str) -> AttributeFacts:
        """The same for a store: ATTRIBUTE_INLINE, ATTRIBUTE_SLOT or ATTRIBUTE_UNKNOWN."""
        raise NotImplementedError

    def callee(self, function: Ref) -> CalleeFacts | None:
        """Facts about a Python function object; depends on its code and defaults."""
        raise NotImplementedError

    def initializer(self, cls: Ref) -> Ref | None:
        """The Python `__init__` of a class whose instances are otherwise made the stock way; depends on it."""
        raise NotImplementedError

    def makes_plainly(self, cls: Ref) -> bool:
        """Whether a call of the class without arguments only makes an instance with nothing in it; depends on it."""
        return False

    def maker(self, cls: Ref) -> Ref | None:
        """The Python `__new__` of a class that has no `__init__`; depends on it."""
        raise NotImplementedError

    def cfunction(self, function: Ref) -> CFunctionFacts | None:
        raise NotImplementedError

    def intrinsic(self, callable_: Ref) -> str:
        """The name of a builtin whose meaning the compiler knows (`hir/intrinsics.py`), or ""."""
        raise NotImplementedError

    def type_mask(self, cls: Ref) -> int:
        """The hir.types bit of a class: OTHER unless it is a builtin type the lattice knows."""
        raise NotImplementedError

    def builtin_type(self, mask: int) -> Ref:
        """The class of a single hir.types bit."""
        raise NotImplementedError

    def constant_attribute(self, owner: Ref, name: str) -> Ref | None:
        """An attribute of a module (watched); None for other objects or where it is not stable."""
        raise NotImplementedError

    def class_attribute(self, owner: Ref, name: str) -> ClassAttribute | None:
        """What a class (watched) gives for an attribute; None for other objects or where it is not stable."""
        raise NotImplementedError

    def imported(self, name: str, wanted: object, level: object) -> Ref | None:
        """What an import statement of `IMPORT_NAME` gives where it has only to look it up (watched); else None."""
        return None

    def common_constant(self, which: int) -> Ref | None:
        """LOAD_COMMON_CONSTANT's objects."""
        raise NotImplementedError

    def is_stable_function(self, function: Ref) -> bool:
        """False for closures made again and again: a guard on the object itself would fail."""
        raise NotImplementedError

    def is_subtype(self, cls: Ref, base: Ref) -> bool:
        """By the method resolution order; depends on cls."""
        raise NotImplementedError

    def instance_check(self, cls: Ref, base: Ref) -> bool | None:
        """What `isinstance` says of an exact instance of `cls`; None where that needs asking. Depends on `cls`."""
        raise NotImplementedError

    def is_always_true(self, cls: Ref) -> bool:
        """Whether exact instances of `cls` are never false: it has neither `__bool__` nor `__len__`. Depends on it."""
        raise NotImplementedError

    def met(self) -> set[int] | None:
        """Code units where code compiled for this function has met what seemed to be never run (FlowBlock.left); None:
        everything is to be built."""
        return None

    def learnt(self, offset: int) -> int:
        """How often code compiled for this function has left at this code unit (see passes: generic sites)."""
        return 0

    def receiver_varies(self, offset: int) -> bool:
        """Whether it left there because the receiver was of another class, or stored its attributes otherwise."""
        return False

    def dependencies(self) -> list[tuple[object, ...]]:
        return []
