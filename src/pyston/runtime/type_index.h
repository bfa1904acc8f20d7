/* Which type has a version tag. See type_index.c. */
#ifndef PYSTON_TYPE_INDEX_H
#define PYSTON_TYPE_INDEX_H

#include "host.h"

/* The type that has this version tag now. New, or NULL; sets no exception. */
HIDDEN PyTypeObject *type_with_version(uint32_t version);

#endif
