/* Where machine code and its writable data live. See code_memory.c. */
#ifndef PYSTON_CODE_MEMORY_H
#define PYSTON_CODE_MEMORY_H

#include "host.h"

typedef struct {
    char *address;       /* executable; never writable there */
    uint32_t size;       /* bytes allocated, 0: nothing */
    uint32_t generation; /* of forks: how often this process had forked when it was allocated */
} CodeBlock;

/* Reserves the first region. 0, or -1 with an exception set. */
HIDDEN int code_memory_init(void);

/* Finds room for `size` bytes of code. 0, or -1 (no room; no exception). */
HIDDEN int code_allocate(size_t size, CodeBlock *block);

/* Finds room for an entry of ENTRY_BYTES. These lie close together: a call reads what stands in them. 0, or -1 as above. */
HIDDEN int code_allocate_entry(CodeBlock *block);

#define ENTRY_BYTES 16
#define ENTRIES_BYTES ((size_t)1 << 20)
/* Where this process makes entries now; those that it has from its ancestors lie elsewhere. */
extern HIDDEN const char *code_entries;

/* Fills the whole block's first `size` bytes through the writable mapping. */
HIDDEN void code_write(const CodeBlock *block, const void *bytes, size_t size);

/* Gives the block back; nothing may run in it any more. */
HIDDEN void code_free(CodeBlock *block);

/* Zeroed private writable memory, 8-byte aligned, within reach of all code. NULL: no room; no exception. */
HIDDEN void *cells_allocate(size_t size);
HIDDEN void cells_free(void *cells, size_t size);

/* Can code at `from` (the end of a 32-bit displacement) reach `target` with that displacement? */
static inline bool
reaches(const char *from, const void *target)
{
    ptrdiff_t distance = (const char *)target - from;
    return distance == (int32_t)distance;
}

/* An address within reach of all code that goes on to `target`: a jump in the code region, made once for each
 * target. NULL: no room; no exception. */
HIDDEN char *code_island(void *target);

/* The register-preserving entry of a helper (docs/abi.md, "Calls"), made once for each. NULL as above. */
HIDDEN char *code_preserving_entry(void *target);

/* How a helper's result says that it failed (compiler/artifact.py): NULL in rax, or a negative number in eax or edx. */
typedef enum {
    CHECKED_OBJECT,
    CHECKED_STATUS,
    CHECKED_NEXT,
    CHECKED_UNWIND = 4,
    CHECKED_TOOLS = 8,
    CHECKED_RETURNS = 16,
    CHECKED_KINDS = 32
} CheckedKind;
/* Calls `target` (NULL: nothing) and returns what it did. Where that is failure, it leaves the body by the return address instead: through
 * the exit whose number stands there or, with CHECKED_UNWIND added, by unwinding. With CHECKED_TOOLS it looks too whether the
 * code may go on (attention.c); with CHECKED_RETURNS as well failure is returned. */
HIDDEN char *code_checked_entry(void *target, CheckedKind kind);

/* Bytes of code region in use. */
HIDDEN size_t code_bytes_in_use(void);

/* Is the address in one of the code regions? For tests and debug checks. */
HIDDEN bool is_code_address(const void *address);

/* How often this process (or its ancestors since they loaded us) has forked. */
extern HIDDEN uint32_t code_generation;
/* How many forks this process is away from the one that loaded us: changes in children only. */
extern HIDDEN uint32_t fork_depth;

#endif
