/* Records, artifacts and callees: how compiled code is installed, kept and given up.
 *
 * Ownership. A code object owns its CodeRecord (co_extra); the record and the list of all artifacts share the current
 * artifact. An artifact owns its constants, its block of code and its cells. Heap types among the constants are held
 * weakly: a type's methods would otherwise keep it alive through their own code, out of the collector's sight. A type
 * that dies retires the artifact. Functions reached by direct calls are held by their Callee, a constant.
 *
 * The graveyard. Retired code, and objects that a running frame may borrow from, stay until no compiled code is on any
 * thread's stack. `live_entries` counts the entries from C (calls between compiled functions are inside of one), so it
 * costs two instructions an entry; suspended greenlets count as running, which is right. A body that never ends pins
 * everything retired after it began: that is bounded by the number of times a function may be compiled. */
#include "artifact.h"

#include "count.h"
#include "enter.h"
#include "leave.h"
#include "statistics.h"
#include "tools.h"
#include "watch.h"

#if __has_include("inline_cache.h")
#include "inline_cache.h"
#define PYSTON_INLINE_CACHES
#endif

size_t live_entries;
Artifact *all_artifacts;
CodeRecord *all_records;
bool graveyard_occupied;

static Py_ssize_t extra_index = -1;
static Artifact *dead_artifacts;
static PyObject **dead_objects; /* owned references */
static size_t dead_object_count, dead_object_capacity;

/* --- records ----------------------------------------------------------------------------------------------- */

/* The code object dies. */
static void
record_free(void *extra)
{
    CodeRecord *record = extra;
    if (record == NULL) {
        return;
    }
    if (record->artifact != NULL) {
        artifact_retire(record->artifact, "code died");
    }
    for (Artifact *artifact = dead_artifacts; artifact != NULL; artifact = artifact->next) {
        if (artifact->record == record) {
            artifact->record = NULL;
        }
    }
    CHECK(record->callees == NULL); /* each would keep its function, and so the code, alive */
    *record->link = record->next;
    if (record->next != NULL) {
        record->next->link = record->link;
    }
    code_free(&record->stub);
    PyObject *history = record->exit_history;
    PyMem_RawFree(record);
    if (!host_finalizing()) {
        Py_XDECREF(history);
        bury();
    }
}

/* What `co_extra` points to; `check_extra_layout` makes sure. */
typedef struct {
    Py_ssize_t size;
    void *items[];
} CodeExtra;

CodeRecord *
record_if_any(PyCodeObject *code)
{
    const CodeExtra *extra = code->co_extra;
    return extra != NULL && extra_index < extra->size ? extra->items[extra_index] : NULL;
}

/* 0, or -1 with an exception set. */
static int
check_extra_layout(void)
{
    PyCodeObject *code = PyCode_NewEmpty("<pyston>", "<pyston>", 1);
    CodeRecord *record = code != NULL ? record_of(code) : NULL;
    bool good = record != NULL && record_if_any(code) == record;
    Py_XDECREF(code);
    if (!good && !PyErr_Occurred()) {
        PyErr_SetString(PyExc_ImportError, "pyston is off: data on code objects is not where it should be");
    }
    return good ? 0 : -1;
}

CodeRecord *
record_of(PyCodeObject *code)
{
    CodeRecord *record = record_if_any(code);
    if (record != NULL) {
        return record;
    }
    record = PyMem_RawCalloc(1, sizeof(CodeRecord));
    if (record == NULL) {
        return NULL;
    }
    if (PyUnstable_Code_SetExtra((PyObject *)code, extra_index, record) < 0) {
        PyErr_Clear();
        PyMem_RawFree(record);
        return NULL;
    }
    record->code = code;
    record->state = STATE_COUNTING;
    record->limit = count_threshold;
    record->simple = (code->co_flags & (CO_VARARGS | CO_VARKEYWORDS)) == 0 && code->co_kwonlyargcount == 0;
    record->next = all_records;
    record->link = &all_records;
    if (all_records != NULL) {
        all_records->link = &record->next;
    }
    all_records = record;
    return record;
}

