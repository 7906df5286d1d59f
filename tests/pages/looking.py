"""Looking at a page in one state: what can be seen to be wrong with it, and a picture of it, in both themes and widths.

The pictures lie under pytest's folder of temporary files and are nobody's truth: they are for people to look at.
"""

from __future__ import annotations

import base64
import re
import struct
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Locator, Page
from playwright.sync_api import TimeoutError as TooLate

RULES: dict[str, object] = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"],
    "resultTypes": ["violations"],
    "preload": False,  # the style sheets are in the page
}
WIDE, NARROW, HIGH, HIGHEST = 1440, 390, 900, 4_000
WIDTHS = (WIDE, NARROW)
COLOURS = "color-contrast"
OF_WIDTH: dict[int, dict[str, object]] = {WIDE: RULES, NARROW: {**RULES, "rules": {COLOURS: {"enabled": False}}}}
"""Colours are the theme's and the same at any width; to look at each pair of them takes half of axe-core's time."""

OF_COLOURS: dict[str, object] = {**RULES, "runOnly": {"type": "rule", "values": [COLOURS]}}
"""All that another theme can change on a page that is otherwise the same, element by element."""

GRAVE = {"serious", "critical"}

BACKGROUNDS = {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 22, 27)"}
"""By which the page's theme is known; as in .streamlit/config.toml."""

NOT_OURS = {
    # The parts of a date are narrow; WCAG 2.5.8 lets that be where another control, its calendar, does the same.
    "target-size": 'role="spinbutton"',
}

PNG, SMALLEST_PX = b"\x89PNG\r\n\x1a\n", 100

MOST_TABS = 120
"""Presses of the tab key within which anything on a page is reached."""

# What axe-core does not look for: a page wider than the screen, a chart that is told to nobody, a message that is not
# announced, what lies under the buttons over a table, which are there for good on touch. A chart's twin is a table
# beside it, or behind an expander that says so.
SEEN = """() => {
  const all = (test) => [...document.querySelectorAll(`[data-testid="${test}"]`)].filter((e) => e.checkVisibility());
  const found = [];
  const main = all("stMain")[0];
  if (main && main.scrollWidth > main.clientWidth + 1) found.push(`${main.scrollWidth} px wide`);
  const charts = all("stVegaLiteChart");
  const told = (e) => e.matches("[aria-label]") || e.querySelector("[aria-label]:not(button)");
  found.push(...charts.filter((e) => !told(e)).map(() => "a chart without words"));
  const twins = all("stDataFrame").length + all("stTable").length
    + all("stExpander").filter((e) => /table/i.test(e.innerText)).length;
  if (charts.length && !twins) found.push("a chart without a table");
  const said = (e) => e.closest("[role=alert],[role=status]") || e.querySelector("[role=alert],[role=status]");
  found.push(...all("stAlert").filter((e) => !said(e)).map((e) => `not announced: ${e.innerText.slice(0, 60)}`));
  if (all("stException").length) found.push("an exception is shown");
  const places = (e) => { const r = document.createRange(); r.selectNodeContents(e); return [...r.getClientRects()]; };
  const meet = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
  const beside = (e) => [...(e.closest("[role=dialog]") ?? main).querySelectorAll("button, summary, a, p, h2, h3")];
  for (const tools of all("stElementToolbar")) {
    const [own, box] = [tools.closest('[data-testid="stFullScreenFrame"]'), tools.getBoundingClientRect()];
    const words = beside(tools).filter((e) => e.checkVisibility() && !own?.contains(e));
    const under = words.filter((e) => places(e).some((place) => meet(place, box)));
    found.push(...under.map((e) => `under a table's buttons: ${e.innerText.slice(0, 60)}`));
  }
  return found;
}"""

FITS = """() => {
  const main = document.querySelector('[data-testid="stMain"]');
  return !main || main.scrollWidth <= main.clientWidth + 1;
}"""

