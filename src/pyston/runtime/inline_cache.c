/* Inline caches: attribute loads and stores that learn.
 *
 * A cell holds up to four types' answers: the first inside of it, three more in a block made when a second type
 * comes. An entry says where on the instance the value would be (`kind`) and what the class has under the name
 * (`flags`); a hit follows the rules of attribute.c from there, without looking anything up. Whatever an entry cannot
 * answer goes to CPython's own look-up, which also makes every error: so exceptions are exactly CPython's.
 *
 * What makes an entry valid:
 * - the receiver's type still has the version tag: its class dictionaries, bases and slots are as they were. Tags are
 *   never used twice, so borrowed descriptors are alive while the tag matches;
 * - for a name that instances do not have: the shared keys have not grown (they only grow, and `count` tells);
 * - for a descriptor whose own class may change: its __get__ and __set__ are looked at again (FLAG_RECHECK);
 * - for a class as receiver: its own tag too. */
#include "attribute.h"
#include "dict_lookup.h"
#include "internal/pycore_descrobject.h"
#include "internal/pycore_object.h"

enum {
    KIND_EMPTY,
    KIND_VALUE,        /* inline values at `index`, the name is number `count` */
    KIND_NO_KEY,       /* inline values at `index`; the first `count` of `keys` are not the name */
    KIND_DICT,         /* dict pointer at `index`, last found at entry `hint` */
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

#define REPLACEMENTS_MAX 16 /* after so many a site is left to CPython's look-up */

struct AttrMore {
    AttrEntry entries[ATTR_MORE];
    AttrMore *next, **link; /* all blocks, for inline_cache_forget */
    AttrCell *owner;
    uint32_t replaced;
};

static AttrMore *all_blocks;

int inline_cache_init(void)
{
    return 0;
}

void inline_cache_forget(void *area, size_t size)
{
    for (AttrMore *block = all_blocks, *next; block != NULL; block = next) {
        next = block->next;
        if ((size_t)((char *)block->owner - (char *)area) < size) {
            *block->link = next;
            if (next != NULL) {
                next->link = block->link;
            }
            block->owner->more = NULL;
            PyMem_Free(block);
        }
    }
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

/* --- finding and making entries ------------------------------------------------------------------------------------ */

static inline PyObject **word_at(PyObject *object, int index)
{
    return (PyObject **)object + index;
}

static inline PyDictValues *values_of(PyObject *object, const AttrEntry *entry)
{
    return (PyDictValues *)word_at(object, (uint8_t)entry->index);
}

/* Whether the entry is about this receiver. */
static inline int entry_fits(const AttrEntry *entry, PyObject *object)
{
    if (entry->version != Py_TYPE(object)->tp_version_tag || entry->version == 0) {
        return 0;
    }
    return (entry->kind != KIND_OF_CLASS && entry->kind != KIND_OF_METACLASS) ||
           entry->class_version == ((PyTypeObject *)object)->tp_version_tag;
}

/* The entry for this receiver, or NULL. */
static inline AttrEntry *find_entry(AttrCell *cell, PyObject *object)
{
    if (entry_fits(&cell->first, object)) {
        return &cell->first;
    }
    if (cell->more != NULL) {
        for (int i = 0; i < ATTR_MORE; i++) {
            if (entry_fits(&cell->more->entries[i], object)) {
                return &cell->more->entries[i];
            }
        }
    }
    return NULL;
}

/* Whether no type has this version any more. */
static int version_is_dead(uint32_t version)
{
    PyTypeObject *type = PyInterpreterState_Get()->types.type_version_cache[version % TYPE_VERSION_CACHE_SIZE];
    return type == NULL || type->tp_version_tag != version;
}

static int entry_is_free(const AttrEntry *entry)
{
    return entry->version == 0 || version_is_dead(entry->version);
}

static AttrMore *new_block(AttrCell *cell)
{
    AttrMore *block = PyMem_Calloc(1, sizeof(AttrMore));
    if (block != NULL) {
        block->owner = cell;
        block->next = all_blocks;
        block->link = &all_blocks;
        if (all_blocks != NULL) {
            all_blocks->link = &block->next;
        }
        all_blocks = block;
        cell->more = block;
    }
    return block;
}

/* Where to put what was learnt; NULL: nowhere. */
static AttrEntry *place_for(AttrCell *cell)
{
    if (entry_is_free(&cell->first)) {
        return &cell->first;
    }
    AttrMore *more = cell->more != NULL ? cell->more : new_block(cell);
    if (more == NULL) {
        return NULL;
    }
    for (int i = 0; i < ATTR_MORE; i++) {
        if (entry_is_free(&more->entries[i])) {
            return &more->entries[i];
        }
    }
    if (more->replaced >= REPLACEMENTS_MAX) {
        return NULL;
    }
    return &more->entries[more->replaced++ % ATTR_MORE];
}

static int gives_up(const AttrCell *cell)
{
    return cell->more != NULL && cell->more->replaced >= REPLACEMENTS_MAX;
}

static int fits_index(Py_ssize_t offset, Py_ssize_t low, Py_ssize_t high)
{
    return offset % 8 == 0 && offset / 8 >= low && offset / 8 <= high;
}

/* Fills in where instances keep the name. 0: not to be cached. */
static int entry_storage(AttrEntry *entry, PyTypeObject *type, const Attribute *attribute)
{
    switch (attribute->storage) {
    case STORAGE_NONE:
        entry->kind = KIND_CLASS;
        return 1;
    case STORAGE_INLINE:
        if (!fits_index(type->tp_basicsize, 0, UINT8_MAX)) {
            return 0;
        }
        entry->index = (int8_t)(type->tp_basicsize / 8);
        if (attribute->key_index >= 0) {
            entry->kind = KIND_VALUE;
            entry->count = (uint8_t)attribute->key_index;
        }
        else {
            entry->kind = KIND_NO_KEY;
            entry->keys = attribute->keys;
            entry->count = (uint8_t)attribute->keys->dk_nentries;
        }
        return 1;
    case STORAGE_MANAGED:
    case STORAGE_OFFSET:
        entry->kind = KIND_DICT;
        entry->index = (int8_t)(attribute->dict_offset / 8);
        return fits_index(attribute->dict_offset, INT8_MIN, INT8_MAX);
    case STORAGE_UNKNOWN:
        break;
    }
    return 0;
}

/* A class as receiver: what class.name does. 0: not to be cached. `meta` is about its metaclass. */
static int entry_of_class(AttrEntry *entry, PyTypeObject *class, PyObject *name, const Attribute *meta)
{
    if (meta->class_kind >= CLASS_SLOT) {
        entry->kind = KIND_CLASS; /* a data descriptor of the metaclass wins */
        entry->index = (int8_t)(meta->offset / 8);
        return meta->class_kind != CLASS_SLOT || fits_index(meta->offset, 0, INT8_MAX);
    }
    if (meta->recheck || !PyUnstable_Type_AssignVersionTag(class)) {
        return 0;
    }
    entry->class_version = class->tp_version_tag;
    PyObject *found = _PyType_Lookup(class, name);
    if (found == NULL) {
        entry->kind = KIND_OF_METACLASS;
        return meta->class_kind != CLASS_NOTHING;
    }
    PyTypeObject *kind = Py_TYPE(found);
    entry->kind = KIND_OF_CLASS;
    entry->object = found;
    entry->flags = 0;
    if (kind == &PyFunction_Type || kind == &PyMethodDescr_Type || kind == &PyWrapperDescr_Type ||
        kind == &PyMemberDescr_Type || kind == &PyGetSetDescr_Type || kind == &PyProperty_Type) {
        entry->flags = CLASS_VALUE; /* without an instance their __get__ gives themselves */
    }
    else if (kind->tp_descr_get == NULL) {
        entry->flags = kind->tp_flags & Py_TPFLAGS_IMMUTABLETYPE ? CLASS_VALUE : CLASS_VALUE | FLAG_RECHECK;
    }
    else if (kind == &PyStaticMethod_Type) {
        entry->flags = CLASS_STATIC;
    }
    else if (kind == &PyClassMethod_Type) {
        entry->flags = CLASS_CLASSMETHOD;
    }
    else {
        entry->flags = CLASS_NON_DATA;
    }
    return 1;
}

/* Learns what a load does. The entry, or NULL where nothing can be relied on. */
static AttrEntry *learn_load(AttrCell *cell, PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);
    if (gives_up(cell)) {
        return NULL;
    }
    Attribute attribute;
    attribute_of_load(type, cell->name, &attribute);
    if (attribute.version == 0 || attribute.protocol == PROTOCOL_OTHER) {
        return NULL;
    }
    AttrEntry learnt = {.version = attribute.version, .object = attribute.descriptor};
    learnt.flags = (uint8_t)(attribute.class_kind | (attribute.recheck ? FLAG_RECHECK : 0));
    int known = 1;
    if (attribute.protocol == PROTOCOL_PYTHON) {
        learnt.kind = KIND_PYTHON;
        learnt.object = attribute.function;
    }
    else if (attribute.protocol == PROTOCOL_TYPE) {
        known = entry_of_class(&learnt, (PyTypeObject *)object, cell->name, &attribute);
    }
    else if (attribute.class_kind >= CLASS_SLOT) {
        learnt.kind = KIND_CLASS;
        learnt.index = (int8_t)(attribute.offset / 8);
        known = attribute.class_kind != CLASS_SLOT || fits_index(attribute.offset, 0, INT8_MAX);
    }
    else {
        known = entry_storage(&learnt, type, &attribute);
    }
    if (attribute.protocol == PROTOCOL_GETATTR_HOOK) {
        learnt.flags |= FLAG_HOOK;
    }
    if (attribute.class_kind == CLASS_SLOT && attribute.member_type == _Py_T_OBJECT) {
        learnt.flags |= FLAG_NONE;
    }
    AttrEntry *place = known ? place_for(cell) : NULL;
    if (place != NULL) {
        *place = learnt;
    }
    return place;
}

/* Learns what a store does. Called after the first store was made, so that a new name is among the shared keys. */
static void learn_store(AttrCell *cell, PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);
    if (gives_up(cell)) {
        return;
    }
    Attribute attribute;
    attribute_of_store(type, cell->name, &attribute);
    if (attribute.version == 0 || attribute.protocol == PROTOCOL_OTHER) {
        return;
    }
    AttrEntry learnt = {.version = attribute.version, .object = attribute.descriptor};
    learnt.flags = (uint8_t)(attribute.class_kind | (attribute.recheck ? FLAG_RECHECK : 0));
    int known = 1;
    if (attribute.protocol == PROTOCOL_PYTHON) {
        learnt.kind = KIND_PYTHON;
        learnt.object = attribute.function;
    }
    else if (attribute.overrides) {
        learnt.kind = KIND_CLASS;
        learnt.index = (int8_t)(attribute.offset / 8);
        known = attribute.class_kind == CLASS_PROPERTY || attribute.class_kind == CLASS_GETSET ||
                (attribute.class_kind == CLASS_SLOT && fits_index(attribute.offset, 0, INT8_MAX) &&
                 !(attribute.member_flags & Py_READONLY));
    }
    else {
        known = entry_storage(&learnt, type, &attribute) && learnt.kind != KIND_CLASS && learnt.kind != KIND_NO_KEY;
    }
    AttrEntry *place = known ? place_for(cell) : NULL;
    if (place != NULL) {
        *place = learnt;
    }
}

