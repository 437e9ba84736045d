"""Every example in a docstring is run, module by module."""

import doctest
import importlib
import pkgutil
from importlib.util import find_spec

import numpy as np
import pytest

import chainrule as cr

# the libraries without which a part cannot be imported, or its examples run
NEEDS = {
    "graph.picture.dot": "graphviz",
    "graph.picture.graphviz": "graphviz",
    "graph.sphinx": "sphinx",
    "plot": "matplotlib",
    "sklearn": "sklearn",
}


def modules():
    """The names of all modules under chainrule that can be imported here."""
    lacking = tuple(f"chainrule.{part}" for part, library in NEEDS.items() if not find_spec(library))
    names = ["chainrule", *(module.name for module in pkgutil.walk_packages(cr.__path__, "chainrule."))]
    return [n for n in names if not n.startswith(lacking) and n.rpartition(".")[2] not in ("gpu", "__main__")]


def examples(name):
    """The doctests of one module, primitives and composed functions included."""
    module = importlib.import_module(name)
    tests = {}
    for test in doctest.DocTestFinder(exclude_empty=True).find(module, name):
        tests[test.name] = test
    for value in vars(module).values():  # a primitive is a function made elsewhere, so the finder passes it over
        declared = getattr(value, "primitive", None)
        if declared is not None and getattr(declared, "module", None) == name:
            key = f"{name}.{declared.name}"
            for test in doctest.DocTestFinder(exclude_empty=True).find(value, key, module=False, globs={}):
                tests[test.name] = test
    return [test for test in tests.values() if test.examples]


WITH_EXAMPLES = [name for name in modules() if examples(name)]


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_the_examples_run(name, capsys):
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    for test in examples(name):
        runner.run(test)
    assert runner.summarize(verbose=False).failed == 0, capsys.readouterr().out


@pytest.mark.parametrize("name", ["chainrule", "chainrule.autograd.tensor", "chainrule.autograd.ops.trigonometric"])
def test_the_examples_of_the_main_modules_were_found(name):
    assert name in WITH_EXAMPLES


def test_a_wrong_example_is_noticed():
    wrong = doctest.DocTestParser().get_doctest(">>> 1 + 1\n3\n", {}, "wrong", None, 0)
    assert doctest.DocTestRunner(verbose=False).run(wrong, out=lambda text: None).failed == 1


def test_examples_leave_the_default_dtype_alone():
    assert cr.zeros(1).dtype == np.float32
