/* What the compiler may ask about live objects; the C side of World.
 *
 * Every answer is plain data: ints, strings, tuples, and objects themselves where the compiler embeds them. Nothing
 * here runs the program's code or changes an object, but for giving a type a version tag. */
#include "attribute.h"
#include "introspect.h"
#include "type_index.h"
#include "internal/pycore_code.h"
#include "internal/pycore_descrobject.h"
#include "internal/pycore_dict.h"
#include "internal/pycore_function.h"
#include "internal/pycore_interp.h"

#include <stddef.h>

/* --- versions ---------------------------------------------------------------------------------------------------- */

/* Returns new: the type that has this version tag now, or None. */
static PyObject *type_by_version(PyObject *module, PyObject *argument)
{
    (void)module;
    unsigned long version = PyLong_AsUnsignedLong(argument);
    if (version == (unsigned long)-1 && PyErr_Occurred()) {
        return NULL;
    }
    PyTypeObject *type = version <= UINT32_MAX ? type_with_version((uint32_t)version) : NULL;
    return type != NULL ? (PyObject *)type : Py_NewRef(Py_None);
}

/* Returns new: the function that has this version now, or None. */
static PyObject *function_by_version(PyObject *module, PyObject *argument)
{
    (void)module;
    unsigned long version = PyLong_AsUnsignedLong(argument);
    if (version == (unsigned long)-1 && PyErr_Occurred()) {
        return NULL;
    }
    struct _func_version_cache_item *item =
        &PyInterpreterState_Get()->func_state.func_version_cache[version % FUNC_VERSION_CACHE_SIZE];
    if (version < FUNC_VERSION_FIRST_VALID || item->func == NULL || item->func->func_version != version) {
        Py_RETURN_NONE;
    }
    return Py_NewRef(item->func);
}

/* Returns new: the type's version tag, given to it if it has none; 0 when it cannot have one. */
static PyObject *type_version(PyObject *module, PyObject *type)
{
    (void)module;
    if (!PyType_Check(type)) {
        PyErr_SetString(PyExc_TypeError, "not a type");
        return NULL;
    }
    int assigned = PyUnstable_Type_AssignVersionTag((PyTypeObject *)type);
    return PyLong_FromUnsignedLong(assigned ? ((PyTypeObject *)type)->tp_version_tag : 0);
}

static PyObject *first_unit(PyObject *module, PyObject *code)
{
    (void)module;
    if (!PyCode_Check(code)) {
        PyErr_SetString(PyExc_TypeError, "not a code object");
        return NULL;
    }
    return PyLong_FromVoidPtr(FIRST_UNIT((PyCodeObject *)code));
}

static PyObject *object_address(PyObject *module, PyObject *object)
{
    (void)module;
    return PyLong_FromVoidPtr(object);
}

/* Returns new: the object at an address that object_address gave and that is known to live. */
static PyObject *object_at(PyObject *module, PyObject *address)
{
    (void)module;
    PyObject *object = PyLong_AsVoidPtr(address);
    return object == NULL ? NULL : Py_NewRef(object);
}

/* Returns new: the modules that import statements look in, whatever sys.modules is now. */
static PyObject *modules(PyObject *module, PyObject *nothing)
{
    (void)module, (void)nothing;
    return Py_NewRef(PyImport_GetModuleDict());
}

/* Returns new: the `__import__` for which import statements do not call anything. */
static PyObject *import_function(PyObject *module, PyObject *nothing)
{
    (void)module, (void)nothing;
    return Py_NewRef(PyInterpreterState_Get()->imports.import_func);
}

/* --- attributes ------------------------------------------------------------------------------------------------------ */

static PyObject *or_none(PyObject *object)
{
    return object != NULL ? object : Py_None;
}