RESTS = """() => document.querySelector('[data-testid="stApp"]')?.dataset.testScriptState === "notRunning"
  && !document.querySelector('[data-stale="true"], [data-testid="stSkeleton"]')
  && !document.getAnimations().some((each) => each instanceof CSSTransition && each.playState === "running")"""

# Every element that is there to be seen or heard, with what the rules other than that of colours go by.
FORM = """() => {
const HEARD = /^(role|type|tabindex|alt|title|aria-(?!labelledby|describedby|controls|owns).*)$/;
return [...document.querySelectorAll("body *")].filter((e) => e.checkVisibility()).map((e) => {
  const told = [...e.attributes].filter((a) => HEARD.test(a.name));
  return [e.tagName, ...told.map((a) => `${a.name}=${a.value}`)].join(" ");
}).join("\\n") }"""

REACHES = """() => document.querySelector('[data-testid="stMain"]')?.scrollHeight ?? 0"""
WEARS = """(colour) => getComputedStyle(document.querySelector('[data-testid="stApp"]')).backgroundColor === colour"""
SIGN = """() => [...document.images].map((e) => e.src).filter((src) => src.startsWith("data:image/svg"))"""
DIFFERS = f"(before) => {{ const now = ({SIGN})(); return now.length && !now.some((src) => before.includes(src)) }}"
RINGED = """() => {
  const e = document.activeElement;
  return !e.matches("a, button, summary") || getComputedStyle(e).outlineStyle === "solid";
}"""
# Before a page is loaded: how many of its listeners wait for another theme.
LISTENING = """(() => {
  const [list, told] = [MediaQueryList.prototype, (e, kind) => kind === "change" && e.media.includes("color-scheme")];
  const { addEventListener: add, removeEventListener: remove } = EventTarget.prototype;
  const waiting = window.waiting = new Set();
  list.addEventListener = function (kind, f) { if (told(this, kind)) waiting.add(f); add.apply(this, arguments); };
  list.removeEventListener = function (kind, f) { waiting.delete(f); remove.apply(this, arguments); };
})()"""
HELD = "(rules) => axe.run(rules).then((told) => told.violations)"


@dataclass
class Album:
    """Pictures of one test, and what was wrong with what they show."""

    folder: Path
    theme: str = "light"
    pictures: int = 0
    told: dict[str, list[str]] = field(default_factory=dict)

    def look(self, page: Page, name: str, again: Callable[[], object] = lambda: None) -> None:
        """At the page as it stands, in both themes at both widths; `again` brings back what a redraw takes away."""
        rest(page)
        forms: dict[int, str] = {}
        self.told[name] = self._look(page, name, forms)
        self.theme = "light" if self.theme == "dark" else "dark"
        wear(page, self.theme)
        rest(page)
        again()
        rest(page)
        self.told[name] += self._look(page, name, forms)

    def _look(self, page: Page, name: str, forms: dict[int, str]) -> list[str]:
        """`forms` holds what the page was made of when it was held against all rules, by width."""
        found: list[str] = []
        camera = page.context.new_cdp_session(page)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": HIGH})
            with suppress(TooLate):  # a table follows the window a moment later; one that never does is told below
                page.wait_for_function(FITS, timeout=3_000)
            page.set_viewport_size({"width": width, "height": max(HIGH, min(page.evaluate(REACHES), HIGHEST))})
            faults = (*page.evaluate(SEEN), *_held_by_axe(page, _rules(page, width, forms)))
            found += [f"{self.theme}, {width} px: {fault}" for fault in faults]
            taken = camera.send("Page.captureScreenshot", {"format": "png", "optimizeForSpeed": True})
            file = self.folder / f"{re.sub('[^a-z0-9]+', '-', name.lower())}-{self.theme}-{width}.png"
            file.write_bytes(base64.b64decode(taken["data"]))
            self.pictures += 1
        camera.detach()
        page.set_viewport_size({"width": WIDE, "height": HIGH})
        return found

    def count(self) -> str:
        """For whoever looks at the pictures."""
        held = sum(map(len, self.told.values()))
        looks = f"{len(self.told)} pages and states × 2 themes × {len(WIDTHS)} widths"
        return f"{looks}: {held} faults, {self.pictures} pictures ({', '.join(self.told)})\n"

    @property
    def faults(self) -> dict[str, list[str]]:
        return {name: found for name, found in self.told.items() if found}


