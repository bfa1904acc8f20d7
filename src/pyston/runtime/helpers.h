/* Helpers: the C functions that compiled code calls by name.
 *
 * One table names them all with their C signatures; the compiler's table `compiler/lir/helpers.py` has the same names
 * with their effects, and a test compares the two. A name that CPython itself exports means CPython's own function.
 *
 * Rules, unless a line says otherwise:
 * - System V convention. Arguments are borrowed; a returned `PyObject *` is a new reference.
 * - NULL, or -1 for `int` results, means that an exception is set.
 * - The caller has made the frame true (locals, stack, `instr_ptr`) where the table's comment says *escapes*: such
 *   a helper may run Python code. One marked *leaf* runs none: it can neither look at frames nor free an object
 *   with a Python-visible end, so values may stay in registers around it. *raises* leaf helpers need only `instr_ptr`.
 * - Arrays (`items`, `out`, `stack`) are on the native stack. "Steals" is said of each argument it holds for, and
 *   holds on failure too.
 *
 * Results of two words are structs, returned in rax:rdx, or xmm0:rax where the first word is a double. */
#ifndef PYSTON_HELPERS_H
#define PYSTON_HELPERS_H

#ifndef Py_BUILD_CORE_MODULE
#define Py_BUILD_CORE_MODULE 1 /* thread state through an exported function: the variable itself is not exported */
#endif
#include <Python.h>
#include "internal/pycore_call.h"
#include "internal/pycore_frame.h"
#include "internal/pycore_interpframe.h"
#include "internal/pycore_interpolation.h"
#include "internal/pycore_long.h"
#include "internal/pycore_template.h"
#include "internal/pycore_ceval.h"
#include "internal/pycore_tstate.h"

#include "inline_cache.h"

#ifndef LIKELY
#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)
#endif

typedef struct {
    PyObject *first;  /* NULL: see the helper */
    PyObject *second; /* may be NULL without an error */
} ObjectPair;

typedef struct {
    PyObject *value;
    int64_t status;
} ValueStatus;

typedef struct {
    int64_t value;
    int64_t status; /* 0: `value` holds */
} IntStatus;

typedef struct {
    double value;
    int64_t status; /* 0: `value` holds; 1: let the interpreter do it (it raises, or gives another type) */
} FloatStatus;

/* What a call's word `packed` says: the number of arguments, how many code units the call is behind the load of the
 * method, and which operands (callable, self, arguments) are handed over with their reference. In the place of a distance:
 * whether a local of the caller holds self, too, until the call ends. */
#define CALL_COUNT(packed) ((Py_ssize_t)((packed) & 0xFF))
#define CALL_DISTANCE(packed) ((packed) >> 8 & 0xFF)
#define CALL_LENT(packed) (CALL_DISTANCE(packed) == 1)
#define CALL_MOVED(packed) ((uint32_t)((packed) >> 16 & 0xFFFF))
#define CALL_MOST_MOVED 16

/* X(name, result, parameters) */

