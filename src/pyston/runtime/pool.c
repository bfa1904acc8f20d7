/* A compilation makes some twenty small objects for each bytecode instruction, and all of them are dead when it ends.
 * CPython's allocator asks for each what it is and where it belongs, fills it with zeros, and is left with pages in which
 * something of the program's has come to lie between. Here an object is the last one of its class that was freed, or the
 * next piece of a chunk. When the last one of all dies and there are more chunks than most compilations need, the others go back.
 * Where a large function needs that many, an object is made of a larger one that was freed as long as there are such: what
 * lowering and emitting make then lies where the values of HIR were.
 *
 * CPython gives the functions that make and free an object nothing but its class. So that these need not look for what
 * belongs to the class, each has functions of its own.
 *
 * A freed object is all zero but for its first word, and numbers: mypyc's classes clear every reference as they die, and
 * give every number a value before `__init__`. That is as good as new.
 *
 * Ownership: as with any other allocator; mypyc's classes ask theirs (`tp_alloc`, `tp_free`). As with these, an object holds
 * no reference to its class, which lives as long as the library. All of it under the interpreter's lock. */
#include "pool.h"

#include <sys/mman.h>

#define CHUNK_BYTES ((size_t)256 << 10)
#define KEPT_CHUNKS 2
#define UNIT sizeof(void *)
#define MOST_BYTES 1024

typedef struct Free {
    struct Free *next;
} Free;

typedef struct Chunk {
    struct Chunk *before;
} Chunk;

typedef struct {
    Free *freed; /* the last one first */
    size_t size;
} Pool;

static Chunk *chunk;     /* the one in use; the others are full */
static Chunk *kept;      /* not in use: zeros, but for the link */
static size_t chunks;
static char *at, *end;   /* what is left of the one in use: zeros */
static size_t objects;

#define POOLS 32

static Pool pools[POOLS];
static int used;

/* A piece, all zero, of the largest freed object that is larger than it, or NULL. The rest becomes a freed object as large as
 * any class has that it has room for. */
static PyObject *
split(size_t size)
{
    Pool *largest = NULL;
    for (Pool *pool = pools; pool < pools + used; pool++) {
        if (pool->freed != NULL && pool->size > size && (largest == NULL || pool->size > largest->size)) {
            largest = pool;
        }
    }
    if (largest == NULL) {
        return NULL;
    }
    char *piece = (char *)largest->freed;
    largest->freed = largest->freed->next;
    memset(piece, 0, largest->size);
    size_t left = largest->size - size;
    Pool *fits = NULL;
    for (Pool *pool = pools; pool < pools + used; pool++) {
        if (pool->size <= left && (fits == NULL || pool->size > fits->size)) {
            fits = pool;
        }
    }
    if (fits != NULL) {
        Free *rest = (Free *)(piece + size);
        rest->next = fits->freed;
        fits->freed = rest;
    }
    return (PyObject *)piece;
}

/* The next piece of a chunk, or NULL. */
static PyObject *
cut(size_t size)
{
    if ((size_t)(end - at) < size) {
        PyObject *piece = chunks > KEPT_CHUNKS ? split(size) : NULL;
        if (piece != NULL) {
            return piece;
        }
        Chunk *next = kept;
        if (next != NULL) {
            kept = next->before;
        }
        else {
            next = mmap(NULL, CHUNK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
            if (next == MAP_FAILED) {
                return NULL;
            }
            chunks++;
        }
        next->before = chunk;
        chunk = next;
        at = (char *)(next + 1);
        end = (char *)next + CHUNK_BYTES;
    }
    PyObject *object = (PyObject *)at;
    at += size;
    return object;
}

static void give_back(void);

/* A new reference, its fields zero; or NULL with MemoryError. */
static inline PyObject *
take(Pool *pool, PyTypeObject *type)
{
    PyObject *object = (PyObject *)pool->freed;
    if (object != NULL) {
        pool->freed = pool->freed->next;
    }
    else if ((object = cut(pool->size)) == NULL) {
        return PyErr_NoMemory();
    }
    objects++;
    object->ob_refcnt_full = 1; /* the whole of the first word */
    Py_SET_TYPE(object, type);
    if (UNLIKELY(_PyRuntime.ref_tracer.tracer_func != NULL)) {
        _Py_NewReference(object); /* who sees the object's end sees it made, too */
    }
    return object;
}

static inline void
put_back(Pool *pool, void *object)
{
    ((Free *)object)->next = pool->freed;
    pool->freed = object;
    if (--objects == 0 && chunks > KEPT_CHUNKS) {
        give_back();
    }
}

#define EACH_POOL(DO)                                                                                                  \
    DO(0) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7) DO(8) DO(9) DO(10) DO(11) DO(12) DO(13) DO(14) DO(15)              \
    DO(16) DO(17) DO(18) DO(19) DO(20) DO(21) DO(22) DO(23) DO(24) DO(25) DO(26) DO(27) DO(28) DO(29) DO(30) DO(31)

#define FUNCTIONS(n)                                                                                                   \
    static PyObject *alloc_##n(PyTypeObject *type, Py_ssize_t items)                                                   \
    {                                                                                                                  \
        (void)items;                                                                                                   \
        return take(&pools[n], type);                                                                                  \
    }                                                                                                                  \
    static void free_##n(void *object)                                                                                 \
    {                                                                                                                  \
        put_back(&pools[n], object);                                                                                   \
    }
#define ROW(n) {alloc_##n, free_##n},

EACH_POOL(FUNCTIONS)
static const struct {
    allocfunc alloc;
    freefunc free;
} functions[] = {EACH_POOL(ROW)};

static void
give_back(void)
{
    for (int i = 0; i < used; i++) {
        pools[i].freed = NULL;
    }
    while (chunk != NULL) {
        Chunk *before = chunk->before;
        if (chunks > KEPT_CHUNKS) {
            munmap(chunk, CHUNK_BYTES);
            chunks--;
        }
        else {
            memset(chunk, 0, CHUNK_BYTES);
            chunk->before = kept;
            kept = chunk;
        }
        chunk = before;
    }
    at = end = NULL;
}

bool
pool_use(PyTypeObject *type)
{
    const unsigned long other = Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_INLINE_VALUES | Py_TPFLAGS_MANAGED_DICT | Py_TPFLAGS_MANAGED_WEAKREF;
    if ((type->tp_flags & other) != 0 || (type->tp_flags & Py_TPFLAGS_HEAPTYPE) == 0 || type->tp_itemsize != 0 ||
        type->tp_basicsize > MOST_BYTES || type->tp_basicsize % UNIT != 0 || type->tp_alloc != PyType_GenericAlloc ||
        type->tp_free != PyObject_Free || used == POOLS) {
        return false;
    }
    pools[used].size = (size_t)type->tp_basicsize;
    type->tp_alloc = functions[used].alloc;
    type->tp_free = functions[used].free;
    used++;
    return true;
}

size_t
pool_objects(void)
{
    return objects;
}
