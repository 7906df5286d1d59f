"""Commands on prices: those a workspace agreed, the arithmetic behind a number, and pricing the past anew."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from dataclasses import replace
from decimal import Decimal

from tracker import access, clock, explaining, own_prices, repricing, workspace_prices
from tracker.audit import OPERATOR
from tracker.commands.base import as_json, checked_period, day, email, print_rows, started, workspace
from tracker.commands.command import Command, Environ, WrongUse
from tracker.errors import BadInput
from tracker.explaining import Group, Part
from tracker.money import usd_text
from tracker.own_prices import OwnPrice
from tracker.ratecards import CONTEXTS
from tracker.repricing import Done, Plan


def price(options: Namespace, environ: Environ) -> int:
    """Agree a price, end one, or list them all."""
    if (options.model is None) != (options.start is None):
        raise WrongUse("An agreed price needs both --model and --from.")
    if (options.end is None) != (options.on is None):
        raise WrongUse("A price is ended by its number and a day: --end NUMBER --on DAY.")
    with started(environ) as ready:
        workspace_id = access.workspace_of(ready.database, options.email)
        with ready.database.workspace(workspace_id, write=True) as session:
            if options.model is not None:
                workspace_prices.add(session, workspace_id, _agreed(options), by=OPERATOR)
            if options.end is not None:
                workspace_prices.end(session, workspace_id, options.end, on=options.on, by=OPERATOR)
            rows = [_price_fields(each) for each in workspace_prices.every(session, workspace_id).prices]
    print_rows(rows, as_json=options.json, otherwise="No price is agreed: what has a price has the public list's.")
    return 0


def _agreed(options: Namespace) -> OwnPrice:
    agreed = OwnPrice(0, options.provider, options.model, options.start, variant=options.tier, note=options.note)
    factor = None if options.factor is None else own_prices.checked_factor(options.factor)
    return replace(agreed, factor=factor, rates=dict(options.rate))


def _price_fields(each: OwnPrice) -> dict[str, object]:
    rates = {name: f"{rate:f}" for name, rate in each.rates.items()}
    return {
        "number": each.id,
        "provider": each.provider,
        "model": each.model,
        "from": each.effective_from,
        "to": each.ends_on,
        "tier": each.variant,
        "factor": None if each.factor is None else f"{each.factor:f}",
        "rates": rates,
        "note": each.note,
    }


def explain(options: Namespace, environ: Environ) -> int:
    """Print each line of the arithmetic behind a model's day."""
    with started(environ) as ready, workspace(ready, options) as (session, workspace_id):
        groups = explaining.explain(session, workspace_id, options.day, options.day + clock.DAY, options.model or None)
    if options.json:
        print_rows([_group_fields(group) for group in groups], as_json=True)
    else:
        lines = [_line_fields(group, part) for group in groups for part in group.parts or (None,)]
        what = f"of {options.model}" if options.model else "without a model"
        print_rows(lines, as_json=False, otherwise=f"No usage {what} is stored of {options.day}.")
    return 0


def _group_fields(group: Group) -> dict[str, object]:
    source = group.source
    return {
        "usage_type": group.usage_type,
        "cost_basis": group.basis.value,
        "rows": group.rows,
        "estimated_cost_usd": usd_text(group.stored),
        "parts": None if group.parts is None else [_part_fields(part) for part in group.parts],
        "rounding_usd": None if group.rounding is None else f"{group.rounding:f}",
        "price": None
        if source is None
        else {
            "source": source.name,
            "model": source.model,
            "tier": source.variant,
            "effective_from": source.effective_from and source.effective_from.isoformat(),
            "content_sha256": source.content_sha256,
            "agreed_price": source.own and source.own.id,
        },
        "notes": list(group.notes),
    }


def _part_fields(part: Part) -> dict[str, object]:
    return {"name": part.name, "count": part.count, "usd_each": f"{part.rate:f}", "amount_usd": f"{part.amount:f}"}


def _line_fields(group: Group, part: Part | None) -> dict[str, object]:
    nothing = {"name": None, "count": None, "usd_each": None, "amount_usd": None}
    return {
        "usage_type": group.usage_type,
        "cost_basis": group.basis.value,
        "rows": group.rows,
        **(nothing if part is None else _part_fields(part)),
        "price": group.source and f"{group.source.name} {group.source.model} {group.source.variant}",
        "notes": " ".join(group.notes) or None,
    }


