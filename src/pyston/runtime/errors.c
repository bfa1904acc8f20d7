/* Raising and handling exceptions, `with` and `match` for compiled code. */
#include "helpers.h"
#include "restless.h"
#include "host.h"
#include "internal/pycore_pyerrors.h"
#include "internal/pycore_object.h"

static const char not_an_exception[] = "calling %R should have returned an instance of BaseException, not %R";

/* Borrows a class or an instance; returns new: the instance. `text` is for objects that are neither. */
static PyObject *exception_instance(PyObject *given, const char *text)
{
    if (PyExceptionInstance_Check(given)) {
        return Py_NewRef(given);
    }
    if (!PyExceptionClass_Check(given)) {
        PyErr_SetString(PyExc_TypeError, text);
        return NULL;
    }
    PyObject *instance = PyObject_CallNoArgs(given);
    if (instance != NULL && !PyExceptionInstance_Check(instance)) {
        PyErr_Format(PyExc_TypeError, not_an_exception, given, Py_TYPE(instance));
        Py_CLEAR(instance);
    }
    return instance;
}

/* Returns new: what a `raise` without arguments raises. */
PyObject *handled_exception(PyThreadState *tstate)
{
    _PyErr_StackItem *item = tstate->exc_info;
    while ((item->exc_value == NULL || item->exc_value == Py_None) && item->previous_item != NULL) {
        item = item->previous_item;
    }
    if (item->exc_value == NULL || item->exc_value == Py_None) {
        PyErr_SetString(PyExc_RuntimeError, "No active exception to reraise");
        return NULL;
    }
    return Py_NewRef(item->exc_value);
}

/* Steals the exception, borrows the cause, which may be NULL. RAISE_VARARGS with arguments; always -1. */
int raise_exception(PyThreadState *tstate, PyObject *exception, PyObject *cause)
{
    (void)tstate;
    PyObject *instance = exception_instance(exception, "exceptions must derive from BaseException");
    PyObject *reason = NULL;
    if (instance != NULL && cause != NULL) {
        if (cause != Py_None) {
            reason = exception_instance(cause, "exception causes must derive from BaseException");
        }
        if (reason != NULL || cause == Py_None) {
            PyException_SetCause(instance, reason);
        }
        else {
            Py_CLEAR(instance);
        }
    }
    if (instance != NULL) {
        PyErr_SetObject(PyExceptionClass_Check(exception) ? exception : (PyObject *)Py_TYPE(instance), instance);
        Py_DECREF(instance);
    }
    Py_DECREF(exception);
    return -1;
}

/* Steals the exception. RERAISE that leaves the function: no new traceback entry. `lasti` says where it was raised. */
int reraise(PyThreadState *tstate, _PyInterpreterFrame *frame, PyObject *exception, uintptr_t lasti)
{
    frame->instr_ptr = _PyFrame_GetBytecode(frame) + PyStackRef_UntagInt((_PyStackRef){.bits = lasti});
    _PyErr_SetRaisedException(tstate, exception);
    return 0;
}

/* Borrows. 1, 0 or -1. */
int check_exc_match(PyObject *exception, PyObject *type)
{
    if ((PyObject *)Py_TYPE(exception) == type) {
        return 1; /* it is an exception, so its type is a class of exceptions */
    }
    if (_PyEval_CheckExceptTypeValid(PyThreadState_Get(), type) < 0) {
        return -1;
    }
    return PyErr_GivenExceptionMatches(exception, type);
}

/* Borrows. 1 or 0. */
int is_exception_of(PyObject *exception, PyObject *class)
{
    PyTypeObject *type = Py_TYPE(exception);
    return type == (PyTypeObject *)class || PyType_IsSubtype(type, (PyTypeObject *)class);
}

/* Borrows; returns new: {rest, match}. */
ObjectPair check_eg_match(_PyInterpreterFrame *frame, PyObject *exception, PyObject *type)
{
    ObjectPair result = {NULL, NULL};
    if (_PyEval_CheckExceptStarTypeValid(PyThreadState_Get(), type) < 0) {
        return result;
    }
    PyObject *match = NULL, *rest = NULL;
    if (_PyEval_ExceptionGroupMatch(frame, exception, type, &match, &rest) < 0) {
        return result;
    }
    if (match != Py_None) {
        PyErr_SetHandledException(match);
    }
    result.first = rest;
    result.second = match;
    return result;
}

/* Borrows; returns new: what was being handled before. */
PyObject *push_exc_info(PyThreadState *tstate, PyObject *exception)
{
    _PyErr_StackItem *item = tstate->exc_info;
    PyObject *previous = item->exc_value;
    item->exc_value = Py_NewRef(exception);
    return previous != NULL ? previous : Py_None;
}