/* --- loading --------------------------------------------------------------------------------------------------------- */

/* Calls with up to three arguments; borrows all, returns new. The callable is kept alive: what it does may take it out
 * of its class. */
static PyObject *call_kept(PyObject *callable, PyObject *first, PyObject *second, PyObject *third)
{
    PyObject *stack[4] = {NULL, first, second, third};
    size_t count = second == NULL ? 1 : third == NULL ? 2 : 3;
    Py_INCREF(callable);
    PyObject *result = _PyObject_VectorcallTstate(PyThreadState_Get(), callable, stack + 1,
                                                  count | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL);
    Py_DECREF(callable);
    return result;
}

/* Results of a look-up: found, *value is a new reference; not there, no exception; error; or not known here. */
enum { FOUND = 1, MISSING = 0, FAILED = -1, UNKNOWN = -2 };

static int found_or_failed(PyObject *result, PyObject **value)
{
    *value = result;
    return result != NULL ? FOUND : FAILED;
}

/* The instance's own value in its dict, if it has a dict. *value is borrowed. */
static int find_in_dict(PyObject *object, AttrEntry *entry, PyObject *name, int index, PyObject **value)
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
    if (entry->kind != KIND_NO_KEY) {
        entry->hint = (uint32_t)position;
    }
    *value = dict_entry_value(dict, position);
    return *value != NULL ? FOUND : MISSING;
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
        if ((entry->flags & FLAG_RECHECK) && Py_TYPE(descriptor)->tp_descr_get != NULL) {
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
    if (Py_TYPE(descriptor)->tp_descr_get == NULL) {
        return UNKNOWN;
    }
    Py_INCREF(descriptor);
    int result = found_or_failed(
        Py_TYPE(descriptor)->tp_descr_get(descriptor, object, (PyObject *)Py_TYPE(object)), value);
    Py_DECREF(descriptor);
    return result;
}