/* The vectorcall entry of the record's functions: loads the record and goes on to enter_compiled. 0, or -1. */
static int
make_stub(CodeRecord *record)
{
    if (record->stub.size != 0) {
        return 0;
    }
    unsigned char bytes[15] = {0x49, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0xE9}; /* movabs r8, record; jmp rel32 */
    if (code_allocate(sizeof(bytes), &record->stub) < 0) {
        return -1;
    }
    char *end = record->stub.address + sizeof(bytes);
    void *target = (void *)enter_compiled;
    if (!reaches(end, target)) {
        target = code_island(target);
    }
    if (target == NULL || !reaches(end, target)) {
        code_free(&record->stub);
        return -1;
    }
    int32_t distance = (int32_t)((char *)target - end);
    memcpy(bytes + 2, &record, sizeof(record));
    memcpy(bytes + 11, &distance, sizeof(distance));
    code_write(&record->stub, bytes, sizeof(bytes));
    return 0;
}

/* --- callees ----------------------------------------------------------------------------------------------- */

static void
set_callee_bodies(CodeRecord *record)
{
    for (Callee *callee = record->callees; callee != NULL; callee = callee->next) {
        bool compiled = record->artifact != NULL && record_serves(record, callee->function);
        callee->body = compiled ? record->artifact->body : interpret_body;
    }
}

static void
callee_unlink(Callee *callee)
{
    if (callee->record != NULL) {
        Callee **link = &callee->record->callees;
        while (*link != callee) {
            link = &(*link)->next;
        }
        *link = callee->next;
        callee->record = NULL;
    }
}

static void
callee_dealloc(PyObject *self)
{
    Callee *callee = (Callee *)self;
    callee_unlink(callee);
    Py_XDECREF(callee->function);
    PyObject_Free(self);
}

static PyObject *
callee_repr(PyObject *self)
{
    Callee *callee = (Callee *)self;
    return PyUnicode_FromFormat("<callee %U>", callee->function->func_qualname);
}

PyTypeObject Callee_Type = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "pyston._runtime.Callee",
    .tp_doc = "What a compiled caller needs to know of a function that it calls directly.",
    .tp_basicsize = sizeof(Callee),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .tp_dealloc = callee_dealloc,
    .tp_repr = callee_repr,
};

PyObject *
callee_of(PyFunctionObject *function)
{
    PyCodeObject *code = (PyCodeObject *)function->func_code;
    CodeRecord *record = record_of(code);
    if (record == NULL) {
        return PyErr_NoMemory();
    }
    for (Callee *callee = record->callees; callee != NULL; callee = callee->next) {
        if (callee->function == function) {
            return Py_NewRef(callee);
        }
    }
    Callee *callee = PyObject_New(Callee, &Callee_Type);
    if (callee == NULL) {
        return NULL;
    }
    int arguments = code->co_argcount + code->co_kwonlyargcount + ((code->co_flags & CO_VARARGS) != 0)
                    + ((code->co_flags & CO_VARKEYWORDS) != 0);
    callee->frame_bytes = (uint32_t)code->co_framesize * sizeof(PyObject *);
    callee->first_null = (uint32_t)arguments;
    callee->null_slots = (uint32_t)(code->co_nlocalsplus - arguments);
    callee->padding = 0;

    _PyInterpreterFrame header;
    memset(&header, 0, sizeof(header));
    header.f_executable = PyStackRef_FromPyObjectBorrow((PyObject *)code);
    header.f_funcobj = PyStackRef_FromPyObjectBorrow((PyObject *)function);
    header.f_globals = function->func_globals;
    header.f_builtins = function->func_builtins;
    header.instr_ptr = FIRST_UNIT(code);
    header.owner = FRAME_OWNED_BY_THREAD;
    size_t stack_base = sizeof(callee->template) + sizeof(_PyStackRef) * (size_t)code->co_nlocalsplus;
    header.stackpointer = (_PyStackRef *)stack_base; /* push_frame adds the frame's address */
    memcpy(callee->template, &header, sizeof(callee->template));

    callee->function = (PyFunctionObject *)Py_NewRef(function);
    callee->record = record;
    callee->next = record->callees;
    record->callees = callee;
    set_callee_bodies(record);
    return (PyObject *)callee;
}

