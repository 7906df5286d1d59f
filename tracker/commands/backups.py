"""Commands that keep a copy of the database, and put one in its place."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, Namespace
from dataclasses import asdict
from pathlib import Path

from tracker import backup, clock, config
from tracker.commands.command import Command, Environ

RING = "The key ring is not part of it: back {ring} up apart, to another place."


def make(options: Namespace, environ: Environ) -> int:
    settings = config.load(environ)
    clock.start_at(settings.now)
    manifest = backup.make(settings.database_url, options.file, replace=options.replace)
    print(json.dumps(asdict(manifest)))
    print(f"{options.file} holds the whole database. {RING.format(ring=settings.keyring_file)}", file=sys.stderr)
    return 0


def restore(options: Namespace, environ: Environ) -> int:
    settings = config.load(environ)
    clock.start_at(settings.now)
    manifest = backup.restore(settings.database_url, options.file, replace=options.replace)
    if manifest is None:
        print("The back-up is in place. It has no manifest, so nothing was compared.", file=sys.stderr)
    else:
        keys = ", ".join(manifest.kek_ids) or "none yet"
        print(f"The back-up of {manifest.made_at} is in place, and equals its manifest.", file=sys.stderr)
        print(f"Its keys open with {keys} of {_ring(settings.keyring_file)}.", file=sys.stderr)
    print("Now run: python -m tracker migrate. The worker reads again what is missing.", file=sys.stderr)
    return 0


def _ring(path: Path) -> str:
    if path.exists():
        return f"the key ring at {path}"
    return f"the key ring that was there: put it at {path} first, for it is in no back-up of the database"


def _file(parser: ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE")
    parser.add_argument("--replace", action="store_true", help="also when there is one already")


COMMANDS: dict[str, Command] = {
    "backup": Command("write the whole database to a file, with a manifest beside it", _file, make),
    "restore": Command("put a back-up in the place of the database", _file, restore),
}
