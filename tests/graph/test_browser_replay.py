"""The interpreter of the page against NumPy: each instruction of each operation of the registry, with the same operands."""

from base64 import b64decode, b64encode
from collections import defaultdict

import numpy as np
import pytest
from graphs import page_of, square
from jit_samples import NAMES, inputs

from chainrule.autograd.ops.creation import ones_like
from chainrule.autograd.primitive import REGISTRY
from chainrule.autograd.samples import cases
from chainrule.autograd.tensor import Tensor
from chainrule.backends.functions import GUARDS, function_of
from chainrule.backends.passes import planned
from chainrule.backends.program import Instruction, mapped
from chainrule.backends.record import NAMES as ROWS
from chainrule.backends.recording import Recording
from chainrule.backends.trace import TRACE, recording_into
from chainrule.graph.page.live import Writer
from chainrule.graph.recover import contributions
from chainrule.pages.html import embedded

ELEMENTWISE = {name for name, row in ROWS.items() if row.c or row.js}
EXACT = {
    *"add subtract multiply divide sqrt negative positive absolute square floor ceil rint trunc sign maximum minimum clip where".split(),
    *"copysign remainder floor_divide right_shift bitwise_and bitwise_or invert isnan isinf isfinite equal not_equal less".split(),
    *"less_equal greater greater_equal logical_and logical_or logical_not ldexp".split(),
}
SUMS = {"sum", "mean", "matmul", "dot", "einsum", "cumsum", "add_at"}
ULPS = 4
NEVER = {"philox", "copyto", "empty"}  # random numbers, what is never noted, and whatever stood in memory
# what the passes leave out or compute once, and what gives several arrays
FOLDED = {*"array asarray ascontiguousarray copy ravel frexp arange ones zeros ones_like zeros_like".split()}

# rows of the table that no sample reaches: functions of xp and of arrays of shape (3, 4)
ALONE = {
    "ravel": lambda xp, x, y: x.ravel() * 1,
    "outer": lambda xp, x, y: xp.outer(x[0], y[1]),
    "dot": lambda xp, x, y: xp.dot(x, y.T),
    "mean": lambda xp, x, y: xp.mean(x, axis=1),
    "stack": lambda xp, x, y: xp.stack((x, y), axis=-1),
    "stack in front": lambda xp, x, y: xp.stack((x, y)),
    "take": lambda xp, x, y: xp.take(x, np.array([2, 0]), axis=1),
    "broadcast_to": lambda xp, x, y: xp.broadcast_to(x[:, :1], (2, 3, 4)) + 0,
    "full_like": lambda xp, x, y: xp.full_like(x, 0.1) * y,
    "zeros_like": lambda xp, x, y: xp.zeros_like(x) + y,
    "asarray": lambda xp, x, y: xp.ascontiguousarray(x.T) * 2,
    "trunc": lambda xp, x, y: xp.trunc(4 * x),
    "isinf": lambda xp, x, y: xp.isinf(x / (y > 0)),
    "frexp": lambda xp, x, y: sum(xp.frexp(x)),
    "ldexp": lambda xp, x, y: xp.ldexp(x, np.array([1, -2, 5, 0])),
    "right_shift": lambda xp, x, y: (x * 9).astype("int32") >> 1,
    "rows and columns": lambda xp, x, y: x[[2, 0], [3, -1]],
    "columns of every second row": lambda xp, x, y: x[::-2, [1, 1, 0]],
    "two arrays apart": lambda xp, x, y: xp.stack((x, y))[[0, 1], :, [2, 3]],
    "new axes": lambda xp, x, y: x[None, ..., 1:][0, :, None],
    "mask": lambda xp, x, y: x[np.array([True, False, True])],
    "sum of a column": lambda xp, x, y: xp.sum(x[:, 1]),
    "whole numbers": lambda xp, x, y: x.astype("int8") // 2,
    "half": lambda xp, x, y: (x / 3).astype("float16") * 3,
    "pad": lambda xp, x, y: xp.pad(x, ((1, 0), (0, 2)), constant_values=7),
}

# computes each instruction of some programs from NumPy's operands, and returns all elements in a row
COMPUTE = """(text) => {
  const results = [];
  for (const { program, values } of JSON.parse(text)) {
    const known = values.map(([form, data]) => data && decoded(form, data));
    program.code.forEach(([name], i) => {
      if (name === "input") return;
      if (!known[i]) return (known[i] = computed(program, i, known)); // several arrays, of which the next instructions take one each
      const { shape, dtype, data } = computed(program, i, known);
      if ([shape, dtype].join() !== [known[i].shape, known[i].dtype].join()) throw new Error(`${name}: ${shape} ${dtype}`);
      results.push(...data);
    });
  }
  const bytes = new Uint8Array(Float64Array.from(results).buffer);
  let text_ = "";
  for (let i = 0; i < bytes.length; i += 8192) text_ += String.fromCharCode(...bytes.subarray(i, i + 8192));
  return btoa(text_);
}"""


def sampled(p, case, dtype):
    """(the program of a call with its gradients, {its inputs: their arrays}) for one sample."""
    recording, arrays = Recording(), inputs(p, case, 0, dtype)
    with recording_into(recording), np.errstate(all="ignore"):
        leaves = [Tensor._wrap(recording.array(str(i), a._data)) for i, a in enumerate(arrays)]
        for leaf, array in zip(leaves, arrays, strict=True):
            leaf.requires_grad = array.requires_grad
        out = p.call(*leaves, **case.options)
        kept = {("out", 0): out._data}
        if out._node is not None:
            _, found = contributions(out._node, ones_like(out.detach())._data, {})
            kept |= {(k, c.slot): x for c in found for k in ("part", "local") if (x := getattr(c, k)) is not None}
        program = planned(recording.program([], [], kept))
    return program, dict(zip(recording.inputs, [a._data for a in arrays], strict=True))