void
callee_detach(PyFunctionObject *function)
{
    CodeRecord *record = record_if_any((PyCodeObject *)function->func_code);
    if (record == NULL) {
        return;
    }
    for (Callee *callee = record->callees; callee != NULL; callee = callee->next) {
        if (callee->function == function) {
            callee->frame_bytes = UINT32_MAX;
            callee->body = interpret_body;
            callee_unlink(callee);
            return;
        }
    }
}

/* --- the graveyard ----------------------------------------------------------------------------------------- */

void
keep_until_safe(PyObject *object)
{
    if (dead_object_count == dead_object_capacity) {
        size_t capacity = dead_object_capacity ? dead_object_capacity * 2 : 64;
        PyObject **objects = PyMem_RawRealloc(dead_objects, capacity * sizeof(PyObject *));
        if (objects == NULL) {
            return; /* lives for ever */
        }
        dead_objects = objects;
        dead_object_capacity = capacity;
    }
    dead_objects[dead_object_count++] = object;
    graveyard_occupied = true;
}

static void
artifact_free(Artifact *artifact)
{
    watch_remove(artifact);
    code_free(&artifact->block);
#ifdef PYSTON_INLINE_CACHES
    if (artifact->cells != NULL) {
        inline_cache_forget(artifact->cells, artifact->cells_size - sizeof(uintptr_t));
    }
#endif
    cells_free(artifact->version, artifact->cells_size);
    PyMem_RawFree(artifact->exits);
    PyMem_RawFree(artifact->recipes);
    PyObject *constants = artifact->constants;
    PyMem_RawFree(artifact);
    Py_XDECREF(constants);
}

void
bury(void)
{
    static bool burying;
    if (burying || live_entries != 0 || host_finalizing()) {
        return;
    }
    burying = true;
    PyObject *exception = PyErr_GetRaisedException();
    /* Finalizers may run compiled code and retire more; look anew each time. */
    while (live_entries == 0 && (dead_artifacts != NULL || dead_object_count != 0)) {
        if (dead_artifacts != NULL) {
            Artifact *artifact = dead_artifacts;
            dead_artifacts = artifact->next;
            artifact_free(artifact);
        }
        else {
            PyObject *object = dead_objects[--dead_object_count];
            Py_DECREF(object);
        }
    }
    graveyard_occupied = dead_artifacts != NULL || dead_object_count != 0;
    PyErr_SetRaisedException(exception);
    burying = false;
}

void
artifact_retire(Artifact *artifact, const char *reason)
{
    if (artifact->retired) {
        return;
    }
    artifact->retired = true;
    *artifact->version = VERSION_NEVER;
    if (artifact->link == NULL) {
        return; /* still being installed; artifact_install looks */
    }
    LOG("retired %s: %s", log_name(artifact->code), reason);
    statistics_retire(reason);
    statistics_keep_exits(artifact);
    CodeRecord *record = artifact->record;
    if (record != NULL && record->artifact == artifact) {
        record->artifact = NULL;
        set_callee_bodies(record);
        if (record->state == STATE_COMPILED) {
            count_again(record, record->limit);
        }
    }
    watch_remove(artifact);
    *artifact->link = artifact->next;
    if (artifact->next != NULL) {
        artifact->next->link = artifact->link;
    }
    artifact->link = NULL;
    artifact->next = dead_artifacts;
    dead_artifacts = artifact;
    graveyard_occupied = true;
}

/* --- installing -------------------------------------------------------------------------------------------- */

/* Names of the attributes read below, interned. */
static struct {
    PyObject *code, *hot_bytes, *relocations, *helpers, *constants, *cells, *cell_objects, *exits, *epilogue,
        *dependencies, *instructions, *kind, *position, *target, *addend, *offset, *lasti, *stack_depth, *reason,
        *entries, *dest, *repr, *where, *index;
} name;

