"""Functions in C that Python calls as it calls its own, in a tenth of the time that ctypes takes: what runs a program, and what looks
whether all that it depends on is as it was.

The text needs none of Python's headers: it is given the functions that it calls by address, and knows where an array keeps its pointer,
shape and dtype as every module compiled for NumPy does. `available` tries that; where it does not hold, ctypes calls programs.
"""

from __future__ import annotations

import ctypes
import re
import sysconfig
from collections.abc import Iterable, Sequence
from functools import cache, partial
from types import MemberDescriptorType
from typing import Any

import numpy as np

from .compiler import NoCompiler, load

# what terms are about (see `jit/holds.py`); SLOT is IS, where the attribute is a slot
KINDS = "COUNT IS SLOT ITEMS DICT CELL LENGTH ELEMENT CONTEXT EQUAL FORM TENSOR APART CALL".split()
TEXT = r"""
#include <stdint.h>
#include <string.h>
typedef struct object object;
typedef intptr_t size;
static struct {
  object* (*PyLong_FromLong)(long); void* (*PyLong_AsVoidPtr)(object*); double (*PyFloat_AsDouble)(object*); object* (*PyErr_Occurred)(void);
  void (*PyErr_Clear)(void); void* (*PyEval_SaveThread)(void); void (*PyEval_RestoreThread)(void*); void (*Py_IncRef)(object*);
  void (*Py_DecRef)(object*); object* (*PyObject_GetAttr)(object*, object*); object* (*PyObject_GetItem)(object*, object*);
  int (*PyObject_SetItem)(object*, object*, object*); object* (*PyDict_GetItemWithError)(object*, object*); object* (*PyCell_Get)(object*);
  int (*PyDict_Next)(object*, size*, object**, object**); size (*PyTuple_Size)(object*); size (*PyDict_Size)(object*); size (*PyList_Size)(object*); object* (*PyList_GetItem)(object*, size); object* (*PyTuple_GetItem)(object*, size);
  int (*PyContextVar_Get)(object*, object*, object**); int (*PyObject_RichCompareBool)(object*, object*, int);
  object* (*PyType_GenericAlloc)(object*, size); object* (*PyTuple_Pack)(size, ...); object* (*PyObject_CallObject)(object*, object*);
  size head; object *none, *yes, *no, *whole, *array, *dict;
} py;
void cr_python(void* const* given) { memcpy(&py, given, sizeof py); }
#define TYPE(x) (*(object**)((char*)(x) + py.head - sizeof(void*)))
#define SLOT(x, at) (*(object**)((char*)(x) + (at)))
/* what follows the head of a NumPy array */
typedef struct { char* data; int axes; size *shape, *strides; object *base, *dtype; int flags; } array;
#define ARRAY(x) ((const array*)((char*)(x) + py.head))
static object* told(object* x) { py.Py_IncRef(x); return x; }

typedef struct { void** slot; object* own; size bytes, copy; } given;
typedef struct { char *first, *end; } range;
typedef struct {
  int (*run)(void* const*); void* with[4]; size numbers, arrays, ranges, release, again; double most; const given* given; const range* written;
} program;
/* Numbers, then arrays, which are read where they lie if they lie as the program's own, else copied there (0x101: contiguous and aligned):
   None, or which guard failed. */
object* cr_run(object* self, object* const* args, size count) {
  program* p = py.PyLong_AsVoidPtr(self);
  for (size i = 0; i < p->numbers; i++) {
    double x = py.PyFloat_AsDouble(args[i]);
    if (x == -1 && py.PyErr_Occurred()) return 0;
    if (x > p->most) return py.PyLong_FromLong(p->again);
    ((double*)p->with[2])[i] = x; }
  for (size i = 0; i < p->arrays; i++) {
    const given* g = p->given + i; object* x = args[p->numbers + i]; const array *a = ARRAY(x), *own = ARRAY(g->own);
    int there = TYPE(x) == py.array && !g->copy && (a->flags & 0x101) == 0x101 && a->axes == own->axes;
    for (int d = 0; there && d < own->axes; d++) there = a->shape[d] == own->shape[d];
    for (size r = 0; there && r < p->ranges; r++) there = a->data >= p->written[r].end || p->written[r].first >= a->data + g->bytes;
    if (!there && py.PyObject_SetItem(g->own, py.whole, x)) return 0;
    if (g->slot) *g->slot = there ? a->data : own->data; }
  void* thread = p->release ? py.PyEval_SaveThread() : 0;
  int failed = p->run(p->with);
  if (p->release) py.PyEval_RestoreThread(thread);
  return failed < 0 ? told(py.none) : py.PyLong_FromLong(failed);
}

enum { KINDS };
typedef struct { size kind; object *holder, *key, *value; size n; const size* form; } term;
typedef struct { size count; const term* terms; } table;
static int alike(object* x, const term* t) {
  const array* a = ARRAY(x); const size* form = t->form;
  if (TYPE(x) != py.array || a->axes != form[0]) return 0;
  for (int d = 0; d < a->axes; d++) if (a->shape[d] != form[1 + d] || a->strides[d] != form[1 + a->axes + d]) return 0;
  return a->dtype == t->value || py.PyObject_RichCompareBool(a->dtype, t->value, 2) == 1;
}
/* what x itself keeps alive; of others only whether it is this one or that */
static object* attribute(object* x, object* name) {
  object* found = py.PyObject_GetAttr(x, name);
  if (found) py.Py_DecRef(found);
  return found;
}
static int holds(const term* t, object* args, object* options) {
  object *now, *list, *both;
  switch (t->kind) {
    case COUNT: return py.PyTuple_Size(args) == t->n && py.PyDict_Size(options) == t->form[0];
    case IS: return attribute(t->holder, t->key) == t->value;
    case SLOT: return SLOT(t->holder, t->n) == t->value;
    case ITEMS: /* form: keys and values by turns */
      for (size i = 0; i < 2 * t->n; i += 2) {
        object *key = (object*)t->form[i], *value = (object*)t->form[i + 1];
        if (TYPE(t->holder) == py.dict) now = py.PyDict_GetItemWithError(t->holder, key);
        else if ((now = py.PyObject_GetItem(t->holder, key))) py.Py_DecRef(now);
        if (!now) { py.PyErr_Clear(); now = py.none; }
        if (now != value) return 0; }
      return 1;
    case DICT: /* these are all its keys, in order; a value of 0 is any */
      if (py.PyDict_Size(t->holder) != t->n) return 0;
      for (size i = 0, at = 0; py.PyDict_Next(t->holder, &at, &list, &now); i += 2)
        if (i >= 2 * t->n || list != (object*)t->form[i] || t->form[i + 1] && now != (object*)t->form[i + 1]) return 0;
      return 1;
    case CELL: if ((now = py.PyCell_Get(t->holder))) py.Py_DecRef(now); return now == t->value;
    case LENGTH: return py.PyList_Size(t->holder) == t->n;
    case ELEMENT: return py.PyList_GetItem(t->holder, t->n) == t->value;
    case CONTEXT:
      if (py.PyContextVar_Get(t->holder, 0, &now) || !now) return 0;
      py.Py_DecRef(now);
      return py.PyObject_RichCompareBool(now, t->value, 2) == 1;
    case EQUAL:
      if (!(list = attribute(t->holder, t->key)) || !(now = py.PyList_GetItem(list, t->form[0]))) return 0;
      for (size i = t->form[0] + 1; i < t->n; i++) if (py.PyObject_RichCompareBool(py.PyList_GetItem(list, i), now, 2) != 1) return 0;
      return 1;
    case FORM: return alike(py.PyTuple_GetItem(args, t->n), t);
    case TENSOR:
      now = py.PyTuple_GetItem(args, t->n);
      return TYPE(now) == t->holder && SLOT(now, t->form[1 + 2 * t->form[0]]) == py.none && alike(SLOT(now, t->form[2 + 2 * t->form[0]]), t);
    case APART:
      now = py.PyTuple_GetItem(args, t->n);
      for (size i = 0; i < t->n; i++) if (py.PyTuple_GetItem(args, i) == now) return 0;
      for (size i = 1; i <= t->form[0]; i++) if (t->form[i] == (size)now) return 0;
      return 1;
    case CALL:
      if ((now = both = py.PyTuple_Pack(2, args, options))) { now = py.PyObject_CallObject(t->holder, both); py.Py_DecRef(both); }
      if (now) py.Py_DecRef(now);
      return now == py.yes;
  }
  return 0;
}
/* Whether all terms hold for a tuple of arguments and a dict of options. */
object* cr_holds(object* self, object* const* args, size count) {
  const table* t = py.PyLong_AsVoidPtr(self);
  for (size i = 0; i < t->count; i++) if (!holds(t->terms + i, args[0], args[1])) { py.PyErr_Clear(); return told(py.no); }
  return told(py.yes);
}
typedef struct { object *kind, *copy; size data, count; const size* empty; } landing;
/* A new object of a kind, with a copy of an array in one slot, and None in others. */
object* cr_landed(object* self, object* const* args, size count) {
  const landing* l = py.PyLong_AsVoidPtr(self);
  object *array = py.PyObject_CallObject(l->copy, 0), *made = array ? py.PyType_GenericAlloc(l->kind, 0) : 0;
  if (!made) { if (array) py.Py_DecRef(array); return 0; }
  SLOT(made, l->data) = array;
  for (size i = 0; i < l->count; i++) SLOT(made, l->empty[i]) = told(py.none);
  return made;
}
int cr_tried(object* x, char* data, const term* t) { return TYPE(x) == py.array && ARRAY(x)->data == data && (ARRAY(x)->flags & 1) == t->n && alike(x, t); }
""".replace("KINDS", ", ".join(KINDS))


