/* Inline caches: attribute loads and stores that learn.
 *
 * A cell holds up to eight types' answers: the first inside of it, seven more in a block made when a second type
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
#include "cache_entry.h"
#include "enter.h"

#define REPLACEMENTS_MAX 24 /* after so many a site is left to CPython's look-up */

static AttrMore *all_blocks;

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

AttrEntry *find_entry(AttrCell *cell, PyObject *object)
{
    uint32_t tag = tag_of(Py_TYPE(object));
    if (tag == 0) {
        return NULL;
    }
    if (entry_fits(&cell->first, object, tag)) {
        return &cell->first;
    }
    if (cell->more != NULL) {
        for (AttrEntry *entry = cell->more->entries; entry < cell->more->entries + ATTR_MORE; entry++) {
            if (entry_fits(entry, object, tag)) {
                return entry;
            }
        }
    }
    return NULL;
}

/* --- learning ------------------------------------------------------------------------------------------------------ */

/* Whether, as far as the interpreter's table tells, no type has this version any more. The table forgets types when
 * there are thousands, so what is replaced for this reason counts as replaced too. Types that cannot change, which have the
 * first tags, keep theirs. */
static int version_is_dead(uint32_t version)
{
    if (version <= _Py_MAX_GLOBAL_TYPE_VERSION_TAG) {
        return version == 0;
    }
    if (version >= RESTLESS_TAGS) {
        return restless_tag_is_over(version);
    }
    PyTypeObject *type = PyInterpreterState_Get()->types.type_version_cache[version % TYPE_VERSION_CACHE_SIZE];
    return type == NULL || type->tp_version_tag != version;
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
    if (cell->first.version == 0) {
        return &cell->first;
    }
    AttrMore *more = cell->more != NULL ? cell->more : new_block(cell);
    if (more == NULL) {
        return NULL;
    }
    if (more->replaced < REPLACEMENTS_MAX && version_is_dead(cell->first.version)) {
        more->replaced++;
        return &cell->first;
    }
    for (int i = 0; i < ATTR_MORE; i++) {
        if (more->entries[i].version == 0) {
            return &more->entries[i];
        }
    }
    return more->replaced < REPLACEMENTS_MAX ? &more->entries[more->replaced++ % ATTR_MORE] : NULL;
}

/* Whether the site has seen too many types: it is left to CPython's look-up from now on. */
static int gives_up(const AttrCell *cell)
{
    return cell->more != NULL && cell->more->replaced >= REPLACEMENTS_MAX &&
           cell->more->entries[ATTR_MORE - 1].version != 0;
}

/* An entry whose class has another tag by now; NULL: there is none, and will be none before all tags of ours are over. A class that
 * becomes restless has used up many tags of CPython's, and so the replacements of the sites that it came to. */
static AttrEntry *dead_entry(AttrCell *cell)
{
    AttrMore *more = cell->more;
    if (more->first_tag == restless_first_tag) {
        return NULL;
    }
    if (version_is_dead(cell->first.version)) {
        return &cell->first;
    }
    for (int i = 0; i < ATTR_MORE; i++) {
        if (version_is_dead(more->entries[i].version)) {
            return &more->entries[i];
        }
    }
    more->first_tag = restless_first_tag;
    return NULL;
}

AttrEntry *keep_restless(AttrCell *cell, AttrEntry *entry)
{
    AttrEntry *place = entry == NULL ? NULL : gives_up(cell) ? dead_entry(cell) : place_for(cell);
    if (place == NULL) {
        return entry;
    }
    *place = *entry;
    return place;
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
    entry->class_version = meta->recheck ? 0 : version_of(class);
    if (entry->class_version == 0) {
        return 0;
    }
    PyObject *found = _PyType_Lookup(class, name);
    if (found == NULL) {
        entry->kind = KIND_OF_METACLASS;
        return 1;
    }
    entry_for_class(entry, found);
    return 1;
}

void entry_for_class(AttrEntry *entry, PyObject *found)
{
    entry->kind = KIND_OF_CLASS;
    entry->object = found;
    entry->flags = CLASS_NOTHING;
    if (found == NULL) {
        return;
    }
    PyTypeObject *kind = Py_TYPE(found);
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
}

static uint8_t flags_of(const Attribute *attribute)
{
    return (uint8_t)(attribute->class_kind | (attribute->recheck ? FLAG_RECHECK : 0));
}

int entry_for_load(AttrEntry *entry, PyTypeObject *type, const Attribute *attribute)
{
    entry->object = attribute->descriptor;
    entry->flags = flags_of(attribute);
    if (attribute->class_kind == CLASS_SLOT && attribute->member_type == _Py_T_OBJECT) {
        entry->flags |= FLAG_NONE;
    }
    if (attribute->class_kind < CLASS_SLOT) {
        return entry_storage(entry, type, attribute);
    }
    entry->kind = KIND_CLASS;
    entry->index = (int8_t)(attribute->offset / 8);
    return attribute->class_kind != CLASS_SLOT || fits_index(attribute->offset, 0, INT8_MAX);
}

