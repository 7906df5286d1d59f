"""Signing in by an OpenID provider, as a page sees it: a button, and what the provider said, looked at once."""

from __future__ import annotations

from datetime import timedelta

import streamlit as st

from pages.ui import bridge, gate, text
from pages.ui.context import Context
from pages.web import social
from tracker import identities, second_factor, sign_in
from tracker.audit import Action
from tracker.clock import real_now, utc_now
from tracker.errors import BadInput
from tracker.identities import Proof
from tracker.product import Product

WAITING, HALF = "social.waiting", "social.half"
WITHIN = timedelta(minutes=10)
PROVEN = "You proved that it is you."


def draw_button(product: Product) -> None:
    """The way in by the provider, where there is one."""
    oidc = product.settings.oidc
    if oidc and st.button(f"Continue with {text.quoted(oidc.name)}", width="stretch", icon=":material/badge:"):
        st.login(social.IN)


def draw_proof_button(ctx: Context, what_for: str) -> None:
    """The way to prove again who they are by the provider, for those whom it knows."""
    oidc = ctx.product.settings.oidc
    if oidc is None or not identities.has_any(ctx.product.database, ctx.user_id, oidc.issuer):
        return
    if st.button(f"Confirm with {text.quoted(oidc.name)}", key=f"again-{what_for}", icon=":material/badge:"):
        st.login(social.AGAIN)


def arrived(product: Product) -> Proof | None:
    """What the provider has just said of whoever looks; BadInput when it does not count. A tab is told once."""
    oidc = product.settings.oidc
    if oidc is None or not st.user.is_logged_in or gate.SEEN in st.session_state:
        return None
    st.session_state[gate.SEEN] = True
    bridge.forget_identity()
    return identities.read(st.user.to_dict(), oidc, now=real_now())


def wait_for_password(proof: Proof) -> None:
    """Keep the proof until the account of its address has been opened with the password."""
    st.session_state[WAITING] = (proof, utc_now() + WITHIN)


def connect(product: Product, user_id: int) -> None:
    """Connect a proof that waited with the account that was opened."""
    proof, until = st.session_state.get(WAITING, (None, None))
    if proof is not None and utc_now() <= until:
        identities.connect(product.database, proof, user_id, address=gate.address(product), now=utc_now())


def prove(ctx: Context) -> None:
    """Take the proof of somebody who is signed in already and was sent to the provider once more."""
    try:
        proof = arrived(ctx.product)
        if proof is None:
            return
        identities.prove(ctx.product.database, proof, ctx.user_id)
    except BadInput as error:
        st.toast(str(error), icon=":material/error:")
        return
    st.toast(PROVEN, icon=":material/check_circle:")
    if second_factor.is_on(ctx.product, ctx.user_id):
        st.session_state[HALF] = utc_now() + WITHIN
        return
    sign_in.tell(ctx.product.database, ctx.user_id, Action.IDENTITY_PROVEN, address=ctx.address)
    gate.enter(ctx.product, ctx.user_id)
    st.rerun()


def is_half_proven() -> bool:
    """Whether the provider's word stands in for the password, and only the second factor is left to ask for."""
    until = st.session_state.get(HALF)
    return until is not None and utc_now() <= until
