/* Attribute loads through a cell: to have the value, to call it, to ask whether it is there. */
#include "cache_entry.h"

static int found_or_failed(PyObject *result, PyObject **value)
{
    *value = result;
    return result != NULL ? FOUND : FAILED;
}

/* The instance's own value in its dict, if it has a dict. *value is borrowed. */
static __attribute__((noinline)) int find_in_dict(PyObject *object, AttrEntry *entry, PyObject *name, int index, PyObject **value)
{
    PyDictObject *dict = (PyDictObject *)*word_at(object, index);
    if (dict == NULL) {
        return MISSING;
    }
    *value = entry->kind == KIND_NO_KEY ? NULL : dict_value_at(dict, entry->hint, name);
    if (*value != NULL) {
        return FOUND;
    }
    Py_ssize_t position = keys_find_str(dict->ma_keys, name);
    if (position < 0) {
        return position == KEYS_ABSENT ? MISSING : UNKNOWN;
    }
    *value = dict_entry_value(dict, position);
    if (*value == NULL) {
        return MISSING;
    }
    if (entry->kind == KIND_NO_KEY && dict->ma_values == NULL) {
        entry->kind = KIND_OWN_DICT;
    }
    if (entry->kind != KIND_NO_KEY) {
        entry->hint = (uint32_t)position;
    }
    return FOUND;
}

/* The shared keys have grown since the entry was made: whether the name is still none of them. */
static int still_no_key(AttrEntry *entry, PyObject *name)
{
    PyDictKeysObject *keys = entry->keys;
    if (keys_find_str(keys, name) != KEYS_ABSENT) {
        entry->version = 0;
        entry->kind = KIND_EMPTY; /* a type without a version must not match it either */
        return 0;
    }
    entry->count = (uint8_t)keys->dk_nentries;
    return 1;
}

/* The instance's own value. *value is borrowed. */
static inline int find_in_instance(PyObject *object, AttrEntry *entry, PyObject *name, PyObject **value)
{
    switch (entry->kind) {
    case KIND_VALUE: {
        PyDictValues *values = values_of(object, entry);
        if (values->valid) {
            *value = values->values[entry->count];
            return *value != NULL;
        }
        return find_in_dict(object, entry, name, MANAGED_DICT_OFFSET / 8, value);
    }
    case KIND_OWN_DICT:
        if (LIKELY(own_dict(object) != NULL)) {
            return find_in_dict(object, entry, name, MANAGED_DICT_OFFSET / 8, value);
        }
        entry->kind = KIND_NO_KEY; /* which serves instances of both kinds, if it is none */
        entry->keys = ((PyHeapTypeObject *)Py_TYPE(object))->ht_cached_keys;
        if (!still_no_key(entry, name)) {
            return UNKNOWN;
        }
        __attribute__((fallthrough));
    case KIND_NO_KEY:
        if (values_of(object, entry)->valid) {
            return entry->keys->dk_nentries == entry->count || still_no_key(entry, name) ? MISSING : UNKNOWN;
        }
        return find_in_dict(object, entry, name, MANAGED_DICT_OFFSET / 8, value);
    case KIND_DICT:
        return find_in_dict(object, entry, name, entry->index, value);
    }
    return MISSING;
}

