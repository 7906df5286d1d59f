"""What each command does. Answers are printed here; rules live where they belong."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import select
from sqlmodel import Session, col

from tracker import access, connections, export, ledger, product, queries, report, rotation
from tracker.calls import KeptCalls
from tracker.clock import DAY, utc_now
from tracker.db import ProcessRole
from tracker.errors import TrackerError
from tracker.models import ProviderKey
from tracker.money import usd_text
from tracker.product import Product
from tracker.providers import provider as provider_named
from tracker.queries import Question, UsageRow

Environ = Mapping[str, str]


class WrongUse(TrackerError):
    """The command was used in a way it does not understand."""


@contextmanager
def _started(environ: Environ, role: ProcessRole = "web") -> Iterator[Product]:
    ready = product.start(environ, role=role)
    try:
        yield ready
    finally:
        ready.close()


def migrate(_options: Namespace, environ: Environ) -> int:
    settings = product.prepare(environ)
    print(f"The database is up to date and the key ring is at {settings.keyring_file}.", file=sys.stderr)
    return 0


def add_user(options: Namespace, environ: Environ) -> int:
    with _started(environ) as ready:
        access.add_user(ready.database, options.email, _secret("password"))
    print(f"The account {options.email} is made.", file=sys.stderr)
    return 0


def add_key(options: Namespace, environ: Environ) -> int:
    with _started(environ) as ready:
        workspace_id = access.workspace_of(ready.database, options.email)
        added = connections.add(
            ready,
            workspace_id,
            provider=options.provider,
            label=options.label,
            text=_secret("key"),
        )
    print(f"Stored as connection {added.provider_key_id} ({added.status.value}). {added.sentence}", file=sys.stderr)
    return 0


def replace_key(options: Namespace, environ: Environ) -> int:
    with _started(environ) as ready:
        workspace_id = access.workspace_of(ready.database, options.email)
        replaced = connections.replace(ready, workspace_id, options.key, text=_secret("key"))
    print(f"Replaced ({replaced.status.value}). {replaced.sentence}", file=sys.stderr)
    return 0


def delete_key(options: Namespace, environ: Environ) -> int:
    with _started(environ) as ready:
        connections.delete(ready, access.workspace_of(ready.database, options.email), options.key)
    print("The key is destroyed. What it read is kept.", file=sys.stderr)
    return 0


def keys(options: Namespace, environ: Environ) -> int:
    with _started(environ) as ready, _workspace(ready, options) as (session, workspace_id):
        statement = (
            select(ProviderKey).where(col(ProviderKey.workspace_id) == workspace_id).order_by(col(ProviderKey.id))
        )
        rows = [_key_fields(row) for row in session.execute(statement).scalars()]
    _print(rows, as_json=options.json)
    return 0


def usage(options: Namespace, environ: Environ) -> int:
    by = tuple(name for name in options.by.split(",") if name)
    unknown = [name for name in by if name not in queries.DIMENSIONS]
    if unknown:
        raise WrongUse(f"There is no dimension {', '.join(unknown)}. Known: {', '.join(queries.DIMENSIONS)}.")
    question = Question(options.start, options.end, by)
    with _started(environ) as ready, _workspace(ready, options) as (session, workspace_id):
        labels = queries.key_labels(session, workspace_id)
        rows = [_usage_fields(row, labels) for row in queries.usage(session, workspace_id, question)]
    _print(rows, as_json=options.json)
    return 0


def write_export(options: Namespace, environ: Environ) -> int:
    with _started(environ) as ready, _workspace(ready, options) as (session, workspace_id):
        for chunk in export.FORMATS[options.format](session, workspace_id, options.start, options.end):
            sys.stdout.write(chunk)
    return 0


def coverage(options: Namespace, environ: Environ) -> int:
    with _started(environ) as ready, _workspace(ready, options) as (session, workspace_id):
        labels = queries.key_labels(session, workspace_id)
        rows = [
            {"provider_key": labels[key_id], "endpoint": endpoint, **fields}
            for key_id in labels
            for endpoint, days in ledger.read(session, workspace_id, key_id).items()
            for fields in report.coverage_fields(days)
        ]
    _print(rows, as_json=options.json)
    return 0


def unknown_fields(options: Namespace, environ: Environ) -> int:
    """Read yesterday anew with the stored key and list what the provider tells that this version does not keep."""
    with _started(environ, "worker") as ready:
        workspace_id = access.workspace_of(ready.database, options.email)
        with ready.database.workspace(workspace_id, write=True) as session:
            row = connections.present(session, workspace_id, options.key)
            key = connections.opened(ready, session, row)
        calls, provider = KeptCalls(), provider_named(row.provider)
        client = connections.client(ready, row.provider, key, calls=calls, limits=connections.CHECK_LIMITS)
        now = utc_now()
        for endpoint in provider.endpoints:
            fetched = provider.fetch(client, endpoint, now.date() - DAY, now.date(), now=now)
            for name, count in sorted(fetched.unknown_fields.items()):
                print(f"{endpoint.name}\t{name}\t{count}")
        with ready.database.workspace(workspace_id, write=True) as session:
            calls.store(session, workspace_id, options.key)
    return 0


def rotate_keys(_options: Namespace, environ: Environ) -> int:
    with _started(environ, "worker") as ready:
        receipt = rotation.rotate(ready)
    print(json.dumps(receipt.fields()))
    return 1 if receipt.unreadable or receipt.unreadable_factors else 0


def status(options: Namespace, environ: Environ) -> int:
    with _started(environ, "owner") as ready:
        fields = report.status_fields(ready, now=utc_now())
    _print([fields], as_json=options.json, single=True)
    return 0


@contextmanager
def _workspace(ready: Product, options: Namespace) -> Iterator[tuple[Session, int]]:
    workspace_id = access.workspace_of(ready.database, options.email)
    with ready.database.workspace(workspace_id) as session:
        yield session, workspace_id


def _secret(what: str) -> str:
    """One line of standard input, less its line end. A secret is no argument: those are seen by other users."""
    line = sys.stdin.readline().rstrip("\r\n")
    if not line:
        raise WrongUse(f"The {what} is read from standard input, which is empty.")
    return line


def _key_fields(row: ProviderKey) -> dict[str, object]:
    return {
        "id": row.id,
        "provider": row.provider,
        "label": row.label,
        "last4": row.last4,
        "status": row.status,
        "reason": row.status_reason,
        "paused": row.paused_at is not None,
        "deleted": row.deleted_at is not None,
        "created_at": row.created_at,
        "checked_at": row.checked_at,
    }


def _usage_fields(row: UsageRow, labels: Mapping[int, str]) -> dict[str, object]:
    dimensions = dict(row.dimensions)
    if "provider_key" in dimensions:
        dimensions["provider_key"] = labels.get(int(str(dimensions["provider_key"])))
    return {
        **dimensions,
        **{name: getattr(row, name) for name in queries.MEASURES},
        "estimated_cost_usd": usd_text(row.estimated_cost),
        "billed_cost_usd": usd_text(row.billed_cost),
        "unpriced_requests": row.unpriced_requests,
        "unpriced_rows": row.unpriced_rows,
    }


def _print(rows: list[dict[str, object]], *, as_json: bool, single: bool = False) -> None:
    if as_json:
        print(json.dumps(rows[0] if single else rows, default=_text, ensure_ascii=False))
        return
    if rows:
        print("\t".join(rows[0]))
    for row in rows:
        print("\t".join("" if value is None else _shown(value) for value in row.values()))


def _shown(value: object) -> str:
    text = str(_text(value)) if not isinstance(value, str) else value
    return "".join(char if char.isprintable() else " " for char in text)


def _text(value: object) -> object:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%dT%H:%M:%SZ}"
    if isinstance(value, Decimal):
        return usd_text(value)
    return value.isoformat() if isinstance(value, date) else str(value)