def available() -> bool:
    """Whether there are such functions here."""
    return _library() is not None


@cache
def _library():
    """The shared object, which knows Python's functions; None where it does not work."""
    if sysconfig.get_config_var("Py_GIL_DISABLED"):  # the lock is what keeps objects alive while they are looked at
        return None
    try:
        made = load(TEXT)
        functions = [getattr(ctypes.pythonapi, name) for name in re.findall(r"\(\*(Py\w+)\)", TEXT)]
    except (NoCompiler, AttributeError):
        return None
    objects = [None, True, False, Ellipsis, np.ndarray, dict]
    made.objects = objects  # held
    addresses = [ctypes.cast(f, ctypes.c_void_p).value for f in functions]
    made.cr_python(_array([*addresses, object.__basicsize__, *map(id, objects)]))
    wide = np.zeros((4, 6), np.int16)
    for x in (wide, wide[::2, 1:], wide.T):
        for shape, right in ((x.shape, True), (x.shape[::-1], False)):
            row, _held = _term("FORM", None, None, x.dtype, int(x.flags.c_contiguous), (x.ndim, *shape, *x.strides))
            if made.cr_tried(ctypes.py_object(x), ctypes.c_void_p(x.ctypes.data), _array(row)) != right:
                return None
    return made


def _array(numbers):
    """Integers as wide as addresses, side by side."""
    return (ctypes.c_ssize_t * max(len(numbers), 1))(*numbers)


