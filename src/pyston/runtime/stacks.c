/* Which code runs, on the stacks of all threads.
 *
 * Nobody counts the activations of an artifact: calls between compiled functions must not cost that. But frames are real, so
 * whether there is one can be seen: a frame with its code, of an activation that is compiled or of one that is interpreted. Not
 * where greenlets are, for one that waits has its frames elsewhere; and nobody looks further down than some thousand frames. Then
 * anything may run, if anything does. Loops are entered by C, which knows what it entered: their frames stay when they end, a
 * module's for as long as the program runs.
 *
 * An activation that is about to return has unlinked its frame already. Its code must stay, but it needs no object any more but
 * its result, which it owns.
 *
 * The collector asks for each function that compiled code calls. What runs cannot change while it subtracts references and looks
 * what is reachable, so for one collection one look will do, unless a finalizer has let another thread run. */
#include "stacks.h"

#include "loops.h"

#include <stdlib.h>

#define MOST_FRAMES 1000

static bool
may_have_greenlets(void)
{
    static PyObject *greenlet; /* owned */
    if (greenlet == NULL && (greenlet = PyUnicode_InternFromString("greenlet")) == NULL) {
        PyErr_Clear();
        return true;
    }
    PyObject *modules = host_interpreter->imports.modules;
    return modules == NULL || PyDict_Contains(modules, greenlet) != 0;
}

static inline const PyObject *
code_of(const _PyInterpreterFrame *frame)
{
    return PyStackRef_AsPyObjectBorrow(frame->f_executable);
}

bool
may_run_compiled(const Artifact *artifact)
{
    if (live_entries == 0) {
        return false;
    }
    if (may_have_greenlets()) {
        return true;
    }
    if (artifact->loop) {
        return loops_run_artifact(artifact);
    }
    const PyCodeObject *code = artifact->code;
    unsigned frames = 0;
    for (PyThreadState *tstate = PyInterpreterState_ThreadHead(host_interpreter); tstate != NULL;
         tstate = PyThreadState_Next(tstate)) {
        for (_PyInterpreterFrame *frame = tstate->current_frame; frame != NULL; frame = frame->previous) {
            if (code_of(frame) == (const PyObject *)code || ++frames > MOST_FRAMES) {
                return true;
            }
        }
    }
    return false;
}

/* What the collector last saw. */
static struct {
    Py_ssize_t collections; /* before it */
    unsigned long switches; /* of the GIL */
    const _PyInterpreterFrame *frame;
    bool complete;
    size_t count;
    const PyObject *codes[MOST_FRAMES]; /* in the order of their addresses */
} seen;

static int
by_address(const void *left, const void *right)
{
    uintptr_t a = (uintptr_t) * (const PyObject *const *)left, b = (uintptr_t) * (const PyObject *const *)right;
    return (a > b) - (a < b);
}

static void
look(void)
{
    seen.complete = !may_have_greenlets();
    seen.count = 0;
    for (PyThreadState *tstate = PyInterpreterState_ThreadHead(host_interpreter); tstate != NULL;
         tstate = PyThreadState_Next(tstate)) {
        for (_PyInterpreterFrame *frame = tstate->current_frame; frame != NULL && seen.complete; frame = frame->previous) {
            seen.complete = seen.count < MOST_FRAMES;
            if (seen.complete) {
                seen.codes[seen.count++] = code_of(frame);
            }
        }
    }
    qsort(seen.codes, seen.count, sizeof(seen.codes[0]), by_address);
}

bool
may_run_while_collecting(const PyCodeObject *code)
{
    if (live_entries == 0) {
        return false;
    }
    const struct _gc_runtime_state *collector = &host_interpreter->gc;
    Py_ssize_t collections = 1;
    for (int i = 0; i < NUM_GENERATIONS; i++) {
        collections += collector->generation_stats[i].collections;
    }
    unsigned long switches = host_interpreter->ceval.gil->switch_number;
    const _PyInterpreterFrame *frame = PyThreadState_GetUnchecked()->current_frame;
    if (seen.collections != collections || seen.switches != switches || seen.frame != frame) {
        seen.collections = collections;
        seen.switches = switches;
        seen.frame = frame;
        look();
    }
    return !seen.complete || bsearch(&code, seen.codes, seen.count, sizeof(seen.codes[0]), by_address) != NULL;
}
