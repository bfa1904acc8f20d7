/* Looking up a str in a dictionary's keys without calling anything.
 *
 * CPython exports no function for this. The layout of the keys object is fixed by pycore_dict.h; the probe sequence
 * is part of the format of a hash table: another one would not find what CPython has put there. */
#ifndef PYSTON_DICT_LOOKUP_H
#define PYSTON_DICT_LOOKUP_H

#include <Python.h>
#include "internal/pycore_dict.h"
#include "internal/pycore_interp.h"
#include "internal/pycore_pystate.h"

#define KEYS_ABSENT (-1)
#define KEYS_UNDECIDED (-2) /* a key that is no exact str has the same hash: only its __eq__ could tell */

static inline Py_ssize_t keys_index_at(const PyDictKeysObject *keys, size_t slot)
{
    const void *indices = keys->dk_indices;
    uint8_t log2_size = keys->dk_log2_size;
    if (log2_size < 8) {
        return ((const int8_t *)indices)[slot];
    }
    if (log2_size < 16) {
        return ((const int16_t *)indices)[slot];
    }
    if (log2_size < 32) {
        return ((const int32_t *)indices)[slot];
    }
    return ((const int64_t *)indices)[slot];
}

static inline Py_hash_t str_hash(PyObject *string)
{
    Py_hash_t hash = ((PyASCIIObject *)string)->hash;
    return hash != -1 ? hash : PyObject_Hash(string); /* hashing a str cannot fail */
}

static inline int str_same(PyObject *left, PyObject *right)
{
    Py_ssize_t length = PyUnicode_GET_LENGTH(left);
    int kind = PyUnicode_KIND(left);
    return length == PyUnicode_GET_LENGTH(right) && kind == (int)PyUnicode_KIND(right) &&
           memcmp(PyUnicode_DATA(left), PyUnicode_DATA(right), (size_t)(length * kind)) == 0;
}

/* Borrows. The index of `key`, an exact str, among the entries; KEYS_ABSENT; KEYS_UNDECIDED. */
static inline Py_ssize_t keys_find_str(PyDictKeysObject *keys, PyObject *key)
{
    Py_hash_t hash = str_hash(key);
    size_t mask = ((size_t)1 << keys->dk_log2_size) - 1;
    size_t perturb = (size_t)hash;
    size_t slot = (size_t)hash & mask;
    if (keys->dk_kind != DICT_KEYS_GENERAL) {
        PyDictUnicodeEntry *entries = DK_UNICODE_ENTRIES(keys);
        const int8_t *small = keys->dk_log2_size < 8 ? (const int8_t *)keys->dk_indices : NULL;
        for (;;) {
            Py_ssize_t index = small != NULL ? small[slot] : keys_index_at(keys, slot);
            if (index >= 0) {
                PyObject *found = entries[index].me_key;
                if (found == key || (((PyASCIIObject *)found)->hash == hash && str_same(found, key))) {
                    return index;
                }
            }
            else if (index == DKIX_EMPTY) {
                return KEYS_ABSENT;
            }
            perturb >>= 5;
            slot = (slot * 5 + perturb + 1) & mask;
        }
    }
    PyDictKeyEntry *entries = DK_ENTRIES(keys);
    for (;;) {
        Py_ssize_t index = keys_index_at(keys, slot);
        if (index >= 0) {
            PyObject *found = entries[index].me_key;
            if (found == key) {
                return index;
            }
            if (entries[index].me_hash == hash) {
                if (!PyUnicode_CheckExact(found)) {
                    return KEYS_UNDECIDED;
                }
                if (str_same(found, key)) {
                    return index;
                }
            }
        }
        else if (index == DKIX_EMPTY) {
            return KEYS_ABSENT;
        }
        perturb >>= 5;
        slot = (slot * 5 + perturb + 1) & mask;
    }
}

/* Returns borrowed, or NULL: the value at an index that keys_find_str gave. */
static inline PyObject *dict_entry_value(PyDictObject *dict, Py_ssize_t index)
{
    PyDictKeysObject *keys = dict->ma_keys;
    if (dict->ma_values != NULL) {
        return dict->ma_values->values[index];
    }
    if (keys->dk_kind == DICT_KEYS_GENERAL) {
        return DK_ENTRIES(keys)[index].me_value;
    }
    return DK_UNICODE_ENTRIES(keys)[index].me_value;
}

/* Returns borrowed, or NULL: the value of `key` if the entry at `hint` is it, by identity. */
static inline PyObject *dict_value_at(PyDictObject *dict, uint32_t hint, PyObject *key)
{
    PyDictKeysObject *keys = dict->ma_keys;
    if ((Py_ssize_t)hint < keys->dk_nentries && keys->dk_kind != DICT_KEYS_GENERAL) {
        PyDictUnicodeEntry *entry = &DK_UNICODE_ENTRIES(keys)[hint];
        if (entry->me_key == key) {
            return dict->ma_values != NULL ? dict->ma_values->values[hint] : entry->me_value;
        }
    }
    return NULL;
}

/* A number that changes with every change of the keys; 0 when there is none to be had. As the interpreter's
 * specialiser, from the same counter. */
static inline uint32_t keys_version(PyDictKeysObject *keys)
{
    if (keys->dk_version == 0 && keys->dk_kind != DICT_KEYS_GENERAL) {
        struct _Py_dict_state *state = &PyInterpreterState_Get()->dict_state;
        if (state->next_keys_version != 0) {
            keys->dk_version = state->next_keys_version++;
        }
    }
    return keys->dk_version;
}

#endif
