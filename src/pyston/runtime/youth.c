/* Most of what runs in a process's first moments runs while modules are imported, and never again; and a program that ends soon
 * should cost no more than without us. A call through our entry costs more than one that the interpreter makes by itself
 * (count.c), and so does compiling what will be called some hundred times. So in a young process a function that is called
 * through our entry loses it at once, functions of the same code that are made later never get it, and their calls are not
 * counted. What takes the process's time nevertheless is seen by the sampler (sample.c), and compiled. When the process is no
 * longer young all functions get our entry, in one walk over the collector's objects: 3 ms for 100,000.
 *
 * Time is the process's CPU time as the sampler's ticks tell it; where none tick, all is counted from the first call on. Each
 * thread has a timer of its own, which it gets at a call through our entry. So a function that a thread begins with keeps it: a
 * thread that calls nothing new would have no timer, and perhaps nobody else who sees the time pass. */
#include "youth.h"

#include "count.h"
#include "sample.h"

#define YOUTH_MS 1500
/* So many calls are passed between two looks whether there are ticks at all. */
#define PASSES_UNCHECKED 256
/* So many frames from the top are searched for a function that a tick has seen. */
#define FRAMES_SEARCHED 16

static bool passed_any; /* some function has lost our entry */

bool
youth_lasts(void)
{
    return sample_ms < YOUTH_MS && count_threshold_falls && sample_running();
}

/* May calls of the code go uncounted? */
static inline bool
is_passed(const CodeRecord *record)
{
    return UNLIKELY(youth_lasts()) && (record == NULL || (record->compiles == 0 && record->weight != WEIGHT_WATCHED));
}

void
youth_look(void)
{
    /* (While the collector works it has objects in lists of its own, which nobody would visit.) */
    if (passed_any && !youth_lasts() && !host_interpreter->gc.collecting) {
        passed_any = false;
        count_hook_all();
    }
}

bool
youth_pass(PyThreadState *tstate, PyFunctionObject *function, const CodeRecord *record)
{
    if (!is_passed(record)) {
        return false;
    }
    if (tstate->current_frame != NULL) {
        passed_any = true;
        count_unhook(function);
    }
    static unsigned passes;
    if (UNLIKELY(++passes % PASSES_UNCHECKED == 0)) {
        sample_check();
        youth_look();
    }
    return true;
}

bool
youth_spares(const CodeRecord *record)
{
    bool spares = is_passed(record);
    passed_any |= spares;
    return spares;
}

bool
youth_hook_running(PyThreadState *tstate, CodeRecord *record)
{
    if (!passed_any) {
        return true; /* they have it */
    }
    _PyInterpreterFrame *frame = tstate->current_frame;
    for (int i = 0; frame != NULL && i < FRAMES_SEARCHED; i++, frame = frame->previous) {
        if (frame->owner != FRAME_OWNED_BY_INTERPRETER && !PyStackRef_IsNull(frame->f_funcobj) /* else it ends just now */
            && PyStackRef_AsPyObjectBorrow(frame->f_executable) == (PyObject *)record->code) {
            PyFunctionObject *function = (PyFunctionObject *)PyStackRef_AsPyObjectBorrow(frame->f_funcobj);
            if (function->func_code == (PyObject *)record->code) {
                count_renew_version(record->code);
                count_hook(function);
                return true;
            }
        }
    }
    return false;
}

bool
youth_passed_any(void)
{
    return passed_any;
}