def _term(kind, holder, key, value, n, form):
    """(what a term is in memory; what must stay as long as that)."""
    if kind == "IS" and (at := _slot(getattr(type(holder), key, None))):
        kind, n = "SLOT", at
    if kind == "TENSOR":
        form = (*form, *(_slot(getattr(holder, name)) for name in key))
    if kind == "ITEMS":
        n, form = len(key), [id(x) for pair in zip(key, value, strict=True) for x in pair]
    if kind == "DICT":
        watched = dict(zip(key, value, strict=True))
        n, key = len(holder), [*holder]
        form = [x for k in key for x in (id(k), id(watched[k]) if k in watched else 0)]
    form = _array(form)
    return [KINDS.index(kind), id(holder), id(key), id(value), n, ctypes.addressof(form)], (form, key)


def _slot(place):
    """How many bytes into an object a slot is; 0 if it is none."""
    return _place(place) if type(place) is MemberDescriptorType else 0


@cache
def _place(slot):
    it, value = object.__new__(slot.__objclass__), object()
    slot.__set__(it, value)
    words = range(object.__basicsize__, slot.__objclass__.__basicsize__, ctypes.sizeof(ctypes.c_void_p))
    return next((at for at in words if ctypes.c_void_p.from_address(id(it) + at).value == id(value)), 0)


