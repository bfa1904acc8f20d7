/* Tuples, lists and iterators over lists, made and freed in few lines of code.
 *
 * CPython's functions ask for the thread state and the native stack for each item that dies, and find a list's array
 * in its allocator each time. tp_dealloc of the types is ours, wherever one of them dies; instances of classes below,
 * and whatever is unusual, are CPython's to free. The slots belong to the process: where there are other
 * interpreters, CPython's functions do it all.
 *
 * An array comes from where instances come from (blocks.h): PyMem_Malloc and PyObject_Malloc are one allocator, where
 * blocks are kept at all. How large it is `allocated` says, whoever has made it.
 *
 * Items die from the last to the first, as on stock: a list's while the list still has its array. Who looks for the
 * dying container through the collector does not find it: it is not tracked any more. */
#include "sequences.h"

#include "blocks.h"
#include "collector.h"
#include "free_lists.h"
#include "helpers.h"
#include "release.h"
#include "replace.h"

#include "internal/pycore_list.h"
#include "internal/pycore_tuple.h"

static destructor stock_tuple_dealloc, stock_list_dealloc, stock_iterator_dealloc;

/* Gives up the items. */
static inline void
release_items(PyObject **items, Py_ssize_t count)
{
#pragma GCC unroll 1
    while (--count >= 0) {
        release_here(items[count]);
    }
}

/* --- tuples ------------------------------------------------------------------------------------------------ */

/* A tuple for so many items, not tracked; NULL: CPython is to make it, for whatever reason. */
static inline PyTupleObject *
take_tuple(Py_ssize_t count)
{
    if (UNLIKELY((size_t)count - 1 >= PyTuple_MAXSAVESIZE || objects_are_traced())) {
        return NULL;
    }
    PyTupleObject *tuple = free_list_take(FREE_LIST(tuples[count - 1]));
    if (LIKELY(tuple != NULL)) {
        ((PyObject *)tuple)->ob_refcnt_full = 1;
        _PyTuple_RESET_HASH_CACHE(tuple);
    }
    return tuple;
}

/* Fills the tuple, and tracks it unless it has nothing that the collector wants to see, as CPython's functions do.
 * `own` says what is to be done for an item's reference. Returns the tuple. */
static inline __attribute__((always_inline)) PyObject *
fill_tuple(PyTupleObject *tuple, PyObject *const *items, Py_ssize_t count, void (*own)(PyObject *))
{
    bool tracked = false;
#pragma GCC unroll 1
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *item = items[i];
        own(item);
        tuple->ob_item[i] = item;
        if (!tracked) {
            tracked = _PyType_IS_GC(Py_TYPE(item));
        }
    }
    if (tracked) {
        collector_link(_Py_AS_GC((PyObject *)tuple));
    }
    return (PyObject *)tuple;
}

static inline void
take_over(PyObject *item)
{
    (void)item;
}

static inline void
refer_to(PyObject *item)
{
    Py_INCREF(item);
}

static __attribute__((noinline)) PyObject *
build_tuple_otherwise(PyObject **items, Py_ssize_t count)
{
    PyObject *tuple = _PyTuple_FromStackRefStealOnSuccess((const _PyStackRef *)items, count);
    for (Py_ssize_t i = 0; tuple == NULL && i < count; i++) {
        Py_DECREF(items[i]);
    }
    return tuple;
}

/* Steals each item; returns new. */
PyObject *
build_tuple(PyObject **items, Py_ssize_t count)
{
    PyTupleObject *tuple = take_tuple(count);
    return LIKELY(tuple != NULL) ? fill_tuple(tuple, items, count, take_over) : build_tuple_otherwise(items, count);
}

PyObject *
make_tuple(PyObject *const *items, Py_ssize_t count)
{
    PyTupleObject *tuple = take_tuple(count);
    return LIKELY(tuple != NULL) ? fill_tuple(tuple, items, count, refer_to) : _PyTuple_FromArray(items, count);
}

#define EXTENDED_MAX 12 /* items that are put side by side first */

