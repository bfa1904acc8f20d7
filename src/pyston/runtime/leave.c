/* Leaving compiled code: turns an exit's recipe into a true interpreter frame, and resumes CPython there.
 *
 * Ownership: values named owned in the recipe move into the frame; borrowed ones get a new reference, since the
 * interpreter may outlive what they were borrowed from. On return from `leave_frame` the frame is gone: the
 * interpreter, or the error path, cleared and popped it. Errors: boxing may fail; then the exit becomes an error at
 * the same instruction, with what could not be boxed left out of the frame.
 *
 * A recipe may move values between slots of the frame: all are read before any is written. */
#include "leave.h"

#include "count.h"
#include "enter.h"
#include "helpers.h"
#include "loops.h"
#include "statistics.h"
#include "stress.h"
#include "tools.h"
#include "tracebacks.h"

#include "internal/pycore_intrinsics.h"
#include "opcode_ids.h"

#include <math.h>

/* A guard that failed this often has the function compiled anew; each time round it may fail twice as often. */
#define EXITS_BEFORE_RECOMPILE 64
/* A function that was compiled this often and fails again is left to the interpreter. Up to three times it was for what had
 * never run before (MOST_MET in live_world.py). */
#define MAX_COMPILES 9

/* --- recipes ----------------------------------------------------------------------------------------------- */

/* Reads the machine word of an entry that is neither a slot nor a constant. */
static uint64_t
read_word(const RecipeEntry *entry, const Registers *registers)
{
    uint64_t word;
    switch (entry->where) {
    case WHERE_GPR:
        return registers->gpr[entry->index];
    case WHERE_XMM:
        memcpy(&word, &registers->xmm[entry->index], sizeof(word));
        return word;
    case WHERE_SPILL:
        memcpy(&word, (const char *)registers->gpr[4] + entry->index, sizeof(word));
        return word;
    default: /* WHERE_IMM */
        return (uint64_t)(int64_t)entry->index;
    }
}

/* The object that a reference (tagged or not, or NULL) of the recipe stands for, as a stack reference that the frame
 * may own. `keep`: the source keeps its reference too (a sync). */
static _PyStackRef
object_value(const RecipeEntry *entry, const Artifact *artifact, _PyInterpreterFrame *frame, const Registers *registers,
             bool keep)
{
    if (entry->where == WHERE_SLOT) {
        _PyStackRef *slot = &frame->localsplus[entry->index];
        _PyStackRef value = *slot;
        if (PyStackRef_IsNull(value)) {
            return value;
        }
        if (entry->repr == REPR_OWNED && !keep) {
            *slot = PyStackRef_NULL; /* it moves */
            return value;
        }
        return PyStackRef_FromPyObjectNew(PyStackRef_AsPyObjectBorrow(value));
    }
    PyObject *object;
    if (entry->where == WHERE_CONST) {
        object = PyTuple_GET_ITEM(artifact->constants, entry->index);
        if (PyWeakref_CheckRef(object)) { /* a heap type */
            PyObject *type = NULL;
            (void)PyWeakref_GetRef(object, &type);
            return type != NULL ? PyStackRef_FromPyObjectSteal(type) : PyStackRef_None;
        }
    }
    else {
        object = (PyObject *)read_word(entry, registers);
        if (object == NULL) {
            return PyStackRef_NULL;
        }
        if (entry->repr == REPR_OWNED && !keep) {
            return PyStackRef_FromPyObjectSteal(object);
        }
    }
    return PyStackRef_FromPyObjectNew(object);
}

/* The value of one entry as an owned stack reference. Boxing may fail: then *failed is set and it is NULL. */
static _PyStackRef
entry_value(const RecipeEntry *entry, const Artifact *artifact, _PyInterpreterFrame *frame, const Registers *registers,
            bool keep, bool *failed)
{
    PyObject *boxed;
    _PyStackRef value;
    switch (entry->repr) {
    case REPR_NULL:
        return PyStackRef_NULL;
    case REPR_RAW:
        return (_PyStackRef){.bits = read_word(entry, registers)};
    case REPR_BOOL:
        return (uint32_t)read_word(entry, registers) != 0 ? PyStackRef_True : PyStackRef_False;
    case REPR_LOCAL_INT:
        if ((int64_t)read_word(entry, registers) == IN_SLOT) {
            value = frame->localsplus[entry->dest];
            return PyStackRef_IsNull(value) ? value : PyStackRef_FromPyObjectNew(PyStackRef_AsPyObjectBorrow(value));
        }
        boxed = PyLong_FromLongLong((int64_t)read_word(entry, registers));
        break;
    case REPR_I64:
        boxed = PyLong_FromLongLong((int64_t)read_word(entry, registers));
        break;
    case REPR_F64: {
        uint64_t word = read_word(entry, registers);
        double value;
        memcpy(&value, &word, sizeof(value));
        boxed = PyFloat_FromDouble(value);
        break;
    }
    default:
        return object_value(entry, artifact, frame, registers, keep);
    }
    if (boxed == NULL) {
        *failed = true;
        return PyStackRef_NULL;
    }
    return PyStackRef_FromPyObjectSteal(boxed);
}

