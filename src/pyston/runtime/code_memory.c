/* Memory for machine code and for the cells that it writes.
 *
 * A region is one memory file, mapped twice: read-execute where the code runs, read-write elsewhere, so no page is
 * ever writable and executable at one address. A region lies within 1 GB of this extension's text, hence within reach
 * of 32-bit displacements from and to the extension, other regions and the cells. What lies further away (CPython
 * itself, mostly) is reached through an island, a jump in the region.
 *
 * Forking. The two processes share the file: what one writes appears in the other. So after a fork the child starts
 * a new file for new code, and neither side ever rewrites a byte that was written before: space freed from then on is
 * lost if it was allocated before the fork. Cells are private memory, copied on write, and are reused freely.
 *
 * The end of each region is for entries (records.c), which are small and many.
 *
 * Everything here runs under the GIL; the fork handlers change integers only. */
#define _GNU_SOURCE
#include "code_memory.h"

#include "arenas.h"
#include "attention.h"
#include "loops.h"
#include "sample.h"
#include "thunks.h"

#include <errno.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define REGION_BYTES ((size_t)64 << 20)
#define CELLS_BYTES ((size_t)32 << 20)
#define SEARCH_STEP ((intptr_t)16 << 20)
#define SEARCH_LIMIT ((intptr_t)896 << 20)
#define LINE 64 /* of the first-level instruction cache: code begins with one */
#define CELL_ALIGNMENT 16

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif
#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif
#ifndef MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE
#define MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE (1 << 5)
#define MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE (1 << 6)
#endif

/* A list of free pieces of one area, sorted by offset, neighbours merged. */
typedef struct {
    uint32_t offset, size;
} Piece;

typedef struct {
    Piece *pieces;
    uint32_t count, capacity;
    uint32_t end;   /* everything from here on was never used */
    uint32_t limit; /* size of the area */
} Area;

typedef struct Region {
    char *executable;
    char *writable;
    uint32_t generation; /* allocations only while it equals code_generation (the parent moves it on) */
    Area area, entries; /* the latter's offsets count from `limit` of the former */
    struct Region *next;
} Region;

static Region *regions; /* the first one is the one that allocates */
static char *cells_base;
static Area cells_area;
static size_t bytes_in_use;
uint32_t code_generation, fork_depth;
const char *code_entries;

/* --- areas ------------------------------------------------------------------------------------------------- */

/* Returns the offset, or UINT32_MAX. `*reused` says whether the piece had been used before. */
static uint32_t
area_take(Area *area, uint32_t size, bool *reused)
{
    for (uint32_t i = 0; i < area->count; i++) {
        Piece *piece = &area->pieces[i];
        if (piece->size >= size) {
            uint32_t offset = piece->offset;
            piece->offset += size;
            piece->size -= size;
            if (piece->size == 0) {
                memmove(piece, piece + 1, (--area->count - i) * sizeof(Piece));
            }
            *reused = true;
            return offset;
        }
    }
    if (size > area->limit - area->end) {
        return UINT32_MAX;
    }
    uint32_t offset = area->end;
    area->end += size;
    *reused = false;
    return offset;
}

static void
area_give(Area *area, uint32_t offset, uint32_t size)
{
    uint32_t i = 0;
    while (i < area->count && area->pieces[i].offset < offset) {
        i++;
    }
    if (i > 0 && area->pieces[i - 1].offset + area->pieces[i - 1].size == offset) {
        Piece *before = &area->pieces[i - 1];
        before->size += size;
        if (i < area->count && before->offset + before->size == area->pieces[i].offset) {
            before->size += area->pieces[i].size;
            memmove(&area->pieces[i], &area->pieces[i + 1], (--area->count - i) * sizeof(Piece));
        }
        return;
    }
    if (i < area->count && offset + size == area->pieces[i].offset) {
        area->pieces[i].offset = offset;
        area->pieces[i].size += size;
        return;
    }
    if (area->count == area->capacity) {
        uint32_t capacity = area->capacity ? area->capacity * 2 : 64;
        Piece *pieces = PyMem_RawRealloc(area->pieces, capacity * sizeof(Piece));
        if (pieces == NULL) {
            return; /* the piece is lost, nothing else */
        }
        area->pieces = pieces;
        area->capacity = capacity;
    }
    memmove(&area->pieces[i + 1], &area->pieces[i], (area->count++ - i) * sizeof(Piece));
    area->pieces[i] = (Piece){offset, size};
}

