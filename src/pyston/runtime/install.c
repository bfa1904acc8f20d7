/* Installing: from the compiler's plain data to code that runs.
 *
 * Everything is built beside what is current, and thrown away whole if anything fails; `artifact_publish` is the last
 * step and cannot fail. The compiler's objects are read by attribute; nothing of them is kept but the constants. */
#include "artifact.h"

#include "statistics.h"
#include "tools.h"
#include "watch.h"

/* An attribute that is read below. Where a class has a getter for it, as mypyc's classes have, the last one's is remembered:
 * looking it up would be the larger part of reading thousands of them. */
typedef struct {
    PyObject *name;     /* owned, interned */
    PyTypeObject *type; /* owned: the class whose getter this is, or NULL */
    getter get;
    void *closure;
} Field;

static struct {
    Field code, hot_bytes, relocations, helpers, constants, cells, cell_objects, exits, epilogue, dependencies,
        instructions, packed, position, addend, offset, stack_depth, reason, entries, resume, loop, module, global_slots,
        keys_version;
} field;

/* A new reference to the attribute's value, or NULL with an exception set. */
static PyObject *
get_field(PyObject *object, Field *wanted)
{
    PyTypeObject *type = Py_TYPE(object);
    if (type != wanted->type) {
        PyObject *descriptor = _PyType_Lookup(type, wanted->name); /* borrowed */
        if (descriptor == NULL || Py_TYPE(descriptor) != &PyGetSetDescr_Type ||
            ((PyGetSetDescrObject *)descriptor)->d_getset->get == NULL) {
            return PyObject_GetAttr(object, wanted->name);
        }
        PyGetSetDef *definition = ((PyGetSetDescrObject *)descriptor)->d_getset;
        wanted->get = definition->get;
        wanted->closure = definition->closure;
        Py_XSETREF(wanted->type, (PyTypeObject *)Py_NewRef(type));
    }
    return wanted->get(object, wanted->closure);
}

/* Reads an integer attribute. -1 with an exception set on failure (and legitimately). */
static int64_t
get_int(PyObject *object, Field *wanted)
{
    PyObject *value = get_field(object, wanted);
    if (value == NULL) {
        return -1;
    }
    int64_t result = PyLong_AsLongLong(value);
    Py_DECREF(value);
    return result;
}

/* A new fast sequence of the attribute, or NULL with an exception set. */
static PyObject *
get_list(PyObject *object, Field *wanted)
{
    PyObject *value = get_field(object, wanted);
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
    PyObject *helpers;   /* owned sequence of str and int */
    PyObject *constants; /* owned sequence: the objects themselves */
    PyObject *dependencies; /* owned sequence of tuples */
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

const unsigned char *
recipe_begin(const unsigned char *at, uint32_t *stack_depth)
{
    return get_varint(at, stack_depth);
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

/* Takes so many of the lowest bits of a packed number (compiler/artifact.py). */
static inline int64_t
take_bits(uint64_t *packed, int count)
{
    int64_t bits = (int64_t)(*packed & (((uint64_t)1 << count) - 1));
    *packed >>= count;
    return bits;
}

/* Writes the recipe of `entries` (borrowed), for which there is room. Returns its size, or 0 with an exception set. */
static size_t
encode_recipe(unsigned char *out, uint32_t stack_depth, PyObject *entries, const Artifact *artifact,
              Py_ssize_t constant_count)
{
    size_t size = put_varint(out, stack_depth);
    Py_ssize_t frame_slots = artifact->code->co_nlocalsplus + artifact->code->co_stacksize;
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(entries); i++) {
        uint64_t packed = (uint64_t)get_int(PySequence_Fast_GET_ITEM(entries, i), &field.packed);
        if (packed == (uint64_t)-1 && PyErr_Occurred()) {
            return 0;
        }
        int64_t dest = take_bits(&packed, 16), repr = take_bits(&packed, 4), where = take_bits(&packed, 4);
        int32_t index = (int32_t)take_bits(&packed, 32);
        bool good = (dest == DEST_DROP || dest < frame_slots
                     || (dest >= DEST_GLOBAL && dest < DEST_GLOBAL + (int64_t)artifact->global_count))
                    && repr <= REPR_LOCAL_INT && where <= WHERE_IMM
                    && (repr != REPR_LOCAL_INT || dest < artifact->code->co_nlocalsplus);
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
            PyErr_Format(PyExc_ValueError, "bad exit entry: dest %lld, repr %lld, where %lld, index %d",
                         (long long)dest, (long long)repr, (long long)where, (int)index);
            return 0;
        }
        out[size++] = (unsigned char)(1 | repr << 1 | where << 4);
        size += put_varint(out + size, dest == DEST_DROP ? 0 : (uint32_t)dest + 1);
        size += put_varint(out + size, (uint32_t)index << 1 ^ (uint32_t)(index >> 31));
    }
    out[size++] = 0;
    return size;
}

