/* Functions that rest between counting and counting. See rest.c. */
#ifndef PYSTON_REST_H
#define PYSTON_REST_H

#include "artifact.h"

/* Where it is worth it, lets a code object that has just been counted rest, and takes our entry from the function (borrowed),
 * which is called now. Runs no Python code. */
HIDDEN void rest_consider(CodeRecord *record, PyFunctionObject *function);

/* The resting code's function is called through our entry: takes that away. */
HIDDEN void rest_join(CodeRecord *record, PyFunctionObject *function);

/* Ends the rest, if there is one: the functions have our entry again, and calls are counted. */
HIDDEN void rest_end(CodeRecord *record);

/* The function dies, or is about to get other code. Did it rest? */
HIDDEN bool rest_forget(PyFunctionObject *function);

/* Ends the rests that have taken long enough; called where Python code may run. */
HIDDEN void rest_look(void);

/* Ends all of them. */
HIDDEN void rest_end_all(void);

/* Does anybody rest? */
HIDDEN bool rest_any(void);

#endif
