/* When the youngest generation is full. Out of line, for it is rare; see collector.h. */
#include "collector.h"

#include "internal/pycore_ceval.h"

__attribute__((noinline)) void
collector_is_due(void)
{
    struct _gc_runtime_state *collector = &host_interpreter->gc;
    PyThreadState *tstate = PyThreadState_GET();
    if (collector->enabled && collector->generations[0].threshold != 0 && !collector->collecting
        && tstate->current_exception == NULL) {
        _Py_set_eval_breaker_bit(tstate, _PY_GC_SCHEDULED_BIT);
    }
}
