/* What the helpers need of the running interpreter: interned names, and slot functions that CPython does not export.
 *
 * A slot function is found by making a small class that has it and looking; the class is dropped again. */
#include "helpers.h"
#include "attribute.h"
#include "blocks.h"
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
 * first look-up. */
static getattrofunc settled_getattro(PyTypeObject *class)
{
    PyObject *instance = PyObject_CallNoArgs((PyObject *)class);
    if (instance == NULL) {
        return NULL;
    }
    Py_XDECREF(PyObject_GetAttr(instance, helper_names.init));
    PyErr_Clear();
    Py_DECREF(instance);
    return class->tp_getattro;
}

static int find_slots(void)
{
    PyTypeObject *with_init = probe_class("__init__");
    PyTypeObject *with_new = probe_class("__new__");
    PyTypeObject *with_getattr = probe_class("__getattr__");
    PyTypeObject *with_getattribute = probe_class("__getattribute__");
    PyTypeObject *with_setattr = probe_class("__setattr__");
    PyTypeObject *with_call = probe_class("__call__");
    PyTypeObject *with_get = probe_class("__get__");
    int found = with_init && with_new && with_getattr && with_getattribute && with_setattr && with_call && with_get;
    if (found) {
        helper_names.slot_init = with_init->tp_init;
        helper_names.slot_new = with_new->tp_new;
        helper_names.slot_getattr_hook = with_getattr->tp_getattro;
        helper_names.slot_getattribute = settled_getattro(with_getattribute);
        helper_names.slot_setattr = with_setattr->tp_setattro;
        helper_names.slot_call = with_call->tp_call;
        helper_names.slot_get = with_get->tp_descr_get;
        instances_start(with_init);
        blocks_start();
    }
    Py_XDECREF(with_init);
    Py_XDECREF(with_new);
    Py_XDECREF(with_getattr);
    Py_XDECREF(with_getattribute);
    Py_XDECREF(with_setattr);
    Py_XDECREF(with_call);
    Py_XDECREF(with_get);
    return found && helper_names.slot_getattribute != NULL ? 0 : -1;
}

int helpers_init(void)
{
    if (helper_names.empty != NULL) {
        return 0;
    }
    helper_names.class_ = PyUnicode_InternFromString("__class__");
    helper_names.init = PyUnicode_InternFromString("__init__");
    helper_names.new = PyUnicode_InternFromString("__new__");
    helper_names.get = PyUnicode_InternFromString("__get__");
    helper_names.getattr = PyUnicode_InternFromString("__getattr__");
    helper_names.getattribute = PyUnicode_InternFromString("__getattribute__");
    helper_names.setattr = PyUnicode_InternFromString("__setattr__");
    helper_names.call = PyUnicode_InternFromString("__call__");
    helper_names.build_class = PyUnicode_InternFromString("__build_class__");
    helper_names.send = PyUnicode_InternFromString("send");
    helper_names.empty = PyUnicode_FromString("");
    if (PyErr_Occurred() || find_slots() < 0) {
        helper_names.empty = NULL;
        return -1;
    }
    return calls_init() < 0 || attribute_init() < 0 ? -1 : 0;
}
