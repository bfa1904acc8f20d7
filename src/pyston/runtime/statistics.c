/* Counters that tell what became of the program's functions, and the debug log.
 *
 * Reasons are short stable words. Dicts here are private: nobody else sees them, so no Python code runs when they
 * change. Failures to count (no memory) are ignored. */
#include "statistics.h"

#include "arenas.h"
#include "tools.h"

#include <stdarg.h>

Statistics statistics;
uint64_t calls_compiled;
bool statistics_on;
bool log_on;

static PyObject *given_up, *retired, *loops_refused; /* owned dicts: reason -> count */
static PyObject *past_exits;         /* owned dict: (qualname, offset, reason, file, line) -> count */
static PyObject *reason_texts;       /* owned list */
static PyObject *reason_numbers;     /* owned dict: text -> index in reason_texts */

int
statistics_init(void)
{
    if (reason_numbers != NULL) {
        return 0;
    }
    given_up = PyDict_New();
    retired = PyDict_New();
    loops_refused = PyDict_New();
    past_exits = PyDict_New();
    reason_texts = Py_BuildValue("[ss]", "never run", "loop end");
    reason_numbers = Py_BuildValue("{sisi}", "never run", REASON_NEVER_RUN, "loop end", REASON_LOOP_END);
    return given_up && retired && loops_refused && past_exits && reason_texts && reason_numbers ? 0 : -1;
}

/* dict[key] += count (borrows both). The exception state stays as it was. */
static void
add_to(PyObject *dict, PyObject *key, uint64_t count)
{
    PyObject *exception = PyErr_GetRaisedException();
    PyObject *old = key != NULL && dict != NULL ? PyDict_GetItemWithError(dict, key) : NULL; /* borrowed */
    uint64_t sum = count + (old != NULL ? PyLong_AsUnsignedLongLong(old) : 0);
    PyObject *value = PyLong_FromUnsignedLongLong(sum);
    if (value != NULL && key != NULL && dict != NULL) {
        (void)PyDict_SetItem(dict, key, value);
    }
    Py_XDECREF(value);
    PyErr_SetRaisedException(exception);
}

static void
add_to_text(PyObject *dict, const char *text)
{
    PyObject *exception = PyErr_GetRaisedException();
    PyObject *key = PyUnicode_FromString(text);
    PyErr_SetRaisedException(exception);
    add_to(dict, key, 1);
    Py_XDECREF(key);
}

void
statistics_give_up(const char *reason)
{
    add_to_text(given_up, reason);
}

void
statistics_retire(const char *reason)
{
    add_to_text(retired, reason);
}

void
statistics_refuse_loop(const char *reason)
{
    add_to_text(loops_refused, reason);
}

/* --- exits ------------------------------------------------------------------------------------------------- */

int
reason_number(PyObject *reason)
{
    PyObject *known = PyDict_GetItemWithError(reason_numbers, reason); /* borrowed */
    if (known != NULL) {
        return (int)PyLong_AsLong(known);
    }
    if (PyErr_Occurred()) {
        return -1;
    }
    Py_ssize_t number = PyList_GET_SIZE(reason_texts);
    if (!PyUnicode_CheckExact(reason) || number > UINT16_MAX) {
        PyErr_Format(PyExc_ValueError, "an exit's reason is a short word, not %R", reason);
        return -1;
    }
    PyObject *value = PyLong_FromSsize_t(number);
    if (value == NULL || PyList_Append(reason_texts, reason) < 0 || PyDict_SetItem(reason_numbers, reason, value) < 0) {
        Py_XDECREF(value);
        return -1;
    }
    Py_DECREF(value);
    return (int)number;
}

PyObject *
reason_text(int number)
{
    return PyList_GET_ITEM(reason_texts, number);
}

const char *
reason_kept(PyObject *reason)
{
    int number = reason_number(reason);
    return number < 0 ? NULL : PyUnicode_AsUTF8(reason_text(number));
}

