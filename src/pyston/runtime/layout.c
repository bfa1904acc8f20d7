/* Where things are: offsets, sizes and addresses of the interpreter's objects, for the compiler.
 *
 * Read from the headers of the CPython that this file is built with; host.c refuses to run in any other. Structs that no
 * header shows are written down here and checked on real objects. */
#include "helpers.h"
#include "introspect.h"
#include "internal/pycore_descrobject.h"
#include "internal/pycore_dict.h"
#include "internal/pycore_interp.h"
#include "internal/pycore_list.h"
#include "internal/pycore_moduleobject.h"
#include "internal/pycore_object.h"
#include "internal/pycore_range.h"
#include "internal/pycore_runtime.h"
#include "internal/pycore_tuple.h"
#include "internal/pycore_unicodeobject.h"

#include <stddef.h>

/* Private structs of the interpreter that compiled code reads; `verify_private_layout` checks them on real objects. */
typedef struct {
    PyObject_HEAD
    Py_ssize_t it_index;
    PyTupleObject *it_seq;
} TupleIterator;

typedef struct {
    PyObject_HEAD
    PyObject *start, *stop, *step, *length;
} RangeObject;

typedef struct {
    PyObject_HEAD
    Py_ssize_t en_index;
    PyObject *en_sit;
    PyObject *en_result;
    PyObject *en_longindex;
} EnumerateObject;

typedef struct {
    PyObject_HEAD
    PyDictObject *di_dict;
    Py_ssize_t di_used;
    Py_ssize_t di_pos;
    PyObject *di_result;
    Py_ssize_t len;
} DictIterator;

/* Returns -1 with an exception set when a private struct is not what this file takes it for. */
static int verify_private_layout(void)
{
    int right = 0;
    PyObject *pair = Py_BuildValue("(ii)", 1000001, 1000002);
    PyObject *dict = pair != NULL ? Py_BuildValue("{si}", "k", 1) : NULL;
    PyObject *iterator = dict != NULL ? PyObject_GetIter(pair) : NULL;
    PyObject *enumeration = iterator != NULL ? PyObject_CallOneArg((PyObject *)&PyEnum_Type, pair) : NULL;
    PyObject *keys = enumeration != NULL ? PyObject_GetIter(dict) : NULL;
    PyObject *range = keys != NULL ? PyObject_CallFunction((PyObject *)&PyRange_Type, "iii", 3, 30, 4) : NULL;
    PyObject *steps = range != NULL ? PyObject_GetIter(range) : NULL;
    if (steps != NULL) {
        _PyRangeIterObject *step = (_PyRangeIterObject *)steps;
        DictIterator *entry = (DictIterator *)keys;
        right = ((TupleIterator *)iterator)->it_index == 0 && ((TupleIterator *)iterator)->it_seq == (void *)pair &&
                ((EnumerateObject *)enumeration)->en_index == 0 &&
                Py_IS_TYPE(((EnumerateObject *)enumeration)->en_sit, &PyTupleIter_Type) &&
                entry->di_dict == (void *)dict && entry->di_used == 1 && entry->di_pos == 0 && entry->len == 1 &&
                step->start == 3 && step->step == 4 && step->len == 7 &&
                PyLong_AsLong(((RangeObject *)range)->stop) == 30;
    }
    PyObject *all[] = {pair, dict, iterator, enumeration, keys, range, steps};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        Py_XDECREF(all[i]);
    }
    if (!right && !PyErr_Occurred()) {
        PyErr_SetString(PyExc_RuntimeError, "an iterator has an unknown layout");
    }
    return right ? 0 : -1;
}

typedef struct {
    const char *name;
    long long value;
} Constant;

#define FIELD(name, struct_, field) {name, (long long)offsetof(struct_, field)}
#define ADDRESS(name, object) {name, (long long)(uintptr_t)(object)}
#define VALUE(name, value) {name, (long long)(value)}

