/* Locals written from outside, through `frame.f_locals`.
 *
 * Compiled code keeps locals in registers and only ever writes their slots, so a slot that somebody else writes while a
 * call is under way would not be seen. This is rare (debuggers, tests, odd tricks), so it costs compiled code nothing: the
 * proxy's own functions are replaced by ones that, after the write, retire the code of the frame it went to. The running
 * activation then leaves at the check behind the call, and the interpreter reads the slots.
 *
 * The functions are process-wide; other interpreters' frames are never compiled, and ours are told by their records. */
#include "frame_locals.h"

#include "count.h"
#include "loops.h"
#include "replace.h"

#include "internal/pycore_genobject.h"
#include <frameobject.h>

/* Code whose frames are written to again and again stays in the interpreter. */
#define MAX_COMPILES_WRITTEN 3
#define WRITTEN "locals written through f_locals"

unsigned locals_writes;

/* Borrows a proxy that has just been written through. */
static void
locals_written(PyObject *proxy)
{
    locals_writes++;
    if (!runtime_enabled || PyInterpreterState_Get() != host_interpreter || !PyFrameLocalsProxy_Check(proxy)) {
        return;
    }
    PyFrameObject *frame = ((PyFrameLocalsProxyObject *)proxy)->frame;
    _PyInterpreterFrame *written = frame->f_frame;
    bool runs = written->owner == FRAME_OWNED_BY_THREAD
                || (written->owner == FRAME_OWNED_BY_GENERATOR
                    && _PyGen_GetGeneratorFromFrame(written)->gi_frame_state == FRAME_EXECUTING);
    if (!runs) {
        return; /* no more, or not now: a generator reads its slots when it is resumed */
    }
    CodeRecord *record = record_if_any(_PyFrame_GetCode(frame->f_frame));
    if (record == NULL) {
        return;
    }
    Artifact *loop = loops_artifact(written);
    if (loop != NULL) {
        artifact_retire(loop, WRITTEN); /* compiled anew as often as other loops */
    }
    if (record->artifact != NULL) {
        artifact_retire(record->artifact, WRITTEN);
    }
    if (record->compiles >= MAX_COMPILES_WRITTEN) {
        count_give_up(record, WRITTEN);
    }
}

static objobjargproc original_assign;
static binaryfunc original_or;
static PyCFunction original_update, original_setdefault;

static int
assign_item(PyObject *proxy, PyObject *key, PyObject *value)
{
    int result = original_assign(proxy, key, value);
    PyObject *exception = PyErr_GetRaisedException();
    locals_written(proxy);
    PyErr_SetRaisedException(exception);
    return result;
}

/* Borrows; passes on the new reference. */
static PyObject *
written(PyObject *proxy, PyObject *result)
{
    PyObject *exception = PyErr_GetRaisedException();
    locals_written(proxy);
    PyErr_SetRaisedException(exception);
    return result;
}

static PyObject *
inplace_or(PyObject *proxy, PyObject *other)
{
    return written(proxy, original_or(proxy, other));
}

static PyObject *
update(PyObject *proxy, PyObject *other)
{
    return written(proxy, original_update(proxy, other));
}

static PyObject *
setdefault(PyObject *proxy, PyObject *const *args, Py_ssize_t count)
{
    PyCFunctionFast original = (PyCFunctionFast)(void (*)(void))original_setdefault;
    return written(proxy, original(proxy, args, count));
}

int
frame_locals_start(void)
{
    PyTypeObject *type = &PyFrameLocalsProxy_Type;
    if (original_assign != NULL) {
        return 0;
    }
    if (type->tp_as_mapping == NULL || type->tp_as_mapping->mp_ass_subscript == NULL || type->tp_as_number == NULL
        || type->tp_as_number->nb_inplace_or == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "FrameLocalsProxy is not as expected");
        return -1;
    }
    PyCFunction fast = (PyCFunction)(void (*)(void))setdefault;
    if (replace_method((PyObject *)type, "update", METH_O, update, &original_update) < 0
        || replace_method((PyObject *)type, "setdefault", METH_FASTCALL, fast, &original_setdefault) < 0) {
        return -1;
    }
    original_assign = type->tp_as_mapping->mp_ass_subscript;
    original_or = type->tp_as_number->nb_inplace_or;
    type->tp_as_mapping->mp_ass_subscript = assign_item;
    type->tp_as_number->nb_inplace_or = inplace_or;
    if (replace_wrapped(type, "__setitem__", (void *)original_assign, (void *)assign_item) < 0
        || replace_wrapped(type, "__delitem__", (void *)original_assign, (void *)assign_item) < 0
        || replace_wrapped(type, "__ior__", (void *)original_or, (void *)inplace_or) < 0) {
        return -1;
    }
    return 0;
}
