/* What compiled code takes for granted, and how it learns that it no longer holds.
 *
 * A Node stands for one fact's object: a type, a function, or one key of one dict. Artifacts that rely on it are linked
 * to it. CPython's watchers tell before a change (dicts, types, functions); then every linked artifact is retired.
 * Nodes do not keep their object alive: a dict and a function announce their death to the watcher, a type through a
 * weak reference.
 *
 * While the compiler works it asks about objects before the artifact exists; the session covers that time: a change
 * to anything asked about since the session was opened makes it invalid, and the artifact is not installed.
 *
 * A dict key or a class that changed repeatedly under compiled code is unstable from then on: no artifact should take its value,
 * or those of its attributes, for constant again. */
#include "watch.h"

#include "count.h"
#include "reachable.h"
#include "rest.h"
#include "stacks.h"
#include "statistics.h"
#include "tools.h"

#include "internal/pycore_tuple.h"

/* So many changes while compiled code relied on it make a dict's key or a class unstable. */
#define MAX_CHANGES 2

typedef enum { NODE_DICT, NODE_KEY, NODE_TYPE, NODE_FUNCTION } NodeKind;

struct DependencyLink;

typedef struct Node {
    PyObject *object; /* borrowed, for its identity */
    PyObject *key;    /* owned exact str for NODE_KEY, else NULL */
    PyObject *reference; /* owned weak reference for heap types, else NULL */
    struct DependencyLink *links;
    struct Node *group; /* of NODE_DICT: its keys; of NODE_KEY: the next one of the dict */
    struct Node *next;  /* in the hash table */
    uint32_t session;   /* asked about in this session */
    uint8_t kind;
    uint8_t changes;
} Node;

/* There are some fifteen for each artifact, in one block. */
typedef struct DependencyLink {
    Node *node; /* NULL: only `kept` */
    union {
        struct DependencyLink *next; /* with the same node */
        PyObject *kept;              /* owned, or NULL; where there is no node */
    };
    struct DependencyLink **link; /* what points here */
    uintptr_t owner;              /* the artifact, and flags */
} DependencyLink;

#define DEATH_ONLY ((uintptr_t)1) /* a change of the object does not matter */
#define BELONGS ((uintptr_t)2)    /* the object is the artifact's namespace */

static inline Artifact *
link_owner(const DependencyLink *link)
{
    return (Artifact *)(link->owner & ~(DEATH_ONLY | BELONGS));
}

static Node **table;
static size_t table_size, node_count; /* a power of two */
static int dict_watcher = -1, type_watcher = -1, function_watcher = -1;
static uint32_t session;           /* the number of the last one */
static bool session_open, session_valid = true;
uint64_t watch_dict_bit;
static PyObject *type_death_callback; /* owned */

/* Which functions may have a node, by their addresses: it is asked for each that dies, and for each that the collector meets. */
#define CALLEE_BITS 16
static uint64_t callee_bits[(1 << CALLEE_BITS) / 64];

static inline unsigned
callee_bit(PyObject *function)
{
    return (unsigned)((uint64_t)(uintptr_t)function * 0x9E3779B97F4A7C15u >> (64 - CALLEE_BITS));
}

bool
watch_may_have_callers(PyObject *function)
{
    unsigned bit = callee_bit(function);
    return (callee_bits[bit / 64] >> bit % 64 & 1) != 0;
}

/* --- nodes ------------------------------------------------------------------------------------------------- */

static size_t
hash_of(PyObject *object, PyObject *key)
{
    size_t hash = (size_t)object >> 4;
    if (key != NULL) {
        hash += (size_t)PyObject_Hash(key) * 31; /* an exact str: cannot fail, runs no code */
    }
    return hash ^ hash >> 15;
}

static bool
same_key(PyObject *left, PyObject *right)
{
    return left == right || (left != NULL && right != NULL && PyUnicode_Compare(left, right) == 0);
}

