/* Which code runs, on the stacks of all threads. See stacks.c. */
#ifndef PYSTON_STACKS_H
#define PYSTON_STACKS_H

#include "artifact.h"

/* False: no activation runs this artifact. Runs no Python code. */
HIDDEN bool may_run_compiled(const Artifact *artifact);
/* False: no activation of this code is compiled. For the collector, while it looks what refers to what, which asks of many. */
HIDDEN bool may_run_while_collecting(const PyCodeObject *code);

#endif