/* CPython's own. All escape but those in the last group. */
#define PYSTON_API_HELPERS(X) \
    X(PyNumber_Add, PyObject *, (PyObject *, PyObject *)) \
    X(PyNumber_Subtract, PyObject *, (PyObject *, PyObject *)) \
    X(PyNumber_Multiply, PyObject *, (PyObject *, PyObject *)) \
    X(PyNumber_MatrixMultiply, PyObject *, (PyObject *, PyObject *)) \
    X(PyNumber_TrueDivide, PyObject *, (PyObject *, PyObject *)) \
    X(PyNumber_FloorDivide, PyObject *, (PyObject *, PyObject *)) \
    X(PyNumber_Remainder, PyObject *, (PyObject *, PyObject *)) \
    X(PyNumber_Lshift, PyObject *, (PyObject *, PyObject *)) \
    X(PyNumber_Rshift, PyObject *, (PyObject *, PyObject *)) \
    X(PyNumber_And, PyObject *, (PyObject *, PyObject *)) \
    X(PyNumber_Or, PyObject *, (PyObject *, PyObject *)) \
    X(PyNumber_Xor, PyObject *, (PyObject *, PyObject *)) \
    X(PyNumber_InPlaceAdd, PyObject *, (PyObject *, PyObject *)) \
    X(PyNumber_InPlaceSubtract, PyObject *, (PyObject *, PyObject *)) \
    X(PyNumber_InPlaceMultiply, PyObject *, (PyObject *, PyObject *)) \
    X(PyNumber_InPlaceMatrixMultiply, PyObject *, (PyObject *, PyObject *)) \
    X(PyNumber_InPlaceTrueDivide, PyObject *, (PyObject *, PyObject *)) \
    X(PyNumber_InPlaceFloorDivide, PyObject *, (PyObject *, PyObject *)) \
    X(PyNumber_InPlaceRemainder, PyObject *, (PyObject *, PyObject *)) \
    X(PyNumber_InPlaceLshift, PyObject *, (PyObject *, PyObject *)) \
    X(PyNumber_InPlaceRshift, PyObject *, (PyObject *, PyObject *)) \
    X(PyNumber_InPlaceAnd, PyObject *, (PyObject *, PyObject *)) \
    X(PyNumber_InPlaceOr, PyObject *, (PyObject *, PyObject *)) \
    X(PyNumber_InPlaceXor, PyObject *, (PyObject *, PyObject *)) \
    X(PyNumber_Negative, PyObject *, (PyObject *)) \
    X(PyNumber_Positive, PyObject *, (PyObject *)) \
    X(PyNumber_Invert, PyObject *, (PyObject *)) \
    X(PyNumber_Absolute, PyObject *, (PyObject *)) \
    X(PyNumber_Long, PyObject *, (PyObject *)) \
    X(PyNumber_Float, PyObject *, (PyObject *)) \
    X(PyObject_RichCompare, PyObject *, (PyObject *, PyObject *, int)) \
    X(PyObject_RichCompareBool, int, (PyObject *, PyObject *, int)) \
    X(PyObject_IsTrue, int, (PyObject *)) \
    X(PyObject_Not, int, (PyObject *)) \
    X(PyObject_GetItem, PyObject *, (PyObject *, PyObject *)) \
    X(PyObject_SetItem, int, (PyObject *, PyObject *, PyObject *)) \
    X(PyObject_DelItem, int, (PyObject *, PyObject *)) \
    X(PyObject_GetIter, PyObject *, (PyObject *)) \
    X(PyObject_GetAttr, PyObject *, (PyObject *, PyObject *)) \
    X(PyObject_SetAttr, int, (PyObject *, PyObject *, PyObject *)) \
    X(PyObject_Size, Py_ssize_t, (PyObject *)) \
    X(PyObject_Str, PyObject *, (PyObject *)) \
    X(PyObject_Repr, PyObject *, (PyObject *)) \
    X(PyObject_Hash, Py_hash_t, (PyObject *)) \
    X(PyObject_Call, PyObject *, (PyObject *, PyObject *, PyObject *)) \
    X(PyObject_Vectorcall, PyObject *, (PyObject *, PyObject *const *, size_t, PyObject *)) \
    X(PyCallable_Check, int, (PyObject *)) \
    X(PySequence_Contains, int, (PyObject *, PyObject *)) \
    X(PySequence_List, PyObject *, (PyObject *)) \
    X(PySequence_Tuple, PyObject *, (PyObject *)) \
    X(PyDict_SetItem, int, (PyObject *, PyObject *, PyObject *)) \
    X(PyDict_DelItem, int, (PyObject *, PyObject *)) \
    X(PyDict_Contains, int, (PyObject *, PyObject *)) \
    X(PySet_Contains, int, (PyObject *, PyObject *)) \
    X(_PyEval_GetANext, PyObject *, (PyObject *)) \
    X(_PyEval_GetAwaitable, PyObject *, (PyObject *, int)) \
    X(_PyTemplate_Build, PyObject *, (PyObject *, PyObject *)) \
    X(_PyLong_Multiply, PyObject *, (PyLongObject *, PyLongObject *)) /* big products let signal handlers run */ \
    /* leaf when the arguments are of the exact types named */ \
    X(PyList_New, PyObject *, (Py_ssize_t)) \
    X(PyTuple_New, PyObject *, (Py_ssize_t)) \
    X(PyDict_New, PyObject *, (void)) \
    X(PyList_AsTuple, PyObject *, (PyObject *)) \
    X(PyList_GetSlice, PyObject *, (PyObject *, Py_ssize_t, Py_ssize_t)) \
    X(PyTuple_GetSlice, PyObject *, (PyObject *, Py_ssize_t, Py_ssize_t)) \
    X(_PyLong_Add, PyObject *, (PyLongObject *, PyLongObject *)) \
    X(_PyLong_Subtract, PyObject *, (PyLongObject *, PyLongObject *)) \
    X(PyUnicode_Concat, PyObject *, (PyObject *, PyObject *)) \
    X(PyUnicode_Compare, int, (PyObject *, PyObject *)) \
    X(PyUnicode_Contains, int, (PyObject *, PyObject *)) \
    X(PyUnicode_Substring, PyObject *, (PyObject *, Py_ssize_t, Py_ssize_t))

