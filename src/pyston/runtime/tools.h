/* Whether tracing, profiling or monitoring forbid compiled code. See tools.c. */
#ifndef PYSTON_TOOLS_H
#define PYSTON_TOOLS_H

#include "artifact.h"

#define OUR_TOOL PY_MONITORING_OPTIMIZER_ID

/* Starts to notice local events. 0, or -1 with an exception set. */
HIDDEN int tools_start(void);

/* Has `callback` (borrowed; None: nothing) called for events of our own tool, which does not count as one that watches.
 * 0, or -1 with an exception set (somebody else has the tool id). */
HIDDEN int tools_register(int event, PyObject *callback);
/* Switches such an event on or off for all code. 0, or -1 with an exception set. */
HIDDEN int tools_observe(int event, bool on);
/* Switches it on for one code object, wherever the callback has disabled it. Failing is no failure. */
HIDDEN void tools_arm(int event, PyCodeObject *code);
/* Takes away all local events of ours. */
HIDDEN void tools_disarm(PyCodeObject *code);
/* New: what a callback returns to disable the event where it happened. NULL with an exception set. */
HIDDEN PyObject *tools_disable_object(void);
extern HIDDEN bool our_tool_is_ours;

/* Must all code be interpreted, because somebody watches it, or some of it? Cannot fail, runs no code. */
HIDDEN bool tools_watch(PyThreadState *tstate);

/* Somebody may be watching some code objects: every check of compiled code goes the slow way from here on. */
HIDDEN void tools_suspect(void);

/* Is any tool but ours registered? (Reads the interpreter; the variable is what was noticed of it.) */
HIDDEN bool tools_registered(void);
extern HIDDEN bool tools_exist;

/* Nobody watches the artifact's code: it may run as things are now. Sets its version cell. */
HIDDEN void tools_admit(PyThreadState *tstate, Artifact *artifact);
/* Of a version cell: the eval breaker never has this value. */
#define VERSION_NEVER ((uintptr_t)-1)

/* What a check of compiled code does when the eval breaker differs from the cell. The frame is true. Handles what is
 * pending. 1: go on; 0: leave; -1: an exception is set. */
HIDDEN int tools_check(PyThreadState *tstate, Artifact *artifact);

#endif
