/* Memory of objects that have died, by size, for the next ones. See blocks.c. */
#ifndef PYSTON_BLOCKS_H
#define PYSTON_BLOCKS_H

#include "host.h"

#define BLOCK_UNIT 16 /* bytes */
#define MOST_UNITS 32
#define UNITS(bytes) (((bytes) + BLOCK_UNIT - 1) / BLOCK_UNIT)

typedef struct {
    void *first;    /* linked by their first words */
    unsigned count;
} BlockList;

#define BLOCKS_KEPT 64 /* of each size */

extern HIDDEN BlockList block_lists[MOST_UNITS + 1]; /* by units */

/* Before the first is given. */
HIDDEN void blocks_start(void);

/* Is somebody told of each object that is made and freed (tracemalloc, debuggers)? */
static inline bool
objects_are_traced(void)
{
    return _PyRuntime.ref_tracer.tracer_func != NULL;
}

/* At least so many units of memory, at most MOST_UNITS; or NULL, no exception. Not where memory is traced: that has to ask CPython's
 * allocator each time. */
static inline void *
block_take(size_t units)
{
    BlockList *list = &block_lists[units];
    void *block = list->first;
    if (UNLIKELY(block == NULL)) {
        return PyObject_Malloc(units * BLOCK_UNIT);
    }
    list->first = *(void **)block;
    list->count--;
    return block;
}

/* The block is from CPython's allocator for objects, and at least that large. */
static inline void
block_give(void *block, size_t units)
{
    BlockList *list = &block_lists[units];
    if (UNLIKELY(list->count >= BLOCKS_KEPT)) {
        PyObject_Free(block);
        return;
    }
    *(void **)block = list->first;
    list->first = block;
    list->count++;
}

/* The same for memory that is no object: PyMem_Malloc and PyMem_Free are what it comes from and goes to otherwise. */
static inline void *
block_take_memory(size_t units)
{
    BlockList *list = &block_lists[units];
    void *block = list->first;
    if (UNLIKELY(block == NULL)) {
        return PyMem_Malloc(units * BLOCK_UNIT);
    }
    list->first = *(void **)block;
    list->count--;
    return block;
}

/* However large it is, and where memory is traced, too. */
static inline void
block_give_memory(void *block, size_t units)
{
    if (UNLIKELY(units > MOST_UNITS || block_lists[units].count >= BLOCKS_KEPT || objects_are_traced())) {
        PyMem_Free(block);
        return;
    }
    block_give(block, units);
}

#endif
