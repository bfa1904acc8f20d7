/* isinstance() and issubclass(), whose answers are kept by version tags.
 *
 * A class decides who its instances are through its metaclass's `__instancecheck__`. Mostly that is type's own: then the bases of
 * the object's class decide, and its `__class__`, which may say otherwise. Most others are ABCMeta's, a Python function that calls one in
 * C, which looks the class up in two weak sets: 1,200 instructions in forty lines of code for an answer that ABCMeta itself
 * keeps for as long as nothing is registered. What it has said holds here for as long as it would look at its own notes for it:
 *
 * - the object's class, the class and its metaclass keep their tags: nothing was defined, assigned or given other bases;
 * - nothing was registered with any abstract base class, and no notes were dropped: three functions of `_abc` tell us, we have put ours in
 *   their place;
 * - the two methods of ABCMeta are those that came with the interpreter, with their code, and what they call is `_abc`'s;
 * - no tool watches: it would see the call.
 *
 * Any other `__instancecheck__` in Python is called straight. Nothing here owns what it compares with: it belongs to the modules
 * `abc` and `_abc`, which are kept; where those are not as expected, only what `type` says by bases is kept. Classes are in the tables by address only: under its tag a class has the bases it had. */
#include "instance_checks.h"

#include "attention.h"
#include "cache_entry.h"
#include "helpers.h"
#include "replace.h"
#include "restless.h"

#include "internal/pycore_unionobject.h"

/* object.__dict__['__class__'], the descriptor that says what every ordinary object's class is. Borrowed. */
static PyObject *class_descriptor;
static PyObject *usual_getattribute, *usual_instancecheck, *usual_subclasscheck;

/* --- by bases ------------------------------------------------------------------------------------------------------- */

/* Does an object of the type have the type as its `__class__`, whatever else it has? A `__getattr__` is asked for what is not there
 * only. */
static bool
is_honest(PyTypeObject *type)
{
    getattrofunc get = type->tp_getattro;
    return (get == PyObject_GenericGetAttr || get == PyType_Type.tp_getattro || type == &PyMethod_Type || type == &_PyUnion_Type
            || (get == helper_names.slot_getattr_hook
                && _PyType_Lookup(type, helper_names.getattribute) == usual_getattribute))
           && _PyType_Lookup(type, helper_names.class_) == class_descriptor;
}

/* What by_bases has found. */
typedef struct {
    PyTypeObject *class;
    uint32_t tag; /* of the object's type */
    int answer;
} Answer;

#define ANSWERS 1024 /* a power of two */

static Answer answers[ANSWERS];

static inline size_t
place_of(const PyTypeObject *class, uint32_t tag)
{
    return ((size_t)class >> 4 ^ (size_t)class >> 12 ^ tag) & (ANSWERS - 1);
}

static __attribute__((noinline)) int
find_by_bases(PyTypeObject *type, PyTypeObject *class, Answer *place)
{
    const int answer = PyType_IsSubtype(type, class) ? 1 : is_honest(type) ? 0 : -1;
    const uint32_t tag = is_restless(type) ? restless_tag(type) : version_of(type);
    *place = (Answer){.class = class, .tag = tag, .answer = answer};
    return answer;
}

/* Borrows. 1 or 0; -1: the object may say something else about its class, not decided. The class leaves it to `type` to check. */
static inline int
by_bases(PyObject *object, PyTypeObject *class)
{
    PyTypeObject *type = Py_TYPE(object);
    if (type == class) {
        return 1;
    }
    const uint32_t tag = tag_of(type);
    Answer *kept = &answers[place_of(class, tag)];
    return LIKELY(kept->class == class && kept->tag == tag && tag != 0) ? kept->answer : find_by_bases(type, class, kept);
}

/* --- by a metaclass ------------------------------------------------------------------------------------------------- */

/* A method of ABCMeta, and what it finds in its globals. */
typedef struct {
    PyFunctionObject *method;
    PyObject *code;
    PyDictUnicodeEntry *global;
    PyObject *value; /* a function of `_abc` */
} AbcMethod;

static AbcMethod abc_instancecheck, abc_subclasscheck;
static PyDictObject *abc_globals;
static PyDictKeysObject *abc_keys; /* of abc_globals; NULL: ABCMeta is not as expected */
static uint32_t abc_stamp = 1;     /* another one whenever an abstract base class may answer otherwise than before */

static inline bool
is_usual(const AbcMethod *method)
{
    return method->method->func_code == method->code && method->global->me_value == method->value;
}

/* May what is kept be used, which ABCMeta's methods would say if they were called? */
static inline bool
abc_is_usual(void)
{
    return abc_keys != NULL && abc_globals->ma_keys == abc_keys && is_usual(&abc_instancecheck) && is_usual(&abc_subclasscheck)
           && PyThreadState_GetUnchecked()->eval_breaker == admitted_version;
}

/* What a class that has another metaclass than `type` has said. */
typedef struct {
    PyTypeObject *class;
    uint32_t class_tag, meta_tag, tag;
    uint32_t stamp; /* 0: nothing is kept */
    int answer;
} MetaAnswer;

