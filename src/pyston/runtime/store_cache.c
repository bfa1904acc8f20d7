/* Attribute stores through a cell.
 *
 * The new value is in place before the old one is released, since its end may run any code. */
#include "cache_entry.h"

/* Steals a result of a setter. */
static int drop_result(PyObject *result)
{
    Py_XDECREF(result);
    return result != NULL ? 0 : -1;
}

/* Borrows the value. Into inline values, whose dict, if there is one, shows the same values. */
static inline int store_inline(PyObject *object, const AttrEntry *entry, PyObject *value)
{
    PyDictValues *values = values_of(object, entry);
    if (!values->valid) {
        return UNKNOWN;
    }
    PyDictObject *dict = (PyDictObject *)*word_at(object, MANAGED_DICT_OFFSET / 8);
    if (dict != NULL && (dict->_ma_watcher_tag & DICT_WATCHER_MASK)) {
        return UNKNOWN;
    }
    PyObject *old = values->values[entry->count];
    values->values[entry->count] = Py_NewRef(value);
    if (old == NULL) {
        _PyDictValues_AddToInsertionOrder(values, entry->count);
        if (dict != NULL) {
            dict->ma_used++;
        }
    }
    else {
        Py_DECREF(old);
    }
    return 0;
}

/* Borrows the value. */
static inline void store_slot(PyObject *object, const AttrEntry *entry, PyObject *value)
{
    PyObject *old = *word_at(object, entry->index);
    *word_at(object, entry->index) = Py_NewRef(value);
    Py_XDECREF(old);
}

/* Borrows the value. Into the dict that the instance has. */
static int store_dict(PyObject *object, AttrEntry *entry, int index, PyObject *name, PyObject *value)
{
    PyDictObject *dict = (PyDictObject *)*word_at(object, index);
    if (dict == NULL) {
        return UNKNOWN;
    }
    PyDictKeysObject *keys = dict->ma_keys;
    if (!(dict->_ma_watcher_tag & DICT_WATCHER_MASK) && keys->dk_kind == DICT_KEYS_UNICODE &&
        dict->ma_values == NULL) {
        if (dict_value_at(dict, entry->hint, name) == NULL) {
            Py_ssize_t position = keys_find_str(keys, name);
            entry->hint = position < 0 ? 0 : (uint32_t)position;
        }
        PyDictUnicodeEntry *place = &DK_UNICODE_ENTRIES(keys)[entry->hint];
        if (entry->hint < (size_t)keys->dk_nentries && place->me_key == name && place->me_value != NULL) {
            PyObject *old = place->me_value;
            place->me_value = Py_NewRef(value);
            Py_DECREF(old);
            return 0;
        }
    }
    Py_INCREF(dict); /* the old value's end may replace it */
    int result = PyDict_SetItem((PyObject *)dict, name, value);
    Py_DECREF(dict);
    return result;
}

static int store_with(PyObject *object, AttrEntry *entry, PyObject *name, PyObject *value)
{
    if (entry->kind == KIND_PYTHON) {
        return drop_result(call_kept(entry->object, object, name, value));
    }
    if ((entry->flags & FLAG_RECHECK) && Py_TYPE(entry->object)->tp_descr_set != NULL) {
        return UNKNOWN;
    }
    switch (entry->kind) {
    case KIND_VALUE: {
        int result = store_inline(object, entry, value);
        return result == UNKNOWN && !values_of(object, entry)->valid
                   ? store_dict(object, entry, MANAGED_DICT_OFFSET / 8, name, value)
                   : result;
    }
    case KIND_DICT:
        return store_dict(object, entry, entry->index, name, value);
    case KIND_CLASS:
        break;
    default:
        return UNKNOWN;
    }
    switch (CLASS_KIND(entry)) {
    case CLASS_SLOT:
        store_slot(object, entry, value);
        return 0;
    case CLASS_PROPERTY: {
        PyObject *setter = ((_PyPropertyObject *)entry->object)->prop_set;
        return setter == NULL ? UNKNOWN : drop_result(call_kept(setter, object, value, NULL));
    }
    case CLASS_GETSET: {
        PyGetSetDef *getset = ((PyGetSetDescrObject *)entry->object)->d_getset;
        return getset->set == NULL ? UNKNOWN : getset->set(object, value, getset->closure);
    }
    }
    return UNKNOWN;
}

/* The entry is about the dict of instances that have one in place of inline values; does this one have none yet? Then
 * the name may have become one of the shared keys. */
static int is_outgrown(PyObject *object, const AttrEntry *entry)
{
    PyTypeObject *type = Py_TYPE(object);
    return entry->kind == KIND_DICT && (type->tp_flags & Py_TPFLAGS_INLINE_VALUES) &&
           ((PyDictValues *)((char *)object + type->tp_basicsize))->valid;
}

static __attribute__((noinline)) int store_attr_slowly(PyObject *object, PyObject *value, AttrCell *cell)
{
    PyTypeObject *type = Py_TYPE(object);
    AttrEntry *entry = find_entry(cell, object);
    if (entry == NULL && is_restless(type)) {
        entry = keep_restless(cell, kept_lookup(type, cell->name, LOOKUP_STORE));
    }
    int result = entry != NULL ? store_with(object, entry, cell->name, value) : UNKNOWN;
    if (result == UNKNOWN) {
        if (entry != NULL && is_outgrown(object, entry)) {
            *entry = (AttrEntry){0};
            entry = NULL; /* learns anew */
        }
        result = PyObject_SetAttr(object, cell->name, value);
        if (result == 0 && entry == NULL && !is_restless(type)) {
            learn_store(cell, object);
        }
    }
    return result;
}

/* Borrows object and value. */
int store_attr_cached(PyObject *object, PyObject *value, AttrCell *cell)
{
    const AttrEntry *entry = known_entry(cell, object);
    if (LIKELY(entry != NULL) && LIKELY(!(entry->flags & FLAG_RECHECK))) {
        if (LIKELY(entry->kind == KIND_VALUE)) {
            if (LIKELY(store_inline(object, entry, value) == 0)) {
                return 0;
            }
        }
        else if (entry->kind == KIND_CLASS && CLASS_KIND(entry) == CLASS_SLOT) {
            store_slot(object, entry, value);
            return 0;
        }
    }
    return store_attr_slowly(object, value, cell);
}

/* Borrows. setattr(object, name, value). */
int set_attr(PyObject *object, PyObject *name, PyObject *value)
{
    AttrEntry *entry = entry_of_name(object, &name, LOOKUP_STORE);
    int result = entry != NULL ? store_with(object, entry, name, value) : UNKNOWN;
    return result == UNKNOWN ? PyObject_SetAttr(object, name, value) : result;
}
