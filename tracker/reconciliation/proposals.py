"""What to agree so that the estimate follows the bill: the prices found on it, a model or service at a time.

Pure. All that the bill says of a model goes into one price, because a later price takes the whole place of an earlier.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from tracker.own_prices import EVERY_MODEL, MAX_PLACES, NO_PRICES, UNIT_RATES, OwnPrice, OwnPrices
from tracker.own_rates import MILLION
from tracker.ratecards import CLASSES
from tracker.reconciliation.causes import DAYS_OF_EVIDENCE
from tracker.reconciliation.estimates import CLASS_OF, SERVICES, UNIT_FAMILIES
from tracker.reconciliation.implied import Finding, ImpliedPrice, Observation, implied_prices
from tracker.reconciliation.lines import Item

SERVICE_RATES = {SERVICES[family]: UNIT_RATES[family] for family in SERVICES if family in UNIT_RATES}
UNIT_KINDS = {kind for _, kind in UNIT_FAMILIES.values()}
FACTOR_PLACES = 4


@dataclass(frozen=True)
class Proposal:
    """A price that makes what the bill says on every day from `price.effective_from` on, and the lines it was read off.

    `price` has no number yet. `agreed` is the price in force that says the same: only a repricing is left to do.
    """

    price: OwnPrice
    finding: Finding
    evidence: tuple[Observation, ...]
    agreed: OwnPrice | None = None

    @property
    def kept(self) -> Mapping[str, Decimal]:
        """The rates of the price that no line of the evidence tells: they stay as they were agreed before."""
        told = {rate_name(each.item) for each in self.evidence}
        return {name: rate for name, rate in self.price.rates.items() if name not in told}

    @property
    def days(self) -> tuple[date, ...]:
        """The days of the evidence, first to last."""
        return tuple(sorted({each.day for each in self.evidence}))

    @property
    def billed(self) -> Decimal:
        """What the evidence was billed at, in USD."""
        return sum((each.amount for each in self.evidence), Decimal())


def proposals(
    observed: Iterable[Observation], providers: Mapping[int, str], prices: OwnPrices = NO_PRICES
) -> list[Proposal]:
    """A proposal for each connection's model or service that the bill prices otherwise, by what was billed, most first.

    `providers` names the provider of each connection.
    """
    targets: dict[tuple[int, str, str], list[Observation]] = {}
    for each in sorted(observed, key=lambda one: (one.day, one.item)):
        if each.quantity > 0 and each.amount > 0 and rate_name(each.item):
            targets.setdefault((each.provider_key_id, *_target(each.item)), []).append(each)
    found = []
    for (key, model, _), lines in targets.items():
        newest = OwnPrice(0, providers[key], model, lines[-1].day)
        before = _in_force(prices, newest, lines)
        found += [_by_factor(lines, newest, before) or _by_rates(lines, newest, before)]
    return sorted((each for each in found if each), key=lambda each: each.billed, reverse=True)


def rate_name(item: Item) -> str | None:
    """What the rate of a line is called among agreed prices; None for what no rate fits, such as storage."""
    if not item.model:
        return SERVICE_RATES.get(item.kind)
    return item.kind if item.kind in UNIT_KINDS else CLASS_OF[item.kind]


def in_words_of_rate(name: str, rate: Decimal) -> Decimal:
    """USD a token or unit as agreed prices hold it: a million tokens, or one."""
    return rate * MILLION if name in CLASSES else rate


def _target(item: Item) -> tuple[str, str]:
    """The model, or every model and the service's name."""
    return (item.model, "") if item.model else (EVERY_MODEL, item.kind)


def _in_force(prices: OwnPrices, newest: OwnPrice, lines: Iterable[Observation]) -> OwnPrice | None:
    """The price agreed last that speaks of any of these lines; one of some kind of token has the place of all kinds."""
    names, day = {str(rate_name(each.item)) for each in lines}, newest.effective_from
    names |= set(CLASSES) if names & set(CLASSES) else set()
    fitting = [
        each
        for each in prices.prices
        if each.fits(newest.provider, newest.model, day) and (each.factor is not None or names & each.rates.keys())
    ]
    return max(fitting, key=lambda each: (each.effective_from, each.id), default=None)