#define PYSTON_OWN_HELPERS(X) \
    /* --- operations.c: arithmetic, comparison, strings ------------------------------------------------- */ \
    X(number_power, PyObject *, (PyObject *base, PyObject *exponent))            /* escapes */ \
    X(number_inplace_power, PyObject *, (PyObject *base, PyObject *exponent))    /* escapes */ \
    X(compare_bool, int, (PyObject *left, PyObject *right, int op))              /* escapes; truth of `left op right` */ \
    X(unary_not, PyObject *, (PyObject *value))                                  /* escapes */ \
    X(int_floor_divide, PyObject *, (PyObject *left, PyObject *right))           /* escapes (signal handlers); exact ints */ \
    X(int_remainder, PyObject *, (PyObject *left, PyObject *right))              /* escapes (signal handlers); exact ints */ \
    X(int_true_divide, PyObject *, (PyObject *left, PyObject *right))            /* escapes (signal handlers); exact ints */ \
    X(int_compare, int, (PyObject *left, PyObject *right))                       /* leaf; exact ints; -1, 0, 1; cannot fail */ \
    X(long_from_i64, PyObject *, (int64_t value))                                /* leaf */ \
    X(long_as_i64, IntStatus, (PyObject *value))                                 /* leaf; an int; status 1: too big, no exception */ \
    X(long_as_f64, FloatStatus, (PyObject *value))                               /* leaf; an int; status 1: too big, no exception */ \
    X(float_from_double, PyObject *, (double value))                             /* leaf */ \
    X(float_pow, FloatStatus, (double base, double exponent))                    /* leaf; no exception */ \
    X(float_mod, double, (double left, double right))                            /* leaf; right is not 0 */ \
    X(float_floordiv, double, (double left, double right))                       /* leaf; right is not 0 */ \
    X(unicode_append, PyObject *, (PyObject *left, PyObject *right))             /* steals left; leaf for exact str, else escapes */ \
    X(unicode_equal, int, (PyObject *left, PyObject *right))                     /* leaf; exact str; cannot fail */ \
    X(unicode_get_item, PyObject *, (PyObject *string, Py_ssize_t index))        /* leaf, raises; exact str; negative index counts from the end */ \
    X(format_simple, PyObject *, (PyObject *value))                              /* escapes */ \
    X(format_with_spec, PyObject *, (PyObject *value, PyObject *spec))           /* escapes */ \
    X(to_str, PyObject *, (PyObject *value))                                     /* escapes; str(value) */ \
    X(convert_value, PyObject *, (PyObject *value, int kind))                    /* escapes */ \
    X(build_interpolation, PyObject *, (PyObject *value, PyObject *text, int conversion, PyObject *format)) /* escapes; format may be NULL */ \
    X(build_string, PyObject *, (PyObject *const *items, Py_ssize_t count))      /* leaf; exact str items (borrowed) */ \
    /* --- names.c: names, globals, cells, functions, imports -------------------------------------------- */ \
    X(load_global_cached, PyObject *, (PyObject *globals, PyObject *builtins, GlobalCell *cell)) /* escapes */ \
    X(store_global, int, (PyObject *globals, PyObject *name, PyObject *value))   /* escapes */ \
    X(delete_global, int, (PyObject *globals, PyObject *name))                   /* escapes */ \
    X(store_moved_global, void, (PyObject *globals, PyObject *name, PyObject *value)) \
    X(load_name, PyObject *, (_PyInterpreterFrame *frame, PyObject *name))       /* escapes */ \
    X(store_name, int, (_PyInterpreterFrame *frame, PyObject *name, PyObject *value)) /* escapes */ \
    X(delete_name, int, (_PyInterpreterFrame *frame, PyObject *name))            /* escapes */ \
    X(load_locals, PyObject *, (_PyInterpreterFrame *frame))                     /* leaf, raises */ \
    X(load_from_dict_or_globals, PyObject *, (_PyInterpreterFrame *frame, PyObject *dict, PyObject *name)) /* escapes */ \
    X(load_from_dict_or_deref, PyObject *, (_PyInterpreterFrame *frame, PyObject *dict, PyObject *cell, int oparg)) /* escapes */ \
    X(load_deref, PyObject *, (_PyInterpreterFrame *frame, PyObject *cell, int oparg)) /* leaf, raises */ \
    X(store_deref, void, (PyObject *cell, PyObject *value))                      /* steals value; escapes */ \
    X(delete_deref, int, (_PyInterpreterFrame *frame, PyObject *cell, int oparg)) /* escapes */ \
    X(make_cell, PyObject *, (PyObject *value))                                  /* steals value, which may be NULL; leaf */ \
    X(raise_unbound_local, int, (_PyInterpreterFrame *frame, int oparg))         /* leaf; always -1 */ \
    X(raise_unbound_deref, int, (_PyInterpreterFrame *frame, int oparg))         /* leaf; always -1 */ \
    X(make_function, PyObject *, (_PyInterpreterFrame *frame, PyObject *code))   /* escapes (function events) */ \
    X(set_function_attribute, int, (PyObject *function, int which, PyObject *value)) /* steals value; leaf; cannot fail */ \
    X(import_name, PyObject *, (PyThreadState *tstate, _PyInterpreterFrame *frame, PyObject *name, PyObject *fromlist, PyObject *level)) /* escapes */ \
    X(import_from, PyObject *, (PyThreadState *tstate, PyObject *module, PyObject *name)) /* escapes */ \
    X(load_common_constant, PyObject *, (int which))                             /* leaf; cannot fail */ \
    X(load_build_class, PyObject *, (_PyInterpreterFrame *frame))                /* escapes */ \
    X(call_intrinsic_1, PyObject *, (PyThreadState *tstate, int which, PyObject *value)) /* escapes */ \
    X(call_intrinsic_2, PyObject *, (PyThreadState *tstate, int which, PyObject *first, PyObject *second)) /* escapes */ \
    /* --- errors.c: raising, matching, handlers, `with`, `match` ------------------------------------------ */ \
    X(raise_exception, int, (PyThreadState *tstate, PyObject *exception, PyObject *cause)) /* steals exception; escapes; cause may be NULL; -1 */ \
    X(handled_exception, PyObject *, (PyThreadState *tstate))                    /* what `raise` alone raises; NULL: error */ \
    X(reraise, int, (PyThreadState *tstate, _PyInterpreterFrame *frame, PyObject *exception, uintptr_t lasti)) /* steals exception; leaf; lasti: a tagged number */ \
    X(catch_exception, ObjectPair, (PyThreadState *tstate, _PyInterpreterFrame *frame, const uintptr_t *version)) /* {the exception, instr_ptr's code unit as a tagged number}; NULL: leave, it is still set. In leave.c */ \
    X(check_exc_match, int, (PyObject *exception, PyObject *type))               /* escapes */ \
    X(unwind_body, PyObject *, (PyThreadState *tstate, _PyInterpreterFrame *frame)) /* always NULL; gives up the frame, whose memory is true, for the exception that is set. In leave.c */ \
    X(is_exception_of, int, (PyObject *exception, PyObject *class))              /* leaf; check_exc_match with a class of exceptions: cannot fail */ \
    X(check_eg_match, ObjectPair, (_PyInterpreterFrame *frame, PyObject *exception, PyObject *type)) /* escapes; {rest, match}; NULL rest: error */ \
    X(push_exc_info, PyObject *, (PyThreadState *tstate, PyObject *exception))   /* leaf; the previous one, or None; cannot fail */ \
    X(pop_except, void, (PyThreadState *tstate, PyObject *previous))             /* steals previous; escapes */ \
    X(with_except_start, PyObject *, (PyThreadState *tstate, PyObject *exit, PyObject *self, PyObject *exception)) /* escapes; self may be NULL */ \
    X(load_special, ObjectPair, (PyThreadState *tstate, PyObject *object, int which)) /* escapes; {callable, self or NULL}, NULL callable: error */ \
    X(is_stop_async_iteration, int, (PyObject *exception))                       /* leaf; END_ASYNC_FOR: 1: the loop has ended; 0: raise it again */ \
    X(make_instance, PyObject *, (PyTypeObject *type))                           /* leaf; type.__call__ without __new__ and __init__ */ \
    X(check_init_result, int, (PyObject *result))                                /* leaf; 0 when None, else TypeError */ \
    X(match_class, PyObject *, (PyThreadState *tstate, PyObject *subject, PyObject *type, Py_ssize_t positional, PyObject *names)) /* escapes; a tuple or None */ \
    X(match_keys, PyObject *, (PyThreadState *tstate, PyObject *subject, PyObject *keys)) /* escapes; a tuple or None */ \
    X(match_mapping, int, (PyObject *subject))                                   /* leaf; cannot fail */ \
    X(match_sequence, int, (PyObject *subject))                                  /* leaf; cannot fail */ \
    /* --- sequences.c --------------------------------------------------------------------------------------- */ \
    X(build_tuple, PyObject *, (PyObject **items, Py_ssize_t count))             /* steals each; leaf */ \
    X(build_extended_tuple, PyObject *, (PyObject *tuple, PyObject *const *items, Py_ssize_t count)) /* leaf; the items (borrowed), then the tuple's */ \
    X(build_list, PyObject *, (PyObject **items, Py_ssize_t count))              /* steals each; leaf */ \
    X(list_append, int, (PyObject *list, PyObject *item))                        /* steals item; leaf */ \
    X(list_extend, int, (PyObject *list, PyObject *iterable))                    /* escapes */ \
    /* --- dicts.c ------------------------------------------------------------------------------------------- */ \
    X(build_map, PyObject *, (PyObject *const *items, Py_ssize_t pairs))         /* escapes; key, value, key, value, … (borrowed) */ \
    X(build_keywords, PyObject *, (PyObject *names, PyObject *const *values, Py_ssize_t count)) /* leaf; names: a tuple of str; a dict for **kwargs */ \
    /* --- containers.c -------------------------------------------------------------------------------------- */ \
    X(build_set, PyObject *, (PyObject **items, Py_ssize_t count))               /* steals each; escapes */ \
    X(range_iterator, PyObject *, (int64_t start, int64_t distance, int64_t step)) /* leaf; distance: from start to stop, positive where step leads there */ \
    X(build_slice, PyObject *, (PyObject *start, PyObject *stop, PyObject *step)) /* leaf; step may be NULL */ \
    X(unpack_sequence, int, (PyObject *sequence, PyObject **out, int count))     /* escapes; out[0]: the first item; new references */ \
    X(unpack_ex, int, (PyObject *sequence, PyObject **out, int before, int after)) /* escapes; out[before] is the list */ \
    X(binary_slice, PyObject *, (PyObject *container, PyObject *start, PyObject *stop)) /* escapes */ \
    X(store_slice, int, (PyObject *container, PyObject *start, PyObject *stop, PyObject *value)) /* escapes */ \
    X(set_add, int, (PyObject *set, PyObject *item))                             /* escapes */ \
    X(set_update, int, (PyObject *set, PyObject *iterable))                      /* escapes */ \
    X(map_add, int, (PyObject *dict, PyObject *key, PyObject *value))            /* escapes */ \
    X(dict_update, int, (PyObject *dict, PyObject *update))                      /* escapes */ \
    X(dict_merge, int, (PyObject *dict, PyObject *update, PyObject *function))   /* escapes */ \
    X(dict_get_item, PyObject *, (PyObject *dict, PyObject *key))                /* escapes; exact dict; KeyError */ \
    X(dict_get_default, PyObject *, (PyObject *dict, PyObject *key, PyObject *fallback)) /* escapes; exact dict: d.get(key, fallback) */ \
    X(dict_lookup_exact_str, ValueStatus, (PyObject *dict, PyObject *key))       /* leaf; exact dict, exact str; status 1: value, 0: not there, -1: not decided, no exception */ \
    X(dict_contains_exact_str, int, (PyObject *dict, PyObject *key))             /* leaf; 1, 0, or -1: not decided, no exception */ \
    X(set_contains_exact_str, int, (PyObject *set, PyObject *key))               /* leaf; exact set or frozenset; 1, 0, or -1: not decided */ \
    X(sequence_contains_exact_str, int, (PyObject *sequence, PyObject *key))     /* leaf; exact tuple or list; 1, 0, or -1: not decided */ \
    X(contains, int, (PyObject *container, PyObject *item))                      /* escapes; PySequence_Contains with the usual types first */ \
    X(is_true, int, (PyObject *value))                                           /* escapes; PyObject_IsTrue with the usual types first */ \
    X(get_item, PyObject *, (PyObject *container, PyObject *key))                /* escapes; PyObject_GetItem with the usual types first */ \
    X(set_item, int, (PyObject *container, PyObject *key, PyObject *value))      /* escapes; PyObject_SetItem */ \
    X(delete_item, int, (PyObject *container, PyObject *key))                    /* escapes; PyObject_DelItem */ \
    X(get_iter, PyObject *, (PyObject *iterable))                                /* escapes */ \
    X(iter_next, ValueStatus, (PyThreadState *tstate, PyObject *iterator))       /* escapes; NULL value: status 0 exhausted, -1 error */ \
    X(iter_next_pair, int, (PyObject *iterator, PyObject **out))                 /* escapes; next() and unpack two: 1, 0 exhausted, -1 error */ \
    X(get_yield_from_iter, PyObject *, (_PyInterpreterFrame *frame, PyObject *iterable)) /* escapes */ \
    X(get_aiter, PyObject *, (PyObject *object))                                 /* escapes */ \
    X(get_len, PyObject *, (PyObject *object))                                   /* escapes */ \
    /* --- make_generator.c ---------------------------------------------------------------------------------- */ \
    X(make_generator, PyObject *, (PyThreadState *tstate, _PyInterpreterFrame *frame)) /* escapes; gives up the frame */ \
    /* --- generators.c -------------------------------------------------------------------------------------- */ \
    X(suspend_frame, PyObject *, (PyThreadState *tstate, _PyInterpreterFrame *frame, PyObject *value, int slots, uint64_t untagged, int state)) /* steals value, returns it; leaf; cannot fail */ \
    X(return_generator, void, (PyThreadState *tstate, _PyInterpreterFrame *frame)) /* escapes; gives up the frame */ \
    X(get_awaitable, PyObject *, (PyObject *object, int operand)) /* escapes */ \
    X(send_value, ValueStatus, (PyThreadState *tstate, _PyInterpreterFrame *frame, PyObject *receiver, PyObject *value)) /* escapes; status 1: yielded, 0: returned, -1: error */ \
    /* --- calls.c ------------------------------------------------------------------------------------------- */ \
    X(call_vector, PyObject *, (PyThreadState *tstate, PyObject **stack, uint64_t packed, PyObject *kwnames)) /* escapes; stack: callable, self or NULL, the arguments, those of kwnames last; the array is scratch */ \
    X(call_method_cached, PyObject *, (PyThreadState *tstate, PyObject **stack, uint64_t packed, AttrCell *cell)) /* escapes; the same without keywords, with the receiver as self and no callable yet: load_method_cached at instr_ptr, which then moves on to the call */ \
    X(call_ex, PyObject *, (PyThreadState *tstate, PyObject *callable, PyObject *arguments, PyObject *keywords, int shared)) /* escapes; keywords: a dict or NULL; shared: others may have the dict */ \
    X(finish_new, int, (PyObject *class, PyObject *made, PyObject **arguments, Py_ssize_t count)) /* escapes; what a class call does once __new__ is through, where class had no __init__ */ \
    X(call_builtin_o, PyObject *, (PyThreadState *tstate, PyCFunction function, PyObject *self, PyObject *argument)) /* escapes */ \
    X(builtin_len, PyObject *, (PyObject *object))                               /* escapes */ \
    X(builtin_next, PyObject *, (PyObject *iterator, PyObject *fallback))        /* escapes; fallback may be NULL */ \
    X(delete_attr, int, (PyObject *object, PyObject *name))                      /* escapes */ \
    X(load_super_attr, ObjectPair, (PyThreadState *tstate, PyObject *super, PyObject *class, PyObject *self, PyObject *name, int flags)) /* escapes; flags: oparg & 3; {attribute, self or NULL}, NULL attribute: error */ \
    /* --- instance_checks.c --------------------------------------------------------------------------------- */ \
    X(is_instance, int, (PyObject *object, PyObject *class))                     /* escapes */ \
    X(is_subclass, int, (PyObject *derived, PyObject *class))                    /* escapes */ \
    /* --- inline_cache.c ------------------------------------------------------------------------------------ */ \
    X(load_attr_cached, PyObject *, (PyObject *object, AttrCell *cell))          /* escapes */ \
    X(load_method_cached, ObjectPair, (PyObject *object, AttrCell *cell))        /* escapes; {callable, self or NULL}, NULL callable: error */ \
    X(store_attr_cached, int, (PyObject *object, PyObject *value, AttrCell *cell)) /* escapes */ \
    X(get_attr_default_cached, PyObject *, (PyObject *object, AttrCell *cell, PyObject *fallback)) /* escapes; getattr(object, name, fallback) */ \
    X(has_attr_cached, int, (PyObject *object, AttrCell *cell))                  /* escapes */ \
    X(get_attr, PyObject *, (PyObject *object, PyObject *name))                  /* escapes; these four: the name is no constant */ \
    X(get_attr_default, PyObject *, (PyObject *object, PyObject *name, PyObject *fallback)) /* escapes */ \
    X(has_attr, int, (PyObject *object, PyObject *name))                         /* escapes */ \
    X(set_attr, int, (PyObject *object, PyObject *name, PyObject *value))        /* escapes */ \
    X(load_super_attr_cached, ObjectPair, (PyThreadState *tstate, PyObject *super, PyObject *class, PyObject *self, int flags, SuperCell *cell)) /* escapes; as load_super_attr */