/* A NaN is one object wherever the frame has it: a new reference to the box that an entry before this one has made of
 * the same number, or NULL. */
static _PyStackRef
box_of_same_nan(const RecipeEntry *entry, const Registers *registers, const unsigned char *recipe,
                const _PyStackRef *values, Py_ssize_t done)
{
    double number;
    uint64_t word = entry->repr == REPR_F64 ? read_word(entry, registers) : 0;
    memcpy(&number, &word, sizeof(number));
    if (!isnan(number)) {
        return PyStackRef_NULL;
    }
    RecipeEntry earlier;
    for (Py_ssize_t i = 0; i < done; i++) {
        recipe = recipe_next(recipe, &earlier);
        bool same = earlier.repr == REPR_F64 && earlier.where == entry->where && earlier.index == entry->index;
        if (same && !PyStackRef_IsNull(values[i])) {
            return PyStackRef_FromPyObjectNew(PyStackRef_AsPyObjectBorrow(values[i]));
        }
    }
    return PyStackRef_NULL;
}

#define RELEASE_BUFFER 32

/* Runs a recipe. With `keep` only the entries for locals, and the sources stay valid. Releases old contents at the
 * end: only then may code run. 0, or -1 with MemoryError set. */
static int
run_recipe(_PyInterpreterFrame *frame, const Artifact *artifact, const ExitPoint *point, int kind,
           const Registers *registers, bool keep)
{
    PyCodeObject *code = artifact->code;
    uint32_t stack_depth;
    const unsigned char *recipe = recipe_begin(artifact->recipes + point->recipe, &stack_depth);
    RecipeEntry entry;
    Py_ssize_t count = 0, done = 0, dropped = 0;
    bool failed = false;

    for (const unsigned char *at = recipe; *at != 0; count++) {
        at = recipe_next(at, &entry);
    }
    _PyStackRef buffer[RELEASE_BUFFER];
    _PyStackRef *values = buffer;
    if (count > RELEASE_BUFFER) {
        values = PyMem_RawMalloc((size_t)count * sizeof(_PyStackRef));
        if (values == NULL) {
            Py_FatalError("pyston: no memory to leave compiled code");
        }
    }
    for (const unsigned char *at = recipe; *at != 0; done++) {
        at = recipe_next(at, &entry);
        bool local = entry.dest < code->co_nlocalsplus || (entry.dest >= DEST_GLOBAL && entry.dest != DEST_DROP);
        values[done] = keep && !local ? PyStackRef_NULL : box_of_same_nan(&entry, registers, recipe, values, done);
        if (PyStackRef_IsNull(values[done]) && (local || !keep)) {
            values[done] = entry_value(&entry, artifact, frame, registers, keep, &failed);
        }
    }
    if (!keep) {
        frame->stackpointer = frame->localsplus + code->co_nlocalsplus + stack_depth;
    }
    /* Each value goes to its place; what was there takes the value's place in the list of what to release. */
    done = 0;
    for (const unsigned char *at = recipe; *at != 0; done++) {
        at = recipe_next(at, &entry);
        if (entry.dest == DEST_DROP) {
            continue;
        }
        if (entry.dest >= DEST_GLOBAL) {
            if (!PyStackRef_IsNull(values[done])) { /* else it could not be boxed */
                PyObject *old = loops_store_global(frame, artifact, entry.dest - DEST_GLOBAL,
                                                   PyStackRef_AsPyObjectSteal(values[done]));
                values[done] = old != NULL ? PyStackRef_FromPyObjectSteal(old) : PyStackRef_NULL;
            }
            continue;
        }
        bool local = entry.dest < code->co_nlocalsplus;
        if (local) {
            _PyStackRef old = frame->localsplus[entry.dest];
            frame->localsplus[entry.dest] = values[done];
            values[done] = old;
        }
        else if (!keep) {
            frame->localsplus[entry.dest] = values[done];
            values[done] = PyStackRef_NULL;
        }
    }
    if (kind != EXIT_RERAISE && kind != EXIT_RAISED) {
        bool resumes = kind == EXIT_GUARD || kind == EXIT_LEAVE;
        frame->instr_ptr = FIRST_UNIT(code) + (int)point->offset + (resumes ? 0 : point->lasti_delta);
    }
    if (!keep) {
        tag_immortals(frame, code->co_nlocalsplus + (int)stack_depth);
    }
    PyObject *exception = PyErr_GetRaisedException();
    for (; dropped < count; dropped++) {
        if (PyStackRef_RefcountOnObject(values[dropped])) { /* neither borrowed nor empty */
            Py_DECREF(PyStackRef_AsPyObjectBorrow(values[dropped]));
        }
    }
    PyErr_SetRaisedException(exception);
    if (values != buffer) {
        PyMem_RawFree(values);
    }
    return failed ? -1 : 0;
}

