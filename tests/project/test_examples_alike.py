"""Every example says what it is about, prints little enough to read, and draws what it promises."""

import ast
import re

import pytest

from examples import FOLDER

image = pytest.importorskip("matplotlib.image")

PICTURES = {
    "01_perceptron": {"learning.png", "bias.png", "xor.png"},
    "02_activations": {"activations.png", "bending.png", "vanishing.png", "gradients.png"},
    "03_stacking": {"xor.png", "moons.png"},
    "04_losses": {"classification.png", "outliers.png"},
    "05_gradient_descent": {"rates.png", "valleys.png"},
    "06_backprop_by_hand": {"chain.png", "differences.png"},
    "07_adaptive_rates": {"paths.png", "losses.png"},
    "08_mini_batches": {"noise.png", "curves.png"},
    "09_overfitting": {"curves.png"},
    "11_regression": {"training.png", "residuals.png"},
    "12_gpu": {"same.png"},
    "13_many_workers": {"timeline.png"},
    "14_one_gpt_four_times": {"times.png"},
}

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="the examples are not here: this is no source tree")


@pytest.mark.parametrize("name", PICTURES)
def test_an_example_has_a_title_and_a_few_sentences(name):
    title, blank, *sentences = ast.get_docstring(ast.parse((FOLDER / f"{name}.py").read_text())).splitlines()
    assert re.fullmatch(r"[A-Z][^.?]+[.?]", title)
    assert blank == ""
    assert len(" ".join(sentences)) > 100


@pytest.mark.parametrize("name", PICTURES)
def test_an_example_prints_little_enough_to_read(name, run):
    lines = run(name)[0].splitlines()
    assert (5 if name == "12_gpu" else 10) < len(lines) <= 40  # without a GPU there is little to say
    assert max(len(line) for line in lines if not line.startswith("No GPU")) <= 120


@pytest.mark.parametrize("name", PICTURES)
def test_an_example_draws_its_pictures(name, run):
    folder = run(name)[1]
    assert {path.name for path in folder.glob("*.png")} == PICTURES[name]
    for picture in PICTURES[name]:
        pixels = image.imread(folder / picture)[..., :3]
        assert min(pixels.shape[:2]) > 300
        assert pixels.std() > 0.03
