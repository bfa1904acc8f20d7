"""Attributes: inline where feedback names one class whose layout is known, else through an inline cache.

The class guard is one compare; what the class says (slot offset, method, class value) is a watched fact of
`World` and costs nothing. Inline values need one more check, that the instance still uses them.
"""

from __future__ import annotations

from pyston.compiler.bytecode import opcodes as op
from pyston.compiler.bytecode.decode import Instruction, cache_u32
from pyston.compiler.hir import types as t
from pyston.compiler.hir import values as h
from pyston.compiler.hir.builder import Builder
from pyston.compiler.hir.finalizers import check_finalizers
from pyston.compiler.hir.values import Value
from pyston.compiler.native import Final
from pyston.compiler.world import (
    ATTRIBUTE_CLASS_VALUE,
    ATTRIBUTE_INLINE,
    ATTRIBUTE_METHOD,
    ATTRIBUTE_PROPERTY,
    ATTRIBUTE_SLOT,
    ATTRIBUTE_UNKNOWN,
    AttributeFacts,
    Ref,
)

# Specialised forms whose cache holds the receiver's type version, at the unit after the counter.
_TYPED_LOADS: Final = frozenset(
    (
        op.LOAD_ATTR_INSTANCE_VALUE,
        op.LOAD_ATTR_SLOT,
        op.LOAD_ATTR_METHOD_WITH_VALUES,
        op.LOAD_ATTR_METHOD_NO_DICT,
        op.LOAD_ATTR_METHOD_LAZY_DICT,
        op.LOAD_ATTR_NONDESCRIPTOR_WITH_VALUES,
        op.LOAD_ATTR_NONDESCRIPTOR_NO_DICT,
        op.LOAD_ATTR_PROPERTY,
    )
)
# Opcodes that only push, and how much.
_PUSHES: Final = {
    op.LOAD_FAST: 1,
    op.LOAD_FAST_BORROW: 1,
    op.LOAD_FAST_LOAD_FAST: 2,
    op.LOAD_FAST_BORROW_LOAD_FAST_BORROW: 2,
    op.LOAD_CONST: 1,
    op.LOAD_SMALL_INT: 1,
}
_TYPED_STORES: Final = frozenset((op.STORE_ATTR_INSTANCE_VALUE, op.STORE_ATTR_SLOT))


def _is_varied(b: Builder, i: Instruction, receiver: Value) -> bool:
    """Whether compiled code has found receivers here that were not what it took them for. Then so is the same value at
    the instructions that follow: they need not fail one after the other, a compilation each."""
    if b.world.receiver_varies(i.start):
        b.varied.add(receiver)
    return receiver in b.varied


def _seen_class(b: Builder, i: Instruction, forms: frozenset[int]) -> Ref | None:
    if i.seen not in forms or b.varies(i):
        return None
    return b.world.type_of_version(cache_u32(b.snapshot, i.offset + 2))


def _guard_receiver(b: Builder, receiver: Value, cls: Ref) -> bool:
    """Guards the exact class; False where it is known to be another."""
    builtin = b.world.type_mask(cls)
    if builtin != t.OTHER:
        if not b.may_be(receiver, builtin):
            return False
        b.guard_type(receiver, builtin)
        return True
    if not b.may_be(receiver, t.OTHER):
        return False
    b.guard_class(receiver, cls)
    return True


def _guard_layout(b: Builder, receiver: Value, facts: AttributeFacts) -> None:
    if facts.valid_offset and receiver not in b.layouts:
        guard = b.emit(h.GUARD_INLINE_VALUES, t.NOTHING, [receiver])
        guard.imm = facts.valid_offset
        guard.reason = "layout"
        b.layouts = {*b.layouts, receiver}
    if facts.keys_version_address:
        guard = b.emit(h.GUARD_WORD, t.NOTHING, [])
        guard.imm = facts.keys_version_address
        guard.imm2 = facts.keys_version
        guard.reason = "keys"