/* Reads an integer attribute. -1 with an exception set on failure (and legitimately). */
static int64_t
get_int(PyObject *object, PyObject *attribute)
{
    PyObject *value = PyObject_GetAttr(object, attribute);
    if (value == NULL) {
        return -1;
    }
    int64_t result = PyLong_AsLongLong(value);
    Py_DECREF(value);
    return result;
}

/* A new fast sequence of the attribute, or NULL with an exception set. */
static PyObject *
get_list(PyObject *object, PyObject *attribute)
{
    PyObject *value = PyObject_GetAttr(object, attribute);
    if (value == NULL) {
        return NULL;
    }
    PyObject *list = PySequence_Fast(value, "an artifact's list");
    Py_DECREF(value);
    return list;
}

/* What is being built. Everything in it is released by `abandon` unless taken. */
typedef struct {
    Artifact *artifact;
    const char *problem;
    PyObject *code;      /* owned bytes */
    PyObject *helpers;   /* owned sequence of str */
    PyObject *constants; /* owned sequence: the objects themselves */
    char *text;          /* copy of the code, relocations applied */
} Building;

static size_t
put_varint(unsigned char *out, uint32_t value)
{
    size_t n = 0;
    while (value >= 0x80) {
        out[n++] = (unsigned char)(value | 0x80);
        value >>= 7;
    }
    out[n++] = (unsigned char)value;
    return n;
}

static const unsigned char *
get_varint(const unsigned char *at, uint32_t *value)
{
    uint32_t result = 0;
    int shift = 0;
    while (*at & 0x80) {
        result |= (uint32_t)(*at++ & 0x7F) << shift;
        shift += 7;
    }
    *value = result | (uint32_t)*at << shift;
    return at + 1;
}

/* An entry is a byte 1 | repr << 1 | where << 4, then dest + 1 (0: drop) and the index (zigzag) as varints. */
const unsigned char *
recipe_next(const unsigned char *at, RecipeEntry *entry)
{
    uint32_t dest, index;
    entry->repr = (*at >> 1) & 7;
    entry->where = (*at >> 4) & 7;
    at = get_varint(at + 1, &dest);
    at = get_varint(at, &index);
    entry->dest = dest == 0 ? DEST_DROP : (uint16_t)(dest - 1);
    entry->index = (int32_t)(index >> 1) ^ -(int32_t)(index & 1);
    return at;
}

/* A new bytes object with the recipe of `entries` (borrowed), or NULL with an exception set. */
static PyObject *
encode_recipe(PyObject *entries, const Artifact *artifact, Py_ssize_t constant_count)
{
    Py_ssize_t count = PySequence_Fast_GET_SIZE(entries);
    PyObject *bytes = PyBytes_FromStringAndSize(NULL, count * 11 + 1);
    if (bytes == NULL) {
        return NULL;
    }
    unsigned char *out = (unsigned char *)PyBytes_AS_STRING(bytes);
    size_t size = 0;
    Py_ssize_t frame_slots = artifact->code->co_nlocalsplus + artifact->code->co_stacksize;
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *entry = PySequence_Fast_GET_ITEM(entries, i);
        int64_t dest = get_int(entry, name.dest), repr = get_int(entry, name.repr);
        int64_t where = get_int(entry, name.where), index = get_int(entry, name.index);
        if (PyErr_Occurred()) {
            goto fail;
        }
        bool good = (dest == DEST_DROP || (dest >= 0 && dest < frame_slots)) && repr >= REPR_OWNED && repr <= REPR_NULL
                    && where >= WHERE_GPR && where <= WHERE_IMM && index == (int32_t)index;
        if (good && (where == WHERE_GPR || where == WHERE_XMM)) {
            good = index >= 0 && index < 16;
        }
        if (good && where == WHERE_CONST) {
            good = index >= 0 && index < constant_count;
        }
        if (good && where == WHERE_SLOT) {
            good = index >= 0 && index < frame_slots;
        }
        if (!good) {
            PyErr_Format(PyExc_ValueError, "bad exit entry: dest %lld, repr %lld, where %lld, index %lld",
                         (long long)dest, (long long)repr, (long long)where, (long long)index);
            goto fail;
        }
        out[size++] = (unsigned char)(1 | repr << 1 | where << 4);
        size += put_varint(out + size, dest == DEST_DROP ? 0 : (uint32_t)dest + 1);
        size += put_varint(out + size, (uint32_t)index << 1 ^ (uint32_t)((int32_t)index >> 31));
    }
    out[size++] = 0;
    _PyBytes_Resize(&bytes, (Py_ssize_t)size);
    return bytes;

