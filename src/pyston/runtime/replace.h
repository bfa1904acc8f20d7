/* Putting functions of ours in the place of a builtin type's. See replace.c. */
#ifndef PYSTON_REPLACE_H
#define PYSTON_REPLACE_H

#include "host.h"

/* Puts the function in the place of the method's, which has these flags, and tells which that was. 0, or -1 with an exception
 * set: the method is not as expected. */
HIDDEN int replace_method(PyTypeObject *type, const char *name, int flags, PyCFunction function, PyCFunction *original);

/* The same for the slot function that a method such as `__next__` wraps; left alone where it wraps another. 0, or -1 with an
 * exception set. */
HIDDEN int replace_wrapped(PyTypeObject *type, const char *name, void *original, void *function);

#endif
