// The tour of half a minute: a few cards about three values. It offers itself once, and can be had again from the help.

const tour = { at: 0 };
const SEEN = "chainrule tour"; // what is remembered in this browser

function openTour() {
  byId("help").close();
  rememberTour();
  tour.at = 0;
  showCard();
  byId("tour").showModal();
  byId("tour-next").focus();
}

function showCard() {
  const { said, text, value, grad, flow, edge } = story.tour[tour.at];
  byId("tour-said").textContent = said;
  byId("tour-text").textContent = text;
  byId("tour-count").textContent = t`${tour.at + 1} of ${story.tour.length}`;
  for (const [kind, texts] of Object.entries({ value, grad })) {
    for (const [id, content] of Object.entries(texts)) document.querySelector(`#tour-n${id} .${kind}`).textContent = content;
  }
  for (const [id, content] of Object.entries(flow)) {
    document.querySelector(`#tour-e${id} .flow`).textContent = content;
    byId(`tour-e${id}`).classList.toggle("lit", Number(id) === edge);
  }
  byId("tour-back").disabled = tour.at === 0;
  byId("tour-next").textContent = tour.at === story.tour.length - 1 ? t`Now your graph` : t`Next →`;
}

function turnCard(by) {
  if (tour.at + by >= story.tour.length) return byId("tour").close();
  tour.at = Math.max(0, tour.at + by);
  showCard();
  if (document.activeElement === document.body) byId("tour-next").focus(); // as "Back" cannot be pressed any more
}

/** Whether the tour was seen or declined in this browser; a page in a frame may not be allowed to know. */
function knowsTour() {
  try {
    return localStorage.getItem(SEEN) !== null;
  } catch {
    return false;
  }
}

function rememberTour() {
  byId("offer").hidden = true;
  try {
    localStorage.setItem(SEEN, "seen");
  } catch {
    // then it offers itself again
  }
}

byId("offer").hidden = knowsTour();
byId("tour").addEventListener("keydown", (event) => {
  const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (by) turnCard(by);
});
for (const [id, act] of Object.entries({
  "take-tour": openTour,
  "no-tour": rememberTour,
  "tour-again": openTour,
  "tour-next": () => turnCard(1),
  "tour-back": () => turnCard(-1),
  "tour-close": () => byId("tour").close(),
})) byId(id).addEventListener("click", act);
