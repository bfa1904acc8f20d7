/* The methods that module.c adds for the compiler's World. */
#ifndef PYSTON_INTROSPECT_H
#define PYSTON_INTROSPECT_H

#include <Python.h>

extern PyMethodDef pyston_introspect_methods[] __attribute__((visibility("hidden")));

/* Returns new: name -> offset, size or address. (layout.c) */
PyObject *pyston_layout(PyObject *module, PyObject *nothing) __attribute__((visibility("hidden")));

#endif
