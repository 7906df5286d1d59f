"""A finding on unit costs as a sentence, with the figures that prove it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction

from pages.ui import text
from tracker.explore.economics import LEAST_PERCENT, LEAST_REQUESTS, LEAST_USD, Bill, Cause, Finding

RULE = (
    f"Told when the cost of a request moved by {LEAST_PERCENT} % or more, by ${LEAST_USD} or more over the period, "
    f"with at least {LEAST_REQUESTS} requests in both periods; only days that are complete in both are compared."
)
FIGURE = Decimal("0.0001")
MILLION = 10**6
TOLD_POINTS = Fraction(5, 100)
"""A share of batch requests that moved so far is named with a price that changed."""

Bills = Mapping[str, Bill]


def sentence(finding: Finding, *, before: Bills, after: Bills, days: str) -> str:
    """One sentence of Markdown; `days` says with which days it is compared."""
    model = finding.model
    who = f"**{text.quoted(model)}**" if model is not None else "**A request of any model**"
    per = " per request" if model is not None else ""
    more = "more" if finding.difference > 0 else "less"
    cost = f"({usd(finding.after.per_request)} instead of {usd(finding.before.per_request)})"
    proof = f"({change(finding.causes[finding.main])} of {change(finding.difference)} a request)"
    why = WHY[finding.main](finding, before, after)
    return (
        f"{who} cost {percent(abs(finding.percent))} {more}{per} than in {days} {cost}, mostly because {why} {proof}."
    )


def usd(amount: Fraction) -> str:
    return text.event_money(decimal(amount))


def change(amount: Fraction) -> str:
    sign = "+" if amount > 0 else text.MINUS if amount < 0 else ""
    return f"{sign}{usd(abs(amount))}"


def percent(amount: Fraction) -> str:
    return f"{decimal(amount).quantize(Decimal('0.1'), ROUND_HALF_EVEN):,} %"


def share(part: Fraction | None) -> str:
    return text.UNKNOWN if part is None else percent(part * 100)


def decimal(amount: Fraction) -> Decimal:
    """For showing only."""
    return Decimal(amount.numerator) / Decimal(amount.denominator)


def per_million(bill: Bill, name: str) -> str:
    """What a million tokens of a kind came to; a dash for none."""
    count = getattr(bill, name)
    return text.money(decimal(getattr(bill, f"usd_{name}") * MILLION / count)) if count else text.UNKNOWN


def _cache(finding: Finding, _before: Bills, _after: Bills) -> str:
    one, two = finding.before.cached_share, finding.after.cached_share
    return f"cached input {_moved(one, two)} from {share(one)} to {share(two)}"


def _length(finding: Finding, _before: Bills, _after: Bills) -> str:
    told = [
        (f"{decimal(bill.input_per_request):,.0f}", f"{decimal(bill.output_per_request):,.0f}")
        for bill in (finding.after, finding.before)
    ]
    (i1, o1), (i0, o0) = told
    return f"a request had {i1} input and {o1} output tokens instead of {i0} and {o0}"


def _price(finding: Finding, _before: Bills, _after: Bills) -> str:
    said = []
    for name, noun in (("uncached", "uncached input"), ("cached", "cached input"), ("output", "output")):
        now, then = per_million(finding.after, name), per_million(finding.before, name)
        if now != then and text.UNKNOWN not in {now, then}:
            said.append(f"{noun} came to {now} a million tokens instead of {then}")
    one, two = finding.before.batch_share, finding.after.batch_share
    batch = f", with {share(two)} of the requests in batches instead of {share(one)}"
    return (" and ".join(said) or "its tokens had other prices") + (batch if abs(two - one) >= TOLD_POINTS else "")


def _other(finding: Finding, _before: Bills, _after: Bills) -> str:
    one, two = (usd(bill.usd_other / bill.requests) for bill in (finding.before, finding.after))
    return f"audio, images, cache writes and fees came to {two} a request instead of {one}"


def _mix(finding: Finding, before: Bills, after: Bills) -> str:
    """The model whose share of the requests moved most."""

    def part(bills: Bills, whole: Bill, name: str) -> Fraction:
        return Fraction(bills[name].requests, whole.requests) if name in bills else Fraction(0)

    shares = {n: (part(before, finding.before, n), part(after, finding.after, n)) for n in sorted({*before, *after})}
    moved = {name: two - one for name, (one, two) in shares.items()}
    name = max(moved, key=lambda each: (abs(moved[each]), moved[each]))
    one, two = shares[name]
    return f"{text.quoted(name)} made {share(two)} of the requests instead of {share(one)}"


def _moved(one: Fraction | None, two: Fraction | None) -> str:
    return "fell" if (two or 0) < (one or 0) else "rose"


WHY = {Cause.CACHE: _cache, Cause.LENGTH: _length, Cause.PRICE: _price, Cause.OTHER: _other, Cause.MIX: _mix}
