"""The data colours of both themes, by slot: told apart with any colour vision, each 3:1 on its own background.

Chosen by CIEDE2000 distance under the simulations of Machado 2009 (all pairs at least 12); the last is "Other".
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Palette:
    """The colours a chart needs beside the theme's own."""

    slots: tuple[str, ...]
    accent: str
    background: str
    text: str
    grey: str
    grid: str
    note: str


LIGHT = Palette(
    slots=(
        *("#323C98", "#259BEB", "#007973", "#AA9108", "#761A3A"),
        *("#9F653E", "#7C63A9", "#DD7775", "#244F00", "#8D93A1"),
    ),
    accent="#3B48B8",
    background="#FFFFFF",
    text="#11151F",
    grey="#5B6272",
    grid="#E1E4EA",
    note="#B4510F",
)
DARK = Palette(
    slots=(
        *("#5967B8", "#609CD7", "#78EBD8", "#F8D26F", "#9F5568"),
        *("#D78048", "#D3C7FB", "#A88275", "#A6C99E", "#7E8594"),
    ),
    accent="#98A4F5",
    background="#14161B",
    text="#E8EAF0",
    grey="#A1A8B8",
    grid="#2C303A",
    note="#F2A56D",
)


def palette(*, dark: bool) -> Palette:
    return DARK if dark else LIGHT
