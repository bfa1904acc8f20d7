/* super().method() through a cell: the method found behind a class in the order of self's type. */
#include "cache_entry.h"
#include "internal/pycore_typeobject.h"

/* Returns borrowed, or NULL: `name` in the classes behind `class` in the method resolution order of `type`. */
static PyObject *find_behind(PyTypeObject *type, PyObject *class, PyObject *name)
{
    PyObject *order = type->tp_mro;
    Py_ssize_t count = order != NULL ? PyTuple_GET_SIZE(order) : 0;
    Py_ssize_t i = 0;
    while (i < count && PyTuple_GET_ITEM(order, i) != class) {
        i++;
    }
    for (i++; i < count; i++) {
        PyDictObject *dict = (PyDictObject *)_PyType_GetDict((PyTypeObject *)PyTuple_GET_ITEM(order, i));
        Py_ssize_t index = dict != NULL ? keys_find_str(dict->ma_keys, name) : KEYS_UNDECIDED;
        if (index == KEYS_UNDECIDED) {
            return NULL;
        }
        PyObject *found = index >= 0 ? dict_entry_value(dict, index) : NULL;
        if (found != NULL) {
            return found;
        }
    }
    return NULL;
}

/* Learns super(class, self).name for ordinary methods; other attributes are left to CPython. */
static void learn_super(SuperCell *cell, PyObject *class, PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    cell->version = 0;
    if (!PyType_Check(class) || PyType_Check(self) || type->tp_getattro != PyObject_GenericGetAttr ||
        cell->name == helper_names.class_ || !PyType_IsSubtype(type, (PyTypeObject *)class) ||
        (is_restless(type) ? !restless_keeps(cell->name) : version_of(type) == 0)) {
        return;
    }
    PyObject *found = find_behind(type, class, cell->name);
    if (found != NULL && (Py_TYPE(found)->tp_flags & Py_TPFLAGS_METHOD_DESCRIPTOR) &&
        (Py_TYPE(found)->tp_flags & Py_TPFLAGS_IMMUTABLETYPE)) {
        cell->version = tag_of(type);
        cell->class = class;
        cell->method = found;
    }
}

/* Borrows; returns new, as load_super_attr. */
ObjectPair load_super_attr_cached(PyThreadState *tstate, PyObject *super, PyObject *class, PyObject *self, int flags,
                                  SuperCell *cell)
{
    if ((flags & 1) && super == (PyObject *)&PySuper_Type) {
        if (cell->version != tag_of(Py_TYPE(self)) || cell->class != class || cell->version == 0) {
            learn_super(cell, class, self);
        }
        if (cell->version != 0) {
            return unbound(cell->method, self);
        }
    }
    return load_super_attr(tstate, super, class, self, cell->name, flags);
}
