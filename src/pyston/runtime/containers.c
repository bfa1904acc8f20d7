/* Building, unpacking, indexing and iterating containers for compiled code.
 *
 * The *_exact_* functions cannot run Python code: where only some object's `__eq__` could tell, they say "not decided"
 * and the caller takes the general way. */
#include "helpers.h"
#include "dict_lookup.h"
#include "generators.h"
#include "sequences.h"
#include "special_methods.h"

#include "internal/pycore_freelist.h"
#include "internal/pycore_list.h"
#include "internal/pycore_long.h"
#include "internal/pycore_pyerrors.h"
#include "internal/pycore_range.h"
#include "internal/pycore_setobject.h"
#include "internal/pycore_sliceobject.h"
#include "internal/pycore_tuple.h"

/* --- building ------------------------------------------------------------------------------------------------ */

/* Steals each item; returns new. */
PyObject *build_set(PyObject **items, Py_ssize_t count)
{
    PyObject *set = PySet_New(NULL);
    int failed = set == NULL;
    for (Py_ssize_t i = 0; i < count; i++) {
        if (failed) {
            Py_DECREF(items[i]);
        }
        else {
            failed = _PySet_AddTakeRef((PySetObject *)set, items[i]) != 0;
        }
    }
    if (failed) {
        Py_CLEAR(set);
    }
    return set;
}

/* Borrows; step may be NULL; returns new. */
PyObject *build_slice(PyObject *start, PyObject *stop, PyObject *step)
{
    return PySlice_New(start, stop, step);
}

/* --- unpacking ------------------------------------------------------------------------------------------------- */

/* `out` was filled with stack references, last item first: turns them into new references, first item first. */
static void straighten(PyObject **out, int count)
{
    for (int low = 0, high = count - 1; low <= high; low++, high--) {
        _PyStackRef a = {.bits = (uintptr_t)out[low]}, b = {.bits = (uintptr_t)out[high]};
        PyObject *first = PyStackRef_AsPyObjectSteal(b);
        if (low != high) {
            out[high] = PyStackRef_AsPyObjectSteal(a);
        }
        out[low] = first;
    }
}

/* Borrows the sequence; out gets new references. */
int unpack_sequence(PyObject *sequence, PyObject **out, int count)
{
    PyObject **items = NULL;
    if (PyTuple_CheckExact(sequence) && PyTuple_GET_SIZE(sequence) == count) {
        items = _PyTuple_ITEMS(sequence);
    }
    else if (PyList_CheckExact(sequence) && PyList_GET_SIZE(sequence) == count) {
        items = _PyList_ITEMS(sequence);
    }
    if (items != NULL) {
        for (int i = 0; i < count; i++) {
            out[i] = Py_NewRef(items[i]);
        }
        return 0;
    }
    if (!_PyEval_UnpackIterableStackRef(PyThreadState_Get(), sequence, count, -1, (_PyStackRef *)out + count)) {
        return -1;
    }
    straighten(out, count);
    return 0;
}

/* Borrows the sequence; out gets new references: before items, the list of the middle, after items. */
int unpack_ex(PyObject *sequence, PyObject **out, int before, int after)
{
    int count = before + 1 + after;
    if (!_PyEval_UnpackIterableStackRef(PyThreadState_Get(), sequence, before, after, (_PyStackRef *)out + count)) {
        return -1;
    }
    straighten(out, count);
    return 0;
}

/* --- slices ------------------------------------------------------------------------------------------------------- */

/* Borrows. Turns a slice bound that is None or a small int into an index; 0 when it is something else. */
static int plain_bound(PyObject *bound, Py_ssize_t when_none, Py_ssize_t length, Py_ssize_t *index)
{
    if (bound == Py_None) {
        *index = when_none;
        return 1;
    }
    if (!PyLong_CheckExact(bound) || !_PyLong_IsCompact((PyLongObject *)bound)) {
        return 0;
    }
    Py_ssize_t value = _PyLong_CompactValue((PyLongObject *)bound);
    if (value < 0) {
        value += length;
        value = value < 0 ? 0 : value;
    }
    *index = value > length ? length : value;
    return 1;
}

