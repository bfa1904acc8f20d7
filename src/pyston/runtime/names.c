/* Names: locals dictionaries, globals, cells, functions and imports for compiled code.
 *
 * Error texts are the interpreter's; so are its helpers that set the `name` attribute of a NameError. */
#include "helpers.h"
#include "sequences.h"
#include "dict_lookup.h"
#include "internal/pycore_function.h"
#include "internal/pycore_intrinsics.h"
#include "internal/pycore_cell.h"

static const char not_defined[] = "name '%.200s' is not defined";
static const char unbound_local[] = "cannot access local variable '%s' where it is not associated with a value";

static int raise_name(PyObject *kind, const char *text, PyObject *name)
{
    _PyEval_FormatExcCheckArg(PyThreadState_Get(), kind, text, name);
    return -1;
}

/* --- globals ----------------------------------------------------------------------------------------------- */

/* Borrows; returns new. What LOAD_GLOBAL does, for dictionaries of any class. */
static PyObject *load_global_uncached(PyObject *globals, PyObject *builtins, PyObject *name)
{
    PyObject *value;
    if (PyDict_CheckExact(globals) && PyDict_CheckExact(builtins)) {
        value = _PyDict_LoadGlobal((PyDictObject *)globals, (PyDictObject *)builtins, name);
        if (value == NULL && !PyErr_Occurred()) {
            raise_name(PyExc_NameError, not_defined, name);
        }
        return value;
    }
    if (PyMapping_GetOptionalItem(globals, name, &value) != 0 ||
        PyMapping_GetOptionalItem(builtins, name, &value) != 0) {
        return value;
    }
    raise_name(PyExc_NameError, not_defined, name);
    return NULL;
}

/* Borrows; returns new. Learns where the name is. */
static PyObject *load_global_learn(PyObject *globals, PyObject *builtins, GlobalCell *cell)
{
    cell->globals_version = 0;
    cell->hint = 0;
    if (PyDict_CheckExact(globals) && PyDict_CheckExact(builtins)) {
        PyDictKeysObject *keys = ((PyDictObject *)globals)->ma_keys;
        Py_ssize_t index = keys_find_str(keys, cell->name);
        if (index >= 0 && index < UINT32_MAX) {
            cell->hint = (uint32_t)index;
        }
        else if (index == KEYS_ABSENT) {
            index = keys_find_str(((PyDictObject *)builtins)->ma_keys, cell->name);
            if (index >= 0 && index < UINT32_MAX) {
                cell->globals_version = keys_version(keys);
                cell->hint = (uint32_t)index;
            }
        }
    }
    return load_global_uncached(globals, builtins, cell->name);
}

/* Borrows; returns new. A global costs a look at its entry; a builtin also the version of the globals' keys, which
 * proves that no global hides it. */
PyObject *load_global_cached(PyObject *globals, PyObject *builtins, GlobalCell *cell)
{
    if (PyDict_CheckExact(globals)) {
        PyObject *value = NULL;
        if (cell->globals_version == 0) {
            value = dict_value_at((PyDictObject *)globals, cell->hint, cell->name);
        }
        else if (((PyDictObject *)globals)->ma_keys->dk_version == cell->globals_version && PyDict_CheckExact(builtins)) {
            value = dict_value_at((PyDictObject *)builtins, cell->hint, cell->name);
        }
        if (value != NULL) {
            return Py_NewRef(value);
        }
    }
    return load_global_learn(globals, builtins, cell);
}

/* Borrows. */
int store_global(PyObject *globals, PyObject *name, PyObject *value)
{
    return PyDict_SetItem(globals, name, value);
}

/* Borrows all but the value, which it steals. For code that keeps globals in registers, where the dict's keys have changed
 * meanwhile. The exception state stays as it was: that there is no memory for a key shows as the old value. */
void store_moved_global(PyObject *globals, PyObject *name, PyObject *value)
{
    PyObject *exception = PyErr_GetRaisedException();
    if (PyDict_SetItem(globals, name, value) < 0) {
        PyErr_Clear();
    }
    Py_DECREF(value);
    PyErr_SetRaisedException(exception);
}

/* Borrows. */
int delete_global(PyObject *globals, PyObject *name)
{
    int found = PyDict_Pop(globals, name, NULL);
    if (found == 0) {
        return raise_name(PyExc_NameError, not_defined, name);
    }
    return found < 0 ? -1 : 0;
}

/* --- names of class bodies and modules ----------------------------------------------------------------------- */

/* Returns new. */
PyObject *load_name(_PyInterpreterFrame *frame, PyObject *name)
{
    return _PyEval_LoadName(PyThreadState_Get(), frame, name);
}

/* Borrows. */
int store_name(_PyInterpreterFrame *frame, PyObject *name, PyObject *value)
{
    PyObject *locals = frame->f_locals;
    if (locals == NULL) {
        PyErr_Format(PyExc_SystemError, "no locals found when storing %R", name);
        return -1;
    }
    if (PyDict_CheckExact(locals)) {
        return PyDict_SetItem(locals, name, value);
    }
    return PyObject_SetItem(locals, name, value);
}

/* Borrows. Whatever the deletion raised becomes a NameError, as on CPython. */
int delete_name(_PyInterpreterFrame *frame, PyObject *name)
{
    PyObject *locals = frame->f_locals;
    if (locals == NULL) {
        PyErr_Format(PyExc_SystemError, "no locals when deleting %R", name);
        return -1;
    }
    if (PyObject_DelItem(locals, name) != 0) {
        return raise_name(PyExc_NameError, not_defined, name);
    }
    return 0;
}

/* Returns new. */
PyObject *load_locals(_PyInterpreterFrame *frame)
{
    if (frame->f_locals == NULL) {
        PyErr_SetString(PyExc_SystemError, "no locals found");
        return NULL;
    }
    return Py_NewRef(frame->f_locals);
}

