/* Warm-up: which functions get compiled, and when.
 *
 * Every function gets `count_vectorcall` as its entry when it is created (the function watcher tells), and those that
 * exist already when Pyston is switched on. It counts calls in the code object's record, so closures of one code object
 * count together. At the threshold the compiler, a Python callable, is called with the function; it ends in
 * `install` or `give_up`. Functions pick up what became of their code at their next call: the entry of compiled code,
 * or CPython's own entry for good. So a function that is never called costs nothing, and one that was given up costs
 * nothing any more.
 *
 * CPython does not specialise a call site for a function whose entry is not its own, and one that was specialised
 * before checks the function's version only: taking the version away sends it through the entry (traps: co_version).
 *
 * The compiler never runs inside itself, with little stack or recursion depth left, or while tools are watching. */
#include "count.h"

#include "enter.h"
#include "interruptions.h"
#include "modules.h"
#include "quiet.h"
#include "resident.h"
#include "rest.h"
#include "sample.h"
#include "statistics.h"
#include "tools.h"
#include "watch.h"
#include "youth.h"

#include <time.h>

/* Compiling is Python code and wants room. */
#define COMPILE_STACK_BYTES ((uintptr_t)1 << 20)
#define COMPILE_RECURSION 150
/* After retiring, this many calls are interpreted before the code is compiled anew, so that the interpreter can
 * specialise for what changed. */
#define CALLS_BEFORE_RECOMPILE 32

uint32_t count_threshold = 1500;
bool count_threshold_falls = true;

/* What a process will yet do is best guessed by what it has done: one that has run for long may spend more on code that runs
 * seldom. So from this age on the threshold falls as the age grows, down to so many calls. */
#define LEAST_CALLS 100

uint32_t
count_limit(const CodeRecord *record)
{
    uint32_t age_ms = sample_ms, limit = record->limit;
    if (!count_threshold_falls || age_ms <= YOUNG_MS || limit <= LEAST_CALLS) {
        return limit;
    }
    limit = (uint32_t)((uint64_t)limit * YOUNG_MS / age_ms);
    return limit > LEAST_CALLS ? limit : LEAST_CALLS;
}

PyObject *count_compiler;
bool runtime_enabled;

static PyThreadState *compiling;      /* the thread that compiles, or NULL */
static uint32_t compiling_depth;      /* its fork_depth */
static bool compiled_once;            /* so the compiler has imported all that it is made of */
static uint32_t version_at_start; /* call sites may have specialised for functions of older versions */

/* --- versions ---------------------------------------------------------------------------------------------- */

static uint32_t
fresh_version(void)
{
    struct _py_func_state *state = &host_interpreter->func_state;
    return state->next_version != 0 ? state->next_version++ : 0;
}

void
count_renew_version(PyCodeObject *code)
{
    struct _func_version_cache_item *slot =
        &host_interpreter->func_state.func_version_cache[code->co_version % FUNC_VERSION_CACHE_SIZE];
    if (slot->code == (PyObject *)code) { /* CPython clears the slot of the code's version when the code dies */
        slot->code = NULL;
        slot->func = NULL;
    }
    code->co_version = fresh_version();
}

/* --- entries ----------------------------------------------------------------------------------------------- */

void
count_new_function(PyFunctionObject *function)
{
    if (function->vectorcall == stock_vectorcall && !tools_exist) {
        PyCodeObject *code = (PyCodeObject *)function->func_code;
        bool called;
        CodeRecord *record = record_if_any_or_called(code, &called);
        if (UNLIKELY(code->co_version < version_at_start)) {
            count_renew_version(code);
        }
        if (record != NULL && record->state == STATE_COMPILED && record_serves(record, function)) {
            function->vectorcall = (vectorcallfunc)(void *)record->stub.address;
        }
        else if ((record == NULL || record->state != STATE_GIVEN_UP) && !(called && youth_spares(record))) {
            function->vectorcall = count_vectorcall;
        }
    }
}

void
count_adopt(PyFunctionObject *function)
{
    if (runtime_enabled && !tools_exist
        && (function->vectorcall == stock_vectorcall || function->vectorcall == count_vectorcall)) {
        PyFunction_SetVectorcall(function, count_vectorcall); /* which goes on to the compiled code */
    }
}

void
count_unhook(PyFunctionObject *function)
{
    if (function->vectorcall == count_vectorcall || is_code_address((void *)function->vectorcall)) {
        function->vectorcall = stock_vectorcall;
        if (!_PyFunction_IsVersionValid(function->func_version)) {
            function->func_version = fresh_version(); /* call sites may specialise for it again */
        }
    }
}

void
count_hook(PyFunctionObject *function)
{
    if (runtime_enabled && !tools_exist && function->vectorcall == stock_vectorcall) {
        PyFunction_SetVectorcall(function, count_vectorcall);
    }
}

