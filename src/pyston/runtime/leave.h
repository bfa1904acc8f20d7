/* Leaving compiled code. See leave.c. */
#ifndef PYSTON_LEAVE_H
#define PYSTON_LEAVE_H

#include "artifact.h"

/* Runs the exit's recipe and does what its kind says. Returns the body's result: new, or NULL with an exception. */
HIDDEN PyObject *leave_frame(PyThreadState *tstate, _PyInterpreterFrame *frame, Artifact *artifact, uint32_t exit,
                             Registers *registers);

/* The exit whose number stands behind a call, at its return address; sets *number and returns the artifact. */
HIDDEN Artifact *exit_behind(const unsigned char *address, uint64_t *number);

/* Does the code handle exceptions raised at the code unit? */
HIDDEN bool is_handled(PyCodeObject *code, int unit);

/* Makes the frame true; then frees `dead` (its reference count is 0), or, without it, handles the eval breaker.
 * -1: go on; else the number of the exit to leave through. */
HIDDEN int sync_frame(PyThreadState *tstate, _PyInterpreterFrame *frame, Artifact *artifact, uint32_t exit,
                      Registers *registers, PyObject *dead);

#endif
