/* Giving up references where the thread state is at hand. See release.c. */
#ifndef PYSTON_RELEASE_H
#define PYSTON_RELEASE_H

#include "host.h"

/* Frees the object, whose reference count is 0. */
HIDDEN void free_dead(PyThreadState *tstate, PyObject *object);

/* The same for who has no thread state. */
HIDDEN void free_dead_here(PyObject *object);

/* Py_DECREF */
static inline void
release(PyThreadState *tstate, PyObject *object)
{
    if (!_Py_IsImmortal(object) && --object->ob_refcnt == 0) {
        free_dead(tstate, object);
    }
}

/* Py_XDECREF */
static inline void
release_here(PyObject *object)
{
    if (object != NULL && !_Py_IsImmortal(object) && --object->ob_refcnt == 0) {
        free_dead_here(object);
    }
}

#endif
