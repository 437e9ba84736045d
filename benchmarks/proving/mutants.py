"""Mutation score: gradient rules changed on purpose; how many do the gradient tests notice?

Every rule of every primitive is changed as a whole (scaled, sign) and inside its code: a term dropped, operands swapped,
an operator or a number changed, another axis. Helpers that rules call are changed, too, and all operations that use them
checked. What survives is judged in JUDGED.
"""

import ast
import inspect
import os
import re
import sys
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from multiprocessing import get_context

import numpy as np
import pytest
from rule_checks import CHECKS, applies, check_digits

from chainrule.autograd.convert import raw
from chainrule.autograd.ops import kink
from chainrule.autograd.primitive import REGISTRY
from chainrule.autograd.samples import cases

from .equal import Equality

SIMPLE = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.MatMult: ast.Mult}
ORDERED = (ast.Sub, ast.Div, ast.MatMult, ast.Pow, ast.FloorDiv)
PLAIN = ("len", "tuple", "range", "int", "float", "type", "raw", "asarray", "wide", "owner")  # they change no value
COMPARED = {ast.Lt: ast.Gt, ast.Gt: ast.Lt, ast.LtE: ast.Gt, ast.GtE: ast.Lt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq}

# hand-written tests of what no check that is made from a declaration knows: conventions, kinks, and the digits of float16
KINKS = "tests/autograd/test_kinks.py"
BY_HAND = [
    KINKS,
    "tests/autograd/test_slopes.py",
    "tests/nn/test_losses.py",
    "tests/autograd/test_range.py",
    "tests/autograd/test_ops.py::test_the_slope_of_a_power_with_a_tensor_of_0_as_exponent_is_0",
    "tests/autograd/test_ops.py::test_the_gradient_of_power_at_its_edges",
]

# survivors that somebody has looked at: what the name begins with or contains, and why no test can notice it
JUDGED = [
    (r"^_power_slope_x\(\): 1 → 2, in where\(logical_or", "differs in a third derivative at x = y = 0 only"),
    (r"^_power_slope_y\(\): isfinite", "differs in a second derivative at x = ∞, y = 0 only"),
    (r"^_power_slope_y\(\): 1 → 2, in where\(logical_and", "differs only at x = 0, y = 1, where the second derivative is infinite"),
    (r"^_power_x\(\):", "which of two forms of y xʸ⁻¹ is taken; both have all digits at these exponents"),
    (r"^_to_weight\(\): rows", "the engine sums what is left"),
    (r"^_power_mixed\(\): 1 → 2, in where\(inside", "stands where another branch is taken"),
    (r"^_entropy_slope\(\): 1 → 2, in clip", "probabilities above 1 are refused before"),
    (r"^_bounded_logs\(\): 100 → 101", "the maximum around it holds it at -100"),
    (r"^_moved\(\): total", "keeps operands of one call from cancelling; no test has two that do"),
    (r"^bend\(\): xp.asarray\(flat\) & \(still", "no test has a tie that g ≠ 0 reaches and that g depends on"),
]  # fmt: skip


def judgement(mutant):
    """Why no test can notice the change, or None."""
    return next((why for pattern, why in JUDGED if re.search(pattern, mutant.name)), None)


@dataclass
class Mutant:
    """One change: kind of it, where, the code before and after, and whom it concerns."""

    kind: str
    where: str
    before: str
    after: str
    primitives: list
    apply: object  # a context manager: inside it the rule is changed

    @property
    def name(self):
        return f"{self.where}: {self.before} → {self.after}"


# ---- changes of code


def another_axis(axis):
    """What a rule must not do: the same along other axes."""
    if isinstance(axis, tuple):
        return axis[:1] if len(axis) > 1 else (-1 - axis[0],)
    return 0 if axis is None else -1 - axis