/* Returns new: the class's part as a tuple. */
static PyObject *class_facts(const Attribute *attribute)
{
    PyObject *descriptor = attribute->descriptor;
    switch (attribute->class_kind) {
    case CLASS_NOTHING:
        return Py_BuildValue("(s)", "none");
    case CLASS_VALUE:
        return Py_BuildValue("(sOO)", "class_value", descriptor, attribute->recheck ? Py_True : Py_False);
    case CLASS_METHOD:
        return Py_BuildValue("(sO)", "method", descriptor);
    case CLASS_STATIC:
        return Py_BuildValue("(sO)", "staticmethod", wrapped_callable(descriptor));
    case CLASS_CLASSMETHOD:
        return Py_BuildValue("(sO)", "classmethod", wrapped_callable(descriptor));
    case CLASS_NON_DATA:
        return Py_BuildValue("(sOO)", "descriptor", descriptor, attribute->recheck ? Py_True : Py_False);
    case CLASS_SLOT:
        return Py_BuildValue("(snii)", "slot", attribute->offset, attribute->member_flags & Py_READONLY,
                             attribute->member_type == _Py_T_OBJECT);
    case CLASS_PROPERTY: {
        _PyPropertyObject *property = (_PyPropertyObject *)descriptor;
        return Py_BuildValue("(sOOO)", "property", or_none(property->prop_get), or_none(property->prop_set),
                             descriptor);
    }
    case CLASS_GETSET: {
        PyGetSetDef *getset = ((PyGetSetDescrObject *)descriptor)->d_getset;
        return Py_BuildValue("(sOKKK)", "getset", descriptor, (unsigned long long)(uintptr_t)getset->get,
                             (unsigned long long)(uintptr_t)getset->set,
                             (unsigned long long)(uintptr_t)getset->closure);
    }
    case CLASS_DATA:
        break;
    }
    return Py_BuildValue("(sOO)", "data_descriptor", descriptor, attribute->recheck ? Py_True : Py_False);
}

/* Returns new: where instances keep the name, and what proves that one does not have it. */
static PyObject *storage_facts(PyTypeObject *type, const Attribute *attribute)
{
    switch (attribute->storage) {
    case STORAGE_NONE:
        return Py_BuildValue("(s)", "nothing");
    case STORAGE_INLINE: {
        Py_ssize_t values = type->tp_basicsize;
        PyDictKeysObject *keys = attribute->keys;
        if (attribute->key_index >= 0) {
            return Py_BuildValue("(snnn)", "inline_value",
                                 values + (Py_ssize_t)offsetof(PyDictValues, values) + 8 * attribute->key_index,
                                 attribute->key_index, values + (Py_ssize_t)offsetof(PyDictValues, valid));
        }
        return Py_BuildValue("(snKnO)", "inline_no_key", values + (Py_ssize_t)offsetof(PyDictValues, valid),
                             (unsigned long long)(uintptr_t)&keys->dk_nentries, keys->dk_nentries,
                             keys->dk_usable > 0 ? Py_True : Py_False);
    }
    case STORAGE_MANAGED:
    case STORAGE_OFFSET:
        return Py_BuildValue("(sn)", "dict", attribute->dict_offset);
    case STORAGE_UNKNOWN:
        break;
    }
    return Py_BuildValue("(s)", "unknown");
}

static const char *const protocol_names[] = {
    [PROTOCOL_OTHER] = "other",   [PROTOCOL_GENERIC] = "generic", [PROTOCOL_GETATTR_HOOK] = "getattr_hook",
    [PROTOCOL_GETATTR_OTHER] = "getattr_other",
    [PROTOCOL_MODULE] = "module", [PROTOCOL_TYPE] = "type",       [PROTOCOL_PYTHON] = "python",
};

typedef void (*AttributeRule)(PyTypeObject *type, PyObject *name, Attribute *attribute);

/* Returns new: (protocol, version, class part, storage, overrides, function). */
static PyObject *facts(PyObject *const *arguments, Py_ssize_t count, AttributeRule rule)
{
    if (count != 2 || !PyType_Check(arguments[0]) || !PyUnicode_CheckExact(arguments[1])) {
        PyErr_SetString(PyExc_TypeError, "expected a type and a name");
        return NULL;
    }
    PyTypeObject *type = (PyTypeObject *)arguments[0];
    Attribute attribute;
    rule(type, arguments[1], &attribute);
    uint32_t version = version_of(type);
    PyObject *class_part = class_facts(&attribute);
    PyObject *storage = class_part != NULL ? storage_facts(type, &attribute) : NULL;
    if (storage == NULL) {
        Py_XDECREF(class_part);
        return NULL;
    }
    return Py_BuildValue("(sINNOO)", protocol_names[attribute.protocol], version, class_part, storage,
                         attribute.overrides ? Py_True : Py_False, or_none(attribute.function));
}

