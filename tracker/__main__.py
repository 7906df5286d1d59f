"""`python -m tracker …`: set-up, accounts, keys and numbers from the command line.

Data goes to standard output, messages to standard error. Exit codes: 0 done, 1 a task failed, 2 wrong use,
78 the configuration does not allow a start.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from tracker import commands
from tracker.errors import BadConfiguration, BadInput, TrackerError
from tracker.export import FORMATS
from tracker.providers import PROVIDERS
from tracker.redact import redact, setup_logging

FAILED, WRONG_USE, CONFIGURATION = 1, 2, 78


@dataclass(frozen=True)
class Command:
    """A command: what it does, its arguments, and the function that does it and gives the exit code."""

    help: str
    arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace, Mapping[str, str]], int]


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    setup_logging("WARNING")
    command = COMMANDS[options.command]
    try:
        return command.run(options, os.environ)
    except BadConfiguration as error:
        return _told(error, CONFIGURATION)
    except commands.WrongUse as error:
        return _told(error, WRONG_USE)
    except (BadInput, TrackerError) as error:
        return _told(error, FAILED)


def _told(error: TrackerError, code: int) -> int:
    print(redact(str(error)), file=sys.stderr)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tracker", description="LLM API Usage Tracker")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, command in COMMANDS.items():
        command.arguments(subparsers.add_parser(name, help=command.help, description=command.help))
    return parser


def _nothing(_parser: argparse.ArgumentParser) -> None:
    pass


def _email(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("email", metavar="EMAIL")


def _as_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON")


def _email_and_json(parser: argparse.ArgumentParser) -> None:
    _email(parser)
    _as_json(parser)


def _period(parser: argparse.ArgumentParser) -> None:
    _email(parser)
    parser.add_argument(
        "--from", dest="start", type=_day, required=True, metavar="DAY", help="first UTC day, YYYY-MM-DD"
    )
    parser.add_argument("--to", dest="end", type=_day, required=True, metavar="DAY", help="the day after the last one")


def _add_key(parser: argparse.ArgumentParser) -> None:
    _email(parser)
    parser.add_argument("--provider", choices=sorted(PROVIDERS), required=True)
    parser.add_argument("--label", required=True, help="what to call the connection")


def _usage(parser: argparse.ArgumentParser) -> None:
    _period(parser)
    parser.add_argument("--by", default="", metavar="NAMES", help="dimensions to group by, comma-separated: day,model")
    _as_json(parser)


def _export(parser: argparse.ArgumentParser) -> None:
    _period(parser)
    parser.add_argument("--format", choices=sorted(FORMATS), default="csv")


def _key(parser: argparse.ArgumentParser) -> None:
    _email(parser)
    parser.add_argument("key", type=int, metavar="KEY", help="the connection's number, from `keys`")


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no day; YYYY-MM-DD is expected") from None


COMMANDS: dict[str, Command] = {
    "migrate": Command("make or update the database and the key ring", _nothing, commands.migrate),
    "add-user": Command("make an account; the password is read from standard input", _email, commands.add_user),
    "add-key": Command("check, seal and store a provider key read from standard input", _add_key, commands.add_key),
    "replace-key": Command("put another key of the same organisation in its place", _key, commands.replace_key),
    "delete-key": Command("destroy a stored key; its history stays", _key, commands.delete_key),
    "keys": Command("list the connections of an account", _email_and_json, commands.keys),
    "usage": Command("print usage and cost, grouped", _usage, commands.usage),
    "export": Command("write usage events or the bill as CSV", _export, commands.write_export),
    "coverage": Command("print the ledger: what was read of every day", _email_and_json, commands.coverage),
    "unknown-fields": Command(
        "ask the provider for a day and list fields that are not read", _key, commands.unknown_fields
    ),
    "rotate-keys": Command("seal every stored key under a new key-encryption key", _nothing, commands.rotate_keys),
    "status": Command("print the state of this installation", _as_json, commands.status),
}


if __name__ == "__main__":
    sys.exit(main())
