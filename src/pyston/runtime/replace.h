/* Putting functions of ours in the place of CPython's. See replace.c. */
#ifndef PYSTON_REPLACE_H
#define PYSTON_REPLACE_H

#include "host.h"

/* Puts the function in the place of that of the type's method or the module's function, which has these flags, and tells which
 * that was. 0, or -1 with an exception set: it is not as expected. */
HIDDEN int replace_method(PyObject *owner, const char *name, int flags, PyCFunction function, PyCFunction *original);

/* The same for what sets an attribute that the type's instances compute. */
HIDDEN int replace_setter(PyTypeObject *type, const char *name, setter function, setter *original);

/* The same for the slot function that a method such as `__next__` wraps; left alone where it wraps another. 0, or -1 with an
 * exception set. */
HIDDEN int replace_wrapped(PyTypeObject *type, const char *name, void *original, void *function);

/* The same for how instances of a static type are freed. `*original` is NULL before the first time. */
static inline void
replace_dealloc(PyTypeObject *type, destructor function, destructor *original)
{
    if (*original == NULL) {
        *original = type->tp_dealloc;
    }
    type->tp_dealloc = function;
}

/* Puts the original back, if it was ever replaced. */
static inline void
restore_dealloc(PyTypeObject *type, destructor original)
{
    if (original != NULL) {
        type->tp_dealloc = original;
    }
}

#endif
