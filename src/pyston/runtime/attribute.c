/* The rules of attribute look-up, read off a type.
 *
 * Everything here holds for as long as the type keeps its version tag. What a tag does not cover is named where it
 * matters: the class of a descriptor (`recheck`), the metaclass of a class, the shared keys of inline values, which
 * only ever grow. */
#include "attribute.h"
#include "dict_lookup.h"
#include "internal/pycore_descrobject.h"
#include "internal/pycore_object.h"

/* staticmethod and classmethod objects begin alike; their struct is private to CPython. */
typedef struct {
    PyObject_HEAD
    PyObject *callable;
} WrappedMethod;

PyObject *wrapped_callable(PyObject *method)
{
    return ((WrappedMethod *)method)->callable;
}

/* Checks the assumption above. */
int attribute_init(void)
{
    PyObject *function = PyUnicode_InternFromString("wrapped");
    PyObject *methods[2] = {PyStaticMethod_New(function), PyClassMethod_New(function)};
    int right = 1;
    for (int i = 0; i < 2; i++) {
        right = right && methods[i] != NULL && wrapped_callable(methods[i]) == function;
        Py_XDECREF(methods[i]);
    }
    Py_XDECREF(function);
    if (!right && !PyErr_Occurred()) {
        PyErr_SetString(PyExc_RuntimeError, "staticmethod has an unknown layout");
    }
    return right ? 0 : -1;
}

static void find_class_part(PyTypeObject *type, PyObject *name, Attribute *attribute)
{
    PyObject *descriptor = _PyType_Lookup(type, name);
    attribute->descriptor = descriptor;
    if (descriptor == NULL) {
        attribute->class_kind = CLASS_NOTHING;
        return;
    }
    PyTypeObject *kind = Py_TYPE(descriptor);
    attribute->overrides = kind->tp_descr_set != NULL;
    attribute->recheck = !(kind->tp_flags & Py_TPFLAGS_IMMUTABLETYPE);
    if (kind->tp_descr_get == NULL) {
        attribute->class_kind = CLASS_VALUE;
    }
    else if (kind->tp_descr_set == NULL) {
        int method = (kind->tp_flags & Py_TPFLAGS_METHOD_DESCRIPTOR) && !attribute->recheck;
        attribute->class_kind = method                                         ? CLASS_METHOD
                                : kind == &PyStaticMethod_Type                 ? CLASS_STATIC
                                : kind == &PyClassMethod_Type                  ? CLASS_CLASSMETHOD
                                                                               : CLASS_NON_DATA;
    }
    else {
        attribute->class_kind = CLASS_DATA;
        if (kind == &PyProperty_Type) {
            attribute->class_kind = CLASS_PROPERTY;
        }
        else if (kind == &PyMemberDescr_Type && PyType_IsSubtype(type, PyDescr_TYPE(descriptor))) {
            PyMemberDef *member = ((PyMemberDescrObject *)descriptor)->d_member;
            attribute->member_type = member->type;
            attribute->member_flags = member->flags;
            if ((member->type == Py_T_OBJECT_EX || member->type == _Py_T_OBJECT) &&
                !(member->flags & (Py_AUDIT_READ | Py_RELATIVE_OFFSET))) {
                attribute->class_kind = CLASS_SLOT;
                attribute->offset = member->offset;
            }
        }
        else if (kind == &PyGetSetDescr_Type && PyType_IsSubtype(type, PyDescr_TYPE(descriptor))) {
            attribute->class_kind = CLASS_GETSET;
        }
    }
}

static void find_storage(PyTypeObject *type, PyObject *name, Attribute *attribute)
{
    attribute->key_index = -1;
    if (type->tp_flags & Py_TPFLAGS_MANAGED_DICT) {
        attribute->storage = STORAGE_MANAGED;
        attribute->dict_offset = MANAGED_DICT_OFFSET;
        if (type->tp_flags & Py_TPFLAGS_INLINE_VALUES) {
            attribute->storage = STORAGE_INLINE;
            attribute->keys = ((PyHeapTypeObject *)type)->ht_cached_keys;
            Py_ssize_t index = keys_find_str(attribute->keys, name);
            attribute->key_index = index >= 0 ? index : -1;
        }
    }
    else if (type->tp_dictoffset > 0) {
        attribute->storage = STORAGE_OFFSET;
        attribute->dict_offset = type->tp_dictoffset;
    }
    else {
        attribute->storage = type->tp_dictoffset == 0 ? STORAGE_NONE : STORAGE_UNKNOWN;
    }
}

/* Whether `__getattribute__` of the type is object's own, so that its tp_getattro hook begins with the generic look-up. */
static int generic_getattribute(PyTypeObject *type)
{
    PyObject *found = _PyType_Lookup(type, helper_names.getattribute);
    return found == _PyType_Lookup(&PyBaseObject_Type, helper_names.getattribute);
}

void attribute_of_load(PyTypeObject *type, PyObject *name, Attribute *attribute)
{
    memset(attribute, 0, sizeof(*attribute));
    attribute->key_index = -1;
    getattrofunc get = type->tp_getattro;
    /* A bound method asks its function for what its own class does not have (asked_of in load_cache.c). */
    if (get == PyObject_GenericGetAttr || (type == &PyMethod_Type && _PyType_Lookup(type, name) != NULL)) {
        attribute->protocol = PROTOCOL_GENERIC;
    }
    else if (get == PyModule_Type.tp_getattro) {
        attribute->protocol = PROTOCOL_MODULE;
    }
    else if (get == PyType_Type.tp_getattro) {
        attribute->protocol = PROTOCOL_TYPE;
    }
    else if (get == helper_names.slot_getattr_hook || get == helper_names.slot_getattribute) {
        PyObject *hook = _PyType_Lookup(type, helper_names.getattr);
        int is_function = hook != NULL && PyFunction_Check(hook);
        if (hook != NULL && generic_getattribute(type)) {
            attribute->protocol = is_function ? PROTOCOL_GETATTR_HOOK : PROTOCOL_GETATTR_OTHER;
            attribute->function = is_function ? hook : NULL;
        }
        else if (hook == NULL || is_function) {
            PyObject *function = _PyType_Lookup(type, helper_names.getattribute);
            if (function != NULL && PyFunction_Check(function)) {
                attribute->protocol = PROTOCOL_PYTHON;
                attribute->function = function;
            }
        }
    }
    if (attribute->protocol == PROTOCOL_OTHER) {
        return;
    }
    find_class_part(type, name, attribute);
    if (attribute->protocol != PROTOCOL_TYPE) {
        find_storage(type, name, attribute);
    }
}

void attribute_of_store(PyTypeObject *type, PyObject *name, Attribute *attribute)
{
    memset(attribute, 0, sizeof(*attribute));
    attribute->key_index = -1;
    if (type->tp_setattro == PyObject_GenericSetAttr) {
        attribute->protocol = PROTOCOL_GENERIC;
    }
    else if (type->tp_setattro == helper_names.slot_setattr) {
        PyObject *function = _PyType_Lookup(type, helper_names.setattr);
        if (function != NULL && PyFunction_Check(function)) {
            attribute->protocol = PROTOCOL_PYTHON;
            attribute->function = function;
        }
        return;
    }
    else {
        return;
    }
    find_class_part(type, name, attribute);
    find_storage(type, name, attribute);
}
