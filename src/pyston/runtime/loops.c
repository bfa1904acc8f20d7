/* On-stack replacement: entering compiled code in the middle of a loop.
 *
 * A loop of code that is called once (a module, main()) is not reached by counting calls. The sampler notices that one
 * activation goes on and on (`loops_look`), and has the interpreter report that code's jumps: local JUMP events of
 * sys.monitoring, of our own tool. At the next jump backwards the interpreter calls `loop_jump`, in the middle of its own work
 * on the frame. There the loop is compiled, as an artifact of its own with one entry at the loop's header, and the frame runs
 * compiled, inside of the callback.
 *
 * Leaving. The frame stays the interpreter's: compiled code never gives it up, but makes it true wherever the loop ends
 * (what lies behind is not compiled), a guard fails or a handler is the interpreter's, and the callback returns. The
 * interpreter reads the frame anew: a callback may set `instr_ptr`, as debuggers do by setting `f_lineno`, and the stack. So
 * nothing nests, however often that happens.
 *
 * Exceptions that leave the function are raised by the interpreter. A callback that raises does so with the handlers of the
 * jump's target: right where that has none. Else the frame is set upon a RERAISE of its own code that no handler covers.
 *
 * What was entered is entered again at its next round, unless the loop has ended: only then the event is switched off, which
 * takes its cost away until the sampler comes again. A loop that cannot be compiled is switched off for good.
 *
 * Events are for tools, and the interpreter counts whoever is called by one as a tool at work: tracing, profiling and other
 * events would be off for everything the loop calls. So that count is put aside while the loop runs. */
#include "loops.h"

#include "count.h"
#include "dict_lookup.h"
#include "enter.h"
#include "helpers.h"
#include "leave.h"
#include "sample.h"
#include "statistics.h"
#include "stress.h"
#include "tools.h"
#include "tracebacks.h"
#include "watch.h"
#include "youth.h"

#include "opcode.h"

#include <math.h>

/* The compiler is asked so often for one loop. */
#define MAX_LOOP_COMPILES 8
/* After so many compilations no types are taken for granted at the entry. */
#define TYPED_COMPILES 3
/* Rounds after which a loop is compiled; earlier, if it takes longer than from one look to the next. Until then the
 * interpreter has specialised for it; a loop that ends sooner is not worth compiling. */
#define ROUNDS_BEFORE_COMPILE 500
/* Rounds in the interpreter between retiring and compiling anew, so that it can specialise for what changed. */
#define ROUNDS_BEFORE_RECOMPILE 32
/* A problem that passes (engine.py). */
#define CHANGED "changed while it was compiled"
/* So often an instruction that is not compiled leaves the loop before that is entered more seldom. */
#define MOST_LEAVES 256
/* The frames that are looked at, from the top: the loop of an activation further down takes little of the time itself. */
#define LOOK_DEPTH 4
/* In a young process: only of the topmost activation, and once it was that at so many looks. */
#define LOOKS_OF_THE_YOUNG 8

LoopRun *loop_runs;

static uint32_t armed; /* code objects whose jumps are reported */
static bool stressed; /* all jumps are reported */

/* --- states ------------------------------------------------------------------------------------------------ */

/* Reads what of the code matters here. */
static bool
read_code(PyCodeObject *code, LoopState *state)
{
    _PyCoCached before = host_code_readings(code);
    PyObject *bytes = PyCode_GetCode(code); /* new; caches are zero */
    host_code_forget(code, &before);
    if (bytes == NULL) {
        PyErr_Clear();
        return false;
    }
    const _Py_CODEUNIT *units = (const _Py_CODEUNIT *)PyBytes_AS_STRING(bytes);
    Py_ssize_t count = PyBytes_GET_SIZE(bytes) / (Py_ssize_t)sizeof(_Py_CODEUNIT);
    state->reraise = -1;
    bool well = true;
    uint32_t arg = 0;
    for (Py_ssize_t i = 0; i < count && well; i++) {
        arg = arg << 8 | units[i].op.arg;
        if (units[i].op.code == EXTENDED_ARG) {
            continue;
        }
        if (units[i].op.code == JUMP_BACKWARD) {
            uint32_t behind = (uint32_t)i + JUMP_BACKWARD_UNITS;
            LoopRange *bigger = PyMem_RawRealloc(state->ranges, (state->range_count + 1) * sizeof(LoopRange));
            well = bigger != NULL;
            if (well) {
                state->ranges = bigger;
                bigger[state->range_count++] = (LoopRange){behind - arg, (uint32_t)i};
            }
        }
        else if (units[i].op.code == RERAISE && units[i].op.arg <= 1 && !is_handled(code, (int)i)
                 && (state->reraise < 0 || units[i].op.arg == 1)) {
            state->reraise = (int32_t)i; /* with 1 it says where the exception was raised */
        }
        arg = 0;
    }
    Py_DECREF(bytes);
    return well;
}

