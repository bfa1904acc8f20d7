/* Where CPython's object allocator gets its memory from, while Pyston is on. See arenas.c. */
#ifndef PYSTON_ARENAS_H
#define PYSTON_ARENAS_H

#include "host.h"

/* From here on the interpreter's arenas lie in huge pages, once the program needs more than a few. Cannot fail. */
HIDDEN void arenas_start(void);

/* New arenas come from where they came before; those that are used stay where they are. */
HIDDEN void arenas_stop(void);

/* Bytes of arenas that lie in huge pages, as far as the kernel has them. */
HIDDEN size_t arenas_huge_bytes(void);

#endif
