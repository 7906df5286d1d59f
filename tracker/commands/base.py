"""What commands have in common: their arguments, a started product, and the printing of rows."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal

from sqlmodel import Session

from tracker import access, product, queries, unpriced
from tracker.clock import utc_now
from tracker.commands.command import Environ, WrongUse
from tracker.db import ProcessRole
from tracker.money import usd_text
from tracker.overview import Reach, holes, truth
from tracker.product import Product


@contextmanager
def started(environ: Environ, role: ProcessRole = "web") -> Iterator[Product]:
    ready = product.start(environ, role=role)
    try:
        yield ready
    finally:
        ready.close()


@contextmanager
def workspace(ready: Product, options: Namespace) -> Iterator[tuple[Session, int]]:
    workspace_id = access.workspace_of(ready.database, options.email)
    with ready.database.workspace(workspace_id) as session:
        yield session, workspace_id


def secret(what: str) -> str:
    """One line of standard input, less its line end. A secret is no argument: those are seen by other users."""
    line = sys.stdin.readline().rstrip("\r\n")
    if not line:
        raise WrongUse(f"The {what} is read from standard input, which is empty.")
    return line


def print_rows(
    rows: list[dict[str, object]], *, as_json: bool, single: bool = False, otherwise: str = "Nothing to tell."
) -> None:
    """Rows as a table, or as JSON. To a person, no row at all is told in a sentence on standard error."""
    if as_json:
        print(json.dumps(rows[0] if single else rows, default=_text, ensure_ascii=False))
        return
    if not rows:
        print(otherwise, file=sys.stderr)
        return
    print("\t".join(rows[0]))
    for row in rows:
        print("\t".join("" if value is None else _shown(value) for value in row.values()))


def tell_unpriced(session: Session, workspace_id: int, start: date, end: date) -> None:
    """Say on standard error what of the UTC days [start, end) is in no estimate; nothing where everything is."""
    if words := unpriced.in_words(unpriced.read(session, workspace_id, start, end)):
        print(words, file=sys.stderr)


def tell_truth(session: Session, workspace_id: int, start: date, end: date, *, by: Sequence[str] = ()) -> None:
    """On standard error, how far the figures just printed can be trusted, and both totals with their difference.

    Both are without days whose bill is not divided by one of the dimensions `by`: they are in no row that was printed.
    """
    found = truth.read(session, workspace_id, start, end, now=utc_now(), by=by)
    print(found.sentence[0].upper() + found.sentence[1:] + ".", file=sys.stderr)
    total = queries.totals(session, workspace_id, start, end)
    estimated = _amount(total.estimated_cost)
    through = found.reach.through
    if through is None or total.billed_cost is None:
        print(f"Estimated {estimated}, not billed yet.", file=sys.stderr)
        return
    same = truth.both(session, workspace_id, found.reach, start)
    part = f" for {found.reach.part}" if found.reach.part else ""
    gone = "".join(f", {each.label} through {each.through} only" for each in found.reach.ended.values())
    gone += _without(found.reach, by)
    print(
        f"Estimated {estimated}. Through {through} billed {_amount(same.billed)} and estimated "
        f"{_amount(same.estimated)}{part}{gone}, difference {_amount(same.difference)}.",
        file=sys.stderr,
    )


def _without(reach: Reach, by: Sequence[str]) -> str:
    """The days that neither sum is of, with why."""
    lacking, undivided = (
        holes.named(found, holes.iso, whose=reach.known > 1) for found in (reach.holes, reach.undivided)
    )
    names = " or ".join(name for name in by if name in holes.DIVIDED_BY)
    return "".join(
        (
            f", without {lacking} (no complete bill)" if lacking else "",
            f", without {undivided} (not divided by {names})" if undivided else "",
        )
    )


def _amount(usd: Decimal | None) -> str:
    return "unknown" if usd is None else f"{usd_text(usd)} USD"


def print_fields(fields: Mapping[str, object]) -> None:
    """One line a field, its name in words; a dash for what is unknown."""
    width = max(map(len, fields)) + 2
    for name, value in fields.items():
        text = ("no", "yes")[value] if isinstance(value, bool) else "—" if value is None else _shown(value)
        print(f"{name.replace('_', ' ').ljust(width)}{text}")


def _shown(value: object) -> str:
    text = str(_text(value)) if not isinstance(value, str) else value
    return "".join(char if char.isprintable() else " " for char in text)


def _text(value: object) -> object:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%dT%H:%M:%SZ}"
    if isinstance(value, Decimal):
        return usd_text(value)
    return value.isoformat() if isinstance(value, date) else str(value)


def email(parser: ArgumentParser) -> None:
    parser.add_argument("email", metavar="EMAIL")


def as_json(parser: ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON")


def email_and_json(parser: ArgumentParser) -> None:
    email(parser)
    as_json(parser)


def period(parser: ArgumentParser) -> None:
    email(parser)
    parser.add_argument(
        "--from", dest="start", type=day, required=True, metavar="DAY", help="first UTC day, YYYY-MM-DD"
    )
    parser.add_argument("--to", dest="end", type=day, required=True, metavar="DAY", help="the day after the last one")


def checked_period(options: Namespace) -> tuple[date, date]:
    """The days asked for; WrongUse when they end before they begin."""
    if options.start > options.end:
        raise WrongUse(f"The period ends ({options.end}) before it begins ({options.start}).")
    return options.start, options.end


def connection(parser: ArgumentParser) -> None:
    email(parser)
    parser.add_argument("key", type=int, metavar="KEY", help="the connection's number, from `keys`")


def day(text: str) -> date:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or str(found) != text:  # 20261123 and 2026-W48-1 are also ISO's
        raise ArgumentTypeError(f"{text!r} is no day; YYYY-MM-DD is expected")
    return found
