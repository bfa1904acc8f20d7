/* Entries of tracebacks, for frames that an exception leaves or stops in.
 *
 * Programs that raise and catch as a way of control make thousands of them a second, which nobody looks at: a traceback object and
 * the frame's object. CPython makes both through a dozen calls, each of which puts the exception aside first. Here they are
 * filled in at once; where memory is traced, a frame is large, or there is no memory, it is left to CPython. */
#include "tracebacks.h"

#include "blocks.h"
#include "collector.h"

#include "internal/pycore_frame.h"
#include "internal/pycore_interpframe.h"

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

/* The frame's object, which the frame gets and owns; the collector hears of it when the frame ends. NULL: not here. */
static PyFrameObject *
make_frame_object(_PyInterpreterFrame *frame, const PyCodeObject *code)
{
    const size_t slots = (size_t)(code->co_nlocalsplus + code->co_stacksize);
    const size_t units = UNITS(sizeof(PyGC_Head) + (size_t)PyFrame_Type.tp_basicsize + slots * sizeof(PyObject *));
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
    PyGC_Head *head = block_take(UNITS(sizeof(PyGC_Head) + sizeof(PyTracebackObject)));
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