def reprice(options: Namespace, environ: Environ) -> int:
    """Show what pricing the days anew would change; do it; or take one back."""
    with started(environ) as ready:
        workspace_id = access.workspace_of(ready.database, options.email)
        if options.undo is not None:
            done = repricing.undo(ready.database, workspace_id, options.undo, by=OPERATOR)
            print_rows([_done_fields(done)], as_json=options.json, single=True)
            return 0
        if options.start is None or options.end is None:
            raise WrongUse("The days to price anew are named by --from and --to; --undo takes a repricing back.")
        start, end = checked_period(options)
        if options.apply:
            applied = repricing.apply(ready.database, workspace_id, start, end, by=OPERATOR)
            rows = [] if applied is None else [_done_fields(applied)]
            print_rows(rows, as_json=options.json, otherwise=f"Nothing differs from {start} to before {end}.")
            return 0
        with ready.database.workspace(workspace_id) as session:
            plan = repricing.plan(session, workspace_id, start, end)
    none = f"Nothing would change: each of {plan.rows:,} rows costs what it would cost if priced today."
    print_rows(_plan_rows(plan), as_json=options.json, otherwise=none)
    return 0


def _plan_rows(plan: Plan) -> list[dict[str, object]]:
    return [
        {
            "day": each.day,
            "rows": each.rows,
            "old_usd": usd_text(each.old),
            "new_usd": usd_text(each.new),
            "difference_usd": usd_text(each.difference),
            "unpriced_before": each.unpriced[0],
            "unpriced_after": each.unpriced[1],
        }
        for each in plan.days
    ]


def _done_fields(done: Done) -> dict[str, object]:
    return {
        "repricing": done.id,
        "from": done.start,
        "to": done.end,
        "days": done.days,
        "rows": done.rows,
        "created_at": done.created_at,
        "undone_at": done.undone_at,
        "restored": done.restored,
        "left_as_is": done.left_as_is,
    }


def _rate(text: str) -> tuple[str, Decimal]:
    name, _, rate = text.partition("=")
    try:
        return name, own_prices.checked_rate(name, rate)
    except BadInput as error:
        raise ArgumentTypeError(str(error)) from error


def _price(parser: ArgumentParser) -> None:
    email(parser)
    parser.add_argument("--provider", default="openai")
    parser.add_argument("--model", help="as the provider names it; a * at the end stands for the rest")
    parser.add_argument("--from", dest="start", type=day, metavar="DAY", help="the first UTC day it holds for")
    parser.add_argument("--tier", choices=sorted(CONTEXTS), help="of one tier only")
    parser.add_argument("--factor", help="of the list price: 0.85 is 15 %% off")
    parser.add_argument(
        "--rate", type=_rate, action="append", default=[], metavar="NAME=USD", help="for a million tokens, or for one"
    )
    parser.add_argument("--note", default="", help="what it rests on")
    parser.add_argument("--end", type=int, metavar="NUMBER", help="end this agreed price")
    parser.add_argument("--on", type=day, metavar="DAY", help="the first UTC day it does not hold for")
    as_json(parser)


def _reprice(parser: ArgumentParser) -> None:
    email(parser)
    parser.add_argument("--from", dest="start", type=day, metavar="DAY", help="first UTC day, YYYY-MM-DD")
    parser.add_argument("--to", dest="end", type=day, metavar="DAY", help="the day after the last one")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--apply", action="store_true", help="write the new prices; without it nothing changes")
    what.add_argument("--undo", type=int, metavar="ID", help="take a repricing back")
    as_json(parser)


def _explain(parser: ArgumentParser) -> None:
    email(parser)
    parser.add_argument("--day", type=day, required=True, metavar="DAY", help="the UTC day, YYYY-MM-DD")
    parser.add_argument("--model", required=True, help="as the provider names it; empty for usage without a model")
    as_json(parser)


COMMANDS: dict[str, Command] = {
    "price": Command("list, agree or end the workspace's own prices", _price, price),
    "reprice": Command("show what pricing days anew would change; --apply, --undo", _reprice, reprice),
    "explain": Command("print the arithmetic behind a model's day", _explain, explain),
}