static PyObject *attribute_facts(PyObject *module, PyObject *const *arguments, Py_ssize_t count)
{
    (void)module;
    return facts(arguments, count, attribute_of_load);
}

static PyObject *store_facts(PyObject *module, PyObject *const *arguments, Py_ssize_t count)
{
    (void)module;
    return facts(arguments, count, attribute_of_store);
}

/* Returns new: what `class.name` gives without running code: ("value", object), ("classmethod", function) which binds
 * the class, ("none",) or ("unknown",). Holds while class and metaclass keep their versions. */
static PyObject *class_attribute_facts(PyObject *module, PyObject *const *arguments, Py_ssize_t count)
{
    (void)module;
    if (count != 2 || !PyType_Check(arguments[0]) || !PyUnicode_CheckExact(arguments[1])) {
        PyErr_SetString(PyExc_TypeError, "expected a class and a name");
        return NULL;
    }
    PyTypeObject *class = (PyTypeObject *)arguments[0];
    if (Py_TYPE(class)->tp_getattro != PyType_Type.tp_getattro ||
        !PyUnstable_Type_AssignVersionTag(class) || !PyUnstable_Type_AssignVersionTag(Py_TYPE(class))) {
        return Py_BuildValue("(s)", "unknown");
    }
    PyObject *meta = _PyType_Lookup(Py_TYPE(class), arguments[1]);
    if (meta != NULL && Py_TYPE(meta)->tp_descr_get != NULL && Py_TYPE(meta)->tp_descr_set != NULL) {
        return Py_BuildValue("(s)", "unknown");
    }
    PyObject *found = _PyType_Lookup(class, arguments[1]);
    if (found == NULL) {
        return Py_BuildValue("(s)", meta == NULL ? "none" : "unknown");
    }
    PyTypeObject *kind = Py_TYPE(found);
    if (kind == &PyStaticMethod_Type) {
        return Py_BuildValue("(sO)", "value", wrapped_callable(found));
    }
    if (kind == &PyClassMethod_Type) {
        return Py_BuildValue("(sO)", "classmethod", wrapped_callable(found));
    }
    int plain = kind->tp_descr_get == NULL && (kind->tp_flags & Py_TPFLAGS_IMMUTABLETYPE);
    if (plain || PyFunction_Check(found) || kind == &PyMethodDescr_Type || kind == &PyWrapperDescr_Type ||
        kind == &PyMemberDescr_Type) {
        return Py_BuildValue("(sO)", "value", found); /* their __get__ without an instance gives themselves */
    }
    if (kind->tp_descr_get == NULL) {
        return Py_BuildValue("(sO)", "mutable_value", found); /* its class could grow a __get__ */
    }
    return Py_BuildValue("(s)", "unknown");
}

/* Borrowed; NULL with an exception set where it is no type. */
static PyTypeObject *as_type(PyObject *argument)
{
    if (!PyType_Check(argument)) {
        PyErr_SetString(PyExc_TypeError, "not a type");
        return NULL;
    }
    return (PyTypeObject *)argument;
}

/* A heap type whose call is type's own: `__new__`, then `__init__`. */
static bool is_called_as_usual(PyTypeObject *type)
{
    return PyType_HasFeature(type, Py_TPFLAGS_HEAPTYPE) && Py_TYPE(type)->tp_call == PyType_Type.tp_call &&
           type->tp_vectorcall == NULL;
}

/* Returns new: does calling the class do no more than object.__new__ and an `__init__` written in Python? */
static PyObject *is_made_by_init(PyObject *module, PyObject *argument)
{
    (void)module;
    PyTypeObject *type = as_type(argument);
    if (type == NULL) {
        return NULL;
    }
    bool plain_new = type->tp_new == PyBaseObject_Type.tp_new && !PyType_HasFeature(type, Py_TPFLAGS_IS_ABSTRACT);
    return PyBool_FromLong(is_called_as_usual(type) && plain_new && type->tp_init == helper_names.slot_init);
}

