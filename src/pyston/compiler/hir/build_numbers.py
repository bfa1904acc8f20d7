"""Arithmetic, comparison and truth: unboxed where feedback or known types allow, else by the C API."""

from __future__ import annotations

from pyston.compiler.bytecode import opcodes as op
from pyston.compiler.bytecode.decode import Instruction, cache_u32
from pyston.compiler.hir import types as t
from pyston.compiler.hir import values as h
from pyston.compiler.hir.build_subscripts import build_subscript
from pyston.compiler.hir.builder import Builder
from pyston.compiler.hir.helpers import HELPERS
from pyston.compiler.hir.values import Value
from pyston.compiler.lir.instructions import CC_A, CC_AE, CC_B, CC_BE, CC_E, CC_G, CC_GE, CC_L, CC_LE, CC_NE
from pyston.compiler.native import Final

# BINARY_OP's operand, NB_*; the in-place forms follow at +13.
ADD: Final = 0
AND: Final = 1
FLOOR_DIVIDE: Final = 2
LSHIFT: Final = 3
MULTIPLY: Final = 5
REMAINDER: Final = 6
OR: Final = 7
POWER: Final = 8
RSHIFT: Final = 9
SUBTRACT: Final = 10
TRUE_DIVIDE: Final = 11
XOR: Final = 12
INPLACE: Final = 13
SUBSCR: Final = 26

_GENERIC: Final = (
    "PyNumber_Add PyNumber_And PyNumber_FloorDivide PyNumber_Lshift PyNumber_MatrixMultiply PyNumber_Multiply "
    "PyNumber_Remainder PyNumber_Or number_power PyNumber_Rshift PyNumber_Subtract PyNumber_TrueDivide PyNumber_Xor "
    "PyNumber_InPlaceAdd PyNumber_InPlaceAnd PyNumber_InPlaceFloorDivide PyNumber_InPlaceLshift "
    "PyNumber_InPlaceMatrixMultiply PyNumber_InPlaceMultiply PyNumber_InPlaceRemainder PyNumber_InPlaceOr "
    "number_inplace_power PyNumber_InPlaceRshift PyNumber_InPlaceSubtract PyNumber_InPlaceTrueDivide "
    "PyNumber_InPlaceXor"
).split()

_INT: Final = {
    ADD: h.INT_ADD,
    SUBTRACT: h.INT_SUB,
    MULTIPLY: h.INT_MUL,
    FLOOR_DIVIDE: h.INT_FLOOR_DIV,
    REMAINDER: h.INT_MOD,
    AND: h.INT_AND,
    OR: h.INT_OR,
    XOR: h.INT_XOR,
    LSHIFT: h.INT_SHL,
    RSHIFT: h.INT_SHR,
}
_FLOAT: Final = {ADD: h.FLOAT_ADD, SUBTRACT: h.FLOAT_SUB, MULTIPLY: h.FLOAT_MUL, TRUE_DIVIDE: h.FLOAT_DIV}

_INT_FORMS: Final = (op.BINARY_OP_ADD_INT, op.BINARY_OP_SUBTRACT_INT, op.BINARY_OP_MULTIPLY_INT)
_FLOAT_FORMS: Final = (op.BINARY_OP_ADD_FLOAT, op.BINARY_OP_SUBTRACT_FLOAT, op.BINARY_OP_MULTIPLY_FLOAT)

# COMPARE_OP's operand >> 5: <, <=, ==, !=, >, >=
_INT_CC: Final = (CC_L, CC_LE, CC_E, CC_NE, CC_G, CC_GE)
_FLOAT_CC: Final = (CC_B, CC_BE, CC_E, CC_NE, CC_A, CC_AE)

_UNKNOWN: Final = 0
_INTS: Final = 1
_FLOATS: Final = 2


def build_binary_op(b: Builder, i: Instruction) -> None:
    kind = i.arg
    if kind == SUBSCR:
        build_subscript(b, i)
        return
    left = b.stack[-2]
    right = b.stack[-1]
    base = kind - INPLACE if kind >= INPLACE else kind
    if not b.learnt(i):
        numbers = _numeric_kind(b, i, base, left, right)
        result: Value | None = None
        if numbers == _FLOATS:
            result = _float_op(b, base, left, right)
        elif numbers == _INTS:
            result = _int_op(b, base, left, right)
        if result is not None:
            _replace_operands(b, 2, result)
            return
        if i.seen == op.BINARY_OP_INPLACE_ADD_UNICODE and _append_in_place(b, i, left, right):
            return
    keep = len(b.stack) - 2
    value = b.helper(_GENERIC[kind], [left, right], keep)
    _note_result_type(b, base, left, right, value)
    _replace_operands(b, 2, value)
    if b.is_type(left, t.INERT) and b.is_type(right, t.INERT):
        b.unchecked = False  # numbers and strings run none of the program's code


