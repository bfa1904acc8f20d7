/* Entries of tracebacks. See tracebacks.c. */
#ifndef PYSTON_TRACEBACKS_H
#define PYSTON_TRACEBACKS_H

#include "host.h"

/* The current frame is where the exception that is set was raised, or where it passes: says so in its traceback. Keeps the exception. */
HIDDEN void add_traceback(PyThreadState *tstate, _PyInterpreterFrame *frame);

#endif
