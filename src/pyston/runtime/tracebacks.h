/* Entries of tracebacks. See tracebacks.c. */
#ifndef PYSTON_TRACEBACKS_H
#define PYSTON_TRACEBACKS_H

#include "host.h"

/* The current frame is where the exception that is set was raised, or where it passes: says so in its traceback. Keeps the exception. */
HIDDEN void add_traceback(PyThreadState *tstate, _PyInterpreterFrame *frame);

/* The frame ends, and has an object. That goes first, if nobody else has it: what it was in the traceback of is dead. */
HIDDEN void free_frame_object(PyThreadState *tstate, _PyInterpreterFrame *frame);

/* Frees traceback entries here, while Pyston is on. */
HIDDEN void tracebacks_hook(void);
HIDDEN void tracebacks_unhook(void);

#endif
