/* Classes that change all the time, and what lasts in them.
 *
 * Some classes count their instances (`Field.creation_counter += 1`) or keep the last one. Each such store takes the
 * version tag from the class and from all below it, so that nothing that relies on tags lasts; and after a thousand tags
 * CPython gives a class no more, and looks through all its bases each time. Yet what changes is one name of many.
 *
 * So they have tags of ours here, which stay through changes of such names. A watcher on the dicts of the class and its
 * bases tells, before it happens, which name changes. One that changes all the time nobody may keep; when any other that
 * somebody has looked up changes, all our tags are over, and classes get new ones when they are asked for next. So they are where
 * more changes than a name: a dict is cleared or dies, a class gets other bases (which no watcher tells of a class without a
 * tag: the setter of `__bases__` is ours), or other slots, by a name with underscores.
 *
 * Inline caches, and what is kept for all sites together (lookups.c), keep look-ups under these tags as under CPython's.
 *
 * Names and classes are borrowed for their identity: a name by its Watched, which owns it; a class lives as long as its dict
 * has not been cleared. */
#include "restless.h"

#include "attribute.h"
#include "cache_entry.h"
#include "host.h"
#include "replace.h"

#define MAX_NAME_CHANGES 32 /* a name that changes more often is one of those that make the class restless */

/* A name that somebody has looked up. */
typedef struct Watched {
    PyObject *name; /* owned, interned str */
    uint32_t changes;
} Watched;

unsigned restless_versions = RESTLESS_VERSIONS;

RestlessClass restless_classes[RESTLESS_CLASSES];
/* Tags are given from the last number downwards; CPython gives its own upwards. The next one, and the first one since all were over. */
static uint32_t next_tag = UINT32_MAX;
uint32_t restless_first_tag = UINT32_MAX;
static Watched **names; /* open addressing by the name's address; free: NULL */
static size_t names_size, names_count;
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

/* Might setting the attribute set a slot of the class? */
static bool has_underscores(PyObject *name)
{
    Py_ssize_t length = PyUnicode_GET_LENGTH(name);
    return length > 4 && PyUnicode_READ_CHAR(name, 0) == '_' && PyUnicode_READ_CHAR(name, 1) == '_' &&
           PyUnicode_READ_CHAR(name, length - 2) == '_' && PyUnicode_READ_CHAR(name, length - 1) == '_';
}

/* All tags are over: what was kept under them is wrong. */
static void forget_all(void)
{
    restless_first_tag = next_tag;
}

static int class_dict_event(PyDict_WatchEvent event, PyObject *dict, PyObject *key, PyObject *new_value)
{
    (void)dict;
    (void)new_value;
    int one_name = event == PyDict_EVENT_ADDED || event == PyDict_EVENT_MODIFIED || event == PyDict_EVENT_DELETED;
    if (one_name && PyUnicode_CheckExact(key) && PyUnicode_CHECK_INTERNED(key)) {
        Watched *watched = find_name(key);
        if ((watched != NULL && watched->changes <= MAX_NAME_CHANGES) || has_underscores(key)) {
            forget_all();
        }
        if (watched != NULL && watched->changes <= MAX_NAME_CHANGES) {
            watched->changes++;
        }
    }
    else {
        forget_all();
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
    forget_all();
    int result = set_bases(class, bases, closure);
    forget_all(); /* what its mro() has looked up */
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

/* Gives the class a tag. 0: it can have none. */
static __attribute__((noinline)) uint32_t new_tag(PyTypeObject *type, RestlessClass *place)
{
    if (watcher < 0 || host_finalizing() || type->tp_versions_used >= _Py_ATTR_CACHE_UNUSED ||
        next_tag < RESTLESS_TAGS || !watch_classes(type)) {
        return 0;
    }
    place[1] = place[0];
    place[0] = (RestlessClass){.type = type, .order = type->tp_mro, .tag = next_tag--};
    return place->tag;
}

uint32_t restless_find_tag(PyTypeObject *type, RestlessClass *place)
{
    if (place[1].type == type && place[1].order == type->tp_mro && place[1].tag <= restless_first_tag) {
        return place[1].tag;
    }
    return new_tag(type, place);
}

bool restless_keeps(PyObject *name)
{
    Watched *watched = PyUnicode_CHECK_INTERNED(name) ? watched_name(name) : NULL;
    return watched != NULL && watched->changes <= MAX_NAME_CHANGES;
}

bool restless_tag_is_over(uint32_t tag)
{
    return tag > restless_first_tag;
}