/* Steals. */
void pop_except(PyThreadState *tstate, PyObject *previous)
{
    _PyErr_StackItem *item = tstate->exc_info;
    PyObject *old = item->exc_value;
    item->exc_value = previous == Py_None ? NULL : previous;
    Py_XDECREF(old);
}

/* Borrows. */
int is_stop_async_iteration(PyObject *exception)
{
    return PyErr_GivenExceptionMatches(exception, PyExc_StopAsyncIteration);
}

/* Borrows; returns new. Calls a context manager's `__exit__` with the exception. */
PyObject *with_except_start(PyThreadState *tstate, PyObject *exit, PyObject *self, PyObject *exception)
{
    PyObject *traceback = PyException_GetTraceback(exception);
    PyObject *stack[5] = {NULL, self, (PyObject *)Py_TYPE(exception), exception,
                          traceback != NULL ? traceback : Py_None};
    int has_self = self != NULL;
    PyObject *result = _PyObject_VectorcallTstate(tstate, exit, stack + 2 - has_self,
                                                  (size_t)(3 + has_self) | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL);
    Py_XDECREF(traceback);
    return result;
}

/* What `with` has lately found in classes. Shared by all code: few classes are context managers, and most are used in
 * several places. A version tag belongs to one class in one state, so what was found (borrowed) lives as long as the tag is
 * somebody's. */
typedef struct {
    uint32_t tag;
    int which;
    PyObject *method;
} SpecialFound;

#define SPECIALS_FOUND 32
static SpecialFound specials_found[SPECIALS_FOUND];

static inline SpecialFound *special_found(uint32_t tag, int which)
{
    return &specials_found[(tag * 2u + (unsigned)which) % SPECIALS_FOUND];
}

/* The same by a look-up, which is remembered where it finds a function. */
static __attribute__((noinline)) ObjectPair load_special_slowly(PyObject *object, int which)
{
    PyTypeObject *type = Py_TYPE(object);
    uint32_t tag = tag_of(type);
    _PyStackRef pair[2] = {PyStackRef_NULL, PyStackRef_FromPyObjectNew(object)};
    const _Py_SpecialMethod *special = &_Py_SpecialMethods[which];
    int status = _PyObject_LookupSpecialMethod(special->name, pair);
    if (status <= 0) {
        if (status == 0) {
            const char *text = _PyEval_SpecialMethodCanSuggest(object, which) ? special->error_suggestion
                                                                              : special->error;
            PyErr_Format(PyExc_TypeError, text, object);
        }
        PyStackRef_XCLOSE(pair[1]);
        return (ObjectPair){NULL, NULL};
    }
    ObjectPair result = {PyStackRef_AsPyObjectSteal(pair[0]), NULL};
    if (!PyStackRef_IsNull(pair[1])) {
        result.second = PyStackRef_AsPyObjectSteal(pair[1]);
        if (tag != 0 && tag_of(type) == tag
            && PyType_HasFeature(Py_TYPE(result.first), Py_TPFLAGS_METHOD_DESCRIPTOR)) {
            *special_found(tag, which) = (SpecialFound){tag, which, result.first};
        }
    }
    return result;
}

/* Borrows; returns new: {callable, self or NULL}. LOAD_SPECIAL. */
ObjectPair load_special(PyThreadState *tstate, PyObject *object, int which)
{
    (void)tstate;
    uint32_t tag = tag_of(Py_TYPE(object));
    SpecialFound *found = special_found(tag, which);
    if (LIKELY(found->tag == tag && found->which == which && tag != 0)) {
        return (ObjectPair){Py_NewRef(found->method), Py_NewRef(object)};
    }
    return load_special_slowly(object, which);
}

/* Borrows. */
int check_init_result(PyObject *result)
{
    if (result == Py_None) {
        return 0;
    }
    PyErr_Format(PyExc_TypeError, "__init__() should return None, not '%.200s'", Py_TYPE(result)->tp_name);
    return -1;
}

/* Borrows; returns new: the tuple of matched attributes, or None. */
PyObject *match_class(PyThreadState *tstate, PyObject *subject, PyObject *type, Py_ssize_t positional, PyObject *names)
{
    PyObject *values = _PyEval_MatchClass(tstate, subject, type, positional, names);
    return values != NULL || PyErr_Occurred() ? values : Py_None;
}

/* Borrows; returns new: the tuple of values, or None. */
PyObject *match_keys(PyThreadState *tstate, PyObject *subject, PyObject *keys)
{
    return _PyEval_MatchKeys(tstate, subject, keys);
}

/* Borrows. */
int match_mapping(PyObject *subject)
{
    return (Py_TYPE(subject)->tp_flags & Py_TPFLAGS_MAPPING) != 0;
}

/* Borrows. */
int match_sequence(PyObject *subject)
{
    return (Py_TYPE(subject)->tp_flags & Py_TPFLAGS_SEQUENCE) != 0;
}
