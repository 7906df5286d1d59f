"""The list's rate card with a workspace's agreed price applied to it. Pure."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from tracker.own_prices import OwnPrice
from tracker.ratecards import CLASSES, WHOLES, RateCard, Region

MILLION = Decimal(1_000_000)

NOTHING = Region(0, tuple(Decimal() for _ in CLASSES), Decimal(), frozenset())


def agreed(listed: RateCard | str, own: OwnPrice, *, model: str, variant: str) -> RateCard | str:
    """The card with the agreed price on it, or why there is none: a factor needs a list price to multiply.

    A class for which no rate was agreed keeps the list's full price; without a list it costs what its whole costs.
    """
    if isinstance(listed, str):
        if own.factor is not None:
            return f"{listed}, and the agreed price is a factor on it"
        listed = RateCard(model, variant, own.effective_from, own.content_sha256, (NOTHING,))
        return replace(listed, regions=(_with_rates(NOTHING, own, steps_known=False),))
    if own.factor is not None:
        return replace(listed, regions=tuple(_times(region, own.factor) for region in listed.regions))
    return replace(listed, regions=tuple(_with_rates(region, own, steps_known=True) for region in listed.regions))


def _times(region: Region, factor: Decimal) -> Region:
    return replace(region, rates=tuple(rate * factor for rate in region.rates), per_request=region.per_request * factor)


def _with_rates(region: Region, own: OwnPrice, *, steps_known: bool) -> Region:
    listed = region.full_rates
    steps: dict[str, Decimal] = {}
    for name in CLASSES:
        wholes = WHOLES.get(name, ())
        if name in own.rates:
            steps[name] = own.rates[name] / MILLION - sum((steps[whole] for whole in wholes), Decimal())
        elif steps_known:
            steps[name] = listed[name] - sum((steps[whole] for whole in wholes), Decimal())
        else:
            steps[name] = Decimal()
    return replace(region, rates=tuple(steps[name] for name in CLASSES), priced=region.priced | own.rates.keys())
