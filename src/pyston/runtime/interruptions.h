/* What interrupts the program while the compiler runs. See interruptions.c. */
#ifndef PYSTON_INTERRUPTIONS_H
#define PYSTON_INTERRUPTIONS_H

#include "host.h"

/* Is an asynchronous exception already on its way to the thread? The compiler would be the one that gets it. */
HIDDEN bool interruptions_wait(PyThreadState *tstate);

/* The thread is about to call the compiler. Not nested. */
HIDDEN void interruptions_hold(PyThreadState *tstate);

/* Since interruptions_hold: was an asynchronous exception raised in the compiler? */
HIDDEN bool interruptions_hit(PyThreadState *tstate);

/* The compiler has returned. Is the exception that it raised, if any, an asynchronous one? What else came meanwhile reaches
 * the program at its next check. The exception state stays. */
HIDDEN bool interruptions_release(PyThreadState *tstate);

#endif
