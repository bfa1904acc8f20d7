/* Instances of ordinary classes, made and freed in few lines of code. See instances.c. */
#ifndef PYSTON_INSTANCES_H
#define PYSTON_INSTANCES_H

#include "host.h"

/* Takes from a class (borrowed) that `class` made how instances of such are freed. */
HIDDEN void instances_start(PyTypeObject *class);

/* The tp_dealloc of all classes that were made in Python; it is not exported. */
extern HIDDEN destructor usual_dealloc;

/* Frees the object, whose reference count is 0 and whose class has that, where nobody is told of objects' ends. */
HIDDEN void free_instance(PyObject *self, PyThreadState *tstate);

#endif
