/* What the helpers need of the running interpreter: interned names, and slot functions that CPython does not export.
 *
 * A slot function is found by making a small class that has it and looking; the class is dropped again. */
#include "helpers.h"
#include "attribute.h"
#include "blocks.h"
#include "dicts.h"
#include "instance_checks.h"
#include "instances.h"

HelperNames helper_names;


/* Returns new: a class whose dict is {name: len}. */
static PyTypeObject *probe_class(const char *name)
{
    PyObject *builtins = PyEval_GetFrameBuiltins();
    PyObject *callable = builtins != NULL ? PyDict_GetItemString(builtins, "len") : NULL;
    PyObject *class = NULL;
    if (callable != NULL) {
        class = PyObject_CallFunction((PyObject *)&PyType_Type, "s(){sO}", "probe", name, callable);
    }
    Py_XDECREF(builtins);
    return (PyTypeObject *)class;
}

/* Borrows a class whose `__getattribute__` raises. The interpreter gives such a class its final slot function at the
 * first look-up. 0, or -1 with an exception set. */
static int settle_getattro(PyTypeObject *class)
{
    PyObject *instance = PyObject_CallNoArgs((PyObject *)class);
    if (instance == NULL) {
        return -1;
    }
    Py_XDECREF(PyObject_GetAttr(instance, helper_names.init));
    PyErr_Clear();
    Py_DECREF(instance);
    return 0;
}

/* Where a class has the slot function for a special method, and where we keep it. */
static const struct {
    const char *name;
    size_t slot; /* in PyHeapTypeObject */
    size_t kept; /* in HelperNames */
} slots[] = {
#define SLOT(name, slot, kept) {name, offsetof(PyHeapTypeObject, slot), offsetof(HelperNames, kept)}
    SLOT("__init__", ht_type.tp_init, slot_init),
    SLOT("__new__", ht_type.tp_new, slot_new),
    SLOT("__getattr__", ht_type.tp_getattro, slot_getattr_hook),
    SLOT("__getattribute__", ht_type.tp_getattro, slot_getattribute),
    SLOT("__setattr__", ht_type.tp_setattro, slot_setattr),
    SLOT("__get__", ht_type.tp_descr_get, slot_get),
    SLOT("__call__", ht_type.tp_call, slot_call),
    SLOT("__getitem__", as_mapping.mp_subscript, slot_getitem),
    SLOT("__setitem__", as_mapping.mp_ass_subscript, slot_setitem),
    SLOT("__contains__", as_sequence.sq_contains, slot_contains),
    SLOT("__bool__", as_number.nb_bool, slot_bool),
    SLOT("__len__", as_sequence.sq_length, slot_len),
    SLOT("__iter__", ht_type.tp_iter, slot_iter),
    SLOT("__str__", ht_type.tp_str, slot_str),
#undef SLOT
};

static int find_slots(void)
{
    for (size_t i = 0; i < Py_ARRAY_LENGTH(slots); i++) {
        PyTypeObject *class = probe_class(slots[i].name);
        if (class == NULL || (slots[i].kept == offsetof(HelperNames, slot_getattribute) && settle_getattro(class) < 0)) {
            Py_XDECREF(class);
            return -1;
        }
        memcpy((char *)&helper_names + slots[i].kept, (char *)class + slots[i].slot, sizeof(void *));
        if (slots[i].kept == offsetof(HelperNames, slot_init)) {
            instances_start(class);
        }
        Py_DECREF(class);
    }
    blocks_start();
    return 0;
}

/* The interned names. */
static const struct {
    const char *name;
    size_t kept; /* in HelperNames */
} names[] = {
#define NAME(name, kept) {name, offsetof(HelperNames, kept)}
    NAME("__class__", class_),
    NAME("__init__", init),
    NAME("__new__", new),
    NAME("__get__", get),
    NAME("__getattr__", getattr),
    NAME("__getattribute__", getattribute),
    NAME("__setattr__", setattr),
    NAME("__build_class__", build_class),
    NAME("send", send),
    NAME("__call__", call),
    NAME("__getitem__", getitem),
    NAME("__setitem__", setitem),
    NAME("__delitem__", delitem),
    NAME("__contains__", contains),
    NAME("__bool__", bool_),
    NAME("__len__", len),
    NAME("__iter__", iter),
    NAME("__str__", str),
    NAME("__instancecheck__", instancecheck),
    NAME("__subclasscheck__", subclasscheck),
#undef NAME
};

int helpers_init(void)
{
    if (helper_names.empty != NULL) {
        return 0;
    }
    for (size_t i = 0; i < Py_ARRAY_LENGTH(names); i++) {
        PyObject *name = PyUnicode_InternFromString(names[i].name);
        memcpy((char *)&helper_names + names[i].kept, &name, sizeof(name));
    }
    helper_names.empty = PyUnicode_FromString("");
    if (PyErr_Occurred() || find_slots() < 0) {
        helper_names.empty = NULL;
        return -1;
    }
    calls_init();
    return instance_checks_init() < 0 || attribute_init() < 0 || dicts_start() < 0 ? -1 : 0;
}