/* Borrows; returns new. */
PyObject *binary_slice(PyObject *container, PyObject *start, PyObject *stop)
{
    Py_ssize_t low, high;
    if (PyUnicode_CheckExact(container)) {
        Py_ssize_t length = PyUnicode_GET_LENGTH(container);
        if (plain_bound(start, 0, length, &low) && plain_bound(stop, length, length, &high)) {
            return PyUnicode_Substring(container, low, high);
        }
    }
    else if (PyList_CheckExact(container)) {
        Py_ssize_t length = PyList_GET_SIZE(container);
        if (plain_bound(start, 0, length, &low) && plain_bound(stop, length, length, &high)) {
            return PyList_GetSlice(container, low, high);
        }
    }
    else if (PyTuple_CheckExact(container)) {
        Py_ssize_t length = PyTuple_GET_SIZE(container);
        if (plain_bound(start, 0, length, &low) && plain_bound(stop, length, length, &high)) {
            return PyTuple_GetSlice(container, low, high);
        }
    }
    PyObject *slice = PySlice_New(start, stop, NULL);
    if (slice == NULL) {
        return NULL;
    }
    PyObject *result = PyObject_GetItem(container, slice);
    Py_DECREF(slice);
    return result;
}

/* Borrows. */
int store_slice(PyObject *container, PyObject *start, PyObject *stop, PyObject *value)
{
    PyObject *slice = PySlice_New(start, stop, NULL);
    if (slice == NULL) {
        return -1;
    }
    int failed = PyObject_SetItem(container, slice, value);
    Py_DECREF(slice);
    return failed;
}

/* --- adding --------------------------------------------------------------------------------------------------------- */

/* Borrows. */
int set_add(PyObject *set, PyObject *item)
{
    return _PySet_AddTakeRef((PySetObject *)set, Py_NewRef(item));
}

/* Borrows. */
int set_update(PyObject *set, PyObject *iterable)
{
    return _PySet_Update(set, iterable);
}

/* Borrows. */
int map_add(PyObject *dict, PyObject *key, PyObject *value)
{
    return PyDict_SetItem(dict, key, value);
}

/* Borrows. {**update}. */
int dict_update(PyObject *dict, PyObject *update)
{
    if (PyDict_Update(dict, update) == 0) {
        return 0;
    }
    if (PyErr_ExceptionMatches(PyExc_AttributeError)) {
        PyErr_Format(PyExc_TypeError, "'%.200s' object is not a mapping", Py_TYPE(update)->tp_name);
    }
    return -1;
}

/* Borrows. f(**update): `function` is for the error text. */
int dict_merge(PyObject *dict, PyObject *update, PyObject *function)
{
    if (_PyDict_MergeEx(dict, update, 2) == 0) {
        return 0;
    }
    _PyEval_FormatKwargsError(PyThreadState_Get(), function, update);
    return -1;
}

/* --- looking up ------------------------------------------------------------------------------------------------------- */

/* Borrows; the value is new. */
ValueStatus dict_lookup_exact_str(PyObject *dict, PyObject *key)
{
    Py_ssize_t index = keys_find_str(((PyDictObject *)dict)->ma_keys, key);
    if (index == KEYS_UNDECIDED) {
        return (ValueStatus){NULL, -1};
    }
    PyObject *value = index < 0 ? NULL : dict_entry_value((PyDictObject *)dict, index);
    return (ValueStatus){Py_XNewRef(value), value != NULL};
}

/* Borrows. */
int dict_contains_exact_str(PyObject *dict, PyObject *key)
{
    Py_ssize_t index = keys_find_str(((PyDictObject *)dict)->ma_keys, key);
    if (index == KEYS_UNDECIDED) {
        return -1;
    }
    return index >= 0 && dict_entry_value((PyDictObject *)dict, index) != NULL;
}

/* Borrows; returns new. */
PyObject *dict_get_item(PyObject *dict, PyObject *key)
{
    PyObject *value;
    if (PyUnicode_CheckExact(key)) {
        ValueStatus found = dict_lookup_exact_str(dict, key);
        if (found.status > 0) {
            return found.value;
        }
    }
    if (PyDict_GetItemRef(dict, key, &value) == 0) {
        _PyErr_SetKeyError(key);
    }
    return value;
}

/* Borrows; returns new. */
PyObject *dict_get_default(PyObject *dict, PyObject *key, PyObject *fallback)
{
    PyObject *value;
    if (PyUnicode_CheckExact(key)) {
        ValueStatus found = dict_lookup_exact_str(dict, key);
        if (found.status >= 0) {
            return found.status ? found.value : Py_NewRef(fallback);
        }
    }
    if (PyDict_GetItemRef(dict, key, &value) == 0) {
        return Py_NewRef(fallback);
    }
    return value;
}

