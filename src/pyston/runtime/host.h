/* The one interpreter that this runtime is built for, and the check that it really runs in it.
 *
 * Every runtime file includes this first: it opens CPython's internal headers in the one way that works from an
 * extension. Everything that depends on the version of CPython stands behind the names declared here. */
#ifndef PYSTON_HOST_H
#define PYSTON_HOST_H

#ifndef Py_BUILD_CORE_MODULE
#define Py_BUILD_CORE_MODULE 1 /* the thread state comes from a function: the variable is not exported */
#endif
#include <Python.h>

#include "internal/pycore_frame.h"
#include "internal/pycore_ceval.h"
#include "internal/pycore_code.h"
#include "internal/pycore_function.h"
#include "internal/pycore_instruments.h"
#include "internal/pycore_interp.h"
#include "internal/pycore_interpframe.h"
#include "internal/pycore_pythonrun.h"
#include "internal/pycore_runtime.h"
#include "internal/pycore_stackref.h"
#include "internal/pycore_tstate.h"

#include <stdbool.h>
#include <stdint.h>

#define HIDDEN __attribute__((visibility("hidden")))
#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

/* Internal checks, on with -DPYSTON_DEBUG_CHECKS. (CPython's own `assert` follows NDEBUG, which its headers need
 * set: some of their assertions call functions that are not exported.) */
#ifdef PYSTON_DEBUG_CHECKS
HIDDEN _Noreturn void check_failed(const char *what, const char *file, int line);
#define CHECK(condition) ((condition) ? (void)0 : check_failed(#condition, __FILE__, __LINE__))
#else
#define CHECK(condition) ((void)0)
#endif

/* Why the runtime cannot work in this interpreter, or NULL if it can. Constant text. */
HIDDEN const char *host_problem(void);

/* The interpreter that the runtime serves: the main one. */
extern HIDDEN PyInterpreterState *host_interpreter;

/* Is it the only one? What is freed belongs to it then, whoever frees it. (New ones come first in the list.) */
static inline bool
host_is_alone(void)
{
    return _PyRuntime.interpreters.head == host_interpreter;
}

/* The entry of a Python function that nobody has redirected; it is not exported, so it is read from a fresh one. */
extern HIDDEN vectorcallfunc stock_vectorcall;

/* Fills the two above. 0, or -1 with an exception set. Called once, before any watcher is installed. */
HIDDEN int host_init(void);

/* What Python code reads of a code object, its bytes first of all, the code object keeps for the next who asks. Reading many
 * once would keep some hundred kilobytes. What is there now (borrowed, for identity): */
HIDDEN _PyCoCached host_code_readings(PyCodeObject *code);
/* Lets go of what has been read since then. */
HIDDEN void host_code_forget(PyCodeObject *code, const _PyCoCached *before);

/* The interpreter has begun to shut down: callbacks do nothing from here on. */
static inline bool
host_finalizing(void)
{
    return _PyRuntimeState_GetFinalizing(&_PyRuntime) != NULL
           || _PyInterpreterState_GetFinalizing(host_interpreter) != NULL;
}

/* Code units of a jump backwards: itself and a counter. */
#define JUMP_BACKWARD_UNITS 2
#define FIRST_UNIT(code) ((_Py_CODEUNIT *)(code)->co_code_adaptive)

/* How much native stack a compiled call leaves to whatever comes after it; see enter.c. */
#define STACK_MARGIN (128 * 1024)
/* A stack pointer further below the limit than this is on a stack that CPython knows nothing of. */
#define STACK_BEYOND (2 * _PyOS_STACK_MARGIN_BYTES)

#endif