/* Borrowed, NULL if there is none. */
static Node *
find_node(PyObject *object, PyObject *key)
{
    if (table_size == 0) {
        return NULL;
    }
    Node *node = table[hash_of(object, key) & (table_size - 1)];
    while (node != NULL && !(node->object == object && same_key(node->key, key))) {
        node = node->next;
    }
    return node;
}

static bool
grow_table(void)
{
    size_t size = table_size ? table_size * 2 : 256;
    Node **bigger = PyMem_RawCalloc(size, sizeof(Node *));
    if (bigger == NULL) {
        return false;
    }
    for (size_t i = 0; i < table_size; i++) {
        for (Node *node = table[i], *next; node != NULL; node = next) {
            next = node->next;
            Node **place = &bigger[hash_of(node->object, node->key) & (size - 1)];
            node->next = *place;
            *place = node;
        }
    }
    PyMem_RawFree(table);
    table = bigger;
    table_size = size;
    return true;
}

/* Finds or makes a node. NULL: no memory, no exception. */
static Node *
node_for(NodeKind kind, PyObject *object, PyObject *key)
{
    Node *node = find_node(object, key);
    if (node != NULL) {
        return node;
    }
    if (node_count >= table_size && !grow_table()) {
        return NULL;
    }
    reachable_start();
    node = PyMem_RawCalloc(1, sizeof(Node));
    if (node == NULL) {
        return NULL;
    }
    node->kind = (uint8_t)kind;
    if (kind == NODE_FUNCTION) {
        callee_bits[callee_bit(object) / 64] |= (uint64_t)1 << callee_bit(object) % 64;
    }
    node->object = object;
    node->key = Py_XNewRef(key);
    Node **place = &table[hash_of(object, key) & (table_size - 1)];
    node->next = *place;
    *place = node;
    node_count++;
    return node;
}

static void
remove_node(Node *node)
{
    Node **place = &table[hash_of(node->object, node->key) & (table_size - 1)];
    while (*place != node) {
        place = &(*place)->next;
    }
    *place = node->next;
    node_count--;
    for (DependencyLink *link = node->links, *next; link != NULL; link = next) {
        next = link->next;
        link->node = NULL;
        link->kept = NULL;
    }
    Py_XDECREF(node->key);
    Py_XDECREF(node->reference);
    PyMem_RawFree(node);
}

/* --- changes ----------------------------------------------------------------------------------------------- */

/* Something happened to the node's object. Returns whether anybody cared. */
static bool
node_changed(Node *node, const char *reason, bool died)
{
    bool relied_on = false;
    if (session_open && node->session == session) {
        session_valid = false;
        relied_on = true;
    }
    DependencyLink *link = node->links;
    while (link != NULL) {
        /* One that is retired and still linked is being installed, and will not be. */
        if (link_owner(link)->retired || ((link->owner & DEATH_ONLY) && !died)) {
            link = link->next;
            continue;
        }
        relied_on = true;
        artifact_retire(link_owner(link), reason);
        link = node->links; /* retiring took links away */
    }
    return relied_on;
}

/* The same; the node's object lives, and changes that somebody cared for are counted. */
static void
node_changed_once_more(Node *node, const char *reason)
{
    if (node_changed(node, reason, false) && node->changes < UINT8_MAX) {
        node->changes++;
    }
}

static void
key_changed(Node *node)
{
    node_changed_once_more(node, "global changed");
}

/* Is somebody to be told of the dict's changes, or of its end? */
static bool
group_in_use(Node *dict_node)
{
    if (dict_node->links != NULL || (session_open && dict_node->session == session)) {
        return true;
    }
    for (Node *node = dict_node->group; node != NULL; node = node->group) {
        if (node->links != NULL || (session_open && node->session == session)) {
            return true;
        }
    }
    return false;
}