/* --- errors ------------------------------------------------------------------------------------------------ */

static const unsigned char *
table_number(const unsigned char *at, int *value)
{
    int result = *at & 63;
    while (*at++ & 64) {
        result = result << 6 | (*at & 63);
    }
    *value = result;
    return at;
}

/* Looks up the handler for the code unit in the exception table (its format: Objects/exception_handling_notes). Its
 * entries are sorted; bit 7 marks the first byte of each. */
static bool
find_handler(PyCodeObject *code, int unit, int *depth, int *handler, bool *with_lasti)
{
    const unsigned char *at = (const unsigned char *)PyBytes_AS_STRING(code->co_exceptiontable);
    const unsigned char *end = at + PyBytes_GET_SIZE(code->co_exceptiontable);
    while (at < end) {
        int start, length, depth_lasti;
        at = table_number(at, &start);
        if (start > unit) {
            return false;
        }
        at = table_number(at, &length);
        at = table_number(at, handler);
        at = table_number(at, &depth_lasti);
        if (unit < start + length) {
            *depth = depth_lasti >> 1;
            *with_lasti = depth_lasti & 1;
            return true;
        }
    }
    return false;
}

bool
is_handled(PyCodeObject *code, int unit)
{
    int depth, handler;
    bool with_lasti;
    return find_handler(code, unit, &depth, &handler, &with_lasti);
}

/* Calls the tools that want a global event about the current exception. 0, or -1: another one is set now. */
static int
fire_exception_event(PyThreadState *tstate, int event, PyCodeObject *code, int unit)
{
    PyMonitoringState state = {tstate->interp->monitors.tools[event], 0};
    if (LIKELY(state.active == 0) || tstate->tracing) {
        return 0;
    }
    int offset = unit * (int)sizeof(_Py_CODEUNIT);
    switch (event) {
    case PY_MONITORING_EVENT_PY_UNWIND:
        return _PyMonitoring_FirePyUnwindEvent(&state, (PyObject *)code, offset);
    case PY_MONITORING_EVENT_EXCEPTION_HANDLED:
        return _PyMonitoring_FireExceptionHandledEvent(&state, (PyObject *)code, offset);
    default:
        return _PyMonitoring_FireReraiseEvent(&state, (PyObject *)code, offset);
    }
}

/* Releases the operand stack down to `depth`; the exception stays set. Runs finalizers. */
static void
pop_stack(_PyInterpreterFrame *frame, _PyStackRef *base, int depth)
{
    if (frame->stackpointer > base + depth) {
        PyObject *exception = PyErr_GetRaisedException();
        while (frame->stackpointer > base + depth) {
            _PyStackRef top = *--frame->stackpointer;
            if (PyStackRef_RefcountOnObject(top)) {
                Py_DECREF(PyStackRef_AsPyObjectBorrow(top));
            }
        }
        PyErr_SetRaisedException(exception);
    }
}

/* The handler around the body of each generator: it raises on whatever it gets, a StopIteration as a RuntimeError. */
static inline bool
converts_stop_iteration(PyCodeObject *code, int handler)
{
    _Py_CODEUNIT unit = FIRST_UNIT(code)[handler];
    return unit.op.code == CALL_INTRINSIC_1 && unit.op.arg == INTRINSIC_STOPITERATION_ERROR;
}

