"""Mutation score: gradient rules changed on purpose; how many does the generated gradient check notice?

Every rule of every primitive is changed as a whole (scaled, sign) and inside its code: a term dropped, operands swapped,
an operator or a number changed, another axis. Helpers that rules call are changed, too, and all operations that use them
checked. What survives is judged in SURVIVORS.
"""

import ast
import inspect
import re
import sys
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass

import numpy as np
from rule_checks import CHECKS, applies

from chainrule.autograd.primitive import REGISTRY
from chainrule.autograd.samples import cases
from chainrule.autograd.tensor import raw

SIMPLE = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.MatMult: ast.Mult}
ORDERED = (ast.Sub, ast.Div, ast.MatMult, ast.Pow, ast.FloorDiv)
PLAIN = ("len", "tuple", "range", "int", "float", "type", "raw", "asarray", "wide", "owner")  # they change no value
COMPARED = {ast.Lt: ast.Gt, ast.Gt: ast.Lt, ast.LtE: ast.Gt, ast.GtE: ast.Lt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq}

# survivors that somebody has looked at: what the name begins with or contains, and why no generated check can notice it
JUDGED = [
    (r"where\(.*(x > 0|out == 0|length == 0|total == 0|flat).*(1 → 2|0 → 1)|^_(cosine|power_y|order_slope)\(\): [01] → |^direction\(\): 1 → 2",
     "a placeholder in a branch that is not taken"),
    (r"^_(softmax_slope|less_mean)\(|^less_share\(\): 0.5", "any shift of g gives the same exact slope; it is chosen to keep digits (see ulp)"),
    (r"^_entropy_slope\(\):.*(p < 0.5|0.5 →)", "both forms are the same exact number; chosen to keep digits (see ulp)"),
    (r"^_entropy_slope\(\):.*(float16|6.104e-05)", "matters in float16 at p below 6e-5 only"),
    (r"LONG|matmul\(x.T, g\)|letters != target", "which of two equal ways is taken: speed or rounding"),
    (r"^_matmul_y\(\): (x.ndim - 1|1) →", "the engine sums whatever axes are left"),
    (r"reshape\(-1|^_(rows|to_weight)\(\): 1 → 2", "NumPy takes any negative length as the open one, and the engine sums what is left"),
    (r"0.5 \*\* 0.5 → 0.5 \*\* 0.5", "the same"),
    (r"_slope, vjp of x: (50|1000) →", "further out than where the slope leaves the dtype"),
    (r"g \* 0 → 0", "0 is repeated to the shape of g"),
    (r"no_slope\(\): sign\(g\) → g", "differs for an infinite g only; tested in test_ops"),
    (r"^_surprise\(", "differs for a target of 0 of an impossible class only; tested in test_losses"),
    (r"^smoothed\(\):.*(default_rng|from_numpy)", "any weights will do, and from_numpy changes nothing on the CPU"),
    (r"^smoothed\(\):.* 0.01 |^smoothed\(\): 0.01 \*", "how near is near enough: a tolerance"),
    (r"^smoothed\(\): (isfinite|absolute)\(limit\) →", "differs for a limit that is infinite or negative; no test has one"),
    (r"^smoothed\(\): pulled\(weights\) - weights \* limit → weights \* limit - pulled", "|a - b| is |b - a|"),
    (r"^smoothed\(\):", "guards of second derivatives where a length is 0; tested by hand in test_range"),
    (r"^direction\(\):", "lengths that leave the dtype, differentiated twice; not run through other tests"),
    (r"absolute\(x\) → x", "x is positive in the domain"),
    (r"^_power_x\(\):.*(abs\(y\)|30000|y >= 0.5|y < 0.5|y % 0.25|isfinite|x != 0)|^_power_x\(\): 0\.", "which of two equal forms is taken, for more digits"),
    (r"^_power_x\(\): 1 → 2|^_softmax_less_truth\(\): 0 → 1", "a placeholder that takes no part in the result"),
    (r"^_power_x\(\): 0 → 1, in where\(y == 0, 0", "differs for an exponent of 0 of a number ≤ 0 only; tested in test_ops"),
    (r"^_softmax_less_truth\(\): 1 → 2", "NumPy takes any negative length as the open one"),
    (r"^gaussian, vjp of x: 50", "further out than where the slope leaves the dtype"),
]  # fmt: skip


def judgement(mutant):
    """Why no check can notice the change, or None."""
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


def variants(tree):
    """(kind, code before, code after, changed tree) for each change of a function's body."""
    inside = {id(n) for n in ast.walk(tree.args)} | {id(tree)} if hasattr(tree, "args") else set()
    strings = [n for n in ast.walk(tree) if isinstance(n, (ast.Raise, ast.JoinedStr))]
    inside |= {id(n) for s in strings for n in ast.walk(s)}
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
        if not item.decorator_list:
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


# ---- the generated checks


def caught(mutant):
    """Whether a generated check of any operation concerned notices the change, or the rule no longer runs."""
    with mutant.apply(), np.errstate(all="ignore"):
        for p in mutant.primitives:
            for check in CHECKS:
                if applies(check, p):
                    try:
                        check(p)
                    except Exception:
                        return True
    return False


def score(quick=False):
    """({kind: (caught, all)}, the survivors)."""
    table, survivors = {}, []
    for k, mutant in enumerate(mutants()):
        if quick and k % 12:
            continue
        found = caught(mutant)
        hits, total = table.get(mutant.kind, (0, 0))
        table[mutant.kind] = hits + found, total + 1
        if not found:
            survivors.append(mutant)
    return table, survivors


def section(quick):
    table, survivors = score(quick)
    caught, total = (sum(n) for n in zip(*table.values(), strict=True))
    judged = [(m, judgement(m)) for m in survivors]
    harmless = sum(why is not None for _, why in judged)
    core = [
        n for kind, n in table.items() if kind in ("scaled", "sign", "term dropped", "operands swapped", "wrong axis")
    ]
    formulas = sum(a for a, _ in core) / sum(n for _, n in core)
    rows = [f"| {kind} | {a} | {n} | {a / n:.1%} |" for kind, (a, n) in table.items()]
    return "\n".join(
        [
            f"{total:,} changes of the rules of all operations and of the helpers that they call. **{caught:,} are caught ({caught / total:.1%})** by the",
            "generated checks of `tests/support/rule_checks.py`. Of the kinds that turn a rule into another formula (scaled, sign, term dropped,",
            f"operands swapped, wrong axis) {formulas:.1%}. Of the {len(survivors)} others {harmless} were judged: the reason stands beside them.",
            "",
            "| change | caught | of | |",
            "|---|---|---|---|",
            *rows,
            "",
            "<details><summary>survivors</summary>",
            "",
            *[f"- {m.name.replace(chr(10), ' ')}: {why or '**not judged**'}" for m, why in judged],
            "",
            "</details>",
        ]
    )
