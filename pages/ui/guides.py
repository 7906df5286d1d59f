"""How a provider's admin key is made, step by step, and what becomes of it here."""

from __future__ import annotations

import streamlit as st

from tracker.providers import PROVIDERS

GUIDES = {
    "openai": f"""\
1. Open [platform.openai.com → Settings → Organization → Admin keys](https://{PROVIDERS["openai"].key_page}).
   You must be an owner.
2. Choose **Create new admin key**, permissions **Restricted**.
3. Set **Usage** to **Read** and **Management** to **Read** (names of projects and keys). Leave the rest at None.
4. Copy the key, starting with `sk-admin-`, and paste it here."""
}
SEALED = (
    ":material/lock: Sealed with AES-256-GCM and shown as its last four characters. We only send GET requests on a "
    "fixed list, each of them recorded. Prompts and answers are never read: these APIs do not hold them."
)


def draw(provider: str) -> None:
    """What stands beside the form that asks for the key."""
    st.markdown("**Where to get it**")
    st.markdown(GUIDES[provider])
    st.caption(SEALED)
