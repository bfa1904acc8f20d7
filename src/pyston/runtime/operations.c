/* Operators, numbers and strings for compiled code.
 *
 * Most operators are CPython's own functions, called by name. Here is what it does not export, and versions for
 * exact builtin types that cannot run Python code, so that compiled code needs no true frame around them. */
#include "helpers.h"
#include "special_methods.h"

#include "internal/pycore_long.h"
#include "internal/pycore_unicodeobject.h"

#include <math.h>

/* Returns new. `base ** exponent`. */
PyObject *number_power(PyObject *base, PyObject *exponent)
{
    return PyNumber_Power(base, exponent, Py_None);
}

/* Returns new. `base **= exponent`. */
PyObject *number_inplace_power(PyObject *base, PyObject *exponent)
{
    return PyNumber_InPlacePower(base, exponent, Py_None);
}

/* Borrows both. The truth of a comparison, without making a bool where the result already is one. */
int compare_bool(PyObject *left, PyObject *right, int op)
{
    PyObject *result = PyObject_RichCompare(left, right, op);
    if (result == NULL) {
        return -1;
    }
    if (result == Py_True || result == Py_False) {
        return result == Py_True; /* both immortal */
    }
    int truth = PyObject_IsTrue(result);
    Py_DECREF(result);
    return truth;
}

/* Borrows; returns True or False (immortal), or NULL. */
PyObject *unary_not(PyObject *value)
{
    int truth = is_true(value);
    if (truth < 0) {
        return NULL;
    }
    return truth ? Py_False : Py_True;
}

/* --- exact ints ------------------------------------------------------------------------------------------ */

/* Borrows exact ints; returns new. */
PyObject *int_floor_divide(PyObject *left, PyObject *right)
{
    return PyLong_Type.tp_as_number->nb_floor_divide(left, right);
}

/* Borrows exact ints; returns new. */
PyObject *int_remainder(PyObject *left, PyObject *right)
{
    return PyLong_Type.tp_as_number->nb_remainder(left, right);
}

/* Borrows exact ints; returns new. */
PyObject *int_true_divide(PyObject *left, PyObject *right)
{
    return PyLong_Type.tp_as_number->nb_true_divide(left, right);
}

/* Borrows ints of any size. -1, 0 or 1. */
int int_compare(PyObject *left, PyObject *right)
{
    PyLongObject *a = (PyLongObject *)left, *b = (PyLongObject *)right;
    if (_PyLong_IsCompact(a) && _PyLong_IsCompact(b)) {
        Py_ssize_t x = _PyLong_CompactValue(a), y = _PyLong_CompactValue(b);
        return (x > y) - (x < y);
    }
    Py_ssize_t sizes = _PyLong_SignedDigitCount(a) - _PyLong_SignedDigitCount(b);
    if (sizes != 0) {
        return sizes > 0 ? 1 : -1;
    }
    Py_ssize_t i = _PyLong_DigitCount(a);
    while (--i >= 0) {
        digit x = a->long_value.ob_digit[i], y = b->long_value.ob_digit[i];
        if (x != y) {
            return (x > y) == !_PyLong_IsNegative(a) ? 1 : -1;
        }
    }
    return 0;
}

/* Returns new. */
PyObject *long_from_i64(int64_t value)
{
    return PyLong_FromLongLong(value);
}

/* Borrows an int. Never raises. */
IntStatus long_as_i64(PyObject *value)
{
    int overflow = 0;
    long long result = PyLong_AsLongLongAndOverflow(value, &overflow);
    return (IntStatus){result, overflow != 0};
}

/* Borrows an int. Never raises. */
FloatStatus long_as_f64(PyObject *value)
{
    PyLongObject *number = (PyLongObject *)value;
    if (_PyLong_IsCompact(number)) {
        return (FloatStatus){(double)_PyLong_CompactValue(number), 0};
    }
    double result = PyLong_AsDouble(value);
    if (result == -1.0 && PyErr_Occurred()) {
        PyErr_Clear();
        return (FloatStatus){0.0, 1};
    }
    return (FloatStatus){result, 0};
}

/* --- floats ------------------------------------------------------------------------------------------------ */

/* Returns new. */
PyObject *float_from_double(double value)
{
    return PyFloat_FromDouble(value);
}

/* `base ** exponent` where that is plain; whatever raises, turns complex or depends on the platform's treatment of
 * infinities and NaN is left to the interpreter. */