static int
dict_event(PyDict_WatchEvent event, PyObject *dict, PyObject *key, PyObject *new_value)
{
    (void)new_value;
    if (!runtime_enabled || host_finalizing()) {
        return 0;
    }
    Node *group = find_node(dict, NULL);
    if (group == NULL) {
        return 0;
    }
    switch (event) {
    case PyDict_EVENT_ADDED:
    case PyDict_EVENT_MODIFIED:
    case PyDict_EVENT_DELETED:
        if (PyUnicode_CheckExact(key)) {
            Node *node = find_node(dict, key);
            if (node != NULL) {
                key_changed(node);
            }
            break;
        }
        if (!PyUnicode_Check(key)) {
            break; /* equal to no name */
        }
        /* fall through */
    case PyDict_EVENT_CLONED:
    case PyDict_EVENT_CLEARED:
        for (Node *node = group->group; node != NULL; node = node->group) {
            key_changed(node);
        }
        if (event == PyDict_EVENT_CLEARED) { /* it may be the collector, and this the namespace's end */
            node_changed(group, "namespace cleared", true);
        }
        break;
    case PyDict_EVENT_DEALLOCATED:
        for (Node *node = group->group, *next; node != NULL; node = next) {
            next = node->group;
            node_changed(node, "namespace died", true);
            remove_node(node);
        }
        node_changed(group, "namespace died", true);
        remove_node(group);
        return 0;
    }
    if (!group_in_use(group)) {
        (void)PyDict_Unwatch(dict_watcher, dict); /* stores are quicker; watched again when needed */
    }
    return 0;
}

static int
type_event(PyTypeObject *type)
{
    if (runtime_enabled && !host_finalizing()) {
        Node *node = find_node((PyObject *)type, NULL);
        if (node != NULL) {
            node_changed_once_more(node, "type changed");
        }
    }
    return 0;
}

/* Called with the weak reference (borrowed) of a type that died. */
static PyObject *
type_died(PyObject *self, PyObject *reference)
{
    (void)self;
    for (size_t i = 0; i < table_size; i++) {
        for (Node *node = table[i]; node != NULL; node = node->next) {
            if (node->reference == reference) {
                node_changed(node, "type died", true);
                remove_node(node);
                Py_RETURN_NONE;
            }
        }
    }
    Py_RETURN_NONE;
}

/* The function's code is about to be replaced: what runs it now may hold borrowed references to the old code. */
static void
function_code_changes(PyFunctionObject *function)
{
    CodeRecord *record = record_if_any((PyCodeObject *)function->func_code);
    if (record == NULL) {
        return;
    }
    callee_detach(function);
    if (function->vectorcall == (vectorcallfunc)(void *)record->stub.address) {
        function->vectorcall = count_vectorcall;
    }
    if (live_entries != 0) {
        keep_until_safe(Py_NewRef(function->func_code));
    }
}

static int
function_event(PyFunction_WatchEvent event, PyFunctionObject *function, PyObject *new_value)
{
    (void)new_value;
    if (event == PyFunction_EVENT_CREATE) {
        if (runtime_enabled && !host_finalizing()) {
            count_new_function(function);
        }
        return 0;
    }
    bool known = watch_may_have_callers((PyObject *)function);
    if (known && event == PyFunction_EVENT_DESTROY) {
        callee_detach(function); /* does not keep it */
    }
    if (!runtime_enabled || host_finalizing()) {
        return 0;
    }
    if ((event == PyFunction_EVENT_MODIFY_CODE || event == PyFunction_EVENT_DESTROY) && rest_forget(function)
        && event == PyFunction_EVENT_MODIFY_CODE) {
        count_hook(function);
    }
    if (event == PyFunction_EVENT_MODIFY_CODE) {
        function_code_changes(function);
    }
    Node *node = known ? find_node((PyObject *)function, NULL) : NULL;
    if (node != NULL) {
        node_changed(node, "function changed", event == PyFunction_EVENT_DESTROY);
        if (event == PyFunction_EVENT_DESTROY) {
            remove_node(node);
        }
    }
    return 0;
}

