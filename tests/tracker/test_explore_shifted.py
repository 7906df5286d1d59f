"""Days of another zone from UTC days and their edges: every second lies where it should, and unknown stays unknown."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker import clock
from tracker.explore.figures import total
from tracker.explore.shifted import IN_DOUBT, Parts, Told, runs, settled, shift_of
from tracker.explore.span import Span
from tracker.queries import MEASURES, UNPRICED
from tracker.queries import SUMS as STORED

SUMS = (*STORED, "by_unit")

QUARTER = timedelta(minutes=15)
ZONES = {
    "Asia/Kolkata": date(2026, 11, 10),
    "Asia/Kathmandu": date(2026, 11, 10),
    "America/New_York": date(2026, 11, 1),  # clocks go back
    "Europe/Berlin": date(2026, 3, 29),  # clocks go on
    "America/Nuuk": date(2026, 10, 25),  # clocks go back at midnight, into the day before
    "Asia/Beirut": date(2026, 3, 29),  # clocks go on over midnight
    "Australia/Lord_Howe": date(2026, 10, 4),  # by half an hour
    "Pacific/Chatham": date(2026, 9, 27),
    "Pacific/Auckland": date(2026, 9, 27),
    "Pacific/Kiritimati": date(2026, 11, 10),  # fourteen hours ahead
    "Pacific/Apia": date(2011, 12, 31),  # the 30th was left out
    "Etc/GMT+12": date(2026, 11, 10),
    "America/St_Johns": date(2009, 11, 1),  # a minute into the day, back into the day before
    "Europe/London": date(2026, 1, 10),
}


@pytest.mark.parametrize(("zone", "around"), ZONES.items())
@pytest.mark.parametrize("length", [1, 3])
def test_every_quarter_of_an_hour_that_is_not_at_home_lies_in_an_edge_and_no_other(
    zone: str, around: date, length: int
) -> None:
    place = ZoneInfo(zone)
    for start in clock.days(around - timedelta(days=3), around + timedelta(days=3)):
        span = Span(start, start + timedelta(days=length), zone)
        shift = shift_of(span)
        for instant in quarters(*span.utc_days):
            home = (instant.replace(hour=12, minute=0)).astimezone(place).date()
            day, second = instant.astimezone(place).date(), instant.timestamp()
            edges = [(edge.day, edge.home) for edge in shift.edges if edge.start <= second < edge.end]
            matters = day != home and (span.first <= day < span.end or span.first <= home < span.end)
            assert shift.homes[instant.date()] == home
            assert edges == ([(day, home)] if matters else []), (span, instant)


def quarters(first: date, end: date) -> list[datetime]:
    start = datetime(first.year, first.month, first.day, tzinfo=UTC)
    return [start + QUARTER * n for n in range((end - first).days * 96)]


def test_half_a_day_at_most_is_read_from_the_events() -> None:
    for zone, around in ZONES.items():
        span = Span(around - timedelta(days=20), around - timedelta(days=10), zone)
        shift = shift_of(span)
        longest = max((edge.end - edge.start for edge in shift.edges), default=0)
        assert longest <= 43_200, zone
        assert len(shift.edges) <= 11, zone


def told(*requests: int | None) -> Told:
    """Rows with these requests, of which nothing else is known and nothing lacks a price."""
    return of([dict.fromkeys(MEASURES) | {"requests": each} for each in requests])


def of(rows: Sequence[dict[str, Any]]) -> Told:
    sums = tuple(total(row.get(name) for row in rows) for name in SUMS)
    return Told(tuple((n or 0) if name in UNPRICED else n for name, n in zip(SUMS, sums, strict=True)), len(rows))


NONE = told(None)


@pytest.mark.parametrize(
    ("whole", "taken", "added", "requests"),
    [
        (told(5, 2), told(2), told(1), 6),
        (told(5, 2), told(2), None, 5),
        (told(5), None, told(1), 6),
        (told(5), None, None, 5),
        (told(0), None, None, 0),
        (None, None, told(0), 0),
        (None, None, NONE, None),
        (told(None), None, told(3), 3),
        (told(None, None), NONE, NONE, None),
        (told(5, None), NONE, NONE, 5),
        (told(0, None), NONE, None, 0),
        (told(5, 0), told(5), told(0), 0),
        (told(5, 0), told(5), told(3), 3),
        (told(5), told(5), NONE, None),
        (told(5, 0), told(5), NONE, IN_DOUBT),
        (told(5, None), told(5), NONE, IN_DOUBT),
        (told(5, None), told(5), None, IN_DOUBT),
        (told(0, None), told(0), None, IN_DOUBT),
    ],
)
def test_a_sum_is_known_where_something_tells_it_and_in_doubt_where_only_its_rows_can(
    whole: Told | None, taken: Told | None, added: Told | None, requests: object
) -> None:
    sums = settled(parts(whole, taken, added))
    assert sums is not None
    assert sums[0] is requests if requests is IN_DOUBT else sums[0] == requests
    assert sums[1:6] == (None,) * 5
    assert sums[6:] == (0, 0, 0, 0, None)


def parts(whole: Told | None, taken: Told | None, added: Told | None) -> Parts:
    return Parts(*([each] if each else [] for each in (whole, taken, added)))


def test_of_a_day_with_nothing_but_the_edge_of_another_nothing_is_left() -> None:
    assert settled(Parts([told(5)], [told(5)])) is None
    assert settled(Parts([told(5), told(0)], [told(5), told(0)])) is None
    assert settled(Parts()) is None


def test_what_lacks_a_price_is_never_in_doubt() -> None:
    priced, unpriced = {"requests": 1}, {"requests": 1, "unpriced_rows": 1, "unpriced_requests": 1}

    sums = settled(Parts([of([priced, unpriced])], [of([unpriced])]))

    assert sums is not None
    assert dict(zip(SUMS, sums, strict=True)) == dict.fromkeys((*MEASURES, "estimated_cost", "by_unit")) | {
        "requests": 1
    } | (dict.fromkeys(UNPRICED, 0))


ROWS = st.lists(
    st.fixed_dictionaries(
        {name: st.sampled_from([None, 0, 1, 7]) for name in (*MEASURES, "estimated_cost", "by_unit")}
        | {name: st.sampled_from([0, 3]) for name in UNPRICED}
    ),
    max_size=3,
)


@given(st.lists(ROWS, max_size=2), st.lists(ROWS, max_size=2), st.lists(ROWS, max_size=2))
def test_a_day_has_the_sums_of_its_rows_or_the_doubt_that_nothing_else_can_settle(
    own: list[Any], taken: list[Any], added: list[Any]
) -> None:
    """Each list of rows is what one UTC day, one edge of these, and one edge of others has."""
    whole = [of([*rows, *(taken[n] if n < len(taken) else [])]) for n, rows in enumerate(own)]
    whole += [of(rows) for rows in taken[len(own) :]]
    mine = [row for rows in (*own, *added) for row in rows]

    found = settled(Parts([each for each in whole if each.rows], told_of(taken), told_of(added)))

    if not mine:
        assert found is None
        return
    assert found is not None
    for name, sum_, expected in zip(SUMS, found, of(mine).sums, strict=True):
        if sum_ is not IN_DOUBT:
            assert sum_ == expected, name
            continue
        assert not expected
        assert name not in UNPRICED
        assert any(row[name] is not None for rows in taken for row in rows)
        assert all(row[name] is None for rows in added for row in rows)


def told_of(edges: list[Any]) -> list[Told]:
    return [of(rows) for rows in edges if rows]


def test_days_to_be_read_again_are_read_in_runs_over_small_gaps() -> None:
    days = [date(2026, 11, day) for day in (20, 3, 1, 1, 6, 11, 12)]

    assert runs(days) == [
        (date(2026, 11, 1), date(2026, 11, 7)),
        (date(2026, 11, 11), date(2026, 11, 13)),
        (date(2026, 11, 20), date(2026, 11, 21)),
    ]
    assert runs([]) == []
