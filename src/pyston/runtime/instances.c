/* Instances of ordinary classes, made and freed in few lines of code.
 *
 * CPython's functions for it, PyType_GenericAlloc and what every class made in Python has as tp_dealloc, ask the class, its bases
 * and its shared keys each time what there is to be done; for most it is always the same. That is kept by version tag, so a class that
 * gets a `__del__`, or other bases, is asked again. A class that has a finalizer, a base in C, or another allocator is left to CPython.
 *
 * Instances keep values of attributes in themselves, in as many places as the shared keys have. These become fewer with each
 * instance made, up to a point: until then CPython makes them. What an instance that dies has for places it says itself.
 *
 * tp_dealloc is not replaced (CPython finds the bases that an instance's end concerns by it): who frees objects in compiled code and
 * its helpers comes here for it (release.c, thunks.c), and the values of an instance that dies come here in turn. What dies
 * in CPython's own containers is freed by CPython.
 *
 * Ownership: layouts are borrowed from nobody, they hold numbers only. */
#include "instances.h"

#include "attribute.h"
#include "blocks.h"
#include "collector.h"
#include "helpers.h"
#include "release.h"
#include "restless.h"

#include "internal/pycore_dict.h"
#include "internal/pycore_object.h"

#include <emmintrin.h>
#include <structmember.h>

destructor usual_dealloc;

enum {
    LAYOUT_FREED = 1,  /* instances are freed here */
    LAYOUT_MADE = 2,   /* and made */
    LAYOUT_DICT = 4,   /* have a dict in front of the collector's words */
    LAYOUT_VALUES = 8, /* and places for values behind the object */
    LAYOUT_LEVELS = 16 /* several classes have `__slots__`, or in unusual order */
};

typedef struct {
    uint32_t tag;
    uint8_t flags;
    uint8_t units; /* of the block */
    uint8_t front; /* bytes in front of the object */
    int8_t weak;   /* the word with its weak references; 0: it can have none */
    uint8_t words; /* of the object itself */
    uint8_t first; /* the word from which on there are its values, or `__slots__` of one class */
    uint8_t count; /* so many of them */
} __attribute__((aligned(16))) Layout; /* never over two lines */

#define LAYOUTS 2048 /* a power of two */

static Layout layouts[LAYOUTS]; /* by tag; tag 0 has none */

static inline Layout *
layout_place(uint32_t tag)
{
    return &layouts[tag & (LAYOUTS - 1)];
}

void
instances_start(PyTypeObject *class)
{
    usual_dealloc = class->tp_dealloc;
}

/* --- what a class says ------------------------------------------------------------------------------------- */

static inline PyMemberDef *
slots_of(PyTypeObject *class)
{
    return (PyMemberDef *)PyObject_GetItemData((PyObject *)class);
}

static inline bool
is_owned_slot(const PyMemberDef *slot)
{
    return slot->type == Py_T_OBJECT_EX && !(slot->flags & Py_READONLY);
}

/* Finds the slots of the class and its bases. */
static void
describe_slots(Layout *layout, PyTypeObject *type)
{
    for (PyTypeObject *base = type; base->tp_dealloc == usual_dealloc; base = base->tp_base) {
        const Py_ssize_t count = Py_SIZE(base);
        if (count == 0) {
            continue;
        }
        const PyMemberDef *slot = slots_of(base);
        bool usual = layout->count == 0;
        for (Py_ssize_t i = 0; i < count; i++) {
            usual &= is_owned_slot(&slot[i]) && slot[i].offset == slot->offset + i * (Py_ssize_t)sizeof(PyObject *);
        }
        if (!usual) {
            layout->flags |= LAYOUT_LEVELS;
            return;
        }
        layout->count = (uint8_t)count;
        layout->first = (uint8_t)(slot->offset / (Py_ssize_t)sizeof(PyObject *));
    }
}

static inline size_t
bytes_of_values(size_t places)
{
    return ((places + 7) & ~(size_t)7) + (places + 1) * sizeof(PyObject *);
}

/* The word in front of values. */
typedef struct {
    uint8_t places, size, embedded, valid;
} __attribute__((may_alias)) ValuesHead;

static inline ValuesHead
new_values(uint8_t places)
{
    return (ValuesHead){.places = places, .embedded = 1, .valid = 1};
}

