/* Attribute look-ups of classes that change all the time.
 *
 * Some classes count their instances (`Field.creation_counter += 1`) or keep the last one. Each such store takes the
 * version tag from the class and from all below it, so that nothing that relies on tags lasts; and after a thousand tags
 * CPython gives a class no more, and looks through all its bases each time. Yet what changes is one name of many.
 *
 * Look-ups in such classes are kept here, for all sites together, under the class and the name. A watcher on the dicts of
 * the class and its bases tells, before it happens, which name changes; that name's look-ups are then wrong, and no others.
 * All of them are, where more changes than a name: a dict is cleared or dies, a class gets other bases (which no watcher
 * tells of a class without a tag: the setter of `__bases__` is ours).
 *
 * Names and classes are borrowed for their identity: a name by its Watched, which owns it; a class lives as long as its dict
 * has not been cleared. */
#include "restless.h"

#include "attribute.h"
#include "cache_entry.h"
#include "host.h"
#include "replace.h"

#include <sys/mman.h>

#define LOOKUPS 2048       /* a power of two */
#define MAX_FAILURES 4      /* a store cannot be cached before the name is among the shared keys, for one */
#define MAX_NAME_CHANGES 32 /* a name that changes more often is one of those that make the class restless */

/* A name that somebody has looked up. */
typedef struct Watched {
    PyObject *name; /* owned, interned str */
    uint32_t changes;
} Watched;

typedef struct {
    PyTypeObject *type;
    PyObject *order; /* its tp_mro, borrowed for identity */
    Watched *watched;
    uint32_t changes, generation; /* those of the name and of everything, when it was found */
    uint8_t use;      /* RestlessUse */
    uint8_t failures; /* so often nothing could be relied on */
    AttrEntry entry;  /* KIND_EMPTY: nothing yet */
} Lookup;

unsigned restless_versions = RESTLESS_VERSIONS;

static Lookup *lookups; /* by class, name and use; NULL before the first */
static Watched **names; /* open addressing by the name's address; free: NULL */
static size_t names_size, names_count;
static uint32_t generation;
static int watcher = -1;
static setter set_bases;

/* --- names ------------------------------------------------------------------------------------------------- */

static inline size_t place_of_name(PyObject *name)
{
    size_t bits = (size_t)name >> 4;
    return (bits ^ bits >> 10) & (names_size - 1);
}

/* Borrowed; NULL if nobody has looked it up. Interned names only: those are equal where they are the same. */
static Watched *find_name(PyObject *name)
{
    if (names_size == 0) {
        return NULL;
    }
    for (size_t place = place_of_name(name);; place = (place + 1) & (names_size - 1)) {
        Watched *watched = names[place];
        if (watched == NULL || watched->name == name) {
            return watched;
        }
    }
}

static void put_name(Watched *watched)
{
    size_t place = place_of_name(watched->name);
    while (names[place] != NULL) {
        place = (place + 1) & (names_size - 1);
    }
    names[place] = watched;
}

/* NULL: no memory, no exception. */
static Watched *watched_name(PyObject *name)
{
    Watched *watched = find_name(name);
    if (watched != NULL) {
        return watched;
    }
    if (names_count * 2 >= names_size) {
        size_t old_size = names_size, size = old_size != 0 ? old_size * 2 : 256;
        Watched **old = names, **bigger = PyMem_RawCalloc(size, sizeof(Watched *));
        if (bigger == NULL) {
            return NULL;
        }
        names = bigger;
        names_size = size;
        for (size_t i = 0; i < old_size; i++) {
            if (old[i] != NULL) {
                put_name(old[i]);
            }
        }
        PyMem_RawFree(old);
    }
    watched = PyMem_RawCalloc(1, sizeof(Watched));
    if (watched != NULL) {
        watched->name = Py_NewRef(name);
        put_name(watched);
        names_count++;
    }
    return watched;
}

/* --- changes ----------------------------------------------------------------------------------------------- */

static int class_dict_event(PyDict_WatchEvent event, PyObject *dict, PyObject *key, PyObject *new_value)
{
    (void)dict;
    (void)new_value;
    int one_name = event == PyDict_EVENT_ADDED || event == PyDict_EVENT_MODIFIED || event == PyDict_EVENT_DELETED;
    if (one_name && PyUnicode_CheckExact(key) && PyUnicode_CHECK_INTERNED(key)) {
        Watched *watched = find_name(key);
        if (watched != NULL && watched->changes != UINT32_MAX) {
            watched->changes++;
        }
    }
    else {
        generation++;
    }
    return 0;
}

/* In every interpreter of the process: the setter's definition is shared. Others hold other locks, and their classes are not
 * looked up here. */