/* NULL: no memory, no exception. */
static LoopState *
state_of(CodeRecord *record)
{
    if (record->loops == NULL) {
        LoopState *state = PyMem_RawCalloc(1, sizeof(LoopState));
        if (state == NULL || !read_code(record->code, state)) {
            if (state != NULL) {
                PyMem_RawFree(state->ranges);
            }
            PyMem_RawFree(state);
            return NULL;
        }
        record->loops = state;
    }
    return record->loops;
}

/* NULL: no memory. The pointer is good until the next one is added. */
static LoopHeader *
header_of(LoopState *state, uint32_t unit)
{
    for (uint32_t i = 0; i < state->header_count; i++) {
        if (state->headers[i].unit == unit) {
            return &state->headers[i];
        }
    }
    LoopHeader *bigger = PyMem_RawRealloc(state->headers, (state->header_count + 1) * sizeof(LoopHeader));
    if (bigger == NULL) {
        return NULL;
    }
    state->headers = bigger;
    bigger[state->header_count] = (LoopHeader){.unit = unit, .wait = stressed ? 0 : ROUNDS_BEFORE_COMPILE};
    return &bigger[state->header_count++];
}

LoopHeader *
loops_header(const Artifact *artifact)
{
    return header_of(artifact->record->loops, artifact->entries[0].offset);
}

/* Leaves the loop to the interpreter for good. */
static void
refuse(CodeRecord *record, uint32_t unit, const char *reason)
{
    header_of(record->loops, unit)->refused = true;
    statistics_refuse_loop(reason);
    LOG("loop at unit %u of %s stays in the interpreter: %s", unit, log_name(record->code), reason);
}

void
loops_publish(Artifact *artifact, CodeRecord *record)
{
    LoopState *state = record->loops;
    artifact->loop_next = state->artifacts;
    state->artifacts = artifact;
}

void
loops_unlink(Artifact *artifact, CodeRecord *record)
{
    Artifact **link = &record->loops->artifacts;
    while (*link != artifact) {
        link = &(*link)->loop_next;
    }
    *link = artifact->loop_next;
    loops_header(artifact)->wait = ROUNDS_BEFORE_RECOMPILE;
}

void
loops_forget(CodeRecord *record)
{
    while (record->loops != NULL && record->loops->artifacts != NULL) {
        artifact_retire(record->loops->artifacts, "code died");
    }
    if (record->loops != NULL) {
        armed -= record->loops->armed;
        PyMem_RawFree(record->loops->headers);
        PyMem_RawFree(record->loops->ranges);
    }
    PyMem_RawFree(record->loops);
    record->loops = NULL;
}

Artifact *
loops_find(CodeRecord *record, const uintptr_t *version)
{
    Artifact *artifact = record->loops != NULL ? record->loops->artifacts : NULL;
    while (artifact != NULL && artifact->version != version) {
        artifact = artifact->loop_next;
    }
    return artifact;
}

void
loops_after_fork(void)
{
    LoopRun **link = &loop_runs;
    while (*link != NULL) {
        if (pthread_equal((*link)->thread, pthread_self())) {
            link = &(*link)->next;
        }
        else {
            *link = (*link)->next;
        }
    }
}

/* --- leaving ----------------------------------------------------------------------------------------------- */

