/* Objects for numbers, even where there is no memory. See boxes.c. */
#ifndef PYSTON_BOXES_H
#define PYSTON_BOXES_H

#include "host.h"

/* Fills the reserve as far as there is memory. True: it is full. */
HIDDEN bool boxes_reserve(void);

/* Return new; never NULL. */
HIDDEN PyObject *box_int_surely(long long number);
HIDDEN PyObject *box_float_surely(double number);

#endif
