/* The interpreter's objects in huge pages.
 *
 * A web application's request touches thousands of objects that lie in tens of megabytes: more pages of 4 KB than the
 * processor remembers the addresses of. With pages of 2 MB it walks the page tables much less. So arenas, of which
 * CPython's allocator asks for one megabyte at a time, are cut from regions that are aligned, and advised to the kernel.
 *
 * Every arena begins in small pages. A huge page of them is made huge when it is full: all its arenas are used, and none of
 * them is the newest, which objects may have begun to fill only. So nothing is resident that nobody needs. The heap of malloc,
 * where the larger containers are, is made huge as far as it has grown. A small program does without: nothing happens until
 * FEW_ARENAS are used. Neither does a program that ends soon pay for it. What a huge page costs hangs on the machine: to clear
 * and fill it takes some hundred microseconds, and ten milliseconds where the host of a virtual machine has to find the memory
 * first. So none is made while the process is young (youth.c), and then so seldom that the time for it stays a small part of
 * the process's own.
 *
 * An arena that is freed is given back to the kernel at once; its addresses stay for the next one. What is kept here is
 * protected by the main interpreter's lock; interpreters with another lock, and what is no arena, go on to the allocator that
 * was there before. */
#define _GNU_SOURCE /* MADV_HUGEPAGE */
#include "arenas.h"

#include "internal/pycore_obmalloc.h"
#include "statistics.h"
#include "youth.h"

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
#define LEAST_PAUSE 16 /* behind a page: so many times as long as it took, of CPU time */

typedef struct {
    char *start;   /* aligned to HUGE_PAGE */
    uint32_t free; /* a bit for each arena that nobody has */
    uint32_t small; /* a bit for the first arena of each huge page to be that is in small pages yet */
} Region;

static Region *regions; /* owned array, by address */
static size_t region_count, region_room;
static size_t used_arenas, small_pages;
static char *newest; /* the arena that was taken last; for its address only, it may be free again */
static bool on, huge;
static uint64_t pause_start_ns, pause_ns; /* CPU time in which no other page is made huge */
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

/* The next page of what malloc has got by moving the end of the heap. Kernels that cannot do it leave it as it is. */
static bool
make_heap_page_huge(void)
{
    uintptr_t start = (heap_done + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1), end = (uintptr_t)sbrk(0);
    if (heap_done == 0 || end == (uintptr_t)-1 || end < start + HUGE_PAGE) {
        return false;
    }
    bool done = madvise((void *)start, HUGE_PAGE, MADV_COLLAPSE) == 0;
    heap_done = done ? start + HUGE_PAGE : errno == EINVAL ? 0 : heap_done;
    return done;
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

/* One page that was begun in small pages, and is full. */
static bool
make_full_page_huge(void)
{
    for (Region *region = regions; small_pages > 0 && region < regions + region_count; region++) {
        for (uint32_t left = region->small; left != 0; left &= left - 1) {
            int place = __builtin_ctz(left);
            char *page = page_of(region, place);
            if ((region->free & page_mates(place)) == 0 && (newest < page || newest >= page + HUGE_PAGE)) {
                madvise(page, HUGE_PAGE, MADV_HUGEPAGE); /* kernels that do not collapse at once do it some time */
                madvise(page, HUGE_PAGE, MADV_COLLAPSE);
                region->small &= ~(1u << place);
                small_pages--;
                return true;
            }
        }
    }
    return false;
}

static uint64_t
cpu_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void
arenas_look(void)
{
    if (!on || youth_lasts() || (!huge && used_arenas < FEW_ARENAS)) {
        return;
    }
    uint64_t start = cpu_ns();
    if (start - pause_start_ns < pause_ns) { /* in a fork, where the clock begins anew, it is not */
        return;
    }
    if (!huge) {
        huge = true;
        LOG("objects lie in huge pages from here on");
    }
    (void)(make_full_page_huge() || make_heap_page_huge()); /* in vain it may take as long */
    pause_start_ns = cpu_ns();
    pause_ns = (pause_start_ns - start) * LEAST_PAUSE;
}

/* What parent and child share would take memory of its own. */
void
arenas_after_fork(void)
{
    for (size_t i = 0; i < region_count; i++) {
        regions[i].small = 0;
    }
    small_pages = 0;
    void *end = heap_done != 0 ? sbrk(0) : (void *)-1;
    heap_done = end != (void *)-1 ? (uintptr_t)end : 0;
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
    arenas_look();
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
    uint32_t first = 1u << (place - place % PAGE_ARENAS);
    if ((region->free & page_mates(place)) == page_mates(place) && (region->small & first) == 0) {
        region->small |= first;
        small_pages++;
    }
    region->free &= ~(1u << place);
    used_arenas++;
    return newest = region->start + (size_t)place * ARENA_SIZE;
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
    size_t arenas = 0;
    for (size_t i = 0; huge && i < region_count; i++) {
        uint32_t used = ~regions[i].free;
        for (uint32_t left = regions[i].small; left != 0; left &= left - 1) {
            used &= ~page_mates(__builtin_ctz(left));
        }
        arenas += (size_t)__builtin_popcount(used);
    }
    return arenas * ARENA_SIZE;
}
