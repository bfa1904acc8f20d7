/* Which code runs, on the stacks of all threads. See stacks.c. */
#ifndef PYSTON_STACKS_H
#define PYSTON_STACKS_H

#include "artifact.h"

/* False: no activation of this code is compiled. Runs no Python code. */
HIDDEN bool may_run_compiled(const PyCodeObject *code);
/* The same for the collector, while it looks what refers to what, which asks of many. */
HIDDEN bool may_run_while_collecting(const PyCodeObject *code);

#endif
