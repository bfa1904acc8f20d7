"""The C functions that compiled code calls by name, and what the compiler must know of each.

The runtime's side of the same table is `src/pyston/runtime/helpers.h`; a test checks that every name here is
there.
"""

from __future__ import annotations

from pyston.compiler.hir import types as t
from pyston.compiler.hir.effects import ESCAPES, GUARD, LEFT_FIRST, OWNED, PASSES, RAISES, WRITES
from pyston.compiler.native import Final, final, i64

RESULT_OBJECT: Final = 0  # a new reference; NULL: error
RESULT_STATUS: Final = 1  # an int; negative: error; no value
RESULT_TEST: Final = 2  # an int, 0 or 1 -> CBool; negative: error
RESULT_PAIR: Final = 3  # two new references, the second may be NULL; first NULL: error
RESULT_NEXT: Final = 4  # a new reference or NULL, and a status; negative: error
RESULT_ARRAY: Final = 5  # status; fills `imm` outgoing slots with new references, read by SECOND-like ITEM
RESULT_INT: Final = 6  # an I64, cannot fail
RESULT_FLOAT: Final = 7  # an F64 and a status: leaves (GUARD) unless 0
RESULT_NEVER: Final = 8  # always raises
RESULT_MAYBE: Final = 9  # a new reference or NULL; never an error
RESULT_SEND: Final = 10  # a new reference, and a status for STATUS; negative: error


@final
class Helper:
    """A C function that compiled code calls by name.

    `signature`: one letter an argument. Digits: the operand of that index; F frame, T thread state,
    i `imm`, j `imm2`, c the constant `ref` (NULL when there is none), g the function's globals dict, b its
    builtins, k the address of an inline cache cell (its name is `ref`),
    A the address of an array of all operands from the next digit on (`A0`), n the number of operands there,
    p a call's word: how many arguments, how far it is behind the load of its method (`imm`), which operands it
    takes over (helpers.h), o the address of an output array, m the slots of the frame that may hold untagged
    immortals.
    """

    def __init__(
        self, name: str, signature: str, result: int, flags: int, steals: int, type_: int, takes: int
    ) -> None:
        self.name = name
        self.signature = signature
        self.letters = signature.encode()
        self.result: i64 = result
        self.flags: i64 = flags
        self.steals: i64 = steals
        self.type: i64 = type_
        self.takes: i64 = takes  # the operands' type


HELPERS: Final[dict[str, Helper]] = {}


def _add(
    name: str,
    signature: str,
    result: int,
    flags: int,
    steals: int = 0,
    type_: int = t.OBJECT,
    takes: int = t.NULLABLE | t.LASTI,
) -> None:
    HELPERS[name] = Helper(name, signature, result, flags, steals, type_, takes)


_ANY: Final = ESCAPES | RAISES
_ANY_NEW: Final = ESCAPES | RAISES | OWNED

for _name in (
    "PyNumber_Add PyNumber_And PyNumber_FloorDivide PyNumber_Lshift PyNumber_MatrixMultiply PyNumber_Multiply "
    "PyNumber_Remainder PyNumber_Or number_power PyNumber_Rshift PyNumber_Subtract PyNumber_TrueDivide PyNumber_Xor "
    "PyNumber_InPlaceAdd PyNumber_InPlaceAnd PyNumber_InPlaceFloorDivide PyNumber_InPlaceLshift "
    "PyNumber_InPlaceMatrixMultiply PyNumber_InPlaceMultiply PyNumber_InPlaceRemainder PyNumber_InPlaceOr "
    "number_inplace_power PyNumber_InPlaceRshift PyNumber_InPlaceSubtract PyNumber_InPlaceTrueDivide "
    "PyNumber_InPlaceXor get_item"
).split():
    _add(_name, "01", RESULT_OBJECT, _ANY_NEW | LEFT_FIRST)
_add("PyNumber_Negative", "0", RESULT_OBJECT, _ANY_NEW)
_add("PyNumber_Invert", "0", RESULT_OBJECT, _ANY_NEW)
_add("PyObject_RichCompare", "01i", RESULT_OBJECT, _ANY_NEW)
_add("is_true", "0", RESULT_TEST, _ANY)
_add("set_item", "012", RESULT_STATUS, _ANY)
_add("delete_item", "01", RESULT_STATUS, _ANY)
_add("contains", "01", RESULT_TEST, _ANY)
_add("unicode_append", "01", RESULT_OBJECT, _ANY_NEW, 1, t.STR)
_add("unicode_equal", "01", RESULT_TEST, 0)

