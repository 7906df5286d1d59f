"""What the days came to by class of token: each token once, and money that adds up to the estimate exactly."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from tracker.overview import classes
from tracker.overview.figures import Cell
from tracker.reconciliation.estimates import CLASS_OF

DAY = date(2026, 11, 1)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("input", "Input"),
        ("cached input", "Cached input"),
        ("cache write", "Cache write"),
        ("output", "Output"),
        ("cached audio input", "Audio"),
        ("image output", "Images"),
        ("characters", "Not by tokens"),
        ("web search tool calls", "Not by tokens"),
    ],
)
def test_every_kind_has_its_class(kind: str, name: str) -> None:
    assert classes.class_of(kind) == name


def test_no_kind_of_token_is_without_a_class() -> None:
    assert {classes.class_of(kind) for kind in CLASS_OF} == set(classes.CLASSES) - {classes.OTHERWISE}


def test_a_day_and_class_is_one_cell_and_unknown_stays_unknown() -> None:
    pieces = [
        Cell(DAY, "Input", Decimal("0.5"), 10, None, slot=0),
        Cell(DAY, "Input", None, 5, None, unpriced_rows=2, slot=0, unpriced_tokens=5),
        Cell(DAY, "Output", None, None, None, unpriced_rows=1, slot=3),
    ]

    assert classes.added_up(pieces) == [
        Cell(DAY, "Input", Decimal("0.5"), 15, None, unpriced_rows=2, slot=0, unpriced_tokens=5),
        Cell(DAY, "Output", None, None, None, unpriced_rows=1, slot=3),
    ]
