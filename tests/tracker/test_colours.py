"""A name is drawn in one colour for ever: whatever comes after it, is read again, or is looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

import pytest

from tests.tracker.builders import AFTER, record, store, two_workspaces
from tracker import colours
from tracker.colours import Given
from tracker.overview.stacks import apart, swatches

PAID, UNPAID = True, False
NINE = {f"m{slot}": Given(slot, PAID) for slot in range(colours.SLOTS)}


@pytest.mark.parametrize(
    ("known", "new", "slots"),
    [
        ({}, {"dear": PAID, "cheap": PAID}, [0, 1]),
        ({"old": Given(0, PAID), "older": Given(2, PAID)}, {"a": PAID, "b": PAID, "c": PAID}, [1, 3, 4]),
        (NINE, {"tenth": PAID, "eleventh": PAID}, [8, 7]),
        ({**NINE, "tenth": Given(8, PAID)}, {"eleventh": PAID}, [7]),
        (NINE, {}, []),
    ],
)
def test_new_names_take_free_slots_first_and_then_share_from_the_last(
    known: Mapping[str, Given], new: Mapping[str, bool], slots: Sequence[int]
) -> None:
    assert colours.chosen(known, new) == {name: Given(slot, PAID) for name, slot in zip(new, slots, strict=True)}


@pytest.mark.parametrize(
    ("known", "new", "slots"),
    [
        ({}, {"dear": PAID, "free": UNPAID, "unpriced": UNPAID}, [0, 8, 7]),
        ({"free": Given(0, UNPAID)}, {"dear": PAID, "cheap": PAID}, [1, 2]),
        ({f"u{slot}": Given(slot, UNPAID) for slot in range(9)}, {"dear": PAID, "cheap": PAID}, [0, 1]),
        ({**NINE, "m3": Given(3, UNPAID)}, {"dear": PAID, "cheap": PAID}, [3, 8]),
        (NINE, {"free": UNPAID, "unpriced": UNPAID}, [8, 7]),
    ],
)
def test_a_name_without_spend_holds_no_slot_against_one_with_spend(
    known: Mapping[str, Given], new: Mapping[str, bool], slots: Sequence[int]
) -> None:
    assert [given.slot for given in colours.chosen(known, new).values()] == slots


def test_nine_names_with_spend_share_no_colour_however_many_others_came_before() -> None:
    known: dict[str, Given] = {}
    for name, spends in [("u1", UNPAID), ("a", PAID), *[(f"u{n}", UNPAID) for n in range(2, 9)]]:
        known |= colours.chosen(known, {name: spends})
    for name in "bcdefghi":
        known |= colours.chosen(known, {name: PAID})

    assert sorted(given.slot for given in known.values() if given.spends) == list(range(colours.SLOTS))


@pytest.mark.parametrize(
    ("shown", "slots", "drawn"),
    [
        (["a", "b"], {"a": 4, "b": 0}, {"a": 4, "b": 0}),
        (["a", "b", "c"], {"a": 4, "b": 4, "c": 0}, {"a": 4, "b": 1, "c": 0}),
        (["a", "b"], {"a": colours.SLOTS, "b": 0}, {"a": 1, "b": 0}),
    ],
)
def test_in_one_picture_only_the_smaller_of_two_alike_borrows_another_colour(
    shown: Sequence[str], slots: Mapping[str, int], drawn: Mapping[str, int]
) -> None:
    assert {name: slot for name, (_, slot) in apart(shown, slots).items()} == drawn


@pytest.mark.parametrize(
    ("ranked", "drawn", "slots", "found"),
    [
        (["a", "b"], {"a": 4}, {"a": 4, "b": 0}, {"a": 4, "b": 0}),
        (["a", "b"], {"a": 4}, {"a": 4, "b": 4}, {"a": 4, "b": colours.SLOTS}),
        (["a", "b"], {"a": 1}, {"a": 4, "b": 1}, {"a": 1, "b": colours.SLOTS}),
        (["a", "b", "c"], {"a": 0}, {"a": 0, "b": 8, "c": 8}, {"a": 0, "b": 8, "c": colours.SLOTS}),
    ],
)
def test_beside_a_picture_a_name_is_grey_only_where_another_has_its_colour(
    ranked: Sequence[str], drawn: Mapping[str, int], slots: Mapping[str, int], found: Mapping[str, int]
) -> None:
    assert swatches(ranked, drawn, slots) == found


def test_the_worker_gives_a_colour_once_and_keeps_it(migrated_url: str) -> None:
    with two_workspaces(migrated_url) as database:
        store(database, record(1, model="small", tokens=1), record(2, project_id="p1", api_key_id="k1"))
        with database.workspace(1) as session:
            first = colours.kept(session, 1, "model")
        later = AFTER + timedelta(hours=1)
        store(database, record(1, model="small", tokens=9_000_000), record(3, model="new", tokens=10**9), now=later)
        with database.workspace(1) as session:
            second = colours.kept(session, 1, "model")
            others = [colours.kept(session, 1, name) for name in ("project_id", "api_key_id")]
        with database.workspace(2) as session:
            assert colours.kept(session, 2, "model") == {}

    assert first == {"gpt-5.4": 0, "small": 8}
    assert second == {"gpt-5.4": 0, "small": 8, "new": 7}
    assert others == [{"p1": 0}, {"k1": 0}]
