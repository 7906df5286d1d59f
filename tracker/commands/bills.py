"""Commands that hold the bill against the estimate."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Mapping

from tracker import queries
from tracker.commands.base import as_json, period, print_rows, started, tell_truth, tell_unpriced, workspace
from tracker.commands.command import Command, Environ
from tracker.money import usd_text
from tracker.reconciliation import read
from tracker.reconciliation.causes import Reconciled


def write_reconciliation(options: Namespace, environ: Environ) -> int:
    with started(environ) as ready, workspace(ready, options) as (session, workspace_id):
        labels = queries.key_labels(session, workspace_id)
        rows = read.reconciled(session, workspace_id, options.start, options.end)
        tell_unpriced(session, workspace_id, options.start, options.end)
        none = f"Nothing was used or billed from {options.start} to before {options.end}."
        print_rows([_fields(row, labels) for row in rows], as_json=options.json, otherwise=none)
        tell_truth(session, workspace_id, options.start, options.end)
    return 0


def _fields(row: Reconciled, labels: Mapping[int, str]) -> dict[str, object]:
    line = row.line
    return {
        "day": line.day,
        "provider_key": labels.get(line.provider_key_id),
        "model": line.item.model or None,
        "line_item": line.line_item or None,
        "currency": line.currency,
        "estimated_cost_usd": usd_text(line.estimated),
        "billed_cost_usd": usd_text(line.billed) if line.currency == "usd" else None,
        "billed_cost": usd_text(line.billed),
        "difference_usd": usd_text(line.difference),
        "causes": {cause.value: usd_text(amount) for cause, amount in row.causes.items()},
    }


def _reconcile(parser: ArgumentParser) -> None:
    period(parser)
    as_json(parser)


COMMANDS: dict[str, Command] = {
    "reconcile": Command(
        "print each line of the bill against its estimate, with causes", _reconcile, write_reconciliation
    ),
}