class Method(ctypes.Structure):
    """CPython's PyMethodDef."""

    _fields_ = [
        ("name", ctypes.c_char_p),
        ("function", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    ]


def _builtin(name, memory, *held):
    """A function of the library, as Python's, that finds what it is to do in that memory."""
    address = ctypes.cast(getattr(_library(), name), ctypes.c_void_p).value
    method = Method(name.encode(), address, 0x80, None)  # METH_FASTCALL
    make = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.py_object, ctypes.py_object)
    new = make(("PyCFunction_NewEx", ctypes.pythonapi))
    return new(ctypes.addressof(method), ctypes.addressof(memory), (method, memory, held))  # the last one holds them


class Program(ctypes.Structure):
    """What `cr_run` finds."""

    _fields_ = [
        ("run", ctypes.c_void_p),
        ("with", ctypes.c_void_p * 4),
        *[(name, ctypes.c_ssize_t) for name in ("numbers", "arrays", "ranges", "release", "again")],
        ("most", ctypes.c_double),
        ("given", ctypes.c_void_p),
        ("written", ctypes.c_void_p),
    ]


def running(
    function: Any,
    where: Sequence[int],
    numbers: int,
    given: Sequence[tuple[int, np.ndarray, bool]],
    written: Iterable[np.ndarray],
    release: bool,
    again: int,
    most: float,
    held: Any,
) -> Any:
    """A function of numbers, and then arrays, that runs a program: None, or the number of the guard that failed.

    `function`, of ctypes, is called with the four addresses `where`. `given` says of each array where the program looks for its
    address (0 if it does not), which array of the program's own it can be copied to, and whether it must be. That is done, too, for one
    that overlaps with an array of `written`. With a number above `most` the program does not run, and the result is `again`.
    `release`: let other threads run meanwhile.
    """
    rows = _array([
        x for slot, own, copy in given
        for x in (slot, id(own), own.nbytes, int(copy))
    ])  # fmt: skip
    ranges = [x for a in written for x in (a.ctypes.data, a.ctypes.data + a.nbytes)]
    spans = _array(ranges)
    address = ctypes.cast(function, ctypes.c_void_p)
    made = Program(
        address.value, (ctypes.c_void_p * 4)(*where), numbers, len(given), len(ranges) // 2, release, again, most
    )
    made.given, made.written = ctypes.addressof(rows), ctypes.addressof(spans)
    return _builtin("cr_run", made, rows, spans, given, held)


def holding(terms: Sequence[tuple[str, Any, Any, Any, int, Sequence[int]]]) -> Any:
    """A function of (arguments, options) that says whether all terms hold; each is one of KINDS, with holder, key, value, n and form."""
    rows, held = [], []
    for term in terms:
        row, more = _term(*term)
        rows += row
        held.append((more, term))
    memory = _array(rows)
    return _builtin("cr_holds", _array([len(terms), ctypes.addressof(memory)]), memory, held)


def landing(kind: type, array: np.ndarray, data: str, *empty: str) -> Any:
    """A function of nothing that gives a new object of a kind with slots: `data` holds a copy of the array, those of `empty` None."""
    slots = _array([_slot(getattr(kind, name)) for name in empty])
    copy = array.copy if array.flags.c_contiguous else partial(array.copy, "K")
    rows = [id(kind), id(copy), _slot(getattr(kind, data)), len(empty), ctypes.addressof(slots)]
    return _builtin("cr_landed", _array(rows), slots, kind, copy)