/* --- mapping ----------------------------------------------------------------------------------------------- */

/* Reserves address space near our own text. NULL if there is none. */
static char *
reserve_nearby(size_t size)
{
    intptr_t text = (intptr_t)&exit_thunk & ~(SEARCH_STEP - 1);
    for (intptr_t step = SEARCH_STEP; step < SEARCH_LIMIT; step += SEARCH_STEP) {
        intptr_t candidates[2] = {text - step - (intptr_t)size, text + step};
        for (int i = 0; i < 2; i++) {
            if (candidates[i] <= 0) {
                continue;
            }
            void *wanted = (void *)candidates[i];
            void *got = mmap(wanted, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE,
                             -1, 0);
            if (got == wanted) {
                return got;
            }
            if (got != MAP_FAILED) {
                munmap(got, size); /* a kernel that does not know the flag */
            }
        }
    }
    return NULL;
}

static int
make_file(size_t size)
{
    int file = (int)syscall(SYS_memfd_create, "pyston-code", MFD_CLOEXEC | MFD_EXEC);
    if (file < 0 && errno == EINVAL) {
        file = (int)syscall(SYS_memfd_create, "pyston-code", MFD_CLOEXEC);
    }
    if (file >= 0 && ftruncate(file, (off_t)size) < 0) {
        close(file);
        file = -1;
    }
    return file;
}

/* Adds a region in front of the list. 0, or -1 with errno set. */
static int
add_region(void)
{
    Region *region = PyMem_RawCalloc(1, sizeof(Region));
    if (region == NULL) {
        errno = ENOMEM;
        return -1;
    }
    char *reserved = reserve_nearby(REGION_BYTES);
    int file = reserved != NULL ? make_file(REGION_BYTES) : -1;
    if (file < 0) {
        goto fail;
    }
    void *executable = mmap(reserved, REGION_BYTES, PROT_READ | PROT_EXEC, MAP_SHARED | MAP_FIXED, file, 0);
    void *writable = MAP_FAILED;
    if (executable != MAP_FAILED) {
        writable = mmap(NULL, REGION_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    }
    int problem = errno;
    close(file);
    if (writable == MAP_FAILED) {
        errno = problem;
        goto fail;
    }
    region->executable = executable;
    region->writable = writable;
    region->generation = code_generation;
    region->area.limit = REGION_BYTES - ENTRIES_BYTES;
    region->entries.limit = ENTRIES_BYTES;
    code_entries = region->executable + region->area.limit;
    region->next = regions;
    regions = region;
    return 0;

fail:
    problem = errno;
    if (reserved != NULL) {
        munmap(reserved, REGION_BYTES);
    }
    PyMem_RawFree(region);
    errno = problem ? problem : ENOMEM;
    return -1;
}

static void
after_fork_in_parent(void)
{
    /* Else it is a child itself, and has not begun a file of its own yet: there its parent goes on writing. */
    bool ours = regions != NULL && regions->generation == code_generation;
    code_generation++;
    if (ours) {
        regions->generation = code_generation; /* goes on with the space that was never used */
        regions->area.count = regions->entries.count = 0;
    }
}

static void
after_fork_in_child(void)
{
    fork_depth++;
    loops_after_fork();
    sample_after_fork();
    arenas_after_fork();
    code_generation++; /* no region has it: the next allocation starts a new file */
}

int
code_memory_init(void)
{
    static bool done;
    if (done) {
        return 0;
    }
    cells_base = reserve_nearby(CELLS_BYTES);
    if (cells_base == NULL || mprotect(cells_base, CELLS_BYTES, PROT_READ | PROT_WRITE) < 0 || add_region() < 0) {
        PyErr_Format(PyExc_OSError, "no memory for machine code: %s", strerror(errno));
        return -1;
    }
    cells_area.limit = CELLS_BYTES;
    pthread_atfork(NULL, after_fork_in_parent, after_fork_in_child);
    syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE, 0, 0);
    done = true;
    return 0;
}