/* What that handler does with the exception that is set. */
static void
convert_stop_iteration(PyThreadState *tstate)
{
    PyObject *exception = tstate->current_exception;
    tstate->current_exception = NULL;
    PyObject *converted = call_intrinsic_1(tstate, INTRINSIC_STOPITERATION_ERROR, exception);
    if (LIKELY(converted != NULL)) {
        tstate->current_exception = converted;
    } /* else without memory for it: that is what is raised now */
    Py_DECREF(exception);
}

/* Does a tool want to hear of exceptions, whatever the code? */
static inline bool
exceptions_are_watched(PyThreadState *tstate)
{
    const uint8_t *tools = tstate->interp->monitors.tools;
    return (tools[PY_MONITORING_EVENT_RAISE] | tools[PY_MONITORING_EVENT_RERAISE] | tools[PY_MONITORING_EVENT_PY_UNWIND]
            | tools[PY_MONITORING_EVENT_EXCEPTION_HANDLED]) != 0;
}

/* A frame is gone. It may have been the last to run code that has retired, so what that holds may die now; not behind a
 * generator's frame: whoever resumed that looks at its state first. Runs finalizers. */
static inline void
frame_gone(bool of_generator)
{
    if (!of_generator) {
        bury_in_passing();
    }
}

/* Has the interpreter go on with the frame, which is true. `stays`: if it runs a loop, that goes on. Returns the body's
 * result. */
static PyObject *
hand_over(PyThreadState *tstate, _PyInterpreterFrame *frame, bool stays)
{
    if (UNLIKELY(loop_runs != NULL) && loops_hand_back(frame, stays)) {
        return NULL;
    }
    bool of_generator = frame->owner == FRAME_OWNED_BY_GENERATOR;
    unlink_frame(tstate, frame);
    PyObject *result = _PyEval_EvalFrameDefault(tstate, frame, 0);
    frame_gone(of_generator);
    return result;
}

/* Where it is counted how often the exit is taken; NULL: there is no memory. */
static uint32_t *
exit_counter(Artifact *artifact, const ExitPoint *point)
{
    if (UNLIKELY(artifact->exits_taken == NULL)) {
        artifact->exits_taken = PyMem_RawCalloc(artifact->exit_count, sizeof(uint32_t));
    }
    return artifact->exits_taken != NULL ? &artifact->exits_taken[point - artifact->exits] : NULL;
}

static inline void
count_exit(uint32_t *counter)
{
    if (counter != NULL && *counter < UINT32_MAX) {
        ++*counter;
    }
}

/* An exception is set and the frame is true, instr_ptr where it was raised. Hands the frame to the interpreter at the
 * handler of the code unit `unit`, counting that (or NULL), or gives the frame up. Returns the body's result. */
static PyObject *
unwind_frame(PyThreadState *tstate, _PyInterpreterFrame *frame, PyCodeObject *code, int unit, bool reraised,
             uint32_t *counter)
{
    _PyStackRef *base = frame->localsplus + code->co_nlocalsplus;
    int depth, handler;
    bool with_lasti;

    if (UNLIKELY(!PyErr_Occurred())) { /* a C function's mistake; the interpreter says the same */
        PyErr_SetString(PyExc_SystemError, "error return without exception set");
    }
    if (UNLIKELY(loop_runs != NULL) && loops_run(frame) && !is_handled(code, unit)) {
        pop_stack(frame, base, 0);
        loops_raise(tstate, frame, reraised);
        return NULL;
    }
    if (!reraised) {
        add_traceback(tstate, frame);
        _PyEval_MonitorRaise(tstate, frame, frame->instr_ptr);
    }
    else {
        (void)fire_exception_event(tstate, PY_MONITORING_EVENT_RERAISE, code, unit);
    }
    /* That of an exception raised again is the place where it came from. */
    int lasti = (int)(frame->instr_ptr - FIRST_UNIT(code));
    while (find_handler(code, unit, &depth, &handler, &with_lasti)) {
        pop_stack(frame, base, depth);
        if (converts_stop_iteration(code, handler) && !exceptions_are_watched(tstate)) {
            convert_stop_iteration(tstate);
            break;
        }
        if (with_lasti) {
            *frame->stackpointer++ = PyStackRef_TagInt(lasti);
        }
        PyObject *exception = PyErr_GetRaisedException();
        *frame->stackpointer++ = PyStackRef_FromPyObjectSteal(exception);
        frame->instr_ptr = FIRST_UNIT(code) + handler;
        if (UNLIKELY(tstate->interp->monitors.tools[PY_MONITORING_EVENT_EXCEPTION_HANDLED])) {
            PyErr_SetRaisedException(Py_NewRef(exception));
            int error = fire_exception_event(tstate, PY_MONITORING_EVENT_EXCEPTION_HANDLED, code, handler);
            if (error < 0) { /* the tool raised: that one is looked up from the handler */
                unit = lasti = handler;
                continue;
            }
            PyErr_Clear();
        }
        count_exit(counter);
        return hand_over(tstate, frame, true);
    }
    pop_stack(frame, base, 0);
    (void)fire_exception_event(tstate, PY_MONITORING_EVENT_PY_UNWIND, code, unit);
    bool of_generator = frame->owner == FRAME_OWNED_BY_GENERATOR;
    clear_frame(tstate, frame);
    frame_gone(of_generator);
    return NULL;
}