/* Returns new: does calling the class without arguments do no more than to make an instance, with nothing in it? */
static PyObject *is_made_plainly(PyObject *module, PyObject *argument)
{
    (void)module;
    PyTypeObject *type = as_type(argument);
    if (type == NULL) {
        return NULL;
    }
    bool plain = type->tp_new == PyBaseObject_Type.tp_new && type->tp_init == PyBaseObject_Type.tp_init &&
                 !PyType_HasFeature(type, Py_TPFLAGS_IS_ABSTRACT);
    return PyBool_FromLong(plain && (is_called_as_usual(type) || type == &PyBaseObject_Type));
}

/* Returns new: does calling the class do no more than a `__new__` written in Python, as far as that makes an instance of just it? */
static PyObject *is_made_by_new(PyObject *module, PyObject *argument)
{
    (void)module;
    PyTypeObject *type = as_type(argument);
    if (type == NULL) {
        return NULL;
    }
    return PyBool_FromLong(is_called_as_usual(type) && type->tp_new == helper_names.slot_new &&
                           type->tp_init == PyBaseObject_Type.tp_init);
}

/* Returns new: are instances of the class true without being asked? */
static PyObject *is_never_asked(PyObject *module, PyObject *argument)
{
    (void)module;
    PyTypeObject *type = as_type(argument);
    if (type == NULL) {
        return NULL;
    }
    PyMappingMethods *mapping = type->tp_as_mapping;
    PySequenceMethods *sequence = type->tp_as_sequence;
    PyNumberMethods *number = type->tp_as_number;
    return PyBool_FromLong((number == NULL || number->nb_bool == NULL) &&
                           (mapping == NULL || mapping->mp_length == NULL) &&
                           (sequence == NULL || sequence->sq_length == NULL));
}

/* --- callables ----------------------------------------------------------------------------------------------------------- */

/* Returns new: the names of the parameters that are passed one by one, a tuple. */
static PyObject *parameter_names(PyObject *module, PyObject *argument)
{
    (void)module;
    if (!PyCode_Check(argument)) {
        PyErr_SetString(PyExc_TypeError, "not a code object");
        return NULL;
    }
    PyCodeObject *code = (PyCodeObject *)argument;
    return PyTuple_GetSlice(code->co_localsplusnames, 0, code->co_argcount + code->co_kwonlyargcount);
}

/* Returns new: (code object, defaults or None) of a Python function. Nobody sees that it was asked: reading its
 * attributes raises audit events. */
static PyObject *callee_facts(PyObject *module, PyObject *argument)
{
    (void)module;
    if (!PyFunction_Check(argument)) {
        PyErr_SetString(PyExc_TypeError, "not a Python function");
        return NULL;
    }
    PyFunctionObject *function = (PyFunctionObject *)argument;
    return PyTuple_Pack(2, function->func_code, or_none(function->func_defaults));
}

static const char *convention_name(int flags)
{
    switch (flags & (METH_VARARGS | METH_KEYWORDS | METH_NOARGS | METH_O | METH_FASTCALL | METH_METHOD)) {
    case METH_O:
        return "o";
    case METH_NOARGS:
        return "noargs";
    case METH_FASTCALL:
        return "fast";
    case METH_FASTCALL | METH_KEYWORDS:
        return "fast_kw";
    case METH_VARARGS:
        return "varargs";
    case METH_VARARGS | METH_KEYWORDS:
        return "varargs_kw";
    case METH_METHOD | METH_FASTCALL | METH_KEYWORDS:
        return "method_fast_kw";
    }
    return "other";
}

/* Returns new: (convention, address, self or None, type or None, name) of a C function, bound or not, or None. For a method
 * descriptor `type` is the class that the receiver must be an instance of. A bound function's `self` is what the C
 * function gets as its first argument; None with a `type` of None means NULL. A class that cannot change, and makes its
 * instances by a vectorcall of its own, is such a function, too: one that gets itself. */