/* --- code -------------------------------------------------------------------------------------------------- */

static Region *
region_of(const void *address)
{
    for (Region *region = regions; region != NULL; region = region->next) {
        if ((size_t)((const char *)address - region->executable) < REGION_BYTES) {
            return region;
        }
    }
    return NULL;
}

bool
is_code_address(const void *address)
{
    return region_of(address) != NULL;
}

/* The current region's area for entries or for everything else. */
static inline Area *
current_area(bool entry)
{
    return entry ? &regions->entries : &regions->area;
}

static int
allocate(size_t size, bool entry, CodeBlock *block)
{
    if (size == 0 || size > REGION_BYTES / 2) {
        return -1;
    }
    const uint32_t alignment = entry ? ENTRY_BYTES : LINE;
    uint32_t rounded = (uint32_t)(size + alignment - 1) & ~(alignment - 1);
    bool reused = false;
    uint32_t offset = UINT32_MAX;
    if (regions != NULL && regions->generation == code_generation) {
        offset = area_take(current_area(entry), rounded, &reused);
    }
    if (offset == UINT32_MAX) {
        if (add_region() < 0) {
            return -1;
        }
        offset = area_take(current_area(entry), rounded, &reused);
    }
    offset += entry ? regions->area.limit : 0;
    if (reused) {
        /* Other cores may hold the old instructions in their pipelines; let them forget. */
        syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE, 0, 0);
    }
    *block = (CodeBlock){regions->executable + offset, rounded, code_generation};
    bytes_in_use += rounded;
    return 0;
}

int
code_allocate(size_t size, CodeBlock *block)
{
    return allocate(size, false, block);
}

int
code_allocate_entry(CodeBlock *block)
{
    return allocate(ENTRY_BYTES, true, block);
}

void
code_write(const CodeBlock *block, const void *bytes, size_t size)
{
    Region *region = region_of(block->address);
    CHECK(region != NULL && size <= block->size && block->generation == code_generation);
    char *target = region->writable + (block->address - region->executable);
    memcpy(target, bytes, size);
    memset(target + size, 0xCC, block->size - size);
    /* The pages stay in the file; dropping them here keeps each from counting twice in the process's size. */
    uintptr_t first = (uintptr_t)target & ~(uintptr_t)4095;
    uintptr_t last = ((uintptr_t)target + block->size + 4095) & ~(uintptr_t)4095;
    madvise((void *)first, last - first, MADV_DONTNEED);
}

void
code_free(CodeBlock *block)
{
    if (block->size == 0) {
        return;
    }
    bytes_in_use -= block->size;
    Region *region = region_of(block->address);
    /* Only the current region takes blocks back; a block from before a fork is never written again. */
    if (region == regions && region != NULL && block->generation == code_generation) {
        uint32_t offset = (uint32_t)(block->address - region->executable);
        bool entry = offset >= region->area.limit;
        area_give(current_area(entry), offset - (entry ? region->area.limit : 0), block->size);
    }
    block->size = 0;
}

size_t
code_bytes_in_use(void)
{
    return bytes_in_use;
}

/* --- cells ------------------------------------------------------------------------------------------------- */

static uint32_t
round_cells(size_t size)
{
    return (uint32_t)((size + CELL_ALIGNMENT - 1) & ~(size_t)(CELL_ALIGNMENT - 1));
}

void *
cells_allocate(size_t size)
{
    bool reused;
    if (size == 0 || size > CELLS_BYTES / 2) {
        return NULL;
    }
    uint32_t offset = area_take(&cells_area, round_cells(size), &reused);
    if (offset == UINT32_MAX) {
        return NULL;
    }
    if (reused) {
        memset(cells_base + offset, 0, size);
    }
    return cells_base + offset;
}

