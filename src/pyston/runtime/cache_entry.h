/* The entries of attribute caches: what they mean and how they are found. Private to the cache files. */
#ifndef PYSTON_CACHE_ENTRY_H
#define PYSTON_CACHE_ENTRY_H

#include "attribute.h"
#include "dict_lookup.h"
#include "internal/pycore_descrobject.h"
#include "internal/pycore_object.h"
#include "restless.h"

enum {
    KIND_EMPTY,
    KIND_VALUE,        /* inline values at `index`, the name is number `count` */
    KIND_NO_KEY,       /* inline values at `index`; the first `count` of `keys` are not the name */
    KIND_DICT,         /* dict pointer at `index`, last found at entry `hint` */
    KIND_OWN_DICT,     /* the same where inline values at `index` have given way to a dict that does not share keys */
    KIND_CLASS,        /* the instance has no say */
    KIND_OF_CLASS,     /* the receiver is the class with tag `class_version` */
    KIND_OF_METACLASS, /* the same; `object` is its metaclass's */
    KIND_PYTHON,       /* `object` is the function __getattribute__ or __setattr__ */
};

/* Low four bits of flags: a ClassKind. */
#define CLASS_KIND(entry) ((entry)->flags & 15)
#define FLAG_RECHECK 16
#define FLAG_HOOK 32 /* not found: call __getattr__ */
#define FLAG_NONE 64 /* an empty slot reads as None */

#define ATTR_MORE 7 /* entries behind the first: eight types a site in all */

struct AttrMore {
    AttrEntry entries[ATTR_MORE];
    AttrMore *next, **link; /* all blocks, for inline_cache_forget */
    AttrCell *owner;
    uint32_t replaced;
    uint32_t first_tag; /* as restless_first_tag was when no entry was dead */
};

/* Results of a look-up: found, *value is a new reference; not there, no exception; error; or not known here. */
enum { FOUND = 1, MISSING = 0, FAILED = -1, UNKNOWN = -2 };

static inline PyObject **word_at(PyObject *object, int index)
{
    return (PyObject **)object + index;
}

/* The dict in which alone the instance's values are, if it has such a one, for a class with inline values. Borrowed. */
static inline PyDictObject *own_dict(PyObject *object)
{
    PyDictObject *dict = (PyDictObject *)*word_at(object, MANAGED_DICT_OFFSET / 8);
    return dict != NULL && dict->ma_values == NULL ? dict : NULL;
}

static inline PyDictValues *values_of(PyObject *object, const AttrEntry *entry)
{
    return (PyDictValues *)word_at(object, (uint8_t)entry->index);
}

/* Whether the entry is about this receiver, whose class has the tag. */
static inline int entry_fits(const AttrEntry *entry, PyObject *object, uint32_t tag)
{
    return entry->version == tag &&
           ((entry->kind != KIND_OF_CLASS && entry->kind != KIND_OF_METACLASS) ||
            entry->class_version == tag_of((PyTypeObject *)object));
}

/* Whether what the class has still lets the instance's own value go first: it would not if the descriptor's class had
 * become one of data descriptors meanwhile. */
static inline int instance_goes_first(const AttrEntry *entry)
{
    if (!(entry->flags & FLAG_RECHECK)) {
        return 1;
    }
    PyTypeObject *kind = Py_TYPE(entry->object);
    return kind->tp_descr_set == NULL || kind->tp_descr_get == NULL || CLASS_KIND(entry) >= CLASS_SLOT;
}

/* Whether what the class has is a value without __get__, still. */
static inline int is_plain_value(const AttrEntry *entry)
{
    return CLASS_KIND(entry) == CLASS_VALUE &&
           (!(entry->flags & FLAG_RECHECK) || Py_TYPE(entry->object)->tp_descr_get == NULL);
}

static inline ObjectPair unbound(PyObject *callable, PyObject *self)
{
    return (ObjectPair){Py_NewRef(callable), Py_NewRef(self)};
}

#pragma GCC visibility push(hidden)

int is_not_in_dict(PyObject *object, PyObject *name);

/* The entry for this receiver, or NULL. */
AttrEntry *find_entry(AttrCell *cell, PyObject *object);

/* The same where that is the first one, mostly. Of a class as receiver it may be about another one, of the same metaclass; and EMPTY. */
static inline AttrEntry *known_entry(AttrCell *cell, PyObject *object)
{
    return LIKELY(cell->first.version == Py_TYPE(object)->tp_version_tag) ? &cell->first : find_entry(cell, object);
}

/* The method that is known, where the instance has nothing of its own by that name; else NULL. Borrowed. */
static inline PyObject *cached_method(PyObject *object, AttrCell *cell)
{
    const AttrEntry *entry = known_entry(cell, object);
    if (LIKELY(entry != NULL) && LIKELY(CLASS_KIND(entry) == CLASS_METHOD)) {
        if (entry->kind == KIND_NO_KEY) {
            if (LIKELY(values_of(object, entry)->valid ? entry->keys->dk_nentries == entry->count
                                                       : is_not_in_dict(object, cell->name))) {
                return entry->object;
            }
        }
        else if (entry->kind == KIND_CLASS ||
                 (entry->kind == KIND_DICT && *word_at(object, entry->index) == NULL)) {
            return entry->object;
        }
    }
    return NULL;
}

/* Learns what a load does. The entry, or NULL where nothing can be relied on. */
AttrEntry *learn_load(AttrCell *cell, PyObject *object);

/* Learns what a store does. Called after the first store was made, so that a new name is among the shared keys. */
void learn_store(AttrCell *cell, PyObject *object);

/* Borrows. What is known of a name that is no constant of the code; NULL: CPython is to be asked. It stays where it is until the
 * next call. With an entry goes the interned name, borrowed. */
AttrEntry *entry_of_name(PyObject *object, PyObject **name, LookupUse use);

/* Keeps at the site what kept_lookup has found, or NULL. The entry, there or where it was. */
AttrEntry *keep_restless(AttrCell *cell, AttrEntry *entry);

/* Reads off the type what a load does, and fills in what an entry says of it besides its version. 0: such an attribute is not
 * cached, or the type is one of types (PROTOCOL_TYPE). */
int describe_load(AttrEntry *entry, PyTypeObject *type, PyObject *name, Attribute *attribute);

/* The same for what has been read already. */
int entry_for_load(AttrEntry *entry, PyTypeObject *type, const Attribute *attribute);
int entry_for_store(AttrEntry *entry, PyTypeObject *type, const Attribute *attribute);
/* The same for a class as receiver, whose own attribute `found` is (borrowed; NULL: neither it nor `type` has one). */
void entry_for_class(AttrEntry *entry, PyObject *found);

/* Calls with up to three arguments; borrows all, returns new. The callable is kept alive: what it does may take it out
 * of its class. */
PyObject *call_kept(PyObject *callable, PyObject *first, PyObject *second, PyObject *third);

#pragma GCC visibility pop

#endif
