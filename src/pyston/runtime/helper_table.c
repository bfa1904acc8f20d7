/* The one table from names to addresses of everything that compiled code may call by name. */
#include "artifact.h"
#include "enter.h"
#include "leave.h"
#include "statistics.h"
#include "thunks.h"

#if __has_include("helpers.h")
#include "helpers.h"
#else
#define PYSTON_HELPERS(X)
#endif

/* Helpers of the core, C convention (docs/abi.md): the name and the function. */
#define CORE_HELPERS(X) \
    X(interpret_body, interpret_body) \
    X(_Py_Dealloc, _Py_Dealloc)

static const struct {
    const char *name;
    void *address;
} table[] = {
#define X(name) {#name, (void *)&name},
    PYSTON_THUNKS(X)
#undef X
#define X(name, function) {#name, (void *)&function},
    CORE_HELPERS(X)
#undef X
#define X(name, result, parameters) {#name, (void *)&name},
    PYSTON_HELPERS(X)
#undef X
};
#define TABLE_SIZE (sizeof(table) / sizeof(table[0]))

/* Where each name stands in the table, + 1, by hash; 0: no name. */
#define PLACES 1024
static uint16_t places[PLACES];
_Static_assert(PLACES >= 2 * TABLE_SIZE, "half of it is empty, so that looking ends soon");

static size_t
hash_name(const char *name)
{
    uint32_t hash = 0;
    for (; *name != 0; name++) {
        hash = (hash ^ (unsigned char)*name) * 0x9E3779B1u;
    }
    return hash >> 16;
}

static void
fill_places(void)
{
    for (uint16_t i = 0; i < TABLE_SIZE; i++) {
        size_t at = hash_name(table[i].name);
        while (places[at % PLACES] != 0) {
            at++;
        }
        places[at % PLACES] = (uint16_t)(i + 1);
    }
}

/* The form that counts calls, where there is one. */
static void *
counting(void *address)
{
    if (address == (void *)&push_frame) {
        return (void *)&push_frame_counting;
    }
    return address == (void *)&push_frame_or_leave ? (void *)&push_frame_or_leave_counting : address;
}

void *
helper_address(const char *name)
{
    static bool filled;
    if (!filled) {
        fill_places();
        filled = true;
    }
    for (size_t at = hash_name(name); places[at % PLACES] != 0; at++) {
        size_t found = places[at % PLACES] - 1u;
        if (strcmp(name, table[found].name) == 0) {
            void *address = table[found].address;
            return statistics_on ? counting(address) : address;
        }
    }
    return NULL;
}

PyObject *
helper_names_list(void)
{
    PyObject *list = PyList_New(0);
    for (size_t i = 0; list != NULL && i < TABLE_SIZE; i++) {
        PyObject *name = PyUnicode_FromString(table[i].name);
        if (name == NULL || PyList_Append(list, name) < 0) {
            Py_CLEAR(list);
        }
        Py_XDECREF(name);
    }
    return list;
}
