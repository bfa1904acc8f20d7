/* Which type has a version tag.
 *
 * The interpreter leaves no more than the tag of a receiver's class in the caches of its instructions. Its own table from tags to
 * types has a few thousand places, by the tag's lower bits, which classes that change all the time take from the others: of
 * what Django REST Framework's hot code names, two thirds are not there any more. And its static types never were.
 *
 * So those that were given tags are noted here before they are lost, whenever the compiler asks: tags come in order, so the new
 * ones are known. What was lost before is found by a walk over all classes, which takes a millisecond and is not made often.
 * The index holds weak references, the ones that each class's bases have too. */
#include "type_index.h"

#include "restless.h"

#include "internal/pycore_typeobject.h"

#define ASKS_BETWEEN_WALKS 2000
#define DEEPEST_CLASS 200

static PyObject **index_places; /* owned weak references, or NULL; open addressing by version */
static size_t index_size, index_count;
/* Two counters give tags: one to immutable types, for all interpreters, and one, which begins behind it, to all others. */
enum { GLOBAL, OWN };
static uint32_t noted[2];  /* tags up to this one are in the index, or lost */
static uint32_t walked[2]; /* tags up to this one are in the index, or nobody's */
static uint32_t asks_until_walk;

/* New, or NULL: the type if it is still there. */
static PyTypeObject *
type_at(PyObject *reference)
{
    PyObject *type = NULL;
    return PyWeakref_GetRef(reference, &type) > 0 ? (PyTypeObject *)type : NULL;
}

/* Steals. */
static void
put(PyObject *reference, uint32_t version)
{
    size_t place = version & (index_size - 1);
    while (index_places[place] != NULL) {
        place = (place + 1) & (index_size - 1);
    }
    index_places[place] = reference;
    index_count++;
}

/* New, or NULL. */
static PyTypeObject *
find(uint32_t version)
{
    if (index_size == 0) {
        return NULL;
    }
    for (size_t place = version & (index_size - 1); index_places[place] != NULL; place = (place + 1) & (index_size - 1)) {
        PyTypeObject *type = type_at(index_places[place]);
        if (type != NULL && type->tp_version_tag == version) {
            return type;
        }
        Py_XDECREF(type);
    }
    return NULL;
}

/* How many of the index's types are still there. */
static size_t
count_living(void)
{
    size_t count = 0;
    for (size_t i = 0; i < index_size; i++) {
        PyTypeObject *type = index_places[i] != NULL ? type_at(index_places[i]) : NULL;
        count += type != NULL;
        Py_XDECREF(type);
    }
    return count;
}

/* Is a type with this tag in the index? */
static bool
is_noted(uint32_t version)
{
    PyTypeObject *type = find(version);
    Py_XDECREF(type);
    return type != NULL;
}

/* Makes room: drops what has died, and grows where that is not enough. A type that has got another tag goes to that one's place. */
static bool
make_room(void)
{
    size_t old_size = index_size, size = old_size == 0 ? 1024 : count_living() * 4 < old_size ? old_size : old_size * 2;
    PyObject **old = index_places, **places = PyMem_RawCalloc(size, sizeof(PyObject *));
    if (places == NULL) {
        return false;
    }
    index_places = places;
    index_size = size;
    index_count = 0;
    for (size_t i = 0; i < old_size; i++) {
        PyTypeObject *type = old[i] != NULL ? type_at(old[i]) : NULL;
        if (type != NULL && type->tp_version_tag != 0 && !is_noted(type->tp_version_tag)) {
            put(old[i], type->tp_version_tag);
        }
        else {
            Py_XDECREF(old[i]);
        }
        Py_XDECREF(type);
    }
    PyMem_RawFree(old);
    return true;
}

/* Borrows. */
static void
note(PyTypeObject *type)
{
    /* A restless one will have another tag soon. */
    if (is_restless(type) || type->tp_version_tag == 0 || type->tp_flags & _Py_TPFLAGS_STATIC_BUILTIN
        || is_noted(type->tp_version_tag)) {
        return;
    }
    PyObject *reference = index_count * 2 < index_size || make_room() ? PyWeakref_NewRef((PyObject *)type, NULL) : NULL;
    if (reference == NULL) {
        PyErr_Clear();
        return;
    }
    put(reference, type->tp_version_tag);
}

/* Notes whoever was given a tag since the last time; `next` is the counter's next one. */
static void
note_new(int counter, uint32_t next)
{
    uint32_t tag = noted[counter];
    if (next - 1 - tag > TYPE_VERSION_CACHE_SIZE) {
        tag = next - 1 - TYPE_VERSION_CACHE_SIZE;
    }
    while (tag + 1 < next) {
        tag++;
        PyTypeObject *type = host_interpreter->types.type_version_cache[tag % TYPE_VERSION_CACHE_SIZE];
        if (type != NULL && type->tp_version_tag == tag) {
            note(type);
        }
    }
    noted[counter] = tag;
}

/* Borrowed, or NULL: the dict of weak references to the classes below. */
static PyObject *
subclasses_of(PyTypeObject *type)
{
    if (!(type->tp_flags & _Py_TPFLAGS_STATIC_BUILTIN)) {
        return type->tp_subclasses;
    }
    size_t number = (size_t)type->tp_subclasses;
    return number > 0 && number <= _Py_MAX_MANAGED_STATIC_BUILTIN_TYPES
               ? host_interpreter->types.builtins.initialized[number - 1].tp_subclasses
               : NULL;
}

/* Notes the classes below, each where its first base is met. */
static void
walk(PyTypeObject *type, int depth)
{
    PyObject *below = subclasses_of(type), *address, *reference;
    Py_ssize_t position = 0;
    if (below == NULL || !PyDict_CheckExact(below) || depth == 0) {
        return;
    }
    while (PyDict_Next(below, &position, &address, &reference)) {
        PyTypeObject *class = type_at(reference);
        PyObject *bases = class != NULL ? class->tp_bases : NULL; /* borrowed */
        if (bases != NULL && PyTuple_GET_SIZE(bases) > 0 && PyTuple_GET_ITEM(bases, 0) == (PyObject *)type) {
            note(class);
            walk(class, depth - 1);
        }
        Py_XDECREF(class);
    }
}

/* Borrowed, or NULL: the one of CPython's own types that has the version tag. */
static PyTypeObject *
static_type(uint32_t version)
{
    for (int i = 0; i < _Py_MAX_MANAGED_STATIC_TYPES; i++) {
        PyTypeObject *type = _PyRuntime.types.managed_static.types[i].type;
        if (type != NULL && type->tp_version_tag == version) {
            return type;
        }
    }
    return NULL;
}

PyTypeObject *
type_with_version(uint32_t version)
{
    if (version == 0) {
        return NULL;
    }
    int counter = version > _Py_MAX_GLOBAL_TYPE_VERSION_TAG ? OWN : GLOBAL;
    PyTypeObject *type = counter == GLOBAL ? static_type(version) : NULL;
    if (type != NULL) {
        return (PyTypeObject *)Py_NewRef(type);
    }
    note_new(GLOBAL, _PyRuntime.types.next_version_tag);
    note_new(OWN, host_interpreter->types.next_version_tag);
    type = find(version);
    if (asks_until_walk > 0) {
        asks_until_walk--;
    }
    if (type == NULL && version > walked[counter] && asks_until_walk == 0) {
        asks_until_walk = ASKS_BETWEEN_WALKS;
        walked[GLOBAL] = noted[GLOBAL];
        walked[OWN] = noted[OWN];
        walk(&PyBaseObject_Type, DEEPEST_CLASS);
        type = find(version);
    }
    return type;
}
