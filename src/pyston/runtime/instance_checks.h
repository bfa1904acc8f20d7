/* isinstance() and issubclass() for compiled code. See instance_checks.c. */
#ifndef PYSTON_INSTANCE_CHECKS_H
#define PYSTON_INSTANCE_CHECKS_H

#include "host.h"

/* Finds what the checks compare with. 0, or -1 with an exception set. */
HIDDEN int instance_checks_init(void);

#endif