static PyObject *cfunction_facts(PyObject *module, PyObject *object)
{
    (void)module;
    if (PyCFunction_CheckExact(object)) {
        PyMethodDef *method = ((PyCFunctionObject *)object)->m_ml;
        return Py_BuildValue("(sKOOs)", convention_name(method->ml_flags),
                             (unsigned long long)(uintptr_t)method->ml_meth,
                             or_none(PyCFunction_GET_SELF(object)), Py_None, method->ml_name);
    }
    if (Py_IS_TYPE(object, &PyMethodDescr_Type)) {
        PyMethodDef *method = ((PyMethodDescrObject *)object)->d_method;
        return Py_BuildValue("(sKOOs)", convention_name(method->ml_flags),
                             (unsigned long long)(uintptr_t)method->ml_meth, Py_None, PyDescr_TYPE(object),
                             method->ml_name);
    }
    if (PyType_CheckExact(object)) {
        PyTypeObject *type = (PyTypeObject *)object;
        if (type->tp_vectorcall != NULL && (type->tp_flags & Py_TPFLAGS_IMMUTABLETYPE)) {
            return Py_BuildValue("(sKOOs)", convention_name(METH_FASTCALL | METH_KEYWORDS),
                                 (unsigned long long)(uintptr_t)type->tp_vectorcall, object, Py_None, type->tp_name);
        }
    }
    Py_RETURN_NONE;
}

/* --- helpers --------- ----------------------------------------------------------------------------------------------------- */

/* Returns new: name -> (address, result type, parameters) of every helper. */
static PyObject *helper_table(PyObject *module, PyObject *nothing)
{
    (void)module, (void)nothing;
    PyObject *table = PyDict_New();
    int failed = table == NULL;
#define X(name, result, parameters) \
    if (!failed) { \
        PyObject *entry = Py_BuildValue("(Kss)", (unsigned long long)(uintptr_t)&name, #result, #parameters); \
        failed = entry == NULL || PyDict_SetItemString(table, #name, entry) < 0; \
        Py_XDECREF(entry); \
    }
    PYSTON_HELPERS(X)
#undef X
    if (failed) {
        Py_CLEAR(table);
    }
    return table;
}

/* A compile-time check that the table's prototypes of CPython's functions are CPython's. */
#define X(name, result, parameters) \
    static result (*const check_##name) parameters __attribute__((unused)) = name;
PYSTON_API_HELPERS(X)
#undef X

PyMethodDef pyston_introspect_methods[] = {
    {"type_by_version", type_by_version, METH_O, "The type with this version tag, or None."},
    {"function_by_version", function_by_version, METH_O, "The function with this version, or None."},
    {"type_version", type_version, METH_O, "The type's version tag, or 0."},
    {"first_unit", first_unit, METH_O, "Address of the code object's bytecode."},
    {"object_address", object_address, METH_O, "The object's address."},
    {"object_at", object_at, METH_O, "The living object at this address."},
    {"modules", modules, METH_NOARGS, "The modules that import statements look in."},
    {"import_function", import_function, METH_NOARGS, "The __import__ that import statements do not call."},
    {"attribute_facts", (PyCFunction)(void (*)(void))attribute_facts, METH_FASTCALL,
     "What loading an attribute from instances of a type involves."},
    {"store_facts", (PyCFunction)(void (*)(void))store_facts, METH_FASTCALL,
     "What storing an attribute of instances of a type involves."},
    {"class_attribute_facts", (PyCFunction)(void (*)(void))class_attribute_facts, METH_FASTCALL,
     "What loading an attribute from a class gives."},
    {"is_made_plainly", is_made_plainly, METH_O, "Whether calling the class makes an instance with nothing in it."},
    {"is_made_by_init", is_made_by_init, METH_O, "Whether calling the class runs object.__new__ and a Python __init__."},
    {"is_made_by_new", is_made_by_new, METH_O, "Whether calling the class runs a Python __new__ and object.__init__."},
    {"is_never_asked", is_never_asked, METH_O, "Whether instances are true without being asked."},
    {"parameter_names", parameter_names, METH_O,
     "The names of the parameters of a code object, without those for what is left over."},
    {"callee_facts", callee_facts, METH_O, "The function's code object and defaults."},
    {"cfunction_facts", cfunction_facts, METH_O, "How to call the C function directly, or None."},
    {"helper_table", helper_table, METH_NOARGS, "Every helper: address, result type, parameters."},
    {"layout", pyston_layout, METH_NOARGS, "Offsets, sizes and addresses that compiled code uses."},
    {NULL, NULL, 0, NULL},
};
