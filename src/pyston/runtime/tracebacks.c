/* Entries of tracebacks, for frames that an exception leaves or stops in, and what is left of them when it is over.
 *
 * Programs that raise and catch as a way of control make thousands of them a second, which nobody looks at: a traceback object and
 * the frame's object. CPython makes both through a dozen calls, each of which puts the exception aside first. Here they are
 * filled in at once; where memory is traced, a frame is large, or there is no memory, it is left to CPython. When the exception is dead the
 * entries give their memory back to where it came from, and so do frames' objects that nobody has asked for anything. */
#include "tracebacks.h"

#include "blocks.h"
#include "collector.h"
#include "release.h"
#include "replace.h"

#include "internal/pycore_frame.h"
#include "internal/pycore_interpframe.h"

#define ENTRY_UNITS UNITS(sizeof(PyGC_Head) + sizeof(PyTracebackObject))

/* By CPython's own functions. The frame is the current one. */
static __attribute__((noinline)) void
add_by_stock(PyThreadState *tstate, _PyInterpreterFrame *frame)
{
    PyFrameObject *object = (PyFrameObject *)Py_XNewRef(frame->frame_obj);
    if (object == NULL) {
        PyObject *exception = PyErr_GetRaisedException();
        object = PyThreadState_GetFrame(tstate); /* makes it */
        if (object == NULL) {
            PyErr_Clear(); /* no memory: no entry */
        }
        PyErr_SetRaisedException(exception);
    }
    if (object != NULL) {
        PyTraceBack_Here(object);
        Py_DECREF(object);
    }
}

/* Of the memory of a frame's object, with room for what the frame has when it ends. */
static inline size_t
frame_object_units(const PyCodeObject *code)
{
    const size_t slots = (size_t)(code->co_nlocalsplus + code->co_stacksize);
    return UNITS(sizeof(PyGC_Head) + (size_t)PyFrame_Type.tp_basicsize + slots * sizeof(PyObject *));
}

/* The frame's object, which the frame gets and owns; the collector hears of it when the frame ends. NULL: not here. */
static PyFrameObject *
make_frame_object(_PyInterpreterFrame *frame, const PyCodeObject *code)
{
    const size_t units = frame_object_units(code);
    PyGC_Head *head = units <= MOST_UNITS ? block_take(units) : NULL;
    if (UNLIKELY(head == NULL)) {
        return NULL;
    }
    collector_made();
    *head = (PyGC_Head){0};
    PyFrameObject *object = (PyFrameObject *)_Py_FROM_GC(head);
    memset(object, 0, offsetof(PyFrameObject, _f_frame_data));
    ((PyObject *)object)->ob_refcnt_full = 1;
    ((PyObject *)object)->ob_type = &PyFrame_Type;
    object->f_frame = frame;
    object->f_trace_lines = 1;
    frame->frame_obj = object;
    return object;
}

void
add_traceback(PyThreadState *tstate, _PyInterpreterFrame *frame)
{
    if (_PyFrame_IsIncomplete(frame)) {
        return;
    }
    const PyCodeObject *code = _PyFrame_GetCode(frame);
    PyFrameObject *object = frame->frame_obj;
    if (UNLIKELY(objects_are_traced()) || (object == NULL && (object = make_frame_object(frame, code)) == NULL)) {
        add_by_stock(tstate, frame);
        return;
    }
    PyGC_Head *head = block_take(ENTRY_UNITS);
    if (UNLIKELY(head == NULL)) {
        return; /* no memory: no entry */
    }
    collector_made();
    PyBaseExceptionObject *exception = (PyBaseExceptionObject *)tstate->current_exception;
    PyTracebackObject *entry = (PyTracebackObject *)_Py_FROM_GC(head);
    ((PyObject *)entry)->ob_refcnt_full = 1;
    ((PyObject *)entry)->ob_type = &PyTraceBack_Type;
    entry->tb_next = (PyTracebackObject *)exception->traceback; /* the exception's reference to it */
    entry->tb_frame = (PyFrameObject *)Py_NewRef(object);
    entry->tb_lasti = (int)(frame->instr_ptr - _PyFrame_GetBytecode(frame)) * (int)sizeof(_Py_CODEUNIT);
    entry->tb_lineno = -1; /* found when it is asked for */
    exception->traceback = (PyObject *)entry;
    collector_link(head);
}

/* --- the end ------------------------------------------------------------------------------------------------------- */

void
free_frame_object(PyThreadState *tstate, _PyInterpreterFrame *frame)
{
    PyFrameObject *object = frame->frame_obj;
    if (((PyObject *)object)->ob_refcnt != 1) {
        return;
    }
    frame->frame_obj = NULL;
    PyGC_Head *head = _Py_AS_GC((PyObject *)object);
    const size_t units = frame_object_units(_PyFrame_GetCode(frame));
    const bool asked = object->f_trace != NULL || object->f_extra_locals != NULL || object->f_locals_cache != NULL
                       || object->f_overwritten_fast_locals != NULL;
    if (UNLIKELY(asked || object->f_back != NULL || head->_gc_next != 0 || units > MOST_UNITS || objects_are_traced())) {
        release(tstate, (PyObject *)object);
        return;
    }
    collector_freed();
    block_give(head, units);
}

static destructor stock_entry_dealloc;

static void
entry_dealloc(PyObject *self)
{
    PyTracebackObject *entry = (PyTracebackObject *)self;
    PyThreadState *tstate = PyThreadState_GET();
    if (UNLIKELY(tstate->interp != host_interpreter || _Py_AS_GC(self)->_gc_next == 0 || objects_are_traced())) {
        stock_entry_dealloc(self);
        return;
    }
    collector_unlink(_Py_AS_GC(self));
    if (entry->tb_next != NULL) { /* the collector may have cleared both */
        release(tstate, (PyObject *)entry->tb_next);
    }
    if (entry->tb_frame != NULL) {
        release(tstate, (PyObject *)entry->tb_frame);
    }
    collector_freed();
    block_give(_Py_AS_GC(self), ENTRY_UNITS);
}

void
tracebacks_hook(void)
{
    replace_dealloc(&PyTraceBack_Type, entry_dealloc, &stock_entry_dealloc);
}

void
tracebacks_unhook(void)
{
    restore_dealloc(&PyTraceBack_Type, stock_entry_dealloc);
}
