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
    X(return_frame, clear_frame) \
    X(interpret_body, interpret_body) \
    X(_Py_Dealloc, _Py_Dealloc)

static struct {
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

static int
compare_entries(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

static void
sort_table(void)
{
    static bool sorted;
    if (!sorted) {
        qsort(table, TABLE_SIZE, sizeof(table[0]), compare_entries);
        sorted = true;
    }
}

void *
helper_address(const char *name)
{
    sort_table();
    size_t low = 0, high = TABLE_SIZE;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = strcmp(name, table[middle].name);
        if (order == 0) {
            void *address = table[middle].address;
            return address == (void *)&push_frame && statistics_on ? (void *)&push_frame_counting : address;
        }
        if (order < 0) {
            high = middle;
        }
        else {
            low = middle + 1;
        }
    }
    return NULL;
}

PyObject *
helper_names_list(void)
{
    sort_table();
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