/* Are there so many places for values, which are the instance's attributes still? */
static inline bool
has_places(PyObject **values, uint8_t places)
{
    const PyDictValues *head = (PyDictValues *)(values - 1);
    return head->capacity == places && head->valid;
}

static bool
is_ordinary(PyTypeObject *type)
{
    const unsigned long needed = Py_TPFLAGS_HEAPTYPE | Py_TPFLAGS_HAVE_GC;
    PyTypeObject *base = type;
    while (base->tp_dealloc == usual_dealloc) {
        base = base->tp_base;
    }
    return base == &PyBaseObject_Type && base != type && (type->tp_flags & needed) == needed && type->tp_itemsize == 0
           && type->tp_alloc == PyType_GenericAlloc && type->tp_free == PyObject_GC_Del && type->tp_is_gc == NULL
           && type->tp_finalize == NULL && type->tp_del == NULL
           && (type->tp_dictoffset == 0 || (type->tp_flags & Py_TPFLAGS_MANAGED_DICT) != 0)
           && type->tp_basicsize % (Py_ssize_t)sizeof(PyObject *) == 0
           && type->tp_weaklistoffset % (Py_ssize_t)sizeof(PyObject *) == 0;
}

/* What is to be done for instances of a class with this tag, as long as it has it. */
static Layout
layout_of(PyTypeObject *type)
{
    Layout layout = {.tag = type->tp_version_tag};
    if (!is_ordinary(type)) {
        return layout;
    }
    const size_t front = sizeof(PyGC_Head) + (type->tp_flags & Py_TPFLAGS_PREHEADER ? 2 * sizeof(PyObject *) : 0);
    size_t bytes = front + (size_t)type->tp_basicsize;
    size_t places = 0;
    bool settled = true;
    if (type->tp_flags & Py_TPFLAGS_INLINE_VALUES) {
        const PyDictKeysObject *keys = ((PyHeapTypeObject *)type)->ht_cached_keys;
        places = (size_t)(keys->dk_usable + keys->dk_nentries);
        settled = keys->dk_usable <= 1;
        bytes += bytes_of_values(places);
    }
    if (bytes > MOST_UNITS * BLOCK_UNIT) {
        return layout;
    }
    layout.flags |= LAYOUT_FREED | (settled ? LAYOUT_MADE : 0) | (type->tp_flags & Py_TPFLAGS_MANAGED_DICT ? LAYOUT_DICT : 0);
    layout.units = (uint8_t)UNITS(bytes);
    layout.front = (uint8_t)front;
    layout.words = (uint8_t)((size_t)type->tp_basicsize / sizeof(PyObject *));
    layout.weak = (int8_t)(type->tp_weaklistoffset / (Py_ssize_t)sizeof(PyObject *));
    describe_slots(&layout, type);
    if (type->tp_flags & Py_TPFLAGS_INLINE_VALUES) {
        layout.flags |= layout.count == 0 ? LAYOUT_VALUES : LAYOUT_VALUES | LAYOUT_LEVELS;
        layout.first = (uint8_t)(layout.words + 1);
        layout.count = (uint8_t)places;
    }
    return layout;
}

/* The class has a tag. Where another one has the place it keeps it, mostly: two that take turns would learn each time. */
static void
learn(PyTypeObject *type)
{
    static unsigned asked;
    Layout *place = layout_place(type->tp_version_tag);
    if (place->tag == 0 || place->tag == type->tp_version_tag || ++asked % 16 == 0) {
        *place = layout_of(type);
    }
}

/* --- making ------------------------------------------------------------------------------------------------ */

static __attribute__((noinline)) PyObject *
make_otherwise(PyTypeObject *type)
{
    PyObject *self = type->tp_alloc(type, 0);
    const uint32_t tag = is_restless(type) ? type->tp_version_tag : version_of(type);
    const Layout *layout = layout_place(tag);
    if (tag != 0 && (layout->tag != tag || (layout->flags & (LAYOUT_FREED | LAYOUT_MADE)) == LAYOUT_FREED)) {
        learn(type);
    }
    return self;
}

