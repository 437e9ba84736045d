"""The tiny GPT: attention sees no later letters, and single numbers, arrays and the recorded step agree."""

import numpy as np
import pytest

import chainrule as cr
from examples import EXAMPLES, NEEDS, example

NAME = "14_one_gpt_four_times"
pytestmark = pytest.mark.skipif(not EXAMPLES, reason="the examples are not here: this is no source tree")


@pytest.fixture(scope="module")
def gpt():
    for library in NEEDS:
        pytest.importorskip(library)
    return example(NAME)


def test_a_letter_is_scored_by_itself_and_those_before_it(gpt):
    w, letters = gpt.start(), np.arange(gpt.LENGTH)
    before = gpt.scores(w, letters, gpt.LATER)
    letters[5] = 0
    after = gpt.scores(w, letters, gpt.LATER)
    assert (before[:5] == after[:5]).all()
    assert (before[5:] != after[5:]).all()


def test_the_gradients_of_single_numbers_are_those_of_arrays(gpt):
    (letters, following), *_ = gpt.excerpts(1)
    arrays = {name: cr.tensor(a, "float64", requires_grad=True) for name, a in gpt.start().items()}
    cr.nn.cross_entropy(gpt.scores(arrays, letters, gpt.LATER), cr.tensor(following)).backward()
    numbers, _ = gpt.on_numbers()
    gpt.loss_of_numbers(numbers, letters, following).backward()
    for name, array in arrays.items():
        gradient = np.array([[number.grad or 0.0 for number in row] for row in numbers[name]])
        np.testing.assert_allclose(gradient, array.grad.numpy(), rtol=1e-9, atol=1e-12)


def test_the_text_is_the_poem_and_nothing_else(gpt):
    assert gpt.TEXT.startswith("'Twas brillig")
    assert gpt.TEXT.count("\n\n") == 6
