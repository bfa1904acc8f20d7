/* Functions and cells, made and freed in few lines of code: closures and lambdas that live for one call.
 *
 * A new function has two things from its globals, `__name__` and `__builtins__`. CPython looks both up each time; here is kept at
 * which entries of the dict they were last, and if the keys are there, so are the values.
 *
 * tp_dealloc of both types is ours. It takes what is ordinary: no weak references, nobody who must be told of the end but
 * ourselves, and we need not be told either; all others are CPython's to free. The slots belong to the process: another
 * interpreter's functions go straight on. */
#include "functions.h"

#include "blocks.h"
#include "collector.h"
#include "dict_lookup.h"
#include "helpers.h"
#include "release.h"
#include "replace.h"
#include "watch.h"

#include "internal/pycore_cell.h"
#include "internal/pycore_function.h"
#include "internal/pycore_moduleobject.h"

#define FUNCTION_UNITS UNITS(sizeof(PyGC_Head) + sizeof(PyFunctionObject))
#define CELL_UNITS UNITS(sizeof(PyGC_Head) + sizeof(PyCellObject))

static destructor stock_function_dealloc, stock_cell_dealloc;

/* An object of the type, which is static and of that size: new, with zeros, not linked yet. NULL: an exception is set. */
static inline __attribute__((always_inline)) PyObject *
new_object(PyTypeObject *type, size_t size)
{
    const size_t units = UNITS(sizeof(PyGC_Head) + size);
    PyGC_Head *head = block_take(units);
    if (UNLIKELY(head == NULL)) {
        return PyErr_NoMemory();
    }
    PyObject *self = _Py_FROM_GC(head);
    memset(self, 0, size);
    self->ob_refcnt_full = 1;
    self->ob_type = type;
    collector_made();
    return self;
}

/* May the object, whose reference count is 0, be freed here? */
static inline bool
is_ours(PyThreadState *tstate, PyObject *self)
{
    return LIKELY(tstate->interp == host_interpreter && _Py_AS_GC(self)->_gc_next != 0 && !objects_are_traced());
}

static inline void
free_memory(PyObject *self, size_t units)
{
    collector_freed();
    block_give(_Py_AS_GC(self), units);
}

static inline void
release_if_any(PyThreadState *tstate, PyObject *object)
{
    if (object != NULL) {
        release(tstate, object);
    }
}

/* --- making functions -------------------------------------------------------------------------------------- */

/* Where the two were in some dict of globals: `__name__` first, as in every module. */
typedef struct {
    uint16_t name, builtins;
} Home;

#define HOMES 256 /* a power of two */

static Home homes[HOMES]; /* by globals */

static void
find_home(Home *home, PyObject *globals)
{
    PyDictKeysObject *keys = ((PyDictObject *)globals)->ma_keys;
    const Py_ssize_t name = keys_find_str(keys, &_Py_ID(__name__)), builtins = keys_find_str(keys, &_Py_ID(__builtins__));
    if (name >= 0 && builtins > name && builtins <= UINT16_MAX) {
        *home = (Home){.name = (uint16_t)name, .builtins = (uint16_t)builtins};
    }
}

/* The entries of the dict, if the home is one of its keys' (borrowed values); else NULL. */
static inline const PyDictUnicodeEntry *
entries_at_home(const Home *home, PyObject *globals)
{
    PyDictObject *dict = (PyDictObject *)globals;
    PyDictKeysObject *keys = dict->ma_keys;
    if (UNLIKELY(home->builtins >= keys->dk_nentries || keys->dk_kind == DICT_KEYS_GENERAL || dict->ma_values != NULL)) {
        return NULL;
    }
    const PyDictUnicodeEntry *entries = DK_UNICODE_ENTRIES(keys);
    const PyDictUnicodeEntry *name = &entries[home->name], *builtins = &entries[home->builtins];
    return LIKELY(name->me_key == &_Py_ID(__name__) && builtins->me_key == &_Py_ID(__builtins__) && name->me_value != NULL
                  && builtins->me_value != NULL)
               ? entries
               : NULL;
}

static __attribute__((noinline)) PyObject *
make_function_otherwise(Home *home, PyObject *code, PyObject *globals)
{
    PyObject *function = PyFunction_New(code, globals);
    if (function != NULL) {
        find_home(home, globals);
        _PyFunction_SetVersion((PyFunctionObject *)function, ((PyCodeObject *)code)->co_version);
    }
    return function;
}

