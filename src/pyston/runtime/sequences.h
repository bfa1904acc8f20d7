/* Tuples, lists and iterators over lists, made and freed in few lines of code. See sequences.c. */
#ifndef PYSTON_SEQUENCES_H
#define PYSTON_SEQUENCES_H

#include "host.h"

/* Borrows the items; returns new. */
HIDDEN PyObject *make_tuple(PyObject *const *items, Py_ssize_t count);

/* Borrows an exact list; returns new. */
HIDDEN PyObject *make_list_iterator(PyObject *list);

/* Puts tp_dealloc of ours in the place of the types', and back. */
HIDDEN void sequences_hook(void);
HIDDEN void sequences_unhook(void);

#endif
