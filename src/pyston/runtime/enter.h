/* Entering compiled code from C and from other compiled code. See enter.c. */
#ifndef PYSTON_ENTER_H
#define PYSTON_ENTER_H

#include "artifact.h"

/* The vectorcall of a function whose code is compiled; reached through the record's stub, which supplies `record`.
 * Borrows all, returns new. */
HIDDEN PyObject *enter_compiled(PyObject *function, PyObject *const *args, size_t nargsf, PyObject *kwnames,
                                CodeRecord *record);

/* The same for who has the record at hand, record_entered_by(function->vectorcall). */
HIDDEN PyObject *enter_known(PyThreadState *tstate, PyFunctionObject *function, PyObject *const *args, size_t nargsf,
                             PyObject *kwnames, CodeRecord *record);

/* The same for what compiled code calls, which holds a reference to the function until the call ends; the caller may write over
 * the word before the arguments. (So entries from C need not be counted, and nothing is buried on the way back.) */
HIDDEN PyObject *enter_within(PyThreadState *tstate, PyFunctionObject *function, PyObject *const *args, size_t count,
                              PyObject *kwnames, CodeRecord *record);

/* The evaluator of frames (PEP 523) under which compiled code may run: none, or CPython's own one for `perf`. Anybody
 * else's sees all frames. */
extern HIDDEN _PyFrameEvalFunction usual_eval_frame;

/* A callee's body while its function is not compiled: resumes the interpreter on the frame. Returns new. */
HIDDEN PyObject *interpret_body(PyThreadState *tstate, _PyInterpreterFrame *frame);

/* The artifact's entry for the code unit, or NULL. */
HIDDEN const EntryPoint *artifact_entry(const Artifact *artifact, uint32_t offset);

/* Runs the artifact from one of its other entries on a frame whose memory is true: linked, counted, the stack pointer at
 * the entry's depth. Returns the body's result: new, or NULL with an exception set; the frame is gone. */
HIDDEN PyObject *resume_body(PyThreadState *tstate, _PyInterpreterFrame *frame, const Artifact *artifact,
                             const EntryPoint *entry);

/* The same for a frame that may live on, when it was handed to the interpreter (loops.c): says nothing of the result. */
HIDDEN PyObject *resume_frame(PyThreadState *tstate, _PyInterpreterFrame *frame, const Artifact *artifact,
                              const EntryPoint *entry);

/* Enters the function's compiled code at the code unit, with the locals (a dict: slot -> value) and the operand stack (a
 * tuple) that it would find there: resume_body for tests. Borrows all, returns new. */
HIDDEN PyObject *enter_at(PyThreadState *tstate, PyFunctionObject *function, uint32_t unit, PyObject *locals,
                          PyObject *stack);

/* Is there too little native stack left for compiled code? Threads with small stacks keep half of it at most. (On a
 * stack that CPython does not know, it makes no checks, and neither do we.) */
static inline bool
stack_is_low(PyThreadState *tstate)
{
    const _PyThreadStateImpl *limits = (_PyThreadStateImpl *)tstate;
    uintptr_t here = (uintptr_t)__builtin_frame_address(0), limit = limits->c_stack_soft_limit;
    if (LIKELY(here >= limit + STACK_MARGIN)) {
        return false;
    }
    return here < limit + (limits->c_stack_top - limit) / 2 && here >= limit - STACK_BEYOND;
}

/* A function that waits to be compiled, called by vectorcall: interpreted with the references that it would have without
 * us. Borrows all, returns new. */
HIDDEN PyObject *interpret_waiting(PyThreadState *tstate, PyFunctionObject *function, CodeRecord *record,
                                   PyObject *const *args, size_t nargsf, PyObject *kwnames);

/* Runs a call in the interpreter, with the function's stock entry in place so that calls of it from there nest in
 * the interpreter's loop. Borrows all, returns new. */
HIDDEN PyObject *interpret_deep(PyObject *function, PyObject *const *args, size_t nargsf, PyObject *kwnames);

/* Gives an owned reference to an immortal object in the slot the borrowed tag, as the interpreter expects: it does not
 * look for immortality when it releases an untagged one. */
static inline void
tag_immortal(_PyStackRef *slot)
{
    uintptr_t bits = slot->bits;
    if ((bits & Py_TAG_REFCNT) == 0) {
        slot->bits = bits | (((PyObject *)bits)->ob_flags & Py_TAG_REFCNT);
    }
}

/* The same for the frame's `count` first slots. */
static inline void
tag_immortals(_PyInterpreterFrame *frame, Py_ssize_t count)
{
    for (Py_ssize_t i = 0; i < count; i++) {
        tag_immortal(&frame->localsplus[i]);
    }
}

/* Unlinks a running frame, so that the interpreter can be resumed on it, or it can be cleared. */
static inline void
unlink_frame(PyThreadState *tstate, _PyInterpreterFrame *frame)
{
    CHECK(tstate->current_frame == frame);
    tstate->current_frame = frame->previous;
    tstate->py_recursion_remaining++;
}

/* Gives the frame back with everything in it (steals all); what a return does when the frame's memory is true. */
HIDDEN void clear_frame(PyThreadState *tstate, _PyInterpreterFrame *frame);
/* The same after locals and stack were released: what is in their memory is ignored. */
HIDDEN void pop_emptied_frame(PyThreadState *tstate, _PyInterpreterFrame *frame);

#endif