/* What the class has, for an instance. *value is new. */
static int find_in_class(PyObject *object, const AttrEntry *entry, PyObject **value)
{
    PyObject *descriptor = entry->object;
    PyTypeObject *kind;
    switch (CLASS_KIND(entry)) {
    case CLASS_NOTHING:
        return MISSING;
    case CLASS_VALUE:
        if (!is_plain_value(entry)) {
            return UNKNOWN;
        }
        *value = Py_NewRef(descriptor);
        return FOUND;
    case CLASS_STATIC:
        *value = Py_NewRef(wrapped_callable(descriptor));
        return FOUND;
    case CLASS_SLOT:
        *value = *word_at(object, entry->index);
        if (*value == NULL) {
            *value = Py_None;
            return entry->flags & FLAG_NONE ? FOUND : MISSING;
        }
        Py_INCREF(*value);
        return FOUND;
    case CLASS_PROPERTY: {
        PyObject *getter = ((_PyPropertyObject *)descriptor)->prop_get;
        return getter == NULL ? UNKNOWN : found_or_failed(call_kept(getter, object, NULL, NULL), value);
    }
    case CLASS_GETSET: {
        PyGetSetDef *getset = ((PyGetSetDescrObject *)descriptor)->d_getset;
        return getset->get == NULL ? UNKNOWN : found_or_failed(getset->get(object, getset->closure), value);
    }
    case CLASS_NON_DATA:
    case CLASS_DATA:
        kind = Py_TYPE(descriptor);
        if ((kind->tp_descr_set != NULL) != (CLASS_KIND(entry) == CLASS_DATA)) {
            return UNKNOWN;
        }
        break;
    }
    descrgetfunc get = Py_TYPE(descriptor)->tp_descr_get;
    if (get == NULL) {
        return UNKNOWN;
    }
    Py_INCREF(descriptor);
    PyObject *class = (PyObject *)Py_TYPE(object), *function = NULL;
    if (get == helper_names.slot_get) {
        function = Py_XNewRef(slot_function(Py_TYPE(descriptor), helper_names.get));
    }
    PyObject *arguments[] = {descriptor, object, class};
    *value = function != NULL ? PyObject_Vectorcall(function, arguments, 3, NULL) : get(descriptor, object, class);
    Py_XDECREF(function);
    Py_DECREF(descriptor);
    return *value != NULL ? FOUND : FAILED;
}

/* A class's own attribute. *value is new. */
static int find_of_class(PyObject *class, const AttrEntry *entry, PyObject **value)
{
    PyObject *found = entry->object;
    switch (CLASS_KIND(entry)) {
    case CLASS_NOTHING:
        return MISSING;
    case CLASS_VALUE:
        if (!is_plain_value(entry)) {
            return UNKNOWN;
        }
        *value = Py_NewRef(found);
        return FOUND;
    case CLASS_STATIC:
        *value = Py_NewRef(wrapped_callable(found));
        return FOUND;
    }
    if (Py_TYPE(found)->tp_descr_get == NULL) {
        return UNKNOWN;
    }
    Py_INCREF(found);
    int result = found_or_failed(Py_TYPE(found)->tp_descr_get(found, NULL, class), value);
    Py_DECREF(found);
    return result;
}

/* The class has a `__getattribute__` in Python, and perhaps a `__getattr__` in Python, which is asked where that gives up. *value is
 * new. */
static int find_by_getattribute(PyObject *object, const AttrEntry *entry, PyObject *name, PyObject **value)
{
    PyTypeObject *type = Py_TYPE(object);
    PyObject *hook = type->tp_getattro == helper_names.slot_getattr_hook ? _PyType_Lookup(type, helper_names.getattr) : NULL;
    if (hook != NULL && !PyFunction_Check(hook)) {
        return UNKNOWN;
    }
    Py_XINCREF(hook); /* whatever becomes of the class meanwhile */
    PyObject *found = call_kept(entry->object, object, name, NULL);
    if (found == NULL && hook != NULL && PyErr_ExceptionMatches(PyExc_AttributeError)) {
        PyErr_Clear();
        found = call_kept(hook, object, name, NULL);
    }
    Py_XDECREF(hook);
    return found_or_failed(found, value);
}

/* The whole look-up, `__getattr__` included. *value is new. */
static int find_attribute(PyObject *object, AttrEntry *entry, PyObject *name, PyObject **value)
{
    int result;
    if (entry->kind == KIND_OF_CLASS) {
        return find_of_class(object, entry, value);
    }
    if (entry->kind == KIND_PYTHON) {
        return find_by_getattribute(object, entry, name, value);
    }
    if (!instance_goes_first(entry)) {
        return UNKNOWN;
    }
    result = find_in_instance(object, entry, name, value);
    if (result == FOUND) {
        Py_INCREF(*value);
        return FOUND;
    }
    if (result == MISSING) {
        int hook = entry->flags & FLAG_HOOK;
        result = find_in_class(object, entry, value);
        if (hook && (result == MISSING || (result == FAILED && PyErr_ExceptionMatches(PyExc_AttributeError)))) {
            PyObject *function = _PyType_Lookup(Py_TYPE(object), helper_names.getattr);
            if (function == NULL || !PyFunction_Check(function)) { /* the descriptor took it away, or PROTOCOL_GETATTR_OTHER */
                return result == MISSING ? UNKNOWN : FAILED;
            }
            PyErr_Clear();
            return found_or_failed(call_kept(function, object, name, NULL), value);
        }
    }
    return result;
}

