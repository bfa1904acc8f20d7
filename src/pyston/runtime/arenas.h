/* Where CPython's object allocator gets its memory from, while Pyston is on. See arenas.c. */
#ifndef PYSTON_ARENAS_H
#define PYSTON_ARENAS_H

#include "host.h"

/* From here on the interpreter's arenas lie in huge pages, once the program needs more than a few and is not young. Cannot fail. */
HIDDEN void arenas_start(void);

/* New arenas come from where they came before; those that are used stay where they are. */
HIDDEN void arenas_stop(void);

/* Makes a page huge that has to be, if there is one. Called now and then, with the main interpreter's lock held. */
HIDDEN void arenas_look(void);

/* In the child of a fork. */
HIDDEN void arenas_after_fork(void);

/* Bytes of arenas that lie in huge pages, as far as the kernel has them. */
HIDDEN size_t arenas_huge_bytes(void);

#endif