_add("load_attr_cached", "0k", RESULT_OBJECT, _ANY_NEW)
_add("load_method_cached", "0k", RESULT_PAIR, _ANY_NEW)
_add("get_attr_default_cached", "0k1", RESULT_OBJECT, _ANY_NEW)
_add("has_attr_cached", "0k", RESULT_TEST, _ANY)
_add("store_attr_cached", "01k", RESULT_STATUS, _ANY)
_add("get_attr", "01", RESULT_OBJECT, _ANY_NEW)
_add("get_attr_default", "012", RESULT_OBJECT, _ANY_NEW)
_add("has_attr", "01", RESULT_TEST, _ANY)
_add("set_attr", "012", RESULT_STATUS, _ANY)
_add("delete_attr", "0c", RESULT_STATUS, _ANY)
_add("load_global_cached", "gbk", RESULT_OBJECT, _ANY_NEW)
_add("store_global", "gc0", RESULT_STATUS, _ANY)
_add("load_name", "Fc", RESULT_OBJECT, _ANY_NEW)
_add("store_name", "Fc0", RESULT_STATUS, _ANY)
_add("delete_name", "Fc", RESULT_STATUS, _ANY)
_add("load_locals", "F", RESULT_OBJECT, RAISES | OWNED)
_add("load_from_dict_or_globals", "F0c", RESULT_OBJECT, _ANY_NEW)
_add("load_from_dict_or_deref", "F01i", RESULT_OBJECT, _ANY_NEW)
_add("delete_global", "gc", RESULT_STATUS, _ANY)
_add("delete_deref", "F0i", RESULT_STATUS, _ANY)
_add("make_cell", "0", RESULT_OBJECT, RAISES | OWNED, 1, t.CELL)
_add("raise_unbound_local", "Fi", RESULT_NEVER, _ANY)
_add("load_super_attr_cached", "T012ik", RESULT_PAIR, _ANY_NEW)

_add("unpack_sequence", "0oi", RESULT_ARRAY, _ANY_NEW)
_add("unpack_ex", "0oij", RESULT_ARRAY, _ANY_NEW)
_add("build_tuple", "A0n", RESULT_OBJECT, RAISES | OWNED, -1, t.TUPLE)
_add("build_extended_tuple", "0A1n", RESULT_OBJECT, RAISES | OWNED, 0, t.TUPLE)
_add("build_list", "A0n", RESULT_OBJECT, RAISES | OWNED, -1, t.LIST)
_add("build_set", "A0n", RESULT_OBJECT, _ANY_NEW, -1, t.SET)
_add("build_map", "A0i", RESULT_OBJECT, _ANY_NEW, 0, t.DICT)
_add("build_keywords", "cA0n", RESULT_OBJECT, RAISES | OWNED, 0, t.DICT)
_add("build_string", "A0n", RESULT_OBJECT, RAISES | OWNED, 0, t.STR)
_add("range_iterator", "012", RESULT_OBJECT, RAISES | OWNED, 0, t.RANGE_ITER, t.I64)
_add("build_slice", "012", RESULT_OBJECT, RAISES | OWNED, 0, t.SLICE)
_add("list_append", "01", RESULT_STATUS, RAISES | WRITES, 2)
_add("list_extend", "01", RESULT_STATUS, _ANY)
_add("set_add", "01", RESULT_STATUS, _ANY)
_add("set_update", "01", RESULT_STATUS, _ANY)
_add("map_add", "012", RESULT_STATUS, _ANY)
_add("dict_update", "01", RESULT_STATUS, _ANY)
_add("dict_merge", "012", RESULT_STATUS, _ANY)
_add("binary_slice", "012", RESULT_OBJECT, _ANY_NEW)
_add("store_slice", "0123", RESULT_STATUS, _ANY)