#define MOST_NUMBER_BYTES 5
#define MOST_ENTRY_BYTES (1 + 2 * MOST_NUMBER_BYTES)

/* The recipes of the artifact that is being built: none twice. */
typedef struct {
    unsigned char *bytes; /* becomes the artifact's */
    size_t size, room;
    uint32_t *places; /* of recipes + 1, by hash; 0: none */
    uint32_t mask;
} Recipes;

/* Where a recipe of this depth and these entries (borrowed) begins. -1 with an exception set. */
static int64_t
place_recipe(Recipes *recipes, uint32_t stack_depth, PyObject *entries, const Artifact *artifact,
             Py_ssize_t constant_count)
{
    size_t most = MOST_NUMBER_BYTES + (size_t)PySequence_Fast_GET_SIZE(entries) * MOST_ENTRY_BYTES + 1;
    if (recipes->room - recipes->size < most) {
        size_t room = (recipes->size + most) * 2;
        unsigned char *bytes = PyMem_RawRealloc(recipes->bytes, room);
        if (bytes == NULL) {
            PyErr_NoMemory();
            return -1;
        }
        recipes->bytes = bytes;
        recipes->room = room;
    }
    unsigned char *recipe = recipes->bytes + recipes->size;
    size_t length = encode_recipe(recipe, stack_depth, entries, artifact, constant_count);
    if (length == 0) {
        return -1;
    }
    uint32_t hash = 0;
    for (size_t i = 0; i < length; i++) {
        hash = (hash ^ recipe[i]) * 0x9E3779B1u;
    }
    uint32_t *place = &recipes->places[hash >> 7 & recipes->mask];
    while (*place != 0) {
        size_t at = *place - 1;
        if (at + length <= recipes->size && memcmp(recipes->bytes + at, recipe, length) == 0) {
            return (int64_t)at;
        }
        place = &recipes->places[(place - recipes->places + 1) & recipes->mask];
    }
    *place = (uint32_t)recipes->size + 1;
    recipes->size += length;
    return *place - 1;
}

