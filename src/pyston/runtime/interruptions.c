/* The compiler is Python code in one of the program's threads, so whatever may interrupt Python code may interrupt it. What
 * is meant for the program must reach the program: an exception of the compiler's own is swallowed.
 *
 * Signal handlers and pending calls wait. CPython runs them in the main thread alone, so while the compiler works there
 * no thread is the main one; at the end they are announced once more, since the checks in between have struck
 * them off. A handler therefore sees the program's frames, never the compiler's.
 *
 * An asynchronous exception (PyThreadState_SetAsyncExc) cannot wait, since it takes effect wherever Python code looks next.
 * But it can be told: a mark lies where such exceptions are left, and whoever raises one takes the mark away. */
#include "interruptions.h"

#include "internal/pycore_signal.h"

#define MARK Py_None /* immortal: whoever takes it may release it */

static unsigned long main_thread; /* its identity, while the compiler works in it; else 0 */

bool
interruptions_wait(PyThreadState *tstate)
{
    return _Py_atomic_load_ptr(&tstate->async_exc) != NULL;
}

void
interruptions_hold(PyThreadState *tstate)
{
    PyObject *nothing = NULL;
    (void)_Py_atomic_compare_exchange_ptr(&tstate->async_exc, &nothing, MARK);
    main_thread = 0; /* in a fork of a process that was compiling it is not */
    if (tstate->thread_id == _PyRuntime.main_thread) {
        main_thread = _PyRuntime.main_thread;
        _PyRuntime.main_thread = 0;
    }
}

bool
interruptions_hit(PyThreadState *tstate)
{
    return _Py_atomic_load_ptr(&tstate->async_exc) == NULL;
}

bool
interruptions_release(PyThreadState *tstate)
{
    PyObject *mark = MARK;
    bool hit = interruptions_hit(tstate);
    (void)_Py_atomic_compare_exchange_ptr(&tstate->async_exc, &mark, NULL);
    if (main_thread != 0) {
        _PyRuntime.main_thread = main_thread;
        main_thread = 0;
        if (_Py_atomic_load_int(&_PyRuntime.signals.is_tripped)) {
            _Py_set_eval_breaker_bit(tstate, _PY_SIGNALS_PENDING_BIT);
        }
        if (_Py_atomic_load_int32_relaxed(&_PyRuntime.ceval.pending_mainthread.npending) > 0) {
            _Py_set_eval_breaker_bit(tstate, _PY_CALLS_TO_DO_BIT);
        }
    }
    return hit;
}