static int
hook_visitor(PyObject *object, void *argument)
{
    (void)argument;
    if (PyFunction_Check(object)) {
        count_hook((PyFunctionObject *)object);
    }
    return 1;
}

static int
unhook_visitor(PyObject *object, void *argument)
{
    (void)argument;
    if (PyFunction_Check(object)) {
        count_unhook((PyFunctionObject *)object);
    }
    return 1;
}

void
count_hook_all(void)
{
    if (tools_exist) {
        return; /* when they are gone */
    }
    version_at_start = host_interpreter->func_state.next_version;
    PyUnstable_GC_VisitObjects(hook_visitor, NULL);
}

void
count_unhook_all(void)
{
    PyUnstable_GC_VisitObjects(unhook_visitor, NULL);
}

/* --- compiling --------------------------------------------------------------------------------------------- */

void
count_again(CodeRecord *record, uint32_t calls)
{
    if (record->state != STATE_GIVEN_UP) {
        rest_end(record);
        record->state = STATE_COUNTING;
        record->count = record->stretch = record->rested_ms = 0;
        record->limit = calls < CALLS_BEFORE_RECOMPILE ? calls : CALLS_BEFORE_RECOMPILE;
    }
}

void
count_give_up(CodeRecord *record, const char *reason)
{
    if (record->artifact != NULL) {
        artifact_retire(record->artifact, reason);
    }
    if (record->state != STATE_GIVEN_UP) {
        rest_end(record);
        record->state = STATE_GIVEN_UP;
        record->reason = reason;
        statistics_give_up(reason);
        LOG("given up %s: %s", log_name(record->code), reason);
    }
}

/* The process has forked while another thread was compiling: that thread does not exist here. */
static void
forget_lost_compilation(void)
{
    compiling = NULL;
    quiet_abandon();
    if (!compiled_once) {
        /* That thread was importing the compiler, and holds the locks of its modules for ever: nothing is compiled here. */
        Py_CLEAR(count_compiler);
    }
    for (CodeRecord *record = all_records; record != NULL; record = record->next) {
        if (record->state == STATE_COMPILING) {
            count_again(record, record->limit);
        }
    }
}

static bool
may_compile(PyThreadState *tstate)
{
    if (UNLIKELY(compiling != NULL && compiling != tstate && compiling_depth != fork_depth)) {
        forget_lost_compilation();
    }
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);
    return compiling == NULL && count_compiler != NULL && runtime_enabled && !host_finalizing()
           && tstate->py_recursion_remaining > COMPILE_RECURSION
           && here - ((_PyThreadStateImpl *)tstate)->c_stack_soft_limit > COMPILE_STACK_BYTES
           && tstate->current_exception == NULL && !interruptions_wait(tstate) && !tools_exist
           && !host_interpreter->gc.collecting
           && (compiled_once || !modules_iterated());
}

static uint64_t
nanoseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

bool
count_has_compiled(void)
{
    return compiled_once;
}

/* A call of the compiler, from its begin to its end. */
typedef struct {
    PyObject *code; /* owned: so long its record lives */
    _PyCoCached readings; /* that were there before */
    uint64_t start;
} Compilation;

/* Calls the compiler with the function and the loop (borrowed; or NULL). Returns its answer: new, or NULL; *outcome is -1
 * when an exception is set that is not the compiler's own, else 0 and none is set. */
static PyObject *
begin_compilation(PyThreadState *tstate, Compilation *compilation, PyFunctionObject *function, PyObject *loop, int *outcome)
{
    compilation->code = Py_NewRef(function->func_code);
    compilation->readings = host_code_readings((PyCodeObject *)function->func_code);
    Py_INCREF(function);
    compiling = tstate;
    compiling_depth = fork_depth;
    sample_start(); /* anew, after a fork */
    PyThreadState_EnterTracing(tstate);
    quiet_begin();
    interruptions_hold(tstate);
    compilation->start = nanoseconds();
    PyObject *compiler = Py_NewRef(count_compiler);
    PyObject *result = PyObject_CallFunctionObjArgs(compiler, (PyObject *)function, loop, NULL);
    Py_DECREF(compiler);
    if (!compiled_once) {
        compiled_once = true;
        resident_trim();
    }
    watch_close_session();
    PyThreadState_LeaveTracing(tstate);
    bool interrupted = interruptions_release(tstate);
    compiling = NULL;
    *outcome = 0;
    if (result == NULL) {
        if (interrupted || !PyErr_ExceptionMatches(PyExc_Exception)) { /* KeyboardInterrupt and the like: not ours */
            *outcome = -1;
        }
        else if (log_on) {
            PyErr_FormatUnraisable("pyston: compiling %S failed", function);
        }
        else {
            PyErr_Clear();
        }
    }
    return result;
}