/* Fills the exit table from the artifact's list. 0, or -1 with an exception set. */
static int
build_exits(Building *building, PyObject *source)
{
    Artifact *artifact = building->artifact;
    PyObject *exits = get_list(source, &field.exits);
    if (exits == NULL) {
        return -1;
    }
    Recipes recipes = {.mask = 15};
    int result = -1;
    Py_ssize_t count = PySequence_Fast_GET_SIZE(exits);
    while ((Py_ssize_t)recipes.mask < 2 * count) {
        recipes.mask = 2 * recipes.mask + 1;
    }
    artifact->exits = PyMem_RawCalloc((size_t)count, sizeof(ExitPoint));
    recipes.places = PyMem_RawCalloc(recipes.mask + 1, sizeof(*recipes.places));
    if (artifact->exits == NULL || recipes.places == NULL) {
        PyErr_NoMemory();
        goto done;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *item = PySequence_Fast_GET_ITEM(exits, i);
        ExitPoint *point = &artifact->exits[i];
        uint64_t packed = (uint64_t)get_int(item, &field.packed);
        PyObject *reason = packed == (uint64_t)-1 && PyErr_Occurred() ? NULL : get_field(item, &field.reason);
        if (reason == NULL) {
            goto done;
        }
        int number = reason_number(reason);
        Py_DECREF(reason);
        if (number < 0) {
            goto done;
        }
        int64_t kind = take_bits(&packed, 7), offset = take_bits(&packed, 20), lasti = take_bits(&packed, 20);
        int64_t depth = take_bits(&packed, 16);
        if (kind > EXIT_RAISED || offset >= Py_SIZE(artifact->code) || lasti - offset > 3 || offset - lasti > 64
            || depth > artifact->code->co_stacksize || offset >= 1 << OFFSET_BITS || number >= 1 << REASON_BITS) {
            PyErr_Format(PyExc_ValueError, "bad exit %zd: kind %lld, offset %lld, lasti %lld, depth %lld", i,
                         (long long)kind, (long long)offset, (long long)lasti, (long long)depth);
            goto done;
        }
        PyObject *entries = get_list(item, &field.entries);
        if (entries == NULL) {
            goto done;
        }
        int64_t recipe = place_recipe(&recipes, (uint32_t)depth, entries, artifact,
                                      PySequence_Fast_GET_SIZE(building->constants));
        Py_DECREF(entries);
        if (recipe < 0) {
            goto done;
        }
        if (recipe >= 1 << RECIPE_BITS) {
            PyErr_SetString(PyExc_ValueError, "too many recipes");
            goto done;
        }
        point->recipe = (uint32_t)recipe & ((1u << RECIPE_BITS) - 1);
        point->kind = (uint32_t)kind & 7;
        point->offset = (uint32_t)offset & ((1u << OFFSET_BITS) - 1);
        point->lasti_delta = (int8_t)(lasti - offset);
        point->reason = (uint32_t)number & ((1u << REASON_BITS) - 1);
    }
    if (recipes.size != 0) { /* shrinking cannot fail in a way that matters */
        artifact->recipes = PyMem_RawRealloc(recipes.bytes, recipes.size);
        artifact->recipes = artifact->recipes != NULL ? artifact->recipes : recipes.bytes;
        recipes.bytes = NULL;
    }
    artifact->exit_count = (uint32_t)count;
    result = 0;
done:
    PyMem_RawFree(recipes.bytes);
    PyMem_RawFree(recipes.places);
    Py_DECREF(exits);
    return result;
}

/* What is called: a C function by its address, a helper by its name; with none a checked entry calls nothing. 0, or -1 with an
 * exception set. */
static int
target_of(PyObject *helper, int64_t kind, void **address)
{
    if (PyLong_Check(helper)) {
        *address = PyLong_AsVoidPtr(helper);
        return *address != NULL ? 0 : -1;
    }
    const char *name = PyUnicode_AsUTF8(helper);
    if (name == NULL) {
        return -1;
    }
    *address = helper_address(name);
    if (*address == NULL && (*name != '\0' || kind != RELOC_CHECKED_REL32)) {
        PyErr_Format(PyExc_ValueError, "no helper named %s", name);
        return -1;
    }
    return 0;
}