def _replace_operands(b: Builder, count: int, result: Value) -> None:
    for _ in range(count):
        b.stack.pop()
    b.stack.append(result)


def _numeric_kind(b: Builder, i: Instruction, base: int, left: Value, right: Value) -> int:
    """Which unboxed arithmetic to use: by what the interpreter has seen, else by what is known."""
    number = t.INT | t.FLOAT
    if not b.may_be(left, number) or not b.may_be(right, number):
        return _UNKNOWN
    if i.seen in _INT_FORMS:
        return _INTS
    if i.seen in _FLOAT_FORMS:
        return _FLOATS
    left_int = b.is_type(left, t.INT)
    right_int = b.is_type(right, t.INT)
    left_float = b.is_type(left, t.FLOAT)
    right_float = b.is_type(right, t.FLOAT)
    if (left_float and (right_float or right_int)) or (right_float and left_int):
        return _FLOATS
    if left_int and right_int:
        # int / int gives a float and is not worth unboxing for.
        return _INTS if base in _INT else _UNKNOWN
    if i.seen == op.BINARY_OP_EXTEND:
        if base in (AND, OR, XOR):
            return _INTS
        return _FLOATS if left_float or right_float else _UNKNOWN
    # The interpreter specialises no division, remainder, shift or power: one known side is a good guess.
    if left_float or right_float:
        return _FLOATS if base in (TRUE_DIVIDE, POWER) else _UNKNOWN
    if (left_int or right_int) and base in (FLOOR_DIVIDE, REMAINDER, LSHIFT, RSHIFT, AND, OR, XOR):
        return _INTS
    return _UNKNOWN


def _int_op(b: Builder, base: int, left: Value, right: Value) -> Value | None:
    operation = _INT.get(base)
    if operation is None:
        return None
    if not b.may_be(left, t.INT) or not b.may_be(right, t.INT):
        return None
    a = b.as_int(left)
    c = b.as_int(right)
    result = b.emit(operation, t.I64, [a, c])
    result.reason = "int"
    return b.box_int(result)


def _as_float(b: Builder, value: Value) -> Value:
    if b.is_type(value, t.INT):
        number = b.as_int(value)
        return b.emit(h.INT_TO_FLOAT, t.F64, [number])
    return b.as_float(value)


def _float_op(b: Builder, base: int, left: Value, right: Value) -> Value | None:
    operation = _FLOAT.get(base)
    if operation is None and base != POWER:
        return None
    if b.is_type(left, t.INT) and b.is_type(right, t.INT):
        return None
    if not b.is_type(left, t.INT) and not b.may_be(left, t.FLOAT):
        return None
    if not b.is_type(right, t.INT) and not b.may_be(right, t.FLOAT):
        return None
    a = _as_float(b, left)
    c = _as_float(b, right)
    if operation is None:
        result = b.emit(h.HELPER, t.F64, [a, c])
        result.call(HELPERS["float_pow"])
        # It declines errors, complex results and overflow: the interpreter knows which.
        result.reason = "float power"
    else:
        result = b.emit(operation, t.F64, [a, c])
        result.reason = "zero division"
    return b.box_float(result)


def _append_in_place(b: Builder, i: Instruction, left: Value, right: Value) -> bool:
    """`s = s + piece` where s is a local: the only reference moves to the append, so it can grow in place."""
    following = b.following(i)
    if following is None or following.opcode != op.STORE_FAST:
        return False
    slot = following.arg
    if b.locals[slot] is not left or not b.may_be(left, t.STR) or not b.may_be(right, t.STR):
        return False
    b.guard_type(left, t.STR)
    b.guard_type(right, t.STR)
    taken = b.emit(h.TAKE_LOCAL, t.STR, [])
    taken.imm = slot
    b.locals = b.locals.copy()
    b.locals[slot] = b.null
    value = b.helper("unicode_append", [taken, right], len(b.stack) - 2)
    _replace_operands(b, 2, value)
    return True


def _note_result_type(b: Builder, base: int, left: Value, right: Value, value: Value) -> None:
    """int and float are closed under arithmetic, so a generic operation on them tells its type."""
    number = t.INT | t.FLOAT
    if b.is_type(left, number) and b.is_type(right, number):
        if b.is_type(left, t.INT) and b.is_type(right, t.INT):
            if base in _INT:
                b.types[value] = t.INT
            elif base == TRUE_DIVIDE:
                b.types[value] = t.FLOAT
        elif base in _FLOAT:
            b.types[value] = t.FLOAT if b.is_type(left, t.FLOAT) or b.is_type(right, t.FLOAT) else number
    elif base == ADD and b.is_type(left, t.STR) and b.is_type(right, t.STR):
        b.types[value] = t.STR
    elif base == REMAINDER and b.is_type(left, t.STR):
        b.types[value] = t.OBJECT


