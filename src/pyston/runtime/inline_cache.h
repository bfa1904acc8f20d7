/* Inline caches: what an attribute, global or super() site has learnt. docs/inline-caches.md tells the whole story.
 *
 * Cells live in an artifact's cell area, 8-byte aligned. The compiler reserves the bytes and names the object for
 * the first word (AttrCell, GlobalCell, SuperCell: `name`; an interned str); everything else starts as zero. A cell owns
 * nothing: the artifact keeps the name alive, and every pointer in an entry is borrowed from a type and only followed
 * while that type's version tag is still the entry's. */
#ifndef PYSTON_INLINE_CACHE_H
#define PYSTON_INLINE_CACHE_H

#include <Python.h>

/* One type's answer. Meanings of the fields by kind stand in inline_cache.c. */
typedef struct {
    uint32_t version; /* tp_version_tag of the receiver's type; 0: empty */
    uint8_t kind;     /* where on the instance to look */
    uint8_t flags;    /* what the class has */
    int8_t index;     /* offset in words of inline values, a slot or the dict pointer */
    uint8_t count;    /* inline values: index of the name, or how many shared keys are known not to be it */
    union {
        PyDictKeysObject *keys; /* the shared keys that `count` is about */
        struct {
            uint32_t hint;          /* dict: the entry where the name was last */
            uint32_t class_version; /* receiver is a class: its own version tag */
        };
    };
    PyObject *object; /* descriptor, function or value; borrowed under `version` (and `class_version`) */
} AttrEntry;

typedef struct AttrMore AttrMore;

typedef struct {
    PyObject *name;
    AttrEntry first;
    AttrMore *more;    /* NULL while the site has seen one type only */
} AttrCell;

typedef struct {
    PyObject *name;
    uint32_t globals_version; /* keys version of globals in which the name is known not to be; 0: it is a global */
    uint32_t hint;            /* entry of the name in globals, or in builtins when globals_version is not 0 */
} GlobalCell;

typedef struct {
    PyObject *name;
    uint32_t version;  /* tag of the class whose order is searched: self's, or self as a class; 0: empty */
    uint16_t of_class; /* it is self as a class, as in `__new__` and class methods */
    uint16_t kind;     /* ClassKind of what was found, as far as CLASS_CLASSMETHOD; CLASS_NOTHING: ask CPython */
    PyObject *class;   /* super's first argument; compared only */
    PyObject *found;   /* borrowed under `version` */
} SuperCell;

#define ATTR_CELL_BYTES 40
#define GLOBAL_CELL_BYTES 16
#define SUPER_CELL_BYTES 32

_Static_assert(sizeof(AttrCell) == ATTR_CELL_BYTES, "AttrCell layout");
_Static_assert(sizeof(GlobalCell) == GLOBAL_CELL_BYTES, "GlobalCell layout");
_Static_assert(sizeof(SuperCell) == SUPER_CELL_BYTES, "SuperCell layout");

/* Gives back what cells in [area, area + size) hold outside of it. Called when an artifact is freed. */
void inline_cache_forget(void *area, size_t size) __attribute__((visibility("hidden")));

#endif
