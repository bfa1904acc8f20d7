/* Boxing numbers where the free lists are empty, even where there is no memory.
 *
 * Compiled code boxes in many places and tests none of the results: a number must always become an object. So a few objects
 * are kept in reserve. When one of them is used, MemoryError is sent to the thread the way an asynchronous exception is,
 * and raised at its next check. Only when more numbers than the reserve are boxed before that does the process end.
 *
 * Ownership: returns new references; the reserve owns its objects. */
#include "boxes.h"

#include "internal/pycore_long.h"

#define RESERVE 128

static PyObject *ints[RESERVE], *floats[RESERVE]; /* owned; ints have room for three digits */
static int int_count, float_count;

#define BIGGEST (1LL << 61) /* what takes as many digits as any number that compiled code keeps unboxed */

bool
boxes_reserve(void)
{
    while (int_count < RESERVE && (ints[int_count] = PyLong_FromLongLong(BIGGEST)) != NULL) {
        int_count++;
    }
    while (float_count < RESERVE && (floats[float_count] = PyFloat_FromDouble(0.0)) != NULL) {
        float_count++;
    }
    if (int_count < RESERVE || float_count < RESERVE) {
        PyErr_Clear();
        return false;
    }
    return true;
}

/* There was no memory, which is to be raised soon. */
static void
note_shortage(int left)
{
    if (left == 0) {
        Py_FatalError("pyston: no memory for numbers");
    }
    PyErr_Clear();
    PyThreadState_SetAsyncExc(PyThread_get_thread_ident(), PyExc_MemoryError);
}

PyObject *
box_int_surely(long long number)
{
    PyObject *object = PyLong_FromLongLong(number);
    if (LIKELY(object != NULL)) {
        return object;
    }
    note_shortage(int_count);
    PyLongObject *box = (PyLongObject *)ints[--int_count];
    unsigned long long rest = number < 0 ? -(unsigned long long)number : (unsigned long long)number;
    int digits = 0;
    for (; rest != 0; rest >>= PyLong_SHIFT) {
        box->long_value.ob_digit[digits++] = (digit)(rest & PyLong_MASK);
    }
    _PyLong_SetSignAndDigitCount(box, number < 0 ? -1 : number > 0, digits);
    return (PyObject *)box;
}

PyObject *
box_float_surely(double number)
{
    PyObject *object = PyFloat_FromDouble(number);
    if (LIKELY(object != NULL)) {
        return object;
    }
    note_shortage(float_count);
    PyFloatObject *box = (PyFloatObject *)floats[--float_count];
    box->ob_fval = number;
    return (PyObject *)box;
}
