/* Binding of arguments: from what a call gives to what the callee's parameters hold.
 *
 * Positional arguments and defaults are a matter of counting. Keywords are compared with the names of the parameters, but the
 * same names come again and again, in one tuple, which stands among the constants of the caller's code. So where they go is found
 * out once, and kept with the record of the callee's code (`Keywords`): a call then finds it by comparing one word.
 *
 * Whatever is wrong with a call, and whatever only running Python code could tell, is left to CPython. */
#include "binding.h"

#include "dict_lookup.h"
#include "dicts.h"
#include "helpers.h"
#include "sequences.h"

#include "internal/pycore_tuple.h"

#define MOST_KEPT 8    /* for one code object */
#define TOGETHER 64    /* that are allocated at once */
#define MOST_PLACES 44 /* keywords of one call */

/* Where the keywords of a call go. A line of the cache. */
typedef struct Keywords {
    PyObject *names;       /* owned by what is kept: nobody else can have a tuple at its address. Exact str all of them */
    struct Keywords *next; /* of the same record */
    uint8_t count;
    uint8_t lowest;        /* the first slot that one goes to */
    uint8_t collected;     /* how many go to **kwargs … */
    uint8_t places[MOST_PLACES + 1]; /* … for which stands the slot behind the last one */
} Keywords;

static_assert(sizeof(Keywords) == 64, "a line");

static Keywords *unused_keywords; /* by `next` */

/* --- where keywords go ------------------------------------------------------------------------------------------- */

/* The slot of the parameter that the keyword names, or `total`: none. */
static inline int
parameter_slot(const CodeRecord *record, PyObject *keyword, int total)
{
    PyObject **names = record->names;
    int slot = record->positional_only;
    while (slot < total && names[slot] != keyword) {
        slot++;
    }
    if (slot < total || LIKELY(PyUnicode_CHECK_INTERNED(keyword))) {
        return slot; /* parameters' names are interned: an interned keyword that is none of them equals none of them */
    }
    /* C code has them so: asyncio's `context`. */
    slot = record->positional_only;
    while (slot < total && !str_same(names[slot], keyword)) {
        slot++;
    }
    return slot;
}

/* Borrows the names. False: CPython has to look. */
static bool
find_places(const CodeRecord *record, PyObject *names, Keywords *found)
{
    int total = record->positional + record->keyword_only;
    Py_ssize_t count = PyTuple_GET_SIZE(names);
    if (count > MOST_PLACES || record->slots >= UINT8_MAX) {
        return false;
    }
    *found = (Keywords){.names = names, .count = (uint8_t)count, .lowest = UINT8_MAX};
#pragma GCC unroll 1
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *name = PyTuple_GET_ITEM(names, i);
        int slot = PyUnicode_CheckExact(name) ? parameter_slot(record, name, total) : -1;
        if (slot == total) {
            if (!record->collects_keywords) {
                return false;
            }
            found->collected++;
            slot = record->slots;
        }
        else if (slot < 0 || memchr(found->places, slot, (size_t)i) != NULL) {
            return false;
        }
        else if (slot < found->lowest) {
            found->lowest = (uint8_t)slot;
        }
        found->places[i] = (uint8_t)slot;
    }
    return true;
}

static Keywords *
take_keywords(void)
{
    if (unused_keywords == NULL) {
        Keywords *row = aligned_alloc(sizeof(Keywords), TOGETHER * sizeof(Keywords));
        for (int i = TOGETHER - 1; row != NULL && i >= 0; i--) {
            row[i].next = unused_keywords;
            unused_keywords = &row[i];
        }
    }
    Keywords *keywords = unused_keywords;
    if (keywords != NULL) {
        unused_keywords = keywords->next;
    }
    return keywords;
}

void
forget_keywords(CodeRecord *record)
{
    while (record->keywords != NULL) {
        Keywords *keywords = record->keywords;
        record->keywords = keywords->next;
        Py_DECREF(keywords->names);
        keywords->next = unused_keywords;
        unused_keywords = keywords;
    }
}