static LoopRun *
run_of(const _PyInterpreterFrame *frame)
{
    LoopRun *run = loop_runs;
    while (run != NULL && run->frame != frame) {
        run = run->next;
    }
    return run;
}

bool
loops_hand_back(_PyInterpreterFrame *frame, bool stays)
{
    LoopRun *run = run_of(frame);
    if (LIKELY(run == NULL)) {
        return false;
    }
    run->left = true;
    run->stays = stays;
    return true;
}

bool
loops_run(const _PyInterpreterFrame *frame)
{
    return run_of(frame) != NULL;
}

bool
loops_run_artifact(const Artifact *artifact)
{
    const LoopRun *run = loop_runs;
    while (run != NULL && run->artifact != artifact) {
        run = run->next;
    }
    return run != NULL;
}

Artifact *
loops_artifact(const _PyInterpreterFrame *frame)
{
    const LoopRun *run = run_of(frame);
    return run != NULL ? run->artifact : NULL;
}

bool
loops_goes_on(const Artifact *artifact, const ExitPoint *point)
{
    if (point->kind == EXIT_GUARD) {
        return true;
    }
    /* An instruction that is not compiled: entered again and again, the rest must be worth it. */
    return exit_taken(artifact, point) <= MOST_LEAVES && point->reason != REASON_LOOP_END;
}

void
loops_raise(PyThreadState *tstate, _PyInterpreterFrame *frame, bool traced)
{
    LoopRun *run = run_of(frame);
    PyCodeObject *code = run->artifact->code;
    int reraise = run->reraise;
    tag_immortals(frame, code->co_nlocalsplus);
    if (reraise < 0 || (!traced && !is_handled(code, (int)run->header))) {
        return; /* the callback raises it, and the interpreter adds the entry */
    }
    if (!traced) {
        add_traceback(tstate, frame);
    }
    if (FIRST_UNIT(code)[reraise].op.arg != 0) {
        *frame->stackpointer++ = PyStackRef_TagInt((int)(frame->instr_ptr - FIRST_UNIT(code)));
    }
    else if (frame->frame_obj != NULL) {
        /* The frame will end there, but tell the line where it was raised. */
        int line = PyUnstable_InterpreterFrame_GetLine(frame);
        frame->frame_obj->f_lineno = line > 0 ? line : 0;
    }
    *frame->stackpointer++ = PyStackRef_FromPyObjectSteal(PyErr_GetRaisedException());
    frame->instr_ptr = FIRST_UNIT(code) + reraise;
    run->left = true;
    run->stays = false;
}

/* --- globals as slots ----------------------------------------------------------------------------------------- */

/* Do the slots' places belong to the dict as it is, and does nobody else want to be told of changes? */
static bool
globals_are_there(const Artifact *artifact, PyObject *globals)
{
    const PyDictObject *dict = (const PyDictObject *)globals;
    return dict->ma_keys->dk_version == artifact->keys_version
           && ((uint8_t)dict->_ma_watcher_tag & watch_foreign_bits()) == 0;
}

PyObject *
loops_store_global(_PyInterpreterFrame *frame, const Artifact *artifact, uint32_t slot, PyObject *value)
{
    LoopRun *run = run_of(frame);
    if (UNLIKELY(run->changed_globals >> slot & 1)) {
        return value;
    }
    if (LIKELY(globals_are_there(artifact, frame->f_globals))) {
        PyObject *old = *artifact->global_slots[slot].place;
        *artifact->global_slots[slot].place = value;
        return old;
    }
    PyObject *old = PyDict_GetItemWithError(frame->f_globals, artifact->global_slots[slot].name); /* borrowed */
    Py_XINCREF(old); /* it must not die in there */
    store_moved_global(frame->f_globals, artifact->global_slots[slot].name, value);
    return old;
}