/* Steals the answer. */
static void
end_compilation(const Compilation *compilation, PyFunctionObject *function, PyObject *result)
{
    Py_XDECREF(result);
    host_code_forget((PyCodeObject *)compilation->code, &compilation->readings);
    quiet_end();
    statistics.compile_ns += nanoseconds() - compilation->start;
    Py_DECREF(function);
    Py_DECREF(compilation->code);
}

/* Has the compiler look at the function. 0, or -1: an exception came through it that is not the compiler's own. */
static int
compile_now(PyThreadState *tstate, CodeRecord *record, PyFunctionObject *function)
{
    Compilation compilation;
    int outcome;
    rest_end(record); /* so that its functions find what is compiled */
    record->state = STATE_COMPILING;
    PyObject *result = begin_compilation(tstate, &compilation, function, NULL, &outcome);
    if (outcome < 0 && record->state == STATE_COMPILING) {
        count_again(record, record->limit);
    }
    if (record->state == STATE_COMPILING) {
        count_give_up(record, result != NULL ? "no answer from the compiler" : "compiler failed");
    }
    end_compilation(&compilation, function, result);
    return outcome;
}

int
count_compile_loop(PyThreadState *tstate, PyFunctionObject *function, PyObject *loop, const char **problem)
{
    *problem = NULL;
    if (!may_compile(tstate)) {
        return 1;
    }
    Compilation compilation;
    int outcome;
    PyObject *result = begin_compilation(tstate, &compilation, function, loop, &outcome);
    if (outcome == 0 && result == NULL) {
        *problem = "compiler failed";
    }
    else if (outcome == 0 && result != Py_None && PyUnicode_CheckExact(result)) {
        *problem = reason_kept(result);
        if (*problem == NULL) {
            PyErr_Clear();
            *problem = "no memory";
        }
    }
    end_compilation(&compilation, function, result);
    return outcome;
}

int
count_compile_now(PyThreadState *tstate, PyFunctionObject *function)
{
    CodeRecord *record = record_of((PyCodeObject *)function->func_code);
    if (record == NULL || record->artifact != NULL || !may_compile(tstate)) {
        return 0;
    }
    return compile_now(tstate, record, function);
}

/* What has to be looked after now and then. */
static inline void
look_around(PyThreadState *tstate)
{
    static PyThreadState *last;
    if (UNLIKELY(tstate != last)) {
        last = tstate;
        sample_thread();
    }
    if (UNLIKELY(samples_waiting)) {
        sample_process();
    }
}

int
count_call(PyThreadState *tstate, CodeRecord *record, PyFunctionObject *function)
{
    look_around(tstate);
    if (youth_pass(tstate, function, record)) {
        return 0;
    }
    if (++record->count < count_limit(record)) {
        rest_consider(record, function);
        return 0;
    }
    if (!may_compile(tstate) || tools_watch(tstate)) {
        return 0;
    }
    return compile_now(tstate, record, function);
}

PyObject *
count_vectorcall(PyObject *callable, PyObject *const *args, size_t nargsf, PyObject *kwnames)
{
    PyFunctionObject *function = (PyFunctionObject *)callable;
    PyThreadState *tstate = PyThreadState_GetUnchecked();
    CodeRecord *record = record_called((PyCodeObject *)function->func_code);
    if (record != NULL && record->state == STATE_COUNTING) {
        if (count_call(tstate, record, function) < 0) {
            return NULL;
        }
        record = record_if_any((PyCodeObject *)function->func_code); /* compiling may have done anything */
    }
    if (record == NULL) {
        look_around(tstate);
        youth_pass(tstate, function, NULL);
        if (stack_is_low(tstate)) {
            return interpret_deep(callable, args, nargsf, kwnames);
        }
        CodeRecord passing;
        record_describe(&passing, (PyCodeObject *)function->func_code);
        return interpret_waiting(tstate, function, &passing, args, nargsf, kwnames);
    }
    if (function->vectorcall == count_vectorcall) { /* else it has begun to rest, or been compiled */
        if (record->state == STATE_COMPILED) {
            if (record_serves(record, function)) {
                PyFunction_SetVectorcall(function, (vectorcallfunc)(void *)record->stub.address);
                return enter_compiled(callable, args, nargsf, kwnames, record);
            }
        }
        else if (record->state == STATE_GIVEN_UP) {
            count_unhook(function);
        }
        else {
            if (record->state == STATE_RESTING) {
                rest_join(record, function);
            }
            if (stack_is_low(tstate)) {
                return interpret_deep(callable, args, nargsf, kwnames);
            }
        }
    }
    return interpret_waiting(tstate, function, record, args, nargsf, kwnames);
}