/* A new tuple that names an exit for people: (qualname, offset, reason, file, line). */
static PyObject *
exit_key(PyCodeObject *code, const ExitPoint *point)
{
    int line = PyCode_Addr2Line(code, (int)(point->offset * sizeof(_Py_CODEUNIT)));
    return Py_BuildValue("(OIOOi)", code->co_qualname, (unsigned)point->offset, reason_text(point->reason), code->co_filename, line);
}

void
statistics_keep_exits(Artifact *artifact)
{
    CodeRecord *record = artifact->record;
    PyObject *exception = PyErr_GetRaisedException();
    for (uint32_t i = 0; i < artifact->exit_count; i++) {
        ExitPoint *point = &artifact->exits[i];
        uint32_t taken = exit_taken(artifact, point);
        if (taken == 0 || point->kind == EXIT_SYNC) {
            continue;
        }
        PyObject *key = exit_key(artifact->code, point);
        add_to(past_exits, key, taken);
        Py_XDECREF(key);
        if ((point->kind == EXIT_GUARD || point->reason == REASON_NEVER_RUN) && record != NULL) {
            if (record->exit_history == NULL) {
                record->exit_history = PyDict_New();
            }
            key = Py_BuildValue("(IO)", (unsigned)point->offset, reason_text(point->reason));
            add_to(record->exit_history, key, taken);
            Py_XDECREF(key);
        }
        artifact->exits_taken[i] = 0;
    }
    PyErr_Clear();
    PyErr_SetRaisedException(exception);
}

/* A new list of key + (value,) of the dict, sorted by falling value. */
static PyObject *
flattened(PyObject *dict)
{
    PyObject *list = PyList_New(0), *key, *value;
    Py_ssize_t position = 0;
    while (list != NULL && PyDict_Next(dict, &position, &key, &value)) {
        PyObject *tail = PyTuple_Pack(1, value);
        PyObject *row = tail != NULL ? PySequence_Concat(key, tail) : NULL;
        PyObject *minus = PyNumber_Negative(value);
        PyObject *pair = row != NULL && minus != NULL ? PyTuple_Pack(2, minus, row) : NULL;
        if (pair == NULL || PyList_Append(list, pair) < 0) {
            Py_CLEAR(list);
        }
        Py_XDECREF(tail);
        Py_XDECREF(row);
        Py_XDECREF(minus);
        Py_XDECREF(pair);
    }
    if (list == NULL || PyList_Sort(list) < 0) {
        Py_XDECREF(list);
        return NULL;
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(list); i++) {
        PyObject *row = Py_NewRef(PyTuple_GET_ITEM(PyList_GET_ITEM(list, i), 1));
        PyList_SetItem(list, i, row);
    }
    return list;
}

PyObject *
exit_history(PyCodeObject *code)
{
    CodeRecord *record = record_if_any(code);
    if (record == NULL || record->exit_history == NULL) {
        return PyList_New(0);
    }
    return flattened(record->exit_history);
}

/* --- the report -------------------------------------------------------------------------------------------- */

/* dict[key] = value; steals value, which may be NULL. */
static int
set_item(PyObject *dict, const char *key, PyObject *value)
{
    int result = value != NULL ? PyDict_SetItemString(dict, key, value) : -1;
    Py_XDECREF(value);
    return result;
}

