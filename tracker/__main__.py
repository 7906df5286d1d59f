"""`python -m tracker …`: set-up, accounts, keys and numbers from the command line.

Data goes to standard output, messages to standard error. Exit codes: 0 done, 1 a task failed, 2 wrong use,
78 the configuration does not allow a start.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence

from tracker.commands import Command, WrongUse, commands
from tracker.errors import BadConfiguration, BadInput, TrackerError
from tracker.redact import redact, setup_logging

FAILED, WRONG_USE, CONFIGURATION = 1, 2, 78


def main(arguments: Sequence[str] | None = None) -> int:
    words = sys.argv[1:] if arguments is None else arguments
    known = commands(words[0] if words else None)
    options = _parser(known).parse_args(words)
    setup_logging("WARNING")
    try:
        return _to_the_end(known[options.command].run(options, os.environ))
    except BrokenPipeError:
        return _reader_gone()
    except BadConfiguration as error:
        return _told(error, CONFIGURATION)
    except WrongUse as error:
        return _told(error, WRONG_USE)
    except (BadInput, TrackerError) as error:
        return _told(error, FAILED)


def _to_the_end(code: int) -> int:
    sys.stdout.flush()
    return code


def _reader_gone() -> int:
    """Whoever read the output, `head` say, has enough. Nothing is left to be flushed at the exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _told(error: TrackerError, code: int) -> int:
    print(redact(str(error)), file=sys.stderr)
    return code


def _parser(known: Mapping[str, Command]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tracker", description="LLM API Usage Tracker")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, command in known.items():
        command.arguments(subparsers.add_parser(name, help=command.help, description=command.help))
    return parser


if __name__ == "__main__":
    sys.exit(main())
