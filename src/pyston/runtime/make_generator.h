/* Making generators and coroutines. See make_generator.c. */
#ifndef PYSTON_MAKE_GENERATOR_H
#define PYSTON_MAKE_GENERATOR_H

#include "artifact.h"

/* See make_at_once. */
HIDDEN PyObject *make_generator_of(PyThreadState *tstate, PyFunctionObject *function, CodeRecord *record,
                                   PyObject *const *args, Py_ssize_t positional, PyObject *kwnames);

/* A call of a compiled function: new, if all it does is to make a generator or coroutine, and nothing is unusual. Else NULL: the call
 * is to be made, and nothing has happened. Borrows all; runs no Python code. */
static inline PyObject *
make_at_once(PyThreadState *tstate, PyFunctionObject *function, CodeRecord *record, PyObject *const *args,
             Py_ssize_t positional, PyObject *kwnames)
{
    return record->makes != NO_GENERATOR ? make_generator_of(tstate, function, record, args, positional, kwnames) : NULL;
}

#endif
