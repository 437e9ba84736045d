// The questions of a lesson: what follows one opens when it was answered, or when its answer was asked for. Progress stays in this browser.
"use strict";

const MEMORY = "chainrule lessons";
const remembered = () => {
  try {
    return JSON.parse(localStorage.getItem(MEMORY)) ?? {};
  } catch {
    return {}; // storage is off: the lesson works, and forgets
  }
};
const remember = (page, how) => {
  try {
    localStorage.setItem(MEMORY, JSON.stringify({ ...remembered(), [page]: how }));
  } catch {} // as above
};
const pageOf = (address) => new URL(address, location.href).pathname.match(/(\d\d-[^/]*?)(?:\.html)?$/)?.[1];

const numbersIn = (text) =>
  text.split(/[,;\s]+/).filter(Boolean).map((part) => {
    const [over, under = "1"] = part.split("/");
    return Number(over || NaN) / Number(under || NaN); // Number("") would be 0
  });
/** So many numbers as are wanted, where commas part them, or are decimal points as in 0,5. */
function typed(text, wanted) {
  const plain = text.replace(/[()[\]]/g, "").replace(/[−–]/g, "-").replace(/([-+])\s+/g, "$1").replace(/\s*\/\s*/g, "/");
  const readings = [plain, plain.replace(/(\d),(?=\d)/g, "$1.")].map(numbersIn);
  return readings.find((numbers) => numbers.length === wanted) ?? readings[0];
}
// three digits are enough: nobody is asked to compute more of them by hand
const same = (given, wanted) =>
  given.length === wanted.length && given.every((x, i) => Math.abs(x - wanted[i]) <= 0.01 * Math.abs(wanted[i]) + 1e-3);
const shown = (numbers) => numbers.map((x) => String(Number(x.toPrecision(4))).replace("-", "−")).join(", ");

function judge(question, form) {
  if (question.choices.length) {
    const chosen = form.elements.answer.value;
    if (chosen === "") return { right: false, words: t`Choose one of them.` };
    const [, right, words] = question.choices[chosen];
    return { right, words };
  }
  const wanted = question.answer.length;
  const given = typed(form.elements.answer.value, wanted);
  if (given.length !== wanted || given.some(Number.isNaN))
    return { right: false, words: wanted === 1 ? t`Type a number.` : t`Type ${wanted} numbers, with commas between them.` };
  if (same(given, question.answer)) return { right: true, words: question.right };
  const known = question.said.find(([numbers]) => same(given, numbers));
  return { right: false, words: known ? known[1] : question.otherwise };
}

function lesson() {
  const forms = [...document.querySelectorAll("form.ask")];
  if (!forms.length) return;
  const page = pageOf(location.href);
  const behind = [];
  for (let s = forms[0].closest("section").nextElementSibling; s; s = s.nextElementSibling) behind.push(s);
  const note = Object.assign(document.createElement("p"), { className: "closed", textContent: t`The answer opens below.` });
  const open = () => {
    if (forms.some((form) => !form.dataset.done)) return;
    for (const s of behind) s.hidden = false;
    note.remove();
    remember(page, forms.every((form) => form.dataset.done === "right") ? "right" : "shown");
  };
  for (const form of forms) {
    const question = JSON.parse(form.dataset.question);
    const status = form.querySelector("[role=status]");
    const done = (how, words) => {
      form.dataset.done ||= how;
      status.textContent = words;
      open();
    };
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const { right, words } = judge(question, form);
      form.classList.toggle("right", right);
      if (right) done("right", words);
      else status.textContent = words;
    });
    form.querySelector(".show").addEventListener("click", () => {
      const choice = question.choices.find(([, right]) => right);
      done("shown", choice ? `${choice[0]}. ${choice[2]}` : `${shown(question.answer)}. ${question.right}`);
    });
  }
  if (remembered()[page]) return; // been here before: nothing is closed
  for (const s of behind) s.hidden = true;
  forms.at(-1).after(note);
  note.textContent = t`The rest of the lesson opens when you have answered.`;
}

/** The goal of a lesson: reached when the numbers of the page above it say so. */
function goal() {
  const box = document.querySelector("div.goal");
  if (!box) return;
  const [left, sign, right] = JSON.parse(box.dataset.when);
  const status = box.querySelector("[role=status]");
  const number = (term, shown) => (Array.isArray(term) ? shown[term[1]]?.[term[0]]?.[term[2]] : term);
  window.addEventListener("message", ({ source, data }) => {
    if (data?.chainrule !== "values" || source !== document.querySelector("iframe.live")?.contentWindow) return;
    const [a, b] = [number(left, data.shown), number(right, data.shown)];
    if (typeof a !== "number" || typeof b !== "number") return;
    const near = Math.abs(a - b) <= 0.02 * Math.max(1, Math.abs(b));
    const reached = { "=": near, "!=": !near, "<": a < b, ">": a > b }[sign];
    box.classList.toggle("reached", reached);
    status.textContent = reached ? t`Reached.` : t`Now: ${shown([a])}.`;
  });
}

/** Ticks the lessons that were done, wherever they are listed. */
function ticks() {
  const done = remembered();
  for (const link of document.querySelectorAll("a[href*='-']")) {
    const how = done[pageOf(link.href)];
    if (how && link.closest("table, .sidebar-tree")) {
      link.classList.add(how === "right" ? "done" : "seen");
      link.title = how === "right" ? t`done: you predicted it` : t`seen`;
    }
  }
}

lesson();
goal();
ticks();
