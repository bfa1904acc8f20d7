/* The extension module `pyston._runtime`: what Python code sees of the runtime.
 *
 * Importing it in an interpreter that it was not built for raises ImportError with the reason; nothing is changed until
 * `enable()`. All functions here are for Pyston itself: the public interface is `pyston`. */
#include "host.h"

#include "arenas.h"
#include "artifact.h"
#include "attention.h"
#include "boxes.h"
#include "code_memory.h"
#include "count.h"
#include "dicts.h"
#include "enter.h"
#include "frame_locals.h"
#include "interruptions.h"
#include "loops.h"
#include "pool.h"
#include "quiet.h"
#include "rest.h"
#include "restless.h"
#include "sample.h"
#include "sequences.h"
#include "statistics.h"
#include "stress.h"
#include "tools.h"
#include "tracebacks.h"
#include "watch.h"

#if __has_include("helpers.h")
#include "helpers.h"
#include "functions.h"
#include "generators.h"
#include "introspect.h"
#define HAVE_HELPERS 1
#endif

/* --- arguments --------------------------------------------------------------------------------------------- */

/* Borrows; NULL with TypeError set if it is not a Python function. */
static PyFunctionObject *
as_function(PyObject *object)
{
    if (!PyFunction_Check(object)) {
        PyErr_Format(PyExc_TypeError, "a Python function is needed, not %T", object);
        return NULL;
    }
    return (PyFunctionObject *)object;
}

/* Constant text equal to the str, which lives for ever (reasons are few). False with an exception set. */
static bool
keep_reason(PyObject *reason, const char **text)
{
    if (!PyUnicode_Check(reason)) {
        PyErr_SetString(PyExc_TypeError, "a reason is a str");
        return false;
    }
    int number = PyUnicode_CheckExact(reason) ? reason_number(reason) : -1;
    if (number < 0) {
        return false;
    }
    *text = PyUnicode_AsUTF8(reason_text(number));
    return *text != NULL;
}

/* --- switching --------------------------------------------------------------------------------------------- */

/* Does CPython write a perf map (`-X perf`)? Then so do we. 0, or -1 with an exception set. */
static int
follow_perf(void)
{
    PyObject *is_active = PySys_GetObject("is_stack_trampoline_active"); /* borrowed */
    PyObject *active = is_active != NULL ? PyObject_CallNoArgs(is_active) : Py_NewRef(Py_False);
    if (active == NULL) {
        return -1;
    }
    perf_map_on = active == Py_True;
    usual_eval_frame = perf_map_on ? host_interpreter->eval_frame : NULL;
    Py_DECREF(active);
    return 0;
}

/* sys.pyston_version_info: there while Pyston is on. 0, or -1 with an exception set. */
static int
announce(bool on)
{
    if (!on) {
        return PySys_SetObject("pyston_version_info", NULL);
    }
    static PyStructSequence_Field fields[] = {
        {"major", NULL}, {"minor", NULL}, {"micro", NULL}, {"releaselevel", NULL}, {"serial", NULL}, {NULL, NULL},
    };
    static PyStructSequence_Desc description = {"sys.pyston_version_info", "Which Pyston is on.", fields, 5};
    static PyTypeObject *type; /* owned, for good */
    if (type == NULL && (type = PyStructSequence_NewType(&description)) == NULL) {
        return -1;
    }
    PyObject *version = PyStructSequence_New(type);
    if (version == NULL) {
        return -1;
    }
    PyObject *items[] = {
        PyLong_FromLong(PYSTON_VERSION_MAJOR), PyLong_FromLong(PYSTON_VERSION_MINOR),
        PyLong_FromLong(PYSTON_VERSION_MICRO), PyUnicode_FromString(PYSTON_VERSION_RELEASELEVEL),
        PyLong_FromLong(PYSTON_VERSION_SERIAL),
    };
    bool missing = false;
    for (int i = 0; i < 5; i++) {
        missing = missing || items[i] == NULL;
        PyStructSequence_SetItem(version, i, items[i]); /* steals */
    }
    int result = missing ? -1 : PySys_SetObject("pyston_version_info", version);
    Py_DECREF(version);
    return result;
}

static bool huge_pages_wanted = true;

static PyObject *
runtime_enable(PyObject *self, PyObject *unused)
{
    (void)self, (void)unused;
    if (!runtime_enabled) {
        if (!boxes_reserve()) {
            return PyErr_NoMemory();
        }
        if (follow_perf() < 0 || tools_start() < 0 || watch_start() < 0 || restless_start() < 0 || frame_locals_start() < 0
            || generators_hook() < 0) {
            return NULL;
        }
        functions_hook();
        tracebacks_hook();
        sequences_hook();
        dicts_hook();
        if (announce(true) < 0) {
            return NULL;
        }
        runtime_enabled = true;
        count_hook_all();
        sample_start();
        if (huge_pages_wanted) {
            arenas_start();
        }
    }
    Py_RETURN_NONE;
}