fail:
    Py_DECREF(bytes);
    return NULL;
}

/* Fills the exit table from the artifact's list. 0, or -1 with an exception set. */
static int
build_exits(Building *building, PyObject *source)
{
    Artifact *artifact = building->artifact;
    PyObject *exits = get_list(source, name.exits);
    PyObject *known = PyDict_New(); /* recipe -> where it is */
    PyObject *entries = NULL, *recipe = NULL;
    int result = -1;
    if (exits == NULL || known == NULL) {
        goto done;
    }
    Py_ssize_t count = PySequence_Fast_GET_SIZE(exits);
    uint32_t size = 0, capacity = 0;
    if (count > 0) {
        artifact->exits = PyMem_RawCalloc((size_t)count, sizeof(ExitPoint));
        if (artifact->exits == NULL) {
            PyErr_NoMemory();
            goto done;
        }
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *item = PySequence_Fast_GET_ITEM(exits, i);
        ExitPoint *point = &artifact->exits[i];
        int64_t kind = get_int(item, name.kind), offset = get_int(item, name.offset);
        int64_t lasti = get_int(item, name.lasti), depth = get_int(item, name.stack_depth);
        PyObject *reason = PyErr_Occurred() ? NULL : PyObject_GetAttr(item, name.reason);
        if (reason == NULL) {
            goto done;
        }
        int number = reason_number(reason);
        Py_DECREF(reason);
        if (number < 0) {
            goto done;
        }
        if (kind < EXIT_GUARD || kind > EXIT_RERAISE || offset < 0 || offset >= Py_SIZE(artifact->code) || lasti < 0
            || lasti - offset > 3 || offset - lasti > 64 || depth < 0 || depth > artifact->code->co_stacksize) {
            PyErr_Format(PyExc_ValueError, "bad exit %zd: kind %lld, offset %lld, lasti %lld, depth %lld", i,
                         (long long)kind, (long long)offset, (long long)lasti, (long long)depth);
            goto done;
        }
        Py_XSETREF(entries, get_list(item, name.entries));
        if (entries == NULL) {
            goto done;
        }
        Py_XSETREF(recipe, encode_recipe(entries, artifact, PySequence_Fast_GET_SIZE(building->constants)));
        if (recipe == NULL) {
            goto done;
        }
        PyObject *place = PyDict_GetItemWithError(known, recipe); /* borrowed */
        if (place == NULL) {
            uint32_t length = (uint32_t)PyBytes_GET_SIZE(recipe);
            if (size + length > capacity) {
                capacity = (size + length) * 2;
                unsigned char *recipes = PyMem_RawRealloc(artifact->recipes, capacity);
                if (recipes == NULL) {
                    PyErr_NoMemory();
                    goto done;
                }
                artifact->recipes = recipes;
            }
            memcpy(artifact->recipes + size, PyBytes_AS_STRING(recipe), length);
            PyObject *here = PyLong_FromUnsignedLong(size);
            if (here == NULL || PyDict_SetItem(known, recipe, here) < 0) {
                Py_XDECREF(here);
                goto done;
            }
            Py_DECREF(here);
            point->recipe = size;
            size += length;
        }
        else {
            point->recipe = (uint32_t)PyLong_AsUnsignedLong(place);
        }
        point->kind = (uint8_t)kind;
        point->offset = (uint32_t)offset;
        point->lasti_delta = (int8_t)(lasti - offset);
        point->stack_depth = (uint16_t)depth;
        point->reason = (uint16_t)number;
    }
    if (size != 0) { /* shrinking cannot fail in a way that matters */
        unsigned char *recipes = PyMem_RawRealloc(artifact->recipes, size);
        artifact->recipes = recipes != NULL ? recipes : artifact->recipes;
    }
    artifact->exit_count = (uint32_t)count;
    result = 0;
done:
    Py_XDECREF(exits);
    Py_XDECREF(known);
    Py_XDECREF(entries);
    Py_XDECREF(recipe);
    return result;
}