/* Of isinstance() by the object's class, and of issubclass(): the same where classes are honest. */
static MetaAnswer instance_answers[ANSWERS / 2], subclass_answers[ANSWERS / 2];

/* The state in which classes give an answer: all but the answer. */
static inline MetaAnswer
state_of(PyTypeObject *class, PyTypeObject *type)
{
    return (MetaAnswer){.class = class,
                        .class_tag = class->tp_version_tag,
                        .meta_tag = Py_TYPE(class)->tp_version_tag,
                        .tag = type->tp_version_tag,
                        .stamp = abc_stamp};
}

static inline bool
is_same_state(const MetaAnswer *kept, const MetaAnswer *now)
{
    return kept->class == now->class && kept->tag == now->tag && kept->class_tag == now->class_tag
           && kept->meta_tag == now->meta_tag && kept->stamp == now->stamp;
}

/* Does ABCMeta decide, in C, and keep what it decides? */
static bool
is_abstract(PyTypeObject *class)
{
    PyTypeObject *meta = Py_TYPE(class);
    return abc_is_usual() && meta->tp_getattro == PyType_Type.tp_getattro
           && _PyType_Lookup(meta, helper_names.instancecheck) == (PyObject *)abc_instancecheck.method
           && _PyType_Lookup(meta, helper_names.subclasscheck) == (PyObject *)abc_subclasscheck.method
           && _PyType_Lookup(class, helper_names.subclasscheck) == NULL;
}

typedef int (*Check)(PyObject *, PyObject *);

/* What the check says of the object or class, which is of `type` or is that. Kept if nothing has changed meanwhile. */
static int
ask_and_keep(Check check, PyObject *asked, PyTypeObject *class, PyTypeObject *type, MetaAnswer *place)
{
    version_of(type);
    version_of(class);
    version_of(Py_TYPE(class));
    MetaAnswer before = state_of(class, type);
    before.answer = check(asked, (PyObject *)class);
    const MetaAnswer after = state_of(class, type);
    const bool has_tags = before.class_tag != 0 && before.meta_tag != 0 && before.tag != 0;
    if (before.answer >= 0 && has_tags && is_same_state(&before, &after)) {
        *place = before;
    }
    return before.answer;
}

/* What the class's metaclass says in Python; by CPython's check where it is not written in Python. All borrowed. */
static int
ask_metaclass(PyObject *method, PyObject *asked, PyTypeObject *class, Check check)
{
    if (!PyFunction_Check(method)) {
        return check(asked, (PyObject *)class);
    }
    PyObject *result = call_kept(method, (PyObject *)class, asked, NULL);
    const int truth = result != NULL ? PyObject_IsTrue(result) : -1;
    Py_XDECREF(result);
    return truth;
}

static __attribute__((noinline)) int
ask_instance(PyObject *object, PyTypeObject *class, MetaAnswer *place)
{
    PyTypeObject *type = Py_TYPE(object);
    PyObject *method = class_lookup(Py_TYPE(class), helper_names.instancecheck);
    const bool usual = method == usual_instancecheck;
    if ((usual || is_abstract(class)) && is_honest(type)) {
        return ask_and_keep(PyObject_IsInstance, object, class, type, place);
    }
    return usual && PyType_IsSubtype(type, class) ? 1 : ask_metaclass(method, object, class, PyObject_IsInstance);
}

static __attribute__((noinline)) int
ask_subclass(PyTypeObject *derived, PyTypeObject *class, MetaAnswer *place)
{
    PyObject *method = class_lookup(Py_TYPE(class), helper_names.subclasscheck);
    if (method == usual_subclasscheck || is_abstract(class)) {
        return ask_and_keep(PyObject_IsSubclass, (PyObject *)derived, class, derived, place);
    }
    return ask_metaclass(method, (PyObject *)derived, class, PyObject_IsSubclass);
}

/* The kept answer, or -1. */
static inline int
kept_answer(PyTypeObject *class, PyTypeObject *type, const MetaAnswer *kept)
{
    const MetaAnswer now = state_of(class, type);
    return LIKELY(is_same_state(kept, &now)) && abc_is_usual() ? kept->answer : -1;
}

/* isinstance() of a class whose metaclass is not `type` itself; borrows. */
static int
by_metaclass(PyObject *object, PyTypeObject *class)
{
    if (Py_TYPE(object) == class) {
        return 1;
    }
    PyTypeObject *type = Py_TYPE(object);
    MetaAnswer *place = &instance_answers[place_of(class, type->tp_version_tag) / 2];
    const int answer = kept_answer(class, type, place);
    return answer >= 0 ? answer : ask_instance(object, class, place);
}

/* --- the two -------------------------------------------------------------------------------------------------------- */

/* isinstance() where there is one class to check. */
static inline int
is_instance_of(PyObject *object, PyObject *class)
{
    if (LIKELY(PyType_CheckExact(class))) {
        const int answer = by_bases(object, (PyTypeObject *)class);
        return answer >= 0 ? answer : PyObject_IsInstance(object, class);
    }
    return PyType_Check(class) ? by_metaclass(object, (PyTypeObject *)class) : PyObject_IsInstance(object, class);
}

