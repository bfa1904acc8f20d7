/* Classes that change all the time, and what lasts in them. See restless.c. */
#ifndef PYSTON_RESTLESS_H
#define PYSTON_RESTLESS_H

#include "host.h"

#include "lookups.h"

/* So many version tags a class uses up before it counts as restless. */
#define RESTLESS_VERSIONS 64

#pragma GCC visibility push(hidden)

/* 0, or -1 with an exception set. */
int restless_start(void);

extern unsigned restless_versions; /* RESTLESS_VERSIONS, but for stress */

static inline int is_restless(PyTypeObject *type)
{
    return __builtin_expect(type->tp_versions_used >= restless_versions, 0);
}

#define RESTLESS_TAGS 0x80000000u /* tags of ours are no smaller */

typedef struct {
    PyTypeObject *type;
    PyObject *order; /* its tp_mro, borrowed for identity */
    uint32_t tag;    /* not over yet if it is no more than restless_first_tag */
} RestlessClass;

#define RESTLESS_CLASSES 512 /* a power of two */

extern RestlessClass restless_classes[RESTLESS_CLASSES]; /* by class, two places for each */
extern uint32_t restless_first_tag;

/* The tag of a class that is not in its first place. */
uint32_t restless_find_tag(PyTypeObject *type, RestlessClass *place);

/* The restless class's tag of ours; 0: it can have none. What is known of it is right as long as it has the tag. */
static inline __attribute__((always_inline)) uint32_t restless_tag(PyTypeObject *type)
{
    size_t bits = (size_t)type >> 4;
    RestlessClass *place = &restless_classes[(bits ^ bits >> 8) & (RESTLESS_CLASSES - 2)];
    if (__builtin_expect(place->type == type && place->order == type->tp_mro && place->tag <= restless_first_tag, 1)) {
        return place->tag;
    }
    return restless_find_tag(type, place);
}

bool restless_tag_is_over(uint32_t tag);

/* May what restless classes have under the name be kept under their tags? Then they are over when it changes. */
bool restless_keeps(PyObject *name);

#pragma GCC visibility pop

/* The tag under which caches keep what they know of the class: CPython's, or ours. 0: nothing is to be kept. */
static inline uint32_t tag_of(PyTypeObject *type)
{
    return is_restless(type) ? restless_tag(type) : type->tp_version_tag;
}

/* Borrowed: what the class or one of its bases has under the name, as _PyType_Lookup. */
static inline PyObject *class_lookup(PyTypeObject *type, PyObject *name)
{
    AttrEntry *entry = is_restless(type) ? kept_lookup(type, name, LOOKUP_LOAD) : NULL;
    return entry != NULL ? entry->object : _PyType_Lookup(type, name);
}

#endif