/* Borrows. The probe sequence of CPython's sets: runs of ten neighbours, then a jump. */
int set_contains_exact_str(PyObject *set, PyObject *key)
{
    const PySetObject *table = (PySetObject *)set;
    Py_hash_t hash = str_hash(key);
    size_t mask = (size_t)table->mask;
    size_t perturb = (size_t)hash;
    size_t slot = (size_t)hash & mask;
    for (;;) {
        const setentry *entry = &table->table[slot];
        int run = slot + 9 <= mask ? 9 : 0;
        for (; run >= 0; run--, entry++) {
            if (entry->key == NULL) {
                return 0;
            }
            if (entry->key == key) {
                return 1;
            }
            if (entry->hash == hash && entry->key != _PySet_Dummy) {
                if (!PyUnicode_CheckExact(entry->key)) {
                    return -1;
                }
                if (str_same(entry->key, key)) {
                    return 1;
                }
            }
        }
        perturb >>= 5;
        slot = (slot * 5 + 1 + perturb) & mask;
    }
}

/* Borrows. Items whose class could not be equal to a str without Python code, or are no plain values, are not
 * decided. */
int sequence_contains_exact_str(PyObject *sequence, PyObject *key)
{
    PyObject **items = PyTuple_CheckExact(sequence) ? _PyTuple_ITEMS(sequence) : _PyList_ITEMS(sequence);
    Py_ssize_t count = Py_SIZE(sequence);
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *item = items[i];
        if (item == key) {
            return 1;
        }
        if (PyUnicode_CheckExact(item)) {
            if (str_same(item, key)) {
                return 1;
            }
        }
        else if (item != Py_None && !PyLong_CheckExact(item) && !PyBool_Check(item)) {
            return -1;
        }
    }
    return 0;
}

/* Borrows. */
int contains(PyObject *container, PyObject *item)
{
    if (PyUnicode_CheckExact(item)) {
        int found = -1;
        if (PyDict_CheckExact(container)) {
            found = dict_contains_exact_str(container, item);
        }
        else if (PyTuple_CheckExact(container) || PyList_CheckExact(container)) {
            found = sequence_contains_exact_str(container, item);
        }
        else if (PyAnySet_CheckExact(container)) {
            found = set_contains_exact_str(container, item);
        }
        else if (PyUnicode_CheckExact(container)) {
            return PyUnicode_Contains(container, item);
        }
        if (found >= 0) {
            return found;
        }
    }
    return has_special_contains(Py_TYPE(container)) ? special_contains(container, item) : PySequence_Contains(container, item);
}

/* Borrows. */
int is_true(PyObject *value)
{
    if (value == Py_True) {
        return 1;
    }
    if (value == Py_False || value == Py_None) {
        return 0;
    }
    PyTypeObject *type = Py_TYPE(value);
    if (type == &PyUnicode_Type) {
        return PyUnicode_GET_LENGTH(value) != 0;
    }
    if (type == &PyList_Type || type == &PyTuple_Type || type == &PyBytes_Type) {
        return Py_SIZE(value) != 0;
    }
    if (type == &PyDict_Type) {
        return PyDict_GET_SIZE(value) != 0;
    }
    if (type == &PyLong_Type) {
        return !_PyLong_IsZero((PyLongObject *)value);
    }
    if (has_special_bool(type)) {
        return special_bool(value);
    }
    if (is_true_by_len(type)) {
        Py_ssize_t length = special_len(value);
        return length > 0 ? 1 : (int)length;
    }
    return PyObject_IsTrue(value);
}

/* Borrows; returns new. */
PyObject *get_item(PyObject *container, PyObject *key)
{
    PyTypeObject *type = Py_TYPE(container);
    if (type == &PyDict_Type) {
        return dict_get_item(container, key);
    }
    if (PyLong_CheckExact(key) && _PyLong_IsNonNegativeCompact((PyLongObject *)key)) {
        Py_ssize_t index = ((PyLongObject *)key)->long_value.ob_digit[0];
        if (type == &PyList_Type && index < PyList_GET_SIZE(container)) {
            return Py_NewRef(PyList_GET_ITEM(container, index));
        }
        if (type == &PyTuple_Type && index < PyTuple_GET_SIZE(container)) {
            return Py_NewRef(PyTuple_GET_ITEM(container, index));
        }
    }
    return has_special_get_item(type) ? special_get_item(container, key) : PyObject_GetItem(container, key);
}

/* Borrows. */
int set_item(PyObject *container, PyObject *key, PyObject *value)
{
    return has_special_set_item(Py_TYPE(container)) ? special_set_item(container, key, value)
                                                    : PyObject_SetItem(container, key, value);
}

