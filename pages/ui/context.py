"""All that a page may know: who looks, at which workspace, and when. The gate makes it; a page only reads it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from tracker.audit import Actor
from tracker.product import Product
from tracker.sessions import SignedIn


@dataclass(frozen=True)
class Context:
    """One run of a page for one signed-in person; `now` is aware UTC, `address` the IP address they come from."""

    product: Product
    signed: SignedIn
    workspace_id: int
    address: str
    now: datetime

    @property
    def user_id(self) -> int:
        return self.signed.user_id

    @property
    def email(self) -> str:
        return self.signed.email

    @property
    def actor(self) -> Actor:
        """Who acts, for the audit trail."""
        return Actor(self.user_id, self.address, proven=self.is_proven)

    @property
    def is_proven(self) -> bool:
        """Whether they proved just now who they are. For an account without a password of its own there is no proof."""
        return self.is_demo or self.signed.is_proven(self.now)

    @property
    def is_demo(self) -> bool:
        """Whether this is the account that anybody may open, with invented data and no password of its own."""
        return self.email == self.product.settings.demo_account
