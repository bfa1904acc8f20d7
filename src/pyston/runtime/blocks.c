/* Memory of objects that have died, by size, for the next ones of whatever class.
 *
 * CPython's allocator finds the pool of a block by its address in a tree, and looks first whose allocator is at work: three lines of
 * code to make an object, four to free it, each time. A few blocks of each size are kept instead, as CPython keeps those of its
 * tuples, lists and frames; what comes over that is CPython's to free. All of it under the lock of the one interpreter that is served.
 *
 * Ownership: a block on a list belongs to the list. It has as many whole units as the list says: CPython's allocator rounds up. */
#include "blocks.h"

#include "internal/pycore_pymem.h"

BlockList block_lists[MOST_UNITS + 1];

/* Another allocator than CPython's usual one, as for debugging, may give exactly the bytes that are asked for: none is kept
 * then. Nor is memory of no units, which somebody asked for nothing for. */
void
blocks_start(void)
{
    const char *allocator = _PyMem_GetCurrentAllocatorName();
    const bool whole_units = allocator != NULL && strcmp(allocator, "pymalloc") == 0;
    for (size_t i = 0; i <= MOST_UNITS; i++) {
        block_lists[i].count = whole_units && i > 0 ? 0 : BLOCKS_KEPT;
    }
}