void
loops_free(_PyInterpreterFrame *frame, const Artifact *artifact, PyObject *dead)
{
    PyObject *before[64];
    uint32_t count = artifact->global_count;
    bool there = globals_are_there(artifact, frame->f_globals);
    for (uint32_t i = 0; there && i < count; i++) {
        before[i] = Py_NewRef(*artifact->global_slots[i].place);
    }
    _Py_Dealloc(dead);
    if (!there) {
        return; /* it leaves already */
    }
    LoopRun *run = run_of(frame);
    bool still = globals_are_there(artifact, frame->f_globals);
    uint64_t changed = 0;
    for (uint32_t i = 0; i < count; i++) {
        PyObject *now = still ? *artifact->global_slots[i].place
                              : PyDict_GetItemWithError(frame->f_globals, artifact->global_slots[i].name);
        changed |= (uint64_t)(now != before[i]) << i;
    }
    if (UNLIKELY(!still || changed != 0)) {
        run->changed_globals |= changed;
        *artifact->version = VERSION_NEVER;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (UNLIKELY(changed >> i & 1)) {
            keep_until_safe(before[i]);
        }
        else {
            Py_DECREF(before[i]);
        }
    }
}

/* Ints of so many digits are unboxed (compiler/lir/lower_values.py). */
#define UNBOXED_DIGITS 2

/* The class that an entry may rely on for a value: a builtin one, which never dies. Borrowed, or NULL. A number of a known
 * class goes in unboxed and loses its identity, by which containers find a NaN. */
static PyTypeObject *
class_of(PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);
    if (PyType_HasFeature(type, Py_TPFLAGS_HEAPTYPE)
        || (type == &PyLong_Type && _PyLong_DigitCount((PyLongObject *)object) > UNBOXED_DIGITS)
        || (type == &PyFloat_Type && isnan(PyFloat_AS_DOUBLE(object)))) {
        return NULL;
    }
    return type;
}

PyObject *
loops_claim_globals(PyObject *dict, PyObject *names)
{
    PyDictKeysObject *keys = ((PyDictObject *)dict)->ma_keys;
    uint32_t version = keys_version(keys);
    if (!PyDict_CheckExact(dict) || keys->dk_kind == DICT_KEYS_GENERAL || ((PyDictObject *)dict)->ma_values != NULL
        || version == 0 || version > INT32_MAX
        || ((uint8_t)((PyDictObject *)dict)->_ma_watcher_tag & watch_foreign_bits()) != 0) {
        Py_RETURN_NONE;
    }
    PyObject *rows = PyList_New(0);
    for (Py_ssize_t i = 0; rows != NULL && i < PyList_GET_SIZE(names); i++) {
        PyObject *text = PyList_GET_ITEM(names, i);
        Py_ssize_t index = PyUnicode_CheckExact(text) ? keys_find_str(keys, text) : KEYS_ABSENT;
        if (index < 0 || watch_claim(dict, text) < 0) {
            continue;
        }
        PyObject **place = &DK_UNICODE_ENTRIES(keys)[index].me_value;
        PyTypeObject *type = class_of(*place);
        PyObject *row = Py_BuildValue("(OKO)", text, (unsigned long long)(uintptr_t)place,
                                      type != NULL ? (PyObject *)type : Py_None);
        if (row == NULL || PyList_Append(rows, row) < 0) {
            Py_CLEAR(rows);
        }
        Py_XDECREF(row);
    }
    return rows == NULL ? NULL : Py_BuildValue("(IiN)", version, (int)watch_foreign_bits(), rows);
}

/* --- entering ---------------------------------------------------------------------------------------------- */

/* The same for a value of the frame. */
static PyTypeObject *
class_at_entry(_PyStackRef value)
{
    if (PyStackRef_IsNullOrInt(value)) {
        return NULL;
    }
    return class_of(PyStackRef_AsPyObjectBorrow(value));
}

/* How much of the frame an entry is concerned with: its locals, then its operand stack. */
static inline Py_ssize_t
frame_size(const _PyInterpreterFrame *frame)
{
    return frame->stackpointer - frame->localsplus;
}

