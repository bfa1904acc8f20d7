/* Locals written from outside while their frame runs compiled. See frame_locals.c. */
#ifndef PYSTON_FRAME_LOCALS_H
#define PYSTON_FRAME_LOCALS_H

#include "artifact.h"

/* Starts to notice. 0, or -1 with an exception set. */
HIDDEN int frame_locals_start(void);

/* So often has anybody written through any frame's locals; wraps. */
extern HIDDEN unsigned locals_writes;

#endif