PyObject *
statistics_dict(void)
{
    PyObject *exits = PyDict_Copy(past_exits);
    if (exits == NULL) {
        return NULL;
    }
    uint64_t hot = 0;
    for (Artifact *artifact = all_artifacts; artifact != NULL; artifact = artifact->next) {
        hot += artifact->hot_bytes;
        for (uint32_t i = 0; i < artifact->exit_count; i++) {
            ExitPoint *point = &artifact->exits[i];
            uint32_t taken = exit_taken(artifact, point);
            if (taken != 0 && point->kind != EXIT_SYNC) {
                PyObject *key = exit_key(artifact->code, point);
                add_to(exits, key, taken);
                Py_XDECREF(key);
            }
        }
    }
    PyObject *rows = flattened(exits);
    Py_DECREF(exits);
    PyObject *dict = rows != NULL ? PyDict_New() : NULL;
#define NUMBER(value) PyLong_FromUnsignedLongLong(value)
    if (dict == NULL || set_item(dict, "functions_compiled", NUMBER(statistics.functions_compiled)) < 0
        || set_item(dict, "instructions_compiled", NUMBER(statistics.instructions_compiled)) < 0
        || set_item(dict, "loops_compiled", NUMBER(statistics.loops_compiled)) < 0
        || set_item(dict, "loops_entered", NUMBER(statistics.loops_entered)) < 0
        || set_item(dict, "loops_refused", PyDict_Copy(loops_refused)) < 0
        || set_item(dict, "given_up", PyDict_Copy(given_up)) < 0 || set_item(dict, "exits", Py_NewRef(rows)) < 0
        || set_item(dict, "retired", PyDict_Copy(retired)) < 0
        || set_item(dict, "compile_ns", NUMBER(statistics.compile_ns)) < 0
        || set_item(dict, "code_bytes", NUMBER(code_bytes_in_use())) < 0 || set_item(dict, "hot_bytes", NUMBER(hot)) < 0
        || set_item(dict, "huge_page_bytes", NUMBER(arenas_huge_bytes())) < 0
        || set_item(dict, "calls_total", NUMBER(calls_compiled + statistics.calls_interpreted)) < 0
        || set_item(dict, "calls_compiled", NUMBER(calls_compiled)) < 0) {
        Py_CLEAR(dict);
    }
#undef NUMBER
    Py_XDECREF(rows);
    return dict;
}

PyObject *
statistics_functions(void)
{
    static const char *const states[] = {"counting", "compiling", "compiled", "resting", "given up"};
    PyObject *list = PyList_New(0);
    for (CodeRecord *record = all_records; list != NULL && record != NULL; record = record->next) {
        const PyCodeObject *code = record->code;
        const Artifact *artifact = record->artifact;
        PyObject *row = Py_BuildValue(
            "(OOiszIiIII)", code->co_qualname, code->co_filename, code->co_firstlineno, states[record->state],
            record->reason, record->count, record->compiles, artifact != NULL ? artifact->instructions : 0,
            artifact != NULL ? artifact->block.size : 0, artifact != NULL ? artifact->hot_bytes : 0);
        if (row == NULL || PyList_Append(list, row) < 0) {
            Py_CLEAR(list);
        }
        Py_XDECREF(row);
    }
    return list;
}

/* --- counting calls ---------------------------------------------------------------------------------------- */

/* The callback of PY_START: one more interpreted call. */
static PyObject *
call_started(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    (void)self, (void)args, (void)count;
    statistics.calls_interpreted++;
    Py_RETURN_NONE;
}

static PyMethodDef call_started_method = {
    "call_started", (PyCFunction)(void (*)(void))call_started, METH_FASTCALL, NULL};

int
statistics_switch(bool on)
{
    if (on == statistics_on) {
        return 0;
    }
    PyObject *callback = on ? PyCFunction_New(&call_started_method, NULL) : Py_NewRef(Py_None);
    if (callback == NULL) {
        return -1;
    }
    int result = tools_register(PY_MONITORING_EVENT_PY_START, callback);
    if (result == 0) {
        result = tools_observe(PY_MONITORING_EVENT_PY_START, on);
    }
    Py_DECREF(callback);
    if (result == 0) {
        statistics_on = on;
    }
    return result;
}

/* --- the log ----------------------------------------------------------------------------------------------- */

const char *
log_name(PyCodeObject *code)
{
    static char text[256];
    PyObject *exception = PyErr_GetRaisedException();
    const char *name = PyUnicode_AsUTF8(code->co_qualname), *file = PyUnicode_AsUTF8(code->co_filename);
    PyErr_Clear();
    PyErr_SetRaisedException(exception);
    snprintf(text, sizeof(text), "%s (%s:%d)", name != NULL ? name : "?", file != NULL ? file : "?",
             code->co_firstlineno);
    return text;
}

void
log_line(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("pyston: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
}
