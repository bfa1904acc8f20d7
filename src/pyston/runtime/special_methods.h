/* Special methods written in Python, without the interpreter's slot functions between. See special_methods.c. */
#ifndef PYSTON_SPECIAL_METHODS_H
#define PYSTON_SPECIAL_METHODS_H

#include "helpers.h"

#pragma GCC visibility push(hidden)

/* Borrows; returns new. Calls a Python function, which gets references of its own to the arguments. */
PyObject *call_owning(PyThreadState *tstate, PyObject *function, PyObject *const *args, size_t positional, PyObject *kwnames);

/* The operations for objects whose class has the interpreter's slot function for Python methods in that place. Each borrows its
 * arguments; what it returns is as of the function of CPython's that is named. */
PyObject *special_get_item(PyObject *container, PyObject *key);                 /* PyObject_GetItem */
int special_set_item(PyObject *container, PyObject *key, PyObject *value);      /* PyObject_SetItem; value NULL: PyObject_DelItem */
int special_contains(PyObject *container, PyObject *item);                      /* PySequence_Contains */
int special_bool(PyObject *object);                                             /* PyObject_IsTrue */
Py_ssize_t special_len(PyObject *object);                                       /* PyObject_Size */
PyObject *special_iter(PyObject *iterable);                                     /* PyObject_GetIter */
PyObject *special_str(PyObject *object);                                        /* PyObject_Str */

#pragma GCC visibility pop

static inline bool
has_special_get_item(PyTypeObject *type)
{
    return type->tp_as_mapping != NULL && type->tp_as_mapping->mp_subscript == helper_names.slot_getitem;
}

static inline bool
has_special_set_item(PyTypeObject *type)
{
    return type->tp_as_mapping != NULL && type->tp_as_mapping->mp_ass_subscript == helper_names.slot_setitem;
}

static inline bool
has_special_contains(PyTypeObject *type)
{
    return type->tp_as_sequence != NULL && type->tp_as_sequence->sq_contains == helper_names.slot_contains;
}

static inline bool
has_special_bool(PyTypeObject *type)
{
    return type->tp_as_number != NULL && type->tp_as_number->nb_bool == helper_names.slot_bool;
}

/* Is an object of the class true when its `__len__` says that it is not empty? */
static inline bool
is_true_by_len(PyTypeObject *type)
{
    return (type->tp_as_number == NULL || type->tp_as_number->nb_bool == NULL) && type->tp_as_mapping != NULL
           && type->tp_as_mapping->mp_length == helper_names.slot_len;
}

static inline bool
has_special_len(PyTypeObject *type)
{
    return type->tp_as_sequence != NULL && type->tp_as_sequence->sq_length == helper_names.slot_len;
}

#endif