def rest(page: Page) -> None:
    """Until the page has drawn itself to its end."""
    page.wait_for_function(RESTS)


def wear(page: Page, theme: str) -> None:
    """Have the browser change its theme, and wait until the product has drawn the page anew by itself.

    Its sign is of the theme in which the server drew. While a dialog is open it draws nothing anew.
    """
    sign = page.evaluate(SIGN)
    assert sign, "the page has no sign to tell the theme by"
    page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
    page.wait_for_function(WEARS, arg=BACKGROUNDS[theme])
    if page.get_by_role("dialog").count():
        page.keyboard.press("Escape")
    page.wait_for_function(DIFFERS, arg=sign)


def _rules(page: Page, width: int, forms: dict[int, str]) -> dict[str, object] | None:
    """What is left to hold against the page: of one that differs in its theme alone, the colours."""
    form = page.evaluate(FORM)
    known, forms[width] = forms.get(width), form
    if form != known:
        return OF_WIDTH[width]
    return OF_COLOURS if width == WIDE else None


def _held_by_axe(page: Page, rules: dict[str, object] | None) -> list[str]:
    if rules is None:
        return []
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    return [
        f"{fault['id']}: {node['html'][:200]} {node['failureSummary'][:200]}"
        for fault in page.evaluate(HELD, rules)
        if fault["impact"] in GRAVE
        for node in fault["nodes"]
        if NOT_OURS.get(fault["id"], "\0") not in node["html"]
    ]


def saved_charts(page: Page) -> list[str]:
    """What is wrong with the pictures that the page's charts offer to save: each is asked for, and must be a PNG."""
    faults = []
    charts = page.get_by_test_id("stFullScreenFrame").filter(has=page.get_by_test_id("stVegaLiteChart"))
    for n in range(charts.count()):
        with page.expect_download() as waiting:  # by the key: a scroll takes the pointer away from the chart's buttons
            charts.nth(n).get_by_role("button", name="Download as PNG").press("Enter")
        picture = Path(waiting.value.path()).read_bytes()
        width, height = struct.unpack(">II", picture[16:24]) if picture[:8] == PNG else (0, 0)
        if min(width, height) < SMALLEST_PX or len(picture) < width * height // 1_000:
            faults.append(f"chart {n} of {page.url}: {len(picture)} bytes, {width} × {height} px")
    return faults or ([] if charts.count() else [f"no chart on {page.url}"])


def watch(page: Page) -> list[str]:
    """A list that every answer of 400 or above is written to from now on, but for what Streamlit asks in vain.

    On an address below the root its browser part first asks the address itself for these two (1.67, seen 2026-11): it
    cannot know whether the page's name is a page or the folder that the site lies in, and tries the longer one first.
    """
    refused: list[str] = []
    asked = re.compile(r"^/[a-z]+/_stcore/(health|host-config)$")
    page.on(
        "response",
        lambda told: (
            refused.append(f"{told.status} {told.url}")
            if told.status >= 400 and not asked.match(urlsplit(told.url).path)
            else None
        ),
    )
    return refused


def tab_to(page: Page, wanted: Locator) -> None:
    """Press the tab key until the wanted thing has the focus; each link and button on the way shows that it has it."""
    for _ in range(MOST_TABS):
        page.keyboard.press("Tab")
        page.wait_for_function(RINGED)
        if wanted.evaluate("e => e === document.activeElement"):
            return
    raise AssertionError(f"the keyboard does not reach {wanted}")
