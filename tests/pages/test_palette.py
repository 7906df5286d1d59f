"""The data colours are told apart with any colour vision: each pair by CIEDE2000, as who lacks a kind of cone sees it.

Simulations of Machado, Oliveira and Fernandes 2009 at full severity, which work in linear RGB; the distance after
Sharma, Wu and Dalal 2005, whose own test data are the second test.
"""

from __future__ import annotations

from itertools import combinations
from math import atan2, cos, degrees, exp, hypot, radians, sin, sqrt

import pytest

from pages.ui.palette import Palette, palette

Triple = tuple[float, float, float]
Matrix = tuple[Triple, Triple, Triple]

LEAST = 12.0

VISIONS: dict[str, Matrix] = {
    "all cones": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "no long-wave cones": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "no medium-wave cones": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
    "no short-wave cones": (
        (1.255528, -0.076749, -0.178779),
        (-0.078411, 0.930809, 0.147602),
        (0.004733, 0.691367, 0.303900),
    ),
}
XYZ: Matrix = ((0.4124564, 0.3575761, 0.1804375), (0.2126729, 0.7151522, 0.0721750), (0.0193339, 0.1191920, 0.9503041))
WHITE: Triple = (0.95047, 1.0, 1.08883)


@pytest.mark.parametrize("vision", VISIONS)
@pytest.mark.parametrize("colours", [palette(dark=False), palette(dark=True)])
def test_every_two_data_colours_are_told_apart(colours: Palette, vision: str) -> None:
    seen = {slot: lab(slot, VISIONS[vision]) for slot in colours.slots}

    near = {(a, b): round(distance(seen[a], seen[b]), 1) for a, b in combinations(colours.slots, 2)}
    assert {pair: apart for pair, apart in near.items() if apart < LEAST} == {}


@pytest.mark.parametrize(
    ("one", "other", "told"),
    [
        ((50.0, 2.6772, -79.7751), (50.0, 0.0, -82.7485), 2.0425),
        ((50.0, 2.5, 0.0), (73.0, 25.0, -18.0), 27.1492),
        ((6.7747, -0.2908, -2.4247), (5.8714, -0.0985, -2.2286), 0.6377),
        ((90.8027, -2.0831, 1.4410), (91.1528, -1.6435, 0.0447), 1.4441),
    ],
)
def test_the_distance_is_the_published_one(one: Triple, other: Triple, told: float) -> None:
    assert distance(one, other) == pytest.approx(told, abs=5e-5)


def lab(colour: str, vision: Matrix) -> Triple:
    """A colour such as #323C98 in CIELAB (D65), as that vision has it."""
    parts = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    linear = tuple(part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    seen = tuple(min(max(part, 0.0), 1.0) for part in times(vision, linear))
    x, y, z = (bent(part / white) for part, white in zip(times(XYZ, seen), WHITE, strict=True))
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def times(matrix: Matrix, parts: tuple[float, ...]) -> Triple:
    a, b, c = (sum(factor * part for factor, part in zip(row, parts, strict=True)) for row in matrix)
    return a, b, c


def bent(part: float) -> float:
    return part ** (1 / 3) if part > (6 / 29) ** 3 else part / (3 * (6 / 29) ** 2) + 4 / 29


def distance(one: Triple, other: Triple) -> float:
    """CIEDE2000 of two colours in CIELAB."""
    (l1, a1, b1), (l2, a2, b2) = one, other
    mean = (hypot(a1, b1) + hypot(a2, b2)) / 2
    stretch = 1 + 0.5 * (1 - sqrt(mean**7 / (mean**7 + 25**7)))
    c1, c2 = hypot(a1 * stretch, b1), hypot(a2 * stretch, b2)
    h1, h2 = (degrees(atan2(b, a * stretch)) % 360 for a, b in ((a1, b1), (a2, b2)))
    turn = h2 - h1 - (360 if h2 - h1 > 180 else -360 if h2 - h1 < -180 else 0) if c1 * c2 else 0.0
    light, chroma, hue = l2 - l1, c2 - c1, 2 * sqrt(c1 * c2) * sin(radians(turn / 2))
    level, grey = (l1 + l2) / 2, (c1 + c2) / 2
    middle = h1 + h2 if not c1 * c2 else (h1 + turn / 2) % 360
    shape = (
        1
        - 0.17 * cos(radians(middle - 30))
        + 0.24 * cos(radians(2 * middle))
        + 0.32 * cos(radians(3 * middle + 6))
        - 0.20 * cos(radians(4 * middle - 63))
    )
    of_light = 1 + 0.015 * (level - 50) ** 2 / sqrt(20 + (level - 50) ** 2)
    of_chroma, of_hue = 1 + 0.045 * grey, 1 + 0.015 * grey * shape
    bend = -2 * sqrt(grey**7 / (grey**7 + 25**7)) * sin(radians(60 * exp(-(((middle - 275) / 25) ** 2))))
    told = light / of_light, chroma / of_chroma, hue / of_hue
    return sqrt(sum(part**2 for part in told) + bend * told[1] * told[2])
