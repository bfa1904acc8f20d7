/* Entering compiled code from C: what runs when anybody calls a compiled function through its vectorcall.
 *
 * The frame is built here, on the data stack, with borrowed references (bit 0 set): to the arguments, which the caller
 * of a vectorcall keeps alive, and to the function, of which we hold a reference for the time of the call. Defaults
 * are owned by the frame, since `__defaults__` may be replaced meanwhile. What does not fit the fast ways of binding
 * arguments goes through CPython's own `_PyEvalFramePushAndInit`.
 *
 * Who counts references sees what stock would show. The interpreter hands its own references to a Python function, or
 * lends them on; to C it lends them, and C that calls a Python function gives the callee references of its own. The
 * interpreter's vectorcalls allow the word before the arguments to be written over, those of types' slots do not: that
 * tells them apart (`own_slots`, `interpret_waiting`). pandas looks whether its caller has another reference.
 *
 * Deep recursion. A compiled call takes native stack, a call between interpreted functions does not. Where little is
 * left, functions get their stock entry back for the time of the call (`interpret_deep`), so that the interpreter runs the
 * recursion in one loop, as deep as the recursion limit lets it. */
#include "enter.h"

#include "attention.h"
#include "count.h"
#include "dicts.h"
#include "dict_lookup.h"
#include "helpers.h"
#include "leave.h"
#include "make_generator.h"
#include "release.h"
#include "sequences.h"
#include "statistics.h"
#include "tools.h"
#include "tracebacks.h"

#include "internal/pycore_tuple.h"

_PyFrameEvalFunction usual_eval_frame;

PyObject *
interpret_deep(PyObject *callable, PyObject *const *args, size_t nargsf, PyObject *kwnames)
{
    PyFunctionObject *function = (PyFunctionObject *)callable;
    PyFunction_SetVectorcall(function, stock_vectorcall);
    Py_INCREF(function);
    PyObject *result = stock_vectorcall(callable, args, nargsf, kwnames);
    if (function->vectorcall == stock_vectorcall && runtime_enabled) {
        /* This also takes the version away under which call sites specialised meanwhile. */
        PyFunction_SetVectorcall(function, count_vectorcall);
    }
    Py_DECREF(function);
    return result;
}

/* --- frames ------------------------------------------------------------------------------------------------ */

