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

#include "internal/pycore_gc.h"
#include "internal/pycore_genobject.h"
#include "internal/pycore_interpframe.h"

/* Frames of so many words at most; so many generators of each size. */
#define MOST_WORDS 64
#define MOST_KEPT 16

static PyGenObject *kept[MOST_WORDS]; /* linked by gi_name */
static uint8_t kept_count[MOST_WORDS];
static destructor stock_generator_dealloc, stock_coroutine_dealloc;

/* As long as somebody wants to know of all objects, none is reused. */
static inline bool
is_traced(void)
{
    return _PyRuntime.ref_tracer.tracer_func != NULL;
}

static void
link_to_collector(PyThreadState *tstate, PyGenObject *generator)
{
    struct _gc_runtime_state *collector = &tstate->interp->gc;
    PyGC_Head *head = _Py_AS_GC((PyObject *)generator), *young = collector->generation0;
    PyGC_Head *last = (PyGC_Head *)young->_gc_prev;
    _PyGCHead_SET_NEXT(last, head);
    head->_gc_prev = (uintptr_t)last; /* and no flags */
    _PyGCHead_SET_NEXT(head, young);
    young->_gc_prev = (uintptr_t)head;
    collector->heap_size++;
}

PyGenObject *
generator_new(PyThreadState *tstate, PyFunctionObject *function)
{
    const PyCodeObject *code = (PyCodeObject *)function->func_code;
    const int kind = code->co_flags & (CO_GENERATOR | CO_COROUTINE | CO_ASYNC_GENERATOR);
    const int words = code->co_framesize;
    PyGenObject *generator = words < MOST_WORDS ? kept[words] : NULL;
    if (generator == NULL || kind == CO_ASYNC_GENERATOR || is_traced()
        || (kind == CO_COROUTINE && tstate->coroutine_origin_tracking_depth != 0)) {
        return (PyGenObject *)_Py_MakeCoro(function);
    }
    kept[words] = (PyGenObject *)generator->gi_name;
    kept_count[words]--;
    PyObject *object = (PyObject *)generator;
    object->ob_refcnt_full = 1;
    object->ob_type = kind == CO_COROUTINE ? &PyCoro_Type : &PyGen_Type;
    generator->gi_name = Py_NewRef(function->func_name);
    generator->gi_qualname = Py_NewRef(function->func_qualname);
    /* No weak references, handled exception or origin: it is kept only without. */
    link_to_collector(tstate, generator);
    return generator;
}

static void
generator_dealloc(PyObject *self)
{
    PyGenObject *generator = (PyGenObject *)self;
    const destructor stock = Py_IS_TYPE(self, &PyCoro_Type) ? stock_coroutine_dealloc : stock_generator_dealloc;
    PyObject *code = PyStackRef_AsPyObjectBorrow(generator->gi_iframe.f_executable);
    if (UNLIKELY(generator->gi_frame_state != FRAME_CLEARED || generator->gi_weakreflist != NULL
                 || generator->gi_exc_state.exc_value != NULL || code == NULL || !PyCode_Check(code) || is_traced()
                 || (stock == stock_coroutine_dealloc && generator->gi_origin_or_finalizer != NULL)
                 || PyInterpreterState_Get() != host_interpreter)) {
        stock(self);
        return;
    }
    const int words = ((PyCodeObject *)code)->co_framesize;
    if (words >= MOST_WORDS || kept_count[words] == MOST_KEPT) {
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
    if (UNLIKELY(kept_count[words] == MOST_KEPT)) {
        PyObject_GC_Del(self);
        return;
    }
    generator->gi_name = (PyObject *)kept[words];
    kept[words] = generator;
    kept_count[words]++;
}

void
generator_pool_on(void)
{
    if (stock_generator_dealloc == NULL) {
        stock_generator_dealloc = PyGen_Type.tp_dealloc;
        stock_coroutine_dealloc = PyCoro_Type.tp_dealloc;
    }
    PyGen_Type.tp_dealloc = PyCoro_Type.tp_dealloc = generator_dealloc;
}

void
generator_pool_off(void)
{
    if (stock_generator_dealloc != NULL) {
        PyGen_Type.tp_dealloc = stock_generator_dealloc;
        PyCoro_Type.tp_dealloc = stock_coroutine_dealloc;
    }
}
