/* Records of code objects, and the callees through which compiled code calls functions directly.
 *
 * Records are found by the code object's address in a hash table, and die when the code watcher says that the code
 * object does. (They could hang on the code object itself, as co_extra; but a code object that has such data cannot be
 * passed to another interpreter any more.) A Callee belongs to the artifacts that have it, which keep its function as well; the
 * record and the Callee only know of each other and of the function. */
#include "artifact.h"

#include "binding.h"
#include "count.h"
#include "enter.h"
#include "rest.h"
#include "statistics.h"
#include "watch.h"

#include "internal/pycore_tuple.h"

#include "opcode.h"

CodeRecord *all_records;
#define RECORDS_TOGETHER 64
static CodeRecord *unused; /* by `next` */

/* Open addressing: a free slot ends a search, a removed one (no record) does not. The key stands beside the record, which
 * a search so need not touch.
 *
 * Much of a program is called a few times only, and needs no record: until then its calls are counted in the place of the
 * address. */
typedef struct {
    const PyCodeObject *code; /* NULL: free */
    uintptr_t word;           /* the record's address, or CALLS_ONLY and twice the calls */
} Slot;

#define CALLS_ONLY ((uintptr_t)1)
/* Before rests are thought of (rest.c). */
#define CALLS_WITHOUT_RECORD 7

static inline CodeRecord *
slot_record(const Slot *slot)
{
    return (slot->word & CALLS_ONLY) == 0 ? (CodeRecord *)slot->word : NULL;
}

static Slot *table;
static size_t table_size, used_slots; /* a power of two; removed ones count as used */
#define REMOVED ((const PyCodeObject *)&table)

#define CACHE_LINE 64
static_assert(offsetof(CodeRecord, count) == CACHE_LINE && sizeof(CodeRecord) % CACHE_LINE == 0,
              "what calls touch is one line");

/* --- the table --------------------------------------------------------------------------------------------- */

static inline size_t
slot_of(const PyCodeObject *code)
{
    size_t bits = (size_t)code >> 4;
    return (bits ^ bits >> 12) & (table_size - 1);
}

/* The code's slot, or the free one that ended the search. There is a table. */
static inline Slot *
find(const PyCodeObject *code)
{
    size_t place = slot_of(code);
    while (table[place].code != code && table[place].code != NULL) {
        place = (place + 1) & (table_size - 1);
    }
    return &table[place];
}

CodeRecord *
record_if_any(PyCodeObject *code)
{
    return LIKELY(table_size != 0) ? slot_record(find(code)) : NULL;
}

/* The code has no slot yet, and there is room. */
static void
put(const PyCodeObject *code, uintptr_t word)
{
    size_t place = slot_of(code);
    while (table[place].code != NULL && table[place].code != REMOVED) {
        place = (place + 1) & (table_size - 1);
    }
    used_slots += table[place].code == NULL;
    table[place] = (Slot){code, word};
}

/* Makes room for one more. */
static bool
reserve(void)
{
    if (used_slots * 3 < table_size * 2) {
        return true;
    }
    size_t count = 0;
    for (size_t i = 0; i < table_size; i++) {
        count += table[i].code != NULL && table[i].code != REMOVED;
    }
    size_t size = 1024;
    while (size < count * 2) {
        size *= 2;
    }
    Slot *old = table, *fresh = PyMem_RawCalloc(size, sizeof(Slot));
    if (fresh == NULL) {
        return false;
    }
    size_t old_size = table_size;
    table = fresh;
    table_size = size;
    used_slots = 0;
    for (size_t i = 0; i < old_size; i++) {
        if (old[i].code != NULL && old[i].code != REMOVED) {
            put(old[i].code, old[i].word);
        }
    }
    PyMem_RawFree(old);
    return true;
}

/* Memory for a record, or NULL. Many are allocated together: each by itself would cost malloc half as much again, since it
 * begins a cache line. What is not used any more waits for other code objects. */
static CodeRecord *
take_record(void)
{
    if (unused == NULL) {
        CodeRecord *row = aligned_alloc(CACHE_LINE, RECORDS_TOGETHER * sizeof(CodeRecord));
        for (int i = RECORDS_TOGETHER - 1; row != NULL && i >= 0; i--) {
            row[i].next = unused;
            unused = &row[i];
        }
    }
    CodeRecord *record = unused;
    if (record != NULL) {
        unused = record->next;
    }
    return record;
}

/* Does a call of the code only make a generator or coroutine, no asynchronous one? Then notes it. (Code that a tool has
 * instrumented looks different, and goes the usual way.) */
static void
describe_generator(CodeRecord *record, PyCodeObject *code)
{
    const _Py_CODEUNIT *unit = FIRST_UNIT(code), *first = unit + (unit->op.code == COPY_FREE_VARS);
    for (unit = first; unit->op.code == MAKE_CELL; unit++) {
    }
    if (unit->op.code == RETURN_GENERATOR && !(code->co_flags & CO_ASYNC_GENERATOR) && unit - first <= UINT8_MAX) {
        record->makes = code->co_flags & CO_COROUTINE ? A_COROUTINE : A_GENERATOR;
        record->cells = (uint8_t)(unit - first);
    }
}