def changes(node):
    """(kind, replacement) for one node of a rule's code."""
    if isinstance(node, ast.BinOp):
        yield "term dropped", node.left
        yield "term dropped", node.right
        if type(node.op) in SIMPLE:
            yield "operator", ast.BinOp(node.left, SIMPLE[type(node.op)](), node.right)
        if isinstance(node.op, ORDERED):
            yield "operands swapped", ast.BinOp(node.right, node.op, node.left)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and not isinstance(node.operand, ast.Constant):
        yield "sign", node.operand
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in COMPARED:
        yield "comparison", ast.Compare(node.left, [COMPARED[type(node.ops[0])]()], node.comparators)
    if isinstance(node, ast.IfExp):
        yield "branches swapped", ast.IfExp(node.test, node.orelse, node.body)
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        yield "number", ast.Constant(node.value + 1)
    if isinstance(node, ast.Call):
        name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        if name == "where" and len(node.args) == 3:
            yield "branches swapped", ast.Call(node.func, [node.args[0], node.args[2], node.args[1]], node.keywords)
        if name in ("matmul", "power", "less", "greater", "subtract", "divide", "floor_divide") and len(node.args) == 2:
            yield "operands swapped", ast.Call(node.func, node.args[::-1], node.keywords)
        if len(node.args) == 1 and not node.keywords and name not in PLAIN:
            yield "term dropped", node.args[0]
    if isinstance(node, ast.keyword) and node.arg in ("axis", "axis1"):
        wrong = ast.Call(ast.Name("another_axis", ast.Load()), [node.value], [])
        yield "wrong axis", ast.keyword(node.arg, wrong)


class _Replace(ast.NodeTransformer):
    def __init__(self, place, new):
        self.place, self.new, self.count = place, new, -1

    def visit(self, node):
        self.count += 1
        if self.count == self.place:
            return self.new
        return super().generic_visit(node)


def _numbered(tree):
    """The nodes in the order in which _Replace counts them."""
    found = []

    class Walk(ast.NodeVisitor):
        def visit(self, node):
            found.append(node)
            super().generic_visit(node)

    Walk().visit(tree)
    return found


def _asks_a_device(node):
    """Whether code asks for the kernels of a device: those are held to the array code in tests/backends."""
    return isinstance(node, ast.Call) and getattr(node.func, "id", "").endswith("kernels")