/* Borrows. C code makes the tuple anew for each call. */
static inline bool
are_same_names(PyObject *kept, PyObject *names)
{
    Py_ssize_t count = PyTuple_GET_SIZE(names);
    return PyTuple_GET_SIZE(kept) == count
           && memcmp(_PyTuple_ITEMS(kept), _PyTuple_ITEMS(names), (size_t)count * sizeof(PyObject *)) == 0;
}

/* Borrows the names, which are not the ones that came last. What is kept, `scratch`, or NULL: CPython has to look. */
static __attribute__((noinline)) const Keywords *
find_keywords(CodeRecord *record, PyObject *names, Keywords *scratch)
{
    int kept = 0;
    Keywords **link = &record->keywords;
    for (; *link != NULL; link = &(*link)->next, kept++) {
        if ((*link)->names == names || are_same_names((*link)->names, names)) {
            return *link;
        }
    }
    if (!find_places(record, names, scratch)) {
        return NULL;
    }
    /* (A record without compiled code may be no more than this call's.) */
    Keywords *keywords = record->body != NULL && kept < MOST_KEPT ? take_keywords() : NULL;
    if (keywords == NULL) {
        return scratch;
    }
    *keywords = *scratch;
    Py_INCREF(names);
    *link = keywords;
    return keywords;
}

PyObject *
kept_names(const CodeRecord *record, PyObject *keywords)
{
    PyDictKeysObject *keys = ((PyDictObject *)keywords)->ma_keys;
    Py_ssize_t count = PyDict_GET_SIZE(keywords);
    if (keys->dk_kind != DICT_KEYS_UNICODE || keys->dk_nentries != count) {
        return NULL; /* entries have been removed, or it is an instance's */
    }
    const PyDictUnicodeEntry *entries = DK_UNICODE_ENTRIES(keys);
    for (const Keywords *kept = record->keywords; kept != NULL; kept = kept->next) {
        Py_ssize_t same = kept->count == count ? 0 : count + 1;
        while (same < count && PyTuple_GET_ITEM(kept->names, same) == entries[same].me_key) {
            same++;
        }
        if (same == count) {
            return kept->names;
        }
    }
    return NULL;
}

/* --- filling slots ----------------------------------------------------------------------------------------------- */

/* Gives back what the slots own. Runs nothing: what they refer to has other owners. */
static void
clear_slots(_PyStackRef *slots, int count)
{
#pragma GCC unroll 1
    for (int i = 0; i < count; i++) {
        if (PyStackRef_RefcountOnObject(slots[i])) {
            Py_DECREF(PyStackRef_AsPyObjectBorrow(slots[i]));
        }
    }
}

/* `__kwdefaults__` mostly has them in the order of the parameters. */
static inline bool
bind_keyword_defaults(PyFunctionObject *function, const CodeRecord *record, _PyStackRef *slots)
{
    int total = record->positional + record->keyword_only;
    PyObject *defaults = function->func_kwdefaults;
    uint32_t place = 0;
#pragma GCC unroll 1
    for (int i = record->positional; i < total; i++) {
        PyObject *name = record->names[i];
        PyObject *value = defaults != NULL ? dict_value_at((PyDictObject *)defaults, place, name) : NULL;
        place += value != NULL;
        if (!PyStackRef_IsNull(slots[i])) {
            continue;
        }
        if (value != NULL) {
            slots[i] = PyStackRef_FromPyObjectNew(value);
            continue;
        }
        ValueStatus found = {NULL, 0};
        if (defaults != NULL) {
            found = dict_lookup_exact_str(defaults, name);
        }
        if (found.status <= 0) {
            return false;
        }
        slots[i] = PyStackRef_FromPyObjectSteal(found.value);
    }
    return true;
}

