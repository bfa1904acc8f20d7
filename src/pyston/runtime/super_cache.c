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

/* What there is to bind in what was found. CLASS_NOTHING: that is not known here. */
static ClassKind kind_of(PyObject *found)
{
    PyTypeObject *type = Py_TYPE(found);
    if (!(type->tp_flags & Py_TPFLAGS_IMMUTABLETYPE)) {
        return CLASS_NOTHING;
    }
    return type->tp_flags & Py_TPFLAGS_METHOD_DESCRIPTOR ? CLASS_METHOD
           : type == &PyStaticMethod_Type                ? CLASS_STATIC
           : type == &PyClassMethod_Type                 ? CLASS_CLASSMETHOD
           : type->tp_descr_get == NULL                  ? CLASS_VALUE
                                                         : CLASS_NOTHING;
}

/* Learns super(class, self).name for methods of all kinds; other attributes are left to CPython, and so are instances of metaclasses
 * (each of them may be a class below `class` itself). */
static void learn_super(SuperCell *cell, PyObject *class, PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    cell->version = 0;
    cell->of_class = PyType_Check(self);
    if (cell->of_class) {
        type = (PyTypeObject *)self;
    }
    if (!PyType_Check(class) || cell->name == helper_names.class_ || !PyType_IsSubtype(type, (PyTypeObject *)class)) {
        return;
    }
    /* Asked for once: with the tag that a class gets here it may become restless, and nobody watches the name then. */
    cell->version = !is_restless(type) ? version_of(type) : restless_keeps(cell->name) ? restless_tag(type) : 0;
    if (cell->version == 0) {
        return;
    }
    PyObject *found = find_behind(type, class, cell->name);
    cell->kind = found != NULL ? kind_of(found) : CLASS_NOTHING;
    cell->class = class;
    cell->found = found;
}

/* Whether the cell is about this receiver. */
static inline bool fits(const SuperCell *cell, PyObject *class, PyObject *self)
{
    if (cell->version == 0 || cell->class != class || (cell->of_class && !PyType_Check(self))) {
        return false;
    }
    return cell->version == tag_of(cell->of_class ? (PyTypeObject *)self : Py_TYPE(self));
}

/* New: the method and what it is called with, or both in one where it is not called at once. */
static ObjectPair bound_to(PyObject *method, PyObject *self, int flags)
{
    return flags & 1 ? unbound(method, self) : (ObjectPair){PyMethod_New(method, self), NULL};
}

/* Everything but methods that are called. Returns new. */
static __attribute__((noinline)) ObjectPair found_behind(const SuperCell *cell, PyObject *self, int flags)
{
    PyObject *found = cell->found, *start = cell->of_class ? self : (PyObject *)Py_TYPE(self);
    switch (cell->kind) {
    case CLASS_METHOD:
        if (cell->of_class) {
            break;
        }
        return flags & 1 ? unbound(found, self) : (ObjectPair){Py_TYPE(found)->tp_descr_get(found, self, start), NULL};
    case CLASS_STATIC:
        found = wrapped_callable(found);
        break;
    case CLASS_CLASSMETHOD:
        return bound_to(wrapped_callable(found), start, flags);
    }
    return (ObjectPair){Py_NewRef(found), NULL};
}

/* Borrows; returns new, as load_super_attr. */
ObjectPair load_super_attr_cached(PyThreadState *tstate, PyObject *super, PyObject *class, PyObject *self, int flags,
                                  SuperCell *cell)
{
    if (super == (PyObject *)&PySuper_Type) {
        if (UNLIKELY(!fits(cell, class, self))) {
            learn_super(cell, class, self);
        }
        if (LIKELY(cell->version != 0 && cell->kind != CLASS_NOTHING)) {
            return LIKELY(cell->kind == CLASS_METHOD && (flags & 1) && !cell->of_class) ? unbound(cell->found, self)
                                                                                       : found_behind(cell, self, flags);
        }
    }
    return load_super_attr(tstate, super, class, self, cell->name, flags);
}
