/* Making generators and coroutines: what the call of a generator function comes to.
 *
 * Most such calls come from C, for few of them name their function (`await self.app(…)`). All they do is to put arguments and free
 * variables into a new object; so that is done here at once, and no code is entered (`make_at_once`). Where it cannot be so, or the
 * call is made by compiled code, the function's own code begins on a frame as any other does, and RETURN_GENERATOR makes the
 * object of it (`make_generator`). */
#include "make_generator.h"

#include "attention.h"
#include "binding.h"
#include "enter.h"
#include "generator_pool.h"
#include "helpers.h"
#include "statistics.h"

#include "internal/pycore_genobject.h"

/* What RETURN_GENERATOR does: turns the running frame, which is given up, into a generator or coroutine. Returns new,
 * or NULL with an exception set and the frame as it was. */
PyObject *
make_generator(PyThreadState *tstate, _PyInterpreterFrame *frame)
{
    PyFunctionObject *function = (PyFunctionObject *)PyStackRef_AsPyObjectBorrow(frame->f_funcobj);
    PyGenObject *generator = generator_new(tstate, function);
    if (generator == NULL) {
        return NULL;
    }
    tag_immortals(frame, frame->stackpointer - frame->localsplus);
    frame->instr_ptr++;
    _PyFrame_Copy(frame, &generator->gi_iframe); /* with a reference where the frame only borrowed */
    CHECK(frame->frame_obj == NULL);
    generator->gi_frame_state = FRAME_CREATED;
    generator->gi_iframe.owner = FRAME_OWNED_BY_GENERATOR;
    unlink_frame(tstate, frame);
    if (LIKELY((PyObject **)frame != tstate->datastack_chunk->data)) {
        tstate->datastack_top = (PyObject **)frame;
    }
    else {
        _PyThreadState_PopFrame(tstate, frame);
    }
    return (PyObject *)generator;
}

/* Fills the slots with references of their own. False: the arguments are for CPython to bind, and nothing is held. */
static inline bool
own_arguments(PyFunctionObject *function, CodeRecord *record, _PyStackRef *slots, PyObject *const *args,
           Py_ssize_t positional, PyObject *kwnames)
{
    if (positional == record->positional && kwnames == NULL && record->keyword_only == 0 && !record->collects_positional
        && !record->collects_keywords) {
        for (Py_ssize_t i = 0; i < positional; i++) {
            slots[i] = PyStackRef_FromPyObjectNew(args[i]);
        }
        for (Py_ssize_t i = positional; i < record->slots; i++) {
            slots[i] = PyStackRef_NULL;
        }
        return true;
    }
    if (!bind_slots(function, record, slots, args, positional, kwnames)) {
        return false;
    }
    own_slots(slots, record->slots);
    return true;
}

/* What COPY_FREE_VARS does; it stands at the code's beginning where there are any. Returns whether there are. */
static inline bool
copy_free_variables(PyFunctionObject *function, _PyStackRef *behind)
{
    PyObject *closure = function->func_closure;
    Py_ssize_t count = closure != NULL ? PyTuple_GET_SIZE(closure) : 0;
    for (Py_ssize_t i = 0; i < count; i++) {
        behind[i - count] = PyStackRef_FromPyObjectNew(PyTuple_GET_ITEM(closure, i));
    }
    return count != 0;
}

/* What the MAKE_CELLs do that follow. False: no memory; some may have been made. */
static inline bool
make_cells(const _Py_CODEUNIT *unit, int count, _PyStackRef *slots)
{
    for (; count > 0; count--, unit++) {
        _PyStackRef *slot = &slots[unit->op.arg];
        PyObject *cell = PyCell_New(PyStackRef_AsPyObjectBorrow(*slot));
        if (UNLIKELY(cell == NULL)) {
            PyErr_Clear();
            return false;
        }
        PyStackRef_XCLOSE(*slot);
        *slot = PyStackRef_FromPyObjectSteal(cell);
    }
    return true;
}

/* Fills in locals and stack pointer, and where the frame goes on. False: it is for CPython to do, and nothing is held. */
static inline bool
fill_frame(_PyInterpreterFrame *frame, PyFunctionObject *function, CodeRecord *record, PyObject *const *args,
           Py_ssize_t positional, PyObject *kwnames)
{
    _PyStackRef *slots = frame->localsplus;
    if (UNLIKELY(!own_arguments(function, record, slots, args, positional, kwnames))) {
        return false;
    }
    const _Py_CODEUNIT *unit = FIRST_UNIT(record->code);
    frame->stackpointer = slots + record->slots;
    unit += copy_free_variables(function, frame->stackpointer);
    if (record->cells != 0 && UNLIKELY(!make_cells(unit, record->cells, slots))) {
        while (frame->stackpointer > slots) {
            PyStackRef_XCLOSE(*--frame->stackpointer); /* runs nothing: all but the cells have other owners */
        }
        return false;
    }
    frame->instr_ptr = (_Py_CODEUNIT *)unit + record->cells + 1; /* behind RETURN_GENERATOR */
    return true;
}

PyObject *
make_generator_of(PyThreadState *tstate, PyFunctionObject *function, CodeRecord *record, PyObject *const *args,
                  Py_ssize_t positional, PyObject *kwnames)
{
    /* (What is pending, and tools, are left to the usual way.) */
    if (UNLIKELY(record->body == NULL || tstate->eval_breaker != admitted_version || tstate->py_recursion_remaining <= 0
                 || tstate->interp->eval_frame != usual_eval_frame)) {
        return NULL;
    }
    PyGenObject *generator = generator_take(tstate, record->frame_words, record->makes == A_COROUTINE);
    if (UNLIKELY(generator == NULL)) {
        return NULL;
    }
    _PyInterpreterFrame *frame = &generator->gi_iframe;
    if (UNLIKELY(!fill_frame(frame, function, record, args, positional, kwnames))) {
        generator_put(generator, record->frame_words);
        return NULL;
    }
    frame->f_executable = PyStackRef_FromPyObjectNew((PyObject *)record->code);
    frame->previous = NULL;
    frame->f_funcobj = PyStackRef_FromPyObjectNew((PyObject *)function);
    frame->f_globals = record->globals;
    frame->f_builtins = record->builtins;
    frame->f_locals = NULL;
    frame->frame_obj = NULL;
    frame->return_offset = 0;
    frame->owner = FRAME_OWNED_BY_GENERATOR;
    frame->visited = 0;
    generator->gi_frame_state = FRAME_CREATED;
    generator_begin(generator, record->makes == A_COROUTINE ? &PyCoro_Type : &PyGen_Type, function);
    calls_compiled += statistics_on;
    return (PyObject *)generator;
}