static PyObject *
runtime_disable(PyObject *self, PyObject *unused)
{
    (void)self, (void)unused;
    if (runtime_enabled) {
        while (all_artifacts != NULL) {
            artifact_retire(all_artifacts, "switched off");
        }
        arenas_stop();
        sample_stop();
        generators_unhook();
        functions_unhook();
        tracebacks_unhook();
        sequences_unhook();
        dicts_unhook();
        rest_end_all();
        count_unhook_all();
        runtime_enabled = false;
        bury();
        if (announce(false) < 0) {
            return NULL;
        }
    }
    Py_RETURN_NONE;
}

static PyObject *
runtime_shut_down(PyObject *self, PyObject *unused)
{
    (void)self, (void)unused;
    Py_CLEAR(count_compiler);
    while (all_artifacts != NULL) {
        artifact_retire(all_artifacts, "end of the program");
    }
    bury();
    Py_RETURN_NONE;
}

static PyObject *
runtime_is_enabled(PyObject *self, PyObject *unused)
{
    (void)self, (void)unused;
    return PyBool_FromLong(runtime_enabled);
}

static PyObject *
runtime_set_compiler(PyObject *self, PyObject *compiler)
{
    (void)self;
    Py_XSETREF(count_compiler, compiler == Py_None ? NULL : Py_NewRef(compiler));
    Py_RETURN_NONE;
}

static PyObject *
runtime_set_threshold(PyObject *self, PyObject *value)
{
    (void)self;
    long calls = PyLong_AsLong(value);
    if (calls < 1 || calls > INT32_MAX) {
        if (!PyErr_Occurred()) {
            PyErr_SetString(PyExc_ValueError, "the threshold is a positive number");
        }
        return NULL;
    }
    count_threshold = (uint32_t)calls;
    count_threshold_falls = false;
    for (CodeRecord *record = all_records; record != NULL; record = record->next) {
        if (record->compiles == 0) {
            record->limit = count_threshold;
        }
    }
    Py_RETURN_NONE;
}