void
watch_new_function(PyFunctionObject *function)
{
    unsigned watchers = host_interpreter->active_func_watchers;
    if (LIKELY(watchers == 1u << function_watcher)) {
        if (runtime_enabled && !host_finalizing()) {
            count_new_function(function);
        }
        return;
    }
    for (; watchers != 0; watchers &= watchers - 1) {
        PyFunction_WatchCallback told = host_interpreter->func_watchers[__builtin_ctz(watchers)];
        if (told(PyFunction_EVENT_CREATE, function, NULL) < 0) {
            PyErr_FormatUnraisable("Exception ignored in %s watcher callback for function %U at %p", "PyFunction_EVENT_CREATE",
                                   function->func_qualname, function);
        }
    }
}

bool
watch_function_ends(PyFunctionObject *function)
{
    if (host_interpreter->active_func_watchers != 1u << function_watcher || watch_may_have_callers((PyObject *)function)) {
        return false;
    }
    if (runtime_enabled && !host_finalizing()) {
        const CodeRecord *record = record_entered_by(function->vectorcall);
        if (record == NULL || record->rest != NULL) {
            rest_forget(function);
        }
    }
    return true;
}

/* --- dependencies ------------------------------------------------------------------------------------------ */

/* Makes the watcher see changes of the type. */
static bool
watch_type(Node *node)
{
    PyTypeObject *type = (PyTypeObject *)node->object;
    if (PyType_HasFeature(type, Py_TPFLAGS_HEAPTYPE) && node->reference == NULL) {
        node->reference = PyWeakref_NewRef((PyObject *)type, type_death_callback);
        if (node->reference == NULL) {
            PyErr_Clear();
            return false;
        }
    }
    if (!PyUnstable_Type_AssignVersionTag(type) || PyType_Watch(type_watcher, (PyObject *)type) < 0) {
        PyErr_Clear();
        return false;
    }
    return type->tp_version_tag != 0; /* a type that changed too often never tells again */
}

static bool
watch_dict(PyObject *dict, Node *key_node, bool new_key)
{
    Node *group = node_for(NODE_DICT, dict, NULL);
    if (group == NULL) {
        return false;
    }
    if (new_key) {
        key_node->group = group->group;
        group->group = key_node;
    }
    if (PyDict_Watch(dict_watcher, dict) < 0) {
        PyErr_Clear();
        return false;
    }
    return true;
}

/* The node of a dependency (borrowed tuple), watched. NULL with *result: 1: nothing to watch, keep *kept (borrowed);
 * 0: cannot be watched; -1: an exception is set. */
static Node *
dependency_node(PyObject *dependency, PyObject **kept, int *result)
{
    const char *kind;
    PyObject *object, *key = NULL;
    *kept = NULL;
    *result = -1;
    if (!PyTuple_Check(dependency) || !PyArg_ParseTuple(dependency, "sO|O", &kind, &object, &key)) {
        if (!PyErr_Occurred()) {
            PyErr_SetString(PyExc_TypeError, "a dependency is a tuple");
        }
        return NULL;
    }
    *result = 0;
    if (dict_watcher < 0) {
        return NULL;
    }
    Node *node = NULL;
    if (strcmp(kind, "dict_key") == 0 && PyDict_Check(object) && key != NULL && PyUnicode_CheckExact(key)) {
        bool new_key = find_node(object, key) == NULL;
        node = node_for(NODE_KEY, object, key);
        return node != NULL && watch_dict(object, node, new_key) ? node : NULL;
    }
    if (strcmp(kind, "dict") == 0 && PyDict_Check(object)) { /* only has to live */
        return watch_dict(object, NULL, false) ? find_node(object, NULL) : NULL;
    }
    if (strcmp(kind, "type") == 0 && PyType_Check(object)) {
        node = node_for(NODE_TYPE, object, NULL);
        return node != NULL && watch_type(node) ? node : NULL;
    }
    if (strcmp(kind, "function") == 0 && PyFunction_Check(object)) {
        return node_for(NODE_FUNCTION, object, NULL);
    }
    if (strcmp(kind, "code") == 0) { /* never changes; only has to live */
        *kept = object;
        *result = 1;
        return NULL;
    }
    *result = -1;
    PyErr_Format(PyExc_ValueError, "unknown dependency %R", dependency);
    return NULL;
}

