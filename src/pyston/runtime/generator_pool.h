/* Memory of generators that have ended, for the next ones. See generator_pool.c. */
#ifndef PYSTON_GENERATOR_POOL_H
#define PYSTON_GENERATOR_POOL_H

#include "host.h"

/* What CPython's `_Py_MakeCoro` gives for the function: new, its frame to be filled in and its state to be set; or NULL with an
 * exception set. */
HIDDEN PyGenObject *generator_new(PyThreadState *tstate, PyFunctionObject *function);

/* From now on, or no more, generators that end leave their memory here. */
HIDDEN void generator_pool_on(void);
HIDDEN void generator_pool_off(void);

#endif