/* Borrows the class; returns new: what its tp_alloc gives. */
PyObject *
make_instance(PyTypeObject *type)
{
    const uint32_t tag = type->tp_version_tag;
    const Layout *layout = layout_place(tag);
    if (UNLIKELY(layout->tag != tag || !(layout->flags & LAYOUT_MADE) || objects_are_traced())) {
        return make_otherwise(type);
    }
    char *block = block_take(layout->units);
    if (UNLIKELY(block == NULL)) {
        return PyErr_NoMemory();
    }
    PyObject *self = (PyObject *)(block + layout->front);
#pragma GCC unroll 1
    for (const char *end = block + layout->units * BLOCK_UNIT; block < end; block += BLOCK_UNIT) {
        _mm_storeu_si128((__m128i *)block, _mm_setzero_si128());
        __asm__("" : "+r"(block)); /* a handful of rounds, which would become a `rep stos` */
    }
    self->ob_refcnt_full = 1;
    self->ob_type = type;
    Py_INCREF(type);
    if (layout->flags & LAYOUT_VALUES) {
        *(ValuesHead *)((PyObject **)self + layout->words) = new_values(layout->count);
    }
    collector_made();
    collector_link(_Py_AS_GC(self));
    return self;
}

/* --- freeing ----------------------------------------------------------------------------------------------- */

static __attribute__((noinline)) void
free_otherwise(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    const uint32_t tag = type->tp_version_tag;
    if (tag != 0 && layout_place(tag)->tag != tag) {
        learn(type);
    }
    type->tp_dealloc(self);
}

/* The values of slots of all classes, those of the class itself first. */
static void
release_levels(PyThreadState *tstate, PyObject *self)
{
    for (PyTypeObject *base = Py_TYPE(self); base->tp_dealloc == usual_dealloc; base = base->tp_base) {
        const Py_ssize_t count = Py_SIZE(base);
        const PyMemberDef *slot = count != 0 ? slots_of(base) : NULL;
        for (Py_ssize_t i = 0; i < count; i++) {
            PyObject *value = *(PyObject **)((char *)self + slot[i].offset);
            if (is_owned_slot(&slot[i]) && value != NULL) {
                release(tstate, value);
            }
        }
    }
}

/* What the instance has, where its slots are those of several classes, its dict has been asked for, or its values have more places
 * than those of a new one. Returns the units of its block. */
static __attribute__((noinline)) size_t
release_otherwise(PyThreadState *tstate, PyObject *self, Layout layout)
{
    size_t units = layout.units;
    if (layout.flags & LAYOUT_VALUES) {
        const PyDictValues *values = (PyDictValues *)((PyObject **)self + layout.words);
        units = UNITS(layout.front + layout.words * sizeof(PyObject *) + bytes_of_values(values->capacity));
    }
    release_levels(tstate, self);
    if (layout.flags & LAYOUT_DICT) {
        PyObject_ClearManagedDict(self);
    }
    return units;
}

void
free_instance(PyObject *self, PyThreadState *tstate)
{
    PyTypeObject *type = Py_TYPE(self);
    const Layout layout = *layout_place(type->tp_version_tag); /* a copy: what dies with self may change the class */
    PyGC_Head *head = _Py_AS_GC(self);
    if (UNLIKELY(layout.tag != type->tp_version_tag || !(layout.flags & LAYOUT_FREED) || head->_gc_next == 0)) {
        free_otherwise(self);
        return;
    }
    PyObject **words = (PyObject **)self, **value = words + layout.first, **end = value + layout.count;
    char *block = (char *)self - layout.front;
    size_t units = layout.units;
    collector_unlink(head);
    if (layout.weak != 0 && UNLIKELY(words[layout.weak] != NULL)) {
        PyObject_ClearWeakRefs(self);
    }
    PyObject *dict = layout.flags & LAYOUT_DICT ? (PyObject *)_PyObject_ManagedDictPointer(self)->dict : NULL;
    if (UNLIKELY(layout.flags & LAYOUT_LEVELS
                 || (layout.flags & LAYOUT_VALUES && (dict != NULL || !has_places(value, layout.count))))) {
        units = release_otherwise(tstate, self, layout);
    }
    else {
#pragma GCC unroll 1 /* there are few, and the bytes are what it costs */
        for (; value < end; value++) {
            if (*value != NULL) {
                release(tstate, *value);
            }
        }
        if (dict != NULL) {
            release(tstate, dict);
        }
    }
    collector_freed();
    block_give(block, units);
    release(tstate, (PyObject *)type);
}