/* Returns new: name -> offset, size or address. */
PyObject *pyston_layout(PyObject *module, PyObject *nothing)
{
    (void)module, (void)nothing;
    const Constant constants[] = {
        FIELD("object.refcount", PyObject, ob_refcnt),
        FIELD("object.type", PyObject, ob_type),
        FIELD("var.size", PyVarObject, ob_size),
        FIELD("type.name", PyTypeObject, tp_name),
        FIELD("type.basicsize", PyTypeObject, tp_basicsize),
        FIELD("type.flags", PyTypeObject, tp_flags),
        FIELD("type.version_tag", PyTypeObject, tp_version_tag),
        FIELD("type.dealloc", PyTypeObject, tp_dealloc),
        FIELD("type.iternext", PyTypeObject, tp_iternext),
        FIELD("type.call", PyTypeObject, tp_call),
        FIELD("type.descr_get", PyTypeObject, tp_descr_get),
        FIELD("type.descr_set", PyTypeObject, tp_descr_set),
        FIELD("type.vectorcall_offset", PyTypeObject, tp_vectorcall_offset),
        FIELD("type.vectorcall", PyTypeObject, tp_vectorcall),
        FIELD("heap_type.cached_keys", PyHeapTypeObject, ht_cached_keys),
        VALUE("type.flag.inline_values", Py_TPFLAGS_INLINE_VALUES),
        VALUE("type.flag.managed_dict", Py_TPFLAGS_MANAGED_DICT),
        VALUE("type.flag.mapping", Py_TPFLAGS_MAPPING),
        VALUE("type.flag.sequence", Py_TPFLAGS_SEQUENCE),
        VALUE("type.flag.long_subclass", Py_TPFLAGS_LONG_SUBCLASS),
        VALUE("type.flag.list_subclass", Py_TPFLAGS_LIST_SUBCLASS),
        VALUE("type.flag.tuple_subclass", Py_TPFLAGS_TUPLE_SUBCLASS),
        VALUE("type.flag.bytes_subclass", Py_TPFLAGS_BYTES_SUBCLASS),
        VALUE("type.flag.unicode_subclass", Py_TPFLAGS_UNICODE_SUBCLASS),
        VALUE("type.flag.dict_subclass", Py_TPFLAGS_DICT_SUBCLASS),
        VALUE("type.flag.exception_subclass", Py_TPFLAGS_BASE_EXC_SUBCLASS),
        VALUE("type.flag.type_subclass", Py_TPFLAGS_TYPE_SUBCLASS),
        VALUE("type.flag.have_vectorcall", Py_TPFLAGS_HAVE_VECTORCALL),
        VALUE("immortal.refcount", _Py_IMMORTAL_INITIAL_REFCNT),
        FIELD("long.tag", PyLongObject, long_value.lv_tag),
        FIELD("long.digit", PyLongObject, long_value.ob_digit),
        VALUE("long.digit_bits", PyLong_SHIFT),
        VALUE("long.non_size_bits", NON_SIZE_BITS),
        VALUE("long.sign_mask", SIGN_MASK),
        ADDRESS("long.small_ints", &_PyLong_SMALL_INTS[0]),
        VALUE("long.small_int_size", sizeof(PyLongObject)),
        VALUE("long.small_negative", _PY_NSMALLNEGINTS),
        VALUE("long.small_positive", _PY_NSMALLPOSINTS),
        FIELD("float.value", PyFloatObject, ob_fval),
        FIELD("list.items", PyListObject, ob_item),
        FIELD("list.size", PyVarObject, ob_size),
        FIELD("list.allocated", PyListObject, allocated),
        FIELD("tuple.items", PyTupleObject, ob_item),
        FIELD("tuple.size", PyVarObject, ob_size),
        FIELD("bytes.size", PyVarObject, ob_size),
        FIELD("bytes.data", PyBytesObject, ob_sval),
        FIELD("dict.used", PyDictObject, ma_used),
        FIELD("dict.keys", PyDictObject, ma_keys),
        FIELD("dict.values", PyDictObject, ma_values),
        FIELD("keys.version", PyDictKeysObject, dk_version),
        FIELD("keys.nentries", PyDictKeysObject, dk_nentries),
        FIELD("keys.usable", PyDictKeysObject, dk_usable),
        FIELD("keys.kind", PyDictKeysObject, dk_kind),
        FIELD("keys.log2_index_bytes", PyDictKeysObject, dk_log2_index_bytes),
        FIELD("keys.indices", PyDictKeysObject, dk_indices),
        VALUE("keys.unicode_entry_size", sizeof(PyDictUnicodeEntry)),
        FIELD("keys.unicode_entry_value", PyDictUnicodeEntry, me_value),
        FIELD("values.capacity", PyDictValues, capacity),
        FIELD("values.size", PyDictValues, size),
        FIELD("values.embedded", PyDictValues, embedded),
        FIELD("values.valid", PyDictValues, valid),
        FIELD("values.values", PyDictValues, values),
        VALUE("object.managed_dict", MANAGED_DICT_OFFSET),
        VALUE("object.managed_weakref", MANAGED_WEAKREF_OFFSET),
        VALUE("gc.head_size", sizeof(PyGC_Head)),
        FIELD("set.used", PySetObject, used),
        FIELD("unicode.length", PyASCIIObject, length),
        FIELD("unicode.hash", PyASCIIObject, hash),
        FIELD("unicode.state", PyASCIIObject, state),
        VALUE("unicode.ascii_data", sizeof(PyASCIIObject)),
        VALUE("unicode.compact_data", sizeof(PyCompactUnicodeObject)),
        FIELD("cell.ref", PyCellObject, ob_ref),
        FIELD("slice.start", PySliceObject, start),
        FIELD("slice.stop", PySliceObject, stop),
        FIELD("slice.step", PySliceObject, step),
        FIELD("method.function", PyMethodObject, im_func),
        FIELD("method.self", PyMethodObject, im_self),
        FIELD("cfunction.method_def", PyCFunctionObject, m_ml),
        FIELD("cfunction.self", PyCFunctionObject, m_self),
        FIELD("cfunction.vectorcall", PyCFunctionObject, vectorcall),
        FIELD("method_descriptor.vectorcall", PyMethodDescrObject, vectorcall),
        FIELD("method_def.function", PyMethodDef, ml_meth),
        FIELD("property.get", _PyPropertyObject, prop_get),
        FIELD("module.dict", PyModuleObject, md_dict),
        FIELD("function.globals", PyFunctionObject, func_globals),
        FIELD("function.builtins", PyFunctionObject, func_builtins),
        FIELD("function.code", PyFunctionObject, func_code),
        FIELD("function.defaults", PyFunctionObject, func_defaults),
        FIELD("function.kwdefaults", PyFunctionObject, func_kwdefaults),
        FIELD("function.closure", PyFunctionObject, func_closure),
        FIELD("function.vectorcall", PyFunctionObject, vectorcall),
        FIELD("function.version", PyFunctionObject, func_version),
        FIELD("code.instrumentation_version", PyCodeObject, _co_instrumentation_version),
        FIELD("code.monitoring", PyCodeObject, _co_monitoring),
        FIELD("code.framesize", PyCodeObject, co_framesize),
        FIELD("code.nlocalsplus", PyCodeObject, co_nlocalsplus),
        FIELD("code.version", PyCodeObject, co_version),
        FIELD("code.adaptive", PyCodeObject, co_code_adaptive),
        FIELD("code.consts", PyCodeObject, co_consts),
        FIELD("code.names", PyCodeObject, co_names),
        FIELD("frame.executable", _PyInterpreterFrame, f_executable),
        FIELD("frame.previous", _PyInterpreterFrame, previous),
        FIELD("frame.function", _PyInterpreterFrame, f_funcobj),
        FIELD("frame.globals", _PyInterpreterFrame, f_globals),
        FIELD("frame.builtins", _PyInterpreterFrame, f_builtins),
        FIELD("frame.locals", _PyInterpreterFrame, f_locals),
        FIELD("frame.frame_object", _PyInterpreterFrame, frame_obj),
        FIELD("frame.instr_ptr", _PyInterpreterFrame, instr_ptr),
        FIELD("frame.stackpointer", _PyInterpreterFrame, stackpointer),
        FIELD("frame.return_offset", _PyInterpreterFrame, return_offset),
        FIELD("frame.owner", _PyInterpreterFrame, owner),
        FIELD("frame.visited", _PyInterpreterFrame, visited),
        FIELD("frame.localsplus", _PyInterpreterFrame, localsplus),
        FIELD("tstate.current_frame", PyThreadState, current_frame),
        FIELD("tstate.py_recursion_remaining", PyThreadState, py_recursion_remaining),
        FIELD("tstate.eval_breaker", PyThreadState, eval_breaker),
        FIELD("tstate.datastack_chunk", PyThreadState, datastack_chunk),
        FIELD("tstate.datastack_top", PyThreadState, datastack_top),
        FIELD("tstate.datastack_limit", PyThreadState, datastack_limit),
        FIELD("tstate.exc_info", PyThreadState, exc_info),
        FIELD("tstate.current_exception", PyThreadState, current_exception),
        FIELD("tstate.interp", PyThreadState, interp),
        FIELD("tstate.c_stack_soft_limit", _PyThreadStateImpl, c_stack_soft_limit),
        FIELD("exc_info.value", _PyErr_StackItem, exc_value),
        FIELD("exc_info.previous", _PyErr_StackItem, previous_item),
        FIELD("range.start", RangeObject, start),
        FIELD("range.stop", RangeObject, stop),
        FIELD("range.step", RangeObject, step),
        FIELD("range_iterator.start", _PyRangeIterObject, start),
        FIELD("range_iterator.step", _PyRangeIterObject, step),
        FIELD("range_iterator.length", _PyRangeIterObject, len),
        FIELD("list_iterator.index", _PyListIterObject, it_index),
        FIELD("list_iterator.sequence", _PyListIterObject, it_seq),
        FIELD("tuple_iterator.index", TupleIterator, it_index),
        FIELD("tuple_iterator.sequence", TupleIterator, it_seq),
        FIELD("enumerate.index", EnumerateObject, en_index),
        FIELD("enumerate.iterator", EnumerateObject, en_sit),
        FIELD("dict_iterator.dict", DictIterator, di_dict),
        FIELD("dict_iterator.used", DictIterator, di_used),
        FIELD("dict_iterator.position", DictIterator, di_pos),
        FIELD("dict_iterator.length", DictIterator, len),
        ADDRESS("None", Py_None),
        ADDRESS("True", Py_True),
        ADDRESS("False", Py_False),
        ADDRESS("NotImplemented", Py_NotImplemented),
        ADDRESS("Ellipsis", Py_Ellipsis),
        ADDRESS("type.type", &PyType_Type),
        ADDRESS("type.object", &PyBaseObject_Type),
        ADDRESS("type.int", &PyLong_Type),
        ADDRESS("type.bool", &PyBool_Type),
        ADDRESS("type.float", &PyFloat_Type),
        ADDRESS("type.str", &PyUnicode_Type),
        ADDRESS("type.bytes", &PyBytes_Type),
        ADDRESS("type.list", &PyList_Type),
        ADDRESS("type.tuple", &PyTuple_Type),
        ADDRESS("type.dict", &PyDict_Type),
        ADDRESS("type.set", &PySet_Type),
        ADDRESS("type.frozenset", &PyFrozenSet_Type),
        ADDRESS("type.slice", &PySlice_Type),
        ADDRESS("type.range", &PyRange_Type),
        ADDRESS("type.enumerate", &PyEnum_Type),
        ADDRESS("type.cell", &PyCell_Type),
        ADDRESS("type.function", &PyFunction_Type),
        ADDRESS("type.method", &PyMethod_Type),
        ADDRESS("type.module", &PyModule_Type),
        ADDRESS("type.builtin_function", &PyCFunction_Type),
        ADDRESS("type.method_descriptor", &PyMethodDescr_Type),
        ADDRESS("type.generator", &PyGen_Type),
        ADDRESS("type.coroutine", &PyCoro_Type),
        ADDRESS("type.list_iterator", &PyListIter_Type),
        ADDRESS("type.tuple_iterator", &PyTupleIter_Type),
        ADDRESS("type.range_iterator", &PyRangeIter_Type),
        ADDRESS("type.dict_key_iterator", &PyDictIterKey_Type),
        ADDRESS("type.dict_value_iterator", &PyDictIterValue_Type),
        ADDRESS("type.dict_item_iterator", &PyDictIterItem_Type),
        ADDRESS("singleton.empty_tuple", &_Py_SINGLETON(tuple_empty)),
        ADDRESS("singleton.empty_str", helper_names.empty),
        VALUE("cell.attr_bytes", ATTR_CELL_BYTES),
        VALUE("cell.global_bytes", GLOBAL_CELL_BYTES),
        VALUE("cell.super_bytes", SUPER_CELL_BYTES),
    };
    PyObject *table = verify_private_layout() < 0 ? NULL : PyDict_New();
    for (size_t i = 0; table != NULL && i < sizeof(constants) / sizeof(constants[0]); i++) {
        PyObject *value = PyLong_FromLongLong(constants[i].value);
        if (value == NULL || PyDict_SetItemString(table, constants[i].name, value) < 0) {
            Py_CLEAR(table);
        }
        Py_XDECREF(value);
    }
    return table;
}
