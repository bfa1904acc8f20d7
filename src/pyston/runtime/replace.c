/* Putting functions of ours in the place of CPython's.
 *
 * A slot of a type is a plain field. But the methods in the type's dict know their functions themselves: a method descriptor,
 * as a module's function, through its definition, which is static data of CPython's, and a slot wrapper by a copy of the slot. Both are changed
 * in place, so that the objects in the dicts stay who they are. Owns nothing; the definitions outlive the process's use. */
#include "replace.h"

int
replace_method(PyObject *owner, const char *name, int flags, PyCFunction function, PyCFunction *original)
{
    PyObject *method = PyObject_GetAttrString(owner, name);
    if (method == NULL) {
        return -1;
    }
    PyMethodDef *definition = Py_IS_TYPE(method, &PyMethodDescr_Type) ? ((PyMethodDescrObject *)method)->d_method
                              : Py_IS_TYPE(method, &PyCFunction_Type) ? ((PyCFunctionObject *)method)->m_ml
                                                                      : NULL;
    int known = definition != NULL && (definition->ml_flags & ~METH_COEXIST) == flags;
    if (known) {
        *original = definition->ml_meth;
        definition->ml_meth = function;
    }
    Py_DECREF(method);
    if (!known) {
        PyErr_Format(PyExc_RuntimeError, "%R: %s is not as expected", owner, name);
        return -1;
    }
    return 0;
}

int
replace_setter(PyTypeObject *type, const char *name, setter function, setter *original)
{
    PyObject *names = PyUnicode_InternFromString(name);
    PyObject *found = names != NULL ? _PyType_Lookup(type, names) : NULL; /* borrowed */
    Py_XDECREF(names);
    if (found == NULL || !Py_IS_TYPE(found, &PyGetSetDescr_Type)) {
        PyErr_Format(PyExc_RuntimeError, "%R: %s is not as expected", type, name);
        return -1;
    }
    PyGetSetDef *definition = ((PyGetSetDescrObject *)found)->d_getset;
    *original = definition->set;
    definition->set = function;
    return 0;
}

int
replace_wrapped(PyTypeObject *type, const char *name, void *original, void *function)
{
    PyObject *method = PyObject_GetAttrString((PyObject *)type, name);
    if (method == NULL) {
        return -1;
    }
    if (Py_IS_TYPE(method, &PyWrapperDescr_Type) && ((PyWrapperDescrObject *)method)->d_wrapped == original) {
        ((PyWrapperDescrObject *)method)->d_wrapped = function;
    }
    Py_DECREF(method);
    return 0;
}
