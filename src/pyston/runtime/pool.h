/* Memory for the compiler's small objects. See pool.c. */
#ifndef PYSTON_POOL_H
#define PYSTON_POOL_H

#include "host.h"

/* From here on objects of this class, which only compilations make, come from the pool. Says no, and changes nothing, where
 * they could not: of an interpreted compiler's classes, for example. */
HIDDEN bool pool_use(PyTypeObject *type);

/* How many objects lie in it. */
HIDDEN size_t pool_objects(void);

#endif
