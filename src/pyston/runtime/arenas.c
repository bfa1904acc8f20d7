/* The interpreter's objects in huge pages.
 *
 * A web application's request touches thousands of objects that lie in tens of megabytes: more pages of 4 KB than the
 * processor remembers the addresses of. With pages of 2 MB it walks the page tables much less. So arenas, of which
 * CPython's allocator asks for one megabyte at a time, are cut from regions that are aligned, and advised to the kernel.
 *
 * A small program does not get larger by it: the first region stays in small pages until it has given FEW_ARENAS, and is
 * made huge in one go then. Neither does one that has all that it needs: a huge page that is asked for while the program grows
 * slowly may be the last one for long, so it begins as small pages and is made huge when it is full. (That costs five times what
 * a huge page costs at once, which is too much while a program starts.) Each new arena also takes the heap of malloc along, where
 * the larger containers are, as far as it has grown by then.
 *
 * An arena that is freed is given back to the kernel at once; its addresses stay for the next one. What is kept here is
 * protected by the main interpreter's lock; interpreters with another lock, and what is no arena, go on to the allocator that
 * was there before. */
#define _GNU_SOURCE /* MADV_HUGEPAGE */
#include "arenas.h"

#include "internal/pycore_obmalloc.h"
#include "statistics.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25 /* from Linux 6.1 on */
#endif

#define HUGE_PAGE ((uintptr_t)2 << 20)
#define REGION_ARENAS 32
#define REGION_BYTES ((size_t)REGION_ARENAS * ARENA_SIZE)
#define FEW_ARENAS 8
#define PAGE_ARENAS ((int)(HUGE_PAGE / ARENA_SIZE)) /* in a huge page */
#define SLOW_MS 100 /* of CPU time between two arenas */

typedef struct {
    char *start;   /* aligned to HUGE_PAGE */
    uint32_t free; /* a bit for each arena that nobody has */
    uint32_t small; /* a bit for the first arena of each huge page to be that is in small pages until it is full */
} Region;

static Region *regions; /* owned array, by address */
static size_t region_count, region_room;
static size_t used_arenas, small_pages;
static bool on, huge;
static uint64_t last_ms; /* CPU time when the last arena was asked for */
static PyObjectArenaAllocator before;
static uintptr_t heap_done; /* malloc's heap below has been looked after, or was there before us */

_Static_assert(REGION_BYTES % HUGE_PAGE == 0, "a region is made of huge pages");
_Static_assert(HUGE_PAGE % ARENA_SIZE == 0, "a huge page is made of arenas");

/* --- the kernel -------------------------------------------------------------------------------------------- */

/* Whether the machine's administrator lets programs have huge pages. */
static bool
huge_pages_allowed(void)
{
    char text[64] = "";
    int file = open("/sys/kernel/mm/transparent_hugepage/enabled", O_RDONLY | O_CLOEXEC);
    ssize_t size = file >= 0 ? read(file, text, sizeof(text) - 1) : 0;
    if (file >= 0) {
        close(file);
    }
    return size > 0 && strstr(text, "[never]") == NULL;
}

/* What malloc has got by moving the end of the heap since the last time. Kernels that cannot do it leave it as it is. */
static void
make_heap_huge(void)
{
    uintptr_t start = (heap_done + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1);
    uintptr_t end = (uintptr_t)sbrk(0) & ~(HUGE_PAGE - 1);
    if (heap_done != 0 && end != 0 && start < end && madvise((void *)start, end - start, MADV_COLLAPSE) == 0) {
        heap_done = end;
    }
}

/* An aligned stretch of addresses; NULL: none. */
static char *
map_region(void)
{
    char *mapped = mmap(NULL, REGION_BYTES + HUGE_PAGE, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapped == MAP_FAILED) {
        return NULL;
    }
    char *start = (char *)(((uintptr_t)mapped + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1));
    size_t skipped = (size_t)(start - mapped);
    if (skipped > 0) {
        munmap(mapped, skipped);
    }
    munmap(start + REGION_BYTES, HUGE_PAGE - skipped);
    return start;
}

/* --- regions ----------------------------------------------------------------------------------------------- */

/* Its place in the array; NULL: no memory. */
static Region *
new_region(void)
{
    if (region_count == region_room) {
        size_t room = region_room == 0 ? 8 : region_room * 2;
        Region *bigger = realloc(regions, room * sizeof(Region));
        if (bigger == NULL) {
            return NULL;
        }
        regions = bigger;
        region_room = room;
    }
    char *start = map_region();
    if (start == NULL) {
        return NULL;
    }
    size_t place = region_count++;
    for (; place > 0 && regions[place - 1].start > start; place--) {
        regions[place] = regions[place - 1];
    }
    regions[place] = (Region){.start = start, .free = UINT32_MAX};
    return &regions[place];
}

static Region *
region_of(char *arena)
{
    size_t low = 0, high = region_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (regions[middle].start + REGION_BYTES <= arena) {
            low = middle + 1;
        }
        else {
            high = middle;
        }
    }
    return low < region_count && arena >= regions[low].start ? &regions[low] : NULL;
}

