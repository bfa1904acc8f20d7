/* Generators and coroutines that run compiled. See generators.c. */
#ifndef PYSTON_GENERATORS_H
#define PYSTON_GENERATORS_H

#include "artifact.h"
#include "helpers.h"

/* Has the iteration and sending of generators and coroutines come through here (0, or -1 with an exception set), or no
 * longer. */
HIDDEN int generators_hook(void);
HIDDEN void generators_unhook(void);

/* The next value of a generator. Borrows; the value is new. Status 0, or -1: an exception is set. */
HIDDEN ValueStatus generator_step(PyThreadState *tstate, PyObject *generator);

/* The artifact is entered no more, or (NULL) what any may run under is to be asked anew. */
HIDDEN void generators_forget(const Artifact *artifact);

#endif
