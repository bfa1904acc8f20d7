/* What an attribute is: where a type's instances keep it, and what their class has to say about it.
 *
 * The one place that knows the rules of attribute look-up. Inline caches learn from it at run time, and the compiler
 * asks it through introspect.c. It looks only at types, never at an instance. */
#ifndef PYSTON_ATTRIBUTE_H
#define PYSTON_ATTRIBUTE_H

#include "helpers.h"

/* Who answers a load or a store. */
typedef enum {
    PROTOCOL_OTHER,         /* a C function of its own: ask it */
    PROTOCOL_GENERIC,       /* PyObject_GenericGetAttr, PyObject_GenericSetAttr */
    PROTOCOL_GETATTR_HOOK,  /* generic, and `__getattr__` for what that does not find */
    PROTOCOL_GETATTR_OTHER, /* the same, but `__getattr__` is no Python function */
    PROTOCOL_MODULE,        /* generic, and the module's own `__getattr__` and error text */
    PROTOCOL_TYPE,          /* the instance is itself a class */
    PROTOCOL_PYTHON,        /* `__getattribute__` or `__setattr__`, a Python function: `function` */
} AttributeProtocol;

/* What the class has under the name. The kinds from CLASS_SLOT on win over the instance's own value (on loads). */
typedef enum {
    CLASS_NOTHING,
    CLASS_VALUE,       /* no __get__: the value itself */
    CLASS_METHOD,      /* a function or another method descriptor: binds the instance */
    CLASS_STATIC,      /* staticmethod */
    CLASS_CLASSMETHOD, /* classmethod */
    CLASS_NON_DATA,    /* anything else with __get__ and without __set__ */
    CLASS_SLOT,        /* object member at `offset` */
    CLASS_PROPERTY,    /* exactly property */
    CLASS_GETSET,      /* C getter and setter */
    CLASS_DATA,        /* anything else with __get__ and __set__ */
} ClassKind;

/* Where instances keep values of their own. */
typedef enum {
    STORAGE_NONE,
    STORAGE_INLINE,  /* inline values, until they are given up for a dict (managed) */
    STORAGE_MANAGED, /* a dict in front of the object */
    STORAGE_OFFSET,  /* a dict pointer at `dict_offset` */
    STORAGE_UNKNOWN, /* a dict that has to be asked for */
} StorageKind;

typedef struct {
    AttributeProtocol protocol;
    ClassKind class_kind;
    int overrides;     /* the class's descriptor has __set__: it gets the stores */
    int recheck;       /* the descriptor's class may change: look at its tp_descr_get and tp_descr_set again */
    StorageKind storage;
    PyObject *descriptor; /* borrowed; NULL for CLASS_NOTHING */
    PyObject *function;   /* borrowed: __getattribute__, __getattr__ or __setattr__; else NULL */
    Py_ssize_t offset;    /* CLASS_SLOT */
    int member_type, member_flags;
    Py_ssize_t dict_offset;
    Py_ssize_t key_index; /* STORAGE_INLINE: index among the shared keys; -1: not one of them */
    PyDictKeysObject *keys;
} Attribute;

#pragma GCC visibility push(hidden)

int attribute_init(void);

/* The version tag of the type, which gets one if need be; 0: it can have none. */
static inline uint32_t version_of(PyTypeObject *type)
{
    return PyUnstable_Type_AssignVersionTag(type) ? type->tp_version_tag : 0;
}

/* What loading `name`, an exact str, from an instance of `type` involves, while the type keeps its version tag. Cannot fail. */
void attribute_of_load(PyTypeObject *type, PyObject *name, Attribute *attribute);

/* What storing or deleting it involves. */
void attribute_of_store(PyTypeObject *type, PyObject *name, Attribute *attribute);

/* Returns borrowed: what a staticmethod or classmethod object (exactly) wraps. */
PyObject *wrapped_callable(PyObject *method);

#pragma GCC visibility pop

#endif
