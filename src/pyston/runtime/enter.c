/* Entering compiled code from C: what runs when anybody calls a compiled function through its vectorcall.
 *
 * The frame is built here, on the data stack, with borrowed references (bit 0 set): to the arguments, which the caller
 * of a vectorcall keeps alive, and to the function, of which we hold a reference for the time of the call. Defaults
 * are owned by the frame, since `__defaults__` may be replaced meanwhile. What does not fit the fast ways of binding
 * arguments goes through CPython's own `_PyEvalFramePushAndInit`.
 *
 * Deep recursion. A compiled call takes native stack, a call between interpreted functions does not. Where little is
 * left, functions get their stock entry back for the time of the call (`interpret_deep`), so that the interpreter runs the
 * recursion in one loop, as deep as the recursion limit lets it. */
#include "enter.h"

#include "count.h"
#include "leave.h"
#include "statistics.h"
#include "tools.h"

static inline PyObject *
call_stock(PyObject *function, PyObject *const *args, size_t nargsf, PyObject *kwnames)
{
    return stock_vectorcall(function, args, nargsf, kwnames);
}

PyObject *
interpret_deep(PyObject *callable, PyObject *const *args, size_t nargsf, PyObject *kwnames)
{
    PyFunctionObject *function = (PyFunctionObject *)callable;
    PyFunction_SetVectorcall(function, stock_vectorcall);
    Py_INCREF(function);
    PyObject *result = call_stock(callable, args, nargsf, kwnames);
    if (function->vectorcall == stock_vectorcall && runtime_enabled) {
        /* This also takes the version away under which call sites specialised meanwhile. */
        PyFunction_SetVectorcall(function, count_vectorcall);
    }
    Py_DECREF(function);
    return result;
}

/* --- frames ------------------------------------------------------------------------------------------------ */

void
clear_frame(PyThreadState *tstate, _PyInterpreterFrame *frame)
{
    unlink_frame(tstate, frame);
    tag_immortals(frame, frame->stackpointer - frame->localsplus);
    _PyEval_FrameClearAndPop(tstate, frame);
}

void
pop_emptied_frame(PyThreadState *tstate, _PyInterpreterFrame *frame)
{
    if (tstate->current_frame == frame) {
        tstate->current_frame = frame->previous;
    }
    tstate->py_recursion_remaining++;
    frame->stackpointer = frame->localsplus;
    PyObject *exception = PyErr_GetRaisedException();
    _PyEval_FrameClearAndPop(tstate, frame);
    PyErr_SetRaisedException(exception);
}

PyObject *
interpret_body(PyThreadState *tstate, _PyInterpreterFrame *frame, int entry)
{
    (void)entry;
    PyCodeObject *code = (PyCodeObject *)PyStackRef_AsPyObjectBorrow(frame->f_executable);
    PyFunctionObject *function = (PyFunctionObject *)PyStackRef_AsPyObjectBorrow(frame->f_funcobj);
    CodeRecord *record = record_if_any(code);
    calls_compiled -= statistics_on; /* push_frame counted it */
    if (record != NULL && record->state == STATE_COUNTING && function->func_code == (PyObject *)code) {
        if (count_call(tstate, record, function) < 0) {
            clear_frame(tstate, frame);
            return NULL;
        }
        Artifact *artifact = record->artifact;
        if (artifact != NULL && frame->f_globals == artifact->globals && frame->f_builtins == artifact->builtins) {
            calls_compiled += statistics_on;
            return artifact->body(tstate, frame, 0);
        }
    }
    unlink_frame(tstate, frame);
    tag_immortals(frame, code->co_nlocalsplus);
    return _PyEval_EvalFrameDefault(tstate, frame, 0);
}

/* --- binding arguments ------------------------------------------------------------------------------------- */

static inline _PyStackRef
borrowed(PyObject *object)
{
    return PyStackRef_FromPyObjectBorrow(object);
}

/* Binds keywords and defaults of a function without * and ** parameters into the frame's argument slots; positional
 * arguments are there already. False: let CPython do it (it may raise); the slots then hold owned references only
 * where they are untagged. Runs no Python code. */
