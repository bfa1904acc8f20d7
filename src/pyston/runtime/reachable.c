/* What compiled code holds, as the garbage collector sees it.
 *
 * An artifact owns its constants: functions, lists, whatever was found under a name or in a class. Held where the collector
 * cannot look, they would keep what they refer to, and so mostly the namespace in which all of it was made, which could then never
 * die. So there is somebody from whom the collector learns of each of these references, exactly one as it must be:
 *
 * - The namespace, that is the globals of the functions that the artifact is made for: it has its artifacts' constants. No
 *   artifact is of use without it.
 * - A function that compiled code calls directly has these references itself, to itself: then they do not count. It dies as if
 *   nobody had compiled a call of it, also where the caller's namespace lives on. But a frame that compiled code has made borrows
 *   its function from the caller's artifact. So while it may be running it belongs to the namespace, as the rest.
 *
 * Whoever runs is reachable: its function, or the one that has called it from C, is held by C code, has the namespace, and that
 * the artifact with the next one's function.
 *
 * When the collector clears a namespace (the dict watcher tells) or a function, the artifacts are retired, and let go. What only asks
 * for references (`gc.get_referrers`, `gc.get_referents`) is not told of them: they are none of the program's. */
#include "reachable.h"

#include "watch.h"

static traverseproc traverse_dict, traverse_function;
static inquiry clear_function;

/* Does the collector ask, in our interpreter? */
static bool
collecting(void)
{
    return PyThreadState_GetUnchecked()->interp == host_interpreter && host_interpreter->gc.collecting;
}

static int
traverse_namespace(PyObject *self, visitproc visit, void *arg)
{
    if (UNLIKELY((((PyDictObject *)self)->_ma_watcher_tag & watch_dict_bit) != 0) && collecting()) {
        int result = watch_visit_namespace(self, visit, arg);
        if (result != 0) {
            return result;
        }
    }
    return traverse_dict(self, visit, arg);
}

static int
traverse_callee(PyObject *self, visitproc visit, void *arg)
{
    if (watch_may_have_callers(self) && collecting()) {
        int result = watch_visit_function(self, visit, arg);
        if (result != 0) {
            return result;
        }
    }
    return traverse_function(self, visit, arg);
}

static int
clear_callee(PyObject *self)
{
    if (watch_may_have_callers(self) && PyThreadState_GetUnchecked()->interp == host_interpreter) {
        watch_function_cleared(self);
    }
    return clear_function(self);
}

void
reachable_start(void)
{
    if (traverse_dict == NULL) {
        traverse_dict = PyDict_Type.tp_traverse;
        PyDict_Type.tp_traverse = traverse_namespace;
        traverse_function = PyFunction_Type.tp_traverse;
        PyFunction_Type.tp_traverse = traverse_callee;
        clear_function = PyFunction_Type.tp_clear;
        PyFunction_Type.tp_clear = clear_callee;
    }
}
