/* The life of compiled code once it is installed: current, retired, buried.
 *
 * Ownership. The record of a code object and the list of all artifacts share the current artifact. An artifact owns its
 * constants, its block of code and its cells. Heap types among the constants are held weakly: a type's methods would
 * otherwise keep it alive through their own code, out of the collector's sight. A type that dies retires the artifact.
 * Functions reached by direct calls are held by their Callee, a constant.
 *
 * The graveyard. Retired code, and objects that a running frame may borrow from, stay until no compiled code is on any
 * thread's stack. `live_entries` counts the entries from C (calls between compiled functions are inside of one), so it
 * costs two instructions an entry; suspended greenlets count as running, which is right. A body that never ends pins
 * everything retired after it began: that is bounded by the number of times a function may be compiled.
 *
 * The constants are the program's objects, and should die when they would without us. So those of an artifact in which
 * nothing runs, or nothing any more, are given back, whatever else runs (stacks.c). */
#include "artifact.h"

#include "attention.h"
#include "count.h"
#include "enter.h"
#include "generators.h"
#include "loops.h"
#include "stacks.h"
#include "statistics.h"
#include "tools.h"
#include "watch.h"

#if __has_include("inline_cache.h")
#include "inline_cache.h"
#define PYSTON_INLINE_CACHES
#endif

size_t live_entries;
Artifact *all_artifacts;
bool graveyard_occupied;

/* What is retired goes from list to list: */
static Artifact *running_artifacts; /* there was a frame of theirs when somebody last looked */
static Artifact *idle_artifacts;    /* nothing runs in them: the constants may go, where finalizers may run */
static Artifact *dead_artifacts;    /* have no constants any more */
static unsigned misses;             /* how often somebody looked at the running ones in vain */
uint32_t burial_pause;
static PyObject **dead_objects; /* owned references */
static size_t dead_object_count, dead_object_capacity;

/* Makes the built artifact the current one of its record. */
void
artifact_publish(Artifact *artifact, CodeRecord *record)
{
    if (record->artifact != NULL && !artifact->loop) {
        artifact_retire(record->artifact, "replaced");
    }
    artifact->record = record;
    artifact->next = all_artifacts;
    artifact->link = &all_artifacts;
    if (all_artifacts != NULL) {
        all_artifacts->link = &artifact->next;
    }
    all_artifacts = artifact;
    tools_admit(PyThreadState_Get(), artifact);
    if (artifact->loop) {
        loops_publish(artifact, record);
        return;
    }
    record->artifact = artifact;
    record->body = artifact->body;
    record->state = STATE_COMPILED;
    record->compiles += record->compiles < UINT8_MAX;
    callees_update(record);
}

/* --- finding artifacts by address --------------------------------------------------------------------------- */

/* All that have a place, in the order of their addresses. */
static Artifact **placed;
static size_t placed_count, placed_capacity;

/* How many begin at or before the address. */
static size_t
placed_before(const void *address)
{
    size_t low = 0, high = placed_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if ((const char *)address < placed[middle]->block.address) {
            high = middle;
        }
        else {
            low = middle + 1;
        }
    }
    return low;
}

Artifact *
artifact_at(const void *address)
{
    size_t index = placed_before(address);
    if (index == 0) {
        return NULL;
    }
    Artifact *artifact = placed[index - 1];
    return (size_t)((const char *)address - artifact->block.address) < artifact->block.size ? artifact : NULL;
}

int
artifact_note_place(Artifact *artifact)
{
    if (placed_count == placed_capacity) {
        size_t capacity = placed_capacity ? placed_capacity * 2 : 1024;
        Artifact **bigger = PyMem_RawRealloc(placed, capacity * sizeof(Artifact *));
        if (bigger == NULL) {
            return -1;
        }
        placed = bigger;
        placed_capacity = capacity;
    }
    size_t index = placed_before(artifact->block.address);
    memmove(&placed[index + 1], &placed[index], (placed_count++ - index) * sizeof(Artifact *));
    placed[index] = artifact;
    return 0;
}

