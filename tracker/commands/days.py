"""Commands on what is known of days and keys: what the keys were used for, and what the provider changed later."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from dataclasses import asdict

from tracker import calls, restatements
from tracker.commands.base import as_json, checked_period, email_and_json, period, print_rows, started, workspace
from tracker.commands.command import Command, Environ
from tracker.money import usd_text


def write_calls(options: Namespace, environ: Environ) -> int:
    """Print every call made with the workspace's keys, or with one of them."""
    with started(environ) as ready, workspace(ready, options) as (session, workspace_id):
        rows = [asdict(call) for call in calls.made(session, workspace_id, provider_key_id=options.key)]
    print_rows(rows, as_json=options.json, otherwise="No call was made yet.")
    return 0


def write_restatements(options: Namespace, environ: Environ) -> int:
    """Print the finished days that the provider told differently later."""
    start, end = checked_period(options)
    with started(environ) as ready, workspace(ready, options) as (session, workspace_id):
        rows = [_fields(each) for each in restatements.read(session, workspace_id, start, end)]
    none = f"No finished day from {start} to before {end} was told differently later."
    print_rows(rows, as_json=options.json, otherwise=none)
    return 0


def _fields(each: restatements.Restated) -> dict[str, object]:
    return {
        "provider_key": each.label,
        "endpoint": each.endpoint,
        "day": each.day,
        "seen_at": each.seen_at,
        "rows_before": each.rows_before,
        "rows_after": each.rows_after,
        "cost_before_usd": usd_text(each.before),
        "cost_after_usd": usd_text(each.after),
        "difference_usd": usd_text(each.difference),
    }


def _calls(parser: ArgumentParser) -> None:
    email_and_json(parser)
    parser.add_argument("--key", type=int, metavar="KEY", help="of one connection, by its number from `keys`")


def _restatements(parser: ArgumentParser) -> None:
    period(parser)
    as_json(parser)


COMMANDS: dict[str, Command] = {
    "calls": Command("print every call ever made with the keys", _calls, write_calls),
    "restatements": Command("print the days that were told differently later", _restatements, write_restatements),
}
