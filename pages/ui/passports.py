"""The passport of a key: what it may do, whether that is too much, how old it is, and every call made with it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from urllib.parse import urlencode

import pandas as pd
import streamlit as st

from pages.ui import text, toolbars
from pages.ui.context import Context
from tracker import clock
from tracker.calls import Call
from tracker.overview import passport
from tracker.overview.passport import Finding, KeyView
from tracker.providers.base import Permission

NOT_FOUND_BY_READING = (
    "What a key may change cannot be found by reading, and nothing but reading is ever sent. If you made this key with "
    "permissions All, narrow it all the same."
)


def draw(ctx: Context, provider_key_id: int) -> None:
    """Everything known of one key."""
    seen = passport.read(ctx.product, ctx.workspace_id, provider_key_id)
    _verdict(seen)
    grid = st.grid(4, min_column_width=140, gap="small")
    for heading, fact, note in _facts(seen, ctx.now):
        with grid.cell():
            st.markdown(f":gray[{heading}]  \n**{fact}**" + (f"  \n:gray[{note}]" if note else ""))
    st.markdown("**What it may read**")
    for finding in seen.findings:
        st.markdown(_permission(finding))
    st.caption(NOT_FOUND_BY_READING)
    _calls(ctx, seen)


def _verdict(seen: KeyView) -> None:
    if seen.refused:  # whatever it could once do
        st.error(text.told(seen.refused), icon=":material/key_off:", title="Nothing is read with this key now")
    if seen.too_much:
        too_much(seen.too_much, seen.narrowing)
    elif seen.passport is None or seen.passport.read_at is None:
        st.info("What this key may do is not found yet: the worker asks for it once a day.", icon=":material/schedule:")
    elif not seen.refused and all(each.held is not None for each in seen.findings):
        st.markdown(
            ":green[:material/verified_user:] As far as reading shows, this key can do nothing beyond its work."
        )


def too_much(excess: Sequence[Permission], narrowing: str) -> None:
    """That a key may do more than anything here needs, and how that is put right."""
    allowed = " and ".join(each.allows for each in excess)
    st.warning(
        f"It can also read {allowed}. Nothing here needs that. {narrowing}",
        icon=":material/shield:",
        title="This key can do more than it needs",
    )


def _facts(seen: KeyView, now: datetime) -> list[tuple[str, str, str]]:
    """Heading, fact, note: its age, its last use, its end."""
    told, used = seen.passport.facts if seen.passport else None, seen.tally.last_at
    made = told.created_at if told else None
    last = told.last_used_at if told else None
    name = f", as “{text.quoted(told.name)}”" if told and told.name else ""
    end = told.expires_at if told else None
    return [
        ("In place here since", _instant(seen.since, now), text.age(now - seen.since)),
        ("Last used by us", _instant(used, now), text.several(seen.tally.count, "call") + " ever"),
        (f"Made at {seen.provider}", _instant(made, now), f"{text.age(now - made)}{name}" if made else "not told"),
        (f"Last used, says {seen.provider}", _instant(last, now), "by anybody" if last else "not told"),
        *([("Expires", _instant(end, now), "")] if end else []),
    ]


def _instant(at: datetime | None, now: datetime) -> str:
    return text.instant(at, today=clock.day_of(now)) if at else text.UNKNOWN


def _permission(finding: Finding) -> str:
    icon = {True: ":green[:material/check_circle:]", False: ":gray[:material/block:]"}
    state = {True: "can read", False: "cannot read", None: "not known whether it can read"}[finding.held]
    use = finding.permission.needed_for
    why = f"needed for {use}" if use else "not needed for anything here"
    shown = ":orange[:material/shield:]" if finding.too_much else icon.get(bool(finding.held), "")
    shown = ":gray[:material/help:]" if finding.held is None else shown
    return f"{shown} **{finding.permission.name}**: {state} {finding.permission.allows}  \n:gray[{why}]"


def _calls(ctx: Context, seen: KeyView) -> None:
    st.markdown("**Every call ever made with it**")
    if not seen.tally.count:
        st.caption("None yet.")
        return
    page = 1
    if seen.pages > 1:
        page = st.pagination(seen.pages, key=f"calls-{seen.provider_key_id}", max_visible_pages=5)
    found = passport.page_of_calls(ctx.product, ctx.workspace_id, seen.provider_key_id, page=page)
    toolbars.room()
    st.dataframe(
        frame(found),
        hide_index=True,
        height="content",
        row_height=34,
        placeholder=text.UNKNOWN,
        column_config={
            "When (UTC)": st.column_config.DatetimeColumn(format="D MMM, HH:mm:ss", timezone="UTC", width=128),
            "Call": st.column_config.TextColumn(width="large"),
            "Status": st.column_config.NumberColumn(width=64),
            "Bytes": st.column_config.NumberColumn(format="localized", width=84),
            "ms": st.column_config.NumberColumn(format="localized", width=64),
        },
        alt="Calls made with this key, newest first, one row each.",
    )
    st.link_button("Every call as CSV", address(seen), type="tertiary", icon=":material/download:")


def address(seen: KeyView) -> str:
    """The address of the file of all calls of this connection."""
    first, last = seen.tally.first_at or seen.since, seen.tally.last_at or seen.since
    days = {"from": clock.day_of(first).isoformat(), "to": (clock.day_of(last) + clock.DAY).isoformat()}
    return f"/export/calls.csv?{urlencode({**days, 'key': seen.provider_key_id})}"


def frame(found: list[Call]) -> pd.DataFrame:
    """One row a call, newest first. A call without an answer has no status, bytes or time."""
    rows = [
        {
            "When (UTC)": call.at,
            "Call": text.in_cell(f"{call.method} {call.path}"),
            "Status": call.status,
            "Bytes": call.received_bytes,
            "ms": call.duration_ms,
        }
        for call in found
    ]
    whole = dict.fromkeys(("Status", "Bytes", "ms"), "Int64")
    return pd.DataFrame(rows, columns=["When (UTC)", "Call", *whole]).astype(whole)