/* The artifact for the loop, as the frame stands: the frame holds what the entry relies on. Borrowed, or NULL. */
static Artifact *
find_artifact(const CodeRecord *record, const _PyInterpreterFrame *frame, uint32_t unit)
{
    Artifact *stale = NULL; /* the keys of the globals have changed: it will never fit again */
    for (Artifact *artifact = record->loops->artifacts; artifact != NULL; artifact = artifact->loop_next) {
        if (artifact->entries[0].offset != unit || frame->f_globals != record->globals
            || frame->f_builtins != record->builtins
            || frame_size(frame) != artifact->code->co_nlocalsplus + (Py_ssize_t)artifact->entries[0].stack_depth) {
            continue;
        }
        bool fits = artifact->entry_classes != NULL;
        for (Py_ssize_t i = 0; i < frame_size(frame) && fits; i++) {
            fits = artifact->entry_classes[i] == NULL
                   || class_at_entry(frame->localsplus[i]) == artifact->entry_classes[i];
        }
        if (artifact->module && frame->f_locals != frame->f_globals) {
            continue;
        }
        if (artifact->global_count != 0 && !globals_are_there(artifact, frame->f_globals)) {
            stale = artifact;
            continue;
        }
        for (uint32_t i = 0; i < artifact->global_count && fits; i++) {
            fits = artifact->global_slots[i].class == NULL
                   || class_of(*artifact->global_slots[i].place) == artifact->global_slots[i].class;
        }
        if (fits) {
            return artifact;
        }
    }
    if (stale != NULL) {
        artifact_retire(stale, "other globals");
        loops_header(stale)->wait = 0;
    }
    return NULL;
}

/* New tuple of the classes from `first` on, None for unknown ones; NULL with an exception set. */
static PyObject *
classes_tuple(PyTypeObject **classes, Py_ssize_t count)
{
    PyObject *tuple = PyTuple_New(count);
    for (Py_ssize_t i = 0; tuple != NULL && i < count; i++) {
        PyTuple_SET_ITEM(tuple, i, Py_NewRef(classes[i] != NULL ? (PyObject *)classes[i] : Py_None));
    }
    return tuple;
}

enum { NAMES_ANYWHERE, NAMES_GLOBAL, NAMES_MODULE }; /* compiler/snapshot.py */

static int
where_names_are(const _PyInterpreterFrame *frame)
{
    if (!PyDict_CheckExact(frame->f_globals) || !PyDict_CheckExact(frame->f_builtins)) {
        return NAMES_ANYWHERE;
    }
    return frame->f_locals == frame->f_globals ? NAMES_MODULE : NAMES_GLOBAL;
}

/* Has the loop compiled, for a frame that looks like this one. 0, or -1: an exception is set that is not ours. */
static int
compile_loop(PyThreadState *tstate, CodeRecord *record, _PyInterpreterFrame *frame, uint32_t unit)
{
    LoopState *state = record->loops;
    LoopHeader *header = header_of(state, unit);
    PyFunctionObject *function = (PyFunctionObject *)PyStackRef_AsPyObjectBorrow(frame->f_funcobj);
    Py_ssize_t size = frame_size(frame), slots = record->code->co_nlocalsplus;
    if (header->compiles >= MAX_LOOP_COMPILES) {
        refuse(record, unit, "compiled too often");
        return 0;
    }
    if (!PyFunction_Check(function) || function->func_code != (PyObject *)record->code) {
        refuse(record, unit, "its function has other code");
        return 0;
    }
    if (state->reraise < 0 && is_handled(record->code, (int)unit)) {
        refuse(record, unit, "handler without RERAISE");
        return 0;
    }
    PyTypeObject **classes = PyMem_RawCalloc((size_t)size + 1, sizeof(PyTypeObject *));
    if (classes == NULL) {
        return 0;
    }
    for (Py_ssize_t i = 0; i < size; i++) {
        if (i >= slots && !PyStackRef_IsNull(frame->localsplus[i]) && PyStackRef_IsTaggedInt(frame->localsplus[i])) {
            PyMem_RawFree(classes);
            refuse(record, unit, "inside of a finally block");
            return 0;
        }
        classes[i] = header->compiles < TYPED_COMPILES ? class_at_entry(frame->localsplus[i]) : NULL;
    }
    PyObject *loop = Py_BuildValue("(INNi)", unit, classes_tuple(classes, slots),
                                   classes_tuple(classes + slots, size - slots), where_names_are(frame));
    const char *problem = NULL;
    Artifact *newest = state->artifacts;
    int outcome = loop != NULL ? count_compile_loop(tstate, function, loop, &problem) : 1;
    Py_XDECREF(loop);
    if (outcome >= 0) {
        PyErr_Clear();
    }
    header = header_of(state, unit);
    header->compiles += outcome <= 0;
    /* Anything may have happened meanwhile, but the code lives: the frame holds it. */
    Artifact *artifact = state->artifacts;
    if (problem == NULL && artifact != NULL && artifact != newest && artifact->entries[0].offset == unit
        && artifact->entry_classes == NULL) {
        artifact->entry_classes = classes;
    }
    else {
        PyMem_RawFree(classes);
        if (problem != NULL && strcmp(problem, CHANGED) != 0) {
            refuse(record, unit, problem);
        }
        else {
            header->wait = ROUNDS_BEFORE_RECOMPILE;
        }
    }
    return outcome;
}