_add("make_function", "F0", RESULT_OBJECT, _ANY_NEW, 0, t.FUNCTION)
_add("set_function_attribute", "0i1", RESULT_STATUS, RAISES | WRITES, 2)
_add("import_name", "TFc01", RESULT_OBJECT, _ANY_NEW)
_add("import_from", "T0c", RESULT_OBJECT, _ANY_NEW)
_add("format_simple", "0", RESULT_OBJECT, _ANY_NEW)
_add("format_with_spec", "01", RESULT_OBJECT, _ANY_NEW)
_add("convert_value", "0i", RESULT_OBJECT, _ANY_NEW)
_add("build_interpolation", "01i2", RESULT_OBJECT, _ANY_NEW)
_add("_PyTemplate_Build", "01", RESULT_OBJECT, _ANY_NEW)
_add("match_class", "T01i2", RESULT_OBJECT, _ANY_NEW)
_add("match_keys", "T01", RESULT_OBJECT, _ANY_NEW)
_add("match_mapping", "0", RESULT_TEST, 0)
_add("match_sequence", "0", RESULT_TEST, 0)
_add("get_len", "0", RESULT_OBJECT, _ANY_NEW, 0, t.INT)
_add("call_intrinsic_1", "Ti0", RESULT_OBJECT, _ANY_NEW)
_add("load_common_constant", "i", RESULT_OBJECT, RAISES | OWNED)
_add("load_build_class", "F", RESULT_OBJECT, _ANY_NEW)
_add("load_special", "T0i", RESULT_PAIR, _ANY_NEW)

_add("call_vector", "TA0pc", RESULT_OBJECT, _ANY_NEW | PASSES)
_add("call_method_cached", "TA0pk", RESULT_OBJECT, _ANY_NEW | PASSES)
_add("call_ex", "T012i", RESULT_OBJECT, _ANY_NEW)
_add("make_instance", "c", RESULT_OBJECT, RAISES | OWNED, 0, t.OTHER)
_add("finish_new", "01A2n", RESULT_STATUS, _ANY)
_add("check_init_result", "0", RESULT_STATUS, RAISES)
_add("is_instance", "01", RESULT_TEST, _ANY)
_add("is_subclass", "01", RESULT_TEST, _ANY)
_add("PyCallable_Check", "0", RESULT_TEST, 0)
_add("to_str", "0", RESULT_OBJECT, _ANY_NEW, 0, t.OBJECT)
_add("builtin_next", "01", RESULT_OBJECT, _ANY_NEW)
_add("dict_get_default", "012", RESULT_OBJECT, _ANY_NEW)
_add("builtin_len", "0", RESULT_OBJECT, _ANY_NEW, 0, t.INT)
_add("raise_exception", "T01", RESULT_NEVER, _ANY, 1)
_add("handled_exception", "T", RESULT_OBJECT, RAISES | OWNED)
_add("reraise", "TF01", RESULT_STATUS, WRITES, 1)
_add("push_exc_info", "T0", RESULT_OBJECT, WRITES | OWNED)
_add("pop_except", "T0", RESULT_STATUS, ESCAPES, 1)
_add("check_exc_match", "01", RESULT_TEST, _ANY)
_add("is_exception_of", "01", RESULT_TEST, 0)
_add("is_stop_async_iteration", "0", RESULT_TEST, 0)
_add("check_eg_match", "F01", RESULT_PAIR, _ANY_NEW)
_add("with_except_start", "T012", RESULT_OBJECT, _ANY_NEW)
_add("call_intrinsic_2", "Ti01", RESULT_OBJECT, _ANY_NEW)
_add("get_iter", "0", RESULT_OBJECT, _ANY_NEW)
_add("iter_next", "T0", RESULT_NEXT, _ANY_NEW)

_add("make_generator", "TF", RESULT_OBJECT, _ANY_NEW)
_add("suspend_frame", "TF0imj", RESULT_MAYBE, ESCAPES | OWNED, 1)
_add("send_value", "TF01", RESULT_SEND, _ANY_NEW)
_add("get_yield_from_iter", "F0", RESULT_OBJECT, _ANY_NEW)
_add("get_aiter", "0", RESULT_OBJECT, _ANY_NEW)
_add("get_awaitable", "0i", RESULT_OBJECT, _ANY_NEW)
_add("_PyEval_GetANext", "0", RESULT_OBJECT, _ANY_NEW)

_add("float_pow", "01", RESULT_FLOAT, GUARD, 0, t.F64, t.F64)
