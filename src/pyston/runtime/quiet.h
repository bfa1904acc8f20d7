/* Keeping the compiler's objects out of the program's garbage collection. See quiet.c. */
#ifndef PYSTON_QUIET_H
#define PYSTON_QUIET_H

#include "host.h"

/* 0, or -1 with an exception set. Called once. */
HIDDEN int quiet_init(void);

/* From here on the collector does not run, and new objects are put aside. Cannot fail; not nested. */
HIDDEN void quiet_begin(void);
/* Frees the garbage among them, and lets everything go on as it was. Runs what finalizers they have. Cannot fail; the
 * exception state stays. */
HIDDEN void quiet_end(void);
/* The same without looking for garbage; runs no Python code. */
HIDDEN void quiet_abandon(void);

#endif