bool
watch_reserve(Artifact *artifact, size_t count)
{
    artifact->dependencies = PyMem_RawMalloc(count * sizeof(DependencyLink));
    artifact->dependency_room = (uint32_t)count;
    return artifact->dependencies != NULL;
}

/* Links the artifact to a node (or to nothing but `kept`, borrowed). False with an exception set: more than was reserved. */
static bool
add_link(Artifact *artifact, Node *node, PyObject *kept, uintptr_t flags)
{
    if (artifact->dependency_count >= artifact->dependency_room) {
        PyErr_SetString(PyExc_SystemError, "more dependencies than were counted");
        return false;
    }
    DependencyLink *link = &artifact->dependencies[artifact->dependency_count++];
    link->owner = (uintptr_t)artifact | flags;
    link->node = node;
    if (node == NULL) {
        link->kept = Py_XNewRef(kept);
        return true;
    }
    link->next = node->links;
    link->link = &node->links;
    if (node->links != NULL) {
        node->links->link = &link->next;
    }
    node->links = link;
    return true;
}

int
watch_add_all(Artifact *artifact, PyObject *dependencies)
{
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(dependencies); i++) {
        int result;
        PyObject *kept;
        Node *node = dependency_node(PySequence_Fast_GET_ITEM(dependencies, i), &kept, &result);
        if (node == NULL && result <= 0) {
            return result;
        }
        if (!add_link(artifact, node, kept, 0)) {
            return -1;
        }
    }
    return 1;
}

int
watch_belong(Artifact *artifact, PyObject *globals)
{
    if (!watch_dict(globals, NULL, false)) {
        return 0;
    }
    return add_link(artifact, find_node(globals, NULL), NULL, DEATH_ONLY | BELONGS) ? 1 : -1;
}

bool
watch_function(PyFunctionObject *function)
{
    return node_for(NODE_FUNCTION, (PyObject *)function, NULL) != NULL;
}

int
watch_type_death(Artifact *artifact, PyObject *type, PyObject **reference)
{
    Node *node = node_for(NODE_TYPE, type, NULL);
    if (node != NULL && node->reference == NULL) {
        node->reference = PyWeakref_NewRef(type, type_death_callback);
        if (node->reference == NULL) {
            return -1;
        }
    }
    if (node == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    if (!add_link(artifact, node, NULL, DEATH_ONLY)) {
        return -1;
    }
    *reference = Py_NewRef(node->reference);
    return 0;
}

void
watch_remove(Artifact *artifact)
{
    DependencyLink *links = artifact->dependencies;
    uint32_t count = artifact->dependency_count;
    artifact->dependencies = NULL;
    artifact->dependency_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        DependencyLink *link = &links[i];
        if (link->node != NULL) {
            *link->link = link->next;
            if (link->next != NULL) {
                link->next->link = link->link;
            }
        }
        else if (link->kept != NULL) {
            keep_until_safe(link->kept);
        }
    }
    PyMem_RawFree(links);
}

/* --- for the collector (reachable.c) ----------------------------------------------------------------------- */

/* May it be running, its frame without a reference of its own? */
static bool
may_run(PyObject *function)
{
    return may_run_while_collecting((PyCodeObject *)((PyFunctionObject *)function)->func_code);
}

/* Is the constant a function that the artifact calls directly? */
static bool
is_callee(const Artifact *artifact, PyObject *constant)
{
    PyObject **end = _PyTuple_ITEMS(artifact->constants) + PyTuple_GET_SIZE(artifact->constants);
    for (PyObject **called = end - artifact->callees; PyFunction_Check(constant) && called < end; called++) {
        if (*called == constant) {
            return true;
        }
    }
    return false;
}