def build_load_attr(b: Builder, i: Instruction) -> None:
    name = b.snapshot.names[i.arg >> 1]
    wants_method = i.arg & 1
    receiver = b.stack[-1]
    if _load_constant(b, i, name, receiver):
        return
    varied = _is_varied(b, i, receiver)
    cls = None if varied else _seen_class(b, i, _TYPED_LOADS)
    if cls is None and not varied and not b.learnt(i):
        cls = b.classes.get(receiver)
        if cls is None:
            known = b.type_of(receiver)
            if known in (t.STR, t.LIST, t.DICT, t.TUPLE, t.SET, t.INT, t.FLOAT, t.BYTES):
                cls = b.world.builtin_type(known)
        if cls is None and i.joined and receiver.operation == h.CONSTANT and receiver.ref is not None:
            cls = b.world.ref(type(receiver.ref.value))  # the interpreter has learnt nothing of such a load
    if cls is not None:
        facts = b.world.attribute(cls, name)
        if facts.kind != ATTRIBUTE_UNKNOWN and _load_by_facts(b, i, receiver, cls, facts):
            return
    keep = len(b.stack) - 1
    if wants_method and _is_called_at_once(b, i):
        b.pending_method = i
        b.stack.pop()
        b.stack.append(b.null)
        b.stack.append(receiver)
    elif wants_method:
        method = b.helper("load_method_cached", [receiver], keep, 0, b.world.ref(name))
        self_ = b.emit(h.SECOND, t.NULLABLE, [method])
        self_.imm = int(_is_borrowed(b, i, receiver))
        b.stack.pop()
        b.stack.append(method)
        b.stack.append(self_)
    else:
        value = b.helper("load_attr_cached", [receiver], keep, 0, b.world.ref(name))
        b.stack.pop()
        b.stack.append(value)


def _is_borrowed(b: Builder, i: Instruction, receiver: Value) -> bool:
    """Has the instruction before lent the receiver from a local? Then that holds it until the call at least."""
    before = b.instructions[i.index - 1].opcode if i.index else 0
    return before in (op.LOAD_FAST_BORROW, op.LOAD_FAST_BORROW_LOAD_FAST_BORROW) and receiver in b.locals


def _is_called_at_once(b: Builder, i: Instruction) -> bool:
    """Do only locals and constants stand between the load of a method and its call? They have no effect and cannot
    fail, so that the two can be one."""
    pushed = 0
    following = b.following(i)
    while following is not None:
        if following.opcode == op.CALL:
            distance = following.offset - i.offset
            return following.arg == pushed and max(pushed, distance) <= 255 and following.handled is i.handled
        if following.opcode not in _PUSHES:
            return False
        pushed += _PUSHES[following.opcode]
        following = b.following(following)
    return False


def _load_constant(b: Builder, i: Instruction, name: str, receiver: Value) -> bool:
    """An attribute of a module or class that is a constant itself."""
    if receiver.operation != h.CONSTANT or receiver.ref is None or b.learnt(i):
        return False
    wants_method = i.arg & 1
    self_ = b.null
    ref = b.world.constant_attribute(receiver.ref, name)
    if ref is None:
        found = b.world.class_attribute(receiver.ref, name)
        if found is None or (found.is_classmethod and not wants_method):
            return False
        ref = found.value
        if found.metaclass is not None:
            b.guard_class(receiver, found.metaclass)
        if found.is_classmethod:
            self_ = receiver
    check_finalizers(b, ref)
    b.stack.pop()
    b.stack.append(b.constant(ref))
    if wants_method:
        b.stack.append(self_)
    return True


