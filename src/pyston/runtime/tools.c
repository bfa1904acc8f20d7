/* Tracing, profiling and monitoring: who watches, and when compiled code may run.
 *
 * CPython bumps a global version, kept in the eval breaker's high bits, when global events change (sys.settrace,
 * sys.setprofile and sys.monitoring.set_events come down to that). Each artifact has a cell with the eval breaker's
 * value under which its code may run; code compares the two at entry, at back-edges and after calls that could do
 * anything. A difference means one of: something is pending (a signal, the collector, the GIL is wanted), the version
 * changed, or the artifact was retired, whose cell never matches. `tools_check` finds out which.
 *
 * Three functions of sys.monitoring are replaced by ones that call them and look at what they did:
 * - set_local_events: events of one code object change no version. From the first such call on every cell mismatches and
 *   compiled code leaves at its next check, until the last tool is gone: what it calls directly may be watched, and
 *   nothing looks there (attention.c).
 * - use_tool_id, free_tool_id: while a tool exists all functions have their stock entry, since the interpreter reports
 *   a call through any other entry as one of a C function. So then nothing is counted or entered from the interpreter.
 *
 * Our own events (loops.c) are taken away when another tool comes and when sys.settrace is called: a code object with the events
 * of several tools gets tables for them, and these forget the opcode events it had before. pdb would stop a line late. */
#include "tools.h"

#include "attention.h"
#include "boxes.h"
#include "count.h"
#include "generators.h"
#include "loops.h"
#include "replace.h"
#include "statistics.h"
#include "stress.h"

bool tools_exist;    /* others than ours are registered */
static bool suspect; /* some code object may have local events */

#define VERSION_OF(breaker) ((breaker) & ~(uintptr_t)_PY_EVAL_EVENTS_MASK)

bool our_tool_is_ours;

bool
tools_registered(void)
{
    for (int i = 0; i < PY_MONITORING_TOOL_IDS; i++) {
        if (host_interpreter->monitoring_tool_names[i] != NULL && !(i == OUR_TOOL && our_tool_is_ours)) {
            return true;
        }
    }
    return false;
}

/* Bits of the tools that exist and are not ours. */
static uint8_t
other_tools(PyInterpreterState *interp)
{
    /* The last two belong to sys.setprofile and sys.settrace and have no name. */
    uint8_t tools = 1 << PY_MONITORING_SYS_PROFILE_ID | 1 << PY_MONITORING_SYS_TRACE_ID;
    for (int i = 0; i < PY_MONITORING_SYS_PROFILE_ID; i++) {
        if (interp->monitoring_tool_names[i] != NULL && !(i == OUR_TOOL && our_tool_is_ours)) {
            tools |= (uint8_t)(1 << i);
        }
    }
    return tools;
}

static bool
any_global_tool(PyInterpreterState *interp)
{
    uint8_t tools = 0;
    for (int event = 0; event < _PY_MONITORING_UNGROUPED_EVENTS; event++) {
        tools |= interp->monitors.tools[event];
    }
    return tools != 0 && (tools & other_tools(interp)) != 0;
}

/* May some code object have local events? */
static bool
any_local_tool(void)
{
    if (suspect && !tools_registered()) {
        suspect = false;
    }
    return suspect;
}

bool
tools_watch(PyThreadState *tstate)
{
    return any_global_tool(tstate->interp) || any_local_tool() || tstate->c_tracefunc != NULL
           || tstate->c_profilefunc != NULL;
}

void
tools_suspect(void)
{
    suspect = true;
    for (Artifact *artifact = all_artifacts; artifact != NULL; artifact = artifact->next) {
        *artifact->version = VERSION_NEVER;
    }
    attention_admit(VERSION_NEVER);
    generators_forget(NULL);
}

/* The value for a version cell now, or VERSION_NEVER. */
static uintptr_t
version_now(PyThreadState *tstate)
{
    if (any_local_tool() || stress || any_global_tool(tstate->interp)) {
        return VERSION_NEVER;
    }
    return VERSION_OF(tstate->eval_breaker);
}