/* Applies one relocation to the text. 0, or -1: building->problem, or an exception, is set. */
static int
relocate(Building *building, PyObject *relocation)
{
    Artifact *artifact = building->artifact;
    int64_t kind = get_int(relocation, name.kind), position = get_int(relocation, name.position);
    int64_t target = get_int(relocation, name.target), addend = get_int(relocation, name.addend);
    if (PyErr_Occurred()) {
        return -1;
    }
    int64_t width = kind == RELOC_CONST_ABS64 || kind == RELOC_ARTIFACT_ABS64 ? 8 : 4;
    if (position < 0 || position > PyBytes_GET_SIZE(building->code) - width) {
        PyErr_Format(PyExc_ValueError, "relocation at %lld lies outside of the code", (long long)position);
        return -1;
    }
    char *end = artifact->block.address + position + 4;
    int64_t value;
    void *address;
    switch (kind) {
    case RELOC_HELPER_REL32:
    case RELOC_PRESERVING_REL32: {
        if (target < 0 || target >= PySequence_Fast_GET_SIZE(building->helpers)) {
            goto bad;
        }
        const char *helper = PyUnicode_AsUTF8(PySequence_Fast_GET_ITEM(building->helpers, target));
        if (helper == NULL) {
            return -1;
        }
        address = helper_address(helper);
        if (address == NULL) {
            PyErr_Format(PyExc_ValueError, "no helper named %s", helper);
            return -1;
        }
        if (kind == RELOC_PRESERVING_REL32) {
            address = code_preserving_entry(address);
        }
        else if (!reaches(end, address)) {
            address = code_island(address);
        }
        break;
    }
    case RELOC_CELL_REL32:
        if (target < 0 || target > (int64_t)artifact->cells_size) {
            goto bad;
        }
        address = artifact->cells + target;
        break;
    case RELOC_VERSION_REL32:
        address = artifact->version;
        break;
    case RELOC_CONST_ABS64:
    case RELOC_CONST_ABS32:
        if (target < 0 || target >= PySequence_Fast_GET_SIZE(building->constants)) {
            goto bad;
        }
        value = (int64_t)(intptr_t)PySequence_Fast_GET_ITEM(building->constants, target) + addend;
        if (width == 4 && value != (int32_t)value) {
            PyErr_SetString(PyExc_ValueError, "a constant's address does not fit into 32 bits");
            return -1;
        }
        memcpy(building->text + position, &value, (size_t)width);
        return 0;
    case RELOC_CODE_LO32:
        value = (int64_t)(intptr_t)FIRST_UNIT(artifact->code) + 2 * addend;
        memcpy(building->text + position, &value, 4);
        return 0;
    case RELOC_ARTIFACT_ABS64:
        value = (int64_t)(intptr_t)artifact;
        memcpy(building->text + position, &value, 8);
        return 0;
    default:
        goto bad;
    }
    if (address == NULL || !reaches(end, address)) {
        building->problem = "no code memory";
        return -1;
    }
    int32_t distance = (int32_t)((char *)address - end) + (int32_t)addend;
    memcpy(building->text + position, &distance, sizeof(distance));
    return 0;

bad:
    PyErr_Format(PyExc_ValueError, "bad relocation: kind %lld, target %lld", (long long)kind, (long long)target);
    return -1;
}

