/* Calls out of compiled code: any callable, classes, and the builtins that code asks its objects with.
 *
 * A call's operands stand on the native stack as CALL has them: callable, self or NULL, the arguments. So a bound
 * method is unwrapped, or a new object put in front of the arguments, without moving anything. */
#include "helpers.h"
#include "internal/pycore_call.h"
#include "internal/pycore_object.h"
#include "internal/pycore_tuple.h"
#include "internal/pycore_typeobject.h"

/* object.__dict__['__class__'], the descriptor that says what every ordinary object's class is. Borrowed. */
static PyObject *class_descriptor;

/* Returns -1 with an exception set. */
int calls_init(void)
{
    class_descriptor = _PyType_Lookup(&PyBaseObject_Type, helper_names.class_);
    if (class_descriptor == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "object has no __class__");
        return -1;
    }
    return 0;
}

/* Steals the result, returns it. CPython's check that a result and an exception exclude each other, its error way out
 * of line. */
static inline PyObject *checked(PyThreadState *tstate, PyObject *callable, PyObject *result)
{
    if ((result == NULL) != (tstate->current_exception != NULL)) {
        return _Py_CheckFunctionResult(tstate, callable, result, NULL);
    }
    return result;
}

/* --- classes ------------------------------------------------------------------------------------------------------ */

enum { CLASS_UNKNOWN, CLASS_INIT, CLASS_PLAIN };

/* Borrows the class. What calling it with type.__call__ amounts to: CLASS_INIT: allocate and call *init (borrowed);
 * CLASS_PLAIN: allocate (without arguments); CLASS_UNKNOWN: anything else. */
static int construction(PyTypeObject *class, PyObject **init)
{
    *init = NULL;
    if (class->tp_new != PyBaseObject_Type.tp_new || class->tp_vectorcall != NULL || class->tp_alloc == NULL ||
        (class->tp_flags & (Py_TPFLAGS_IS_ABSTRACT | Py_TPFLAGS_HEAPTYPE)) != Py_TPFLAGS_HEAPTYPE) {
        return CLASS_UNKNOWN;
    }
    if (class->tp_init == PyBaseObject_Type.tp_init) {
        return CLASS_PLAIN;
    }
    if (class->tp_init != helper_names.slot_init) {
        return CLASS_UNKNOWN;
    }
    PyObject *found = _PyType_Lookup(class, helper_names.init);
    if (found == NULL || !PyFunction_Check(found)) {
        return CLASS_UNKNOWN;
    }
    *init = found;
    return CLASS_INIT;
}

/* Borrows; returns new. stack[2…] are the arguments; the words before them are free. */
static PyObject *construct(PyThreadState *tstate, PyTypeObject *class, PyObject *init, PyObject **stack,
                           Py_ssize_t count, PyObject *kwnames)
{
    Py_ssize_t positional = kwnames == NULL ? count : count - PyTuple_GET_SIZE(kwnames);
    PyObject *self = class->tp_alloc(class, 0);
    if (self == NULL) {
        return NULL;
    }
    Py_INCREF(init); /* __init__ may take itself out of its class */
    stack[1] = self;
    PyObject *result = ((PyFunctionObject *)init)
                           ->vectorcall(init, stack + 1, (size_t)(positional + 1) | PY_VECTORCALL_ARGUMENTS_OFFSET,
                                        kwnames);
    Py_DECREF(init);
    if (result == Py_None && tstate->current_exception == NULL) {
        return self;
    }
    result = checked(tstate, init, result);
    if (result != NULL) {
        check_init_result(result);
        Py_DECREF(result);
    }
    Py_DECREF(self);
    return NULL;
}

static inline int stock_class_call(PyObject *class)
{
    return Py_TYPE(class)->tp_call == PyType_Type.tp_call;
}

/* Borrows; returns new. Calls a class; falls back to call_vector for what it does not know. */
PyObject *instantiate(PyThreadState *tstate, PyObject *type, PyObject **stack, Py_ssize_t count, PyObject *kwnames,
                      InitCell *cell)
{
    PyTypeObject *class = (PyTypeObject *)type;
    if (PyType_Check(type) && stock_class_call(type)) {
        if (cell->version == 0 || cell->version != class->tp_version_tag) {
            cell->kind = (uint32_t)construction(class, &cell->init);
            cell->version = PyUnstable_Type_AssignVersionTag(class) ? class->tp_version_tag : 0;
        }
        if (cell->kind == CLASS_INIT) {
            return construct(tstate, class, cell->init, stack, count, kwnames);
        }
        if (cell->kind == CLASS_PLAIN && count == 0) {
            return class->tp_alloc(class, 0);
        }
    }
    stack[0] = type;
    stack[1] = NULL;
    vectorcallfunc function = _PyVectorcall_FunctionInline(type);
    Py_ssize_t positional = kwnames == NULL ? count : count - PyTuple_GET_SIZE(kwnames);
    if (function == NULL) {
        return _PyObject_MakeTpCall(tstate, type, stack + 2, positional, kwnames);
    }
    return checked(tstate, type,
                   function(type, stack + 2, (size_t)positional | PY_VECTORCALL_ARGUMENTS_OFFSET, kwnames));
}