static bool
bind_arguments(PyFunctionObject *function, PyCodeObject *code, _PyStackRef *slots, PyObject *const *args,
               Py_ssize_t positional, PyObject *kwnames)
{
    int total = code->co_argcount + code->co_kwonlyargcount;
    for (Py_ssize_t i = positional; i < total; i++) {
        slots[i] = PyStackRef_NULL;
    }
    if (kwnames != NULL) {
        PyObject **names = ((PyTupleObject *)code->co_localsplusnames)->ob_item;
        Py_ssize_t keywords = PyTuple_GET_SIZE(kwnames);
        for (Py_ssize_t i = 0; i < keywords; i++) {
            PyObject *keyword = PyTuple_GET_ITEM(kwnames, i);
            int slot = code->co_posonlyargcount;
            while (slot < total && names[slot] != keyword) {
                slot++;
            }
            if (slot == total || !PyStackRef_IsNull(slots[slot])) {
                return false;
            }
            slots[slot] = borrowed(args[positional + i]);
        }
    }
    if (positional < code->co_argcount) {
        PyObject *defaults = function->func_defaults;
        Py_ssize_t count = defaults != NULL ? PyTuple_GET_SIZE(defaults) : 0;
        Py_ssize_t first = code->co_argcount - count;
        for (Py_ssize_t i = positional; i < code->co_argcount; i++) {
            if (PyStackRef_IsNull(slots[i])) {
                if (i < first) {
                    return false;
                }
                slots[i] = PyStackRef_FromPyObjectNew(PyTuple_GET_ITEM(defaults, i - first));
            }
        }
    }
    for (int i = code->co_argcount; i < total; i++) {
        if (PyStackRef_IsNull(slots[i])) {
            PyObject *name = PyTuple_GET_ITEM(code->co_localsplusnames, i), *value = NULL;
            if (function->func_kwdefaults == NULL) {
                return false;
            }
            if (PyDict_GetItemRef(function->func_kwdefaults, name, &value) <= 0) {
                PyErr_Clear();
                return false;
            }
            slots[i] = PyStackRef_FromPyObjectSteal(value);
        }
    }
    return true;
}

/* CPython's own way of building the frame. Linked; NULL with an exception set. */
static _PyInterpreterFrame *
push_frame_slowly(PyThreadState *tstate, PyFunctionObject *function, PyObject *const *args, Py_ssize_t positional,
                  PyObject *kwnames)
{
    Py_ssize_t count = positional + (kwnames != NULL ? PyTuple_GET_SIZE(kwnames) : 0);
    _PyStackRef buffer[16];
    _PyStackRef *references = buffer;
    if (count > 16) {
        references = PyMem_Malloc((size_t)count * sizeof(_PyStackRef));
        if (references == NULL) {
            PyErr_NoMemory();
            return NULL;
        }
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        references[i] = PyStackRef_FromPyObjectNew(args[i]);
    }
    _PyInterpreterFrame *frame = _PyEvalFramePushAndInit(tstate, PyStackRef_FromPyObjectNew((PyObject *)function), NULL,
                                                         references, (size_t)positional, kwnames,
                                                         tstate->current_frame);
    if (references != buffer) {
        PyMem_Free(references);
    }
    if (frame != NULL) {
        tstate->current_frame = frame;
        tstate->py_recursion_remaining--;
    }
    return frame;
}

/* Builds the frame on the data stack with borrowed references. NULL: not possible this way, and nothing changed. */
static inline _PyInterpreterFrame *
push_frame_fast(PyThreadState *tstate, PyFunctionObject *function, PyCodeObject *code, PyObject *const *args,
                Py_ssize_t positional, PyObject *kwnames)
{
    if (!_PyThreadState_HasStackSpace(tstate, code->co_framesize) || positional > code->co_argcount
        || (code->co_flags & (CO_VARARGS | CO_VARKEYWORDS)) != 0) {
        return NULL;
    }
    _PyInterpreterFrame *frame = (_PyInterpreterFrame *)tstate->datastack_top;
    _PyStackRef *slots = frame->localsplus;
    for (Py_ssize_t i = 0; i < positional; i++) {
        slots[i] = borrowed(args[i]);
    }
    int filled = code->co_argcount;
    if (UNLIKELY(positional != code->co_argcount || kwnames != NULL || code->co_kwonlyargcount != 0)) {
        filled += code->co_kwonlyargcount;
        if (!bind_arguments(function, code, slots, args, positional, kwnames)) {
            for (Py_ssize_t i = 0; i < filled; i++) {
                if (PyStackRef_RefcountOnObject(slots[i])) {
                    Py_DECREF(PyStackRef_AsPyObjectBorrow(slots[i])); /* its owner still has it: nothing dies */
                }
            }
            return NULL;
        }
    }
    for (int i = filled; i < code->co_nlocalsplus; i++) {
        slots[i] = PyStackRef_NULL;
    }
    tstate->datastack_top += code->co_framesize;
    frame->f_executable = borrowed((PyObject *)code);
    frame->previous = tstate->current_frame;
    frame->f_funcobj = borrowed((PyObject *)function);
    frame->f_globals = function->func_globals;
    frame->f_builtins = function->func_builtins;
    frame->f_locals = NULL;
    frame->frame_obj = NULL;
    frame->instr_ptr = FIRST_UNIT(code);
    frame->stackpointer = slots + code->co_nlocalsplus;
    frame->return_offset = 0;
    frame->owner = FRAME_OWNED_BY_THREAD;
    frame->visited = 0;
    tstate->current_frame = frame;
    tstate->py_recursion_remaining--;
    return frame;
}

