/* The end of objects, in fewer instructions than `_Py_Dealloc` needs for it: a third of a million objects die in compiled code and
 * its helpers for a few hundred web requests.
 *
 * CPython's function looks for the thread state, measures the native stack in steps and keeps what it found for behind the call. Where
 * nobody is told of each object (tracemalloc's and debuggers' reference tracer) and much stack is left, all that remains is to call
 * tp_dealloc, or for an instance of a class what does the same in less (instances.c), and to free the containers that had to wait where
 * there was less stack. `free_dead_object` (thunks.c) is the same in assembly, for who has the thread state in r15. */
#include "release.h"

#include "instances.h"

void
free_dead(PyThreadState *tstate, PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);
    const uintptr_t here = (uintptr_t)__builtin_frame_address(0);
    if (UNLIKELY(_PyRuntime.ref_tracer.tracer_func != NULL
                 || here < ((_PyThreadStateImpl *)tstate)->c_stack_soft_limit + STACK_MARGIN)) {
        _Py_Dealloc(object);
        return;
    }
    const unsigned long flags = type->tp_flags;
    if (type->tp_dealloc == usual_dealloc) {
        free_instance(object, tstate);
    }
    else {
        type->tp_dealloc(object);
    }
    if (UNLIKELY(tstate->delete_later != NULL) && (flags & Py_TPFLAGS_HAVE_GC)) {
        _PyTrash_thread_destroy_chain(tstate);
    }
}

void
free_dead_here(PyObject *object)
{
    free_dead(PyThreadState_GET(), object);
}