/* --- any callable ------------------------------------------------------------------------------------------------- */

/* Borrows; returns new. */
PyObject *call_vector(PyThreadState *tstate, PyObject **stack, Py_ssize_t count, PyObject *kwnames)
{
    PyObject *callable = stack[0];
    PyObject **arguments = stack + 2;
    Py_ssize_t total = count;
    if (stack[1] != NULL) {
        arguments--;
        total++;
    }
    else if (Py_TYPE(callable) == &PyMethod_Type) {
        stack[1] = ((PyMethodObject *)callable)->im_self;
        callable = ((PyMethodObject *)callable)->im_func;
        arguments--;
        total++;
    }
    Py_ssize_t positional = kwnames == NULL ? total : total - PyTuple_GET_SIZE(kwnames);
    vectorcallfunc function = _PyVectorcall_FunctionInline(callable);
    if (function != NULL) {
        return checked(tstate, callable,
                       function(callable, arguments, (size_t)positional | PY_VECTORCALL_ARGUMENTS_OFFSET, kwnames));
    }
    if (PyType_Check(callable) && stock_class_call(callable) && arguments == stack + 2) {
        PyObject *init;
        switch (construction((PyTypeObject *)callable, &init)) {
        case CLASS_INIT:
            return construct(tstate, (PyTypeObject *)callable, init, stack, count, kwnames);
        case CLASS_PLAIN:
            if (count == 0) {
                return ((PyTypeObject *)callable)->tp_alloc((PyTypeObject *)callable, 0);
            }
        }
    }
    return _PyObject_MakeTpCall(tstate, callable, arguments, positional, kwnames);
}

#define SPREAD_MAX 12 /* arguments of f(*a, **k) through a bound method that are laid out without allocation */

/* Borrows; returns new. A bound method called with a tuple: self and the items side by side. */
static PyObject *call_method_spread(PyObject *method, PyObject *tuple, PyObject *keywords)
{
    PyObject *stack[SPREAD_MAX + 2];
    Py_ssize_t count = PyTuple_GET_SIZE(tuple);
    stack[0] = NULL;
    stack[1] = PyMethod_GET_SELF(method);
    memcpy(stack + 2, _PyTuple_ITEMS(tuple), (size_t)count * sizeof(PyObject *));
    size_t nargsf = (size_t)(count + 1) | PY_VECTORCALL_ARGUMENTS_OFFSET;
    return PyObject_VectorcallDict(PyMethod_GET_FUNCTION(method), stack + 1, nargsf, keywords);
}

/* Borrows; returns new. f(*arguments, **keywords). */
PyObject *call_ex(PyThreadState *tstate, PyObject *function, PyObject *arguments, PyObject *keywords)
{
    PyObject *tuple;
    if (PyTuple_CheckExact(arguments)) {
        tuple = Py_NewRef(arguments);
    }
    else {
        if (_Py_Check_ArgsIterable(tstate, function, arguments) < 0) {
            return NULL;
        }
        tuple = PySequence_Tuple(arguments);
        if (tuple == NULL) {
            return NULL;
        }
    }
    PyObject *result;
    if (Py_TYPE(function) == &PyMethod_Type && PyTuple_GET_SIZE(tuple) <= SPREAD_MAX) {
        result = call_method_spread(function, tuple, keywords);
    }
    else {
        result = PyObject_Call(function, tuple, keywords);
    }
    Py_DECREF(tuple);
    return result;
}

/* Borrows; returns new. A METH_O or METH_NOARGS (argument NULL) function, with the check of the C stack that CPython
 * makes before it. FASTCALL functions have none and may be called directly. */
PyObject *call_builtin_o(PyThreadState *tstate, PyCFunction function, PyObject *self, PyObject *argument)
{
    if (_Py_EnterRecursiveCallTstate(tstate, " while calling a Python object")) {
        return NULL;
    }
    return function(self, argument);
}