/* --- entering ---------------------------------------------------------------------------------------------- */

/* Whatever the fast way does not do. Borrows all, returns new. */
__attribute__((noinline)) static PyObject *
enter_slowly(PyThreadState *tstate, PyObject *callable, PyObject *const *args, size_t nargsf, PyObject *kwnames,
             CodeRecord *record)
{
    PyFunctionObject *function = (PyFunctionObject *)callable;
    Artifact *artifact = record->artifact;
    if (function->func_code != (PyObject *)record->code || artifact == NULL) {
        function->vectorcall = count_vectorcall;
        return count_vectorcall(callable, args, nargsf, kwnames);
    }
    if (stack_is_low(tstate)) {
        return interpret_deep(callable, args, nargsf, kwnames);
    }
    if (tstate->py_recursion_remaining <= 0 || tstate->interp->eval_frame != NULL
        || function->func_globals != artifact->globals || function->func_builtins != artifact->builtins
        || tools_watch(tstate, record->code)) {
        return call_stock(callable, args, nargsf, kwnames);
    }
    /* The version is not the cell's, but nobody watches: the body's own check settles that. */
    return NULL;
}

PyObject *
enter_compiled(PyObject *callable, PyObject *const *args, size_t nargsf, PyObject *kwnames, CodeRecord *record)
{
    PyThreadState *tstate = PyThreadState_GetUnchecked();
    PyFunctionObject *function = (PyFunctionObject *)callable;
    Artifact *artifact = record->artifact;
    PyObject *result;

    if (UNLIKELY(function->func_code != (PyObject *)record->code || artifact == NULL
                 || ((tstate->eval_breaker ^ *artifact->version) >> _PY_EVAL_EVENTS_BITS) != 0
                 || stack_is_low(tstate) || tstate->py_recursion_remaining <= 0 || tstate->interp->eval_frame != NULL
                 || function->func_globals != artifact->globals || function->func_builtins != artifact->builtins)) {
        result = enter_slowly(tstate, callable, args, nargsf, kwnames, record);
        if (result != NULL || PyErr_Occurred()) {
            return result;
        }
        artifact = record->artifact;
    }
    PyCodeObject *code = record->code;
    Py_ssize_t positional = PyVectorcall_NARGS(nargsf);
    Py_INCREF(function);
    _PyInterpreterFrame *frame = push_frame_fast(tstate, function, code, args, positional, kwnames);
    if (frame == NULL) {
        frame = push_frame_slowly(tstate, function, args, positional, kwnames);
        if (frame == NULL) {
            Py_DECREF(function);
            return NULL;
        }
        artifact = record->artifact; /* binding may have run Python code */
        if (UNLIKELY(artifact == NULL || function->func_code != (PyObject *)code)) {
            result = interpret_body(tstate, frame, 0);
            Py_DECREF(function);
            return result;
        }
    }
    calls_compiled += statistics_on;
    live_entries++;
    result = artifact->body(tstate, frame, 0);
    live_entries--;
    CHECK((result == NULL) == (PyErr_Occurred() != NULL));
    CHECK(PyThreadState_GetUnchecked() == tstate);
    if (UNLIKELY(graveyard_occupied) && live_entries == 0) {
        bury();
    }
    Py_DECREF(function);
    return result;
}