static void
forget_place(Artifact *artifact)
{
    size_t index = placed_before(artifact->block.address);
    if (index > 0 && placed[index - 1] == artifact) { /* not where building failed before it had a place */
        memmove(&placed[index - 1], &placed[index], (placed_count-- - index) * sizeof(Artifact *));
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

void
artifact_free(Artifact *artifact)
{
    watch_remove(artifact);
    forget_place(artifact);
    code_free(&artifact->block);
#ifdef PYSTON_INLINE_CACHES
    if (artifact->cells != NULL) {
        inline_cache_forget(artifact->cells, artifact->cells_size - sizeof(uintptr_t));
    }
#endif
    cells_free(artifact->version, artifact->cells_size);
    PyMem_RawFree(artifact->exits);
    PyMem_RawFree(artifact->exits_taken);
    PyMem_RawFree(artifact->recipes);
    PyMem_RawFree(artifact->entries);
    PyMem_RawFree(artifact->entry_classes);
    for (uint32_t i = 0; i < artifact->global_count; i++) {
        Py_DECREF(artifact->global_slots[i].name);
    }
    PyMem_RawFree(artifact->global_slots);
    PyObject *constants = artifact->constants;
    PyMem_RawFree(artifact);
    Py_XDECREF(constants);
}

/* How often in vain nobody minds; from then on each time the pause is twice as long, up to a thousand. */
#define EARLY_MISSES 20
#define MOST_MISSES 30
/* All that is left waits until nothing runs at all. */
#define LONG_PAUSE (1u << 20)

static void
put_to_rest(Artifact *artifact, Artifact **list)
{
    artifact->next = *list;
    *list = artifact;
    graveyard_occupied = true;
}

/* Finds those whose last activation has ended. Seldom where in vain again and again: a program's main loop may be one. */
static void
look_for_idle(void)
{
    Artifact *artifact = running_artifacts;
    bool found = false;
    running_artifacts = NULL;
    while (artifact != NULL) {
        Artifact *next = artifact->next;
        bool idle = !may_run_compiled(artifact);
        if (idle) {
            attention_end(artifact);
        }
        put_to_rest(artifact, idle ? &idle_artifacts : &running_artifacts);
        found |= idle;
        artifact = next;
    }
    misses = found ? 0 : misses + (misses < MOST_MISSES);
}

void
bury(void)
{
    static bool burying;
    if (burying || host_finalizing()) {
        return;
    }
    if (running_artifacts != NULL) {
        look_for_idle();
    }
    burial_pause = running_artifacts == NULL ? LONG_PAUSE : misses > EARLY_MISSES ? 1u << (misses - EARLY_MISSES) : 0;
    if (live_entries != 0 && idle_artifacts == NULL) {
        return;
    }
    burying = true;
    PyObject *exception = PyErr_GetRaisedException();
    /* Finalizers may run compiled code and retire more; look anew each time. */
    while (idle_artifacts != NULL) {
        Artifact *artifact = idle_artifacts;
        idle_artifacts = artifact->next;
        PyObject *constants = artifact->constants;
        artifact->constants = NULL;
        put_to_rest(artifact, &dead_artifacts);
        Py_DECREF(constants);
    }
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
    graveyard_occupied = running_artifacts != NULL || idle_artifacts != NULL || dead_artifacts != NULL
                         || dead_object_count != 0;
    PyErr_SetRaisedException(exception);
    burying = false;
}

/* Nothing runs in it: what others hold too is given back at once. A global that is just being deleted (the watcher is
 * told before) then dies when it would without us. What nobody else holds waits for a place where finalizers may run. */
static void
release_shared_constants(Artifact *artifact)
{
    PyObject *constants = artifact->constants;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(constants); i++) {
        PyObject *object = PyTuple_GET_ITEM(constants, i);
        if (Py_REFCNT(object) > 1 && !PyUnicode_CheckExact(object)) { /* the cells point to names */
            PyTuple_SET_ITEM(constants, i, Py_NewRef(Py_None));
            Py_DECREF(object);
        }
    }
}

void
artifact_retire(Artifact *artifact, const char *reason)
{
    if (artifact->retired) {
        return;
    }
    artifact->retired = true;
    *artifact->version = VERSION_NEVER;
    generators_forget(artifact);
    if (artifact->link == NULL) {
        return; /* still being installed; artifact_install looks */
    }
    LOG("retired %s: %s", log_name(artifact->code), reason);
    statistics_retire(reason);
    statistics_keep_exits(artifact);
    CodeRecord *record = artifact->record;
    if (record != NULL && record->artifact == artifact) {
        record->artifact = NULL;
        record->body = NULL;
        callees_update(record);
        if (record->state == STATE_COMPILED) {
            count_again(record, record->limit);
        }
    }
    else if (record != NULL && artifact->loop) {
        loops_unlink(artifact, record);
    }
    watch_remove(artifact);
    *artifact->link = artifact->next;
    if (artifact->next != NULL) {
        artifact->next->link = artifact->link;
    }
    artifact->link = NULL;
    if (may_run_compiled(artifact)) {
        put_to_rest(artifact, &running_artifacts);
        attention_begin(artifact);
        misses = 0;
    }
    else {
        put_to_rest(artifact, &idle_artifacts);
        release_shared_constants(artifact);
    }
    burial_pause = 0;
}

void
artifact_code_died(CodeRecord *record)
{
    if (record->artifact != NULL) {
        artifact_retire(record->artifact, "code died");
    }
    loops_forget(record);
    Artifact *lists[] = {running_artifacts, idle_artifacts, dead_artifacts};
    for (int i = 0; i < 3; i++) {
        for (Artifact *artifact = lists[i]; artifact != NULL; artifact = artifact->next) {
            if (artifact->record == record) {
                artifact->record = NULL;
            }
        }
    }
}