/* The usual frame, which nobody else holds, goes back here: what CPython does in three calls. */
void
clear_frame(PyThreadState *tstate, _PyInterpreterFrame *frame)
{
    unlink_frame(tstate, frame);
    if (UNLIKELY(frame->frame_obj != NULL)) {
        free_frame_object(tstate, frame);
    }
    if (LIKELY(frame->frame_obj == NULL && frame->f_locals == NULL
               && (frame->f_executable.bits & frame->f_funcobj.bits & Py_TAG_REFCNT) != 0
               && (PyObject **)frame != tstate->datastack_chunk->data && frame->owner == FRAME_OWNED_BY_THREAD)) {
        _PyStackRef *slot = frame->stackpointer;
        while (slot > frame->localsplus) {
            slot--;
            if (PyStackRef_RefcountOnObject(*slot)) {
                release(tstate, PyStackRef_AsPyObjectBorrow(*slot));
            }
        }
        tstate->datastack_top = (PyObject **)frame;
        return;
    }
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

/* Resumes the interpreter on a linked frame at its start. (For perf it has an evaluator that names what it evaluates.) Returns new. */
static PyObject *
interpret_frame(PyThreadState *tstate, _PyInterpreterFrame *frame)
{
    unlink_frame(tstate, frame);
    tag_immortals(frame, frame->stackpointer - frame->localsplus);
    return _PyEval_EvalFrame(tstate, frame, 0);
}

PyObject *
interpret_body(PyThreadState *tstate, _PyInterpreterFrame *frame)
{
    PyCodeObject *code = (PyCodeObject *)PyStackRef_AsPyObjectBorrow(frame->f_executable);
    PyFunctionObject *function = (PyFunctionObject *)PyStackRef_AsPyObjectBorrow(frame->f_funcobj);
    CodeRecord *record = record_if_any(code);
    if (record != NULL && record->state == STATE_COUNTING && function->func_code == (PyObject *)code) {
        if (count_call(tstate, record, function) < 0) {
            clear_frame(tstate, frame);
            return NULL;
        }
        if (function->func_code == (PyObject *)code && record->artifact != NULL && record_serves(record, function)) {
            return record->artifact->body(tstate, frame);
        }
    }
    calls_compiled -= statistics_on; /* push_frame counted it */
    return interpret_frame(tstate, frame);
}

/* --- binding arguments ------------------------------------------------------------------------------------- */

static inline _PyStackRef
borrowed(PyObject *object)
{
    return PyStackRef_FromPyObjectBorrow(object);
}

/* The slot of the parameter that the keyword names, or `total`: none. -1: only CPython can tell. */
static inline int
parameter_slot(const CodeRecord *record, PyObject *keyword, int total)
{
    PyObject **names = record->names;
    int slot = record->positional_only;
    while (slot < total && names[slot] != keyword) {
        slot++;
    }
    if (slot < total || LIKELY(PyUnicode_CHECK_INTERNED(keyword))) {
        return slot; /* parameters' names are interned: an interned keyword that is none of them equals none of them */
    }
    if (!PyUnicode_CheckExact(keyword)) {
        return -1;
    }
    /* C code has them so: asyncio's `context`. */
    slot = record->positional_only;
    while (slot < total && !str_same(names[slot], keyword)) {
        slot++;
    }
    return slot;
}

/* Puts what the other parameters do not take into the frame's slots for *args and **kwargs. The collections are the
 * frame's, and hold their own references. False: no memory. */
static bool
bind_rest(const CodeRecord *record, _PyStackRef *slots, PyObject *const *args, Py_ssize_t positional, PyObject *kwnames)
{
    int total = record->positional + record->keyword_only;
    _PyStackRef *next = slots + total;
    if (record->collects_positional) {
        Py_ssize_t rest = positional - record->positional;
        PyObject *tuple = rest > 0 ? make_tuple(args + record->positional, rest) : PyTuple_New(0);
        if (tuple == NULL) {
            PyErr_Clear();
            return false;
        }
        *next++ = rest > 0 ? PyStackRef_FromPyObjectSteal(tuple) : borrowed(tuple); /* the empty one is immortal */
    }
    if (!record->collects_keywords) {
        return true;
    }
    PyObject *dict = make_dict();
    if (dict == NULL) {
        PyErr_Clear();
        return false;
    }
    *next = PyStackRef_FromPyObjectSteal(dict);
    Py_ssize_t keywords = kwnames != NULL ? PyTuple_GET_SIZE(kwnames) : 0;
    for (Py_ssize_t i = 0; i < keywords; i++) {
        PyObject *keyword = PyTuple_GET_ITEM(kwnames, i);
        if (parameter_slot(record, keyword, total) < total) {
            continue; /* bind_arguments has put it there */
        }
        if (PyDict_SetItem(dict, keyword, args[positional + i]) < 0) {
            PyErr_Clear();
            return false;
        }
    }
    return true;
}

/* Binds keywords, defaults and collecting parameters into the frame's argument slots; positional arguments are there
 * already, the others are NULL. False: let CPython do it (it may raise); the slots then hold owned references only
 * where they are untagged. Runs no Python code. */
static bool
bind_arguments(PyFunctionObject *function, const CodeRecord *record, _PyStackRef *slots, PyObject *const *args,
               Py_ssize_t positional, PyObject *kwnames)
{
    int total = record->positional + record->keyword_only;
    if (kwnames != NULL) {
        Py_ssize_t keywords = PyTuple_GET_SIZE(kwnames);
        for (Py_ssize_t i = 0; i < keywords; i++) {
            int slot = parameter_slot(record, PyTuple_GET_ITEM(kwnames, i), total);
            if (slot == total && record->collects_keywords) {
                continue;
            }
            if (slot < 0 || slot == total || !PyStackRef_IsNull(slots[slot])) {
                return false;
            }
            slots[slot] = borrowed(args[positional + i]);
        }
    }
    if (positional < record->positional) {
        PyObject *defaults = function->func_defaults;
        Py_ssize_t count = defaults != NULL ? PyTuple_GET_SIZE(defaults) : 0;
        Py_ssize_t first = record->positional - count;
        for (Py_ssize_t i = positional; i < record->positional; i++) {
            if (PyStackRef_IsNull(slots[i])) {
                if (i < first) {
                    return false;
                }
                slots[i] = PyStackRef_FromPyObjectNew(PyTuple_GET_ITEM(defaults, i - first));
            }
        }
    }
    for (int i = record->positional; i < total; i++) {
        if (PyStackRef_IsNull(slots[i])) {
            PyObject *name = record->names[i];
            if (function->func_kwdefaults == NULL) {
                return false;
            }
            ValueStatus found = dict_lookup_exact_str(function->func_kwdefaults, name);
            if (found.status <= 0) {
                return false;
            }
            slots[i] = PyStackRef_FromPyObjectSteal(found.value);
        }
    }
    return (!record->collects_positional && !record->collects_keywords)
           || bind_rest(record, slots, args, positional, kwnames);
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

/* Fills in the header of a frame at the top of the data stack, whose slots are set, and links it. Borrows all. */
static inline _PyInterpreterFrame *
link_frame(PyThreadState *tstate, PyFunctionObject *function, PyCodeObject *code, PyObject *globals,
           PyObject *builtins, uint32_t words, int slot_count)
{
    _PyInterpreterFrame *frame = (_PyInterpreterFrame *)tstate->datastack_top;
    tstate->datastack_top = (PyObject **)frame + words;
    frame->f_executable = borrowed((PyObject *)code);
    frame->previous = tstate->current_frame;
    frame->f_funcobj = borrowed((PyObject *)function);
    frame->f_globals = globals;
    frame->f_builtins = builtins;
    frame->f_locals = NULL;
    frame->frame_obj = NULL;
    frame->instr_ptr = FIRST_UNIT(code);
    frame->stackpointer = frame->localsplus + slot_count;
    frame->return_offset = 0;
    frame->owner = FRAME_OWNED_BY_THREAD;
    frame->visited = 0;
    tstate->current_frame = frame;
    tstate->py_recursion_remaining--;
    return frame;
}

/* Two stack references at once: the data stack is aligned to no more than one. */
typedef long long SlotPair __attribute__((vector_size(16), aligned(8), may_alias));

/* The first `given` slots lend the arguments, the others are NULL. May write one slot behind the last: the frame has
 * room for an operand there. */
static inline void
fill_slots(_PyStackRef *slots, PyObject *const *args, Py_ssize_t given, Py_ssize_t count)
{
    static_assert(Py_TAG_REFCNT == 1, "borrowed, and NULL");
    const SlotPair tags = {Py_TAG_REFCNT, Py_TAG_REFCNT};
    Py_ssize_t i = 0;
    for (; i + 2 <= given; i += 2) {
        *(SlotPair *)(slots + i) = *(const SlotPair *)(args + i) | tags;
    }
    if (i < given) {
        slots[i] = borrowed(args[i]);
    }
    for (i = given; i < count; i += 2) {
        *(SlotPair *)(slots + i) = tags;
    }
}

bool
bind_slots(PyFunctionObject *function, const CodeRecord *record, _PyStackRef *slots, PyObject *const *args,
           Py_ssize_t positional, PyObject *kwnames)
{
    Py_ssize_t given = positional;
    if (positional > record->positional) {
        if (!record->collects_positional) {
            return false;
        }
        given = record->positional;
    }
    fill_slots(slots, args, given, record->slots);
    if (bind_arguments(function, record, slots, args, positional, kwnames)) {
        return true;
    }
    for (int i = 0; i < record->slots; i++) {
        if (PyStackRef_RefcountOnObject(slots[i])) {
            Py_DECREF(PyStackRef_AsPyObjectBorrow(slots[i])); /* runs nothing: what it refers to has other owners */
        }
    }
    return false;
}

/* Builds the frame on the data stack with borrowed references. NULL: not possible this way, and nothing changed. */
static inline _PyInterpreterFrame *
push_frame_fast(PyThreadState *tstate, PyFunctionObject *function, const CodeRecord *record, PyObject *const *args,
                Py_ssize_t positional, PyObject *kwnames, PyObject *globals, PyObject *builtins)
{
    if (UNLIKELY(record->slots == MANY_SLOTS || !_PyThreadState_HasStackSpace(tstate, (int)record->frame_words))) {
        return NULL;
    }
    _PyInterpreterFrame *frame = (_PyInterpreterFrame *)tstate->datastack_top;
    return bind_slots(function, record, frame->localsplus, args, positional, kwnames)
               ? link_frame(tstate, function, record->code, globals, builtins, record->frame_words, record->slots)
               : NULL;
}

void
own_slots(_PyStackRef *slots, int count)
{
    for (int i = 0; i < count; i++) {
        if (!PyStackRef_IsNull(slots[i]) && !PyStackRef_RefcountOnObject(slots[i])) {
            slots[i] = PyStackRef_FromPyObjectNew(PyStackRef_AsPyObjectBorrow(slots[i]));
        }
    }
}

static inline bool
are_arguments_lent(size_t nargsf)
{
    return (nargsf & PY_VECTORCALL_ARGUMENTS_OFFSET) != 0;
}

PyObject *
interpret_waiting(PyThreadState *tstate, PyFunctionObject *function, const CodeRecord *record, PyObject *const *args,
                  size_t nargsf, PyObject *kwnames)
{
    if (are_arguments_lent(nargsf) && tstate->py_recursion_remaining > 0
        && tstate->interp->eval_frame == usual_eval_frame && (record->code->co_flags & CO_OPTIMIZED)) {
        _PyInterpreterFrame *frame = push_frame_fast(tstate, function, record, args, PyVectorcall_NARGS(nargsf), kwnames,
                                                     function->func_globals, function->func_builtins);
        if (frame != NULL) {
            /* It may get other code, or go, while it runs. */
            frame->f_executable = PyStackRef_FromPyObjectNew((PyObject *)record->code);
            frame->f_funcobj = PyStackRef_FromPyObjectNew((PyObject *)function);
            return interpret_frame(tstate, frame);
        }
    }
    return stock_vectorcall((PyObject *)function, args, nargsf, kwnames);
}

/* --- entering ---------------------------------------------------------------------------------------------- */

/* The eval breaker is not as it should be for compiled code. What is pending is the business of the interpreter's RESUME,
 * which so gets this activation. */
__attribute__((noinline)) static bool
must_interpret(PyThreadState *tstate, const CodeRecord *record)
{
    if ((tstate->eval_breaker & _PY_EVAL_EVENTS_MASK) != 0 || tools_watch(tstate)) {
        return true;
    }
    tools_admit(tstate, record->artifact);
    return false;
}

/* Runs the compiled code on the frame, which is linked. Returns new. A body does not look itself whether it may run: who calls
 * it has. */
static inline PyObject *
run_body(PyThreadState *tstate, _PyInterpreterFrame *frame, const CodeRecord *record)
{
    PyObject *result;
    live_entries++;
    if (UNLIKELY(tstate->eval_breaker != admitted_version) && must_interpret(tstate, record)) {
        result = interpret_frame(tstate, frame);
    }
    else {
        calls_compiled += statistics_on;
        result = record->body(tstate, frame);
    }
    live_entries--;
    CHECK((result == NULL) == (PyErr_Occurred() != NULL));
    CHECK(PyThreadState_GetUnchecked() == tstate);
    bury_in_passing();
    return result;
}

const EntryPoint *
artifact_entry(const Artifact *artifact, uint32_t offset)
{
    for (uint32_t i = 0; i < artifact->entry_count; i++) {
        if (artifact->entries[i].offset == offset) {
            return &artifact->entries[i];
        }
    }
    return NULL;
}

/* Runs the artifact on the frame from one of its other entries. The body takes the operand stack out of the frame's
 * memory and owns it, so what the interpreter has borrowed there becomes a reference; locals may be borrowed. */
PyObject *
resume_frame(PyThreadState *tstate, _PyInterpreterFrame *frame, const Artifact *artifact, const EntryPoint *entry)
{
    _PyStackRef *base = frame->localsplus + artifact->code->co_nlocalsplus;
    CHECK(tstate->current_frame == frame && frame->stackpointer == base + entry->stack_depth);
    CHECK(PyStackRef_AsPyObjectBorrow(frame->f_executable) == (PyObject *)artifact->code);
    for (uint32_t i = 0; i < entry->stack_depth; i++) {
        if (!PyStackRef_IsNullOrInt(base[i]) && !PyStackRef_RefcountOnObject(base[i])) {
            Py_INCREF(PyStackRef_AsPyObjectBorrow(base[i]));
        }
    }
    frame->stackpointer = base;
    live_entries++;
    PyObject *result = artifact->resume(tstate, frame, entry->address);
    live_entries--;
    return result;
}

PyObject *
resume_body(PyThreadState *tstate, _PyInterpreterFrame *frame, const Artifact *artifact, const EntryPoint *entry)
{
    PyObject *result = resume_frame(tstate, frame, artifact, entry);
    CHECK((result == NULL) == (PyErr_Occurred() != NULL));
    bury_in_passing();
    return result;
}

/* Enters the function's compiled code at the code unit, with the locals (a dict: slot -> value) and the operand stack (a
 * tuple) that it would find there. Borrows all, returns new. */
PyObject *
enter_at(PyThreadState *tstate, PyFunctionObject *function, uint32_t unit, PyObject *locals, PyObject *stack)
{
    PyCodeObject *code = (PyCodeObject *)function->func_code;
    CodeRecord *record = record_if_any(code);
    Artifact *artifact = record != NULL && record_serves(record, function) ? record->artifact : NULL;
    const EntryPoint *entry = artifact != NULL ? artifact_entry(artifact, unit) : NULL;
    Py_ssize_t depth = PyTuple_GET_SIZE(stack), position = 0;
    if (entry == NULL || entry->stack_depth != depth || !_PyThreadState_HasStackSpace(tstate, code->co_framesize)) {
        PyErr_Format(PyExc_ValueError, "no entry at %u with stack depth %zd", unit, depth);
        return NULL;
    }
    PyObject *slot, *value;
    _PyInterpreterFrame *frame = (_PyInterpreterFrame *)tstate->datastack_top;
    for (int i = 0; i < code->co_nlocalsplus; i++) {
        frame->localsplus[i] = PyStackRef_NULL;
    }
    while (PyDict_Next(locals, &position, &slot, &value)) {
        int64_t i = PyLong_AsLongLong(slot);
        if (i >= 0 && i < code->co_nlocalsplus) {
            frame->localsplus[i] = PyStackRef_FromPyObjectNew(value);
        }
    }
    Py_INCREF(function);
    link_frame(tstate, function, code, function->func_globals, function->func_builtins, (uint32_t)code->co_framesize,
               code->co_nlocalsplus);
    for (Py_ssize_t i = 0; i < depth; i++) {
        *frame->stackpointer++ = PyStackRef_FromPyObjectNew(PyTuple_GET_ITEM(stack, i));
    }
    frame->instr_ptr = FIRST_UNIT(code) + unit;
    PyObject *result = resume_body(tstate, frame, artifact, entry);
    Py_DECREF(function);
    return result;
}

/* The same where the frame is not easily built. Steals the reference to the function. */
__attribute__((noinline)) static PyObject *
enter_with_slow_frame(PyThreadState *tstate, PyFunctionObject *function, PyObject *const *args, Py_ssize_t positional,
                      PyObject *kwnames, CodeRecord *record)
{
    PyCodeObject *code = (PyCodeObject *)Py_NewRef(record->code);
    _PyInterpreterFrame *frame = push_frame_slowly(tstate, function, args, positional, kwnames);
    PyObject *result = NULL;
    if (frame != NULL) {
        /* Binding may have run Python code, which may have done anything. */
        bool compiled = function->func_code == (PyObject *)code && record->artifact != NULL;
        result = compiled ? run_body(tstate, frame, record) : interpret_frame(tstate, frame);
    }
    Py_DECREF(code);
    Py_DECREF(function);
    return result;
}

/* Something is not as usual. Borrows all, returns new. */
__attribute__((noinline)) static PyObject *
enter_slowly(PyThreadState *tstate, PyObject *callable, PyObject *const *args, size_t nargsf, PyObject *kwnames,
             CodeRecord *record)
{
    PyFunctionObject *function = (PyFunctionObject *)callable;
    if (record->artifact == NULL) {
        function->vectorcall = count_vectorcall;
        return count_vectorcall(callable, args, nargsf, kwnames);
    }
    if (stack_is_low(tstate)) {
        return interpret_deep(callable, args, nargsf, kwnames);
    }
    if (tstate->py_recursion_remaining <= 0 || tstate->interp->eval_frame != usual_eval_frame
        || tools_watch(tstate)) {
        return stock_vectorcall(callable, args, nargsf, kwnames);
    }
    return enter_with_slow_frame(tstate, (PyFunctionObject *)Py_NewRef(function), args, PyVectorcall_NARGS(nargsf),
                                 kwnames, record);
}

/* The usual call: positional arguments, one for each parameter. Builds the frame from the record alone. */
static inline _PyInterpreterFrame *
push_plain_frame(PyThreadState *tstate, PyFunctionObject *function, const CodeRecord *record, PyObject *const *args)
{
    fill_slots(((_PyInterpreterFrame *)tstate->datastack_top)->localsplus, args, record->arguments, record->slots);
    return link_frame(tstate, function, record->code, record->globals, record->builtins, record->frame_words,
                      record->slots);
}

/* The arguments are not simply one for each parameter. Borrows all, returns new. */
__attribute__((noinline)) static PyObject *
enter_binding(PyThreadState *tstate, PyFunctionObject *function, PyObject *const *args, size_t nargsf,
              PyObject *kwnames, CodeRecord *record)
{
    Py_ssize_t positional = PyVectorcall_NARGS(nargsf);
    Py_INCREF(function);
    _PyInterpreterFrame *frame = push_frame_fast(tstate, function, record, args, positional, kwnames, record->globals,
                                                 record->builtins);
    if (UNLIKELY(frame == NULL)) {
        return enter_with_slow_frame(tstate, function, args, positional, kwnames, record);
    }
    if (!are_arguments_lent(nargsf)) {
        own_slots(frame->localsplus, record->positional + record->keyword_only);
    }
    PyObject *result = run_body(tstate, frame, record);
    Py_DECREF(function);
    return result;
}

PyObject *
enter_known(PyThreadState *tstate, PyFunctionObject *function, PyObject *const *args, size_t nargsf, PyObject *kwnames,
            CodeRecord *record)
{
    CHECK(function->func_code == (PyObject *)record->code && record_serves(record, function));
    if (UNLIKELY(record->body == NULL || stack_is_low(tstate) || tstate->py_recursion_remaining <= 0
                 || tstate->interp->eval_frame != usual_eval_frame)) {
        return enter_slowly(tstate, (PyObject *)function, args, nargsf, kwnames, record);
    }
    Py_ssize_t positional = PyVectorcall_NARGS(nargsf);
    if (UNLIKELY(positional != record->arguments || kwnames != NULL
                 || !_PyThreadState_HasStackSpace(tstate, (int)record->frame_words))) {
        PyObject *made = make_at_once(tstate, function, record, args, positional, kwnames);
        return made != NULL ? made : enter_binding(tstate, function, args, nargsf, kwnames, record);
    }
    Py_INCREF(function);
    _PyInterpreterFrame *frame = push_plain_frame(tstate, function, record, args);
    if (!are_arguments_lent(nargsf)) {
        own_slots(frame->localsplus, record->arguments);
    }
    PyObject *result = run_body(tstate, frame, record);
    Py_DECREF(function);
    return result;
}

/* The slots of a frame at the top of the data stack, where the last parameters have their defaults. False: not enough of them. */
static inline bool
fill_with_defaults(PyThreadState *tstate, const PyFunctionObject *function, const CodeRecord *record,
                   PyObject *const *args, Py_ssize_t given)
{
    PyObject *defaults = function->func_defaults;
    Py_ssize_t unused = defaults != NULL ? given - record->arguments + PyTuple_GET_SIZE(defaults) : -1;
    if (unused < 0 || given > record->arguments) {
        return false;
    }
    _PyStackRef *slots = ((_PyInterpreterFrame *)tstate->datastack_top)->localsplus;
    fill_slots(slots, args, given, record->slots);
    for (Py_ssize_t i = given; i < record->arguments; i++) {
        slots[i] = PyStackRef_FromPyObjectNew(PyTuple_GET_ITEM(defaults, unused + i - given));
    }
    return true;
}

/* The same where they are bound in another way. Out of line: most calls have one argument for each parameter. */
__attribute__((noinline)) static bool
bind_at_top(PyThreadState *tstate, PyFunctionObject *function, const CodeRecord *record, PyObject *const *args,
            Py_ssize_t given, PyObject *kwnames)
{
    if (kwnames == NULL && record->arguments >= 0) {
        return fill_with_defaults(tstate, function, record, args, given);
    }
    return record->makes == NO_GENERATOR && record->slots != MANY_SLOTS
           && bind_slots(function, record, ((_PyInterpreterFrame *)tstate->datastack_top)->localsplus, args, given, kwnames);
}

__attribute__((noinline)) static PyObject *
enter_within_slowly(PyThreadState *tstate, PyFunctionObject *function, PyObject *const *args, size_t count,
                    PyObject *kwnames, CodeRecord *record)
{
    PyObject *made = make_at_once(tstate, function, record, args, (Py_ssize_t)count, kwnames);
    return made != NULL ? made
                        : enter_known(tstate, function, args, count | PY_VECTORCALL_ARGUMENTS_OFFSET, kwnames, record);
}

PyObject *
enter_within(PyThreadState *tstate, PyFunctionObject *function, PyObject *const *args, size_t count, PyObject *kwnames,
             CodeRecord *record)
{
    const uintptr_t limit = ((_PyThreadStateImpl *)tstate)->c_stack_soft_limit + STACK_MARGIN;
    if (UNLIKELY(record->body == NULL || tstate->py_recursion_remaining <= 0
                 || (uintptr_t)__builtin_frame_address(0) < limit || tstate->eval_breaker != admitted_version
                 || !_PyThreadState_HasStackSpace(tstate, (int)record->frame_words))) {
        return enter_within_slowly(tstate, function, args, count, kwnames, record);
    }
    if (LIKELY((Py_ssize_t)count == record->arguments && kwnames == NULL)) {
        fill_slots(((_PyInterpreterFrame *)tstate->datastack_top)->localsplus, args, (Py_ssize_t)count, record->slots);
    }
    else if (!bind_at_top(tstate, function, record, args, (Py_ssize_t)count, kwnames)) {
        return enter_within_slowly(tstate, function, args, count, kwnames, record);
    }
    calls_compiled += statistics_on;
    return record->body(tstate, link_frame(tstate, function, record->code, record->globals, record->builtins,
                                           record->frame_words, record->slots));
}

PyObject *
enter_compiled(PyObject *callable, PyObject *const *args, size_t nargsf, PyObject *kwnames, CodeRecord *record)
{
    return enter_known(PyThreadState_GetUnchecked(), (PyFunctionObject *)callable, args, nargsf, kwnames, record);
}