/* The bits of the arenas in the huge page that has this one. */
static inline uint32_t
page_mates(int place)
{
    return ((1u << PAGE_ARENAS) - 1) << (place - place % PAGE_ARENAS);
}

static inline char *
page_of(const Region *region, int place)
{
    return region->start + (size_t)(place - place % PAGE_ARENAS) * ARENA_SIZE;
}

/* The program is no small one: what there is becomes huge. */
static void
become_huge(void)
{
    huge = true;
    for (size_t i = 0; i < region_count; i++) {
        madvise(regions[i].start, REGION_BYTES, MADV_HUGEPAGE);
    }
    /* What is there already; without this call the kernel takes its time. */
    madvise(regions[0].start, FEW_ARENAS * ARENA_SIZE, MADV_COLLAPSE);
    LOG("objects lie in huge pages from here on");
}

static void
make_page_huge(char *page)
{
    madvise(page, HUGE_PAGE, MADV_HUGEPAGE); /* kernels that do not collapse at once do it some time */
    madvise(page, HUGE_PAGE, MADV_COLLAPSE);
}

/* An arena is asked for when all there are are full. */
static void
make_full_pages_huge(void)
{
    for (Region *region = regions; small_pages > 0 && region < regions + region_count; region++) {
        for (uint32_t left = region->small; left != 0; left &= left - 1) {
            int place = __builtin_ctz(left);
            if ((region->free & page_mates(place)) == 0) {
                make_page_huge(page_of(region, place));
                region->small &= ~(1u << place);
                small_pages--;
            }
        }
    }
}

static bool
grows_slowly(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    uint64_t ms = (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
    bool slowly = ms - last_ms > SLOW_MS;
    last_ms = ms;
    return slowly;
}

/* --- the allocator ----------------------------------------------------------------------------------------- */

/* Does the caller hold the main interpreter's lock? Interpreters that share it may share arenas, too. */
static inline bool
holds_lock(PyThreadState *tstate)
{
    return tstate != NULL && tstate->interp->ceval.gil == host_interpreter->ceval.gil;
}

/* NULL: no memory. */
static char *
take_arena(void)
{
    if (used_arenas >= FEW_ARENAS && !huge) {
        become_huge();
    }
    bool slowly = grows_slowly();
    if (huge) {
        make_heap_huge();
        make_full_pages_huge();
    }
    Region *region = regions;
    while (region < regions + region_count && region->free == 0) {
        region++;
    }
    if (region == regions + region_count) {
        region = new_region();
        if (region == NULL) {
            return NULL;
        }
    }
    int place = __builtin_ctz(region->free);
    if (huge && (region->free & page_mates(place)) == page_mates(place)) { /* the first one of its page */
        uint32_t bit = 1u << (place - place % PAGE_ARENAS);
        small_pages -= (region->small & bit) != 0;
        region->small &= ~bit;
        if (slowly) {
            madvise(page_of(region, place), HUGE_PAGE, MADV_NOHUGEPAGE);
            region->small |= bit;
            small_pages++;
        }
        else {
            madvise(page_of(region, place), HUGE_PAGE, MADV_HUGEPAGE);
        }
    }
    region->free &= ~(1u << place);
    used_arenas++;
    return region->start + (size_t)place * ARENA_SIZE;
}

static void *
allocate(void *unused, size_t size)
{
    (void)unused;
    char *arena = NULL;
    if (size == ARENA_SIZE && on && holds_lock(PyThreadState_GetUnchecked())) {
        int error = errno; /* whoever wants an object expects it to stay */
        arena = take_arena();
        errno = error;
    }
    return arena != NULL ? arena : before.alloc(before.ctx, size);
}

static void
release(void *unused, void *address, size_t size)
{
    (void)unused;
    PyThreadState *tstate = PyThreadState_GetUnchecked();
    /* No thread state: at the very end, when there are no others. */
    Region *region = tstate == NULL || holds_lock(tstate) ? region_of(address) : NULL;
    if (region == NULL) {
        before.free(before.ctx, address, size);
        return;
    }
    int error = errno;
    madvise(address, size, MADV_DONTNEED);
    errno = error;
    region->free |= 1u << ((size_t)((char *)address - region->start) / ARENA_SIZE);
    used_arenas--;
}

void
arenas_start(void)
{
    if (before.alloc == NULL) {
        if (!huge_pages_allowed()) {
            return;
        }
        PyObject_GetArenaAllocator(&before);
        PyObject_SetArenaAllocator(&(PyObjectArenaAllocator){.alloc = allocate, .free = release});
        void *end = sbrk(0);
        heap_done = end != (void *)-1 ? (uintptr_t)end : 0;
    }
    on = true;
}

void
arenas_stop(void)
{
    on = false;
}

size_t
arenas_huge_bytes(void)
{
    return huge ? used_arenas * ARENA_SIZE : 0;
}
