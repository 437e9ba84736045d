"""Pages in headless Chromium, cut off from every network: the fixture `browse` opens them and watches what they do."""

import shutil

import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --no-pings"
).split()
OFFLINE = (
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"  # a server of the tests can be reached, nothing else
)
WINDOW = {"width": 1280, "height": 720}
PATIENCE = 20_000  # milliseconds until an action that does not come about fails; a busy machine is slow


class Browse:
    """Shows pages in a tab, and notes what a page must not do.

    Fields:
        problems: requests beyond the page's own file, console warnings and errors, uncaught exceptions, dialogs.
    """

    def __init__(self, tab):
        self.tab, self.opened, self.problems = tab, set(), []
        tab.context.on("request", self._request)
        tab.context.on("console", self._console)
        tab.context.on("dialog", self._dialog)
        tab.context.on("weberror", lambda error: self.problems.append(f"uncaught: {error.error}"))

    def __call__(self, html, fragment="", viewport=WINDOW, color_scheme="light", reduced_motion="no-preference"):
        """The tab, a Playwright Page, with `html`, text or the path of a file; `fragment` is such as "#step=3".

        color_scheme may be "dark", reduced_motion "reduce": what the reader has asked the system for.
        """
        path = html
        if isinstance(html, str):
            path = self.folder / "page.html"
            path.write_text(html, encoding="utf-8")
        self.opened.add(path.as_uri())
        self.tab.emulate_media(color_scheme=color_scheme, reduced_motion=reduced_motion)
        self.tab.set_viewport_size(viewport)
        if self.tab.url.partition("#")[0] == path.as_uri():
            self.tab.goto("about:blank")  # else it would stay, and only the fragment would change
        self.tab.goto(path.as_uri() + fragment)
        return self.tab

    def _request(self, request):
        if request.url.partition("#")[0] not in self.opened and not request.url.startswith(("data:", "blob:")):
            self.problems.append(f"asked for {request.url}")

    def _console(self, message):
        if message.type in ("error", "warning", "assert"):
            self.problems.append(f"console {message.type}: {message.text}")

    def _dialog(self, dialog):
        self.problems.append(f"{dialog.type} dialog: {dialog.message}")
        dialog.dismiss()


@pytest.fixture(scope="session")
def chromium():
    """A Browse for all tests. The browser starts in a second, with an empty profile; a page takes a tenth."""
    library = pytest.importorskip("playwright.sync_api", reason="pages are driven with axe-playwright-python")
    if CHROMIUM is None:
        pytest.skip("needs Chromium; on Debian and Ubuntu: apt-get install chromium")
    with library.sync_playwright() as playwright:
        process = playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, OFFLINE])
        context = process.new_context(offline=True)
        context.set_default_timeout(PATIENCE)
        yield Browse(context.new_page())
        process.close()


@pytest.fixture
def browse(chromium, tmp_path):
    """A Browse. The test fails at its end if a page of it did what it must not."""
    chromium.folder = tmp_path
    chromium.problems.clear()
    yield chromium
    chromium.tab.evaluate("0")  # its answer comes after all that was noticed before
    if chromium.problems:
        pytest.fail("the page misbehaved: " + "; ".join(chromium.problems), pytrace=False)


def stop_clock(tab):
    """The page's intervals pass no more but for each call of its tick()."""
    tab.evaluate("""() => {
      const acts = new Set();
      window.setInterval = (act) => { acts.add(act); return act; };
      window.clearInterval = (act) => acts.delete(act);
      window.tick = () => acts.forEach((act) => act());
    }""")


def violations(tab):
    """What axe-core finds wrong with the page as it is now: a line for each rule and element."""
    from axe_playwright_python.sync_playwright import Axe

    if tab.evaluate("typeof axe") == "undefined":
        tab.evaluate(Axe().axe_script)
    found = tab.evaluate("axe.run({ resultTypes: ['violations'], iframes: false })")["violations"]
    return [f"{rule['id']}: {node['failureSummary']} {node['html'][:200]}" for rule in found for node in rule["nodes"]]


# numbers what can be operated, remembers its look, and returns how many there are
OPERABLE = """() => {
  const all = [...document.querySelectorAll("a, button, input, summary, [role=button], [tabindex='0']")];
  const operable = all.filter((element) => !element.disabled && element.checkVisibility());
  const style = (e) => { const s = getComputedStyle(e); return [s.outlineStyle, s.outlineWidth, s.stroke, s.strokeWidth].join(); };
  window.look = (element) => style(element) + style(element.querySelector(".box") ?? element);
  window.looks = operable.map(look);
  operable.forEach((element, i) => { element.dataset.number = i; });
  return operable.map((element) => element.outerHTML.slice(0, 80));
}"""
FOCUSED = """() => {
  const { number } = document.activeElement.dataset;
  return number === undefined ? null : [Number(number), look(document.activeElement) !== looks[number]];
}"""


def by_tab(tab):
    """(how many elements can be operated, those that Tab never reaches, those that look the same with the focus)."""
    operable, visible = tab.evaluate(OPERABLE), {}
    for _ in range(len(operable) + 5):  # some more, because the browser's own controls come between
        tab.keyboard.press("Tab")
        if focused := tab.evaluate(FOCUSED):
            visible.update([focused])
    return (
        len(operable),
        [element for i, element in enumerate(operable) if i not in visible],
        [element for i, element in enumerate(operable) if not visible.get(i, True)],
    )
