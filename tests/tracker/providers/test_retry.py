"""When a provider is asked again: its own wishes first, then growing waits, never beyond the budget."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.tracker.providers.scripted import BUSY, COSTS, GOOD, NOON, NOON_TEXT, Asker, answer
from tracker.clock import utc_now
from tracker.errors import RateLimited
from tracker.providers.http import Limits
from tracker.providers.retry import next_wait_s, told_s

LIMITS = Limits(tries=5, backoff_base_s=0.5, backoff_cap_s=6, retry_budget_s=20)


# --- the decision


@pytest.mark.parametrize(
    ("attempt", "told", "waited_s", "part", "wait_s"),
    [
        (1, None, 0, 1.0, 1.0),
        (1, None, 0, 0.25, 0.25),
        (1, None, 0, 0.0, 0.0),
        (2, None, 1, 1.0, 2.0),
        (3, None, 3, 1.0, 4.0),
        (4, None, 7, 1.0, 6.0),  # 8 without the cap
        (5, None, 0, 0.0, None),
        (4, None, 14, 1.0, 6.0),
        (4, None, 14.5, 1.0, None),
        (1, 7.0, 0, 0.0, 7.0),
        (1, 7.0, 0, 1.0, 7.7),
        (1, 20.0, 0, 0.0, 20.0),
        (1, 20.0, 0, 0.1, None),
        (2, 7.0, 13, 0.0, 7.0),
        (2, 7.0, 13.5, 0.0, None),
        (5, 1.0, 0, 0.0, None),
    ],
)
def test_the_wait_grows_or_is_the_providers_and_fits_tries_and_budget(
    attempt: int, told: float | None, waited_s: float, part: float, wait_s: float | None
) -> None:
    decided = next_wait_s(attempt, told_s=told, waited_s=waited_s, limits=LIMITS, part=part)

    assert decided == (wait_s if wait_s is None else pytest.approx(wait_s))


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [
        ("1", 1),
        ("7", 7),
        ("86400", 86_400),
        ("86401", None),
        ("0", None),
        ("-5", None),
        ("1.5", None),
        ("soon", None),
        ("1e9", None),
        ("", None),
        (None, None),
        ("Fri, 20 Nov 2026 12:00:07 GMT", 7),
        ("Fri, 20 Nov 2026 12:00:00 GMT", None),
        ("Fri, 20 Nov 2026 11:59:59 GMT", None),
        ("Sat, 21 Nov 2026 12:00:00 GMT", 86_400),
        ("Sat, 21 Nov 2026 12:00:01 GMT", None),
        ("Fri, 20 Nov 2026 23:59:60 GMT", None),
    ],
)
def test_retry_after_is_told_by_the_answers_own_clock(retry_after: str | None, seconds: float | None) -> None:
    told_there = told_s(retry_after, served_at=NOON, now=NOON + timedelta(days=400))
    told_here = told_s(retry_after, served_at=None, now=NOON)

    assert told_there == told_here == seconds


# --- over the wire


@pytest.mark.parametrize("retry_after", ["7", " 7 ", "Fri, 20 Nov 2026 12:00:07 GMT"])
def test_a_short_wait_the_provider_asks_for_is_waited_once(asker: Asker, retry_after: str) -> None:
    asker.provider.script = [answer(status=BUSY, retry_after=retry_after, date=NOON_TEXT), GOOD]

    assert asker.client().get(COSTS).json == {"data": []}
    assert asker.waits == [pytest.approx(7.35)]  # and half of the tenth that keeps many askers apart
    assert len(asker.provider.asked) == 2


@pytest.mark.parametrize(
    "retry_after",
    [
        *("", "-5", "0", "soon", "1e9", "999999999", "9" * 400, "7, 9", "²"),
        *("Thu, 19 Nov 2026 12:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 -1200", "Fri, 99 Nov 2026 12:00:07 GMT"),
        *("Fri, 20 Nov 99999999999 12:00:00 GMT", "Fri, 20 Nov 2026 12:00:00 +99999999999999999999"),
    ],
)
@pytest.mark.parametrize("date", [NOON_TEXT, "", "Fri, 31 Dec 9999 23:59:59 -1200", "yesterday"])
def test_without_a_usable_wish_the_waits_grow(asker: Asker, retry_after: str, date: str) -> None:
    limited = asker.fails(RateLimited, answer(status=BUSY, retry_after=retry_after, date=date), limits=Limits(tries=3))

    assert asker.waits == [0.5, 1.0]
    assert isinstance(limited, RateLimited)
    assert limited.told_s is None


def test_a_long_wait_is_left_to_the_caller_with_its_end(asker: Asker) -> None:
    before = utc_now()

    limited = asker.fails(RateLimited, answer(status=BUSY, retry_after="3600"))

    hour = timedelta(hours=1)
    assert isinstance(limited, RateLimited)
    assert before + hour <= limited.retry_at <= utc_now() + hour
    assert limited.told_s == 3_600
    assert asker.waits == []
    assert len(asker.provider.asked) == 1


def test_a_spent_quota_ends_in_a_quarter_of_an_hour_of_rest(asker: Asker) -> None:
    body = b'{"error": {"message": "You exceeded your current quota.", "code": "insufficient_quota"}}'
    before = utc_now()

    limited = asker.fails(RateLimited, answer(body, status=BUSY))

    rest = timedelta(minutes=15)
    assert isinstance(limited, RateLimited)
    assert before + rest <= limited.retry_at <= utc_now() + rest
    assert str(limited) == f"OpenAI asks us to wait (GET {COSTS})."
    assert len(asker.provider.asked) == 5


def test_repeated_wishes_stop_at_the_budget(asker: Asker) -> None:
    asker.fails(RateLimited, answer(status=BUSY, retry_after="40"), limits=Limits(retry_budget_s=100))

    assert asker.waits == [pytest.approx(42), pytest.approx(42)]
    assert len(asker.provider.asked) == 3


def test_a_compressed_body_hides_no_wish_to_wait(asker: Asker) -> None:
    asker.provider.script = [answer(b"x", status=BUSY, retry_after="7", content_encoding="gzip"), GOOD]

    assert asker.client().get(COSTS).json == {"data": []}
    assert asker.waits == [pytest.approx(7.35)]
