"""Every page: one line each, in the order of the navigation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pages import completeness, dashboard, economics, explore, prices, reconciliation, settings
from pages.ui import view_controls
from pages.ui.addresses import Word
from pages.ui.context import Context


@dataclass(frozen=True)
class Page:
    """`path` is the address below the site's root, `words` are all that it reads there; the first page is the root."""

    path: str
    title: str
    icon: str
    render: Callable[[Context], None]
    words: tuple[Word, ...]


PAGES = (
    Page("dashboard", dashboard.TITLE, dashboard.ICON, dashboard.render, dashboard.WORDS),
    Page("explore", explore.TITLE, explore.ICON, explore.render, view_controls.WORDS),
    Page("economics", economics.TITLE, economics.ICON, economics.render, view_controls.WORDS_OF_DAYS),
    Page("reconciliation", reconciliation.TITLE, reconciliation.ICON, reconciliation.render, reconciliation.WORDS),
    Page("completeness", completeness.TITLE, completeness.ICON, completeness.render, completeness.WORDS),
    Page("prices", prices.TITLE, prices.ICON, prices.render, prices.WORDS),
    Page("settings", settings.TITLE, settings.ICON, settings.render, settings.WORDS),
)