int entry_for_store(AttrEntry *entry, PyTypeObject *type, const Attribute *attribute)
{
    entry->object = attribute->descriptor;
    entry->flags = flags_of(attribute);
    if (!attribute->overrides) {
        if (!entry_storage(entry, type, attribute) || entry->kind == KIND_CLASS) {
            return 0;
        }
        if (entry->kind == KIND_NO_KEY) {
            /* A store has been made, and the name is none of the shared keys: it went into the instance's dict. */
            entry->kind = KIND_DICT;
            entry->index = MANAGED_DICT_OFFSET / 8;
            entry->hint = 0;
        }
        return 1;
    }
    entry->kind = KIND_CLASS;
    entry->index = (int8_t)(attribute->offset / 8);
    return attribute->class_kind == CLASS_PROPERTY || attribute->class_kind == CLASS_GETSET ||
           (attribute->class_kind == CLASS_SLOT && fits_index(attribute->offset, 0, INT8_MAX) &&
            !(attribute->member_flags & Py_READONLY));
}

int describe_load(AttrEntry *entry, PyTypeObject *type, PyObject *name, Attribute *attribute)
{
    attribute_of_load(type, name, attribute);
    switch (attribute->protocol) {
    case PROTOCOL_OTHER:
    case PROTOCOL_TYPE:
        return 0;
    case PROTOCOL_PYTHON:
        entry->kind = KIND_PYTHON;
        entry->object = attribute->function;
        entry->flags = flags_of(attribute);
        return 1;
    case PROTOCOL_GETATTR_OTHER:
        /* CPython's own look-up calls it, which begins anew: what the class has must not have run by then. */
        if (attribute->class_kind > CLASS_CLASSMETHOD && attribute->class_kind != CLASS_SLOT) {
            return 0;
        }
        break;
    default:
        break;
    }
    int known = entry_for_load(entry, type, attribute);
    if (attribute->protocol == PROTOCOL_GETATTR_HOOK || attribute->protocol == PROTOCOL_GETATTR_OTHER) {
        entry->flags |= FLAG_HOOK;
    }
    return known;
}

/* Learns what a load does. The entry, or NULL where nothing can be relied on. */
AttrEntry *learn_load(AttrCell *cell, PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);
    if (is_restless(type)) {
        return keep_restless(cell, kept_lookup(type, cell->name, LOOKUP_LOAD));
    }
    if (type == &PyType_Type && is_restless((PyTypeObject *)object)) {
        return keep_restless(cell, kept_lookup((PyTypeObject *)object, cell->name, LOOKUP_CLASS));
    }
    if (gives_up(cell)) {
        return kept_lookup_of(object, cell->name, LOOKUP_LOAD);
    }
    AttrEntry learnt = {.version = version_of(type)};
    if (learnt.version == 0) {
        return NULL;
    }
    Attribute attribute;
    int known = describe_load(&learnt, type, cell->name, &attribute);
    if (attribute.protocol == PROTOCOL_TYPE) {
        learnt.object = attribute.descriptor;
        learnt.flags = flags_of(&attribute);
        known = entry_of_class(&learnt, (PyTypeObject *)object, cell->name, &attribute);
    }
    AttrEntry *place = known ? place_for(cell) : NULL;
    if (place != NULL) {
        *place = learnt;
    }
    return place;
}

/* Learns what a store does. Called after the first store was made, so that a new name is among the shared keys. */
void learn_store(AttrCell *cell, PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);
    AttrEntry learnt = {.version = gives_up(cell) ? 0 : version_of(type)};
    if (learnt.version == 0) {
        return;
    }
    Attribute attribute;
    attribute_of_store(type, cell->name, &attribute);
    if (attribute.protocol == PROTOCOL_OTHER) {
        return;
    }
    int known = 1;
    if (attribute.protocol == PROTOCOL_PYTHON) {
        learnt.kind = KIND_PYTHON;
        learnt.object = attribute.function;
        learnt.flags = flags_of(&attribute);
    }
    else {
        known = entry_for_store(&learnt, type, &attribute);
    }
    AttrEntry *place = known ? place_for(cell) : NULL;
    if (place != NULL) {
        *place = learnt;
    }
}

/* Calls with up to three arguments; borrows all, returns new. The callable is kept alive: what it does may take it out
 * of its class. */
PyObject *call_kept(PyObject *callable, PyObject *first, PyObject *second, PyObject *third)
{
    PyObject *stack[4] = {NULL, first, second, third}, *result;
    size_t count = second == NULL ? 1 : third == NULL ? 2 : 3;
    PyFunctionObject *function = PyFunction_Check(callable) ? (PyFunctionObject *)callable : NULL;
    CodeRecord *record = function != NULL ? record_entered_by(function->vectorcall) : NULL;
    Py_INCREF(callable);
    if (LIKELY(record != NULL)) {
        result = enter_within(PyThreadState_GetUnchecked(), function, stack + 1, count, NULL, record);
    }
    else {
        result = PyObject_Vectorcall(callable, stack + 1, count | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL);
    }
    Py_DECREF(callable);
    return result;
}
