"""Which function lowers which HIR operation."""

from __future__ import annotations

from pyston.compiler.hir import values as h
from pyston.compiler.hir.values import Value
from pyston.compiler.lir import lower_calls as calls
from pyston.compiler.lir import lower_floats as floats
from pyston.compiler.lir import lower_memory as memory
from pyston.compiler.lir import lower_values as values
from pyston.compiler.lir.lower import LOWERERS, Lowerer, Lowering
from pyston.compiler.native import Final

_ROWS: Final[dict[int, Lowerer]] = {
    h.CONSTANT: values.lower_nothing,
    h.NULL: values.lower_nothing,
    h.INT_CONSTANT: values.lower_nothing,
    h.DEFER_LOCAL: values.lower_nothing,
    h.DROP_OPERAND: values.lower_nothing,
    h.PARAMETER: values.lower_parameter,
    h.ENTRY_OPERAND: values.lower_entry_operand,
    h.FLOAT_CONSTANT: values.lower_float_constant,
    h.STORE_LOCAL: values.lower_store_local,
    h.TAKE_LOCAL: values.lower_take_local,
    h.STORE_STACK: values.lower_store_stack,
    h.COPY_FREE_VARIABLE: values.lower_copy_free_variable,
    h.GUARD_GLOBALS: values.lower_guard_globals,
    h.LOAD_GLOBAL_SLOT: values.lower_load_global_slot,
    h.CHECK_TOOLS: values.lower_check_tools,
    # guards
    h.GUARD_TYPE: values.lower_guard_type,
    h.GUARD_CLASS: values.lower_guard_class,
    h.GUARD_IS: values.lower_guard_is,
    h.GUARD_NOT_NULL: values.lower_guard_not_null,
    h.GUARD_SIZE: values.lower_guard_size,
    h.GUARD_INLINE_VALUES: values.lower_guard_inline_values,
    h.GUARD_WORD: values.lower_guard_word,
    # numbers
    h.UNBOX_INT: values.lower_unbox_int,
    h.UNBOX_FLOAT: floats.lower_unbox_float,
    h.BOX_INT: values.lower_box_int,
    h.FLUSH_LOCAL: values.lower_flush_local,
    h.SETTLE_LOCAL: values.lower_settle_local,
    h.BOX_FLOAT: floats.lower_box_float,
    h.BOX_BOOL: values.lower_box_bool,
    h.INT_TO_FLOAT: floats.lower_int_to_float,
    h.INT_ADD: values.lower_int_checked,
    h.INT_SUB: values.lower_int_checked,
    h.INT_MUL: values.lower_int_checked,
    h.INT_NEG: values.lower_int_neg,
    h.INT_FLOOR_DIV: values.lower_int_divide,
    h.INT_MOD: values.lower_int_divide,
    h.INT_AND: values.lower_int_plain,
    h.INT_OR: values.lower_int_plain,
    h.INT_XOR: values.lower_int_plain,
    h.INT_SHL: values.lower_int_shl,
    h.INT_SHR: values.lower_int_shr,
    h.INT_INVERT: values.lower_int_invert,
    h.FLOAT_ADD: floats.lower_float_arithmetic,
    h.FLOAT_SUB: floats.lower_float_arithmetic,
    h.FLOAT_MUL: floats.lower_float_arithmetic,
    h.FLOAT_DIV: floats.lower_float_div,
    h.FLOAT_NEG: floats.lower_float_neg,
    # conditions
    h.INT_COMPARE: values.lower_condition,
    h.FLOAT_COMPARE: values.lower_condition,
    h.IS: values.lower_condition,
    h.NOT: values.lower_condition,
    h.INT_TRUTH: values.lower_condition,
    h.SIZE_TRUTH: values.lower_condition,
    h.RANGE_HAS_NEXT: values.lower_condition,
    h.LIST_ITER_HAS_NEXT: values.lower_condition,
    h.TUPLE_ITER_HAS_NEXT: values.lower_condition,
    # memory
    h.LOAD_FIELD: memory.lower_load_field,
    h.LOAD_ATTRIBUTE: memory.lower_load_attribute,
    h.LOAD_SIZE: memory.lower_load_size,
    h.STORE_FIELD: memory.lower_store_field,
    h.STORE_INLINE: memory.lower_store_inline,
    h.LIST_GET: memory.lower_list_get,
    h.TUPLE_GET: memory.lower_tuple_get,
    h.LIST_SET: memory.lower_list_set,
    h.LIST_ITEM: memory.lower_list_item,
    h.TUPLE_ITEM: memory.lower_tuple_item,
    h.LOAD_CELL: memory.lower_load_cell,
    h.STORE_CELL: memory.lower_store_cell,
    h.RANGE_NEXT: memory.lower_range_next,
    h.LIST_ITER_NEXT: memory.lower_list_iter_next,
    h.TUPLE_ITER_NEXT: memory.lower_tuple_iter_next,
    h.ITER_EXHAUST: memory.lower_iter_exhaust,
    # calls
    h.HELPER: calls.lower_helper,
    h.SECOND: calls.lower_second,
    h.CATCH: calls.lower_catch,
    h.BRANCH_ERROR: calls.lower_branch_error,
    h.RERAISE: calls.lower_reraise,
    h.STATUS: calls.lower_second,
    h.ARRAY_ITEM: calls.lower_array_item,
    h.CALL_PYTHON: calls.lower_call_python,
    h.CALL_C: calls.lower_call_c,
    # ends
    h.GOTO: values.lower_goto,
    h.BRANCH: values.lower_branch,
    h.BRANCH_NULL: values.lower_branch_null,
    h.RETURN: values.lower_return,
    h.HAND_OVER: values.lower_hand_over,
    h.LEAVE: values.lower_leave,
    h.UNREACHABLE: values.lower_unreachable,
    # reference counts
    h.INCREF: values.lower_incref,
    h.DECREF: values.lower_decref,
}


def _missing(lowering: Lowering, value: Value) -> None:
    raise AssertionError(f"no lowering for {h.OPERATIONS[value.operation].name}")


def register_lowerers() -> None:
    LOWERERS[:] = [_ROWS.get(operation, _missing) for operation in range(len(h.OPERATIONS))]
