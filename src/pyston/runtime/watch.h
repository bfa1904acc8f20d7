/* Dependencies of artifacts on live objects, and the watchers that notice changes. See watch.c. */
#ifndef PYSTON_WATCH_H
#define PYSTON_WATCH_H

#include "artifact.h"

/* 0, or -1 with an exception set. */
HIDDEN int watch_start(void);

/* Starts collecting what the compiler asks about; a change to any of it from here on makes `watch_session_valid`
 * false. One at a time. */
HIDDEN void watch_open_session(void);
HIDDEN void watch_close_session(void);
HIDDEN bool watch_session_valid(void);

/* Adds one dependency (a tuple, borrowed) to the session. 1: watched; 0: cannot be watched; -1: exception. */
HIDDEN int watch_session_add(PyObject *dependency);

/* Makes room for all that the next two will add. False: no memory, no exception. */
HIDDEN bool watch_reserve(Artifact *artifact, size_t count);
/* Makes the artifact depend on all of `dependencies` (a sequence, borrowed). As above. */
HIDDEN int watch_add_all(Artifact *artifact, PyObject *dependencies);
/* One heap type among its constants may die: the artifact is retired then. 0, or -1 with an exception set.
 * Returns through `reference` a new weak reference. */
HIDDEN int watch_type_death(Artifact *artifact, PyObject *type, PyObject **reference);
/* The artifact, which has its constants, belongs to the globals of the functions it is made for, and goes with them. 1, or 0:
 * they cannot be watched; -1: an exception is set. */
HIDDEN int watch_belong(Artifact *artifact, PyObject *globals);
/* Notices the end of the function: its callee is detached. False: no memory; no exception. */
HIDDEN bool watch_function(PyFunctionObject *function);
/* Tells all who watch functions of one that was just made. Runs no Python code of ours. */
HIDDEN void watch_new_function(PyFunctionObject *function);
/* The function dies. True: all who want to know do; false: CPython is to tell them. */
HIDDEN bool watch_function_ends(PyFunctionObject *function);
/* Forgets the artifact. */
HIDDEN void watch_remove(Artifact *artifact);

/* Code will change the value of this key, which the dict has, behind the watcher's back: from here on nobody takes it for
 * constant, and who did is retired. Borrows. 0, or -1: no memory; no exception. Runs no Python code. */
HIDDEN int watch_claim(PyObject *dict, PyObject *key);
/* The bits of the dict watchers that are not ours. */
HIDDEN uint8_t watch_foreign_bits(void);

/* What the collector asks (reachable.c). Has a watched dict in its tag: */
extern HIDDEN uint64_t watch_dict_bit;
/* Visits the constants of the artifacts that belong to the dict, but for those that the next one visits. */
HIDDEN int watch_visit_namespace(PyObject *dict, visitproc visit, void *arg);
/* Visits the function as often as it is a constant of artifacts that call it directly, if it is not running so. */
HIDDEN int watch_visit_function(PyObject *function, visitproc visit, void *arg);
/* False: the function certainly is not one of those. */
HIDDEN bool watch_may_have_callers(PyObject *function);
/* The collector is about to clear the function. */
HIDDEN void watch_function_cleared(PyObject *function);

/* Did this key of this dict change so often that it should not be taken for constant? (Borrows.) */
HIDDEN bool watch_is_stable(PyObject *dict, PyObject *key);

#endif
