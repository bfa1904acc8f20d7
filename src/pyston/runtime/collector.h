/* What the garbage collector is told of objects that are made and freed here: the same as by CPython, whose functions for it ask for
 * the thread state each time. For the interpreter that is served. */
#ifndef PYSTON_COLLECTOR_H
#define PYSTON_COLLECTOR_H

#include "host.h"

#include "internal/pycore_gc.h"

/* The youngest generation is full: a collection comes at the next check of the eval breaker, if there may be one. */
HIDDEN void collector_is_due(void);

/* An object of a collected type gets its memory; it is not linked yet. */
static inline void
collector_made(void)
{
    struct gc_generation *young = &host_interpreter->gc.generations[0];
    if (UNLIKELY(++young->count > young->threshold)) {
        collector_is_due();
    }
}

/* It gives its memory back; it is not linked any more. */
static inline void
collector_freed(void)
{
    struct gc_generation *young = &host_interpreter->gc.generations[0];
    if (young->count > 0) {
        young->count--;
    }
}

/* The head is new, or has no flags to be kept. */
static inline void
collector_link(PyGC_Head *head)
{
    struct _gc_runtime_state *collector = &host_interpreter->gc;
    PyGC_Head *young = collector->generation0;
    PyGC_Head *last = (PyGC_Head *)young->_gc_prev;
    last->_gc_next = (uintptr_t)head;
    head->_gc_prev = (uintptr_t)last;
    head->_gc_next = (uintptr_t)young;
    young->_gc_prev = (uintptr_t)head;
    collector->heap_size++;
}

/* What is in the head after that does not matter: its object is freed next. */
static inline void
collector_unlink(PyGC_Head *head)
{
    PyGC_Head *last = _PyGCHead_PREV(head), *next = _PyGCHead_NEXT(head);
    _PyGCHead_SET_NEXT(last, next);
    _PyGCHead_SET_PREV(next, last);
    host_interpreter->gc.heap_size--;
}

/* The object is not tracked any more, if it was, and its head is as that of one that never was. */
static inline void
collector_untrack(PyObject *object)
{
    PyGC_Head *head = _Py_AS_GC(object);
    if (LIKELY(head->_gc_next != 0)) {
        collector_unlink(head);
        head->_gc_next = 0;
        head->_gc_prev &= _PyGC_PREV_MASK_FINALIZED;
    }
}

#endif
