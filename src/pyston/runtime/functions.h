/* Functions and cells, made and freed in few lines of code. See functions.c. */
#ifndef PYSTON_FUNCTIONS_H
#define PYSTON_FUNCTIONS_H

#include "host.h"

/* From now on, or no more, functions and cells are freed here. */
HIDDEN void functions_hook(void);
HIDDEN void functions_unhook(void);

#endif