void
tools_admit(PyThreadState *tstate, Artifact *artifact)
{
    uintptr_t version = version_now(tstate);
    *artifact->version = version;
    attention_admit(version);
}

int
tools_check(PyThreadState *tstate, Artifact *artifact)
{
    bool leave = UNLIKELY(stress) && stress_check(artifact);
    if (artifact->global_count != 0) {
        return 0; /* what is pending may change globals that are in registers: the interpreter handles it */
    }
    if ((tstate->eval_breaker & _PY_EVAL_EVENTS_MASK) != 0 && _Py_HandlePending(tstate) < 0) {
        return -1;
    }
    boxes_reserve();
    /* That may have run anything. */
    if (artifact->retired || leave || tools_watch(tstate)) {
        return 0;
    }
    if (artifact->loop && graveyard_occupied) {
        return 0; /* a program's main loop must not keep for ever what has been retired; it is entered again */
    }
    tools_admit(tstate, artifact);
    return 1;
}

/* --- what sys.monitoring is told --------------------------------------------------------------------------- */

/* Would events of ours stand beside another tool's? A thread's tracer is one. */
static bool
others_exist(void)
{
    return tools_exist || host_interpreter->sys_tracing_threads != 0;
}

/* Tools came or went. */
static void
tools_changed(void)
{
    bool exist = tools_registered();
    if (exist == tools_exist) {
        return;
    }
    tools_exist = exist;
    if (!runtime_enabled) {
        return;
    }
    loops_make_way(others_exist());
    if (exist) {
        count_unhook_all();
    }
    else {
        count_hook_all();
    }
}

enum { SET_LOCAL_EVENTS, USE_TOOL_ID, FREE_TOOL_ID, WRAPPED };
static PyObject *originals[WRAPPED]; /* owned */

/* All of these borrow and return new. */
static PyObject *
call_original(int which, PyObject *const *args, Py_ssize_t count)
{
    PyObject *result = PyObject_Vectorcall(originals[which], args, (size_t)count, NULL);
    PyObject *exception = PyErr_GetRaisedException();
    if (which == SET_LOCAL_EVENTS) {
        tools_suspect();
    }
    else {
        tools_changed();
    }
    PyErr_SetRaisedException(exception);
    return result;
}

static PyObject *
set_local_events(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    (void)self;
    return call_original(SET_LOCAL_EVENTS, args, count);
}

static PyObject *
use_tool_id(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    (void)self;
    return call_original(USE_TOOL_ID, args, count);
}

static PyObject *
free_tool_id(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    (void)self;
    return call_original(FREE_TOOL_ID, args, count);
}

static PyMethodDef wrappers[WRAPPED] = {
    {"set_local_events", (PyCFunction)(void (*)(void))set_local_events, METH_FASTCALL, NULL},
    {"use_tool_id", (PyCFunction)(void (*)(void))use_tool_id, METH_FASTCALL, NULL},
    {"free_tool_id", (PyCFunction)(void (*)(void))free_tool_id, METH_FASTCALL, NULL},
};

static PyCFunction stock_settrace;

/* In every interpreter of the process: the function's definition is shared. */
static PyObject *
settrace(PyObject *self, PyObject *function)
{
    if (PyInterpreterState_Get() != host_interpreter) {
        return stock_settrace(self, function);
    }
    loops_make_way(true);
    PyObject *result = stock_settrace(self, function);
    PyObject *exception = PyErr_GetRaisedException();
    loops_make_way(others_exist());
    PyErr_SetRaisedException(exception);
    return result;
}

/* The module sys.monitoring: new, or NULL with an exception set. */
static PyObject *
monitoring_module(void)
{
    PyObject *module = PySys_GetObject("monitoring"); /* borrowed */
    if (module == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "no sys.monitoring");
    }
    return Py_XNewRef(module);
}