void
cells_free(void *cells, size_t size)
{
    if (cells != NULL) {
        area_give(&cells_area, (uint32_t)((char *)cells - cells_base), round_cells(size));
    }
}

/* --- islands ----------------------------------------------------------------------------------------------- */

/* Islands, preserving and checked entries are few (one for each helper used, or C function called) and live for ever. */
typedef struct {
    void *target;
    char *address;
} Island;

typedef struct {
    Island *items;
    size_t count, capacity;
} Islands;

/* Where pieces of code of one size are put side by side, each with a word of data: many calls go through them, so that
 * they should fill few lines of the cache. */
typedef struct {
    const uint32_t piece; /* its size, a power of two */
    CodeBlock block;
    uint32_t used; /* bytes of the block */
    void **words;
} Shelf;

#define SHELF_BYTES 1024

/* A piece of code in the making. Distances are filled in once its place is known. */
typedef struct {
    unsigned char bytes[32];
    uint32_t size, distances;
    struct {
        uint32_t hole;
        const void *target; /* NULL: the piece's word, which holds the address of what it is for */
    } distance[4];
} Draft;

#define PUT(draft, literal) put(draft, literal, sizeof(literal) - 1)

static void
put(Draft *draft, const void *bytes, size_t size)
{
    CHECK(draft->size + size <= sizeof(draft->bytes));
    memcpy(draft->bytes + draft->size, bytes, size);
    draft->size += (uint32_t)size;
}

/* The last operand of an instruction: how far it is from behind that to `target`. */
static void
put_distance(Draft *draft, const void *target)
{
    CHECK(draft->distances < sizeof(draft->distance) / sizeof(draft->distance[0]));
    draft->distance[draft->distances].hole = draft->size;
    draft->distance[draft->distances++].target = target;
    PUT(draft, "\0\0\0\0");
}

/* The place of what was made for `target`, or NULL. */
static char *
find_island(const Islands *islands, const void *target)
{
    for (size_t i = 0; i < islands->count; i++) {
        if (islands->items[i].target == target) {
            return islands->items[i].address;
        }
    }
    return NULL;
}

/* Room for one more piece. 0, or -1 (no room). */
static int
make_room(Shelf *shelf)
{
    if (shelf->block.size != 0 && shelf->block.generation == code_generation && shelf->used < SHELF_BYTES) {
        return 0;
    }
    void **words = cells_allocate(SHELF_BYTES / shelf->piece * sizeof(void *));
    CodeBlock block;
    if (words == NULL || code_allocate(SHELF_BYTES, &block) < 0) {
        return -1;
    }
    shelf->block = block;
    shelf->used = 0;
    shelf->words = words;
    return 0;
}

/* Gives the draft of what is for `target` a place on the shelf. */
static char *
make_island(Islands *islands, Shelf *shelf, void *target, Draft *draft)
{
    if (islands->count == islands->capacity) {
        size_t capacity = islands->capacity ? islands->capacity * 2 : 64;
        Island *items = PyMem_RawRealloc(islands->items, capacity * sizeof(Island));
        if (items == NULL) {
            return NULL;
        }
        islands->items = items;
        islands->capacity = capacity;
    }
    if (make_room(shelf) < 0) {
        return NULL;
    }
    CHECK(draft->size <= shelf->piece);
    const CodeBlock place = {shelf->block.address + shelf->used, shelf->piece, shelf->block.generation};
    void **word = &shelf->words[shelf->used / shelf->piece];
    shelf->used += shelf->piece;
    *word = target;
    for (uint32_t i = 0; i < draft->distances; i++) {
        const uint32_t hole = draft->distance[i].hole;
        const char *to = draft->distance[i].target != NULL ? draft->distance[i].target : (const char *)word;
        int32_t distance = (int32_t)(to - (place.address + hole + sizeof(distance)));
        memcpy(draft->bytes + hole, &distance, sizeof(distance));
    }
    code_write(&place, draft->bytes, draft->size);
    islands->items[islands->count++] = (Island){target, place.address};
    return place.address;
}