/* Borrows; returns new: (*items, *tuple). */
PyObject *
build_extended_tuple(PyObject *tuple, PyObject *const *items, Py_ssize_t count)
{
    Py_ssize_t more = PyTuple_GET_SIZE(tuple);
    PyObject *all[EXTENDED_MAX];
    if (LIKELY(count + more <= EXTENDED_MAX)) {
        memcpy(all, items, (size_t)count * sizeof(PyObject *));
        memcpy(all + count, _PyTuple_ITEMS(tuple), (size_t)more * sizeof(PyObject *));
        return make_tuple(all, count + more);
    }
    PyObject *first = make_tuple(items, count);
    PyObject *result = first != NULL ? PySequence_Concat(first, tuple) : NULL;
    Py_XDECREF(first);
    return result;
}

static void
tuple_dealloc(PyObject *self)
{
    const Py_ssize_t count = Py_SIZE(self);
    if (UNLIKELY(!Py_IS_TYPE(self, &PyTuple_Type) || (size_t)count - 1 >= PyTuple_MAXSAVESIZE || !host_is_alone())) {
        stock_tuple_dealloc(self);
        return;
    }
    collector_untrack(self);
    release_items(((PyTupleObject *)self)->ob_item, count);
    if (UNLIKELY(!free_list_give(FREE_LIST(tuples[count - 1]), self, Py_tuple_MAXFREELIST))) {
        PyObject_GC_Del(self);
    }
}

/* --- lists ------------------------------------------------------------------------------------------------- */

/* Steals the array of so many places; who has made it is not known. Where it was once longer it may be malloc's, with
 * no byte behind an odd number of places but the first. */
static inline void
give_array(PyObject **array, Py_ssize_t allocated)
{
    block_give_memory(array, allocated == 1 ? 1 : (size_t)allocated / (BLOCK_UNIT / sizeof(PyObject *)));
}

static __attribute__((noinline)) PyObject *
build_list_otherwise(PyObject **items, Py_ssize_t count)
{
    PyObject *list = PyList_New(count);
    for (Py_ssize_t i = 0; i < count; i++) {
        if (list != NULL) {
            PyList_SET_ITEM(list, i, items[i]);
        }
        else {
            Py_DECREF(items[i]);
        }
    }
    return list;
}

/* Steals each item; returns new. */
PyObject *
build_list(PyObject **items, Py_ssize_t count)
{
    const size_t units = UNITS((size_t)count * sizeof(PyObject *));
    if (UNLIKELY(units > MOST_UNITS || objects_are_traced() || FREE_LIST(lists)->freelist == NULL)) {
        return build_list_otherwise(items, count);
    }
    PyObject **array = NULL;
    if (count > 0) {
        array = block_take_memory(units);
        if (UNLIKELY(array == NULL)) {
            return build_list_otherwise(items, count);
        }
#pragma GCC unroll 1
        for (Py_ssize_t i = 0; i < count; i++) {
            array[i] = items[i];
        }
    }
    PyListObject *list = free_list_take(FREE_LIST(lists));
    ((PyObject *)list)->ob_refcnt_full = 1;
    Py_SET_SIZE(list, count);
    list->ob_item = array;
    list->allocated = count;
    collector_link(_Py_AS_GC((PyObject *)list));
    return (PyObject *)list;
}

/* How many places CPython's function gives a list that grows from `size` items to `wanted`. */
static inline Py_ssize_t
room_for(Py_ssize_t size, Py_ssize_t wanted)
{
    const Py_ssize_t room = (wanted + (wanted >> 3) + 6) & ~(Py_ssize_t)3;
    return wanted - size > room - wanted ? (wanted + 3) & ~(Py_ssize_t)3 : room;
}

/* Gives the list an array of so many places. False: CPython is to do it. */
static bool
enlarge(PyListObject *list, Py_ssize_t room)
{
    const size_t units = UNITS((size_t)room * sizeof(PyObject *));
    PyObject **array = units > MOST_UNITS || objects_are_traced() ? NULL : block_take_memory(units);
    if (UNLIKELY(array == NULL)) {
        return false;
    }
    if (list->ob_item != NULL) {
        memcpy(array, list->ob_item, (size_t)Py_SIZE(list) * sizeof(PyObject *));
        give_array(list->ob_item, list->allocated);
    }
    list->ob_item = array;
    list->allocated = room;
    return true;
}

/* Borrows the list, steals the item. */
int
list_append(PyObject *self, PyObject *item)
{
    PyListObject *list = (PyListObject *)self;
    const Py_ssize_t size = Py_SIZE(list);
    if (UNLIKELY(size >= list->allocated) && UNLIKELY(!enlarge(list, room_for(size, size + 1)))) {
        return _PyList_AppendTakeRefListResize(list, item);
    }
    list->ob_item[size] = item;
    Py_SET_SIZE(list, size + 1);
    return 0;
}

