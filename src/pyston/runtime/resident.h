/* How much of the compiler's library lies in this process's memory. See resident.c. */
#ifndef PYSTON_RESIDENT_H
#define PYSTON_RESIDENT_H

#include "host.h"

/* Lets go of what only importing the compiler needed. Cannot fail. */
HIDDEN void resident_trim(void);

#endif
