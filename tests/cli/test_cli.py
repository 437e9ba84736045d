"""python -m chainrule: what it prints, how it refuses, and that it never ends in a traceback."""

import importlib.metadata
import json
import os
import subprocess
import sys

import pytest

import chainrule as cr
from chainrule import cli
from chainrule.cli import explain, info, main
from chainrule.graph.page import page

FORMULA = "(a*b + c) * f"
VALUES = ["a=2", "b=-3", "c=10", "f=-2"]


def by_hand():
    """The same graph, made by a user in Python."""
    a, b, c, f = (cr.Value(v, n) for n, v in zip("abcf", [2.0, -3.0, 10.0, -2.0], strict=True))
    return cr.trace((a * b + c) * f)


def shell(*words, **environment):
    """A run of the program in a process of its own."""
    command = [sys.executable, "-m", "chainrule", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env={**os.environ, **environment})


def refusal(capsys, *words):
    """What a wrong command line says on stderr; it must end with status 2 and print nothing else."""
    assert main(["explain", *words]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    return err


# ---- explain


def test_explain_prints_the_steps_of_the_graph(capsys):
    assert main(["explain", FORMULA, *VALUES]) == 0
    assert capsys.readouterr().out == by_hand().explain() + "\n"


def test_the_gradients_are_those_worked_out_by_hand():
    graph = explain.graph_of(FORMULA, VALUES)
    totals = {node.name: node.total.items for node in graph.nodes if node.kind == "leaf"}
    assert totals == {"a": 6.0, "b": -4.0, "c": -2.0, "f": 4.0}


def test_constants_of_the_formula_have_no_gradient():
    graph = explain.graph_of("k = 2; k*a", ["a=3"])
    assert [(node.label, node.kind) for node in graph.nodes if node.kind == "leaf"] == [("a", "leaf")]


def test_names_of_statements_are_in_the_graph():
    graph = explain.graph_of("d = a*b; e = d + c; L = e*f", VALUES)
    assert [node.name for node in graph.nodes if node.kind == "operation"] == ["d", "e", "L"]


def test_the_graph_says_that_it_comes_from_the_formula():
    assert explain.graph_of(FORMULA, VALUES).root.line == f"the formula {FORMULA}"


@pytest.mark.parametrize(
    ("word", "expected"),
    [("a=-3", -3.0), ("a=1e-3", 0.001), ("a=inf", float("inf")), ("a=-.5", -0.5), ("a = 4", 4.0), ("a=−2", -2.0)],
)
def test_a_value_may_be_any_number(word, expected):
    assert explain.graph_of("a*1", [word]).nodes[0].value.items == expected


@pytest.mark.parametrize("formula", ["-a*2", "-o*2", "--a"])
def test_a_formula_may_begin_with_a_minus(formula, capsys):
    name = formula.strip("-")[0]
    assert main(["explain", formula, f"{name}=3"]) == 0
    assert "update" in capsys.readouterr().out


def test_values_may_stand_on_both_sides_of_options(capsys):
    assert main(["explain", "a*b", "a=2", "--lr", "0.5", "b=3"]) == 0
    assert capsys.readouterr().out == explain.graph_of("a*b", ["a=2", "b=3"]).explain(0.5) + "\n"


@pytest.mark.parametrize("words", [["--lr", "-0.1"], ["--lr=-0.1"]])
def test_a_learning_rate_may_be_negative(words, capsys):
    assert main(["explain", "a*2", "a=2", *words]) == 0
    assert capsys.readouterr().out == explain.graph_of("a*2", ["a=2"]).explain(-0.1) + "\n"


def test_a_derivation_follows_the_steps(capsys):
    assert main(["explain", "a*b", "a=2", "b=3", "--derivation", "a"]) == 0
    graph = explain.graph_of("a*b", ["a=2", "b=3"])
    assert capsys.readouterr().out == f"{graph.explain()}\n\n{graph.derivation('a')}\n"


def test_the_graph_is_saved_and_the_place_is_told(tmp_path, capsys):
    path = tmp_path / "graph.json"
    assert main(["explain", "a*b", "a=2", "b=3", "-o", str(path)]) == 0
    assert f"saved as {path}" in capsys.readouterr().out
    assert json.loads(path.read_text()) == json.loads(explain.graph_of("a*b", ["a=2", "b=3"]).to_json())


def test_the_page_updates_with_the_learning_rate(tmp_path, capsys):
    pages = []
    for rate in "0.1", "0.5":
        path = tmp_path / f"{rate}.html"
        assert main(["explain", "a*b", "a=2", "b=3", "--lr", rate, "-o", str(path)]) == 0
        pages.append(path.read_text())
    assert pages[1] == page(explain.graph_of("a*b", ["a=2", "b=3"]), lr=0.5)
    assert pages[0] != pages[1]


def test_help_shows_an_example_that_works(capsys):
    assert main(["explain", "--help"]) == 0
    assert explain.EXAMPLE in capsys.readouterr().out
    assert f'"{FORMULA}" {" ".join(VALUES)}' == explain.EXAMPLE


# ---- explain refuses


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["a ^ 2", "a=2"], "explain: power is written **, not ^\n    a ^ 2\n      ^\n"),
        (["a*b", "a=2"], "explain: b has no value: add b=…\n    a*b\n      ^\n"),
        (["a*2", "a=foo"], "explain: a needs a number, such as a=2 or a=1e-3\n    a=foo\n      ^^^\n"),
        (["a*2", "a="], "explain: a needs a number, such as a=2 or a=1e-3\n    a=\n      ^\n"),
        (["a*2", "a=1/3"], "explain: a needs a number, such as a=2 or a=1e-3\n    a=1/3\n      ^^^\n"),
        (["a*2", "a=1", "zeta=3"], "explain: zeta is not a value of the formula, which has a\n    zeta=3\n    ^^^^\n"),
        (["a*2", "a=1", "a=3"], "explain: a has two values\n    a=3\n    ^\n"),
        (["a*2", "5"], "explain: a value is written name=number, such as a=2\n    5\n    ^\n"),
        (["a*2", "2x=5"], "explain: a value is written name=number, such as a=2\n    2x=5\n    ^^\n"),
        (
            ["d = a*2; d+1", "a=1", "d=3"],
            "explain: d gets its value inside the formula: leave out one of the two\n    d=3\n    ^\n",
        ),
        (
            ["2*3", "a=1"],
            "explain: a is not a value of the formula, which has no names that need one\n    a=1\n    ^\n",
        ),
        (
            ["x*x", "x=1e400"],
            "explain: this is beyond the largest number, 1.8e+308: if infinity is meant, write x=inf\n",
        ),
        (
            ["x*x", "x=-1e400"],
            "explain: this is beyond the largest number, 1.8e+308: if infinity is meant, write x=-inf",
        ),
        (["x=2; x*x"], "explain: x got its value inside the formula, so there is nothing to differentiate: write"),
        (["x=2; y=3; d = x*y; d+1"], "explain: x, y got their values inside the formula, so there is nothing to"),
        (
            ["2*3"],
            "explain: the formula has no names, so there is nothing to differentiate: write a*3 a=2 in place of 2*3\n",
        ),
    ],
)
def test_a_mistake_is_told_in_a_line_and_pointed_at(words, message, capsys):
    assert refusal(capsys, *words).startswith(message)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "a formula is needed"),
        (["a*2", "a=1", "--lr", "fast"], "--lr"),
        (["a*2", "a=1", "--lr", "nan"], "--lr must be a number"),
        (["a*2", "a=1", "--lr"], "--lr: expected one argument"),
        (["a*2", "a=1", "--derivtion", "a"], "there is no option --derivtion"),
        (["a*2", "a=1", "--speed=3"], "there is no option --speed"),
        (["a*2", "a=1", "--derivation", "q"], "'q'"),
        (["a*2", "a=1", "-o", "graph.bmp"], ".svg, .png, .pdf, .gif, .html, .json, .dot"),
        (["a*2", "a=1", "-o", "/no/such/folder/graph.json"], "cannot write /no/such/folder/graph.json: No such file"),
    ],
)
def test_a_wrong_option_is_told_before_anything_is_printed(words, message, capsys):
    assert message in refusal(capsys, *words)


