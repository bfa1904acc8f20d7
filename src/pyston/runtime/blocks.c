/* Memory of objects that have died, by size, for the next ones of whatever class.
 *
 * CPython's allocator finds the pool of a block by its address in a tree, and looks first whose allocator is at work: three lines of
 * code to make an object, four to free it, each time. A few blocks of each size are kept instead, as CPython keeps those of its
 * tuples, lists and frames; what comes over that is CPython's to free. All of it under the lock of the one interpreter that is served.
 *
 * Ownership: a block on a list belongs to the list. */
#include "blocks.h"

BlockList block_lists[MOST_UNITS + 1];
