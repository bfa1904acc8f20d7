/* Memory of generators and coroutines that have ended, kept for the next ones of the same size.
 *
 * A coroutine lives for one `await`, mostly: making and freeing it were as much work as all else that CPython does for that. So
 * it is kept as CPython keeps that of tuples and frames (free lists): what is here belongs to no collector's generation, does not
 * count as allocated or freed for the collector's threshold, and has given up its references.
 *
 * `tp_dealloc` of both types is ours for that. It takes those that have ended and about which nobody else needs to be told; all
 * others are CPython's to free. The slot belongs to the process: another interpreter's generators, which have memory of their own,
 * go straight on. */
#include "generator_pool.h"

#include "replace.h"

PyGenObject *generators_kept[GENERATOR_WORDS];
uint8_t generators_kept_count[GENERATOR_WORDS];
static destructor stock_generator_dealloc, stock_coroutine_dealloc;

PyGenObject *
generator_new(PyThreadState *tstate, PyFunctionObject *function)
{
    const PyCodeObject *code = (PyCodeObject *)function->func_code;
    const bool coroutine = (code->co_flags & CO_COROUTINE) != 0;
    PyGenObject *generator = code->co_flags & CO_ASYNC_GENERATOR
                                 ? NULL
                                 : generator_take(tstate, (uint32_t)code->co_framesize, coroutine);
    if (generator == NULL) {
        return (PyGenObject *)_Py_MakeCoro(function);
    }
    generator_begin(generator, coroutine ? &PyCoro_Type : &PyGen_Type, function);
    return generator;
}

static void
generator_dealloc(PyObject *self)
{
    PyGenObject *generator = (PyGenObject *)self;
    const destructor stock = Py_IS_TYPE(self, &PyCoro_Type) ? stock_coroutine_dealloc : stock_generator_dealloc;
    PyObject *code = PyStackRef_AsPyObjectBorrow(generator->gi_iframe.f_executable);
    if (UNLIKELY(generator->gi_frame_state != FRAME_CLEARED || generator->gi_weakreflist != NULL
                 || generator->gi_exc_state.exc_value != NULL || code == NULL || !PyCode_Check(code) || objects_are_traced()
                 || (stock == stock_coroutine_dealloc && generator->gi_origin_or_finalizer != NULL)
                 || PyInterpreterState_Get() != host_interpreter)) {
        stock(self);
        return;
    }
    const uint32_t words = (uint32_t)((PyCodeObject *)code)->co_framesize;
    if (words >= GENERATOR_WORDS || generators_kept_count[words] == GENERATORS_KEPT) {
        stock(self);
        return;
    }
    _PyObject_GC_UNTRACK(self);
    PyObject *name = generator->gi_name, *qualname = generator->gi_qualname;
    generator->gi_origin_or_finalizer = NULL; /* a generator has anything there */
    PyStackRef_CLEAR(generator->gi_iframe.f_executable);
    Py_DECREF(name);
    Py_DECREF(qualname);
    /* What died with these may have filled the list. */
    if (UNLIKELY(generators_kept_count[words] == GENERATORS_KEPT)) {
        PyObject_GC_Del(self);
        return;
    }
    generator_put(generator, words);
}

void
generator_pool_on(void)
{
    replace_dealloc(&PyGen_Type, generator_dealloc, &stock_generator_dealloc);
    replace_dealloc(&PyCoro_Type, generator_dealloc, &stock_coroutine_dealloc);
}

void
generator_pool_off(void)
{
    restore_dealloc(&PyGen_Type, stock_generator_dealloc);
    restore_dealloc(&PyCoro_Type, stock_coroutine_dealloc);
}