def alone(function, dtype):
    rng, recording = np.random.default_rng(0), Recording()
    arrays = [rng.normal(size=(3, 4)).astype(dtype) for _ in range(2)]
    with recording_into(recording), np.errstate(all="ignore"):
        out = function(TRACE.xp, *[recording.array(str(i), a) for i, a in enumerate(arrays)])
        program = planned(recording.program([], [], {("out", 0): out}))
    return program, dict(zip(recording.inputs, arrays, strict=True))


def run(program, values):
    """{Instruction: its result}, by NumPy."""
    known = lambda x: values[x] if isinstance(x, Instruction) else x
    with np.errstate(all="ignore"):
        for made in program.instructions:
            given, options = mapped(known, made.operands), mapped(known, made.options)
            if made.name == "constant":
                values[made] = made.operands[0]
            elif made.name in GUARDS:
                values[made] = np.asarray(True)  # that the answer is the old one
            elif made.name in ("setitem", "add_at"):
                values[made] = given[0].copy()
                if made.name == "setitem":
                    values[made][given[1]] = given[2]
                else:
                    np.add.at(values[made], *given[1:])
            else:
                values[made] = function_of(made.name)(*given, **options)
    return values


def read_by_page(result):
    """A result as the page reads it: its form, and the bytes of its elements."""
    if isinstance(result, tuple):
        return None, None
    data = b64encode(np.asarray(result, "<f8").tobytes()).decode()
    return (np.shape(result), str(np.asarray(result).dtype)), {"f8": data}


def bound(made, values):
    """How far the page's elements may be from NumPy's."""
    right = np.asarray(values[made])
    if made.name in SUMS:
        size = max(values[x].size for x in made.uses())
        return size * np.finfo(right.dtype if right.dtype.kind == "f" else float).eps * magnitudes(made, values)
    if made.name in EXACT or made.name not in ELEMENTWISE or right.dtype.kind != "f":
        return 0
    return ULPS * np.spacing(np.abs(right)).astype(float)


def magnitudes(made, values):
    """Σ |terms| of each element of a sum or product."""

    def size(x):
        x = values[x] if isinstance(x, Instruction) else x
        return np.abs(x).astype(float) if getattr(x, "dtype", None) in ("float32", "float64") else x

    operands, options = mapped(size, made.operands), mapped(size, made.options)
    if made.name == "add_at":
        np.add.at(*operands)
        return operands[0]
    return getattr(np, made.name)(*operands, **options)


def far(page, right, allowed):
    """Which of the page's elements are too far from NumPy's. Only zeros of other signs are equal to the last bit, too."""
    right = right.astype(float)
    with np.errstate(invalid="ignore"):
        return ~((page == right) | (np.isnan(page) & np.isnan(right)) | (np.abs(page - right) <= allowed))


@pytest.fixture(scope="module")
def wrong(chromium, tmp_path_factory):
    """{primitive, or row: what the page computes otherwise than NumPy}; all in one go, since asking a browser takes long."""
    chromium.folder = tmp_path_factory.mktemp("replay")
    asked, programs, made_by = [], [], []
    for dtype in ("float64", "float32"):
        for name in NAMES:
            asked += [(name, dtype, *sampled(REGISTRY[name], case, dtype)) for case in cases(REGISTRY[name])]
        asked += [(name, dtype, *alone(function, dtype)) for name, function in ALONE.items()]
    for _, _, program, values in asked:
        run(program, values)
        writer = Writer(program, [(i, made, values[made]) for i, made in enumerate(program.inputs)])
        first = {number: made for made, number in reversed(writer.numbers.items())}  # others give the same
        results = [read_by_page(values[first[i]]) for i in range(len(first))]
        programs.append({"program": writer.data, "values": results})
        made_by.append([first[i] for i, entry in enumerate(writer.data["code"]) if entry[0] != "input"])
    elements = np.frombuffer(b64decode(chromium(page_of(square)).evaluate(COMPUTE, embedded(programs))))
    found, reached = defaultdict(list), set()
    for (name, dtype, _, values), instructions in zip(asked, made_by, strict=True):
        for made in instructions:
            if isinstance(values[made], tuple):
                continue
            right = np.asarray(values[made])
            page, elements = elements[: right.size].reshape(right.shape), elements[right.size :]
            reached.add(made.name)
            if made.name not in NEVER and (wrong := far(page, right, bound(made, values))).any():
                found[name].append(f"{made.name} in {dtype}: {page[wrong][:3]}, not {right[wrong][:3]}")
    assert not elements.size
    return found, reached


@pytest.mark.parametrize("name", [*NAMES, *ALONE])
def test_the_page_computes_what_numpy_computes(name, wrong):
    assert wrong[0][name] == []


def test_every_row_of_the_table_is_tried(wrong):
    assert set(ROWS) - wrong[1] - NEVER - FOLDED == set()


def test_every_row_of_the_table_stands_in_the_page(chromium, wrong):
    page = chromium.tab.evaluate("[ELEMENTWISE, MOVES, SPLIT].flatMap(Object.keys)")
    assert set(ROWS) - set(page) == {"copyto"}


def test_a_wrong_line_is_noticed(chromium, wrong):
    """The comparison has teeth: one unit in the last place too much, in a product."""
    x = np.array([0.1, -0.3])
    assert far(x * 3, np.nextafter(x * 3, 9), 0).all()
