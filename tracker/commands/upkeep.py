"""Commands for whoever runs an installation."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, Namespace
from dataclasses import asdict

from tracker import access, asking, connections, lost_ring, product, report, rotation
from tracker.calls import RecordedCalls
from tracker.clock import DAY, utc_now
from tracker.commands.base import as_json, connection, print_fields, print_rows, started
from tracker.commands.command import Command, Environ, nothing
from tracker.errors import BadInput
from tracker.providers import provider as provider_named

ASK = (
    "{keys} and {factors} cannot be opened with {ring}. Look for the right key ring first, in its back-up, on a disk "
    "that is not mounted, and where TRACKER_KEYRING_FILE of your services leads: put in place, it opens them all. If "
    "it is gone for good, stop the workers and dashboards, and run: python -m tracker forget-keys --yes. That destroys "
    "the sealed keys. Connections, numbers, accounts and prices stay; each key is then pasted again, and whoever has a "
    "second factor signs in with a recovery code and sets it up anew."
)
FORGOTTEN = (
    "{keys} given up; the connections and what was read stay. The key ring is now {ring}: back it up, apart from the "
    "database. Start workers and dashboards anew, and paste each key again in Settings, or by: python -m tracker "
    "replace-key."
)
FACTORS = (
    "{factors} can no longer be opened. Tell whoever has one: sign in with a recovery code, turn the second factor off "
    "in Settings under Account, and set it up anew."
)


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


def forget_keys(options: Namespace, environ: Environ) -> int:
    """Give up what only a lost key ring opened, once that is confirmed."""
    settings, database = product.checked(environ, role="owner")
    try:
        if not options.yes:
            loss = lost_ring.survey(settings, database)
            keys, factors = _several(loss.count, "stored key"), _several(loss.second_factors, "second factor")
            raise BadInput(ASK.format(keys=keys, factors=factors, ring=settings.keyring_file))
        receipt = lost_ring.forget(settings, database)
    finally:
        database.engine.dispose()
    print(json.dumps(asdict(receipt)))
    print(FORGOTTEN.format(keys=_several(receipt.keys, "key"), ring=settings.keyring_file), file=sys.stderr)
    if receipt.second_factors:
        print(FACTORS.format(factors=_several(receipt.second_factors, "second factor")), file=sys.stderr)
    return 0


def _several(number: int, one: str) -> str:
    return f"{number:,} {one}{'' if number == 1 else 's'}"


def _consent(parser: ArgumentParser) -> None:
    parser.add_argument("--yes", action="store_true", help="do it: the sealed keys are destroyed")


def status(options: Namespace, environ: Environ) -> int:
    with started(environ, "operator") as ready:
        fields = report.status_fields(ready, now=utc_now())
    if options.json:
        print_rows([fields], as_json=True, single=True)
    else:
        print_fields(fields)
    return 0


COMMANDS: dict[str, Command] = {
    "unknown-fields": Command(
        "ask the provider for a day and list fields that are not read", connection, unknown_fields
    ),
    "rotate-keys": Command("seal every stored key under a new key-encryption key", nothing, rotate_keys),
    "forget-keys": Command(
        "go on when the key ring is gone for good: numbers stay, keys are pasted again", _consent, forget_keys
    ),
    "status": Command("print the state of this installation", as_json, status),
}