static int
build_code(Building *building, PyObject *source)
{
    Artifact *artifact = building->artifact;
    size_t size = (size_t)PyBytes_GET_SIZE(building->code);
    int64_t epilogue = get_int(source, name.epilogue);
    if (epilogue < 0 || (size_t)epilogue >= size) {
        if (!PyErr_Occurred()) {
            PyErr_SetString(PyExc_ValueError, "the epilogue lies outside of the code");
        }
        return -1;
    }
    if (code_allocate(size, &artifact->block) < 0) {
        building->problem = "no code memory";
        return -1;
    }
    artifact->body = (BodyFunction)(void *)artifact->block.address;
    artifact->epilogue = artifact->block.address + epilogue;
    building->text = PyMem_RawMalloc(size);
    if (building->text == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    memcpy(building->text, PyBytes_AS_STRING(building->code), size);
    PyObject *relocations = get_list(source, name.relocations);
    if (relocations == NULL) {
        return -1;
    }
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(relocations); i++) {
        if (relocate(building, PySequence_Fast_GET_ITEM(relocations, i)) < 0) {
            Py_DECREF(relocations);
            return -1;
        }
    }
    Py_DECREF(relocations);
    code_write(&artifact->block, building->text, size);
    return 0;
}

/* Cells, the constants to keep, and pointers from the one to the other. */
static int
build_cells(Building *building, PyObject *source)
{
    Artifact *artifact = building->artifact;
    PyObject *cells = PyObject_GetAttr(source, name.cells);
    PyObject *objects = cells != NULL ? get_list(source, name.cell_objects) : NULL;
    int result = -1;
    if (objects == NULL) {
        goto done;
    }
    if (!PyBytes_Check(cells)) {
        PyErr_SetString(PyExc_TypeError, "an artifact's cells are bytes");
        goto done;
    }
    size_t size = (size_t)PyBytes_GET_SIZE(cells);
    artifact->cells_size = (uint32_t)(size + sizeof(uintptr_t));
    artifact->version = cells_allocate(artifact->cells_size);
    if (artifact->version == NULL) {
        building->problem = "no cell memory";
        goto done;
    }
    *artifact->version = VERSION_NEVER;
    artifact->cells = (char *)(artifact->version + 1);
    memcpy(artifact->cells, PyBytes_AS_STRING(cells), size);

    Py_ssize_t constants = PySequence_Fast_GET_SIZE(building->constants), pointers = PySequence_Fast_GET_SIZE(objects);
    artifact->constants = PyTuple_New(constants + pointers);
    if (artifact->constants == NULL) {
        goto done;
    }
    for (Py_ssize_t i = 0; i < constants + pointers; i++) {
        PyObject *object;
        if (i < constants) {
            object = PySequence_Fast_GET_ITEM(building->constants, i);
        }
        else {
            Py_ssize_t offset;
            PyObject *pair = PySequence_Fast_GET_ITEM(objects, i - constants);
            if (!PyArg_ParseTuple(pair, "nO", &offset, &object)) {
                goto done;
            }
            if (offset < 0 || (size_t)offset + sizeof(object) > size) {
                PyErr_SetString(PyExc_ValueError, "a pointer lies outside of the cells");
                goto done;
            }
            memcpy(artifact->cells + offset, &object, sizeof(object));
        }
        PyObject *kept;
        if (PyType_Check(object) && PyType_HasFeature((PyTypeObject *)object, Py_TPFLAGS_HEAPTYPE)) {
            if (watch_type_death(artifact, object, &kept) < 0) {
                goto done;
            }
        }
        else {
            kept = Py_NewRef(object);
        }
        PyTuple_SET_ITEM(artifact->constants, i, kept);
    }
    result = 0;
done:
    Py_XDECREF(cells);
    Py_XDECREF(objects);
    return result;
}

/* Makes the built artifact the current one of its record. */
static void
publish(Artifact *artifact, CodeRecord *record)
{
    if (record->artifact != NULL) {
        artifact_retire(record->artifact, "replaced");
    }
    artifact->record = record;
    artifact->next = all_artifacts;
    artifact->link = &all_artifacts;
    if (all_artifacts != NULL) {
        all_artifacts->link = &artifact->next;
    }
    all_artifacts = artifact;
    record->artifact = artifact;
    record->state = STATE_COMPILED;
    record->compiles += record->compiles < UINT8_MAX;
    *artifact->version = tools_version(PyThreadState_Get());
    set_callee_bodies(record);
}