/* Borrows. */
int delete_item(PyObject *container, PyObject *key)
{
    return has_special_set_item(Py_TYPE(container)) ? special_set_item(container, key, NULL) : PyObject_DelItem(container, key);
}

/* --- iterating ------------------------------------------------------------------------------------------------------------ */

/* Borrows; returns new. */
PyObject *get_iter(PyObject *iterable)
{
    if (Py_IS_TYPE(iterable, &PyList_Type)) {
        return make_list_iterator(iterable);
    }
    return Py_TYPE(iterable)->tp_iter == helper_names.slot_iter ? special_iter(iterable) : PyObject_GetIter(iterable);
}

/* After tp_iternext gave NULL: 0 when that was the end, -1 on an error. */
int iteration_ended(void)
{
    if (!PyErr_Occurred()) {
        return 0;
    }
    if (!PyErr_ExceptionMatches(PyExc_StopIteration)) {
        return -1;
    }
    PyErr_Clear();
    return 0;
}

/* Returns new: iter(range(start, stop, step)), where step is not 0 and has 60 bits at most. `distance`: stop - start, or for a
 * step downwards start - stop. */
PyObject *range_iterator(int64_t start, int64_t distance, int64_t step)
{
    _PyRangeIterObject *iterator = _Py_FREELIST_POP(_PyRangeIterObject, range_iters);
    if (iterator == NULL) {
        iterator = PyObject_New(_PyRangeIterObject, &PyRangeIter_Type);
    }
    if (iterator != NULL) {
        iterator->start = start;
        iterator->step = step;
        iterator->len = distance > 0 ? (distance - 1) / (step > 0 ? step : -step) + 1 : 0;
    }
    return (PyObject *)iterator;
}

/* Borrows; the value is new. */
ValueStatus iter_next(PyThreadState *tstate, PyObject *iterator)
{
    if (Py_IS_TYPE(iterator, &PyGen_Type)) {
        return generator_step(tstate, iterator);
    }
    iternextfunc next = Py_TYPE(iterator)->tp_iternext;
    if (next == NULL) { /* a generator expression's, exchanged through f_locals */
        PyErr_Format(PyExc_TypeError, "'%.100s' object is not an iterator", Py_TYPE(iterator)->tp_name);
        return (ValueStatus){NULL, -1};
    }
    PyObject *value = next(iterator);
    return (ValueStatus){value, value != NULL ? 0 : iteration_ended()};
}

/* Borrows; out gets two new references. */
int iter_next_pair(PyObject *iterator, PyObject **out)
{
    PyObject *value = Py_TYPE(iterator)->tp_iternext(iterator);
    if (value == NULL) {
        return iteration_ended();
    }
    int failed = unpack_sequence(value, out, 2);
    Py_DECREF(value);
    return failed ? -1 : 1;
}

/* Borrows; returns new. */
PyObject *get_yield_from_iter(_PyInterpreterFrame *frame, PyObject *iterable)
{
    if (PyCoro_CheckExact(iterable)) {
        if (!(_PyFrame_GetCode(frame)->co_flags & (CO_COROUTINE | CO_ITERABLE_COROUTINE))) {
            PyErr_SetString(PyExc_TypeError,
                            "cannot 'yield from' a coroutine object in a non-coroutine generator");
            return NULL;
        }
        return Py_NewRef(iterable);
    }
    if (PyGen_CheckExact(iterable)) {
        return Py_NewRef(iterable);
    }
    return PyObject_GetIter(iterable);
}

/* Borrows; returns new. */
PyObject *get_aiter(PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);
    if (type->tp_as_async == NULL || type->tp_as_async->am_aiter == NULL) {
        PyErr_Format(PyExc_TypeError, "'async for' requires an object with __aiter__ method, got %.100s",
                     type->tp_name);
        return NULL;
    }
    PyObject *iterator = type->tp_as_async->am_aiter(object);
    if (iterator != NULL &&
        (Py_TYPE(iterator)->tp_as_async == NULL || Py_TYPE(iterator)->tp_as_async->am_anext == NULL)) {
        PyErr_Format(PyExc_TypeError,
                     "'async for' received an object from __aiter__ that does not implement __anext__: %.100s",
                     Py_TYPE(iterator)->tp_name);
        Py_CLEAR(iterator);
    }
    return iterator;
}

/* Borrows; returns new. */
PyObject *get_len(PyObject *object)
{
    Py_ssize_t length = has_special_len(Py_TYPE(object)) ? special_len(object) : PyObject_Size(object);
    return length < 0 ? NULL : PyLong_FromSsize_t(length);
}