def build_compare_op(b: Builder, i: Instruction) -> None:
    left = b.stack[-2]
    right = b.stack[-1]
    which = i.arg >> 5
    truth = _compare(b, i, which, left, right) if not b.learnt(i) else None
    if truth is not None:
        _replace_operands(b, 2, b.box_bool(truth))
        return
    value = b.helper("PyObject_RichCompare", [left, right], len(b.stack) - 2, which)
    if i.arg & 16:
        # The operand's flag asks for a real bool.
        _replace_operands(b, 2, value)
        truth = b.helper("is_true", [value], len(b.stack) - 1)
        _replace_operands(b, 1, b.box_bool(truth))
    else:
        _replace_operands(b, 2, value)


def _compare(b: Builder, i: Instruction, which: int, left: Value, right: Value) -> Value | None:
    number = t.INT | t.FLOAT
    if b.may_be(left, number) and b.may_be(right, number):
        ints = i.seen == op.COMPARE_OP_INT or (b.is_type(left, t.INT) and b.is_type(right, t.INT))
        floats = i.seen == op.COMPARE_OP_FLOAT or (
            b.is_type(left, number)
            and b.is_type(right, number)
            and (b.is_type(left, t.FLOAT) or b.is_type(right, t.FLOAT))
        )
        if ints and b.may_be(left, t.INT) and b.may_be(right, t.INT):
            result = b.emit(h.INT_COMPARE, t.CBOOL, [b.as_int(left), b.as_int(right)])
            result.imm = _INT_CC[which]
            return result
        if floats and not (b.is_type(left, t.INT) and b.is_type(right, t.INT)):
            if _is_wide(b, left) or _is_wide(b, right):
                return None
            a = _as_float(b, left)
            c = _as_float(b, right)
            result = b.emit(h.FLOAT_COMPARE, t.CBOOL, [a, c])
            result.imm = _FLOAT_CC[which]
            return result
    if i.seen == op.COMPARE_OP_STR and which in (2, 3) and b.may_be(left, t.STR) and b.may_be(right, t.STR):
        b.guard_type(left, t.STR)
        b.guard_type(right, t.STR)
        equal = b.helper("unicode_equal", [left, right], 0)
        if which == 2:
            return equal
        return b.emit(h.NOT, t.CBOOL, [equal])
    return None


def _is_wide(b: Builder, value: Value) -> bool:
    """An int compared with a float must not be rounded: only small constants are known to be exact."""
    if not b.is_type(value, t.INT):
        return False
    if value.operation == h.CONSTANT and value.ref is not None and type(value.ref.value) is int:
        return not -(1 << 53) <= value.ref.value <= 1 << 53
    return True


def build_is_op(b: Builder, i: Instruction) -> None:
    result = b.emit(h.IS, t.CBOOL, [b.stack[-2], b.stack[-1]])
    if i.arg:
        result = b.emit(h.NOT, t.CBOOL, [result])
    _replace_operands(b, 2, b.box_bool(result))


def build_contains_op(b: Builder, i: Instruction) -> None:
    container = b.stack[-1]
    item = b.stack[-2]
    result = b.helper("contains", [container, item], len(b.stack) - 2)
    if i.arg:
        result = b.emit(h.NOT, t.CBOOL, [result])
    _replace_operands(b, 2, b.box_bool(result))


# --- truth -----------------------------------------------------------------------------------------------------

SIZE_OFFSET: Final = 16  # ob_size of list and tuple, length of str, ma_used of dict
SET_SIZE_OFFSET: Final = 24  # used


