/* Dicts made and freed in few lines of code: empty ones, displays with a few constant keys, what `**kwargs` collects.
 *
 * CPython puts each key into a dict as if there were already others; here the table of keys, which is the smallest
 * there is, is written at once. Interned keys are equal only where they are the same, so nothing is compared and
 * nothing runs. tp_dealloc is ours as in sequences.c: tables of other kinds, shared or watched ones, and instances of
 * classes below are CPython's to free.
 *
 * Ownership: a table belongs to its dict, but for that of all empty dicts, which is immortal. */
#include "dicts.h"

#include "blocks.h"
#include "collector.h"
#include "free_lists.h"
#include "helpers.h"
#include "release.h"
#include "replace.h"

#include "internal/pycore_dict.h"

static destructor stock_dealloc;
static PyDictKeysObject *empty_keys;

int
dicts_start(void)
{
    PyObject *dict = PyDict_New();
    if (dict == NULL) {
        return -1;
    }
    empty_keys = ((PyDictObject *)dict)->ma_keys;
    Py_DECREF(dict);
    return 0;
}

/* --- making ------------------------------------------------------------------------------------------------ */

/* The smallest table of keys, the only one that has a free list: places, and how many of them keys may take. */
#define SMALL_LOG2 3
#define SMALL_USABLE 5

/* Steals the table. The list of dicts is not empty. */
static inline PyObject *
new_dict(PyDictKeysObject *keys, Py_ssize_t used)
{
    PyDictObject *dict = free_list_take(FREE_LIST(dicts));
    ((PyObject *)dict)->ob_refcnt_full = 1;
    dict->ma_used = used;
    dict->_ma_watcher_tag = 0;
    dict->ma_keys = keys;
    dict->ma_values = NULL;
    collector_link(_Py_AS_GC((PyObject *)dict));
    return (PyObject *)dict;
}

PyObject *
make_dict(void)
{
    if (UNLIKELY(FREE_LIST(dicts)->freelist == NULL || objects_are_traced())) {
        return PyDict_New();
    }
    return new_dict(empty_keys, 0);
}

/* Puts the numbers of the keys, each `step` words behind the one before, where a look-up will find them. False: only
 * CPython can do it. */
static inline bool
write_indices(int8_t *indices, PyObject *const *keys, Py_ssize_t step, Py_ssize_t count)
{
    memset(indices, DKIX_EMPTY, 1 << SMALL_LOG2);
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *key = keys[i * step];
        if (!PyUnicode_CheckExact(key) || !PyUnicode_CHECK_INTERNED(key)) {
            return false;
        }
        const Py_hash_t hash = ((PyASCIIObject *)key)->hash;
        size_t perturb = (size_t)hash, slot = perturb & ((1 << SMALL_LOG2) - 1);
        if (hash == -1) {
            return false;
        }
        while (indices[slot] != DKIX_EMPTY) {
            if (keys[indices[slot] * step] == key) {
                return false;
            }
            perturb >>= 5;
            slot = (slot * 5 + perturb + 1) & ((1 << SMALL_LOG2) - 1);
        }
        indices[slot] = (int8_t)i;
    }
    return true;
}

/* Borrows; returns new. Keys and values are each `step` words behind the one before. NULL, no exception: CPython is
 * to make it. */
