/* Importing the compiler reads relocations and runs each module's body, which never runs again: more than half a megabyte
 * of the library. The bodies lie together (setup.py, declare_cold), so their pages can leave this process for good; what
 * is still needed comes back from the page cache, where all of it stays, as it is touched. (A debugger's breakpoints in there are lost with the pages: set them after the first compilation.) */
#define _GNU_SOURCE /* dl_iterate_phdr */
#include "resident.h"

#include <link.h>
#include <sys/mman.h>

#define LIBRARY "pyston_compiler__mypyc."
#define PAGE ((uintptr_t)4096)

static int
trim(struct dl_phdr_info *library, size_t size, void *argument)
{
    (void)size;
    (void)argument;
    if (library->dlpi_name == NULL || strstr(library->dlpi_name, LIBRARY) == NULL) {
        return 0;
    }
    for (int i = 0; i < library->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &library->dlpi_phdr[i];
        /* What may be written holds what the file does not. */
        if (segment->p_type == PT_LOAD && (segment->p_flags & PF_W) == 0) {
            uintptr_t start = library->dlpi_addr + segment->p_vaddr, end = start + segment->p_memsz;
            start &= ~(PAGE - 1);
            madvise((void *)start, end - start, MADV_DONTNEED);
        }
    }
    return 1;
}

void
resident_trim(void)
{
    dl_iterate_phdr(trim, NULL);
}
