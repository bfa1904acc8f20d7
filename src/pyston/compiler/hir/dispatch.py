"""Which function builds which opcode. An opcode without a row leaves compiled code, by name in the statistics."""

from __future__ import annotations

from pyston.compiler.bytecode import opcodes as op
from pyston.compiler.hir import build_attributes as attributes
from pyston.compiler.hir import build_calls as calls
from pyston.compiler.hir import build_containers as containers
from pyston.compiler.hir import build_exceptions as exceptions
from pyston.compiler.hir import build_generators as generators
from pyston.compiler.hir import build_match as match
from pyston.compiler.hir import build_names as names
from pyston.compiler.hir import build_numbers as numbers
from pyston.compiler.hir import build_subscripts as subscripts
from pyston.compiler.hir.builder import FOR_BODY, HANDLERS, Handler
from pyston.compiler.native import Final

_ROWS: Final[dict[int, Handler]] = {
    op.RESUME: names.build_resume,
    op.NOP: names.build_nothing,
    op.NOT_TAKEN: names.build_nothing,
    op.JUMP_FORWARD: names.build_nothing,
    op.JUMP_BACKWARD: names.build_jump_backward,
    op.JUMP_BACKWARD_NO_INTERRUPT: names.build_nothing,
    # constants and locals
    op.LOAD_CONST: names.build_load_const,
    op.LOAD_SMALL_INT: names.build_load_small_int,
    op.LOAD_COMMON_CONSTANT: names.build_load_common_constant,
    op.LOAD_BUILD_CLASS: names.build_load_build_class,
    op.LOAD_FAST: names.build_load_fast,
    op.LOAD_FAST_BORROW: names.build_load_fast,
    op.LOAD_FAST_LOAD_FAST: names.build_load_fast_two,
    op.LOAD_FAST_BORROW_LOAD_FAST_BORROW: names.build_load_fast_two,
    op.LOAD_FAST_CHECK: names.build_load_fast_check,
    op.LOAD_FAST_AND_CLEAR: names.build_load_fast_and_clear,
    op.STORE_FAST: names.build_store_fast,
    op.STORE_FAST_LOAD_FAST: names.build_store_fast_load_fast,
    op.STORE_FAST_STORE_FAST: names.build_store_fast_store_fast,
    op.DELETE_FAST: names.build_delete_fast,
    # the stack
    op.POP_TOP: names.build_pop_top,
    op.PUSH_NULL: names.build_push_null,
    op.COPY: names.build_copy,
    op.SWAP: names.build_swap,
    # globals and cells
    op.LOAD_GLOBAL: names.build_load_global,
    op.STORE_GLOBAL: names.build_store_global,
    op.DELETE_GLOBAL: names.build_delete_global,
    op.LOAD_NAME: names.build_load_name,
    op.STORE_NAME: names.build_store_name,
    op.DELETE_NAME: names.build_delete_name,
    op.LOAD_LOCALS: names.build_load_locals,
    op.LOAD_FROM_DICT_OR_GLOBALS: names.build_load_from_dict_or_globals,
    op.LOAD_FROM_DICT_OR_DEREF: names.build_load_from_dict_or_deref,
    op.COPY_FREE_VARS: names.build_copy_free_vars,
    op.MAKE_CELL: names.build_make_cell,
    op.LOAD_DEREF: names.build_load_deref,
    op.STORE_DEREF: names.build_store_deref,
    op.DELETE_DEREF: names.build_delete_deref,
    # functions, imports, ends
    op.MAKE_FUNCTION: names.build_make_function,
    op.SET_FUNCTION_ATTRIBUTE: names.build_set_function_attribute,
    op.IMPORT_NAME: names.build_import_name,
    op.IMPORT_FROM: names.build_import_from,
    op.CALL_INTRINSIC_1: names.build_call_intrinsic_1,
    op.RETURN_VALUE: names.build_return_value,
    # exceptions
    op.RAISE_VARARGS: exceptions.build_raise_varargs,
    op.RERAISE: exceptions.build_reraise,
    op.PUSH_EXC_INFO: exceptions.build_push_exc_info,
    op.POP_EXCEPT: exceptions.build_pop_except,
    op.CHECK_EXC_MATCH: exceptions.build_check_exc_match,
    op.CHECK_EG_MATCH: exceptions.build_check_eg_match,
    op.CALL_INTRINSIC_2: exceptions.build_call_intrinsic_2,
    op.WITH_EXCEPT_START: exceptions.build_with_except_start,
    # arithmetic and truth
    op.BINARY_OP: numbers.build_binary_op,
    op.COMPARE_OP: numbers.build_compare_op,
    op.IS_OP: numbers.build_is_op,
    op.CONTAINS_OP: numbers.build_contains_op,
    op.TO_BOOL: numbers.build_to_bool,
    op.UNARY_NOT: numbers.build_unary_not,
    op.UNARY_NEGATIVE: numbers.build_unary_negative,
    op.UNARY_INVERT: numbers.build_unary_invert,
    op.POP_JUMP_IF_FALSE: numbers.build_pop_jump_if,
    op.POP_JUMP_IF_TRUE: numbers.build_pop_jump_if,
    op.POP_JUMP_IF_NONE: numbers.build_pop_jump_if,
    op.POP_JUMP_IF_NOT_NONE: numbers.build_pop_jump_if,
    # subscripts
    op.STORE_SUBSCR: subscripts.build_store_subscr,
    op.DELETE_SUBSCR: subscripts.build_delete_subscr,
    op.BINARY_SLICE: subscripts.build_binary_slice,
    op.STORE_SLICE: subscripts.build_store_slice,
    op.BUILD_SLICE: subscripts.build_build_slice,
    # containers, strings, iteration
    op.BUILD_TUPLE: containers.build_build_tuple,
    op.BUILD_LIST: containers.build_build_list,
    op.BUILD_SET: containers.build_build_set,
    op.BUILD_MAP: containers.build_build_map,
    op.BUILD_STRING: containers.build_build_string,
    op.LIST_APPEND: containers.build_list_append,
    op.LIST_EXTEND: containers.build_list_extend,
    op.SET_ADD: containers.build_set_add,
    op.SET_UPDATE: containers.build_set_update,
    op.MAP_ADD: containers.build_map_add,
    op.DICT_UPDATE: containers.build_dict_update,
    op.DICT_MERGE: containers.build_dict_merge,
    op.UNPACK_SEQUENCE: containers.build_unpack_sequence,
    op.UNPACK_EX: containers.build_unpack_ex,
    op.FORMAT_SIMPLE: containers.build_format_simple,
    op.FORMAT_WITH_SPEC: containers.build_format_with_spec,
    op.CONVERT_VALUE: containers.build_convert_value,
    op.BUILD_INTERPOLATION: containers.build_build_interpolation,
    op.BUILD_TEMPLATE: containers.build_build_template,
    op.GET_ITER: containers.build_get_iter,
    op.FOR_ITER: containers.build_for_iter,
    op.END_FOR: containers.enter_exhausted,
    op.POP_ITER: containers.build_pop_iter,
    # match
    op.MATCH_CLASS: match.build_match_class,
    op.MATCH_KEYS: match.build_match_keys,
    op.MATCH_MAPPING: match.build_match_mapping,
    op.MATCH_SEQUENCE: match.build_match_sequence,
    op.GET_LEN: match.build_get_len,
    # generators and coroutines
    op.RETURN_GENERATOR: generators.build_return_generator,
    op.YIELD_VALUE: generators.build_yield_value,
    op.SEND: generators.build_send,
    op.END_SEND: generators.build_end_send,
    op.GET_AWAITABLE: generators.build_get_awaitable,
    op.GET_YIELD_FROM_ITER: generators.build_get_yield_from_iter,
    op.GET_AITER: generators.build_get_aiter,
    op.GET_ANEXT: generators.build_get_anext,
    op.END_ASYNC_FOR: generators.build_end_async_for,
    # attributes
    op.LOAD_ATTR: attributes.build_load_attr,
    op.STORE_ATTR: attributes.build_store_attr,
    op.DELETE_ATTR: attributes.build_delete_attr,
    op.LOAD_SUPER_ATTR: attributes.build_load_super_attr,
    op.LOAD_SPECIAL: attributes.build_load_special,
    # calls
    op.CALL: calls.build_call,
    op.CALL_KW: calls.build_call_kw,
    op.CALL_FUNCTION_EX: calls.build_call_function_ex,
}


def register_handlers() -> None:
    for opcode, handler in _ROWS.items():
        HANDLERS[opcode] = handler
    HANDLERS[FOR_BODY] = containers.enter_for_body