/* Borrows; returns new. super().name, with the interpreter's shortcut when `super` is the builtin one. */
ObjectPair load_super_attr(PyThreadState *tstate, PyObject *super, PyObject *class, PyObject *self, PyObject *name,
                           int flags)
{
    ObjectPair result = {NULL, NULL};
    if (super == (PyObject *)&PySuper_Type && PyType_Check(class)) {
        int found_method = 0;
        int want_method = (flags & 1) && Py_TYPE(self)->tp_getattro == PyObject_GenericGetAttr;
        result.first = _PySuper_Lookup((PyTypeObject *)class, self, name, want_method ? &found_method : NULL);
        if (found_method && result.first != NULL) {
            result.second = Py_NewRef(self);
        }
        return result;
    }
    PyObject *stack[2] = {class, self};
    PyObject *object = _PyObject_VectorcallTstate(tstate, super, stack, flags & 2, NULL);
    if (object != NULL) {
        result.first = PyObject_GetAttr(object, name);
        Py_DECREF(object);
    }
    return result;
}

/* --- asking objects ------------------------------------------------------------------------------------------------- */

/* Borrows. 1 or 0; -1: the object may say something else about its class, not decided. `class` is of type `type`
 * exactly, so it has no __instancecheck__ of its own. */
static inline int plain_instance(PyObject *object, PyTypeObject *class)
{
    PyTypeObject *type = Py_TYPE(object);
    if (type == class || PyType_IsSubtype(type, class)) {
        return 1;
    }
    if (type->tp_getattro == PyObject_GenericGetAttr || type->tp_getattro == PyType_Type.tp_getattro) {
        if (_PyType_Lookup(type, helper_names.class_) == class_descriptor) {
            return 0;
        }
    }
    return -1;
}

/* Borrows. isinstance(). */
int is_instance(PyObject *object, PyObject *class)
{
    if ((PyObject *)Py_TYPE(object) == class) {
        return 1;
    }
    if (PyType_CheckExact(class)) {
        int answer = plain_instance(object, (PyTypeObject *)class);
        return answer >= 0 ? answer : PyObject_IsInstance(object, class);
    }
    if (PyTuple_CheckExact(class)) {
        Py_ssize_t count = PyTuple_GET_SIZE(class);
        for (Py_ssize_t i = 0; i < count; i++) {
            PyObject *item = PyTuple_GET_ITEM(class, i);
            int answer = PyType_CheckExact(item) ? plain_instance(object, (PyTypeObject *)item) : -1;
            if (answer < 0) {
                answer = PyObject_IsInstance(object, item);
            }
            if (answer != 0) {
                return answer;
            }
        }
        return 0;
    }
    return PyObject_IsInstance(object, class);
}

/* Borrows. issubclass(). */
int is_subclass(PyObject *derived, PyObject *class)
{
    if (PyType_CheckExact(class) && PyType_Check(derived)) {
        return PyType_IsSubtype((PyTypeObject *)derived, (PyTypeObject *)class);
    }
    return PyObject_IsSubclass(derived, class);
}

/* Borrows; returns new. len(). */
PyObject *builtin_len(PyObject *object)
{
    return get_len(object);
}

/* Borrows, fallback may be NULL; returns new. next(). */
PyObject *builtin_next(PyObject *iterator, PyObject *fallback)
{
    if (!PyIter_Check(iterator)) {
        PyErr_Format(PyExc_TypeError, "'%.200s' object is not an iterator", Py_TYPE(iterator)->tp_name);
        return NULL;
    }
    PyObject *value = Py_TYPE(iterator)->tp_iternext(iterator);
    if (value != NULL) {
        return value;
    }
    if (PyErr_Occurred()) {
        if (fallback == NULL || !PyErr_ExceptionMatches(PyExc_StopIteration)) {
            return NULL;
        }
        PyErr_Clear();
    }
    else if (fallback == NULL) {
        PyErr_SetNone(PyExc_StopIteration);
        return NULL;
    }
    return Py_NewRef(fallback);
}

/* Borrows; returns new. getattr() with a default. */
PyObject *get_attr_default(PyObject *object, PyObject *name, PyObject *fallback)
{
    PyObject *value;
    if (PyObject_GetOptionalAttr(object, name, &value) == 0) {
        return Py_NewRef(fallback);
    }
    return value; /* NULL on error */
}

/* Borrows. hasattr(). */
int has_attr(PyObject *object, PyObject *name)
{
    return PyObject_HasAttrWithError(object, name);
}

/* Borrows. */
int delete_attr(PyObject *object, PyObject *name)
{
    return PyObject_DelAttr(object, name);
}
