/* Leaving compiled code. See leave.c. */
#ifndef PYSTON_LEAVE_H
#define PYSTON_LEAVE_H

#include "artifact.h"

/* Runs the exit's recipe and does what its kind says. Returns the body's result: new, or NULL with an exception. */
HIDDEN PyObject *leave_frame(PyThreadState *tstate, _PyInterpreterFrame *frame, Artifact *artifact, uint32_t exit,
                             Registers *registers);

/* Makes the frame true; then frees `dead` (its reference count is 0), or, without it, handles the eval breaker.
 * -1: go on; else the number of the exit to leave through. */
HIDDEN int sync_frame(PyThreadState *tstate, _PyInterpreterFrame *frame, Artifact *artifact, uint32_t exit,
                      Registers *registers, PyObject *dead);

#endif
