/* Attribute look-ups of classes that change all the time. See restless.c. */
#ifndef PYSTON_RESTLESS_H
#define PYSTON_RESTLESS_H

#include "host.h"

#include "inline_cache.h"

/* So many version tags a class uses up before it counts as restless. */
#define RESTLESS_VERSIONS 64

typedef enum {
    RESTLESS_LOAD,  /* from an instance of the class */
    RESTLESS_STORE, /* into an instance of it */
    RESTLESS_CLASS, /* from the class itself */
} RestlessUse;

#pragma GCC visibility push(hidden)

/* 0, or -1 with an exception set. */
int restless_start(void);

extern unsigned restless_versions; /* RESTLESS_VERSIONS, but for stress */

static inline int is_restless(PyTypeObject *type)
{
    return __builtin_expect(type->tp_versions_used >= restless_versions, 0);
}

/* The entry for the name, an exact str; NULL: ask CPython. It is right until the next Python code runs. */
AttrEntry *restless_entry(PyTypeObject *type, PyObject *name, RestlessUse use);

#pragma GCC visibility pop

/* Borrowed: what the class or one of its bases has under the name, as _PyType_Lookup. */
static inline PyObject *class_lookup(PyTypeObject *type, PyObject *name)
{
    AttrEntry *entry = is_restless(type) ? restless_entry(type, name, RESTLESS_LOAD) : NULL;
    return entry != NULL ? entry->object : _PyType_Lookup(type, name);
}

#endif
