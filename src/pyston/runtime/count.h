/* Warm-up: counting calls and having functions compiled. See count.c. */
#ifndef PYSTON_COUNT_H
#define PYSTON_COUNT_H

#include "artifact.h"

/* The vectorcall of every function that is neither compiled nor given up. Borrows, returns new. */
HIDDEN PyObject *count_vectorcall(PyObject *function, PyObject *const *args, size_t nargsf, PyObject *kwnames);

/* Counts one call of the code and compiles it when it is hot. `function` is borrowed, of that code. 0: see the
 * record's state; -1: an exception is set that the caller must pass on. */
HIDDEN int count_call(PyThreadState *tstate, CodeRecord *record, PyFunctionObject *function);

/* Has the function compiled, whatever was counted; nothing happens while the compiler works already, or must not. 0, or
 * -1 as above. */
HIDDEN int count_compile_now(PyThreadState *tstate, PyFunctionObject *function);

/* Has a running loop of the function compiled: calls the compiler with `loop` (borrowed) as well. 1: not now; 0: the
 * compiler is done, *problem (constant text) says why there is no code, or is NULL; -1 as above. */
HIDDEN int count_compile_loop(PyThreadState *tstate, PyFunctionObject *function, PyObject *loop, const char **problem);

/* Gives a new function our entry (borrows). Runs no Python code. */
HIDDEN void count_new_function(PyFunctionObject *function);
/* Gives a function whose code is compiled the entry at once, even if it was left to the interpreter before. */
HIDDEN void count_adopt(PyFunctionObject *function);
/* Gives a function, which may have CPython's own, our entry. */
HIDDEN void count_hook(PyFunctionObject *function);
/* Call sites that specialised for closures of this code must not take new ones for them. */
HIDDEN void count_renew_version(PyCodeObject *code);
/* Takes our entry away (borrows). */
HIDDEN void count_unhook(PyFunctionObject *function);

/* Hooks, or unhooks, every function there is. */
HIDDEN void count_hook_all(void);
HIDDEN void count_unhook_all(void);

/* The code starts counting again, and may be compiled after `calls` more calls. */
HIDDEN void count_again(CodeRecord *record, uint32_t calls);

/* Leaves a code object to the interpreter. `reason` is constant text. */
HIDDEN void count_give_up(CodeRecord *record, const char *reason);

/* Has the compiler been called, and so imported all that it is made of? */
HIDDEN bool count_has_compiled(void);

#define YOUNG_MS 1000 /* CPU time in which the threshold does not fall */

/* Calls that make it hot, now. */
HIDDEN uint32_t count_limit(const CodeRecord *record);

extern HIDDEN uint32_t count_threshold;
extern HIDDEN bool count_threshold_falls; /* unless somebody has named one */
extern HIDDEN PyObject *count_compiler; /* owned: called with a function, or NULL */
extern HIDDEN bool runtime_enabled;

#endif