/* Borrows; returns new. */
PyObject *load_from_dict_or_globals(_PyInterpreterFrame *frame, PyObject *dict, PyObject *name)
{
    PyObject *value;
    if (PyMapping_GetOptionalItem(dict, name, &value) != 0) {
        return value; /* NULL on error */
    }
    return load_global_uncached(frame->f_globals, frame->f_builtins, name);
}

/* Borrows; returns new. */
PyObject *load_from_dict_or_deref(_PyInterpreterFrame *frame, PyObject *dict, PyObject *cell, int oparg)
{
    PyObject *name = PyTuple_GET_ITEM(_PyFrame_GetCode(frame)->co_localsplusnames, oparg);
    PyObject *value;
    if (PyMapping_GetOptionalItem(dict, name, &value) != 0) {
        return value; /* NULL on error */
    }
    return load_deref(frame, cell, oparg);
}

/* --- cells and locals ------------------------------------------------------------------------------------------ */

/* Always -1. */
int raise_unbound_deref(_PyInterpreterFrame *frame, int oparg)
{
    _PyEval_FormatExcUnbound(PyThreadState_Get(), _PyFrame_GetCode(frame), oparg);
    return -1;
}

/* Always -1. */
int raise_unbound_local(_PyInterpreterFrame *frame, int oparg)
{
    return raise_name(PyExc_UnboundLocalError, unbound_local,
                      PyTuple_GET_ITEM(_PyFrame_GetCode(frame)->co_localsplusnames, oparg));
}

/* Borrows the cell; returns new. */
PyObject *load_deref(_PyInterpreterFrame *frame, PyObject *cell, int oparg)
{
    PyObject *value = ((PyCellObject *)cell)->ob_ref;
    if (value == NULL) {
        raise_unbound_deref(frame, oparg);
        return NULL;
    }
    return Py_NewRef(value);
}

/* Borrows the cell, steals the value. */
void store_deref(PyObject *cell, PyObject *value)
{
    PyCell_SetTakeRef((PyCellObject *)cell, value);
}

/* Borrows the cell. */
int delete_deref(_PyInterpreterFrame *frame, PyObject *cell, int oparg)
{
    PyObject *old = PyCell_SwapTakeRef((PyCellObject *)cell, NULL);
    if (old == NULL) {
        return raise_unbound_deref(frame, oparg);
    }
    Py_DECREF(old);
    return 0;
}

/* --- functions --------------------------------------------------------------------------------------------------- */

#define ANNOTATE_NAMES 64 /* a power of two */

/* Borrows; returns new: what the function that computes a function's annotations is called. Functions that are made again and again
 * have their name from one code object, so the last names are kept. */
static PyObject *annotate_name(PyObject *qualname)
{
    typedef struct {
        PyObject *qualname, *name; /* owned */
    } Known;
    static Known names[ANNOTATE_NAMES];
    Known *known = &names[((size_t)qualname >> 4 ^ (size_t)qualname >> 10) & (ANNOTATE_NAMES - 1)];
    if (UNLIKELY(known->qualname != qualname)) {
        PyObject *name = PyUnicode_FromFormat("%U.__annotate__", qualname);
        if (name == NULL) {
            return NULL;
        }
        Py_XSETREF(known->qualname, Py_NewRef(qualname));
        Py_XSETREF(known->name, name);
    }
    return Py_NewRef(known->name);
}

/* Borrows the function, steals the value. `which` is SET_FUNCTION_ATTRIBUTE's oparg. */
int set_function_attribute(PyObject *function, int which, PyObject *value)
{
    if (which == MAKE_FUNCTION_ANNOTATE && PyFunction_Check(value)) {
        PyObject *name = annotate_name(((PyFunctionObject *)function)->func_qualname);
        if (name == NULL) {
            Py_DECREF(value);
            return -1;
        }
        Py_SETREF(((PyFunctionObject *)value)->func_qualname, name);
    }
    PyObject **field = (PyObject **)((char *)function + _Py_FunctionAttributeOffsets[which]);
    *field = value;
    return 0;
}

/* --- imports and constants ------------------------------------------------------------------------------------------ */

/* Borrows; returns new. */
PyObject *import_name(PyThreadState *tstate, _PyInterpreterFrame *frame, PyObject *name, PyObject *fromlist,
                      PyObject *level)
{
    return _PyEval_ImportName(tstate, frame, name, fromlist, level);
}

/* Borrows; returns new. */
PyObject *import_from(PyThreadState *tstate, PyObject *module, PyObject *name)
{
    return _PyEval_ImportFrom(tstate, module, name);
}

/* Returns new. */
PyObject *load_common_constant(int which)
{
    return Py_NewRef(PyThreadState_Get()->interp->common_consts[which]);
}

/* Returns new. */
PyObject *load_build_class(_PyInterpreterFrame *frame)
{
    PyObject *value;
    if (PyMapping_GetOptionalItem(frame->f_builtins, helper_names.build_class, &value) == 0) {
        PyErr_SetString(PyExc_NameError, "__build_class__ not found");
    }
    return value;
}

/* Borrows; returns new. */
PyObject *call_intrinsic_1(PyThreadState *tstate, int which, PyObject *value)
{
    return which == INTRINSIC_LIST_TO_TUPLE ? make_tuple(((PyListObject *)value)->ob_item, Py_SIZE(value))
                                            : _PyIntrinsics_UnaryFunctions[which].func(tstate, value);
}

/* Borrows; returns new. */
PyObject *call_intrinsic_2(PyThreadState *tstate, int which, PyObject *first, PyObject *second)
{
    return _PyIntrinsics_BinaryFunctions[which].func(tstate, first, second);
}
