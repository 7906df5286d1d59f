"""The product's sign: three bars. Drawn as text, because a file would be fetched from an address that is closed."""

from __future__ import annotations

from typing import Literal
from urllib.parse import quote

import streamlit as st

from pages.ui.palette import LIGHT, palette

NAME = "LLM API Usage Tracker"

BARS = '<path d="M1 13h5v8H1z M9 8h5v13H9z M17 2h5v19h-5z" fill="{accent}"/>'
GLYPH = '<svg xmlns="http://www.w3.org/2000/svg" width="30" height="30" viewBox="0 0 23 23">' + BARS + "</svg>"
LOGO = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="150" height="24" viewBox="0 0 150 24">'
    + BARS
    + '<text x="31" y="17" font-family="Helvetica, Arial, sans-serif" font-size="14" font-weight="600" '
    'fill="{text}">Usage Tracker</text></svg>'
)

FAVICON = "data:image/svg+xml," + quote(GLYPH.format(accent=LIGHT.accent))


def draw_sign() -> None:
    """As a picture in a text: one of Streamlit's own has a button to fill the screen, which the keyboard stops at."""
    st.markdown(f"![Usage Tracker](data:image/svg+xml,{quote(_logo())})")


def draw_logo() -> None:
    """At the top of the sidebar."""
    st.logo(_logo(), size="medium")


def _logo() -> str:
    colours = palette(dark=is_dark())
    return LOGO.format(accent=colours.accent, text=colours.text)


def is_dark() -> bool:
    """Whether the browser shows the dark theme, as far as is known at this run."""
    return st.context.theme.type == "dark"


def main_button() -> Literal["primary", "secondary"]:
    """The type of a form's one main button: white on the dark theme's primary colour cannot be read."""
    return "secondary" if is_dark() else "primary"
