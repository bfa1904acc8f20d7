/* Which interpreter this is: refuses to work where CPython's structs are not the ones this was built for.
 *
 * CPython publishes the layout of its structs at the start of `_PyRuntime`, for debuggers. The same table made from
 * our headers must be equal, field by field; then sizes and offsets of everything the runtime touches are right. */
#include "host.h"

#include "internal/pycore_debug_offsets.h"
#include "internal/pycore_genobject.h"
#include "internal/pycore_gc.h"
#include "internal/pycore_setobject.h"

#ifdef Py_GIL_DISABLED
#error "Pyston needs the GIL build of CPython"
#endif
#if PY_VERSION_HEX < 0x030e0000 || PY_VERSION_HEX >= 0x030f0000
#error "Pyston's runtime is written for CPython 3.14"
#endif

/* What docs/abi.md promises to compiled code. */
static_assert(offsetof(_PyInterpreterFrame, f_executable) == 0, "frame layout");
static_assert(offsetof(_PyInterpreterFrame, previous) == 8, "frame layout");
static_assert(offsetof(_PyInterpreterFrame, f_funcobj) == 16, "frame layout");
static_assert(offsetof(_PyInterpreterFrame, frame_obj) == 48, "frame layout");
static_assert(offsetof(_PyInterpreterFrame, instr_ptr) == 56, "frame layout");
static_assert(offsetof(_PyInterpreterFrame, stackpointer) == 64, "frame layout");
static_assert(offsetof(_PyInterpreterFrame, localsplus) == 80, "frame layout");
static_assert(sizeof(_Py_CODEUNIT) == 2, "code unit");
static_assert(PyStackRef_NULL_BITS == 1 && Py_TAG_REFCNT == 1, "stack reference tags");

PyInterpreterState *host_interpreter;
vectorcallfunc stock_vectorcall;

const char *
host_problem(void)
{
    static const _Py_DebugOffsets built_for = _Py_DebugOffsets_INIT(_Py_Debug_Cookie);
    const _Py_DebugOffsets *running = &_PyRuntime.debug_offsets;

    if (memcmp(running->cookie, built_for.cookie, sizeof(built_for.cookie)) != 0 || running->version >> 16 != 0x030e) {
        return "this is not CPython 3.14";
    }
    if (running->free_threaded) {
        return "this CPython is a free-threaded build";
    }
    /* Releases of one minor version share a layout nearly always; the version itself may differ. */
    size_t after_version = offsetof(_Py_DebugOffsets, free_threaded);
    if (memcmp((const char *)running + after_version, (const char *)&built_for + after_version,
               sizeof(built_for) - after_version) != 0) {
        return "this CPython 3.14 lays out its structs differently from the one Pyston was built for";
    }
    if (PyInterpreterState_Get() != PyInterpreterState_Main()) {
        return "this is a sub-interpreter";
    }
    return NULL;
}

int
host_init(void)
{
    if (host_interpreter != NULL) {
        return 0;
    }
    PyObject *globals = PyDict_New();
    PyObject *code = (PyObject *)PyCode_NewEmpty("<pyston>", "<pyston>", 1);
    PyObject *function = NULL;
    if (globals != NULL && code != NULL) {
        function = PyFunction_New(code, globals);
    }
    Py_XDECREF(globals);
    Py_XDECREF(code);
    if (function == NULL) {
        return -1;
    }
    stock_vectorcall = ((PyFunctionObject *)function)->vectorcall;
    Py_DECREF(function);
    host_interpreter = PyInterpreterState_Get();
    return 0;
}

_PyCoCached
host_code_readings(PyCodeObject *code)
{
    return code->_co_cached != NULL ? *code->_co_cached : (_PyCoCached){NULL, NULL, NULL, NULL};
}

void
host_code_forget(PyCodeObject *code, const _PyCoCached *before)
{
    _PyCoCached *now = code->_co_cached;
    if (now == NULL) {
        return;
    }
    if (before->_co_code == NULL) {
        Py_CLEAR(now->_co_code);
    }
    if (before->_co_varnames == NULL) {
        Py_CLEAR(now->_co_varnames);
    }
    if (before->_co_cellvars == NULL) {
        Py_CLEAR(now->_co_cellvars);
    }
    if (before->_co_freevars == NULL) {
        Py_CLEAR(now->_co_freevars);
    }
}

#ifdef PYSTON_DEBUG_CHECKS
void
check_failed(const char *what, const char *file, int line)
{
    fprintf(stderr, "pyston: internal check failed: %s (%s:%d)\n", what, file, line);
    abort();
}
#endif