# ---- the program


def test_without_a_command_the_help_is_shown(capsys):
    assert main([]) == 0
    assert capsys.readouterr().out == cli.HELP


@pytest.mark.parametrize("word", ["--help", "-h"])
def test_help_names_every_command(word, capsys):
    assert main([word]) == 0
    shown = capsys.readouterr().out
    assert [name for name in cli.COMMANDS if f"python -m chainrule {name}" not in shown] == []


def test_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"chainrule {cr.__version__}\n"


def test_an_unknown_command_is_refused_with_those_that_exist(capsys):
    assert main(["explan"]) == 2
    assert (
        capsys.readouterr().err
        == "chainrule: unknown command 'explan': choose one of 'demo', 'explain', 'info', 'lesson', 'play'\n"
    )


@pytest.mark.parametrize("command", ["demo", "explain", "info", "lesson"])
def test_every_command_has_help(command, capsys):
    assert main([command, "--help"]) == 0
    assert capsys.readouterr().out.startswith(f"usage: python -m chainrule {command} ")


@pytest.mark.parametrize("command", ["demo", "info"])  # to explain, --colour may be a formula
def test_a_command_refuses_an_option_that_it_lacks(command, capsys):
    assert main([command, "--colour"]) == 2
    out, err = capsys.readouterr()
    assert (out, err.startswith(f"{command}: "), "--colour" in err, err.count("\n")) == ("", True, True, 1)


