"""Commands that print what was used, what it cost, and what is known."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping

from tracker import export, ledger, queries, report
from tracker.commands.base import (
    as_json,
    checked_period,
    email_and_json,
    period,
    print_rows,
    started,
    tell_truth,
    tell_unpriced,
    workspace,
)
from tracker.commands.command import Command, Environ, WrongUse
from tracker.export import FORMATS
from tracker.money import usd_text
from tracker.queries import Question, UsageRow


def usage(options: Namespace, environ: Environ) -> int:
    by = tuple(name for name in options.by.split(",") if name)
    unknown = [name for name in by if name not in queries.DIMENSIONS]
    if unknown:
        raise WrongUse(f"There is no dimension {', '.join(unknown)}. Known: {', '.join(queries.DIMENSIONS)}.")
    if len(set(by)) != len(by):
        raise WrongUse("A dimension is named twice.")
    question = Question(*checked_period(options), by)
    with started(environ) as ready, workspace(ready, options) as (session, workspace_id):
        labels = queries.key_labels(session, workspace_id)
        rows = [_usage_fields(row, labels) for row in queries.usage(session, workspace_id, question)]
        tell_unpriced(session, workspace_id, question.start, question.end)
        none = f"No usage is stored from {options.start} to before {options.end}."
        print_rows(rows, as_json=options.json, otherwise=none)
        tell_truth(session, workspace_id, options.start, options.end, by=by)
    return 0


def write_export(options: Namespace, environ: Environ) -> int:
    start, end = checked_period(options)
    with started(environ) as ready, workspace(ready, options) as (session, workspace_id):
        for chunk in export.FORMATS[options.format](session, workspace_id, start, end):
            sys.stdout.write(chunk)
    return 0


def coverage(options: Namespace, environ: Environ) -> int:
    with started(environ) as ready, workspace(ready, options) as (session, workspace_id):
        labels = queries.key_labels(session, workspace_id)
        rows = [
            {"provider_key": labels[key_id], "endpoint": endpoint, **fields}
            for key_id in labels
            for endpoint, days in ledger.read(session, workspace_id, key_id).items()
            for fields in report.coverage_fields(days)
        ]
    print_rows(rows, as_json=options.json, otherwise="No day was read yet: the worker reads once a key is stored.")
    return 0


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


def _usage(parser: ArgumentParser) -> None:
    period(parser)
    parser.add_argument("--by", default="", metavar="NAMES", help="dimensions to group by, comma-separated: day,model")
    as_json(parser)


def _export(parser: ArgumentParser) -> None:
    period(parser)
    parser.add_argument("--format", choices=sorted(FORMATS), default="csv")


COMMANDS: dict[str, Command] = {
    "usage": Command("print usage and cost, grouped", _usage, usage),
    "export": Command("write usage events or the bill as CSV", _export, write_export),
    "coverage": Command("print the ledger: what was read of every day", email_and_json, coverage),
}
