"""The questions and goals in the lessons. In a page's source they are comments; the site turns questions into forms to answer:

    <!-- ask: What is x.grad?
    = x.grad
    3 | That is x itself.
    -->

`=` stands before an expression of the lesson's variables after its part "Run it", which gives the number or the list of numbers
that is right; below are wrong answers and what each says about the one who gave it, `else` for all others. A question with
choices has lines `*` (right) and `-` (wrong) in place of numbers. A text after `|` is shown for the answer before it.
"""

import contextlib
import doctest
import html
import json
import re
from dataclasses import dataclass, field

import numpy as np
from pictures import program

from chainrule.pages.words import english, t, translated

ASK = re.compile(r"<!-- ask: (.*?)\n(.*?)-->", re.DOTALL)
GOAL = re.compile(r"<!-- goal: (.*?)\n(.*?)\nby (.*?)\n-->", re.DOTALL)
TERM = r"(value|grad) ([\w.]+)(?:\[(\d+)\])?"
WHEN = re.compile(rf"{TERM} (!?=|<|>) (?:{TERM}|(-?[\d.]+))")
ELSE = english("Not yet. Look at the numbers above once more.")
RIGHT = english("Right.")


@dataclass
class Question:
    """One question: the numbers that are right, or the choices; and what is said to each answer."""

    text: str
    answer: list = field(default_factory=list)  # numbers; empty where there are choices
    choices: list = field(default_factory=list)  # (text, whether it is right, what is said)
    said: list = field(default_factory=list)  # (numbers, what is said)
    otherwise: str = ELSE
    right: str = RIGHT

    def form(self):
        """The question as a form of the site, which docs/_static/lesson.js checks."""
        choices = [(text, right, translated(said)) for text, right, said in self.choices]
        known = dict(answer=self.answer, choices=choices, said=self.said)
        known |= dict(otherwise=translated(self.otherwise), right=translated(self.right))
        if self.choices:
            fields = "".join(
                f'<label><input type="radio" name="answer" value="{i}"> {prose(text)}</label>'
                for i, (text, _, _) in enumerate(self.choices)
            )
        else:
            hint = t("a number") if len(self.answer) == 1 else t("{0} numbers, with commas", len(self.answer))
            fields = f'<input name="answer" autocomplete="off" aria-label="{t("Your answer")}" placeholder="{hint}">'
        return (
            f'<form class="ask" data-question="{html.escape(json.dumps(known, ensure_ascii=False))}">'
            f"<fieldset><legend>{prose(self.text)}</legend>{fields}</fieldset>"
            f'<button>{t("Check")}</button> <button type="button" class="show">{t("Show me")}</button>'
            '<p role="status"></p></form>'
        )


def prose(text):
    """A sentence as HTML: what stands between backticks is code."""
    return re.sub(r"`(.+?)`", r"<code>\1</code>", html.escape(text, quote=False))


def numbers(text):
    """The numbers in `1, -2/3`, in which fractions may stand."""
    return [float(a) / float(b or 1) for a, _, b in (part.strip().partition("/") for part in text.split(","))]


def parse(text, names):
    """The Questions in the source of a page, whose right numbers are computed from `names`, the lesson's variables.

    Raises: ValueError if a question has no right answer, or one that it calls wrong.
    """
    return [_question(match, names) for match in ASK.finditer(text)]


def _question(match, names):
    q = Question(match[1])
    for line in match[2].strip().splitlines():
        answer, _, said = (part.strip() for part in line.partition("|"))
        if answer.startswith("= "):
            value = eval(answer[2:], dict(names))
            q.answer = np.ravel(np.array(getattr(value, "data", value), "float64")).tolist()
            q.right = said or q.right
        elif answer.startswith(("* ", "- ")):
            q.choices.append((answer[2:], answer.startswith("* "), said or (q.right if answer[0] == "*" else ELSE)))
        elif answer == "else":
            q.otherwise = said
        else:
            q.said.append((numbers(answer), said))
    wrong = [given for given, _ in q.said if len(given) == len(q.answer) and np.allclose(given, q.answer, 0.01, 1e-3)]
    if wrong or not (q.answer or sum(right for _, right, _ in q.choices) == 1):
        raise ValueError(f"the question {q.text!r} needs one right answer, which is not among the wrong ones")
    return q


def variables(page, folder):
    """The variables of a lesson's program after its part "Run it"."""
    lines, test = page.read_text(encoding="utf-8").splitlines(), program(page)
    after = lines[lines.index("## Run it") + 1 :]
    end = len(lines) - len(after) + next(i for i, line in enumerate(after) if line.startswith("## "))
    test.examples = [example for example in test.examples if example.lineno < end]
    with contextlib.chdir(folder):
        doctest.DocTestRunner(verbose=False, optionflags=doctest.ELLIPSIS).run(test, clear_globs=False)
    return test.globs


@dataclass
class Goal:
    """Something to reach on a lesson's page.

    Fields:
        text: what to do. when: [term, comparison, term], in which a term is [kind, name, place] or a number.
        by: [(name, place in it, number)]: changes that reach it.
    """

    text: str
    when: list
    by: list

    def markup(self):
        """The goal as HTML of the site, which docs/_static/lesson.js watches."""
        when = html.escape(json.dumps(self.when, ensure_ascii=False))
        return f'<div class="goal" data-when="{when}"><p>{prose(self.text)}</p><p role="status"></p></div>'


def goals(text):
    """The Goals in the source of a page. Raises: ValueError if one of them cannot be read."""
    return [_goal(match) for match in GOAL.finditer(text)]


def _goal(match):
    text, when, by = match.groups()
    read = WHEN.fullmatch(when.strip())
    changes = [re.fullmatch(r"([\w.]+?)(?:\[(\d+)\])? = (-?[\d.]+)", part.strip()) for part in by.split(",")]
    if not read or not all(changes):
        raise ValueError(
            f"a goal needs a line such as `grad x = 4`, and one such as `by w = 4`, not {when!r} and {by!r}"
        )
    kind, name, place, sign, other, other_name, other_place, number = read.groups()
    right = float(number) if number else [other, other_name, int(other_place or 0)]
    return Goal(
        text, [[kind, name, int(place or 0)], sign, right], [(c[1], int(c[2] or 0), float(c[3])) for c in changes if c]
    )
