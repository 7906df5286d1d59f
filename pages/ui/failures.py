"""What a person sees when a page cannot be built: a reference to the log, and never the error's own words."""

from __future__ import annotations

import logging
import secrets

import streamlit as st

from tracker import db

log = logging.getLogger("pages")


def show_failure(error: Exception) -> bool:
    """Write the error to the log under a reference and show that; True, because it was shown."""
    reference = secrets.token_hex(4)
    log.error("a page could not be built, reference %s", reference, exc_info=error)
    again = f"If it happens again, give the operator this reference: `{reference}`."
    st.error(
        f"{db.sentence_for(error) or 'Your data is safe.'} {again}",
        icon=":material/error:",
        title="This page could not be built",
    )
    if st.button("Load again", icon=":material/refresh:", key=f"failure-{reference}"):
        st.rerun()
    return True
