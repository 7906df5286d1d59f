"""The command that every start begins with: it loads nothing that only others need."""

from __future__ import annotations

import sys
from argparse import Namespace

from tracker import product
from tracker.commands.command import Command, Environ, nothing


def migrate(_options: Namespace, environ: Environ) -> int:
    settings = product.prepare(environ)
    print(f"The database is up to date and the key ring is at {settings.keyring_file}.", file=sys.stderr)
    return 0


COMMANDS: dict[str, Command] = {
    "migrate": Command("make or update the database and the key ring", nothing, migrate),
}