static int set_bases_and_forget(PyObject *class, PyObject *bases, void *closure)
{
    if (PyInterpreterState_Get() != host_interpreter) {
        return set_bases(class, bases, closure);
    }
    generation++;
    int result = set_bases(class, bases, closure);
    generation++; /* what its mro() has looked up */
    return result;
}

int restless_start(void)
{
    if (watcher < 0) {
        watcher = PyDict_AddWatcher(class_dict_event);
    }
    if (watcher < 0) {
        return -1;
    }
    return set_bases != NULL ? 0 : replace_setter(&PyType_Type, "__bases__", set_bases_and_forget, &set_bases);
}

/* --- look-ups ---------------------------------------------------------------------------------------------- */

/* Whether changes of all the dicts that the look-up goes through will be told. */
static int watch_classes(PyTypeObject *type)
{
    PyObject *order = type->tp_mro;
    if (order == NULL) {
        return 0;
    }
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(order); i++) {
        PyTypeObject *class = (PyTypeObject *)PyTuple_GET_ITEM(order, i);
        if (!PyType_Check(class)) {
            return 0;
        }
        /* Those of CPython's own static classes, which never change, are elsewhere. */
        if (class->tp_dict != NULL && PyDict_Watch(watcher, class->tp_dict) < 0) {
            PyErr_Clear();
            return 0;
        }
    }
    return 1;
}

static int describe(AttrEntry *entry, PyTypeObject *type, PyObject *name, RestlessUse use)
{
    Attribute attribute;
    if (use == RESTLESS_STORE) {
        attribute_of_store(type, name, &attribute);
        return attribute.protocol == PROTOCOL_GENERIC && entry_for_store(entry, type, &attribute);
    }
    if (use == RESTLESS_LOAD) {
        attribute_of_load(type, name, &attribute);
        return attribute.protocol == PROTOCOL_GENERIC && entry_for_load(entry, type, &attribute);
    }
    attribute_of_load(&PyType_Type, name, &attribute); /* which never changes */
    PyObject *found = _PyType_Lookup(type, name);
    if (attribute.class_kind >= CLASS_SLOT || found == NULL) {
        return 0;
    }
    entry_for_class(entry, found);
    return 1;
}

/* Do the class's slots still say what they said? Setting `__getattr__` and the like changes a slot and another name. */
static inline int follows_rules(PyTypeObject *type, RestlessUse use)
{
    return use == RESTLESS_LOAD    ? type->tp_getattro == PyObject_GenericGetAttr
           : use == RESTLESS_STORE ? type->tp_setattro == PyObject_GenericSetAttr
                                   : Py_IS_TYPE(type, &PyType_Type);
}

AttrEntry *restless_entry(PyTypeObject *type, PyObject *name, RestlessUse use)
{
    if (!follows_rules(type, use) || type->tp_versions_used >= _Py_ATTR_CACHE_UNUSED) {
        return NULL;
    }
    size_t place = ((size_t)type >> 4) * 31 + ((size_t)name >> 4) + (size_t)use * 977;
    Lookup *lookup = lookups != NULL ? &lookups[(place ^ place >> 11) & (LOOKUPS - 1)] : NULL;
    uint8_t failures = 0;
    if (LIKELY(lookup != NULL && lookup->type == type && lookup->watched->name == name && lookup->use == use
               && lookup->changes == lookup->watched->changes && lookup->generation == generation
               && lookup->order == type->tp_mro)) {
        if (LIKELY(lookup->entry.kind != KIND_EMPTY)) {
            return &lookup->entry;
        }
        failures = lookup->failures;
        if (failures >= MAX_FAILURES) {
            return NULL;
        }
    }
    if (!PyUnicode_CHECK_INTERNED(name) || watcher < 0 || host_finalizing()) {
        return NULL;
    }
    if (lookups == NULL) {
        /* Not from the heap, where arenas.c would have all of it in memory: most programs use a few. */
        void *mapped = mmap(NULL, LOOKUPS * sizeof(Lookup), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (mapped == MAP_FAILED) {
            return NULL;
        }
        lookups = mapped;
        lookup = &lookups[(place ^ place >> 11) & (LOOKUPS - 1)];
    }
    Watched *watched = watched_name(name);
    if (watched == NULL || watched->changes > MAX_NAME_CHANGES || !watch_classes(type)) {
        return NULL;
    }
    Lookup found = {.type = type, .order = type->tp_mro, .watched = watched, .changes = watched->changes,
                    .generation = generation, .use = (uint8_t)use, .failures = failures};
    if (describe(&found.entry, type, name, use)) {
        *lookup = found;
        return &lookup->entry;
    }
    found.entry.kind = KIND_EMPTY;
    found.failures++;
    *lookup = found;
    return NULL;
}