/* An instruction of compiled code has raised, and nothing in the function handles it: gives the frame up. The frame's memory
 * is true. Returns NULL, the body's result. */
PyObject *
unwind_body(PyThreadState *tstate, _PyInterpreterFrame *frame)
{
    if (UNLIKELY(exceptions_are_watched(tstate))) {
        PyCodeObject *code = (PyCodeObject *)PyStackRef_AsPyObjectBorrow(frame->f_executable);
        return unwind_frame(tstate, frame, code, (int)(frame->instr_ptr - FIRST_UNIT(code)), false, NULL);
    }
    if (UNLIKELY(tstate->current_exception == NULL)) {
        PyErr_SetString(PyExc_SystemError, "error return without exception set");
    }
    if (UNLIKELY(loop_runs != NULL) && loops_run(frame)) {
        loops_raise(tstate, frame, false);
        return NULL;
    }
    add_traceback(tstate, frame);
    bool of_generator = frame->owner == FRAME_OWNED_BY_GENERATOR;
    if (of_generator) {
        convert_stop_iteration(tstate);
    }
    clear_frame(tstate, frame);
    frame_gone(of_generator);
    return NULL;
}

/* Did the eval breaker change for a reason that lets the code go on? A retired artifact is its record's no more. */
static bool
may_go_on(PyThreadState *tstate, PyCodeObject *code, const uintptr_t *version)
{
    CodeRecord *record = record_if_any(code);
    Artifact *artifact = record != NULL ? record->artifact : NULL;
    if (record != NULL && (artifact == NULL || artifact->version != version)) {
        artifact = loops_find(record, version);
    }
    if (artifact == NULL || (UNLIKELY(stress) && stress_check(artifact))) {
        return false;
    }
    return !tools_watch(tstate);
}

/* An instruction of compiled code has raised and its handler is compiled too: what the interpreter does before it goes
 * there. Returns new. The frame is true but for its operand stack. */
ObjectPair
catch_exception(PyThreadState *tstate, _PyInterpreterFrame *frame, const uintptr_t *version)
{
    PyCodeObject *code = (PyCodeObject *)PyStackRef_AsPyObjectBorrow(frame->f_executable);
    if (UNLIKELY((tstate->eval_breaker != *version && !may_go_on(tstate, code, version))
                 || tstate->current_exception == NULL)) {
        return (ObjectPair){NULL, NULL};
    }
    add_traceback(tstate, frame);
    PyObject *exception = tstate->current_exception;
    tstate->current_exception = NULL;
    intptr_t lasti = frame->instr_ptr - FIRST_UNIT(code);
    return (ObjectPair){exception, (PyObject *)PyStackRef_TagInt(lasti).bits};
}

/* --- counting ---------------------------------------------------------------------------------------------- */

/* A guard failed. Remembers it for the next compilation, and retires code that fails too often. */
static void
count_guard(Artifact *artifact, ExitPoint *point)
{
    CodeRecord *record = artifact->record;
    if (artifact->retired || record == NULL) {
        return;
    }
    unsigned compiles = artifact->loop ? loops_header(artifact)->compiles : record->compiles;
    unsigned round = compiles > 0 ? compiles - 1u : 0;
    uint32_t limit = (uint32_t)EXITS_BEFORE_RECOMPILE << (round < 8 ? round : 8);
    if (exit_taken(artifact, point) < limit) {
        return;
    }
    LOG("%s: its guard at unit %u (%s) failed %u times", log_name(artifact->code), (unsigned)point->offset,
        PyUnicode_AsUTF8(reason_text(point->reason)), exit_taken(artifact, point));
    artifact_retire(artifact, "exits");
    if (!artifact->loop && compiles >= MAX_COMPILES) {
        count_give_up(record, "keeps failing");
    }
}