def variants(tree):
    """(kind, code before, code after, changed tree) for each change of a function's body."""
    inside = {id(n) for n in ast.walk(tree.args)} | {id(tree)} if hasattr(tree, "args") else set()
    without = [n for n in ast.walk(tree) if isinstance(n, (ast.Raise, ast.JoinedStr)) or _asks_a_device(n)]
    inside |= {id(n) for s in without for n in ast.walk(s)}
    parents = {id(child): node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    for place, node in enumerate(_numbered(tree)):
        if id(node) in inside:
            continue
        for kind, new in changes(node):
            copy = _Replace(place, deepcopy(new)).visit(deepcopy(tree))
            context = f", in {ast.unparse(parents[id(node)])}" if kind == "number" and id(node) in parents else ""
            yield kind, ast.unparse(node), ast.unparse(new) + context, ast.fix_missing_locations(copy)


# ---- the rules and their code


def _declarations(module):
    """{function name: {"vjp": {input: expression}, "jvp": {...}}} and {helper's name: definition} of a module's file."""
    tree = ast.parse(inspect.getsource(module))
    rules, helpers = {}, {}
    for item in tree.body:
        if not isinstance(item, ast.FunctionDef):
            continue
        if not item.decorator_list and not item.name.endswith("kernels"):
            helpers[item.name] = item
        for call in item.decorator_list:
            if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "primitive":
                rules[item.name] = {
                    k.arg: {entry.arg: entry.value for entry in k.value.keywords}
                    for k in call.keywords
                    if k.arg in ("vjp", "jvp") and isinstance(k.value, ast.Call)
                }
    return rules, helpers


@contextmanager
def _rule(p, rules, x, rule):
    before = rules[x]
    rules[x] = rule
    p.plans.clear()
    try:
        yield
    finally:
        rules[x] = before
        p.plans.clear()


@contextmanager
def _helper(before, function, primitives):
    """Every place that holds the helper: the modules that have imported it, and the rules that are it."""
    spaces = [vars(m) for name, m in list(sys.modules.items()) if name.startswith("chainrule.")]
    spaces += [t for p in primitives for t in (p.vjp, p.jvp) if isinstance(t, dict)]
    places = [(space, key) for space in spaces for key, value in list(space.items()) if value is before]
    _put(places, function, primitives)
    try:
        yield
    finally:
        _put(places, before, primitives)


def _put(places, function, primitives):
    for space, key in places:
        space[key] = function
    for p in primitives:
        p.plans.clear()


def _whole(rule, change):
    asked = ", ".join(inspect.signature(rule).parameters)
    return eval(f"lambda {asked}: change(rule({asked}))", {"rule": rule, "change": change})


def _scaled(share):
    return share * 1.001 if np.any(raw(share)) else share + 0.001


def _negated(share):
    return -share if np.any(raw(share)) else share - 0.001


def _called(function, helpers, seen):
    """`seen` with all helpers that the function calls, directly or through others."""
    code = function.__code__
    for name in (*code.co_names, *(n for c in code.co_consts if inspect.iscode(c) for n in c.co_names)):
        target = function.__globals__.get(name)
        if inspect.isfunction(target) and target in helpers and target not in seen:
            seen[target] = None
            _called(target, helpers, seen)
    return seen


def _users(primitives, helpers):
    """{helper: the primitives whose rules call it}, for helpers that no array code calls, only rules."""
    users, forward = {}, {}
    for p in REGISTRY.values():
        _called(p.fn, helpers, forward)
    for p in primitives:
        rules = [*p.vjp.values(), *(p.jvp.values() if isinstance(p.jvp, dict) else ())]
        found = dict.fromkeys(rule for rule in rules if rule in helpers)
        for rule in rules:
            _called(rule, helpers, found)
        for helper in found:
            if helper not in forward:
                users.setdefault(helper, []).append(p)
    return users


def mutants():
    """Every change of every rule."""
    ours = [p for p in REGISTRY.values() if p.vjp and p.module.startswith("chainrule.") and cases(p)]
    modules = {name: sys.modules[name] for name in dict.fromkeys(p.module for p in ours)}
    rules, helpers = {}, {}
    for module in modules.values():
        found, functions = _declarations(module)
        rules |= found
        helpers |= {getattr(module, name): (module, tree) for name, tree in functions.items()}
    for p in ours:
        module = modules[p.module]
        for kind, table in (("vjp", p.vjp), ("jvp", p.jvp if isinstance(p.jvp, dict) else {})):
            for x, rule in table.items():
                where = f"{p.name}, {kind} of {x}"
                for word, after, change in (("scaled", "1.001 · rule", _scaled), ("sign", "−rule", _negated)):
                    wrong = _whole(rule, change)
                    yield Mutant(word, where, "rule", after, [p], lambda p=p, t=table, x=x, r=wrong: _rule(p, t, x, r))
                tree = rules.get(p.fn.__name__, {}).get(kind, {}).get(x)
                if not isinstance(tree, ast.Lambda):
                    continue
                for word, before, after, changed in variants(tree):
                    code = compile(ast.fix_missing_locations(ast.Expression(changed)), module.__file__, "eval")
                    wrong = eval(code, {**vars(module), "another_axis": another_axis})
                    yield Mutant(word, where, before, after, [p], lambda p=p, t=table, x=x, r=wrong: _rule(p, t, x, r))
    for helper, users in _users(ours, helpers).items():
        module, tree = helpers[helper]
        for word, before, after, changed in variants(tree):
            space = dict(vars(module), another_axis=another_axis)
            try:
                exec(compile(ast.Module([changed], []), module.__file__, "exec"), space)
            except SyntaxError:
                continue
            yield Mutant(word, f"{tree.name}()", before, after, users,
                         lambda h=helper, f=space[tree.name], u=users: _helper(h, f, u))  # fmt: skip


# ---- who notices


def caught(mutant):
    """Whether a generated check of any operation concerned notices the change, or the rule no longer runs."""
    with mutant.apply(), np.errstate(all="ignore"):
        for p in mutant.primitives:
            for check in (*CHECKS, check_digits):
                if applies(check, p):
                    try:
                        check(p)
                    except Exception:
                        return True
    return False


def caught_by_hand(mutant, tests=BY_HAND):
    """Whether one of these tests notices the change; they run in a process of their own, which has the change."""
    child = os.fork()
    if not child:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        with mutant.apply():
            os._exit(int(pytest.main(["-x", "-q", "-p", "no:cacheprovider", *tests])))
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0


_all: list[Mutant] = []  # of a score, for its workers


_equality = cache(Equality)  # which remembers what it has computed


def _outcome(k):
    """(what became of mutant number k, by how many numbers one that changes nothing was compared)."""
    mutant = _all[k]
    if caught(mutant):
        return "caught", 0
    if mutant.where.removesuffix("()") in vars(kink) and caught_by_hand(mutant, [KINKS]):
        return "by hand", 0  # the samples of `Equality` do not multiply separate calls
    if compared := _equality().unchanged(mutant):
        return "none", compared
    return ("by hand" if caught_by_hand(mutant) else "survived"), 0


def score(quick=False):
    """({kind: (caught, all)}, how many by hand, those that are no change, the survivors)."""
    _all[:] = [mutant for k, mutant in enumerate(mutants()) if not (quick and k % 12)]
    with get_context("fork").Pool(os.cpu_count()) as pool:
        outcomes = pool.map(_outcome, range(len(_all)), chunksize=4)
    table, by_hand, none, survivors = {}, 0, [], []
    for mutant, (outcome, compared) in zip(_all, outcomes, strict=True):
        if outcome == "none":
            none.append((mutant, compared))
            continue
        hits, total = table.get(mutant.kind, (0, 0))
        table[mutant.kind] = hits + (outcome != "survived"), total + 1
        by_hand += outcome == "by hand"
        if outcome == "survived":
            survivors.append(mutant)
    return table, by_hand, none, survivors


def section(quick):
    table, by_hand, none, survivors = score(quick)
    caught, total = (sum(n) for n in zip(*table.values(), strict=True))
    core = [
        n for kind, n in table.items() if kind in ("scaled", "sign", "term dropped", "operands swapped", "wrong axis")
    ]
    formulas = sum(a for a, _ in core) / sum(n for _, n in core)
    rows = [f"| {kind} | {a} | {n} | {a / n:.1%} |" for kind, (a, n) in table.items()]
    text = lambda m: m.name.replace("\n", " ")
    return "\n".join(
        [
            f"{total + len(none):,} changes of the rules of all operations and of the helpers that they call. {len(none)} of them change nothing: they give the",
            "same bits in reverse mode, forward mode and second order, in three dtypes, over samples with zeros, ties, infinities, nan and",
            f"numbers of every size. Of the other {total:,} **{caught:,} are caught ({caught / total:.1%})**, {caught - by_hand:,} by the checks of",
            f"`tests/support/rule_checks.py`, which are made from the declarations, {by_hand} by hand-written tests. Of the kinds that turn a rule",
            f"into another formula (scaled, sign, term dropped, operands swapped, wrong axis) {formulas:.1%}. {len(survivors)} survive; they",
            "are judged below.",
            "",
            "| change | caught | of | |",
            "|---|---|---|---|",
            *rows,
            "",
            "<details><summary>survivors</summary>",
            "",
            *[f"- {text(m)}: {judgement(m) or '**not judged**'}" for m in survivors],
            "",
            "</details>",
            "",
            "<details><summary>changes that change nothing, and in how many numbers</summary>",
            "",
            *[f"- {text(m)}: {compared:,}" for m, compared in none],
            "",
            "</details>",
        ]
    )
