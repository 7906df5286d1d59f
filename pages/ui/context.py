"""All that a page may know: who looks, at which workspace, and when. The gate makes it; a page only reads it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from tracker.product import Product


@dataclass(frozen=True)
class Context:
    """One run of a page for one signed-in person; `now` is aware UTC."""

    product: Product
    user_id: int
    email: str
    workspace_id: int
    now: datetime
