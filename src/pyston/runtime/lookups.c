/* What is known of attributes by class and name, for all sites together.
 *
 * A template engine has one `getattr(object, name)` for all that templates read; a serializer has one site for the fields of all
 * classes. For such names that are computed, and for sites that have seen too many classes, CPython has one table of what classes
 * have under a name, where two that fall on one place put each other out; and it looks through all bases of a class then. So what
 * caches of sites know (inline_cache.c) is kept here too, by tag, name and use: V8 calls such a table megamorphic.
 *
 * Ownership: an entry owns its name, so that no other str can be at its address; all else is borrowed under the tag. */
#include "lookups.h"

#include "attribute.h"
#include "cache_entry.h"

#define LOOKUPS 2048   /* a power of two */
#define MAX_FAILURES 4 /* a store cannot be cached before the name is among the shared keys, for one */

typedef struct {
    PyObject *name; /* owned */
    uint32_t tag;
    uint8_t use;      /* LookupUse */
    uint8_t failures; /* so often nothing could be relied on */
    AttrEntry entry;  /* KIND_EMPTY: nothing yet */
} Lookup;

/* Not from the heap, where arenas.c would have all of it in memory: most programs use a few. */
static Lookup lookups[LOOKUPS];

/* Fills in the entry but for what the version says. */
static int describe(AttrEntry *entry, PyTypeObject *type, PyObject *name, LookupUse use)
{
    Attribute attribute;
    if (use == LOOKUP_STORE) {
        attribute_of_store(type, name, &attribute);
        /* Nothing has been stored yet: a new name may become one of the shared keys. */
        int is_new = !attribute.overrides && attribute.storage == STORAGE_INLINE && attribute.key_index < 0;
        return attribute.protocol == PROTOCOL_GENERIC && !is_new && entry_for_store(entry, type, &attribute);
    }
    if (use == LOOKUP_LOAD) {
        return describe_load(entry, type, name, &attribute) && (!is_restless(type) || attribute.protocol == PROTOCOL_GENERIC);
    }
    attribute_of_load(&PyType_Type, name, &attribute); /* which never changes */
    PyObject *found = _PyType_Lookup(type, name);
    if (attribute.class_kind >= CLASS_SLOT || (found == NULL && attribute.class_kind != CLASS_NOTHING)) {
        return 0;
    }
    entry_for_class(entry, found);
    entry->class_version = entry->version;
    entry->version = tag_of(&PyType_Type);
    return 1;
}

/* Looks it up and keeps it. */
static __attribute__((noinline)) AttrEntry *look_up(PyTypeObject *type, PyObject *name, LookupUse use, uint32_t tag, Lookup *lookup)
{
    if (is_restless(type) && !restless_keeps(name)) {
        return NULL;
    }
    uint8_t failures = lookup->tag == tag && lookup->name == name && lookup->use == use ? lookup->failures : 0;
    PyObject *old = lookup->name;
    *lookup = (Lookup){
        .name = Py_NewRef(name), .tag = tag, .use = (uint8_t)use, .failures = failures, .entry.version = tag};
    Py_XDECREF(old);
    if (describe(&lookup->entry, type, name, use)) {
        return &lookup->entry;
    }
    lookup->entry.kind = KIND_EMPTY;
    lookup->failures++;
    return NULL;
}

AttrEntry *kept_lookup(PyTypeObject *type, PyObject *name, LookupUse use)
{
    uint32_t tag = tag_of(type);
    if (UNLIKELY(tag == 0) && (is_restless(type) || (tag = version_of(type)) == 0)) {
        return NULL;
    }
    size_t place = (tag * (size_t)31 + ((size_t)name >> 4) + (size_t)use * 977);
    Lookup *lookup = &lookups[(place ^ place >> 11) & (LOOKUPS - 1)];
    if (LIKELY(lookup->tag == tag && lookup->name == name && lookup->use == use)) {
        if (LIKELY(lookup->entry.kind != KIND_EMPTY)) {
            return &lookup->entry;
        }
        if (lookup->failures >= MAX_FAILURES) {
            return NULL;
        }
    }
    return look_up(type, name, use, tag, lookup);
}

AttrEntry *kept_lookup_of(PyObject *object, PyObject *name, LookupUse use)
{
    PyTypeObject *type = Py_TYPE(object);
    return type == &PyType_Type && use == LOOKUP_LOAD ? kept_lookup((PyTypeObject *)object, name, LOOKUP_CLASS)
                                                      : kept_lookup(type, name, use);
}

PyObject *slot_function(PyTypeObject *type, PyObject *name)
{
    const AttrEntry *entry = kept_lookup(type, name, LOOKUP_LOAD);
    return entry != NULL && entry->kind != KIND_PYTHON && CLASS_KIND(entry) == CLASS_METHOD && PyFunction_Check(entry->object)
               ? entry->object
               : NULL;
}