void
record_describe(CodeRecord *record, PyCodeObject *code)
{
    memset(record, 0, sizeof(*record));
    record->code = code;
    record->frame_words = (uint32_t)code->co_framesize;
    record->names = _PyTuple_ITEMS(code->co_localsplusnames);
    record->arguments = -1;
    record->slots = MANY_SLOTS;
    if (code->co_nlocalsplus < INT16_MAX) {
        record->slots = (uint16_t)code->co_nlocalsplus;
        record->positional = (uint16_t)code->co_argcount;
        record->positional_only = (uint16_t)code->co_posonlyargcount;
        record->keyword_only = (uint16_t)code->co_kwonlyargcount;
        record->collects_positional = (code->co_flags & CO_VARARGS) != 0;
        record->collects_keywords = (code->co_flags & CO_VARKEYWORDS) != 0;
        describe_generator(record, code);
        if (record->makes == NO_GENERATOR && !record->collects_positional && !record->collects_keywords
            && record->keyword_only == 0) {
            record->arguments = (int16_t)code->co_argcount;
        }
    }
}

CodeRecord *
record_of(PyCodeObject *code)
{
    Slot *slot = table_size != 0 ? find(code) : NULL;
    bool known = slot != NULL && slot->code != NULL;
    if (known && slot_record(slot) != NULL) {
        return slot_record(slot);
    }
    CodeRecord *record = known || reserve() ? take_record() : NULL;
    if (record == NULL) {
        return NULL;
    }
    record_describe(record, code);
    record->state = STATE_COUNTING;
    record->limit = count_threshold;
    record->next = all_records;
    record->link = &all_records;
    if (all_records != NULL) {
        all_records->link = &record->next;
    }
    all_records = record;
    if (known) {
        record->count = record->stretch = (uint32_t)(slot->word / 2);
        slot->word = (uintptr_t)record;
    }
    else {
        put(code, (uintptr_t)record);
    }
    return record;
}

CodeRecord *
record_called(PyCodeObject *code)
{
    Slot *slot = table_size != 0 ? find(code) : NULL;
    if (slot == NULL || slot->code == NULL) {
        if (count_threshold > CALLS_WITHOUT_RECORD && reserve()) {
            put(code, 1 * 2 + CALLS_ONLY);
            return NULL;
        }
    }
    else if (slot_record(slot) != NULL) {
        return slot_record(slot);
    }
    else if (slot->word / 2 < CALLS_WITHOUT_RECORD && count_threshold > CALLS_WITHOUT_RECORD) {
        slot->word += 2;
        return NULL;
    }
    return record_of(code);
}

CodeRecord *
record_if_any_or_called(PyCodeObject *code, bool *called)
{
    const Slot *slot = table_size != 0 ? find(code) : NULL;
    *called = slot != NULL && slot->code != NULL;
    return *called ? slot_record(slot) : NULL;
}

CodeRecord *
record_if_called(PyCodeObject *code)
{
    return table_size != 0 && find(code)->code != NULL ? record_of(code) : NULL;
}

/* The code object dies. */
static void
record_free(CodeRecord *record)
{
    artifact_code_died(record);
    rest_end(record); /* its functions have died before */
    CHECK(record->callees == NULL); /* each would have a function, and that the code */
    *find(record->code) = (Slot){REMOVED, 0};
    *record->link = record->next;
    if (record->next != NULL) {
        record->next->link = record->link;
    }
    code_free(&record->stub);
    PyObject *history = record->exit_history;
    if (!host_finalizing()) {
        forget_keywords(record);
    }
    record->next = unused;
    unused = record;
    if (!host_finalizing()) {
        Py_XDECREF(history);
        bury();
    }
}

static int
code_event(PyCodeEvent event, PyCodeObject *code)
{
    Slot *slot = event == PY_CODE_EVENT_DESTROY && table_size != 0 ? find(code) : NULL;
    if (slot != NULL && slot->code != NULL) {
        if (slot_record(slot) != NULL) {
            record_free(slot_record(slot));
        }
        else {
            *slot = (Slot){REMOVED, 0};
        }
    }
    return 0;
}

int
records_init(void)
{
    static int watcher = -1;
    if (watcher < 0 && (watcher = PyCode_AddWatcher(code_event)) < 0) {
        return -1;
    }
    return PyType_Ready(&Callee_Type);
}

/* --- entries of functions ---------------------------------------------------------------------------------- */

/* The vectorcall entry of the record's functions: loads the record and goes on to enter_compiled. 0, or -1. */
int
record_make_stub(CodeRecord *record)
{
    if (record->stub.size != 0) {
        return 0;
    }
    unsigned char bytes[15] = {0x49, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0xE9}; /* movabs r8, record; jmp rel32 */
    static_assert(sizeof(bytes) <= ENTRY_BYTES && ENTRY_RECORD == 2, "record_entered_by reads it");
    if (code_allocate_entry(&record->stub) < 0) {
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

void
callees_update(CodeRecord *record)
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
        callee->function = NULL;
    }
}

static void
callee_dealloc(PyObject *self)
{
    callee_unlink((Callee *)self);
    PyObject_Free(self);
}

static PyObject *
callee_repr(PyObject *self)
{
    Callee *callee = (Callee *)self;
    return callee->function != NULL ? PyUnicode_FromFormat("<callee %U>", callee->function->func_qualname)
                                    : PyUnicode_FromString("<callee of old>");
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
    Callee *callee = watch_function(function) ? PyObject_New(Callee, &Callee_Type) : NULL;
    if (callee == NULL) {
        return PyErr_Occurred() ? NULL : PyErr_NoMemory();
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

    callee->function = function;
    callee->record = record;
    callee->next = record->callees;
    record->callees = callee;
    callees_update(record);
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
