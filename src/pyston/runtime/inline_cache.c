#include "attribute.h"
int inline_cache_init(void){return 0;}
void inline_cache_forget(void *area, size_t size){(void)area;(void)size;}
PyObject *load_attr_cached(PyObject *object, AttrCell *cell){ return PyObject_GetAttr(object, cell->name);}
ObjectPair load_method_cached(PyObject *object, AttrCell *cell){ return (ObjectPair){PyObject_GetAttr(object, cell->name),NULL};}
int store_attr_cached(PyObject *object, PyObject *value, AttrCell *cell){ return PyObject_SetAttr(object, cell->name, value);}
PyObject *get_attr_default_cached(PyObject *object, AttrCell *cell, PyObject *fallback){return get_attr_default(object, cell->name, fallback);}
int has_attr_cached(PyObject *object, AttrCell *cell){return has_attr(object, cell->name);}