/* A dict of the keywords that no parameter takes: new, or NULL with an exception set. */
static inline PyObject *
collect_keywords(const CodeRecord *record, const Keywords *keywords, PyObject *const *values)
{
    PyObject *dict = make_dict();
    if (dict == NULL || keywords == NULL || keywords->collected == 0) {
        return dict;
    }
#pragma GCC unroll 1
    for (int i = 0; i < keywords->count; i++) {
        if (keywords->places[i] == record->slots
            && PyDict_SetItem(dict, PyTuple_GET_ITEM(keywords->names, i), values[i]) < 0) {
            Py_DECREF(dict);
            return NULL;
        }
    }
    return dict;
}

/* What functions have that take more than positional parameters: defaults of keyword-only ones, and what is collected, which is
 * the frame's and holds its own references. False: CPython has to do it. */
static __attribute__((noinline)) bool
bind_further(PyFunctionObject *function, const CodeRecord *record, _PyStackRef *slots, PyObject *const *args,
             Py_ssize_t positional, const Keywords *keywords)
{
    if (!bind_keyword_defaults(function, record, slots)) {
        return false;
    }
    _PyStackRef *next = slots + record->positional + record->keyword_only;
    if (record->collects_positional) {
        Py_ssize_t rest = positional - record->positional;
        PyObject *tuple = rest > 0 ? make_tuple(args + record->positional, rest) : PyTuple_New(0);
        if (tuple == NULL) {
            PyErr_Clear();
            return false;
        }
        *next++ = rest > 0 ? PyStackRef_FromPyObjectSteal(tuple) : borrowed(tuple); /* the empty one is immortal */
    }
    if (record->collects_keywords) {
        PyObject *dict = collect_keywords(record, keywords, args + positional);
        if (dict == NULL) {
            PyErr_Clear();
            return false;
        }
        *next = PyStackRef_FromPyObjectSteal(dict);
    }
    return true;
}

bool
bind_slots(PyFunctionObject *function, CodeRecord *record, _PyStackRef *slots, PyObject *const *args,
           Py_ssize_t positional, PyObject *kwnames)
{
    Keywords scratch;
    const Keywords *keywords = NULL;
    int wanted = record->positional;
    Py_ssize_t given = positional;
    if (UNLIKELY(record->slots == MANY_SLOTS)) {
        return false;
    }
    if (positional > wanted) {
        if (!record->collects_positional) {
            return false;
        }
        given = wanted;
    }
    fill_slots(slots, args, given, record->slots);
    if (kwnames != NULL) {
        keywords = record->keywords;
        if (UNLIKELY(keywords == NULL || keywords->names != kwnames)) {
            keywords = find_keywords(record, kwnames, &scratch);
        }
        if (UNLIKELY(keywords == NULL || keywords->lowest < given)) {
            return false;
        }
#pragma GCC unroll 1
        for (int i = 0; i < keywords->count; i++) {
            slots[keywords->places[i]] = borrowed(args[positional + i]);
        }
    }
    if (given < wanted) {
        PyObject *defaults = function->func_defaults;
        Py_ssize_t first = wanted - (defaults != NULL ? PyTuple_GET_SIZE(defaults) : 0);
#pragma GCC unroll 1
        for (Py_ssize_t i = given; i < wanted; i++) {
            if (PyStackRef_IsNull(slots[i])) {
                if (UNLIKELY(i < first)) {
                    clear_slots(slots, wanted);
                    return false;
                }
                slots[i] = PyStackRef_FromPyObjectNew(PyTuple_GET_ITEM(defaults, i - first));
            }
        }
    }
    if (record->arguments < 0 && UNLIKELY(!bind_further(function, record, slots, args, positional, keywords))) {
        clear_slots(slots, record->slots);
        return false;
    }
    return true;
}

void
own_slots(_PyStackRef *slots, int count)
{
#pragma GCC unroll 1
    for (int i = 0; i < count; i++) {
        if (!PyStackRef_IsNull(slots[i]) && !PyStackRef_RefcountOnObject(slots[i])) {
            slots[i] = PyStackRef_FromPyObjectNew(PyStackRef_AsPyObjectBorrow(slots[i]));
        }
    }
}
