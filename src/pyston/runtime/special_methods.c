/* Special methods written in Python, called without the interpreter's slot functions between.
 *
 * A class with a `__getitem__` in Python has a C function in its mp_subscript (slot_mp_subscript) that looks the method up, finds out
 * how it is bound, and calls it as C calls a callable: 150 instructions in eight places of the interpreter. The helpers of compiled code
 * know what they want to call. They look whether the class has that C function in the slot, and if what it would find is a
 * Python function, enter that.
 *
 * As from a slot function, the method gets references of its own to its arguments (enter.c says why that can be seen), but
 * for `__getitem__`, whose call the interpreter specialises, too. What the caller has borrowed stays alive: it is on its stack. */
#include "special_methods.h"

#include "artifact.h"
#include "cache_entry.h"
#include "enter.h"
#include "inline_cache.h"
#include "lookups.h"

PyObject *
call_owning(PyThreadState *tstate, PyObject *function, PyObject *const *args, size_t positional, PyObject *kwnames)
{
    vectorcallfunc vectorcall = ((PyFunctionObject *)function)->vectorcall;
    CodeRecord *record = record_entered_by(vectorcall);
    if (LIKELY(record != NULL)) {
        return enter_known(tstate, (PyFunctionObject *)function, args, positional, kwnames, record);
    }
    Py_INCREF(function); /* a method may take itself out of its class */
    PyObject *result = _Py_CheckFunctionResult(tstate, function, vectorcall(function, args, positional, kwnames), NULL);
    Py_DECREF(function);
    return result;
}

/* Borrows all but the result, which is new, or NULL with an exception set. Calls the special method of args[0]'s class with the
 * arguments, if it is a Python function; false: it is something else, and nothing has been done. */
static bool
call_special(PyObject **result, PyObject *name, PyObject *const *args, size_t count)
{
    PyObject *method = slot_function(Py_TYPE(args[0]), name);
    if (method == NULL) {
        return false;
    }
    *result = call_owning(PyThreadState_GetUnchecked(), method, args, count, NULL);
    return true;
}

/* Is it dict's own method that the slot function of the object's class would find? Classes below dict have slot functions in place of
 * the slots whose methods dict has beside them (METH_COEXIST). */
static inline bool
is_method_of_dict(PyObject *object, PyObject *name)
{
    const AttrEntry *entry = PyDict_Check(object) ? kept_lookup(Py_TYPE(object), name, LOOKUP_LOAD) : NULL;
    return entry != NULL && entry->kind != KIND_PYTHON && CLASS_KIND(entry) == CLASS_METHOD
           && Py_IS_TYPE(entry->object, &PyMethodDescr_Type)
           && PyDescr_TYPE(entry->object) == &PyDict_Type;
}

PyObject *
special_get_item(PyObject *container, PyObject *key)
{
    PyObject *method = slot_function(Py_TYPE(container), helper_names.getitem);
    if (method == NULL) {
        return is_method_of_dict(container, helper_names.getitem)
                   ? PyDict_Type.tp_as_mapping->mp_subscript(container, key)
                   : PyObject_GetItem(container, key);
    }
    return call_kept(method, container, key, NULL);
}

int
special_set_item(PyObject *container, PyObject *key, PyObject *value)
{
    PyObject *const args[] = {container, key, value};
    PyObject *result;
    if (!(value != NULL ? call_special(&result, helper_names.setitem, args, 3)
                        : call_special(&result, helper_names.delitem, args, 2))) {
        return value != NULL ? PyObject_SetItem(container, key, value) : PyObject_DelItem(container, key);
    }
    Py_XDECREF(result);
    return result != NULL ? 0 : -1;
}

int
special_contains(PyObject *container, PyObject *item)
{
    PyObject *const args[] = {container, item};
    PyObject *result;
    if (!call_special(&result, helper_names.contains, args, 2)) {
        return is_method_of_dict(container, helper_names.contains) ? PyDict_Contains(container, item)
                                                                          : PySequence_Contains(container, item);
    }
    if (result == NULL) {
        return -1;
    }
    int found = PyObject_IsTrue(result);
    Py_DECREF(result);
    return found;
}

int
special_bool(PyObject *object)
{
    PyObject *result;
    if (!call_special(&result, helper_names.bool_, &object, 1)) {
        return PyObject_IsTrue(object);
    }
    if (result == NULL) {
        return -1;
    }
    if (LIKELY(PyBool_Check(result))) {
        return result == Py_True; /* immortal */
    }
    PyErr_Format(PyExc_TypeError, "__bool__ should return bool, returned %.200s", Py_TYPE(result)->tp_name);
    Py_DECREF(result);
    return -1;
}

Py_ssize_t
special_len(PyObject *object)
{
    PyObject *result;
    if (!call_special(&result, helper_names.len, &object, 1)) {
        return PyObject_Size(object);
    }
    if (result == NULL) {
        return -1;
    }
    Py_SETREF(result, PyNumber_Index(result));
    if (result == NULL) {
        return -1;
    }
    Py_ssize_t length = -1;
    if (_PyLong_IsNegative((PyLongObject *)result)) {
        PyErr_SetString(PyExc_ValueError, "__len__() should return >= 0");
    }
    else {
        length = PyNumber_AsSsize_t(result, PyExc_OverflowError);
    }
    Py_DECREF(result);
    return length;
}

PyObject *
special_iter(PyObject *iterable)
{
    PyObject *result;
    if (!call_special(&result, helper_names.iter, &iterable, 1)) {
        return PyObject_GetIter(iterable);
    }
    if (result != NULL && UNLIKELY(!PyIter_Check(result))) {
        PyErr_Format(PyExc_TypeError, "iter() returned non-iterator of type '%.100s'", Py_TYPE(result)->tp_name);
        Py_CLEAR(result);
    }
    return result;
}

PyObject *
special_str(PyObject *object)
{
    PyObject *result;
    if (!call_special(&result, helper_names.str, &object, 1)) {
        return PyObject_Str(object);
    }
    if (result != NULL && UNLIKELY(!PyUnicode_Check(result))) {
        PyErr_Format(PyExc_TypeError, "__str__ returned non-string (type %.200s)", Py_TYPE(result)->tp_name);
        Py_CLEAR(result);
    }
    return result;
}
