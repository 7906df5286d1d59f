"""Commands for accounts and provider keys."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace

from sqlalchemy import select
from sqlmodel import col

from tracker import access, closing, connections
from tracker.clock import utc_now
from tracker.commands.base import connection, email, email_and_json, print_rows, secret, started, workspace
from tracker.commands.command import Command, Environ
from tracker.connections import Added
from tracker.models import KeyStatus, ProviderKey
from tracker.providers import PROVIDERS


def add_user(options: Namespace, environ: Environ) -> int:
    with started(environ) as ready:
        access.add_user(ready.database, options.email, secret("password"))
    print(f"The account {options.email} is made.", file=sys.stderr)
    return 0


def close_user(options: Namespace, environ: Environ) -> int:
    with started(environ) as ready:
        closing.close(ready.database, access.user_of(ready.database, options.email), now=utc_now())
    print(f"The account {options.email} is closed and signed out. Nothing of it is deleted.", file=sys.stderr)
    return 0


def reopen_user(options: Namespace, environ: Environ) -> int:
    with started(environ) as ready:
        closing.reopen(ready.database, access.user_of(ready.database, options.email))
    print(f"The account {options.email} is open again.", file=sys.stderr)
    return 0


def end_sessions(options: Namespace, environ: Environ) -> int:
    with started(environ) as ready:
        closing.end_sessions(ready.database, access.user_of(ready.database, options.email), now=utc_now())
    print(f"{options.email} is signed out everywhere.", file=sys.stderr)
    return 0


def turn_off_factor(options: Namespace, environ: Environ) -> int:
    with started(environ) as ready:
        was_on = closing.turn_off_factor(ready, access.user_of(ready.database, options.email), now=utc_now())
    print((FACTOR_OFF if was_on else NO_FACTOR).format(options.email), file=sys.stderr)
    return 0


FACTOR_OFF = (
    "The second factor of {} is off, its recovery codes are void, and it is signed out everywhere. "
    "A new one is turned on in Settings, after signing in."
)
NO_FACTOR = "{} has no second factor in use. Nothing was changed."


def add_key(options: Namespace, environ: Environ) -> int:
    with started(environ) as ready:
        workspace_id = access.workspace_of(ready.database, options.email)
        added = connections.add(
            ready,
            workspace_id,
            provider=options.provider,
            label=options.label,
            text=secret("key"),
        )
    print(f"Stored as connection {added.provider_key_id} ({added.status.value}). {_said(added)}", file=sys.stderr)
    return 0


def replace_key(options: Namespace, environ: Environ) -> int:
    with started(environ) as ready:
        workspace_id = access.workspace_of(ready.database, options.email)
        replaced = connections.replace(ready, workspace_id, options.key, text=secret("key"))
    print(f"Replaced ({replaced.status.value}). {_said(replaced)}", file=sys.stderr)
    return 0


CHECKED_LATER = (
    "A running worker checks it again by itself, and reads with it from then on; `keys` tells how it stands."
)


def _said(added: Added) -> str:
    """What the check said of a stored key, and that it may do too much."""
    if not added.excess:
        return added.sentence if added.status is not KeyStatus.UNCHECKED else f"{added.sentence} {CHECKED_LATER}"
    allowed = " and ".join(each.allows for each in added.excess)
    return f"{added.sentence} It can do more than it needs: it can also read {allowed}. {added.narrowing}"


def delete_key(options: Namespace, environ: Environ) -> int:
    with started(environ) as ready:
        connections.delete(ready, access.workspace_of(ready.database, options.email), options.key)
    print("The key is destroyed. What it read is kept.", file=sys.stderr)
    return 0


def keys(options: Namespace, environ: Environ) -> int:
    with started(environ) as ready, workspace(ready, options) as (session, workspace_id):
        statement = (
            select(ProviderKey).where(col(ProviderKey.workspace_id) == workspace_id).order_by(col(ProviderKey.id))
        )
        rows = [_key_fields(row) for row in session.execute(statement).scalars()]
    print_rows(rows, as_json=options.json, otherwise=f"{options.email} has no key yet: add-key stores one.")
    return 0


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


def _add_key(parser: ArgumentParser) -> None:
    email(parser)
    parser.add_argument("--provider", choices=sorted(PROVIDERS), required=True)
    parser.add_argument("--label", required=True, help="what to call the connection")


COMMANDS: dict[str, Command] = {
    "add-user": Command("make an account; the password is read from standard input", email, add_user),
    "close-user": Command("let an account in no more, and sign it out", email, close_user),
    "reopen-user": Command("let a closed account in again", email, reopen_user),
    "end-sessions": Command("sign an account out everywhere", email, end_sessions),
    "turn-off-factor": Command(
        "turn off the second factor of somebody who lost it, and sign them out", email, turn_off_factor
    ),
    "add-key": Command("check, seal and store a provider key read from standard input", _add_key, add_key),
    "replace-key": Command("put another key of the same organisation in its place", connection, replace_key),
    "delete-key": Command("destroy a stored key; its history stays", connection, delete_key),
    "keys": Command("list the connections of an account", email_and_json, keys),
}
