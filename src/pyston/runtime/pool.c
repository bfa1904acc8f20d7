/* A compilation makes some twenty small objects for each bytecode instruction, and all of them are dead when it ends.
 * CPython's allocator asks for each what it is and where it belongs, and is left with pages in which something of the program's has
 * come to lie between. Here an object is the next piece of a chunk, or one of its size that was freed before; when
 * the last one dies, all of the memory is free again, and what is more than most compilations need goes back.
 *
 * Ownership: as with any other allocator; mypyc's classes ask theirs (`tp_alloc`, `tp_free`). As with these, an object holds no
 * reference to its class, which lives as long as the library. All of it under the interpreter's lock. */
#include "pool.h"

#include <sys/mman.h>

#define CHUNK_BYTES ((size_t)256 << 10)
#define KEPT_CHUNKS 2
#define UNIT sizeof(void *)
#define MOST_BYTES 512

typedef struct Free {
    struct Free *next;
} Free;

typedef struct Chunk {
    struct Chunk *next; /* the one that is used after it */
} Chunk;

static Free *freed[MOST_BYTES / UNIT + 1]; /* by size */
static Chunk *first_chunk, *chunk;         /* chunks that are there; the one in use */
static char *at, *end;                     /* what is left of that */
static size_t objects;

static bool
next_chunk(void)
{
    Chunk *next = chunk == NULL ? first_chunk : chunk->next;
    if (next == NULL) {
        next = mmap(NULL, CHUNK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (next == MAP_FAILED) {
            return false;
        }
        next->next = NULL;
        *(chunk == NULL ? &first_chunk : &chunk->next) = next;
    }
    chunk = next;
    at = (char *)(next + 1);
    end = (char *)next + CHUNK_BYTES;
    return true;
}

/* Nothing is left in the pool: from the start again, with a few chunks. */
static void
begin_anew(void)
{
    memset(freed, 0, sizeof(freed));
    chunk = NULL;
    at = end = NULL;
    Chunk *last = first_chunk;
    for (int kept = 1; last != NULL && kept < KEPT_CHUNKS; kept++) {
        last = last->next;
    }
    if (last != NULL) {
        Chunk *rest = last->next;
        last->next = NULL;
        while (rest != NULL) {
            Chunk *next = rest->next;
            munmap(rest, CHUNK_BYTES);
            rest = next;
        }
    }
}

/* A new reference, its fields zero; or NULL with MemoryError. */
static PyObject *
pool_alloc(PyTypeObject *type, Py_ssize_t items)
{
    (void)items;
    size_t size = (size_t)type->tp_basicsize;
    Free **list = &freed[size / UNIT];
    PyObject *object = (PyObject *)*list;
    if (object != NULL) {
        *list = (*list)->next;
    }
    else {
        if ((size_t)(end - at) < size && !next_chunk()) {
            return PyErr_NoMemory();
        }
        object = (PyObject *)at;
        at += size;
    }
    objects++;
    memset(object, 0, size);
    Py_SET_TYPE(object, type);
    Py_SET_REFCNT(object, 1);
    return object;
}

static void
pool_free(void *object)
{
    Free **list = &freed[(size_t)Py_TYPE((PyObject *)object)->tp_basicsize / UNIT];
    ((Free *)object)->next = *list;
    *list = object;
    if (--objects == 0) {
        begin_anew();
    }
}

bool
pool_use(PyTypeObject *type)
{
    const unsigned long other = Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_INLINE_VALUES | Py_TPFLAGS_MANAGED_DICT | Py_TPFLAGS_MANAGED_WEAKREF;
    if ((type->tp_flags & other) != 0 || (type->tp_flags & Py_TPFLAGS_HEAPTYPE) == 0 || type->tp_itemsize != 0 ||
        type->tp_basicsize > MOST_BYTES || type->tp_basicsize % UNIT != 0 || type->tp_alloc != PyType_GenericAlloc ||
        type->tp_free != PyObject_Free) {
        return false;
    }
    type->tp_alloc = pool_alloc;
    type->tp_free = pool_free;
    return true;
}

size_t
pool_objects(void)
{
    return objects;
}