/* Puts one wrapper in place, looking like the original. 0, or -1 with an exception set. */
static int
wrap(PyObject *module, int which)
{
    PyMethodDef *method = &wrappers[which];
    PyObject *original = PyObject_GetAttrString(module, method->ml_name);
    PyObject *module_name = original != NULL ? PyObject_GetAttrString(module, "__name__") : NULL;
    PyObject *wrapper = NULL;
    int result = -1;
    if (module_name != NULL) {
        if (PyCFunction_Check(original)) {
            method->ml_doc = ((PyCFunctionObject *)original)->m_ml->ml_doc;
        }
        originals[which] = Py_NewRef(original);
        wrapper = PyCFunction_NewEx(method, module, module_name);
        result = wrapper != NULL ? PyObject_SetAttrString(module, method->ml_name, wrapper) : -1;
    }
    Py_XDECREF(original);
    Py_XDECREF(module_name);
    Py_XDECREF(wrapper);
    return result;
}

int
tools_start(void)
{
    PyObject *module = monitoring_module();
    if (module == NULL) {
        return -1;
    }
    int result = 0;
    for (int which = 0; which < WRAPPED && result == 0 && originals[which] == NULL; which++) {
        result = wrap(module, which);
    }
    Py_DECREF(module);
    if (result == 0 && stock_settrace == NULL) {
        PyObject *sys = PyImport_ImportModule("sys");
        result = sys != NULL ? replace_method(sys, "settrace", METH_O, settrace, &stock_settrace) : -1;
        Py_XDECREF(sys);
    }
    suspect = tools_exist = tools_registered();
    return result;
}

/* --- our own tool ------------------------------------------------------------------------------------------ */

/* Calls sys.monitoring.NAME(arguments…); steals nothing. 0, or -1 with an exception set. */
static int
call_monitoring(const char *name, const char *format, ...)
{
    PyObject *module = monitoring_module();
    PyObject *function = module != NULL ? PyObject_GetAttrString(module, name) : NULL;
    va_list arguments;
    va_start(arguments, format);
    PyObject *tuple = function != NULL ? Py_VaBuildValue(format, arguments) : NULL;
    va_end(arguments);
    PyObject *result = tuple != NULL ? PyObject_Call(function, tuple, NULL) : NULL;
    Py_XDECREF(module);
    Py_XDECREF(function);
    Py_XDECREF(tuple);
    Py_XDECREF(result);
    return result != NULL ? 0 : -1;
}

int
tools_register(int event, PyObject *callback)
{
    if (!our_tool_is_ours) {
        our_tool_is_ours = true;
        if (call_monitoring("use_tool_id", "(is)", OUR_TOOL, "pyston") < 0) {
            our_tool_is_ours = false;
            tools_changed();
            return -1;
        }
    }
    return call_monitoring("register_callback", "(iiO)", OUR_TOOL, 1 << event, callback);
}

/* Failing is no failure. */
static void
set_own_events(PyCodeObject *code, long wanted)
{
    PyObject *tool = PyLong_FromLong(OUR_TOOL), *events = PyLong_FromLong(wanted);
    PyObject *args[] = {tool, (PyObject *)code, events};
    PyObject *result = tool != NULL && events != NULL
                           ? PyObject_Vectorcall(originals[SET_LOCAL_EVENTS], args, 3, NULL)
                           : NULL;
    if (result == NULL) {
        PyErr_Clear();
    }
    Py_XDECREF(result);
    Py_XDECREF(tool);
    Py_XDECREF(events);
}

int
tools_observe(int event, bool on)
{
    static int events;
    int before = events;
    events = on ? events | 1 << event : events & ~(1 << event);
    return events == before ? 0 : call_monitoring("set_events", "(ii)", OUR_TOOL, events);
}

void
tools_disarm(PyCodeObject *code)
{
    set_own_events(code, 0);
}

void
tools_arm(int event, PyCodeObject *code)
{
    /* Off first: an event that was disabled somewhere in the code comes back by being new. */
    set_own_events(code, 0);
    set_own_events(code, 1 << event);
}

PyObject *
tools_disable_object(void)
{
    PyObject *module = monitoring_module();
    PyObject *object = module != NULL ? PyObject_GetAttrString(module, "DISABLE") : NULL;
    Py_XDECREF(module);
    return object;
}