static PyObject *
runtime_set_stats(PyObject *self, PyObject *value)
{
    (void)self;
    int on = PyObject_IsTrue(value);
    if (on < 0 || statistics_switch(on) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *
runtime_set_stress(PyObject *self, PyObject *words)
{
    (void)self;
    const char *text = PyUnicode_AsUTF8(words);
    if (text == NULL || stress_switch(text) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *
runtime_set_huge_pages(PyObject *self, PyObject *value)
{
    (void)self;
    int wanted = PyObject_IsTrue(value);
    if (wanted < 0) {
        return NULL;
    }
    huge_pages_wanted = wanted;
    Py_RETURN_NONE;
}

static PyObject *
runtime_set_log(PyObject *self, PyObject *value)
{
    (void)self;
    int on = PyObject_IsTrue(value);
    if (on < 0) {
        return NULL;
    }
    log_on = on;
    Py_RETURN_NONE;
}

/* --- compiling --------------------------------------------------------------------------------------------- */

static PyObject *
runtime_install(PyObject *self, PyObject *args)
{
    (void)self;
    PyObject *function, *artifact;
    if (!PyArg_ParseTuple(args, "OO", &function, &artifact) || as_function(function) == NULL) {
        return NULL;
    }
    if (!runtime_enabled) {
        return PyUnicode_FromString("switched off");
    }
    const char *problem = NULL;
    switch (artifact_install((PyFunctionObject *)function, artifact, &problem)) {
    case 1:
        count_adopt((PyFunctionObject *)function);
        bury();
        Py_RETURN_NONE;
    case 0:
        return PyUnicode_FromString(problem);
    default:
        return NULL;
    }
}

static PyObject *
runtime_give_up(PyObject *self, PyObject *args)
{
    (void)self;
    PyObject *object, *reason;
    const char *text;
    if (!PyArg_ParseTuple(args, "OO", &object, &reason) || as_function(object) == NULL
        || !keep_reason(reason, &text)) {
        return NULL;
    }
    CodeRecord *record = record_of((PyCodeObject *)((PyFunctionObject *)object)->func_code);
    if (record == NULL) {
        return PyErr_NoMemory();
    }
    count_give_up(record, text);
    Py_RETURN_NONE;
}

static PyObject *
runtime_retry(PyObject *self, PyObject *args)
{
    (void)self;
    PyObject *object;
    int calls;
    if (!PyArg_ParseTuple(args, "Oi", &object, &calls) || as_function(object) == NULL) {
        return NULL;
    }
    CodeRecord *record = record_if_any((PyCodeObject *)((PyFunctionObject *)object)->func_code);
    if (record != NULL && record->artifact == NULL) {
        if (record->state == STATE_GIVEN_UP) {
            record->state = STATE_COUNTING;
            count_hook_all();
        }
        count_again(record, (uint32_t)calls);
    }
    Py_RETURN_NONE;
}

static PyObject *
runtime_retire(PyObject *self, PyObject *args)
{
    (void)self;
    PyObject *object, *reason;
    const char *text;
    if (!PyArg_ParseTuple(args, "OO", &object, &reason) || as_function(object) == NULL
        || !keep_reason(reason, &text)) {
        return NULL;
    }
    CodeRecord *record = record_if_any((PyCodeObject *)((PyFunctionObject *)object)->func_code);
    bool compiled = record != NULL && record->artifact != NULL;
    if (compiled) {
        artifact_retire(record->artifact, text);
        bury();
    }
    return PyBool_FromLong(compiled);
}

static PyObject *
runtime_is_compiled(PyObject *self, PyObject *object)
{
    (void)self;
    if (!PyFunction_Check(object)) {
        Py_RETURN_FALSE;
    }
    PyFunctionObject *function = (PyFunctionObject *)object;
    CodeRecord *record = record_if_any((PyCodeObject *)function->func_code);
    return PyBool_FromLong(record != NULL && record->artifact != NULL && record_serves(record, function));
}

static PyObject *
runtime_compile_now(PyObject *self, PyObject *object)
{
    PyFunctionObject *function = as_function(object);
    if (function == NULL || count_compile_now(PyThreadState_Get(), function) < 0) {
        return NULL;
    }
    return runtime_is_compiled(self, object);
}

static PyObject *
runtime_why_not(PyObject *self, PyObject *object)
{
    (void)self;
    PyFunctionObject *function = as_function(object);
    if (function == NULL) {
        return NULL;
    }
    CodeRecord *record = record_if_any((PyCodeObject *)function->func_code);
    if (record == NULL || record->state != STATE_GIVEN_UP || record->reason == NULL) {
        Py_RETURN_NONE;
    }
    return PyUnicode_FromString(record->reason);
}

static PyObject *
runtime_state(PyObject *self, PyObject *object)
{
    (void)self;
    static const char *const states[] = {"counting", "compiling", "compiled", "resting", "given up"};
    PyFunctionObject *function = as_function(object);
    if (function == NULL) {
        return NULL;
    }
    CodeRecord *record = record_if_called((PyCodeObject *)function->func_code);
    return Py_BuildValue("(sii)", record != NULL ? states[record->state] : "new", record != NULL ? (int)record->count : 0,
                         record != NULL ? record->compiles : 0);
}

static PyObject *
runtime_functions(PyObject *self, PyObject *unused)
{
    (void)self, (void)unused;
    return statistics_functions();
}

static PyObject *
runtime_code_of(PyObject *self, PyObject *object)
{
    (void)self;
    PyFunctionObject *function = as_function(object);
    if (function == NULL) {
        return NULL;
    }
    CodeRecord *record = record_if_any((PyCodeObject *)function->func_code);
    if (record == NULL || record->artifact == NULL) {
        Py_RETURN_NONE;
    }
    CodeBlock *block = &record->artifact->block;
    PyObject *bytes = PyBytes_FromStringAndSize(block->address, block->size);
    return Py_BuildValue("(KN)", (unsigned long long)(uintptr_t)block->address, bytes);
}

static PyObject *
runtime_callee(PyObject *self, PyObject *object)
{
    (void)self;
    PyFunctionObject *function = as_function(object);
    return function != NULL ? callee_of(function) : NULL;
}

/* --- facts ------------------------------------------------------------------------------------------------- */

static PyObject *
runtime_open_session(PyObject *self, PyObject *unused)
{
    (void)self, (void)unused;
    watch_open_session();
    Py_RETURN_NONE;
}

static PyObject *
runtime_is_interrupted(PyObject *self, PyObject *unused)
{
    (void)self, (void)unused;
    return PyBool_FromLong(interruptions_hit(PyThreadState_Get()));
}

static PyObject *
runtime_depend(PyObject *self, PyObject *dependency)
{
    (void)self;
    int result = watch_session_add(dependency);
    return result < 0 ? NULL : PyBool_FromLong(result);
}

static PyObject *
runtime_global_is_stable(PyObject *self, PyObject *args)
{
    (void)self;
    PyObject *dict, *key;
    if (!PyArg_ParseTuple(args, "O!U", &PyDict_Type, &dict, &key)) {
        return NULL;
    }
    return PyBool_FromLong(watch_is_stable(dict, key));
}

static PyObject *
runtime_type_is_stable(PyObject *self, PyObject *type)
{
    (void)self;
    if (!PyType_Check(type)) {
        PyErr_SetString(PyExc_TypeError, "not a type");
        return NULL;
    }
    return PyBool_FromLong(!is_restless((PyTypeObject *)type) && watch_is_stable(type, NULL));
}

static PyObject *
runtime_claim_globals(PyObject *self, PyObject *args)
{
    (void)self;
    PyObject *dict, *names;
    if (!PyArg_ParseTuple(args, "O!O!", &PyDict_Type, &dict, &PyList_Type, &names)) {
        return NULL;
    }
    return loops_claim_globals(dict, names);
}

static PyObject *
runtime_exit_history(PyObject *self, PyObject *object)
{
    (void)self;
    if (PyFunction_Check(object)) {
        object = ((PyFunctionObject *)object)->func_code;
    }
    if (!PyCode_Check(object)) {
        PyErr_Format(PyExc_TypeError, "a function or code object is needed, not %T", object);
        return NULL;
    }
    return exit_history((PyCodeObject *)object);
}

static PyObject *
runtime_enter_at(PyObject *self, PyObject *args)
{
    (void)self;
    PyObject *function, *locals, *stack;
    unsigned int unit;
    if (!PyArg_ParseTuple(args, "O!IO!O!", &PyFunction_Type, &function, &unit, &PyDict_Type, &locals, &PyTuple_Type,
                          &stack)) {
        return NULL;
    }
    return enter_at(PyThreadState_Get(), (PyFunctionObject *)function, unit, locals, stack);
}

static PyObject *
runtime_stats(PyObject *self, PyObject *unused)
{
    (void)self, (void)unused;
    return statistics_dict();
}

static PyObject *
runtime_helper_names(PyObject *self, PyObject *unused)
{
    (void)self, (void)unused;
    return helper_names_list();
}

static PyObject *
runtime_calls_compiled_cell(PyObject *self, PyObject *unused)
{
    (void)self, (void)unused;
    return PyLong_FromVoidPtr(&calls_compiled);
}

static PyObject *
runtime_use_pool(PyObject *self, PyObject *cls)
{
    (void)self;
    if (!PyType_Check(cls)) {
        PyErr_Format(PyExc_TypeError, "a class is needed, not %T", cls);
        return NULL;
    }
    return PyBool_FromLong(pool_use((PyTypeObject *)cls));
}

/* What tests want to see of the inside: live entries, artifacts, graveyard occupied, whether calls of helpers end the short way,
 * generation of forks, objects of the compiler's. */
static PyObject *
runtime_internals(PyObject *self, PyObject *unused)
{
    (void)self, (void)unused;
    int artifacts = 0;
    for (Artifact *artifact = all_artifacts; artifact != NULL; artifact = artifact->next) {
        artifacts++;
    }
    return Py_BuildValue("{s:n,s:i,s:O,s:O,s:I,s:n}", "live_entries", (Py_ssize_t)live_entries, "artifacts", artifacts,
                         "graveyard", graveyard_occupied ? Py_True : Py_False, "calm",
                         calm_version == PyThreadState_Get()->eval_breaker ? Py_True : Py_False, "generation",
                         code_generation, "pool_objects", (Py_ssize_t)pool_objects());
}

static PyMethodDef methods[] = {
    {"enable", runtime_enable, METH_NOARGS, "Begin to count calls and to compile."},
    {"shut_down", runtime_shut_down, METH_NOARGS,
     "Let go of the program's objects, so that its end is what it would be without compiled code."},
    {"disable", runtime_disable, METH_NOARGS, "Retire all compiled code and stop counting."},
    {"is_enabled", runtime_is_enabled, METH_NOARGS, NULL},
    {"set_compiler", runtime_set_compiler, METH_O,
     "The callable that is called with a hot function; it ends in install() or give_up(). None: nobody."},
    {"set_threshold", runtime_set_threshold, METH_O, "How many calls make a function hot."},
    {"set_stats", runtime_set_stats, METH_O, "Count every call, or do not."},
    {"set_stress", runtime_set_stress, METH_O, "set_stress(words): PYSTON_STRESS, words between commas; \"\" for none."},
    {"set_log", runtime_set_log, METH_O, "Log to standard error, or do not."},
    {"set_huge_pages", runtime_set_huge_pages, METH_O, "Before enable(): may objects lie in huge pages?"},
    {"install", runtime_install, METH_VARARGS,
     "install(function, artifact): None when the function's code runs compiled from here on, else why not."},
    {"give_up", runtime_give_up, METH_VARARGS, "give_up(function, reason): leave its code to the interpreter."},
    {"retry", runtime_retry, METH_VARARGS, "retry(function, calls): count again; compile after so many calls."},
    {"retire", runtime_retire, METH_VARARGS, "retire(function, reason): whether there was compiled code to retire."},
    {"is_compiled", runtime_is_compiled, METH_O, NULL},
    {"compile_now", runtime_compile_now, METH_O,
     "Have the compiler look at a function at once, unless it is at work already: whether it is compiled then."},
    {"why_not", runtime_why_not, METH_O, "Why the function's code was given up, or None."},
    {"state", runtime_state, METH_O, "(state, calls counted, times compiled) of a function's code."},
    {"code_of", runtime_code_of, METH_O, "(address, bytes) of a function's machine code, or None."},
    {"callee", runtime_callee, METH_O, "The Callee of a function, a constant for PUSH_FRAME."},
    {"open_session", runtime_open_session, METH_NOARGS, "Begin to collect what the compiler asks about."},
    {"is_interrupted", runtime_is_interrupted, METH_NOARGS,
     "For the compiler: has the thread got an asynchronous exception since it was called?"},
    {"depend", runtime_depend, METH_O,
     "Watch one dependency for the session and the artifact that ends it; False: it cannot be watched."},
    {"type_is_stable", runtime_type_is_stable, METH_O,
     "type_is_stable(type): False once it changed repeatedly under compiled code, or very often."},
    {"global_is_stable", runtime_global_is_stable, METH_VARARGS,
     "global_is_stable(dict, key): False once its value changed repeatedly under compiled code."},
    {"claim_globals", runtime_claim_globals, METH_VARARGS,
     "claim_globals(dict, names): (version of the keys, bits of others' watchers, [(name, address of the value's pointer, "
     "its class or None)]) for a loop that changes them unseen; None: not possible."},
    {"exit_history", runtime_exit_history, METH_O,
     "[(offset, reason, count)] of the guards that failed in earlier compilations of the code."},
    {"enter_at", runtime_enter_at, METH_VARARGS,
     "enter_at(function, code unit, {slot: value}, operand stack): run compiled code from one of its other entries."},
    {"functions", runtime_functions, METH_NOARGS,
     "[(qualname, file, line, state, why given up, calls counted, times compiled, instructions, bytes, hot bytes)]."},
    {"stats", runtime_stats, METH_NOARGS, NULL},
    {"helper_names", runtime_helper_names, METH_NOARGS, NULL},
    {"calls_compiled_cell", runtime_calls_compiled_cell, METH_NOARGS,
     "Address of the counter of compiled calls, for code that calls without push_frame."},
    {"use_pool", runtime_use_pool, METH_O,
     "Objects of this class of the compiler's come from the pool: whether they can."},
    {"internals", runtime_internals, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static int
module_exec(PyObject *module)
{
    const char *problem = host_problem();
    if (problem != NULL) {
        PyErr_Format(PyExc_ImportError, "pyston is off: %s", problem);
        return -1;
    }
    if (host_init() < 0 || statistics_init() < 0 || records_init() < 0 || install_init() < 0 || code_memory_init() < 0 || quiet_init() < 0) {
        return -1;
    }
#ifdef HAVE_HELPERS
    if (helpers_init() < 0) {
        return -1;
    }
#endif
    if (PyModule_AddFunctions(module, pyston_introspect_methods) < 0) {
        return -1;
    }
    return PyModule_AddObjectRef(module, "Callee", (PyObject *)&Callee_Type);
}

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, module_exec},
    {Py_mod_multiple_interpreters, Py_MOD_MULTIPLE_INTERPRETERS_SUPPORTED}, /* it says no by itself, with a reason */
    {0, NULL},
};

static struct PyModuleDef definition = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "pyston._runtime",
    .m_doc = "The part of Pyston that touches the interpreter.",
    .m_size = 0,
    .m_methods = methods,
    .m_slots = slots,
};

PyMODINIT_FUNC
PyInit__runtime(void)
{
    return PyModuleDef_Init(&definition);
}
