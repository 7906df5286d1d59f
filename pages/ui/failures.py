"""What a person sees when a page cannot be built: a reference to the log, and never the error's own words."""

from __future__ import annotations

import logging
import secrets

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from pages.ui import live
from tracker import db
from tracker.db import Refusal

log = logging.getLogger("pages")


WAYS_OUT = {
    Refusal.READ_ONLY: "The operator has to let the database's file, or its server, be written again.",
    Refusal.FULL: "The operator has to make space on the disk of the database.",
}


def show_refusal(refusal: Refusal) -> None:
    """Above every page while the database cannot be written: what still holds, and who mends it."""
    st.warning(
        "What is stored is shown and as true as before. Until this is mended nothing new is read from providers, and "
        f"no change that you make here is kept. {WAYS_OUT[refusal]} This notice goes by itself.",
        icon=":material/edit_off:",
        title=refusal.removesuffix("."),
    )


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
    run = get_script_run_ctx()
    if run and not run.fragment_ids_this_run:  # a part that failed stands in a page that has it
        live.mount()
    if st.button("Load again", icon=":material/refresh:", key=f"failure-{reference}"):
        st.rerun()
    return True
