/* Does somebody iterate over sys.modules? The first compilation imports the compiler; in the midst of a loop over the dict
 * that would be a RuntimeError which stock does not have. So it waits.
 *
 * An iterator of a dict is tracked by the collector and refers to its dict until it has ended: all objects are looked at,
 * once in a process mostly, in a millisecond or two. */
#include "modules.h"

#include <time.h>

#define PAUSE_NS 20000000 /* of processor time, from one look to the next */

typedef struct {
    PyObject *dict; /* borrowed */
    bool found;
} Search;

static int
visit_referent(PyObject *referent, void *argument)
{
    Search *search = argument;
    if (referent == search->dict) {
        search->found = true;
    }
    return 0;
}

/* Borrows. Whether to go on. */
static int
visit_object(PyObject *object, void *argument)
{
    Search *search = argument;
    PyTypeObject *type = Py_TYPE(object);
    if (type == &PyDictIterKey_Type || type == &PyDictIterValue_Type || type == &PyDictIterItem_Type
        || type == &PyDictRevIterKey_Type || type == &PyDictRevIterValue_Type || type == &PyDictRevIterItem_Type) {
        type->tp_traverse(object, visit_referent, search);
    }
    return !search->found;
}

bool
modules_iterated(void)
{
    static uint64_t again;
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    uint64_t ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
    if (ns < again) {
        return true;
    }
    Search search = {.dict = PyImport_GetModuleDict()};
    PyUnstable_GC_VisitObjects(visit_object, &search);
    if (search.found) {
        again = ns + PAUSE_NS;
    }
    return search.found;
}
