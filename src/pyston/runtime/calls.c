/* Calls out of compiled code: any callable, classes, and the builtins that code asks its objects with.
 *
 * A call's operands stand on the native stack as CALL has them: callable, self or NULL, the arguments. So a bound
 * method is unwrapped, or a new object put in front of the arguments, without moving anything. */
#include "binding.h"
#include "cache_entry.h"
#include "enter.h"
#include "frame_locals.h"
#include "instances.h"
#include "internal/pycore_call.h"
#include "internal/pycore_object.h"
#include "internal/pycore_tuple.h"
#include "internal/pycore_typeobject.h"
#include "release.h"
#include "restless.h"
#include "sequences.h"
#include "special_methods.h"

#include "opcode.h"

/* What object has, and every class without one of its own: for instances, to make them, to fill them in. Borrowed. */
static PyObject *usual_getattribute, *usual_new, *usual_init;

void calls_init(void)
{
    usual_getattribute = _PyType_Lookup(&PyBaseObject_Type, helper_names.getattribute);
    usual_new = _PyType_Lookup(&PyBaseObject_Type, helper_names.new);
    usual_init = _PyType_Lookup(&PyBaseObject_Type, helper_names.init);
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

/* Borrows; returns new. Calls by the callable's vectorcall function; the word before the arguments may be written over. The callable
 * is kept alive by who calls this. */
static inline __attribute__((always_inline)) PyObject *
call_by(PyThreadState *tstate, PyObject *callable, vectorcallfunc function, PyObject *const *arguments, size_t positional,
        PyObject *kwnames)
{
    CodeRecord *record = record_entered_by(function);
    if (record != NULL) {
        return enter_within(tstate, (PyFunctionObject *)callable, arguments, positional, kwnames, record);
    }
    return checked(tstate, callable, function(callable, arguments, positional | PY_VECTORCALL_ARGUMENTS_OFFSET, kwnames));
}

/* --- classes ------------------------------------------------------------------------------------------------------ */

enum { CALL_UNKNOWN, CALL_INIT, CALL_NEW, CALL_NEW_IN_C, CALL_PLAIN };

/* What calling a class with type.__call__ amounts to. */
typedef struct {
    PyTypeObject *class;
    PyObject *found; /* `__init__` or `__new__` as its class has it; borrowed under the tag */
    uint32_t tag;    /* the class's */
    int kind;
} Construction;

#define CONSTRUCTIONS 256 /* a power of two */

static Construction constructions[CONSTRUCTIONS]; /* by class */

/* Has the metaclass no say in what the class's attributes are? */
static inline bool is_asked_as_usual(PyTypeObject *class)
{
    return Py_TYPE(class)->tp_getattro == PyType_Type.tp_getattro;
}

/* Borrows the class. CALL_INIT: allocate, then call `__init__`; CALL_NEW: call `__new__`, then what `__init__` there is;
 * CALL_NEW_IN_C: call tp_new, then that; CALL_PLAIN: allocate (when there are no arguments); CALL_UNKNOWN: anything else. */
static __attribute__((noinline)) int find_construction(PyTypeObject *class, PyObject **found)
{
    *found = NULL;
    if (class->tp_vectorcall != NULL || class->tp_alloc == NULL ||
        ((class->tp_flags & (Py_TPFLAGS_IS_ABSTRACT | Py_TPFLAGS_HEAPTYPE)) != Py_TPFLAGS_HEAPTYPE &&
         class != &PyBaseObject_Type)) {
        return CALL_UNKNOWN;
    }
    if (class->tp_new == helper_names.slot_new) {
        *found = class_lookup(class, helper_names.new);
        return *found != NULL && Py_IS_TYPE(*found, &PyStaticMethod_Type) && PyFunction_Check(wrapped_callable(*found))
                   ? CALL_NEW
                   : CALL_UNKNOWN;
    }
    if (class->tp_new != PyBaseObject_Type.tp_new) {
        return class->tp_new != NULL && class->tp_init == helper_names.slot_init ? CALL_NEW_IN_C : CALL_UNKNOWN;
    }
    if (class->tp_init == PyBaseObject_Type.tp_init) {
        return CALL_PLAIN;
    }
    if (class->tp_init == helper_names.slot_init) {
        *found = class_lookup(class, helper_names.init);
        return *found != NULL && PyFunction_Check(*found) ? CALL_INIT : CALL_UNKNOWN;
    }
    return CALL_UNKNOWN;
}

/* Borrows the class, whose metaclass has no `__call__`. The function is borrowed; NULL but for CALL_INIT and CALL_NEW. The
 * class's tag says nothing of its metaclass, which is asked for `__new__`: that is looked at each time. */
static int construction(PyTypeObject *class, PyObject **function)
{
    Construction *kept = &constructions[((size_t)class >> 4 ^ (size_t)class >> 12) & (CONSTRUCTIONS - 1)];
    uint32_t tag = tag_of(class);
    if (UNLIKELY(kept->class != class || kept->tag != tag || tag == 0)) {
        kept->kind = find_construction(class, &kept->found);
        kept->class = class;
        kept->tag = is_restless(class) ? restless_tag(class) : version_of(class);
    }
    *function = kept->found;
    if (kept->kind != CALL_NEW) {
        return kept->kind;
    }
    *function = wrapped_callable(kept->found);
    return is_asked_as_usual(class) ? CALL_NEW : CALL_UNKNOWN;
}

/* Borrows; returns new. Calls a Python function with one word put in front of the arguments, stack[2…]. The function is
 * kept alive: it may take itself out of its class. */
static PyObject *call_with_first(PyThreadState *tstate, PyObject *function, PyObject *first, PyObject **stack,
                                 Py_ssize_t count, PyObject *kwnames)
{
    Py_ssize_t positional = 1 + (kwnames == NULL ? count : count - PyTuple_GET_SIZE(kwnames));
    stack[1] = first;
    Py_INCREF(function);
    PyObject *result = call_by(tstate, function, ((PyFunctionObject *)function)->vectorcall, stack + 1, (size_t)positional,
                               kwnames);
    Py_DECREF(function);
    return result;
}

/* Steals both; returns new. The new object, where `__init__` gave None. */
static PyObject *initialized(PyObject *self, PyObject *result)
{
    if (result == Py_None) {
        return self; /* None is immortal */
    }
    if (result != NULL) {
        check_init_result(result);
        Py_DECREF(result);
    }
    Py_DECREF(self);
    return NULL;
}

/* Borrows; returns new. stack[2…] are the arguments; the words before them are free. */
static PyObject *construct_with_init(PyThreadState *tstate, PyTypeObject *class, PyObject *init, PyObject **stack,
                                     Py_ssize_t count, PyObject *kwnames)
{
    PyObject *self = make_instance(class);
    return self == NULL ? NULL : initialized(self, call_with_first(tstate, init, self, stack, count, kwnames));
}

/* Arguments as tp_new and tp_init take them; both owned. */
typedef struct {
    PyObject *tuple, *dict; /* dict: NULL where there are no keywords */
} Packed;

/* Borrows. False: no memory, an exception is set, and there is nothing to release. */
static __attribute__((noinline)) bool pack_keywords(Packed *packed, PyObject *const *arguments, Py_ssize_t count,
                                                    PyObject *kwnames)
{
    Py_ssize_t keywords = PyTuple_GET_SIZE(kwnames);
    packed->tuple = make_tuple(arguments, count - keywords);
    packed->dict = keywords ? build_keywords(kwnames, arguments + count - keywords, keywords) : NULL;
    if (packed->tuple == NULL || (keywords && packed->dict == NULL)) {
        Py_CLEAR(packed->tuple);
        Py_CLEAR(packed->dict);
    }
    return packed->tuple != NULL;
}

/* Borrows. The same. */
static inline bool pack(Packed *packed, PyObject *const *arguments, Py_ssize_t count, PyObject *kwnames)
{
    if (kwnames != NULL) {
        return pack_keywords(packed, arguments, count, kwnames);
    }
    *packed = (Packed){.tuple = make_tuple(arguments, count)};
    return packed->tuple != NULL;
}

static void unpack(PyThreadState *tstate, Packed *packed)
{
    release(tstate, packed->tuple);
    if (packed->dict != NULL) {
        release(tstate, packed->dict);
    }
}

/* Steals what `__new__` of the class has made, or NULL; returns new. Initialises it as its own class, which may be another one, says by
 * then. */
static PyObject *initialize(PyThreadState *tstate, PyTypeObject *class, PyObject *made, PyObject **stack, Py_ssize_t count,
                            PyObject *kwnames)
{
    if (made == NULL || !PyType_IsSubtype(Py_TYPE(made), class) || Py_TYPE(made)->tp_init == NULL ||
        (Py_TYPE(made)->tp_init == PyBaseObject_Type.tp_init && Py_TYPE(made)->tp_new == helper_names.slot_new)) {
        return made;
    }
    if (Py_TYPE(made)->tp_init == helper_names.slot_init) {
        PyObject *init = class_lookup(Py_TYPE(made), helper_names.init);
        if (init != NULL && PyFunction_Check(init)) {
            return initialized(made, call_with_first(tstate, init, made, stack, count, kwnames));
        }
    }
    Packed packed;
    if (!pack(&packed, stack + 2, count, kwnames)) {
        Py_CLEAR(made);
        return made;
    }
    int failed = Py_TYPE(made)->tp_init(made, packed.tuple, packed.dict) < 0;
    unpack(tstate, &packed);
    if (failed) {
        Py_CLEAR(made);
    }
    return made;
}

/* Borrows; returns new. As above. */
static PyObject *construct_with_c_new(PyThreadState *tstate, PyTypeObject *class, PyObject **stack, Py_ssize_t count,
                                      PyObject *kwnames)
{
    Packed packed;
    if (!pack(&packed, stack + 2, count, kwnames)) {
        return NULL;
    }
    PyObject *made = checked(tstate, (PyObject *)class, class->tp_new(class, packed.tuple, packed.dict));
    unpack(tstate, &packed);
    return initialize(tstate, class, made, stack, count, kwnames);
}

/* Borrows. A call of the class, which has a Python `__new__` and the usual `__init__`, has got its object: initialises it where it
 * is of a class below that has another one. 0, or -1 with an exception set. */
int finish_new(PyObject *class, PyObject *made, PyObject **arguments, Py_ssize_t count)
{
    PyTypeObject *type = Py_TYPE(made);
    if (LIKELY(type->tp_init == PyBaseObject_Type.tp_init && type->tp_new == helper_names.slot_new) ||
        !PyType_IsSubtype(type, (PyTypeObject *)class) || type->tp_init == NULL) {
        return 0;
    }
    PyObject *tuple = make_tuple(arguments, count);
    int result = tuple != NULL ? type->tp_init(made, tuple, NULL) : -1;
    Py_XDECREF(tuple);
    return result;
}

/* Borrows; returns new. Calls a class as `construction` has found, where that is understood. */
static PyObject *construct(PyThreadState *tstate, PyTypeObject *class, int kind, PyObject *function, PyObject **stack,
                           Py_ssize_t count, PyObject *kwnames)
{
    switch (kind) {
    case CALL_INIT:
        return construct_with_init(tstate, class, function, stack, count, kwnames);
    case CALL_NEW:
        return initialize(tstate, class, call_with_first(tstate, function, (PyObject *)class, stack, count, kwnames), stack, count,
                          kwnames);
    case CALL_NEW_IN_C:
        return construct_with_c_new(tstate, class, stack, count, kwnames);
    case CALL_PLAIN:
        break;
    }
    return make_instance(class);
}

static inline int is_understood(int kind, Py_ssize_t count)
{
    return kind == CALL_INIT || kind == CALL_NEW || kind == CALL_NEW_IN_C || (kind == CALL_PLAIN && count == 0);
}

static inline int stock_class_call(PyObject *class)
{
    return Py_TYPE(class)->tp_call == PyType_Type.tp_call;
}

/* --- callables that take a tuple ------------------------------------------------------------------------------------ */

/* Borrows; returns new. What calling the class comes to where type.__call__ does it. */
static inline PyObject *make_and_initialize(PyThreadState *tstate, PyTypeObject *class, const Packed *packed)
{
    PyObject *made = checked(tstate, (PyObject *)class, class->tp_new(class, packed->tuple, packed->dict));
    if (made == NULL || !PyObject_TypeCheck(made, class)) {
        return made;
    }
    PyTypeObject *type = Py_TYPE(made);
    if (type->tp_init == PyBaseObject_Type.tp_init && type->tp_new != PyBaseObject_Type.tp_new) {
        return made; /* the usual `__init__` leaves all arguments to `__new__` */
    }
    if (type->tp_init != NULL && type->tp_init(made, packed->tuple, packed->dict) < 0) {
        Py_CLEAR(made);
    }
    return made;
}

/* Borrows; returns new. */
static PyObject *call_packed(PyThreadState *tstate, PyObject *callable, PyObject *const *arguments, Py_ssize_t count,
                             PyObject *kwnames)
{
    ternaryfunc call = Py_TYPE(callable)->tp_call;
    Packed packed;
    if (UNLIKELY(call == NULL)) {
        return _PyObject_MakeTpCall(tstate, callable, arguments, 0, NULL); /* raises */
    }
    if (UNLIKELY(!pack(&packed, arguments, count, kwnames))) {
        return NULL;
    }
    PyObject *result = NULL;
    if (!_Py_EnterRecursiveCallTstate(tstate, " while calling a Python object")) {
        PyTypeObject *class = call == PyType_Type.tp_call ? (PyTypeObject *)callable : &PyType_Type;
        result = class != &PyType_Type && class->tp_new != NULL ? make_and_initialize(tstate, class, &packed)
                                                                : call(callable, packed.tuple, packed.dict);
    }
    unpack(tstate, &packed);
    return checked(tstate, callable, result);
}

/* --- what object has ---------------------------------------------------------------------------------------------- */

/* Is it object.__new__ that makes instances of the class, whatever classes below object have in Python? */
static bool
is_made_by_object(PyTypeObject *class)
{
    while (class->tp_new == helper_names.slot_new && class->tp_base != NULL) {
        class = class->tp_base;
    }
    return class->tp_new == PyBaseObject_Type.tp_new;
}

/* Borrows; returns new. The end of most chains of super(): a method of object, which would get its arguments in a tuple. NULL without
 * an exception: it is something else. */
static PyObject *
call_usual(PyObject *callable, PyObject *const *arguments, Py_ssize_t count)
{
    if (callable == usual_init && count == 1) {
        return Py_None;
    }
    if (callable == usual_getattribute && count == 2) {
        return PyObject_GenericGetAttr(arguments[0], arguments[1]);
    }
    if (callable == usual_new && count == 1 && PyType_Check(arguments[0])) {
        PyTypeObject *class = (PyTypeObject *)arguments[0];
        return (class->tp_flags & Py_TPFLAGS_IS_ABSTRACT) == 0 && is_made_by_object(class) ? make_instance(class) : NULL;
    }
    return NULL;
}

/* --- any callable ------------------------------------------------------------------------------------------------- */

/* Borrows; returns new. A callable without a vectorcall function, or a bound method. */
static __attribute__((noinline)) PyObject *call_unusual(PyThreadState *tstate, PyObject **stack, Py_ssize_t count,
                                                        PyObject *kwnames)
{
    PyObject *callable = stack[0];
    PyObject **arguments = stack[1] != NULL ? stack + 1 : stack + 2;
    if (stack[1] == NULL && Py_TYPE(callable) == &PyMethod_Type) {
        stack[1] = ((PyMethodObject *)callable)->im_self;
        callable = ((PyMethodObject *)callable)->im_func;
        arguments--;
    }
    Py_ssize_t total = count + (arguments == stack + 1);
    Py_ssize_t positional = kwnames == NULL ? total : total - PyTuple_GET_SIZE(kwnames);
    vectorcallfunc function = _PyVectorcall_FunctionInline(callable);
    if (function != NULL) {
        return call_by(tstate, callable, function, arguments, (size_t)positional, kwnames);
    }
    if (PyType_Check(callable) && stock_class_call(callable) && arguments == stack + 2) {
        PyObject *part;
        int kind = construction((PyTypeObject *)callable, &part);
        if (is_understood(kind, count)) {
            return construct(tstate, (PyTypeObject *)callable, kind, part, stack, count, kwnames);
        }
    }
    PyObject *call = Py_TYPE(callable)->tp_call == helper_names.slot_call && arguments == stack + 2
                         ? slot_function(Py_TYPE(callable), helper_names.call)
                         : NULL;
    if (call != NULL) {
        stack[1] = callable; /* as self */
        return call_owning(tstate, call, stack + 1, (size_t)positional + 1, kwnames);
    }
    if (kwnames == NULL) {
        PyObject *result = call_usual(callable, arguments, positional);
        if (result != NULL || tstate->current_exception != NULL) {
            return result;
        }
    }
    return call_packed(tstate, callable, arguments, total, kwnames);
}

/* Borrows; returns new. Calls `callable`, which is stack[0], with stack[1] in front of the arguments unless it is NULL. */
static inline __attribute__((always_inline)) PyObject *call_stack(PyThreadState *tstate, PyObject *callable,
                                                                  PyObject **stack, Py_ssize_t count,
                                                                  PyObject *kwnames)
{
    vectorcallfunc function;
    if (!PyType_HasFeature(Py_TYPE(callable), Py_TPFLAGS_HAVE_VECTORCALL) || Py_TYPE(callable) == &PyMethod_Type ||
        (function = *(vectorcallfunc *)((char *)callable + Py_TYPE(callable)->tp_vectorcall_offset)) == NULL) {
        return call_unusual(tstate, stack, count, kwnames);
    }
    PyObject **arguments = stack + 2;
    if (stack[1] != NULL) {
        arguments--;
        count++;
    }
    if (kwnames != NULL) {
        count -= PyTuple_GET_SIZE(kwnames);
    }
    return call_by(tstate, callable, function, arguments, (size_t)count, kwnames);
}

/* Releases the arguments that the caller has handed over; bit i of `moved` is operand i. In the interpreter's order, from
 * the last on. */
static __attribute__((noinline)) void
release_arguments(PyThreadState *tstate, PyObject *const *operands, uint32_t moved)
{
    while (moved > 3) {
        int last = 31 - __builtin_clz(moved);
        moved ^= 1u << last;
        release(tstate, operands[last]);
    }
}

/* Borrows. Is self what the local holds? For a number that may be an equal one, or none (defer_stores); for a class method
 * it is the class. */
static inline bool
is_in_local(PyObject *self)
{
    return self != NULL && !PyLong_CheckExact(self) && !PyFloat_CheckExact(self) && !PyType_Check(self);
}

/* Borrows, but steals what `moved` says; returns new. */
PyObject *call_vector(PyThreadState *tstate, PyObject **stack, uint64_t packed, PyObject *kwnames)
{
    /* The call may write over callable and self; of the arguments' array it only borrows. */
    PyObject *callable = stack[0], *self = stack[1];
    uint32_t moved = CALL_MOVED(packed);
    if (CALL_LENT(packed) && moved & 2 && is_in_local(self)
        && (Py_IS_TYPE(callable, &PyMethodDescr_Type) || PyFunction_Check(callable))) {
        Py_DECREF(self); /* as in the interpreter, which has borrowed it: NumPy counts an array's references */
        moved &= ~2u;
    }
    PyObject *result = call_stack(tstate, callable, stack, CALL_COUNT(packed), kwnames);
    if (moved > 3) {
        release_arguments(tstate, stack, moved);
    }
    if (moved & 2 && self != NULL) {
        release(tstate, self);
    }
    if (moved & 1) {
        release(tstate, callable);
    }
    return result;
}

typedef uint32_t LowHalf __attribute__((may_alias));

/* The look-up ran code that has written locals: the arguments, which the interpreter reads only now, are read again.
 * The frame stands at the load of the method; between that and the call are loads of locals and constants. An operand that is
 * ours (`moved`) gets a reference of its own for the one it had; the others are lent by the slots, and a value that was written over
 * lives as long as the frame. 0, or -1 with an exception set. */
static __attribute__((noinline)) int
read_arguments_again(const _PyInterpreterFrame *frame, PyObject **stack, uint64_t packed)
{
    PyCodeObject *code = _PyFrame_GetCode((_PyInterpreterFrame *)frame);
    PyObject *bytes = PyCode_GetCode(code); /* new; without what tools have put in */
    if (bytes == NULL) {
        return -1;
    }
    const _Py_CODEUNIT *units = (const _Py_CODEUNIT *)PyBytes_AS_STRING(bytes);
    int unit = (int)(frame->instr_ptr - _PyCode_CODE(code)), call = unit + (int)CALL_DISTANCE(packed), position = 2;
    for (unsigned arg = 0; unit < call; unit++) { /* caches are zero */
        int opcode = units[unit].op.code, pushes = 0;
        unsigned slots[2];
        arg = arg << 8 | units[unit].op.arg;
        if (opcode == EXTENDED_ARG) {
            continue;
        }
        if (opcode == LOAD_FAST || opcode == LOAD_FAST_BORROW) {
            pushes = 1;
            slots[0] = arg;
        }
        else if (opcode == LOAD_FAST_LOAD_FAST || opcode == LOAD_FAST_BORROW_LOAD_FAST_BORROW) {
            pushes = 2;
            slots[0] = arg >> 4;
            slots[1] = arg & 15;
        }
        else if (opcode == LOAD_CONST || opcode == LOAD_SMALL_INT) {
            position++;
        }
        for (int i = 0; i < pushes; i++, position++) {
            PyObject *now = PyStackRef_AsPyObjectBorrow(frame->localsplus[slots[i]]), *before = stack[position];
            stack[position] = now;
            if (position < CALL_MOST_MOVED && (CALL_MOVED(packed) >> position & 1)) {
                Py_INCREF(now);
                Py_DECREF(before);
            }
        }
        arg = 0;
    }
    Py_DECREF(bytes);
    return 0;
}

/* Borrows, but steals what `moved` says; returns new. Looks the method up in stack[1] and calls it. */
PyObject *call_method_cached(PyThreadState *tstate, PyObject **stack, uint64_t packed, AttrCell *cell)
{
    uint32_t moved = CALL_MOVED(packed);
    PyObject *self = stack[1], *callable = cached_method(self, cell);
    if (LIKELY(callable != NULL)) {
        Py_INCREF(callable);
    }
    else {
        unsigned writes = locals_writes;
        ObjectPair found = load_method_cached(self, cell);
        callable = found.first;
        if (UNLIKELY(locals_writes != writes) && callable != NULL
            && read_arguments_again(tstate->current_frame, stack, packed) < 0) {
            Py_CLEAR(callable);
        }
        if (found.second == self && self != NULL) {
            Py_DECREF(self); /* the caller still holds it, or handed it over */
        }
        else {
            if (moved & 2) {
                Py_DECREF(self); /* before the call, as the interpreter does it */
            }
            self = stack[1] = found.second; /* the class, for a class method */
            moved = self != NULL ? moved | 2 : moved & ~2u;
        }
    }
    PyObject *result = NULL;
    if (LIKELY(callable != NULL)) {
        /* The lower half only, as compiled code has just stored it: a wider read would wait for that store. */
        *(LowHalf *)&tstate->current_frame->instr_ptr += sizeof(_Py_CODEUNIT) * CALL_DISTANCE(packed);
        stack[0] = callable;
        result = call_stack(tstate, callable, stack, CALL_COUNT(packed), NULL);
    }
    if (moved > 3) {
        release_arguments(tstate, stack, moved);
    }
    if (moved & 2) {
        release(tstate, self);
    }
    if (callable != NULL) {
        release(tstate, callable);
    }
    return result;
}

/* --- f(*arguments, **keywords) -------------------------------------------------------------------------------------- */

#define SPREAD_MAX 12 /* arguments that are laid out side by side */
static_assert(SPREAD_MAX + 2 <= CALL_MOST_MOVED, "call_vector gives them all back");

/* Borrows; returns new: the dict's keys, which are to be names. NULL without an exception: they are not, or there is no memory. */
static PyObject *
names_of(PyObject *callable, PyObject *keywords)
{
    PyObject *function = Py_IS_TYPE(callable, &PyMethod_Type) ? PyMethod_GET_FUNCTION(callable) : callable, *key;
    CodeRecord *record = Py_IS_TYPE(function, &PyFunction_Type)
                             ? record_entered_by(((PyFunctionObject *)function)->vectorcall)
                             : NULL;
    PyObject *names = record != NULL ? kept_names(record, keywords) : NULL;
    if (names != NULL) {
        return Py_NewRef(names);
    }
    names = PyTuple_New(PyDict_GET_SIZE(keywords));
    if (names == NULL) {
        PyErr_Clear();
        return NULL;
    }
    for (Py_ssize_t position = 0, i = 0; PyDict_Next(keywords, &position, &key, NULL); i++) {
        if (!PyUnicode_CheckExact(key)) {
            Py_DECREF(names);
            return NULL;
        }
        PyTuple_SET_ITEM(names, i, Py_NewRef(key));
    }
    return names;
}

/* Does a call take the arguments side by side, and not only to put them into a tuple again? So do Python functions, methods, and classes
 * that have something of their own in Python. Borrows. */
static inline bool
is_spread(PyObject *callable)
{
    if (Py_IS_TYPE(callable, &PyFunction_Type) || Py_IS_TYPE(callable, &PyMethod_Type)) {
        return true;
    }
    const PyTypeObject *class = (PyTypeObject *)callable;
    return PyType_Check(callable) && stock_class_call(callable)
           && (class->tp_init == helper_names.slot_init || class->tp_new == helper_names.slot_new);
}

/* Borrows; returns new. Lays the arguments out as operands of a call, each with a reference of its own, as the interpreter would
 * give the callee's frame. */
static PyObject *
call_spread(PyThreadState *tstate, PyObject *callable, PyObject *tuple, PyObject *keywords, PyObject *names)
{
    PyObject *stack[SPREAD_MAX + 2], *value;
    size_t count = 0;
    stack[0] = callable;
    stack[1] = NULL;
#pragma GCC unroll 1
    for (; count < (size_t)PyTuple_GET_SIZE(tuple); count++) {
        stack[2 + count] = Py_NewRef(PyTuple_GET_ITEM(tuple, count));
    }
    if (names != NULL) {
        for (Py_ssize_t position = 0; PyDict_Next(keywords, &position, NULL, &value); count++) {
            stack[2 + count] = Py_NewRef(value);
        }
    }
    return call_vector(tstate, stack, count | ((1u << count) - 1) << 2 << 16, names);
}

/* Borrows; returns new. */
static PyObject *
call_tuple(PyThreadState *tstate, PyObject *callable, PyObject *tuple, PyObject *keywords, int shared)
{
    Py_ssize_t named = keywords != NULL ? PyDict_GET_SIZE(keywords) : 0;
    if (PyTuple_GET_SIZE(tuple) + named <= SPREAD_MAX && is_spread(callable)) {
        if (named == 0) {
            return call_spread(tstate, callable, tuple, NULL, NULL);
        }
        PyObject *names = names_of(callable, keywords);
        if (names != NULL) {
            PyObject *result = call_spread(tstate, callable, tuple, keywords, names);
            Py_DECREF(names);
            return result;
        }
    }
    if (keywords == NULL || !shared || _PyVectorcall_FunctionInline(callable) != NULL) {
        return PyObject_Call(callable, tuple, keywords);
    }
    PyObject *copy = PyDict_Copy(keywords); /* the callee may keep or change the dict that it gets */
    if (copy == NULL) {
        return NULL;
    }
    PyObject *result = PyObject_Call(callable, tuple, copy);
    Py_DECREF(copy);
    return result;
}

/* Borrows; returns new. */
PyObject *call_ex(PyThreadState *tstate, PyObject *callable, PyObject *arguments, PyObject *keywords, int shared)
{
    if (LIKELY(PyTuple_CheckExact(arguments))) {
        return call_tuple(tstate, callable, arguments, keywords, shared);
    }
    if (_Py_Check_ArgsIterable(tstate, callable, arguments) < 0) {
        return NULL;
    }
    PyObject *tuple = PySequence_Tuple(arguments);
    if (tuple == NULL) {
        return NULL;
    }
    PyObject *result = call_tuple(tstate, callable, tuple, keywords, shared);
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

/* Borrows. */
int delete_attr(PyObject *object, PyObject *name)
{
    return PyObject_DelAttr(object, name);
}