/* Runs the frame compiled from the loop's header on. True: the interpreter goes on with it, where it stands now; else an
 * exception is set that it is to raise. */
static bool
run_loop(PyThreadState *tstate, _PyInterpreterFrame *frame, Artifact *artifact, LoopRun *run)
{
    _PyStackRef *base = frame->localsplus + artifact->code->co_nlocalsplus;
    const EntryPoint *entry = &artifact->entries[0];
    *run = (LoopRun){.frame = frame, .artifact = artifact, .thread = pthread_self(), .header = entry->offset,
                     .next = loop_runs};
    run->reraise = artifact->record->loops->reraise;
    loop_runs = run;
    int tracing = tstate->tracing, what_event = tstate->what_event;
    tstate->tracing = 0;
    tstate->what_event = -1;
    statistics.loops_entered++;
    PyObject *result = resume_frame(tstate, frame, artifact, entry);
    CHECK(result == NULL && tstate->current_frame == frame);
    CHECK(run->left == (tstate->current_exception == NULL));
    CHECK(frame->stackpointer >= base);
    (void)result, (void)base;
    tstate->tracing = tracing;
    tstate->what_event = what_event;
    LoopRun **link = &loop_runs; /* other threads' runs may stand before it */
    while (*link != run) {
        link = &(*link)->next;
    }
    *link = run->next;
    return run->left;
}

typedef enum { SWITCH_OFF, LEAVE_ON, RAISE } Verdict;

/* The frame, whose code is the record's, is about to jump to the loop header. */
static Verdict
enter_loop(PyThreadState *tstate, CodeRecord *record, _PyInterpreterFrame *frame, uint32_t unit)
{
    LoopState *state = state_of(record);
    LoopHeader *header = state != NULL ? header_of(state, unit) : NULL;
    if (header == NULL || header->refused) {
        return SWITCH_OFF;
    }
    if (tools_watch(tstate) || tools_exist || tstate->interp->eval_frame != usual_eval_frame
        || stack_is_low(tstate) || tstate->py_recursion_remaining <= 0 || run_of(frame) != NULL) {
        return SWITCH_OFF; /* another time, perhaps */
    }
    Artifact *artifact = find_artifact(record, frame, unit);
    if (artifact == NULL) {
        header->reported = true;
        if (header->wait > 0) {
            header->wait--;
            return LEAVE_ON;
        }
        if (compile_loop(tstate, record, frame, unit) < 0) { /* else it may be too early, or not possible */
            return RAISE;
        }
        artifact = find_artifact(record, frame, unit);
        if (artifact == NULL) {
            return header_of(state, unit)->refused ? SWITCH_OFF : LEAVE_ON;
        }
    }
    if (tools_watch(tstate)) {
        return SWITCH_OFF;
    }
    tools_admit(tstate, artifact);
    state->armings = 0;
    state->entered = true;
    LoopRun run;
    bool left = run_loop(tstate, frame, artifact, &run);
    bury_in_passing();
    return !left ? RAISE : run.stays || stressed ? LEAVE_ON : SWITCH_OFF;
}