def test_info_takes_no_words(capsys):
    assert main(["info", "extra", "args"]) == 2
    assert capsys.readouterr() == (
        "",
        "info: unrecognized arguments: extra args; see python -m chainrule info --help\n",
    )


def test_control_c_ends_quietly_with_status_130(monkeypatch, capsys):
    def interrupted(argv):
        raise KeyboardInterrupt

    monkeypatch.setitem(cli.COMMANDS, "info", interrupted)
    assert main(["info"]) == 130
    assert capsys.readouterr() == ("", "")


def test_a_full_disk_is_told_in_a_line(monkeypatch, capsys):
    def full(argv):
        raise OSError(28, "No space left on device")

    monkeypatch.setitem(cli.COMMANDS, "info", full)
    assert main(["info"]) == 2
    assert capsys.readouterr().err == "info: No space left on device\n"


def test_a_file_that_cannot_be_written_is_named_as_it_was_asked_for(tmp_path, capsys):
    (tmp_path / "graph.json").mkdir()
    assert main(["explain", "a*b", "a=2", "b=3", "-o", str(tmp_path / "graph.json")]) == 2
    assert capsys.readouterr().err.startswith(f"explain: cannot write {tmp_path / 'graph.json'}: ")


def test_the_module_runs_and_its_status_is_the_programs():
    run = shell("explain", "a ^ 2", "a=2")
    assert (run.returncode, run.stdout, run.stderr.count("\n")) == (2, "", 3)


def test_a_terminal_without_a_true_minus_gets_no_traceback():
    run = shell("explain", FORMULA, *VALUES, PYTHONIOENCODING="ascii")
    assert (run.returncode, run.stderr) == (0, "")


