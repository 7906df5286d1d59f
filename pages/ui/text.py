"""Values as a person reads them: money, counts, days, instants; and the sentences of every state of the dashboard.

What comes from outside is quoted with `quoted` before it stands in Markdown: a name must never become a link.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal

from tracker import clock, coverage, export
from tracker.overview import holes
from tracker.overview.holes import Holes
from tracker.providers import PROVIDERS

age = clock.age
MINUS = "\N{MINUS SIGN}"
UNKNOWN = "\N{EN DASH}"
CENT = Decimal("0.01")
NANO_PLACES = 9
"""Decimals of the smallest amount that is stored."""

HUNDRED = Decimal(100)
MILLION = Decimal(1_000_000)
PUNCTUATION = frozenset("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")
KEY_PAGES = [provider.key_page for provider in PROVIDERS.values()]

DISCLAIMER = (
    "Estimates are tokens × price, the list's or your own, and may differ from the invoice: credits, taxes and fees "
    "without a token count are only in billed amounts."
)
IN_ORDER = f"the last {coverage.NEWEST_FIRST.days} days first, then from the oldest on"
"""In which order a history is read (coverage.in_order)."""

START_WORKER = "Start it with `python -m jobs`; the page then goes on by itself."


def money(usd: Decimal | None) -> str:
    """Cents up to a million, then two decimals and M; an amount below a cent is never shown as nothing."""
    if usd is None:
        return UNKNOWN
    size, sign = abs(usd), MINUS if usd < 0 else ""
    if 0 < size < CENT:
        return f"{sign}<$0.01"
    if size >= MILLION:
        return f"{sign}${(size / MILLION).quantize(CENT, ROUND_HALF_EVEN):,}M"
    return f"{sign}${size.quantize(CENT, ROUND_HALF_EVEN):,}"


def fine_money(usd: Decimal | None) -> str:
    """As `money`, with two digits of what is below a cent: for amounts that are compared by eye."""
    if usd is None or not 0 < abs(usd) < CENT:
        return money(usd)
    return _with_places(usd, min(1 - usd.adjusted(), NANO_PLACES))


def apart(one: Decimal, other: Decimal) -> tuple[str, str]:
    """Two amounts held against each other: as `fine_money`, and with more decimals where they would read alike."""
    told = fine_money(one), fine_money(other)
    for places in range(3, NANO_PLACES + 1):
        if one == other or told[0] != told[1]:
            break
        told = _with_places(one, places), _with_places(other, places)
    return told


def _with_places(usd: Decimal, places: int) -> str:
    return f"{MINUS if usd < 0 else ''}${abs(usd):,.{places}f}"


def money_change(usd: Decimal | None) -> str:
    """As `money`, always with a sign unless it is nothing."""
    return f"+{money(usd)}" if usd is not None and usd > 0 else money(usd)


def fine_change(usd: Decimal) -> str:
    """As `fine_money`, always with a sign unless it is nothing."""
    return f"+{fine_money(usd)}" if usd > 0 else fine_money(usd)


def signed(usd: Decimal, places: int) -> str:
    """An amount already rounded to so many decimals, with its sign: +$0.4200."""
    return f"{MINUS if usd < 0 else '+'}${abs(usd):,.{places}f}"


def whole_money(usd: Decimal | None) -> str:
    """Whole dollars, for what is only foretold."""
    if usd is None:
        return UNKNOWN
    return f"${usd.quantize(Decimal(1), ROUND_HALF_EVEN):,}" if usd >= 1 else money(usd)


def rate_money(usd: Decimal | None) -> str:
    """What is spent in a time: whole dollars from a hundred on, below with its cents, which count there."""
    return whole_money(usd) if usd is not None and usd >= HUNDRED else money(usd)


def event_money(usd: Decimal | None) -> str:
    """Four decimals, for the cost of one event."""
    if usd is None:
        return UNKNOWN
    smallest = Decimal("0.0001")
    return f"<${smallest}" if 0 < usd < smallest else f"${usd.quantize(smallest, ROUND_HALF_EVEN):,}"


def count(number: int | None) -> str:
    """Thousands, millions and billions as k, M and B: one decimal below a hundred of them, none from there on."""
    if number is None:
        return UNKNOWN
    if number < 1_000:
        return str(number)
    for size, letter in ((10**3, "k"), (10**6, "M")):
        if (scaled := _rounded(Decimal(number) / size)) < 1_000:
            return f"{scaled}{letter}"
    return f"{_rounded(Decimal(number) / 10**9):,}B"


def _rounded(scaled: Decimal) -> Decimal:
    return scaled.quantize(Decimal("0.1") if scaled < Decimal("99.95") else Decimal(1), ROUND_HALF_EVEN)


def percent_change(percent: Decimal | None) -> str:
    """One decimal and always a sign: +16.2 %."""
    if percent is None:
        return UNKNOWN
    sign = "+" if percent > 0 else MINUS if percent < 0 else ""
    return f"{sign}{abs(percent):,.1f} %"


def day(value: date, *, today: date) -> str:
    """9 Nov; with the year when it is not this one."""
    year = "" if value.year == today.year else f" {value.year}"
    return f"{value.day} {value:%b}{year}"


def day_range(first: date, last: date, *, today: date) -> str:
    """The days from first to last, both inclusive: 1–21 Nov, 30 Oct – 2 Nov."""
    if first == last:
        return day(last, today=today)
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day}–{day(last, today=today)}"
    return f"{day(first, today=today)} – {day(last, today=today)}"


def left_out(found: Holes, *, whose: bool, today: date) -> str:
    """Days that sums are without: 3 Nov, 5–7 Nov; where `whose`, of which connection. Empty without any."""
    return holes.named(found, lambda first, last: day_range(first, last, today=today), whose=whose, quoted=quoted)


def instant(at: datetime, *, today: date) -> str:
    """20 Nov 04:02 UTC; the time alone on the same day. `at` is aware UTC."""
    time = f"{at:%H:%M} UTC"
    return time if at.date() == today else f"{day(at.date(), today=today)} {time}"


def too_often(wait: timedelta) -> str:
    """That a try came too early, with the wait in whole seconds or minutes, rounded up."""
    seconds = math.ceil(wait.total_seconds())
    named = several(seconds, "second") if seconds < 60 else several(math.ceil(seconds / 60), "minute")
    return f"Too many tries. Please wait {named}."


def several(number: int, one: str, many: str | None = None) -> str:
    """1 day, 2 days, 1,204 days."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def dollars(text: str) -> str:
    """Text of ours for Markdown: two bare dollar signs would be read as a formula."""
    return re.sub(r"(?<!\\)\$", r"\\$", text)


