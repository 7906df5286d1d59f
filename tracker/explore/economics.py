"""What a request costs, and why it changed: a pure function from two periods' figures to findings in numbers.

The change of a cost per request is divided without remainder. With a bar for the mean of the two periods and Δ for
their difference, Δ(a·b) = Δa·b̄ + ā·Δb, so for one model (i, o: input and output tokens a request; s: the cached
share of the input; pᵤ, pₖ, pₒ: what an uncached, a cached and an output token came to; rest: everything else)

    length = Δi·(pᵢ)̄ + Δo·p̄ₒ      cache = ī·Δs·(p̄ₖ − p̄ᵤ)
    price  = ī·((1 − s̄)·Δpᵤ + s̄·Δpₖ) + ō·Δpₒ      other = Δrest

and over models with shares w of the requests: mix = Σ Δw·(c̄ − c̄ of all), the rest weighted with w̄. A price that one
period does not show (nothing was cached, say) is taken to be as in the other. All in fractions: nothing is rounded.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from fractions import Fraction

HALF, ZERO = Fraction(1, 2), Fraction(0)

LEAST_PERCENT = Fraction(10)
"""A cost per request is worth a sentence from this change on …"""

LEAST_USD = Fraction(1)
"""… that makes this much over the later period's requests …"""

LEAST_REQUESTS = 100
"""… and rests on this many requests in both periods."""


class Cause(StrEnum):
    """What can change what a request costs."""

    LENGTH = "length"
    CACHE = "cache"
    PRICE = "price"
    OTHER = "other"
    MIX = "mix"


@dataclass(frozen=True)
class Bill:
    """What one model's requests used and cost in a period: token counts, and USD by what they were for.

    `cached` is inside no other count: `uncached + cached + output` are the text tokens. `other` is what audio, images,
    cache writes and fees of a request came to.
    """

    requests: int
    uncached: int = 0
    cached: int = 0
    output: int = 0
    usd_uncached: Fraction = ZERO
    usd_cached: Fraction = ZERO
    usd_output: Fraction = ZERO
    usd_other: Fraction = ZERO
    batch_requests: int = 0

    @property
    def usd(self) -> Fraction:
        return self.usd_uncached + self.usd_cached + self.usd_output + self.usd_other

    @property
    def per_request(self) -> Fraction:
        return self.usd / self.requests

    @property
    def input_per_request(self) -> Fraction:
        return Fraction(self.uncached + self.cached, self.requests)

    @property
    def output_per_request(self) -> Fraction:
        return Fraction(self.output, self.requests)

    @property
    def cached_share(self) -> Fraction | None:
        """None without any input."""
        return Fraction(self.cached, self.uncached + self.cached) if self.uncached + self.cached else None

    @property
    def batch_share(self) -> Fraction:
        return Fraction(self.batch_requests, self.requests)

    def plus(self, more: Bill) -> Bill:
        return Bill(*(getattr(self, each.name) + getattr(more, each.name) for each in fields(Bill)))


@dataclass(frozen=True)
class Finding:
    """That a request of `model` (None: of all together) costs `after` instead of `before`, in USD, and why.

    `causes` add up to the difference exactly.
    """

    model: str | None
    before: Bill
    after: Bill
    causes: Mapping[Cause, Fraction]

    @property
    def difference(self) -> Fraction:
        return self.after.per_request - self.before.per_request

    @property
    def percent(self) -> Fraction:
        return self.difference / self.before.per_request * 100

    @property
    def effect(self) -> Fraction:
        """What the difference made over the later period's requests, in USD."""
        return self.difference * self.after.requests

    @property
    def main(self) -> Cause:
        """The cause that did most in the direction of the change."""
        sign = 1 if self.difference > 0 else -1
        return max(self.causes, key=lambda cause: sign * self.causes[cause])


def findings(before: Mapping[str, Bill], after: Mapping[str, Bill]) -> list[Finding]:
    """What is worth a sentence, the largest effect first; nothing when there is nothing to say."""
    both = [name for name in sorted(after) if name in before]
    found = [
        Finding(name, before[name], after[name], causes(before[name], after[name]))
        for name in both
        if _many(before[name], after[name])
    ]
    if (whole := _whole(before, after)) and len({*before, *after}) > 1:
        found.append(whole)
    return sorted((each for each in found if _tells(each)), key=lambda each: (-abs(each.effect), each.model or ""))