char *
code_island(void *target)
{
    static Islands islands;
    static Shelf shelf = {.piece = 8};
    char *found = find_island(&islands, target);
    if (found != NULL) {
        return found;
    }
    Draft draft = {.size = 0};
    PUT(&draft, "\xff\x25"); /* jmp [word] */
    put_distance(&draft, NULL);
    return make_island(&islands, &shelf, target, &draft);
}

char *
code_preserving_entry(void *target)
{
    static Islands islands;
    static Shelf shelf = {.piece = 16};
    char *found = find_island(&islands, target);
    if (found != NULL) {
        return found;
    }
    Draft draft = {.size = 0};
    PUT(&draft, "\xe8"); /* call preserving_body, which finds the target behind it */
    put_distance(&draft, &preserving_body);
    put(&draft, &target, sizeof(target));
    return make_island(&islands, &shelf, target, &draft);
}

/* Where a checked entry goes on that does not return: it has failed, or, with CHECKED_TOOLS, its code may not go on. */
static const void *
way_out(CheckedKind kind)
{
    if (!(kind & CHECKED_TOOLS)) {
        return kind & CHECKED_UNWIND ? &unwind_thunk : &exit_thunk_returned;
    }
    if (kind & CHECKED_RETURNS) {
        return &attend_thunk;
    }
    switch (kind & ~CHECKED_TOOLS) {
    case CHECKED_OBJECT:
        return &object_thunk;
    case CHECKED_OBJECT + CHECKED_UNWIND:
        return &object_unwind_thunk;
    case CHECKED_STATUS:
        return &status_thunk;
    case CHECKED_STATUS + CHECKED_UNWIND:
        return &status_unwind_thunk;
    case CHECKED_NEXT:
        return &next_thunk;
    default:
        return &next_unwind_thunk;
    }
}

char *
code_checked_entry(void *target, CheckedKind kind)
{
    static Islands islands[CHECKED_KINDS];
    static Shelf shelf = {.piece = 32}; /* two in a line */
    char *found = find_island(&islands[kind], target);
    if (found != NULL) {
        return found;
    }
    if (make_room(&shelf) < 0) {
        return NULL;
    }
    Draft draft = {.size = 0};
    if (target != NULL) {
        PUT(&draft, "\x51"); /* push rcx: the stack is aligned for the call */
        if (reaches(shelf.block.address, target) && reaches(shelf.block.address + SHELF_BYTES, target)) {
            PUT(&draft, "\xe8"); /* call target */
            put_distance(&draft, target);
        }
        else {
            PUT(&draft, "\xff\x15"); /* call [word] */
            put_distance(&draft, NULL);
        }
        PUT(&draft, "\x59"); /* pop rcx */
    }
    switch (kind & ~(CHECKED_UNWIND | CHECKED_TOOLS | CHECKED_RETURNS)) {
    case CHECKED_OBJECT:
        PUT(&draft, "\x48\x85\xc0\x74"); /* test rax, rax ; je out */
        break;
    case CHECKED_STATUS:
        PUT(&draft, "\x85\xc0\x78"); /* test eax, eax ; js out */
        break;
    default:
        PUT(&draft, "\x85\xd2\x78"); /* test edx, edx ; js out */
    }
    if (kind & CHECKED_TOOLS) {
        _Static_assert(offsetof(PyThreadState, eval_breaker) == 24, "below");
        put(&draft, kind & CHECKED_RETURNS ? "\x0d" : "\x0e", 1); /* to the ret, or behind it */
        PUT(&draft, "\x48\x8b\x0d"); /* mov rcx, [calm_version] */
        put_distance(&draft, &calm_version);
        PUT(&draft, "\x49\x39\x4f\x18\x75\x01"); /* cmp [r15 + eval_breaker], rcx ; jne out */
    }
    else {
        PUT(&draft, "\x01");
    }
    PUT(&draft, "\xc3\xe9"); /* ret ; out: jmp */
    put_distance(&draft, way_out(kind));
    return make_island(&islands[kind], &shelf, target, &draft);
}