/* Applies one relocation to the text. 0, or -1: building->problem, or an exception, is set. */
static int
relocate(Building *building, PyObject *relocation)
{
    Artifact *artifact = building->artifact;
    uint64_t packed = (uint64_t)get_int(relocation, &field.packed);
    int64_t addend = get_int(relocation, &field.addend);
    if ((packed == (uint64_t)-1 || addend == -1) && PyErr_Occurred()) {
        return -1;
    }
    int64_t kind = take_bits(&packed, 7), position = take_bits(&packed, 26), target = take_bits(&packed, 26);
    int64_t width = kind == RELOC_CONST_ABS64 || kind == RELOC_ARTIFACT_ABS64 ? 8 : kind == RELOC_CODE_LO8 ? 1 : 4;
    if (position < 0 || position > PyBytes_GET_SIZE(building->code) - width) {
        PyErr_Format(PyExc_ValueError, "relocation at %lld lies outside of the code", (long long)position);
        return -1;
    }
    char *end = artifact->block.address + position + 4;
    int64_t value;
    void *address;
    switch (kind) {
    case RELOC_HELPER_REL32:
    case RELOC_CHECKED_REL32:
    case RELOC_PRESERVING_REL32: {
        if (target < 0 || target >= PySequence_Fast_GET_SIZE(building->helpers)) {
            goto bad;
        }
        if (target_of(PySequence_Fast_GET_ITEM(building->helpers, target), kind, &address) < 0) {
            return -1;
        }
        if (kind == RELOC_PRESERVING_REL32) {
            address = code_preserving_entry(address);
        }
        else if (kind == RELOC_CHECKED_REL32) {
            if (addend < 0 || addend >= CHECKED_KINDS) { /* CHECKED_UNWIND, … may be added */
                goto bad;
            }
            address = code_checked_entry(address, (CheckedKind)addend);
            addend = 0;
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
    case RELOC_CODE_LO8:
        value = (int64_t)(intptr_t)FIRST_UNIT(artifact->code) + 2 * addend;
        memcpy(building->text + position, &value, (size_t)width);
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

/* The table of entries other than the start. 0, or -1 with an exception set. */
static int
build_entries(Building *building, PyObject *source)
{
    Artifact *artifact = building->artifact;
    int64_t size = PyBytes_GET_SIZE(building->code), resume = get_int(source, &field.resume);
    PyObject *entries = get_list(source, &field.entries);
    int result = -1;
    if (entries == NULL) {
        return -1;
    }
    Py_ssize_t count = PySequence_Fast_GET_SIZE(entries);
    if (count == 0) {
        result = 0;
        goto done;
    }
    artifact->entries = PyMem_RawCalloc((size_t)count, sizeof(EntryPoint));
    if (artifact->entries == NULL) {
        PyErr_NoMemory();
        goto done;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *item = PySequence_Fast_GET_ITEM(entries, i);
        int64_t offset = get_int(item, &field.offset), position = get_int(item, &field.position);
        int64_t depth = get_int(item, &field.stack_depth);
        if (offset < 0 || offset >= Py_SIZE(artifact->code) || position < 0 || position >= size || depth < 0
            || depth > artifact->code->co_stacksize || resume <= 0 || resume >= size) {
            if (!PyErr_Occurred()) {
                PyErr_Format(PyExc_ValueError, "bad entry %zd: offset %lld, position %lld, depth %lld", i,
                             (long long)offset, (long long)position, (long long)depth);
            }
            goto done;
        }
        artifact->entries[i] = (EntryPoint){artifact->block.address + position, (uint32_t)offset, (uint32_t)depth};
    }
    artifact->entry_count = (uint32_t)count;
    artifact->resume = (ResumeFunction)(void *)(artifact->block.address + resume);
    result = 0;
done:
    Py_DECREF(entries);
    return result;
}

static int
build_code(Building *building, PyObject *source)
{
    Artifact *artifact = building->artifact;
    size_t size = (size_t)PyBytes_GET_SIZE(building->code);
    int64_t epilogue = get_int(source, &field.epilogue);
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
    if (artifact_note_place(artifact) < 0) {
        PyErr_NoMemory();
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
    if (build_entries(building, source) < 0) {
        return -1;
    }
    PyObject *relocations = get_list(source, &field.relocations);
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

/* Heap types are not kept alive by what is made for them. */
static inline bool
is_heap_type(PyObject *object)
{
    return PyType_Check(object) && PyType_HasFeature((PyTypeObject *)object, Py_TPFLAGS_HEAPTYPE);
}

/* Borrows: the function of a constant that is its callee; NULL for others. */
static PyObject *
function_called(PyObject *constant)
{
    return Py_IS_TYPE(constant, &Callee_Type) ? (PyObject *)((Callee *)constant)->function : NULL;
}

/* Cells, the constants to keep, and pointers from the one to the other. */
static int
build_cells(Building *building, PyObject *source)
{
    Artifact *artifact = building->artifact;
    PyObject *cells = get_field(source, &field.cells);
    PyObject *objects = cells != NULL ? get_list(source, &field.cell_objects) : NULL;
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
    uint32_t callees = 0;
    for (Py_ssize_t i = 0; i < constants; i++) {
        callees += function_called(PySequence_Fast_GET_ITEM(building->constants, i)) != NULL;
    }
    artifact->callees = callees;
    artifact->constants = PyTuple_New(constants + pointers + callees);
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
        if (i < 64 && PyObject_IS_GC(object) && !_Py_IsImmortal(object)) {
            artifact->containers |= (uint64_t)1 << i;
        }
        if (is_heap_type(object)) {
            if (watch_type_death(artifact, object, &kept) < 0) {
                goto done;
            }
        }
        else {
            kept = Py_NewRef(object);
        }
        PyTuple_SET_ITEM(artifact->constants, i, kept);
        PyObject *called = i < constants ? function_called(object) : NULL;
        if (called != NULL) {
            Py_ssize_t place = constants + pointers + --callees;
            PyTuple_SET_ITEM(artifact->constants, place, Py_NewRef(called));
            artifact->containers |= place < 64 ? (uint64_t)1 << place : 0;
        }
    }
    PyObject_GC_UnTrack(artifact->constants); /* the collector learns of them otherwise (reachable.c) */
    result = 0;
done:
    Py_XDECREF(cells);
    Py_XDECREF(objects);
    return result;
}

/* What only loops have. 0, or -1 with an exception set. */
static int
build_loop(Building *building, PyObject *source)
{
    Artifact *artifact = building->artifact;
    artifact->loop = get_int(source, &field.loop) > 0;
    artifact->module = get_int(source, &field.module) > 0;
    artifact->keys_version = (uint32_t)get_int(source, &field.keys_version);
    PyObject *list = PyErr_Occurred() ? NULL : get_list(source, &field.global_slots);
    if (list == NULL) {
        return -1;
    }
    Py_ssize_t count = PySequence_Fast_GET_SIZE(list);
    artifact->global_slots = count > 0 ? PyMem_RawCalloc((size_t)count, sizeof(GlobalSlot)) : NULL;
    int result = count == 0 || artifact->global_slots != NULL ? 0 : -1;
    for (Py_ssize_t i = 0; result == 0 && i < count; i++) {
        unsigned long long place;
        PyObject *text, *class;
        result = -1;
        if (PyArg_ParseTuple(PySequence_Fast_GET_ITEM(list, i), "KUO", &place, &text, &class)) {
            PyTypeObject *type = class == Py_None ? NULL : (PyTypeObject *)class;
            artifact->global_slots[i] = (GlobalSlot){(PyObject **)(uintptr_t)place, Py_NewRef(text), type};
            artifact->global_count++;
            result = 0;
        }
    }
    Py_DECREF(list);
    if (result < 0 && !PyErr_Occurred()) {
        PyErr_NoMemory();
    }
    return result;
}

bool perf_map_on;

/* Names the code for `perf`. Failures do not matter. */
static void
write_perf_entry(const Artifact *artifact, size_t size)
{
    const char *name = PyUnicode_AsUTF8(artifact->code->co_qualname);
    const char *file = name != NULL ? PyUnicode_AsUTF8(artifact->code->co_filename) : NULL;
    char entry[512];
    if (file == NULL) {
        PyErr_Clear();
        return;
    }
    snprintf(entry, sizeof(entry), "py::%s:%s [pyston]", name, file);
    (void)PyUnstable_WritePerfMapEntry(artifact->block.address, (unsigned int)size, entry);
}

/* How many things the artifact will be linked to. */
static size_t
most_links(const Building *building)
{
    size_t count = (size_t)PySequence_Fast_GET_SIZE(building->dependencies) + 1; /* the namespace */
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(building->constants); i++) {
        count += is_heap_type(PySequence_Fast_GET_ITEM(building->constants, i));
    }
    return count;
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
    building.code = get_field(source, &field.code);
    building.helpers = building.code != NULL ? get_list(source, &field.helpers) : NULL;
    building.constants = building.helpers != NULL ? get_list(source, &field.constants) : NULL;
    building.dependencies = building.constants != NULL ? get_list(source, &field.dependencies) : NULL;
    if (building.dependencies == NULL) {
        goto done;
    }
    if (!PyBytes_Check(building.code)) {
        PyErr_SetString(PyExc_TypeError, "an artifact's code is bytes");
        goto done;
    }
    int64_t hot = get_int(source, &field.hot_bytes), instructions = get_int(source, &field.instructions);
    if (PyErr_Occurred() || build_loop(&building, source) < 0) {
        goto done;
    }
    if (artifact->loop && record->loops == NULL) {
        building.problem = "nobody asked for its loop";
        goto done;
    }
    artifact->hot_bytes = (uint32_t)hot;
    artifact->instructions = (uint32_t)instructions;
    if (!artifact->loop && record_make_stub(record) < 0) {
        building.problem = "no code memory";
        goto done;
    }
    if (!watch_reserve(artifact, most_links(&building))) {
        PyErr_NoMemory();
        goto done;
    }
    if (build_cells(&building, source) < 0 || build_exits(&building, source) < 0 || build_code(&building, source) < 0) {
        goto done;
    }
    int watched = watch_add_all(artifact, building.dependencies);
    if (watched > 0) {
        watched = watch_belong(artifact, function->func_globals);
    }
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
    if (artifact->loop && artifact->entry_count != 1) {
        building.problem = "a loop has one entry";
        goto done;
    }
    artifact_publish(artifact, record);
    if (perf_map_on) {
        write_perf_entry(artifact, (size_t)PyBytes_GET_SIZE(building.code));
    }
    if (artifact->loop) {
        statistics.loops_compiled++;
    }
    else {
        statistics.functions_compiled++;
    }
    statistics.instructions_compiled += artifact->instructions;
    LOG("compiled %s%s: %u instructions, %zd bytes at %p", artifact->loop ? "a loop of " : "", log_name(code),
        artifact->instructions,
        PyBytes_GET_SIZE(building.code), (void *)artifact->block.address);
    artifact = NULL;
    result = 1;

done:
    watch_close_session();
    PyMem_RawFree(building.text);
    Py_XDECREF(building.code);
    Py_XDECREF(building.helpers);
    Py_XDECREF(building.constants);
    Py_XDECREF(building.dependencies);
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
install_init(void)
{
    struct {
        PyObject **where;
        const char *text;
    } names[] = {
#define NAME(n) {&field.n.name, #n}
        NAME(code), NAME(hot_bytes), NAME(relocations), NAME(helpers), NAME(constants), NAME(cells),
        NAME(cell_objects), NAME(exits), NAME(epilogue), NAME(dependencies), NAME(instructions), NAME(packed),
        NAME(position), NAME(addend), NAME(offset), NAME(stack_depth), NAME(reason), NAME(entries), NAME(resume),
        NAME(loop), NAME(module), NAME(global_slots), NAME(keys_version),
#undef NAME
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if ((*names[i].where = PyUnicode_InternFromString(names[i].text)) == NULL) {
            return -1;
        }
    }
    return 0;
}
