"""Every page: one line each, in the order and under the heading of the navigation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pages import completeness, dashboard, economics, explore, prices, reconciliation, settings
from pages.ui.context import Context


@dataclass(frozen=True)
class Page:
    """`path` is the address below the site's root; the first page is the root itself."""

    group: str
    path: str
    title: str
    icon: str
    render: Callable[[Context], None]


PAGES = (
    Page("Spend", "dashboard", dashboard.TITLE, dashboard.ICON, dashboard.render),
    Page("Spend", "explore", explore.TITLE, explore.ICON, explore.render),
    Page("Spend", "economics", economics.TITLE, economics.ICON, economics.render),
    Page("Trust", "reconciliation", reconciliation.TITLE, reconciliation.ICON, reconciliation.render),
    Page("Trust", "completeness", completeness.TITLE, completeness.ICON, completeness.render),
    Page("Trust", "prices", prices.TITLE, prices.ICON, prices.render),
    Page("Workspace", "settings", settings.TITLE, settings.ICON, settings.render),
)