int
artifact_install(PyFunctionObject *function, PyObject *source, const char **problem)
{
    PyCodeObject *code = (PyCodeObject *)function->func_code;
    Building building = {.problem = NULL};
    int result = -1;
    Artifact *artifact = building.artifact = PyMem_RawCalloc(1, sizeof(Artifact));
    CodeRecord *record = record_of(code);
    if (artifact == NULL || record == NULL) {
        PyErr_NoMemory();
        goto done;
    }
    artifact->code = code;
    if (record->globals == NULL) {
        record->globals = function->func_globals;
        record->builtins = function->func_builtins;
    }
    if (!record_serves(record, function)) {
        building.problem = "its code has other globals elsewhere";
        goto done;
    }
    building.code = PyObject_GetAttr(source, name.code);
    building.helpers = building.code != NULL ? get_list(source, name.helpers) : NULL;
    building.constants = building.helpers != NULL ? get_list(source, name.constants) : NULL;
    if (building.constants == NULL) {
        goto done;
    }
    if (!PyBytes_Check(building.code)) {
        PyErr_SetString(PyExc_TypeError, "an artifact's code is bytes");
        goto done;
    }
    int64_t hot = get_int(source, name.hot_bytes), instructions = get_int(source, name.instructions);
    if (PyErr_Occurred()) {
        goto done;
    }
    artifact->hot_bytes = (uint32_t)hot;
    artifact->instructions = (uint32_t)instructions;
    if (make_stub(record) < 0) {
        building.problem = "no code memory";
        goto done;
    }
    if (build_cells(&building, source) < 0 || build_exits(&building, source) < 0 || build_code(&building, source) < 0) {
        goto done;
    }
    PyObject *dependencies = get_list(source, name.dependencies);
    if (dependencies == NULL) {
        goto done;
    }
    int watched = watch_add_all(artifact, dependencies);
    Py_DECREF(dependencies);
    if (watched < 0) {
        goto done;
    }
    if (watched == 0) {
        building.problem = "unwatchable dependency";
        goto done;
    }
    if (artifact->retired || !watch_session_valid()) {
        building.problem = "changed while it was compiled";
        goto done;
    }
    if ((PyCodeObject *)function->func_code != code) {
        building.problem = "its code was replaced";
        goto done;
    }
    publish(artifact, record);
    statistics.functions_compiled++;
    statistics.instructions_compiled += artifact->instructions;
    LOG("compiled %s: %u instructions, %zd bytes at %p", log_name(code), artifact->instructions,
        PyBytes_GET_SIZE(building.code), (void *)artifact->block.address);
    artifact = NULL;
    result = 1;

done:
    watch_close_session();
    PyMem_RawFree(building.text);
    Py_XDECREF(building.code);
    Py_XDECREF(building.helpers);
    Py_XDECREF(building.constants);
    if (artifact != NULL) { /* abandoned */
        if (building.problem != NULL && !PyErr_Occurred()) {
            *problem = building.problem;
            result = 0;
        }
        PyObject *exception = PyErr_GetRaisedException();
        artifact_free(artifact);
        PyErr_SetRaisedException(exception);
    }
    return result;
}

int
artifact_init(void)
{
    struct {
        PyObject **where;
        const char *text;
    } names[] = {
#define NAME(n) {&name.n, #n}
        NAME(code), NAME(hot_bytes), NAME(relocations), NAME(helpers), NAME(constants), NAME(cells),
        NAME(cell_objects), NAME(exits), NAME(epilogue), NAME(dependencies), NAME(instructions), NAME(kind),
        NAME(position), NAME(target), NAME(addend), NAME(offset), NAME(lasti), NAME(stack_depth), NAME(reason),
        NAME(entries), NAME(dest), NAME(repr), NAME(where), NAME(index),
#undef NAME
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if ((*names[i].where = PyUnicode_InternFromString(names[i].text)) == NULL) {
            return -1;
        }
    }
    extra_index = PyUnstable_Eval_RequestCodeExtraIndex(record_free);
    if (extra_index < 0) {
        PyErr_SetString(PyExc_RuntimeError, "no room for data on code objects");
        return -1;
    }
    return PyType_Ready(&Callee_Type) < 0 ? -1 : check_extra_layout();
}