/* An exception is set: if it is an AttributeError that does not say so yet, it learns which attribute of what was asked
 * for, as in PyObject_GetAttr. Always NULL. */
static PyObject *with_context(PyObject *object, PyObject *name)
{
    if (PyErr_ExceptionMatches(PyExc_AttributeError)) {
        PyObject *exception = PyErr_GetRaisedException();
        PyAttributeErrorObject *error = (PyAttributeErrorObject *)exception;
        if (error->name == NULL && error->obj == NULL) {
            error->name = Py_NewRef(name);
            error->obj = Py_NewRef(object);
        }
        PyErr_SetRaisedException(exception);
    }
    return NULL;
}

/* Borrows. Who has the attribute: the function, if it is one that a bound method has not itself. */
static inline PyObject *asked_of(PyObject *object, PyObject *name)
{
    while (Py_IS_TYPE(object, &PyMethod_Type) && _PyType_Lookup(&PyMethod_Type, name) == NULL) {
        object = PyMethod_GET_FUNCTION(object);
    }
    return object;
}

/* The value in the instance's dict, else the plain one that the class has, or NULL. Borrowed. */
static inline PyObject *value_in_dict(PyObject *object, AttrEntry *entry, int index, PyObject *name)
{
    PyDictObject *dict = (PyDictObject *)*word_at(object, index);
    PyObject *value = dict != NULL ? dict_value_at(dict, entry->hint, name) : NULL;
    if (value == NULL && find_in_dict(object, entry, name, index, &value) == MISSING && is_plain_value(entry)) {
        value = entry->object;
    }
    return value;
}

/* The instance or its class has a plain value, and which is known at the first look, without searching anything. It calls nothing, so
 * that whoever asks it first needs no frame for that. Borrowed, or NULL. */
static inline __attribute__((always_inline)) PyObject *value_at_once(PyObject *object, const AttrEntry *entry, PyObject *name)
{
    PyDictObject *dict = NULL;
    PyObject *value = NULL;
    if (entry->kind == KIND_VALUE) {
        const PyDictValues *values = values_of(object, entry);
        if (LIKELY(values->valid)) {
            value = values->values[entry->count];
            if (UNLIKELY(value == NULL) && is_plain_value(entry)) {
                return entry->object;
            }
            return LIKELY(instance_goes_first(entry)) ? value : NULL;
        }
        dict = (PyDictObject *)*word_at(object, MANAGED_DICT_OFFSET / 8);
    }
    else if (entry->kind == KIND_CLASS) {
        return is_plain_value(entry)                ? entry->object
               : CLASS_KIND(entry) == CLASS_SLOT ? *word_at(object, entry->index)
                                                    : NULL;
    }
    else if (entry->kind == KIND_OWN_DICT) {
        dict = own_dict(object);
    }
    else if (entry->kind == KIND_DICT) {
        dict = (PyDictObject *)*word_at(object, entry->index);
    }
    else if (entry->kind == KIND_OF_CLASS) {
        return entry->class_version == ((PyTypeObject *)object)->tp_version_tag && is_plain_value(entry) ? entry->object : NULL;
    }
    else if (entry->kind == KIND_NO_KEY) {
        const bool missing = values_of(object, entry)->valid && entry->keys->dk_nentries == entry->count;
        return missing && is_plain_value(entry) ? entry->object : NULL;
    }
    if (LIKELY(dict != NULL) && LIKELY(instance_goes_first(entry))) {
        value = dict_value_at(dict, entry->hint, name);
    }
    return value;
}

