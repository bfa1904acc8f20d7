/* Memory of generators that have ended, for the next ones. See generator_pool.c. */
#ifndef PYSTON_GENERATOR_POOL_H
#define PYSTON_GENERATOR_POOL_H

#include "blocks.h"
#include "collector.h"

#include "internal/pycore_genobject.h"

/* Frames of so many words at most; so many generators of each size. */
#define GENERATOR_WORDS 64
#define GENERATORS_KEPT 16

extern HIDDEN PyGenObject *generators_kept[GENERATOR_WORDS]; /* linked by gi_name */
extern HIDDEN uint8_t generators_kept_count[GENERATOR_WORDS];

/* Memory of a generator or coroutine with a frame of so many words: nothing in it, but no weak references, handled exception or
 * origin. NULL: there is none, or somebody wants to be told of each object. */
static inline PyGenObject *
generator_take(PyThreadState *tstate, uint32_t words, bool coroutine)
{
    PyGenObject *generator = words < GENERATOR_WORDS ? generators_kept[words] : NULL;
    if (UNLIKELY(generator == NULL || objects_are_traced()
                 || (coroutine && tstate->coroutine_origin_tracking_depth != 0))) {
        return NULL;
    }
    generators_kept[words] = (PyGenObject *)generator->gi_name;
    generators_kept_count[words]--;
    return generator;
}

/* Back again, for the next. */
static inline void
generator_put(PyGenObject *generator, uint32_t words)
{
    generator->gi_name = (PyObject *)generators_kept[words];
    generators_kept[words] = generator;
    generators_kept_count[words]++;
}

/* Makes an object of the memory, which the collector sees: its frame is filled in, or is before anything else runs. */
static inline void
generator_begin(PyGenObject *generator, PyTypeObject *type, PyFunctionObject *function)
{
    PyObject *object = (PyObject *)generator;
    object->ob_refcnt_full = 1;
    object->ob_type = type;
    generator->gi_name = Py_NewRef(function->func_name);
    generator->gi_qualname = Py_NewRef(function->func_qualname);
    collector_link(_Py_AS_GC(object));
}

/* What CPython's `_Py_MakeCoro` gives for the function: new, its frame to be filled in and its state to be set; or NULL with an
 * exception set. */
HIDDEN PyGenObject *generator_new(PyThreadState *tstate, PyFunctionObject *function);

/* From now on, or no more, generators that end leave their memory here. */
HIDDEN void generator_pool_on(void);
HIDDEN void generator_pool_off(void);

#endif