static PyObject *disable; /* owned: sys.monitoring.DISABLE */

/* The callback of JUMP: (code, offset, offset of the target). Borrows, returns new. */
static PyObject *
loop_jump(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    (void)self;
    PyThreadState *tstate = PyThreadState_GetUnchecked();
    _PyInterpreterFrame *frame = tstate->current_frame;
    long from = count == 3 ? PyLong_AsLong(args[1]) : -1, to = count == 3 ? PyLong_AsLong(args[2]) : -1;
    if (from < 0 || to < 0 || to > from || !runtime_enabled || tstate->interp != host_interpreter || frame == NULL
        || frame->owner > FRAME_OWNED_BY_GENERATOR
        || PyStackRef_AsPyObjectBorrow(frame->f_executable) != args[0]) {
        PyErr_Clear();
        return Py_NewRef(disable);
    }
    CodeRecord *record = record_of((PyCodeObject *)args[0]);
    Verdict verdict = SWITCH_OFF;
    if (record != NULL) {
        verdict = enter_loop(tstate, record, frame, (uint32_t)to / sizeof(_Py_CODEUNIT));
    }
    if (verdict == RAISE) {
        return NULL;
    }
    return Py_NewRef(verdict == LEAVE_ON ? Py_None : disable);
}

static PyMethodDef loop_jump_method = {"loop_jump", (PyCFunction)(void (*)(void))loop_jump, METH_FASTCALL, NULL};

/* --- noticing ---------------------------------------------------------------------------------------------- */

/* The callback is registered when the first loop is noticed. False: somebody else has the tool's number. */
static bool
callback_is_ready(void)
{
    static bool ready;
    if (!ready) {
        PyObject *callback = disable == NULL ? tools_disable_object() : Py_NewRef(disable);
        if (callback != NULL) {
            disable = callback;
            callback = PyCFunction_New(&loop_jump_method, NULL);
        }
        ready = callback != NULL && tools_register(PY_MONITORING_EVENT_JUMP, callback) == 0;
        Py_XDECREF(callback);
        PyErr_Clear();
    }
    return ready;
}

int
loops_stress(bool on)
{
    if (on == stressed) {
        return 0;
    }
    if (!callback_is_ready()) {
        PyErr_SetString(PyExc_RuntimeError, "no tool number for loops");
        return -1;
    }
    stressed = on;
    return tools_observe(PY_MONITORING_EVENT_JUMP, on && !tools_exist);
}

/* The thread's activations that ran at the last look, by their frames' objects: borrowed, only compared. A frame's address
 * does not tell an activation from the next one of the same function. */
static __thread const PyFrameObject *seen[LOOK_DEPTH];

static bool
was_seen(const _PyInterpreterFrame *frame)
{
    for (int i = 0; i < LOOK_DEPTH && frame->frame_obj != NULL; i++) {
        if (seen[i] == frame->frame_obj) {
            return true;
        }
    }
    return false;
}

/* Remembers the activations from the top, whose frames get objects where they have none. */
static void
remember(PyThreadState *tstate)
{
    PyFrameObject *object = PyThreadState_GetFrame(tstate); /* new, or NULL */
    for (int i = 0; i < LOOK_DEPTH; i++) {
        seen[i] = object;
        if (object != NULL) {
            PyFrameObject *back = i + 1 < LOOK_DEPTH ? PyFrame_GetBack(object) : NULL; /* new, or NULL */
            Py_DECREF(object);
            object = back;
        }
    }
}

bool
loops_any(CodeRecord *record)
{
    const LoopState *state = state_of(record);
    return state == NULL || state->range_count > 0;
}

static bool
is_in_loop(const LoopState *state, const _PyInterpreterFrame *frame, const PyCodeObject *code)
{
    uint32_t unit = (uint32_t)(frame->instr_ptr - FIRST_UNIT(code));
    for (uint32_t i = 0; i < state->range_count; i++) {
        if (state->ranges[i].first <= unit && unit <= state->ranges[i].last) {
            return true;
        }
    }
    return false;
}