/* The same, or where a search in the instance's dict tells. Runs no code of anybody's. Borrowed, or NULL. */
static inline PyObject *quick_value(PyObject *object, AttrEntry *entry, PyObject *name)
{
    PyObject *value = value_at_once(object, entry, name);
    if (value != NULL) {
        return value;
    }
    switch (entry->kind) {
    case KIND_VALUE:
        return !values_of(object, entry)->valid && instance_goes_first(entry)
                   ? value_in_dict(object, entry, MANAGED_DICT_OFFSET / 8, name)
                   : NULL;
    case KIND_OWN_DICT:
        return own_dict(object) != NULL && instance_goes_first(entry)
                   ? value_in_dict(object, entry, MANAGED_DICT_OFFSET / 8, name)
                   : NULL;
    case KIND_DICT:
        return instance_goes_first(entry) ? value_in_dict(object, entry, entry->index, name) : NULL;
    case KIND_NO_KEY:
        if (!is_plain_value(entry) || values_of(object, entry)->valid) {
            return NULL;
        }
        return find_in_dict(object, entry, name, MANAGED_DICT_OFFSET / 8, &value) == MISSING ? entry->object : value;
    case KIND_OF_CLASS: /* Only now: what another class had may be dead. */
        return entry->class_version == tag_of((PyTypeObject *)object) && is_plain_value(entry) ? entry->object : NULL;
    }
    return NULL;
}

/* Everything but the simplest cases. Returns new. */
static __attribute__((noinline)) PyObject *load_attr_slowly(PyObject *object, AttrCell *cell)
{
    object = asked_of(object, cell->name);
    AttrEntry *entry = find_entry(cell, object);
    if (entry == NULL) {
        entry = learn_load(cell, object);
    }
    if (entry != NULL) {
        PyObject *value = quick_value(object, entry, cell->name);
        if (value != NULL) {
            return Py_NewRef(value);
        }
        int result = find_attribute(object, entry, cell->name, &value);
        if (result == FOUND) {
            return value;
        }
        if (result == FAILED) {
            return with_context(object, cell->name);
        }
    }
    return PyObject_GetAttr(object, cell->name);
}

/* Does a data descriptor of the class's decide, and no `__getattr__`? */
static inline bool is_computed(const AttrEntry *entry)
{
    const int class_kind = entry->flags & (FLAG_HOOK | 15);
    return entry->kind == KIND_CLASS && (class_kind == CLASS_GETSET || class_kind == CLASS_DATA);
}

/* What the first entry's descriptor gives, by its C function if that is still what it was. */
static __attribute__((noinline)) PyObject *load_computed(PyObject *object, AttrCell *cell)
{
    PyObject *descriptor = cell->first.object, *value;
    if (CLASS_KIND(&cell->first) == CLASS_GETSET) {
        const PyGetSetDef *getset = ((PyGetSetDescrObject *)descriptor)->d_getset;
        if (UNLIKELY(getset->get == NULL)) {
            return load_attr_slowly(object, cell);
        }
        value = getset->get(object, getset->closure);
    }
    else {
        const PyTypeObject *kind = Py_TYPE(descriptor);
        descrgetfunc get = kind->tp_descr_get;
        if (UNLIKELY(get == NULL || get == helper_names.slot_get || kind->tp_descr_set == NULL)) {
            return load_attr_slowly(object, cell);
        }
        Py_INCREF(descriptor);
        value = get(descriptor, object, (PyObject *)Py_TYPE(object));
        Py_DECREF(descriptor);
    }
    return LIKELY(value != NULL) ? value : with_context(object, cell->name);
}

/* Does the class have a method, and the instance, perhaps, something of its own? */
static inline bool
is_method(const AttrEntry *entry)
{
    return CLASS_KIND(entry) == CLASS_METHOD && (entry->kind == KIND_NO_KEY || entry->kind == KIND_CLASS)
           && LIKELY(Py_IS_TYPE(entry->object, &PyFunction_Type));
}

/* The function that is the class's method, bound to the instance, unless that has the name itself. */
static __attribute__((noinline)) PyObject *load_bound(PyObject *object, AttrEntry *entry, AttrCell *cell)
{
    PyObject *value = NULL;
    int result = find_in_instance(object, entry, cell->name, &value);
    return LIKELY(result == MISSING) ? PyMethod_New(entry->object, object)
           : result == FOUND         ? Py_NewRef(value)
                                     : load_attr_slowly(object, cell);
}