/* Borrows the code; returns new. */
PyObject *
make_function(_PyInterpreterFrame *frame, PyObject *code_object)
{
    PyCodeObject *code = (PyCodeObject *)code_object;
    PyObject *globals = frame->f_globals;
    Home *home = &homes[((size_t)globals >> 4 ^ (size_t)globals >> 12) & (HOMES - 1)];
    const PyDictUnicodeEntry *entries = entries_at_home(home, globals);
    if (UNLIKELY(entries == NULL || objects_are_traced() || code->co_flags & CO_HAS_DOCSTRING)) {
        return make_function_otherwise(home, code_object, globals);
    }
    PyObject *builtins = entries[home->builtins].me_value;
    if (!PyDict_CheckExact(builtins)) {
        if (!PyModule_CheckExact(builtins)) {
            return make_function_otherwise(home, code_object, globals);
        }
        builtins = _PyModule_GetDict(builtins);
    }
    PyFunctionObject *function = (PyFunctionObject *)new_object(&PyFunction_Type, sizeof(PyFunctionObject));
    if (UNLIKELY(function == NULL)) {
        return NULL;
    }
    function->func_globals = Py_NewRef(globals);
    function->func_builtins = Py_NewRef(builtins);
    function->func_name = Py_NewRef(code->co_name);
    function->func_qualname = Py_NewRef(code->co_qualname);
    function->func_code = Py_NewRef(code_object);
    function->func_doc = Py_None;
    function->func_module = Py_NewRef(entries[home->name].me_value);
    function->vectorcall = stock_vectorcall;
    collector_link(_Py_AS_GC((PyObject *)function));
    watch_new_function(function);
    _PyFunction_SetVersion(function, code->co_version);
    return (PyObject *)function;
}

/* --- freeing functions ------------------------------------------------------------------------------------- */

/* What a function has, in the order in which CPython gives it up. A loop over them is a line of code, all of them one by one are
 * six. */
static const uint8_t fields[] = {
    offsetof(PyFunctionObject, func_globals),     offsetof(PyFunctionObject, func_builtins),
    offsetof(PyFunctionObject, func_module),      offsetof(PyFunctionObject, func_defaults),
    offsetof(PyFunctionObject, func_kwdefaults),  offsetof(PyFunctionObject, func_doc),
    offsetof(PyFunctionObject, func_dict),        offsetof(PyFunctionObject, func_closure),
    offsetof(PyFunctionObject, func_annotations), offsetof(PyFunctionObject, func_annotate),
    offsetof(PyFunctionObject, func_typeparams),  offsetof(PyFunctionObject, func_name),
    offsetof(PyFunctionObject, func_qualname),    offsetof(PyFunctionObject, func_code),
};

static inline void
forget_version(const PyFunctionObject *function)
{
    const uint32_t version = function->func_version;
    struct _func_version_cache_item *slot =
        &host_interpreter->func_state.func_version_cache[version % FUNC_VERSION_CACHE_SIZE];
    if (slot->func == function && version >= FUNC_VERSION_FIRST_VALID) {
        slot->func = NULL;
    }
}

static void
function_dealloc(PyObject *self)
{
    PyFunctionObject *function = (PyFunctionObject *)self;
    PyThreadState *tstate = PyThreadState_GET();
    if (UNLIKELY(!is_ours(tstate, self) || function->func_weakreflist != NULL || !watch_function_ends(function))) {
        stock_function_dealloc(self);
        return;
    }
    collector_unlink(_Py_AS_GC(self));
    forget_version(function);
#pragma GCC unroll 1
    for (size_t i = 0; i < sizeof(fields); i++) {
        release_if_any(tstate, *(PyObject **)((char *)self + fields[i])); /* the collector may have cleared one */
    }
    free_memory(self, FUNCTION_UNITS);
}

/* --- cells ------------------------------------------------------------------------------------------------- */

/* Steals the value, which may be NULL; returns new. */
PyObject *
make_cell(PyObject *value)
{
    PyObject *cell;
    if (UNLIKELY(objects_are_traced())) {
        cell = PyCell_New(value);
        Py_XDECREF(value);
        return cell;
    }
    cell = new_object(&PyCell_Type, sizeof(PyCellObject));
    if (UNLIKELY(cell == NULL)) {
        Py_XDECREF(value);
        return NULL;
    }
    ((PyCellObject *)cell)->ob_ref = value;
    collector_link(_Py_AS_GC(cell));
    return cell;
}

static void
cell_dealloc(PyObject *self)
{
    PyThreadState *tstate = PyThreadState_GET();
    if (UNLIKELY(!is_ours(tstate, self))) {
        stock_cell_dealloc(self);
        return;
    }
    collector_unlink(_Py_AS_GC(self));
    release_if_any(tstate, ((PyCellObject *)self)->ob_ref);
    free_memory(self, CELL_UNITS);
}

/* --- the types' slots -------------------------------------------------------------------------------------- */

void
functions_hook(void)
{
    replace_dealloc(&PyFunction_Type, function_dealloc, &stock_function_dealloc);
    replace_dealloc(&PyCell_Type, cell_dealloc, &stock_cell_dealloc);
}

void
functions_unhook(void)
{
    restore_dealloc(&PyFunction_Type, stock_function_dealloc);
    restore_dealloc(&PyCell_Type, stock_cell_dealloc);
}
