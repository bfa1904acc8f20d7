/* The compiler makes many objects, in cycles, and then needs none of them. The program should not notice: its own
 * objects are not looked through by collections that the compiler's allocations set off, its young garbage does not die
 * early, `gc.get_objects`, `gc.get_stats`, `gc.get_count` and `gc.callbacks` tell what they would tell without us.
 *
 * So while the compiler works the collector is off, and new objects are linked into a list of our own. At the end that
 * list takes the youngest generation's place for one collection of that generation. References from the program's objects
 * come from outside of it, which the collector always allows for. What survives joins the next generation, as ever. */
#include "quiet.h"

#include "internal/pycore_gc.h"

static void
list_init(PyGC_Head *list)
{
    list->_gc_next = list->_gc_prev = (uintptr_t)list;
}

static bool
list_is_empty(const PyGC_Head *list)
{
    return list->_gc_next == (uintptr_t)list;
}

/* Moves everything from one list to the end of another. */
static void
list_move(PyGC_Head *from, PyGC_Head *to)
{
    if (!list_is_empty(from)) {
        PyGC_Head *first = _PyGCHead_NEXT(from), *last = _PyGCHead_PREV(from), *end = _PyGCHead_PREV(to);
        _PyGCHead_SET_NEXT(end, first);
        _PyGCHead_SET_PREV(first, end);
        _PyGCHead_SET_NEXT(last, to);
        _PyGCHead_SET_PREV(to, last);
        list_init(from);
    }
}

static PyObject *collect; /* owned: gc.collect; found early, since importing may run the program's own code */
static bool active;
static int saved_enabled, saved_counts[NUM_GENERATIONS];
static PyGC_Head created; /* what was created since quiet_begin; not on a stack, since the process may fork */

int
quiet_init(void)
{
    if (collect == NULL) {
        PyObject *module = PyImport_ImportModule("gc");
        collect = module != NULL ? PyObject_GetAttrString(module, "collect") : NULL;
        Py_XDECREF(module);
    }
    return collect != NULL ? 0 : -1;
}

void
quiet_begin(void)
{
    struct _gc_runtime_state *gc = &host_interpreter->gc;
    active = !gc->collecting && gc->generation0 == &gc->generations[0].head;
    if (!active) {
        return;
    }
    saved_enabled = gc->enabled;
    gc->enabled = 0;
    for (int i = 0; i < NUM_GENERATIONS; i++) {
        saved_counts[i] = gc->generations[i].count;
    }
    list_init(&created);
    gc->generation0 = &created;
}

void
quiet_abandon(void)
{
    if (!active) {
        return;
    }
    struct _gc_runtime_state *gc = &host_interpreter->gc;
    active = false;
    gc->generation0 = &gc->generations[0].head;
    list_move(&created, gc->generation0);
    for (int i = 0; i < NUM_GENERATIONS; i++) {
        gc->generations[i].count = saved_counts[i];
    }
    gc->enabled = saved_enabled;
}

/* Collects the objects of the list `created`, and nothing else. */
static void
collect_created(void)
{
    struct _gc_runtime_state *gc = &host_interpreter->gc;
    PyGC_Head *youngest = &gc->generations[0].head, program;
    struct gc_generation_stats stats[NUM_GENERATIONS];
    PyObject *callbacks = gc->callbacks;
    int debug = gc->debug;

    memcpy(stats, gc->generation_stats, sizeof(stats));
    gc->callbacks = NULL;
    gc->debug = 0;
    list_init(&program);
    list_move(youngest, &program);
    list_move(&created, youngest);
    gc->generation0 = youngest;
    PyObject *result = PyObject_CallFunction(collect, "i", 0);
    if (result == NULL) {
        PyErr_Clear();
    }
    Py_XDECREF(result);
    list_move(youngest, &program); /* what finalizers made */
    list_move(&program, youngest);
    gc->callbacks = callbacks;
    gc->debug = debug;
    memcpy(gc->generation_stats, stats, sizeof(stats));
}

void
quiet_end(void)
{
    if (!active) {
        return;
    }
    PyObject *exception = PyErr_GetRaisedException();
    if (!host_interpreter->gc.collecting) {
        collect_created();
    }
    quiet_abandon();
    PyErr_SetRaisedException(exception);
}
