"""Commands for whoever runs an installation."""

from __future__ import annotations

import json
import sys
from argparse import Namespace

from tracker import access, asking, connections, product, report, rotation
from tracker.calls import RecordedCalls
from tracker.clock import DAY, utc_now
from tracker.commands.base import Command, Environ, as_json, connection, nothing, print_fields, print_rows, started
from tracker.providers import provider as provider_named


def migrate(_options: Namespace, environ: Environ) -> int:
    settings = product.prepare(environ)
    print(f"The database is up to date and the key ring is at {settings.keyring_file}.", file=sys.stderr)
    return 0


def unknown_fields(options: Namespace, environ: Environ) -> int:
    """Read yesterday anew with the stored key and list what the provider tells that this version does not keep."""
    with started(environ, "worker") as ready:
        workspace_id = access.workspace_of(ready.database, options.email)
        with ready.database.workspace(workspace_id, write=True) as session:
            row = connections.present(session, workspace_id, options.key, sealed=True)
            key = connections.opened(ready, session, row)
        calls = RecordedCalls(ready.database, workspace_id, options.key)
        provider = provider_named(row.provider)
        client = asking.client(ready, row.provider, key, calls=calls, limits=asking.CHECK_LIMITS)
        now, found = utc_now(), 0
        try:
            for endpoint in provider.endpoints:
                fetched = provider.fetch(client, endpoint, now.date() - DAY, now.date(), now=now)
                found += len(fetched.unknown_fields)
                for name, count in sorted(fetched.unknown_fields.items()):
                    print(f"{endpoint.name}\t{name}\t{count}")
        finally:
            with ready.database.workspace(workspace_id, write=True) as session:
                calls.flush(session)
    if not found:
        print(f"Every field that {provider.title} tells of {now.date() - DAY} is read.", file=sys.stderr)
    return 0


def rotate_keys(_options: Namespace, environ: Environ) -> int:
    with started(environ, "worker") as ready:
        receipt = rotation.rotate(ready)
    print(json.dumps(receipt.fields()))
    return 1 if receipt.unreadable or receipt.unreadable_factors else 0


def status(options: Namespace, environ: Environ) -> int:
    with started(environ, "operator") as ready:
        fields = report.status_fields(ready, now=utc_now())
    if options.json:
        print_rows([fields], as_json=True, single=True)
    else:
        print_fields(fields)
    return 0


COMMANDS: dict[str, Command] = {
    "migrate": Command("make or update the database and the key ring", nothing, migrate),
    "unknown-fields": Command(
        "ask the provider for a day and list fields that are not read", connection, unknown_fields
    ),
    "rotate-keys": Command("seal every stored key under a new key-encryption key", nothing, rotate_keys),
    "status": Command("print the state of this installation", as_json, status),
}