/* What one of the further entries knows; or the first one, where the class changes all the time and has a tag of ours. */
static __attribute__((noinline)) PyObject *load_attr_further(PyObject *object, AttrCell *cell)
{
    const uint32_t tag = tag_of(Py_TYPE(object));
    AttrEntry *next = cell->more != NULL ? cell->more->entries : NULL, *end = next != NULL ? next + ATTR_MORE : NULL;
    AttrEntry *entry = is_restless(Py_TYPE(object)) || next == NULL ? &cell->first : next++;
    for (; LIKELY(tag != 0); entry = next++) {
        if (entry->version == tag) {
            PyObject *value = value_at_once(object, entry, cell->name);
            if (value != NULL) { /* else it may be about another class as receiver */
                return Py_NewRef(value);
            }
            if (is_method(entry)) {
                return load_bound(object, entry, cell);
            }
        }
        if (next == end) {
            break;
        }
    }
    return load_attr_slowly(object, cell);
}

/* Borrows; returns new. */
PyObject *load_attr_cached(PyObject *object, AttrCell *cell)
{
    if (LIKELY(cell->first.version == Py_TYPE(object)->tp_version_tag)) {
        PyObject *value = value_at_once(object, &cell->first, cell->name);
        if (LIKELY(value != NULL)) {
            return Py_NewRef(value);
        }
        if (is_computed(&cell->first)) {
            return load_computed(object, cell);
        }
        if (is_method(&cell->first)) {
            return load_bound(object, &cell->first, cell);
        }
    }
    return load_attr_further(object, cell);
}

/* --- loading to call ----------------------------------------------------------------------------------------------------- */

/* Borrows. Whether the dict that stands where inline values stood lacks the name for sure. */
int is_not_in_dict(PyObject *object, PyObject *name)
{
    PyDictObject *dict = (PyDictObject *)*word_at(object, MANAGED_DICT_OFFSET / 8);
    return dict == NULL || keys_find_str(dict->ma_keys, name) == KEYS_ABSENT;
}

static __attribute__((noinline)) ObjectPair load_method_slowly(PyObject *object, AttrCell *cell)
{
    AttrEntry *entry = find_entry(cell, object);
    if (entry == NULL) {
        entry = learn_load(cell, object);
    }
    if (entry != NULL) {
        int kind = CLASS_KIND(entry);
        PyObject *value = NULL;
        int result = UNKNOWN;
        if (entry->kind == KIND_OF_CLASS && kind == CLASS_CLASSMETHOD) {
            return unbound(wrapped_callable(entry->object), object);
        }
        if ((kind == CLASS_METHOD || kind == CLASS_CLASSMETHOD) && entry->kind != KIND_PYTHON &&
            entry->kind != KIND_OF_CLASS) {
            result = find_in_instance(object, entry, cell->name, &value);
            if (result == MISSING) {
                return kind == CLASS_METHOD
                           ? unbound(entry->object, object)
                           : unbound(wrapped_callable(entry->object), (PyObject *)Py_TYPE(object));
            }
            Py_XINCREF(value);
        }
        else {
            value = quick_value(object, entry, cell->name);
            if (value != NULL) {
                return (ObjectPair){Py_NewRef(value), NULL};
            }
            result = find_attribute(object, entry, cell->name, &value);
        }
        if (result == FOUND) {
            return (ObjectPair){value, NULL};
        }
        if (result == FAILED) {
            /* CPython, too, adds the context here only where it asks PyObject_GetAttr. */
            if (Py_TYPE(object)->tp_getattro != PyObject_GenericGetAttr) {
                with_context(object, cell->name);
            }
            return (ObjectPair){NULL, NULL};
        }
    }
    PyObject *method = NULL;
    int is_unbound = _PyObject_GetMethod(object, cell->name, &method);
    return (ObjectPair){method, is_unbound ? Py_NewRef(object) : NULL};
}

/* Borrows; returns new: what to call and, unless it is bound or needs none, its self. */
ObjectPair load_method_cached(PyObject *object, AttrCell *cell)
{
    PyObject *method = cached_method(object, cell);
    return LIKELY(method != NULL) ? unbound(method, object) : load_method_slowly(object, cell);
}

