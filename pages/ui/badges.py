"""How a provider key stands, in a word with an icon and a colour."""

from __future__ import annotations

import streamlit as st

from pages.ui import text
from tracker.models import KeyStatus
from tracker.overview.keys import KeyCard, Standing

STATES: dict[KeyStatus, tuple[str, str, str]] = {
    KeyStatus.UNCHECKED: ("Not checked yet", "hourglass", "blue"),
    KeyStatus.INVALID: ("Refused", "key_off", "red"),
    KeyStatus.INSUFFICIENT: ("Lacks a permission", "key_off", "red"),
    KeyStatus.UNREADABLE: ("Cannot be opened", "lock", "red"),
    KeyStatus.DUPLICATE: ("Set aside", "content_copy", "orange"),
}


def draw(card: KeyCard, standing: Standing) -> None:
    """The badge of one key, beside its label."""
    label, icon, colour = of(card, standing)
    st.badge(label, icon=f":material/{icon}:", color=colour)  # type: ignore[arg-type]


def of(card: KeyCard, standing: Standing) -> tuple[str, str, str]:
    """How a key stands: label, icon and colour. What waits says until when, while somebody is there to try again."""
    if card.paused:
        return "Paused", "pause_circle", "gray"
    if card.retry_at and card.status in {KeyStatus.UNCHECKED, KeyStatus.VALID}:
        when = f", next try {card.retry_at:%H:%M}" if standing.workers else ""
        return f"Waiting{when}", "hourglass", "orange"
    if card.status is KeyStatus.VALID and not card.progress.pending:
        if card.progress.failed:
            return f"{text.several(card.progress.failed, 'day')} not read", "event_busy", "orange"
        return "Up to date" if card.used else "Nothing used", "check_circle", "green"
    return STATES.get(card.status, ("Reading", "sync", "blue"))
