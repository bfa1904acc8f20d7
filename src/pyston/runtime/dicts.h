/* Dicts made and freed in few lines of code. See dicts.c. */
#ifndef PYSTON_DICTS_H
#define PYSTON_DICTS_H

#include "host.h"

/* Before the first is made. 0, or -1 with an exception set. */
HIDDEN int dicts_start(void);

/* Returns new: an empty one. */
HIDDEN PyObject *make_dict(void);

/* Puts tp_dealloc of ours in the place of dict's, and back. */
HIDDEN void dicts_hook(void);
HIDDEN void dicts_unhook(void);

#endif