/* --- asking ---------------------------------------------------------------------------------------------------------------- */

/* Borrows; *value is new. getattr() without an error for what is not there; entry: NULL where nothing is known. */
static int find_optional(PyObject *object, AttrEntry *entry, PyObject *name, PyObject **value)
{
    *value = NULL;
    int result = entry != NULL ? find_attribute(object, entry, name, value) : UNKNOWN;
    if (result == UNKNOWN || (result == MISSING && Py_TYPE(object)->tp_getattro == PyModule_Type.tp_getattro)) {
        return PyObject_GetOptionalAttr(object, name, value);
    }
    if (result != FOUND) {
        *value = NULL;
    }
    if (result == FAILED && PyErr_ExceptionMatches(PyExc_AttributeError)) {
        PyErr_Clear();
        return MISSING;
    }
    return result;
}

/* What the cell does not know yet. */
static __attribute__((noinline)) AttrEntry *learn_optional(AttrCell *cell, PyObject *object)
{
    AttrEntry *entry = learn_load(cell, object);
    return entry == NULL && Py_IS_TYPE(object, &PyType_Type)
               ? kept_lookup((PyTypeObject *)object, cell->name, LOOKUP_CLASS) /* that it is not there, mostly */
               : entry;
}

static inline int find_optional_cached(PyObject *object, AttrCell *cell, PyObject **value)
{
    object = asked_of(object, cell->name);
    AttrEntry *entry = find_entry(cell, object);
    return find_optional(object, entry != NULL ? entry : learn_optional(cell, object), cell->name, value);
}

/* Borrows; returns new. getattr(object, name, fallback). */
PyObject *get_attr_default_cached(PyObject *object, AttrCell *cell, PyObject *fallback)
{
    PyObject *value;
    return find_optional_cached(object, cell, &value) == MISSING ? Py_NewRef(fallback) : value;
}

/* Borrows; returns new. hasattr(object, name). */
int has_attr_cached(PyObject *object, AttrCell *cell)
{
    PyObject *value;
    int result = find_optional_cached(object, cell, &value);
    Py_XDECREF(value);
    return result;
}

/* --- by a name that is no constant --------------------------------------------------------------------------------- */

AttrEntry *entry_of_name(PyObject *object, PyObject **name, LookupUse use)
{
    PyTypeObject *type = Py_TYPE(object);
    if (UNLIKELY(!PyUnicode_CheckExact(*name))) {
        return NULL;
    }
    if (LIKELY(PyUnicode_CHECK_INTERNED(*name))) {
        return kept_lookup_of(object, *name, use);
    }
    if (!is_restless(type)) {
        return NULL; /* names that come from afar are many, perhaps: CPython has a place for them among its own */
    }
    PyObject *interned = Py_NewRef(*name);
    PyUnicode_InternInPlace(&interned);
    AttrEntry *entry = kept_lookup(type, interned, use);
    if (entry != NULL) {
        *name = interned; /* whose owner is the table */
    }
    Py_DECREF(interned);
    return entry;
}

/* Borrows; returns new. getattr(object, name). */
PyObject *get_attr(PyObject *object, PyObject *name)
{
    AttrEntry *entry = entry_of_name(object, &name, LOOKUP_LOAD);
    if (entry != NULL) {
        PyObject *value = NULL;
        int result = find_attribute(object, entry, name, &value);
        if (result == FOUND) {
            return value;
        }
        if (result == FAILED) {
            return with_context(object, name);
        }
    }
    return PyObject_GetAttr(object, name);
}

/* Borrows; returns new. getattr(object, name, fallback). */
PyObject *get_attr_default(PyObject *object, PyObject *name, PyObject *fallback)
{
    PyObject *value;
    AttrEntry *entry = entry_of_name(object, &name, LOOKUP_LOAD);
    return find_optional(object, entry, name, &value) == MISSING ? Py_NewRef(fallback) : value;
}

/* Borrows. hasattr(object, name). */
int has_attr(PyObject *object, PyObject *name)
{
    PyObject *value;
    AttrEntry *entry = entry_of_name(object, &name, LOOKUP_LOAD);
    int result = find_optional(object, entry, name, &value);
    Py_XDECREF(value);
    return result;
}
