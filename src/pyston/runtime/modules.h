/* sys.modules while the compiler is imported; see modules.c. */
#ifndef PYSTON_MODULES_H
#define PYSTON_MODULES_H

#include "host.h"

/* Would the program notice that modules are imported now? Cannot fail, runs no code. */
HIDDEN bool modules_iterated(void);

#endif