@pytest.mark.skipif(os.name == "nt", reason="pipes of POSIX")
@pytest.mark.parametrize("words", [[FORMULA, *VALUES], ["--help"]], ids=["steps", "help"])
def test_a_closed_pipe_gives_no_traceback(words):
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "chainrule", "explain", *words]
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    run = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, timeout=60, env=buffered)
    os.close(writer)
    assert (run.returncode, run.stderr) == (0, "")


# ---- info


def facts():
    return dict(info.facts())


def test_info_prints_a_line_for_each_fact(capsys):
    assert main(["info"]) == 0
    labels = [line.split("  ")[0] for line in capsys.readouterr().out.splitlines()]
    assert labels == list(facts())


def test_info_knows_the_versions():
    found = facts()
    assert (found["chainrule"], found["NumPy"]) == (cr.__version__, importlib.metadata.version("numpy"))


def test_info_tells_which_devices_are_usable():
    found = facts()
    usable = {name.removeprefix("device ") for name, text in found.items() if text.startswith("usable")}
    assert usable == set(cr.backends.available())


def test_info_says_why_a_device_is_not_usable():
    class Broken(cr.backends.Backend):
        types = (memoryview,)

        def available(self):
            return False

    cr.backends.register("broken", Broken())
    try:
        assert "no usable device was found" in facts()["device broken"]
    finally:
        cr.backends.unregister("broken")


@pytest.mark.parametrize("name", ["installed", "dot", "devices", "usable", "blas", "cpu", "gpu"])
def test_info_survives_whatever_breaks(name, monkeypatch, capsys):
    def broken(*args):
        raise RuntimeError("out of order")

    monkeypatch.setattr(info, name, broken)
    assert main(["info"]) == 0
    assert "unknown (RuntimeError: out of order)" in capsys.readouterr().out


def test_info_asks_numpy_for_the_blas_where_threadpoolctl_is_missing(monkeypatch):
    import numpy as np

    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    built = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    assert facts()["BLAS"].startswith(f"{built['name']} {built['version']}")


def test_info_shows_the_thread_limits_that_are_set(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert "OMP_NUM_THREADS=3" in facts()["BLAS"]


def test_info_reads_gpus_from_the_driver(monkeypatch):
    monkeypatch.setattr(info.shutil, "which", lambda name: f"/bin/{name}")
    answer = subprocess.CompletedProcess([], 0, "NVIDIA H100, 81559 MiB, 550.54\nNVIDIA T4, 15360 MiB, 550.54\n", "")
    monkeypatch.setattr(info.subprocess, "run", lambda *args, **kwargs: answer)
    assert info.gpu() == "NVIDIA H100, 81559 MiB, driver 550.54; NVIDIA T4, 15360 MiB, driver 550.54"


def test_info_imports_no_heavy_library():
    code = "import sys; from chainrule.cli import main; main(['info'])"
    code += "; print(sorted({'matplotlib', 'sklearn', 'numba', 'pandas', 'torch', 'scipy'} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert run.stdout.splitlines()[-1] == "[]"


def test_the_lessons_are_listed_and_printed(capsys):
    assert cli.main(["lesson"]) == 0
    listed = capsys.readouterr().out
    assert [line.split()[0] for line in listed.splitlines()[::2]] == [str(i) for i in range(1, 13)]
    assert "  4  Forgot zero_grad\n     My training loop runs" in listed
    assert cli.main(["lesson", "4"]) == 0
    page = capsys.readouterr().out
    assert ">>> loss.backward()" in page
    assert not any(mark in page for mark in ("```", "<!--", "](", "!["))


def test_a_lesson_that_is_not_there_is_named(capsys):
    assert cli.main(["lesson", "13"]) == 2
    assert capsys.readouterr().err == "lesson: there are lessons 1 to 12, and no 13\n"


def test_the_command_is_named_as_it_was_called(monkeypatch, capsys):
    monkeypatch.setattr(cli.parser, "PROGRAM", "chainrule")
    cli.main(["--help"])
    assert "\n  chainrule explain" in capsys.readouterr().out