#define PYSTON_HELPERS(X) PYSTON_API_HELPERS(X) PYSTON_OWN_HELPERS(X)

/* Hidden: they are reached by address only. */
#pragma GCC visibility push(hidden)
#define X(name, result, parameters) result name parameters;
PYSTON_OWN_HELPERS(X)
#undef X

/* Finds what the helpers need of the running interpreter; -1 with an exception set. Called once, at import. */
int helpers_init(void);
/* A part of it. */
void calls_init(void);

/* After a tp_iternext gave NULL: 0 when that was the end, -1 on an error. */
int iteration_ended(void);

#pragma GCC visibility pop

/* Interned names that helpers look up, and slot functions of the interpreter that it does not export. Owned by the
 * process from helpers_init on. */
typedef struct {
    PyObject *class_, *init, *new, *get, *getattr, *getattribute, *setattr, *call, *build_class, *empty, *send;
    PyObject *getitem, *setitem, *delitem, *contains, *bool_, *len, *iter, *str, *instancecheck, *subclasscheck;
    initproc slot_init;             /* tp_init of a class with a Python __init__ */
    newfunc slot_new;               /* tp_new of a class with a Python __new__ */
    getattrofunc slot_getattr_hook; /* tp_getattro of a class with __getattr__ */
    getattrofunc slot_getattribute; /* … with __getattribute__ and without __getattr__ */
    setattrofunc slot_setattr;      /* tp_setattro of a class with __setattr__ or __delattr__ */
    ternaryfunc slot_call;          /* tp_call of a class with a Python __call__ */
    descrgetfunc slot_get;          /* tp_descr_get of a class with a Python __get__ */
    binaryfunc slot_getitem;        /* and so on */
    objobjargproc slot_setitem;
    objobjproc slot_contains;
    inquiry slot_bool;
    lenfunc slot_len;
    getiterfunc slot_iter;
    reprfunc slot_str;
} HelperNames;

extern HelperNames helper_names __attribute__((visibility("hidden")));

#endif