int
watch_visit_namespace(PyObject *dict, visitproc visit, void *arg)
{
    const Node *group = find_node(dict, NULL);
    for (const DependencyLink *link = group != NULL ? group->links : NULL; link != NULL; link = link->next) {
        const Artifact *artifact = link_owner(link);
        for (Py_ssize_t i = 0; (link->owner & BELONGS) && i < PyTuple_GET_SIZE(artifact->constants); i++) {
            PyObject *constant = PyTuple_GET_ITEM(artifact->constants, i);
            bool asked = i >= 64 || (artifact->containers >> i & 1) != 0;
            if (asked && (!is_callee(artifact, constant) || may_run(constant))) {
                Py_VISIT(constant);
            }
        }
    }
    return 0;
}

int
watch_visit_function(PyObject *function, visitproc visit, void *arg)
{
    const Node *node = find_node(function, NULL);
    if (node == NULL || node->links == NULL || may_run(function)) {
        return 0;
    }
    const Artifact *seen = NULL;
    for (const DependencyLink *link = node->links; link != NULL; link = link->next) {
        const Artifact *artifact = link_owner(link);
        bool called = artifact != seen && is_callee(artifact, function);
        for (Py_ssize_t i = 0; called && i < PyTuple_GET_SIZE(artifact->constants); i++) {
            if (PyTuple_GET_ITEM(artifact->constants, i) == function) {
                Py_VISIT(function);
            }
        }
        seen = artifact; /* its links to one node were made together */
    }
    return 0;
}

void
watch_function_cleared(PyObject *function)
{
    Node *node = find_node(function, NULL);
    if (node != NULL) {
        node_changed(node, "function died", true);
    }
}

/* --- the session ------------------------------------------------------------------------------------------- */

void
watch_open_session(void)
{
    if (++session == 0) {
        session = 1;
    }
    session_open = session_valid = true;
}

void
watch_close_session(void)
{
    session_open = false;
    session_valid = true;
}

bool
watch_session_valid(void)
{
    return session_valid;
}

int
watch_session_add(PyObject *dependency)
{
    int result;
    PyObject *kept;
    Node *node = dependency_node(dependency, &kept, &result);
    if (node != NULL) {
        node->session = session;
        result = 1;
    }
    return result;
}

int
watch_claim(PyObject *dict, PyObject *key)
{
    bool new_key = find_node(dict, key) == NULL;
    Node *group = node_for(NODE_DICT, dict, NULL);
    Node *node = group != NULL ? node_for(NODE_KEY, dict, key) : NULL;
    if (node == NULL) {
        return -1;
    }
    if (new_key) {
        node->group = group->group;
        group->group = node;
    }
    node_changed(node, "global in a loop", false);
    node->changes = UINT8_MAX;
    return 0;
}

uint8_t
watch_foreign_bits(void)
{
    return (uint8_t)~(dict_watcher >= 0 ? 1u << dict_watcher : 0u);
}

bool
watch_is_stable(PyObject *object, PyObject *key)
{
    if (key != NULL && !PyUnicode_CheckExact(key)) {
        return false;
    }
    Node *node = find_node(object, key);
    return node == NULL || node->changes < MAX_CHANGES;
}

/* --- starting and stopping --------------------------------------------------------------------------------- */

static PyMethodDef type_died_method = {"type_died", type_died, METH_O, NULL};

int
watch_start(void)
{
    if (type_death_callback == NULL) {
        type_death_callback = PyCFunction_New(&type_died_method, NULL);
        if (type_death_callback == NULL) {
            return -1;
        }
    }
    if (dict_watcher < 0 && (dict_watcher = PyDict_AddWatcher(dict_event)) < 0) {
        return -1;
    }
    watch_dict_bit = 1u << dict_watcher;
    if (type_watcher < 0 && (type_watcher = PyType_AddWatcher(type_event)) < 0) {
        return -1;
    }
    if (function_watcher < 0 && (function_watcher = PyFunction_AddWatcher(function_event)) < 0) {
        return -1;
    }
    return 0;
}
