// What can be taken away: a link to what is shown, a derivation as LaTeX, and the graph as a Python program with the numbers of now.

/** A number as Python source, in as few digits as its dtype needs. */
function pythonNumber(x, dtype) {
  if (dtype === "bool") return x ? "True" : "False";
  if (!/^float|^$/.test(dtype)) return String(x);
  if (!Number.isFinite(x)) return `float("${Number.isNaN(x) ? "nan" : x > 0 ? "inf" : "-inf"}")`;
  const round = ROUND[dtype || "float64"];
  for (let digits = 1; digits < 17; digits++) if (round(Number(x.toPrecision(digits))) === x) return withPoint(Number(x.toPrecision(digits)));
  return withPoint(x);
}

const withPoint = (x) => (Number.isInteger(x) && Math.abs(x) < 1e16 ? `${Object.is(x, -0) ? "-0" : x}.0` : String(x));

function pythonNumbers(id) {
  const number = live.leaves.get(id)?.[0];
  const { shape, data } = number === undefined ? arrayOf(whole.nodes[id].value) : live.inputs.get(number);
  const text = (items) => (Array.isArray(items) ? `[${items.map(text).join(", ")}]` : pythonNumber(items, whole.nodes[id].dtype));
  return text(nested([...data], shape));
}

/** The program, or why there is none. */
function pythonText() {
  if (typeof story.program === "string") return t`This graph cannot be written as a program: ${story.program}.`;
  return story.program.map((part) => (typeof part === "string" ? part : pythonNumbers(part))).join("");
}

function latexText(id) {
  return `\\begin{aligned}\n${story.latex.of[id].map((line) => story.latex.lines[line]).join(" \\\\\n")}\n\\end{aligned}`;
}

function openTake() {
  keepAddress();
  byId("take-link").textContent = location.href;
  byId("take-link").closest("section").hidden = location.protocol === "about:"; // a page inside another has no address
  byId("take-python").textContent = pythonText();
  const known = whole.nodes.filter(({ id }) => story.latex.of[id]);
  const chosen = tale === whole ? (player.picked ?? steps[player.position - 1]?.node) : null;
  byId("take-of").replaceChildren(...known.map(({ id, label }) => make("option", { value: id, selected: id === chosen }, label)));
  byId("take-of").closest("section").hidden = !known.length;
  fillLatex();
  const lost = changedNumbers() === null ? t`The link has not the changed numbers: they are too many.` : "";
  const own = live.changed ? t`The derivation has the program's own numbers; the link and the program have the changed ones.` : "";
  byId("take-status").textContent = lost || own;
  byId("take").showModal();
}

function fillLatex() {
  if (byId("take-of").value) byId("take-latex").textContent = latexText(byId("take-of").value);
}

async function copyText(id) {
  try {
    await navigator.clipboard.writeText(byId(id).textContent);
    byId("take-status").textContent = t`Copied.`;
  } catch {
    getSelection().selectAllChildren(byId(id));
    byId("take-status").textContent = t`This browser does not let the page copy: it is selected, press Ctrl and C.`;
  }
}

byId("open-take").addEventListener("click", openTake);
byId("close-take").addEventListener("click", () => byId("take").close());
byId("take-of").addEventListener("change", fillLatex);
for (const button of document.querySelectorAll("[data-copy]")) button.addEventListener("click", () => copyText(button.dataset.copy));