static const _PyInterpreterFrame *
topmost(const PyThreadState *tstate)
{
    const _PyInterpreterFrame *frame = tstate->current_frame;
    return frame != NULL && frame->owner == FRAME_OWNED_BY_INTERPRETER ? frame->previous : frame;
}

/* The same activation was there before: has its jumps reported, if it is in a loop. */
static void
notice(PyThreadState *tstate, _PyInterpreterFrame *frame, PyCodeObject *code)
{
    CodeRecord *record = record_of(code);
    LoopState *state = record != NULL ? state_of(record) : NULL;
    if (state == NULL || !is_in_loop(state, frame, code) || tools_exist || tools_watch(tstate)
        || run_of(frame) != NULL) {
        return;
    }
    if (youth_lasts() && (frame != topmost(tstate) || ++state->looks < LOOKS_OF_THE_YOUNG)) {
        return;
    }
    bool reported = state->entered;
    state->entered = false;
    for (uint32_t i = 0; i < state->header_count; i++) {
        LoopHeader *header = &state->headers[i];
        if (header->reported && !header->refused) { /* is slow, or on its way */
            header->reported = false;
            header->wait = 0;
            reported = true;
        }
    }
    if (reported) {
        return;
    }
    /* Where it was in vain (the frame runs compiled, or waits in a call) it gets rarer. */
    state->armings++;
    if ((state->armings & (state->armings - 1)) != 0) {
        return;
    }
    if (callback_is_ready()) {
        LOG("%s runs on and on", log_name(code));
        armed += !state->armed;
        state->armed = true;
        tools_arm(PY_MONITORING_EVENT_JUMP, code);
    }
}

void
loops_make_way(bool others)
{
    if (stressed && tools_observe(PY_MONITORING_EVENT_JUMP, !others) < 0) {
        PyErr_Clear(); /* no memory; it is the stress mode's only */
    }
    for (CodeRecord *record = all_records; others && record != NULL && armed != 0; record = record->next) {
        if (record->loops != NULL && record->loops->armed) {
            record->loops->armed = false;
            armed--;
            tools_disarm(record->code);
        }
    }
}

void
loops_look(PyThreadState *tstate)
{
    if (!runtime_enabled || stressed || host_finalizing() || tstate->interp != host_interpreter) {
        return;
    }
    PyCodeObject *codes[LOOK_DEPTH];
    _PyInterpreterFrame *frames[LOOK_DEPTH], *frame = tstate->current_frame;
    int count = 0;
    for (int depth = 0; frame != NULL && depth < LOOK_DEPTH; frame = frame->previous) {
        if (frame->owner > FRAME_OWNED_BY_GENERATOR) {
            continue;
        }
        depth++;
        PyCodeObject *code = (PyCodeObject *)PyStackRef_AsPyObjectBorrow(frame->f_executable);
        /* Without events it is a part of the interpreter: the end of __init__. */
        if ((code->co_flags & CO_NO_MONITORING_EVENTS) == 0 && was_seen(frame)) {
            frames[count] = frame;
            codes[count++] = (PyCodeObject *)Py_NewRef(code);
        }
    }
    PyObject *exception = PyErr_GetRaisedException();
    /* Frame objects are made, which the program does not count among its own (gc.get_count). */
    struct _gc_runtime_state *gc = &host_interpreter->gc;
    int enabled = gc->enabled, made = gc->generations[0].count;
    gc->enabled = 0;
    for (int i = 0; i < count; i++) {
        notice(tstate, frames[i], codes[i]);
        Py_DECREF(codes[i]);
    }
    remember(tstate);
    gc->enabled = enabled;
    gc->generations[0].count = made;
    PyErr_Clear();
    PyErr_SetRaisedException(exception);
}

/* Compiled code knows where these are (compiler/lir/layout.py). */
static_assert(offsetof(PyDictObject, _ma_watcher_tag) == 24 && offsetof(PyDictObject, ma_keys) == 32
                  && offsetof(PyDictKeysObject, dk_version) == 12,
              "layout of dicts");