def in_cell(foreign: str | None) -> str:
    """Text from outside for a cell of a table on screen, read as it is; nothing for none.

    What a spreadsheet would take for a formula begins with a word joiner, which is not seen, by the rule of the files:
    it stays a text also where the table is copied or downloaded from the screen.
    """
    return "" if foreign is None else export.harmless(foreign, guard="\N{WORD JOINER}")


def quoted(foreign: str) -> str:
    """Text from outside for Markdown, to be read as it is: no markup, link, address, icon or emoji comes of it.

    Addresses, short codes and arrows are recognised even when escaped: a word joiner breaks them without being seen.
    It stands nowhere else, because whoever copies the text copies it too.
    """
    flat = " ".join(foreign.split())
    escaped = "".join(f"\\{char}" if char in PUNCTUATION else char for char in flat)
    # Before a space a mark begins nothing, and stays as it was for whoever copies the text.
    broken = re.sub(r"(\\[:@])(?=\S)", "\\1\N{WORD JOINER}", escaped)
    broken = re.sub(r"(?i)(www)(?=\\\.)", "\\1\N{WORD JOINER}", broken)
    # Two dashes would become one long one, and other pairs arrows.
    return re.sub(r"(\\[-<>=~])(?=\\[-<>=~])", "\\1\N{WORD JOINER}", broken)


def first_of(names: Sequence[str], most: int = 3) -> str:
    """The first names from outside, quoted, and how many more there are."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(map(quoted, names[:most])) + more


def told(sentence: str) -> str:
    """A sentence that may hold words from outside, as `quoted`; a provider's page where keys are made is a link."""
    shown = quoted(sentence)
    for page in KEY_PAGES:
        shown = shown.replace(quoted(page), f"[{page}](https://{page})")
    return shown