def _many(before: Bill, after: Bill) -> bool:
    return min(before.requests, after.requests) >= LEAST_REQUESTS


def _tells(finding: Finding) -> bool:
    return bool(finding.before.usd) and abs(finding.percent) >= LEAST_PERCENT and abs(finding.effect) >= LEAST_USD


def _whole(before: Mapping[str, Bill], after: Mapping[str, Bill]) -> Finding | None:
    all_before, all_after = together(before.values()), together(after.values())
    if all_before is None or all_after is None or not _many(all_before, all_after):
        return None
    return Finding(None, all_before, all_after, causes_of_all(before, after))


def together(bills: Iterable[Bill]) -> Bill | None:
    """All of them; None when there is no request."""
    whole = Bill(0)
    for bill in bills:
        whole = whole.plus(bill)
    return whole if whole.requests else None


def causes(before: Bill, after: Bill) -> dict[Cause, Fraction]:
    """Why a request of one model costs more or less, without remainder."""
    prices = {name: _price(before, after, name) for name in ("uncached", "cached", "output")}
    (u0, u1), (k0, k1), (o0, o1) = prices["uncached"], prices["cached"], prices["output"]
    s0, s1 = _shares(before, after)
    i0, i1 = before.input_per_request, after.input_per_request
    out0, out1 = before.output_per_request, after.output_per_request
    in0, in1 = (1 - s0) * u0 + s0 * k0, (1 - s1) * u1 + s1 * k1
    length = (i1 - i0) * _mean(in0, in1) + (out1 - out0) * _mean(o0, o1)
    cache = _mean(i0, i1) * (s1 - s0) * (_mean(k0, k1) - _mean(u0, u1))
    price = _mean(i0, i1) * ((1 - _mean(s0, s1)) * (u1 - u0) + _mean(s0, s1) * (k1 - k0)) + _mean(out0, out1) * (
        o1 - o0
    )
    other = after.usd_other / after.requests - before.usd_other / before.requests
    return {Cause.LENGTH: length, Cause.CACHE: cache, Cause.PRICE: price, Cause.OTHER: other}


def causes_of_all(before: Mapping[str, Bill], after: Mapping[str, Bill]) -> dict[Cause, Fraction]:
    """The same over several models: which of them were asked is a cause of its own."""
    n0, n1 = sum(each.requests for each in before.values()), sum(each.requests for each in after.values())
    of_all = _mean(sum((b.usd for b in before.values()), ZERO) / n0, sum((b.usd for b in after.values()), ZERO) / n1)
    found = dict.fromkeys(Cause, ZERO)
    for name in {*before, *after}:
        one, two = before.get(name), after.get(name)
        w0, w1 = Fraction(one.requests if one else 0, n0), Fraction(two.requests if two else 0, n1)
        # A model that one period does not know is taken to have cost there what it costs in the other.
        c0, c1 = (one or two or Bill(1)).per_request, (two or one or Bill(1)).per_request
        found[Cause.MIX] += (w1 - w0) * (_mean(c0, c1) - of_all)
        if one and two:
            for cause, usd in causes(one, two).items():
                found[cause] += _mean(w0, w1) * usd
    return found


def _price(before: Bill, after: Bill, name: str) -> tuple[Fraction, Fraction]:
    """What one token came to in both periods."""
    told = [
        getattr(bill, f"usd_{name}") / getattr(bill, name) if getattr(bill, name) else None for bill in (before, after)
    ]
    known = next((price for price in told if price is not None), ZERO)
    one, two = (known if price is None else price for price in told)
    return one, two


def _shares(before: Bill, after: Bill) -> tuple[Fraction, Fraction]:
    one, two = before.cached_share, after.cached_share
    known = two if one is None else one
    return (known or ZERO) if one is None else one, (known or ZERO) if two is None else two


def _mean(one: Fraction, two: Fraction) -> Fraction:
    return (one + two) * HALF
