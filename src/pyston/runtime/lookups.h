/* What is known of attributes by class and name, for all sites together. See lookups.c. */
#ifndef PYSTON_LOOKUPS_H
#define PYSTON_LOOKUPS_H

#include "host.h"

#include "inline_cache.h"

typedef enum {
    LOOKUP_LOAD,  /* from an instance of the class */
    LOOKUP_STORE, /* into an instance of it */
    LOOKUP_CLASS, /* from the class itself, which has no metaclass of its own */
} LookupUse;

#pragma GCC visibility push(hidden)

/* The entry for the name, an interned str, under the class's tag; NULL: ask CPython. It stays where it is until the next call. */
AttrEntry *kept_lookup(PyTypeObject *type, PyObject *name, LookupUse use);

/* The same for the object: by its class, or a load from a class whose metaclass is `type` by that class. */
AttrEntry *kept_lookup_of(PyObject *object, PyObject *name, LookupUse use);

/* Borrowed: the Python function that a slot function of the class calls, by its name (`__get__`, `__call__`); NULL: there is none, or
 * the slot function is to find it. */
PyObject *slot_function(PyTypeObject *type, PyObject *name);

#pragma GCC visibility pop

#endif