/* Borrows. isinstance(). */
int
is_instance(PyObject *object, PyObject *class)
{
    if (!PyTuple_CheckExact(class)) {
        return (PyObject *)Py_TYPE(object) == class ? 1 : is_instance_of(object, class);
    }
    const Py_ssize_t count = PyTuple_GET_SIZE(class);
    int answer = 0;
    for (Py_ssize_t i = 0; i < count && answer == 0; i++) {
        answer = is_instance_of(object, PyTuple_GET_ITEM(class, i));
    }
    return answer;
}

/* Borrows. issubclass(). */
int
is_subclass(PyObject *derived, PyObject *class)
{
    if (!PyType_Check(class) || !PyType_Check(derived)) {
        return PyObject_IsSubclass(derived, class);
    }
    PyTypeObject *type = (PyTypeObject *)derived;
    if (PyType_CheckExact(class)) {
        return PyType_IsSubtype(type, (PyTypeObject *)class);
    }
    MetaAnswer *place = &subclass_answers[place_of((PyTypeObject *)class, type->tp_version_tag) / 2];
    const int answer = kept_answer((PyTypeObject *)class, type, place);
    return answer >= 0 ? answer : ask_subclass(type, (PyTypeObject *)class, place);
}

/* --- what ABCMeta is ------------------------------------------------------------------------------------------------ */

static PyCFunction stock_register, stock_reset_registry, stock_reset_caches;

static void
answers_change(void)
{
    abc_stamp += abc_stamp == UINT32_MAX ? 2 : 1;
}

static PyObject *
abc_register(PyObject *module, PyObject *const *arguments, Py_ssize_t count)
{
    PyObject *result = _PyCFunctionFast_CAST(stock_register)(module, arguments, count);
    answers_change();
    return result;
}

static PyObject *
reset_registry(PyObject *module, PyObject *class)
{
    PyObject *result = stock_reset_registry(module, class);
    answers_change();
    return result;
}

static PyObject *
reset_caches(PyObject *module, PyObject *class)
{
    PyObject *result = stock_reset_caches(module, class);
    answers_change();
    return result;
}

/* Borrows. False: it is not as expected. */
static bool
find_method(AbcMethod *found, PyObject *meta, PyObject *name, const char *called)
{
    PyObject *method = _PyType_Lookup((PyTypeObject *)meta, name);
    if (method == NULL || !PyFunction_Check(method) || PyFunction_GET_GLOBALS(method) != (PyObject *)abc_globals) {
        return false;
    }
    PyDictKeysObject *keys = abc_globals->ma_keys;
    PyObject *key = PyUnicode_InternFromString(called);
    const Py_ssize_t index = key != NULL && keys->dk_kind == DICT_KEYS_UNICODE ? keys_find_str(keys, key) : -1;
    Py_XDECREF(key);
    if (index < 0) {
        return false;
    }
    PyDictUnicodeEntry *global = &DK_UNICODE_ENTRIES(keys)[index];
    *found = (AbcMethod){(PyFunctionObject *)method, PyFunction_GET_CODE(method), global, global->me_value};
    return global->me_value != NULL && PyCFunction_Check(global->me_value);
}

/* Without what is not as expected nothing is kept; that is no error. */
static void
find_abc(PyObject *abc, PyObject *implementation)
{
    PyObject *meta = PyObject_GetAttrString(abc, "ABCMeta");
    if (meta != NULL && PyType_Check(meta)) {
        abc_globals = (PyDictObject *)PyModule_GetDict(abc);
        if (find_method(&abc_instancecheck, meta, helper_names.instancecheck, "_abc_instancecheck")
            && find_method(&abc_subclasscheck, meta, helper_names.subclasscheck, "_abc_subclasscheck")
            && replace_method(implementation, "_abc_register", METH_FASTCALL, _PyCFunction_CAST(abc_register), &stock_register) == 0
            && replace_method(implementation, "_reset_registry", METH_O, reset_registry, &stock_reset_registry) == 0
            && replace_method(implementation, "_reset_caches", METH_O, reset_caches, &stock_reset_caches) == 0) {
            abc_keys = abc_globals->ma_keys;
        }
    }
    PyErr_Clear();
    Py_XDECREF(meta); /* the module has it, and we keep the module */
}

int
instance_checks_init(void)
{
    class_descriptor = _PyType_Lookup(&PyBaseObject_Type, helper_names.class_);
    usual_getattribute = _PyType_Lookup(&PyBaseObject_Type, helper_names.getattribute);
    usual_instancecheck = _PyType_Lookup(&PyType_Type, helper_names.instancecheck);
    usual_subclasscheck = _PyType_Lookup(&PyType_Type, helper_names.subclasscheck);
    if (class_descriptor == NULL || usual_instancecheck == NULL || usual_subclasscheck == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "object or type lacks what isinstance() asks for");
        return -1;
    }
    PyObject *abc = PyImport_ImportModule("abc"), *implementation = PyImport_ImportModule("_abc");
    if (abc != NULL && implementation != NULL) {
        find_abc(abc, implementation); /* both are kept for good */
    }
    PyErr_Clear();
    return 0;
}