/* A class's own attribute. *value is new. */
static int find_of_class(PyObject *class, const AttrEntry *entry, PyObject **value)
{
    PyObject *found = entry->object;
    switch (CLASS_KIND(entry)) {
    case CLASS_VALUE:
        if ((entry->flags & FLAG_RECHECK) && Py_TYPE(found)->tp_descr_get != NULL) {
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


/* The whole look-up, `__getattr__` included. *value is new. */
static int find_attribute(PyObject *object, AttrEntry *entry, PyObject *name, PyObject **value)
{
    int result;
    if (entry->kind == KIND_OF_CLASS) {
        return find_of_class(object, entry, value);
    }
    if (entry->kind == KIND_PYTHON) {
        return found_or_failed(call_kept(entry->object, object, name, NULL), value);
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
            if (function == NULL) { /* the descriptor took it away */
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

/* Everything but the first entry's simplest cases. Returns new. */
static __attribute__((noinline)) PyObject *load_attr_slowly(PyObject *object, AttrCell *cell)
{
    AttrEntry *entry = find_entry(cell, object);
    if (entry == NULL) {
        entry = learn_load(cell, object);
    }
    if (entry != NULL) {
        PyObject *value = NULL;
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

/* Borrows; returns new. */
PyObject *load_attr_cached(PyObject *object, AttrCell *cell)
{
    const AttrEntry *entry = &cell->first;
    if (__builtin_expect(entry->version == Py_TYPE(object)->tp_version_tag, 1)) {
        PyObject *value;
        if (entry->kind == KIND_VALUE) {
            PyDictValues *values = values_of(object, entry);
            value = values->values[entry->count];
            if (__builtin_expect(values->valid && value != NULL && instance_goes_first(entry), 1)) {
                return Py_NewRef(value);
            }
        }
        else if (entry->kind == KIND_CLASS && CLASS_KIND(entry) == CLASS_SLOT) {
            value = *word_at(object, entry->index);
            if (__builtin_expect(value != NULL, 1)) {
                return Py_NewRef(value);
            }
        }
    }
    return load_attr_slowly(object, cell);
}

/* --- loading to call ----------------------------------------------------------------------------------------------------- */

static inline ObjectPair unbound(PyObject *callable, PyObject *self)
{
    return (ObjectPair){Py_NewRef(callable), Py_NewRef(self)};
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
    const AttrEntry *entry = &cell->first;
    if (__builtin_expect(entry->version == Py_TYPE(object)->tp_version_tag && CLASS_KIND(entry) == CLASS_METHOD, 1)) {
        if (entry->kind == KIND_NO_KEY) {
            if (__builtin_expect(values_of(object, entry)->valid && entry->keys->dk_nentries == entry->count, 1)) {
                return unbound(entry->object, object);
            }
        }
        else if (entry->kind == KIND_CLASS ||
                 (entry->kind == KIND_DICT && *word_at(object, entry->index) == NULL)) {
            return unbound(entry->object, object);
        }
    }
    return load_method_slowly(object, cell);
}

/* --- asking ---------------------------------------------------------------------------------------------------------------- */

/* Borrows; *value is new. getattr() without an error for what is not there. */
static int find_optional(PyObject *object, AttrCell *cell, PyObject **value)
{
    AttrEntry *entry = find_entry(cell, object);
    if (entry == NULL) {
        entry = learn_load(cell, object);
    }
    *value = NULL;
    int result = entry != NULL ? find_attribute(object, entry, cell->name, value) : UNKNOWN;
    if (result == UNKNOWN || (result == MISSING && Py_TYPE(object)->tp_getattro == PyModule_Type.tp_getattro)) {
        return PyObject_GetOptionalAttr(object, cell->name, value);
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

/* Borrows; returns new. getattr(object, name, fallback). */
PyObject *get_attr_default_cached(PyObject *object, AttrCell *cell, PyObject *fallback)
{
    PyObject *value;
    return find_optional(object, cell, &value) == MISSING ? Py_NewRef(fallback) : value;
}

/* Borrows. hasattr(object, name). */
int has_attr_cached(PyObject *object, AttrCell *cell)
{
    PyObject *value;
    int result = find_optional(object, cell, &value);
    Py_XDECREF(value);
    return result;
}

/* --- storing ----------------------------------------------------------------------------------------------------------------- */

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
    case CLASS_SLOT: {
        PyObject *old = *word_at(object, entry->index);
        *word_at(object, entry->index) = Py_NewRef(value);
        Py_XDECREF(old);
        return 0;
    }
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

static __attribute__((noinline)) int store_attr_slowly(PyObject *object, PyObject *value, AttrCell *cell)
{
    AttrEntry *entry = find_entry(cell, object);
    int result = entry != NULL ? store_with(object, entry, cell->name, value) : UNKNOWN;
    if (result == UNKNOWN) {
        result = PyObject_SetAttr(object, cell->name, value);
        if (result == 0 && entry == NULL) {
            learn_store(cell, object);
        }
    }
    return result;
}

/* Borrows object and value. */
int store_attr_cached(PyObject *object, PyObject *value, AttrCell *cell)
{
    const AttrEntry *entry = &cell->first;
    if (__builtin_expect(entry->version == Py_TYPE(object)->tp_version_tag && entry->kind == KIND_VALUE &&
                             !(entry->flags & FLAG_RECHECK),
                         1)) {
        if (__builtin_expect(store_inline(object, entry, value) == 0, 1)) {
            return 0;
        }
    }
    return store_attr_slowly(object, value, cell);
}
