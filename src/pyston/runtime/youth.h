/* A process's first moments, in which nothing is counted. See youth.c. */
#ifndef PYSTON_YOUTH_H
#define PYSTON_YOUTH_H

#include "artifact.h"

/* The function (borrowed), of code with this record (or NULL), is called through our entry. In a young process it loses the entry,
 * unless the code is hot. Then, or later on, false: the call is to be counted. */
HIDDEN bool youth_pass(PyThreadState *tstate, PyFunctionObject *function, const CodeRecord *record);

/* A function is made of code that was called before; `record` may be NULL. May it do without our entry? */
HIDDEN bool youth_spares(const CodeRecord *record);

/* The record's code, which the sampler has often seen running, is to be compiled at its next call. False: nobody of the thread
 * runs it now, so that its functions are not known. */
HIDDEN bool youth_hook_running(PyThreadState *tstate, CodeRecord *record);

/* Every function gets our entry once the process is no longer young. Runs no Python code. */
HIDDEN void youth_look(void);

/* Is the process still young? */
HIDDEN bool youth_lasts(void);

/* Are functions without our entry that have lost it so? */
HIDDEN bool youth_passed_any(void);

#endif
