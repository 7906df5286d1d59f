"""Every page: one line each, in the order of the navigation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pages import completeness, dashboard, economics, explore, prices, reconciliation, settings
from pages.ui.context import Context


@dataclass(frozen=True)
class Page:
    """`path` is the address below the site's root; the first page is the root itself."""

    path: str
    title: str
    icon: str
    render: Callable[[Context], None]


PAGES = (
    Page("dashboard", dashboard.TITLE, dashboard.ICON, dashboard.render),
    Page("explore", explore.TITLE, explore.ICON, explore.render),
    Page("economics", economics.TITLE, economics.ICON, economics.render),
    Page("reconciliation", reconciliation.TITLE, reconciliation.ICON, reconciliation.render),
    Page("completeness", completeness.TITLE, completeness.ICON, completeness.render),
    Page("prices", prices.TITLE, prices.ICON, prices.render),
    Page("settings", settings.TITLE, settings.ICON, settings.render),
)
