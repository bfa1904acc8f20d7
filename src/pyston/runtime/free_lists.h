/* CPython's own lists of objects that have died, one for each of its common types, used in place: what is freed on
 * one side is made anew on the other. For the interpreter that is served; not where objects are traced (blocks.h),
 * since CPython tells of those that come off a list, too.
 *
 * Ownership: an object on a list belongs to the list. Its type, its size and its collector's words are as they are to
 * be. */
#ifndef PYSTON_FREE_LISTS_H
#define PYSTON_FREE_LISTS_H

#include "host.h"

#include "internal/pycore_freelist_state.h"

typedef struct _Py_freelist FreeList;

/* Borrows. */
#define FREE_LIST(name) (&host_interpreter->object_state.freelists.name)

/* Memory as it was given; NULL: there is none. */
static inline void *
free_list_take(FreeList *list)
{
    void *memory = list->freelist;
    if (LIKELY(memory != NULL)) {
        list->freelist = *(void **)memory;
        list->size--;
    }
    return memory;
}

/* False: the list is full, or closed. */
static inline bool
free_list_give(FreeList *list, void *memory, Py_ssize_t most)
{
    if (UNLIKELY((size_t)list->size >= (size_t)most)) { /* -1: closed */
        return false;
    }
    *(void **)memory = list->freelist;
    list->freelist = memory;
    list->size++;
    return true;
}

#endif
