/* Generators and coroutines that run compiled. See generators.c. */
#ifndef PYSTON_GENERATORS_H
#define PYSTON_GENERATORS_H

#include "artifact.h"

/* Has the iteration and sending of generators and coroutines come through here, or no longer. */
HIDDEN void generators_hook(void);
HIDDEN void generators_unhook(void);

/* The artifact is entered no more. */
HIDDEN void generators_forget(const Artifact *artifact);

#endif