FloatStatus float_pow(double base, double exponent)
{
    if (exponent == 0.0 || base == 1.0) {
        return (FloatStatus){1.0, 0};
    }
    if (!isfinite(base) || !isfinite(exponent)) {
        return (FloatStatus){0.0, 1};
    }
    if (base == 0.0 && exponent < 0.0) {
        return (FloatStatus){0.0, 1};
    }
    if (base < 0.0 && exponent != floor(exponent)) {
        return (FloatStatus){0.0, 1};
    }
    double result = pow(base, exponent);
    return (FloatStatus){result, !isfinite(result)};
}

/* `left % right`, right not 0: the result has the sign of right. */
double float_mod(double left, double right)
{
    double mod = fmod(left, right);
    if (mod == 0.0) {
        return copysign(0.0, right);
    }
    return (right < 0.0) != (mod < 0.0) ? mod + right : mod;
}

/* `left // right`, right not 0. Computed as CPython does, from the remainder, so that a == (a // b) * b + a % b. */
double float_floordiv(double left, double right)
{
    double mod = fmod(left, right);
    double quotient = (left - mod) / right;
    if (mod != 0.0 && (right < 0.0) != (mod < 0.0)) {
        quotient -= 1.0;
    }
    if (quotient == 0.0) {
        return copysign(0.0, left / right);
    }
    double whole = floor(quotient);
    return quotient - whole > 0.5 ? whole + 1.0 : whole;
}

/* --- strings ------------------------------------------------------------------------------------------------- */

/* Steals left, borrows right; returns new. `left += right`: grows left in place when nobody else holds it. */
PyObject *unicode_append(PyObject *left, PyObject *right)
{
    if (PyUnicode_CheckExact(left) && PyUnicode_CheckExact(right)) {
        PyUnicode_Append(&left, right);
        return left;
    }
    PyObject *result = PyNumber_InPlaceAdd(left, right);
    Py_DECREF(left);
    return result;
}

/* Borrows exact strs. */
int unicode_equal(PyObject *left, PyObject *right)
{
    if (left == right) {
        return 1;
    }
    Py_ssize_t length = PyUnicode_GET_LENGTH(left);
    int kind = PyUnicode_KIND(left);
    if (length != PyUnicode_GET_LENGTH(right) || kind != (int)PyUnicode_KIND(right)) {
        return 0;
    }
    return memcmp(PyUnicode_DATA(left), PyUnicode_DATA(right), (size_t)(length * kind)) == 0;
}

/* Borrows; returns new. */
PyObject *unicode_get_item(PyObject *string, Py_ssize_t index)
{
    Py_ssize_t length = PyUnicode_GET_LENGTH(string);
    if (index < 0) {
        index += length;
    }
    if ((size_t)index >= (size_t)length) {
        PyErr_SetString(PyExc_IndexError, "string index out of range");
        return NULL;
    }
    Py_UCS4 character = PyUnicode_READ_CHAR(string, index);
    return PyUnicode_FromOrdinal((int)character); /* the shared one-character string below 256 */
}

/* Returns new. f"{value}". */
PyObject *format_simple(PyObject *value)
{
    if (PyUnicode_CheckExact(value)) {
        return Py_NewRef(value);
    }
    return PyObject_Format(value, NULL);
}

/* Returns new. f"{value:spec}". */
PyObject *format_with_spec(PyObject *value, PyObject *spec)
{
    return PyObject_Format(value, spec);
}

/* Borrows; returns new. */
PyObject *to_str(PyObject *value)
{
    return Py_TYPE(value)->tp_str == helper_names.slot_str ? special_str(value) : PyObject_Str(value);
}

/* Borrows; returns new. kind: 1 str, 2 repr, 3 ascii. */
PyObject *convert_value(PyObject *value, int kind)
{
    return kind == FVC_STR ? to_str(value) : _PyEval_ConversionFuncs[kind](value);
}

/* Borrows; returns new. A piece of a t-string. */
PyObject *build_interpolation(PyObject *value, PyObject *text, int conversion, PyObject *format)
{
    return _PyInterpolation_Build(value, text, conversion, format != NULL ? format : helper_names.empty);
}

/* Borrows strs; returns new. */
PyObject *build_string(PyObject *const *items, Py_ssize_t count)
{
    return _PyUnicode_JoinArray(helper_names.empty, items, count);
}
