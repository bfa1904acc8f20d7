/* What compiled code holds, as the garbage collector sees it. See reachable.c. */
#ifndef PYSTON_REACHABLE_H
#define PYSTON_REACHABLE_H

#include "artifact.h"

/* From here on the collector sees through namespaces and functions to what their artifacts hold. Called before the first
 * dependency is watched, and not earlier: until then collections are faster without. Once is enough. */
HIDDEN void reachable_start(void);

#endif