static PyObject *
make_small_dict(PyObject *const *keys, Py_ssize_t key_step, PyObject *const *values, Py_ssize_t step, Py_ssize_t count)
{
    FreeList *tables = FREE_LIST(dictkeys);
    if (UNLIKELY(count > SMALL_USABLE || tables->freelist == NULL || FREE_LIST(dicts)->freelist == NULL
                 || objects_are_traced())) {
        return NULL;
    }
    PyDictKeysObject *table = tables->freelist;
    if (UNLIKELY(!write_indices((int8_t *)table->dk_indices, keys, key_step, count))) {
        return NULL;
    }
    free_list_take(tables);
    table->dk_refcnt = 1;
    table->dk_log2_size = SMALL_LOG2;
    table->dk_log2_index_bytes = SMALL_LOG2;
    table->dk_kind = DICT_KEYS_UNICODE;
    table->dk_version = 0;
    table->dk_usable = SMALL_USABLE - count;
    table->dk_nentries = count;
    PyDictUnicodeEntry *entry = (PyDictUnicodeEntry *)&table->dk_indices[1 << SMALL_LOG2];
    for (Py_ssize_t i = 0; i < SMALL_USABLE; i++, entry++) {
        const bool used = i < count;
        entry->me_key = used ? Py_NewRef(keys[i * key_step]) : NULL;
        entry->me_value = used ? Py_NewRef(values[i * step]) : NULL;
    }
    return new_dict(table, count);
}

/* Borrows the items (key, value, …); returns new. */
PyObject *
build_map(PyObject *const *items, Py_ssize_t pairs)
{
    if (pairs == 0) {
        return make_dict();
    }
    PyObject *dict = make_small_dict(items, 2, items + 1, 2, pairs);
    return LIKELY(dict != NULL) ? dict : _PyDict_FromItems(items, 2, items + 1, 2, pairs);
}

/* Borrows; returns new. What a call's **kwargs collects: names are the keys of the values. */
PyObject *
build_keywords(PyObject *names, PyObject *const *values, Py_ssize_t count)
{
    if (count == 0) {
        return make_dict();
    }
    PyObject *const *keys = ((PyTupleObject *)names)->ob_item;
    PyObject *dict = make_small_dict(keys, 1, values, 1, count);
    return LIKELY(dict != NULL) ? dict : _PyDict_FromItems(keys, 1, values, 1, count);
}

/* --- freeing ----------------------------------------------------------------------------------------------- */

/* Is it a table of one dict only, or of the empty ones, and are its keys strings? */
static inline bool
is_usual(const PyDictObject *dict)
{
    const PyDictKeysObject *keys = dict->ma_keys;
    return dict->ma_values == NULL && keys != NULL && keys->dk_refcnt <= 1 && keys->dk_kind != DICT_KEYS_GENERAL;
}

/* The table's dict dies. */
static inline void
free_keys(PyDictKeysObject *keys)
{
    PyDictUnicodeEntry *entry = DK_UNICODE_ENTRIES(keys), *end = entry + keys->dk_nentries;
#pragma GCC unroll 1
    for (; entry < end; entry++) {
        release_here(entry->me_key);
        release_here(entry->me_value);
    }
    if (keys->dk_log2_size != SMALL_LOG2 || keys->dk_kind != DICT_KEYS_UNICODE
        || UNLIKELY(!free_list_give(FREE_LIST(dictkeys), keys, Py_dictkeys_MAXFREELIST))) {
        PyMem_Free(keys);
    }
}

static void
dict_dealloc(PyObject *self)
{
    PyDictObject *dict = (PyDictObject *)self;
    if (UNLIKELY(!Py_IS_TYPE(self, &PyDict_Type) || !is_usual(dict) || dict->_ma_watcher_tag & DICT_WATCHER_MASK
                 || !host_is_alone())) {
        stock_dealloc(self);
        return;
    }
    collector_untrack(self);
    if (dict->ma_keys->dk_refcnt == 1) {
        free_keys(dict->ma_keys);
    }
    if (UNLIKELY(!free_list_give(FREE_LIST(dicts), self, Py_dicts_MAXFREELIST))) {
        PyObject_GC_Del(self);
    }
}

/* --- the type's slot --------------------------------------------------------------------------------------- */

void
dicts_hook(void)
{
    replace_dealloc(&PyDict_Type, dict_dealloc, &stock_dealloc);
}

void
dicts_unhook(void)
{
    restore_dealloc(&PyDict_Type, stock_dealloc);
}
