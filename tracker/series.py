"""Ids for what repeats: the dimensions of usage (`usage_series`) and the rates that priced it (`price_versions`)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime
from itertools import zip_longest

from msgspec.structs import asdict, astuple
from sqlalchemy import bindparam, select
from sqlmodel import Session

from tracker.db import plain
from tracker.ledger import Claim
from tracker.models import PriceVersion as PriceVersionRow
from tracker.models import UsageSeries, table_of
from tracker.new_rows import insert_new
from tracker.pricing import PriceVersion
from tracker.usage import Dimensions

SERIES, VERSIONS = table_of(UsageSeries), table_of(PriceVersionRow)

VERSION_KEY = ("source", "provider", "model", "variant", "content_sha256")


def digest(provider_key_id: int, dimensions: Dimensions) -> bytes:
    """The natural key of a series within its workspace: 16 bytes in which None and '' differ."""
    return hashlib.sha256(repr((provider_key_id, *astuple(dimensions))).encode()).digest()[:16]


def series_ids(
    session: Session,
    claimed: Claim,
    dimensions: Iterable[Dimensions],
    *,
    provider: str,
) -> dict[Dimensions, int]:
    """The id of each series of a connection, made where there is none yet."""
    wanted = {digest(claimed.provider_key_id, each): each for each in dimensions}
    known = _known_series(session, claimed)
    missing = [key for key in wanted if key not in known]
    if missing:
        rows = [
            {
                "workspace_id": claimed.workspace_id,
                "provider_key_id": claimed.provider_key_id,
                "digest": key,
                "provider": provider,
                **asdict(wanted[key]),
            }
            for key in missing
        ]
        insert_new(session, SERIES, rows)
        known = _known_series(session, claimed)
    return {each: known[key] for key, each in wanted.items()}


def _known_series(session: Session, claimed: Claim) -> dict[bytes, int]:
    of = {
        "of_workspace": claimed.workspace_id,
        "of_key": claimed.provider_key_id,
        "of_endpoint": claimed.unit.endpoint,
    }
    return {bytes(key): number for key, number in plain.rows(session, KNOWN, of)}


KNOWN = select(SERIES.c.digest, SERIES.c.id).where(
    SERIES.c.workspace_id == bindparam("of_workspace"),
    SERIES.c.provider_key_id == bindparam("of_key"),
    SERIES.c.usage_type == bindparam("of_endpoint"),
)


def price_version_ids(session: Session, versions: Iterable[PriceVersion], *, now: datetime) -> dict[PriceVersion, int]:
    """The id of each set of rates, made where there is none yet."""
    wanted = {_version_key(version): version for version in versions}
    known = _known_versions(session, wanted.values())
    missing = [version for key, version in wanted.items() if key not in known]
    if missing:
        rows = [
            {
                **dict(zip(VERSION_KEY, _version_key(version), strict=True)),
                "effective_from": version.effective_from,
                "rates": version.rates,
                "note": version.note,
                "first_used_at": now,
            }
            for version in missing
        ]
        insert_new(session, VERSIONS, rows)
        known = _known_versions(session, wanted.values())
    return {version: known[key] for key, version in wanted.items()}


def _known_versions(session: Session, versions: Iterable[PriceVersion]) -> dict[tuple[str, ...], int]:
    hashes = sorted({version.content_sha256 for version in versions})
    found: dict[tuple[str, ...], int] = {}
    for start in range(0, len(hashes), AT_ONCE):
        asked = dict(zip_longest(HASHES, hashes[start : start + AT_ONCE], fillvalue=hashes[start]))
        found |= {tuple(key): number for number, *key in plain.rows(session, KNOWN_VERSIONS, asked)}
    return found


AT_ONCE = 8
"""Versions asked for by one statement, whose text is then always the same."""

HASHES = tuple(f"hash_{number}" for number in range(AT_ONCE))
KNOWN_VERSIONS = select(VERSIONS.c.id, *(VERSIONS.c[name] for name in VERSION_KEY)).where(
    VERSIONS.c.content_sha256.in_([bindparam(name) for name in HASHES])
)


def _version_key(version: PriceVersion) -> tuple[str, ...]:
    return tuple(str(getattr(version, name)) for name in VERSION_KEY)