def _by_factor(lines: Sequence[Observation], newest: OwnPrice, before: OwnPrice | None) -> Proposal | None:
    """One ratio of bill and estimate on all lines of a model, whatever tiers they sell."""
    if (before and before.factor is None) or any(not each.estimated for each in lines):
        return None
    lines = _stretch(lines, lambda each: each.agreed is lines[-1].agreed)  # all estimated alike
    recent = [each for each in lines if (newest.effective_from - each.day).days < DAYS_OF_EVIDENCE]
    largest = max(recent, key=lambda each: each.amount)
    ratio = _plain(round(largest.amount / (largest.estimated or 1), FACTOR_PLACES))
    stretch = _stretch(lines, lambda each: each.is_times(ratio))
    if len({each.day for each in stretch}) < DAYS_OF_EVIDENCE or all(each.is_times(Decimal(1)) for each in stretch):
        return None
    factor = _plain(ratio * before.factor) if before and before.factor and lines[-1].agreed else ratio
    finding = Finding.CHANGED if len(stretch) < len(lines) else Finding.NEGOTIATED
    price = replace(newest, effective_from=stretch[0].day, factor=factor)
    return Proposal(price, finding, tuple(stretch), before if before and before.factor == factor else None)


def _by_rates(lines: Sequence[Observation], newest: OwnPrice, before: OwnPrice | None) -> Proposal | None:
    """A rate for each kind that the bill sells at one rate. What sells several tiers on a line has none."""
    mixed = {each.item for each in lines if len(each.listed) > 1}
    read_off = {each: _simple(each) for each in implied_prices(lines) if each.item not in mixed}
    findings = [each for each, rate in read_off.items() if rate is not None]
    if not findings:
        return None
    rates = {str(rate_name(each.item)): rate for each, rate in read_off.items() if rate is not None}
    told = [each for each in lines if rate_name(each.item) in rates]
    since = _stretch(told, lambda each: _at(each, rates))[0].day
    price = replace(newest, effective_from=since, rates={**_kept(before, lines), **rates})
    same = before and all(before.rates.get(name) == rate for name, rate in rates.items())
    evidence = tuple(one for each in findings for one in each.evidence)
    return Proposal(price, findings[0].finding, evidence, before if same else None)


def _kept(before: OwnPrice | None, lines: Iterable[Observation]) -> dict[str, Decimal]:
    """What the earlier price said of other things: its rates, or what its factor made of the list's."""
    if before is None:
        return {}
    made = {each.item: each.listed[0] for each in lines if len(each.listed) == 1 and before.factor is not None}
    named = {str(rate_name(item)): rate for item, rate in made.items()}
    return {**before.rates, **{name: in_words_of_rate(name, rate) for name, rate in named.items()}}


def _simple(finding: ImpliedPrice) -> Decimal | None:
    """The rate of fewest digits that makes every amount of the evidence; None where an agreed price cannot hold it."""
    name = str(rate_name(finding.item))
    exact = in_words_of_rate(name, finding.rate)
    tried = (Decimal(f"{exact:.{digits}g}") for digits in range(1, MAX_PLACES + 1))
    fitting = (each for each in tried if each == round(each, MAX_PLACES))
    return next((_plain(each) for each in fitting if all(_at(one, {name: each}) for one in finding.evidence)), None)


def _plain(number: Decimal) -> Decimal:
    """Without an exponent or zeros at its end."""
    return Decimal(f"{number.normalize():f}")


def _at(each: Observation, rates: Mapping[str, Decimal]) -> bool:
    """Whether these rates make the amount."""
    name = str(rate_name(each.item))
    return each.costs(rates[name] / in_words_of_rate(name, Decimal(1)))


def _stretch(lines: Sequence[Observation], fits: Callable[[Observation], bool]) -> list[Observation]:
    """The newest whole days on which every line fits."""
    wrong = max((each.day for each in lines if not fits(each)), default=date.min)
    return [each for each in lines if each.day > wrong]