def _load_by_facts(b: Builder, i: Instruction, receiver: Value, cls: Ref, facts: AttributeFacts) -> bool:
    wants_method = i.arg & 1
    kind = facts.kind
    if kind == ATTRIBUTE_PROPERTY:
        return _load_property(b, i, receiver, cls, facts)
    if kind == ATTRIBUTE_METHOD and not wants_method:
        return False  # makes a bound method object: the cache does that
    if not _guard_receiver(b, receiver, cls):
        return False
    if kind == ATTRIBUTE_METHOD:
        assert facts.value is not None
        _guard_layout(b, receiver, facts)
        b.stack.pop()
        b.stack.append(b.constant(facts.value))
        b.stack.append(receiver)
        return True
    if kind == ATTRIBUTE_CLASS_VALUE:
        assert facts.value is not None
        check_finalizers(b, facts.value)
        _guard_layout(b, receiver, facts)
        result = b.constant(facts.value)
    else:
        _guard_layout(b, receiver, facts)
        result = b.emit(h.LOAD_ATTRIBUTE, t.OBJECT, [receiver])
        result.imm = facts.offset
        result.reason = "unset"
    b.stack.pop()
    b.stack.append(result)
    if wants_method:
        b.stack.append(b.null)
    return True


def _load_property(b: Builder, i: Instruction, receiver: Value, cls: Ref, facts: AttributeFacts) -> bool:
    assert facts.value is not None
    callee = b.world.callee(facts.value)
    if callee is None or not callee.takes_exactly(1):
        return False
    if not _guard_receiver(b, receiver, cls):
        return False
    keep = len(b.stack) - 1
    call = b.emit(h.CALL_PYTHON, t.OBJECT, [receiver])
    call.ref = callee.record
    call.keep = keep
    b.note_escape()
    b.note_raise(call)
    b.stack.pop()
    b.stack.append(call)
    if i.arg & 1:
        b.stack.append(b.null)
    return True


def build_store_attr(b: Builder, i: Instruction) -> None:
    """Stack: value, object."""
    name = b.snapshot.names[i.arg]
    value = b.stack[-2]
    receiver = b.stack[-1]
    varied = _is_varied(b, i, receiver)
    cls = None if varied else _seen_class(b, i, _TYPED_STORES)
    if cls is None and not varied and not b.learnt(i):
        cls = b.classes.get(receiver)
    if cls is not None:
        facts = b.world.attribute_store(cls, name)
        if facts.kind in (ATTRIBUTE_INLINE, ATTRIBUTE_SLOT) and _guard_receiver(b, receiver, cls):
            _guard_layout(b, receiver, facts)
            operation = h.STORE_INLINE if facts.kind == ATTRIBUTE_INLINE else h.STORE_FIELD
            store = b.emit(operation, t.NOTHING, [receiver, value])
            store.imm = facts.offset
            store.imm2 = facts.keys_index | facts.valid_offset << 16
            store.keep = len(b.stack) - 2
            del b.stack[-2:]
            return
    b.helper("store_attr_cached", [receiver, value], len(b.stack) - 2, 0, b.world.ref(name))
    del b.stack[-2:]


def build_delete_attr(b: Builder, i: Instruction) -> None:
    b.helper("delete_attr", [b.stack[-1]], len(b.stack) - 1, 0, b.world.ref(b.snapshot.names[i.arg]))
    b.stack.pop()


def build_load_super_attr(b: Builder, i: Instruction) -> None:
    """Stack: the global `super`, the class, self."""
    name = b.world.ref(b.snapshot.names[i.arg >> 2])
    args = b.stack[-3:]
    keep = len(b.stack) - 3
    value = b.helper("load_super_attr_cached", args, keep, i.arg & 3, name)
    second = b.emit(h.SECOND, t.NULLABLE, [value])
    del b.stack[-3:]
    b.stack.append(value)
    if i.arg & 1:
        b.stack.append(second)


def build_load_special(b: Builder, i: Instruction) -> None:
    """`__enter__` and `__exit__`: looked up on the type."""
    value = b.helper("load_special", [b.stack[-1]], len(b.stack) - 1, i.arg)
    second = b.emit(h.SECOND, t.NULLABLE, [value])
    b.stack.pop()
    b.stack.append(value)
    b.stack.append(second)