/* Borrows. False: CPython is to do it. */
static inline bool
extend_quickly(PyListObject *list, PyObject *iterable)
{
    const bool is_tuple = PyTuple_CheckExact(iterable);
    if (!is_tuple && (!PyList_CheckExact(iterable) || iterable == (PyObject *)list)) {
        return false;
    }
    PyObject **items = is_tuple ? ((PyTupleObject *)iterable)->ob_item : ((PyListObject *)iterable)->ob_item;
    const Py_ssize_t count = Py_SIZE(iterable), size = Py_SIZE(list), wanted = size + count;
    if (count == 0) {
        return true;
    }
    if (wanted < list->allocated >> 1) {
        return false; /* it would become shorter */
    }
    if (wanted > list->allocated) {
        const Py_ssize_t room = list->ob_item == NULL ? (count + 1) & ~(Py_ssize_t)1 : room_for(size, wanted);
        if (!enlarge(list, room)) {
            return false;
        }
    }
    PyObject **to = list->ob_item + size;
#pragma GCC unroll 1
    for (Py_ssize_t i = 0; i < count; i++) {
        to[i] = Py_NewRef(items[i]);
    }
    Py_SET_SIZE(list, wanted);
    return true;
}

/* Borrows. */
int
list_extend(PyObject *list, PyObject *iterable)
{
    if (extend_quickly((PyListObject *)list, iterable) || _PyList_Extend((PyListObject *)list, iterable) != NULL) {
        return 0; /* None is immortal */
    }
    PyTypeObject *type = Py_TYPE(iterable);
    if (PyErr_ExceptionMatches(PyExc_TypeError) && type->tp_iter == NULL && !PySequence_Check(iterable)) {
        PyErr_Clear();
        PyErr_Format(PyExc_TypeError, "Value after * must be an iterable, not %.200s", type->tp_name);
    }
    return -1;
}

static void
list_dealloc(PyObject *self)
{
    PyListObject *list = (PyListObject *)self;
    if (UNLIKELY(!Py_IS_TYPE(self, &PyList_Type) || !host_is_alone())) {
        stock_list_dealloc(self);
        return;
    }
    collector_untrack(self);
    if (list->ob_item != NULL) {
        release_items(list->ob_item, Py_SIZE(self));
        give_array(list->ob_item, list->allocated);
        list->ob_item = NULL;
    }
    if (UNLIKELY(!free_list_give(FREE_LIST(lists), self, Py_lists_MAXFREELIST))) {
        PyObject_GC_Del(self);
    }
}

/* --- iterators over lists ---------------------------------------------------------------------------------- */

PyObject *
make_list_iterator(PyObject *list)
{
    _PyListIterObject *iterator = objects_are_traced() ? NULL : free_list_take(FREE_LIST(list_iters));
    if (UNLIKELY(iterator == NULL)) {
        return PyObject_GetIter(list);
    }
    ((PyObject *)iterator)->ob_refcnt_full = 1;
    iterator->it_index = 0;
    iterator->it_seq = (PyListObject *)Py_NewRef(list);
    collector_link(_Py_AS_GC((PyObject *)iterator));
    return (PyObject *)iterator;
}

static void
iterator_dealloc(PyObject *self)
{
    if (UNLIKELY(!host_is_alone())) {
        stock_iterator_dealloc(self);
        return;
    }
    collector_untrack(self);
    release_here((PyObject *)((_PyListIterObject *)self)->it_seq);
    if (UNLIKELY(!free_list_give(FREE_LIST(list_iters), self, Py_list_iters_MAXFREELIST))) {
        PyObject_GC_Del(self);
    }
}

/* --- the types' slots -------------------------------------------------------------------------------------- */

void
sequences_hook(void)
{
    replace_dealloc(&PyTuple_Type, tuple_dealloc, &stock_tuple_dealloc);
    replace_dealloc(&PyList_Type, list_dealloc, &stock_list_dealloc);
    replace_dealloc(&PyListIter_Type, iterator_dealloc, &stock_iterator_dealloc);
}

void
sequences_unhook(void)
{
    restore_dealloc(&PyTuple_Type, stock_tuple_dealloc);
    restore_dealloc(&PyList_Type, stock_list_dealloc);
    restore_dealloc(&PyListIter_Type, stock_iterator_dealloc);
}
