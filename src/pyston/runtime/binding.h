/* Binding of arguments: from what a call gives to what the callee's parameters hold. See binding.c. */
#ifndef PYSTON_BINDING_H
#define PYSTON_BINDING_H

#include "artifact.h"

/* Fills a frame's slots with the arguments, lent, with what the parameters collect and with defaults (owned); the others are NULL.
 * False: let CPython do it (it may raise), and nothing is held. Runs no Python code. */
HIDDEN bool bind_slots(PyFunctionObject *function, CodeRecord *record, _PyStackRef *slots, PyObject *const *args,
                       Py_ssize_t positional, PyObject *kwnames);
/* Gives the slots references of their own for what is only lent to them. */
HIDDEN void own_slots(_PyStackRef *slots, int count);
/* A tuple of the dict's keys, if the record has one: borrowed. Else NULL. */
HIDDEN PyObject *kept_names(const CodeRecord *record, PyObject *keywords);
/* The record's code object dies. */
HIDDEN void forget_keywords(CodeRecord *record);

static inline _PyStackRef
borrowed(PyObject *object)
{
    return PyStackRef_FromPyObjectBorrow(object);
}

/* Two stack references at once: the data stack is aligned to no more than one. */
typedef long long SlotPair __attribute__((vector_size(16), aligned(8), may_alias));

/* The first `given` slots lend the arguments, the others are NULL. May write one slot behind the last: the frame has
 * room for an operand there. */
static inline void
fill_slots(_PyStackRef *slots, PyObject *const *args, Py_ssize_t given, Py_ssize_t count)
{
    static_assert(Py_TAG_REFCNT == 1, "borrowed, and NULL");
    const SlotPair tags = {Py_TAG_REFCNT, Py_TAG_REFCNT};
    Py_ssize_t i = 0;
#pragma GCC unroll 1
    for (; i + 2 <= given; i += 2) {
        *(SlotPair *)(slots + i) = *(const SlotPair *)(args + i) | tags;
    }
    if (i < given) {
        slots[i] = borrowed(args[i]);
    }
#pragma GCC unroll 1
    for (i = given; i < count; i += 2) {
        *(SlotPair *)(slots + i) = tags;
    }
}

#endif