/* Added to the number of a sync's exit: the code must stop there, or an exception came up. */
#define SYNC_LEAVES 0x40000000u
#define SYNC_RAISES 0x20000000u

/* --- what the thunks call ---------------------------------------------------------------------------------- */

PyObject *
leave_frame(PyThreadState *tstate, _PyInterpreterFrame *frame, Artifact *artifact, uint32_t exit, Registers *registers)
{
    uint32_t number = exit & ~(SYNC_LEAVES | SYNC_RAISES);
    CHECK(number < artifact->exit_count);
    CHECK(tstate == PyThreadState_GetUnchecked() && tstate->current_frame == frame);
    CHECK(PyStackRef_AsPyObjectBorrow(frame->f_executable) == (PyObject *)artifact->code);
    ExitPoint *point = &artifact->exits[number];
    uint32_t *counter = exit_counter(artifact, point);
    int kind = exit & SYNC_LEAVES ? EXIT_LEAVE : exit & SYNC_RAISES ? EXIT_ERROR : point->kind;
    int error = run_recipe(frame, artifact, point, kind, registers, false);
    if (error < 0) { /* could not box */
        int unit = (int)(frame->instr_ptr - FIRST_UNIT(artifact->code));
        return unwind_frame(tstate, frame, artifact->code, unit, false, counter);
    }
    if (kind != EXIT_GUARD && kind != EXIT_LEAVE) {
        int unit = (int)point->offset + point->lasti_delta;
        if (point->reason == REASON_NEVER_RUN) { /* its handler: the next compilation has it */
            count_guard(artifact, point);
        }
        return unwind_frame(tstate, frame, artifact->code, unit, kind == EXIT_RERAISE, counter);
    }
    count_exit(counter);
    if (kind == EXIT_GUARD) {
        count_guard(artifact, point);
    }
    return hand_over(tstate, frame, (exit & SYNC_LEAVES) != 0 || loops_goes_on(artifact, point));
}

Artifact *
exit_behind(const unsigned char *address, uint64_t *number)
{
    Artifact *artifact = artifact_at(address);
    CHECK(artifact != NULL && (address[0] == 0xA8 || address[0] == 0xA9));
    uint32_t wide;
    memcpy(&wide, address + 1, sizeof(wide));
    *number = address[0] == 0xA8 ? address[1] : wide; /* test al, k or test eax, k */
    return artifact;
}

/* Does freeing the object run no code that could look at the frame? */
static inline bool
dies_quietly(PyObject *dead)
{
    PyTypeObject *type = Py_TYPE(dead);
    return type == &PyFloat_Type || type == &PyLong_Type || type == &PyUnicode_Type || type == &PyBytes_Type
           || type == &PyRangeIter_Type;
}

int
sync_frame(PyThreadState *tstate, _PyInterpreterFrame *frame, Artifact *artifact, uint32_t exit, Registers *registers,
           PyObject *dead)
{
    if (dead != NULL && dies_quietly(dead)) {
        _Py_Dealloc(dead);
        return -1;
    }
    CHECK(exit < artifact->exit_count && artifact->exits[exit].kind == EXIT_SYNC);
    CHECK(tstate == PyThreadState_GetUnchecked() && tstate->current_frame == frame);
    int error = run_recipe(frame, artifact, &artifact->exits[exit], EXIT_SYNC, registers, true);
    if (dead != NULL) {
        if (error < 0) {
            PyErr_Clear(); /* a local could not be boxed: it shows as unbound to whoever looks just now */
        }
        if (UNLIKELY(artifact->global_count != 0)) {
            loops_free(frame, artifact, dead);
        }
        else {
            _Py_Dealloc(dead);
        }
        return -1;
    }
    int verdict = error < 0 ? -1 : tools_check(tstate, artifact);
    return verdict > 0 ? -1 : (int)(exit | (verdict == 0 ? SYNC_LEAVES : SYNC_RAISES));
}