def truth_of(b: Builder, i: Instruction, value: Value) -> Value:
    """The truth of an object as a CBool."""
    if value.operation == h.BOX_BOOL:
        return value.args[0]
    if b.is_type(value, t.BOOL) or (
        i.seen == op.TO_BOOL_BOOL and b.may_be(value, t.BOOL) and not b.varies(i)
    ):
        b.guard_type(value, t.BOOL)
        return b.emit(h.IS, t.CBOOL, [value, b.constant_object(True)])
    known = b.unboxed.get(value)
    if known is not None and known.type == t.I64:
        zero = b.int_constant(0)
        result = b.emit(h.INT_COMPARE, t.CBOOL, [known, zero])
        result.imm = CC_NE
        return result
    expected = 0
    if not b.varies(i):
        if i.seen == op.TO_BOOL_INT:
            expected = t.INT
        elif i.seen == op.TO_BOOL_LIST:
            expected = t.LIST
        elif i.seen == op.TO_BOOL_STR:
            expected = t.STR
        elif i.seen == op.TO_BOOL_NONE:
            expected = t.NONE
    known_type = b.type_of(value)
    if known_type in (t.INT, t.LIST, t.STR, t.TUPLE, t.DICT, t.NONE, t.SET):
        expected = known_type
    if expected and b.may_be(value, expected):
        b.guard_type(value, expected)
        if expected == t.INT:
            return b.emit(h.INT_TRUTH, t.CBOOL, [value])
        if expected == t.NONE:
            return _truth_constant(b, 0)
        result = b.emit(h.SIZE_TRUTH, t.CBOOL, [value])
        result.imm = SET_SIZE_OFFSET if expected == t.SET else SIZE_OFFSET
        return result
    if i.seen == op.TO_BOOL_ALWAYS_TRUE and not b.varies(i):
        cls = b.world.type_of_version(cache_u32(b.snapshot, i.offset + 2))
        if cls is not None and b.may_be(value, t.OTHER) and b.world.is_always_true(cls):
            b.guard_class(value, cls)
            return _truth_constant(b, 1)
    return b.helper("is_true", [value], len(b.stack) - 1)


def _truth_constant(b: Builder, truth: int) -> Value:
    value = b.int_constant(truth)
    value.type = t.CBOOL
    return value


def build_to_bool(b: Builder, i: Instruction) -> None:
    value = b.stack[-1]
    if b.is_type(value, t.BOOL):
        return
    _replace_operands(b, 1, b.box_bool(truth_of(b, i, value)))


def build_unary_not(b: Builder, i: Instruction) -> None:
    truth = truth_of(b, i, b.stack[-1])
    _replace_operands(b, 1, b.box_bool(b.emit(h.NOT, t.CBOOL, [truth])))


def build_unary_negative(b: Builder, i: Instruction) -> None:
    value = b.stack[-1]
    if not b.learnt(i):
        if b.is_type(value, t.FLOAT):
            number = b.as_float(value)
            _replace_operands(b, 1, b.box_float(b.emit(h.FLOAT_NEG, t.F64, [number])))
            return
        if b.is_type(value, t.INT):
            number = b.as_int(value)
            result = b.emit(h.INT_NEG, t.I64, [number])
            result.reason = "int"
            _replace_operands(b, 1, b.box_int(result))
            return
    result = b.helper("PyNumber_Negative", [value], len(b.stack) - 1)
    if b.is_type(value, t.FLOAT | t.INT):
        b.types[result] = b.type_of(value)
    _replace_operands(b, 1, result)


def build_unary_invert(b: Builder, i: Instruction) -> None:
    value = b.stack[-1]
    if b.is_type(value, t.INT) and not b.learnt(i):
        number = b.as_int(value)
        _replace_operands(b, 1, b.box_int(b.emit(h.INT_INVERT, t.I64, [number])))
        return
    _replace_operands(b, 1, b.helper("PyNumber_Invert", [value], len(b.stack) - 1))


# --- branches ----------------------------------------------------------------------------------------------------


def build_pop_jump_if(b: Builder, i: Instruction) -> None:
    """Successors of the flow block are [fall-through, jump]; a BRANCH's are [true, false]."""
    value = b.stack.pop()
    opcode = i.opcode
    if opcode == op.POP_JUMP_IF_NONE or opcode == op.POP_JUMP_IF_NOT_NONE:
        if not b.may_be(value, t.NONE):
            _decided(b, opcode == op.POP_JUMP_IF_NOT_NONE)
            return
        if b.is_type(value, t.NONE):
            _decided(b, opcode == op.POP_JUMP_IF_NONE)
            return
        truth = b.emit(h.IS, t.CBOOL, [value, b.constant_object(None)])
        jump_if = opcode == op.POP_JUMP_IF_NONE
    else:
        if value.operation == h.BOX_BOOL:
            truth = value.args[0]
            if truth.operation == h.INT_CONSTANT:
                _decided(b, (truth.imm != 0) == (opcode == op.POP_JUMP_IF_TRUE))
                return
        else:
            if value.operation == h.CONSTANT and value.type == t.BOOL and value.ref is not None:
                _decided(b, (value.ref.value is True) == (opcode == op.POP_JUMP_IF_TRUE))
                return
            truth = b.emit(h.IS, t.CBOOL, [value, b.constant_object(True)])
        jump_if = opcode == op.POP_JUMP_IF_TRUE
    branch = b.emit(h.BRANCH, t.NOTHING, [truth])
    branch.imm = 1 if jump_if else 0  # true goes to the jump, else true falls through


def _decided(b: Builder, jumps: bool) -> None:
    """The condition is known: a plain GOTO; imm names the flow successor that is left."""
    goto = b.emit(h.GOTO, t.NOTHING, [])
    goto.imm = 1 if jumps else 0
