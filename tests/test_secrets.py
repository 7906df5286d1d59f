"""No provider key is found in anything the product leaves behind, whatever goes wrong while it is used."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest
from sqlalchemy import text

from tests.installation import EMAIL, NOW, Installation, installed
from tests.secrets_scan import keys_in
from tracker import clock
from tracker.sandbox import Trouble, World
from tracker.sandbox.trouble import KINDS

SLOW = {"dribble", "gzip_bomb", "deep_nesting"}


@pytest.mark.parametrize(
    "form",
    [
        lambda key: key.encode(),
        lambda key: quote(key, safe="").encode(),
        lambda key: key.encode().hex().upper().encode(),
        lambda key: key.encode("utf-16"),
        lambda key: base64.b64encode(key.encode()),
        lambda key: base64.b64encode(b"x" + key.encode()),
        lambda key: base64.b64encode(b"xy" + key.encode()),
    ],
)
def test_the_scan_finds_a_key_in_every_form(form: Callable[[str], bytes]) -> None:
    assert keys_in(b"before " + form(World().keys["good"]) + b" after")


def test_no_key_is_left_anywhere_after_a_run_full_of_trouble(migrated_url: str, tmp_path: Path) -> None:
    clock.start_at(NOW)
    with installed(World(days=3, keeps=3), migrated_url, tmp_path) as installation:
        for kind in sorted(KINDS.keys() - SLOW):
            installation.world.troubles.add(Trouble(kind, path="/organization/"))
        left = run(installation, "jobs", "--once")
        for command in (["keys", EMAIL, "--json"], ["coverage", EMAIL, "--json"], ["status", "--json"]):
            left += run(installation, "tracker", *command)
        left += run(installation, "tracker", "add-key", EMAIL, "--provider", "openai", "--label", "2", stdin="revoked")
        left += run(installation, "tracker", "add-key", EMAIL, "--provider", "openai", "--label", "3", stdin="good")
        left += installation.csv_text(clock.day_of(NOW), clock.day_of(NOW)).encode()
        left += dump(installation)

    assert b"connection 1" in left
    assert keys_in(left) == []
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert {str(file): found for file in files if (found := keys_in(file.read_bytes()))} == {}


def run(installation: Installation, module: str, *arguments: str, stdin: str = "") -> bytes:
    """Both outputs of a process; `stdin` is the kind of the key it is given."""
    given = installation.world.keys[stdin].encode() + b"\n" if stdin else b""
    out, err = installation.process(module, *arguments).communicate(given, timeout=120)
    return out + err


def dump(installation: Installation) -> bytes:
    """Every value of every table, as text and as bytes."""
    database = installation.product.database
    tables = "select name from sqlite_master where type = 'table'"
    if database.engine.dialect.name == "postgresql":
        tables = "select tablename from pg_tables where schemaname = 'public'"
    values: list[bytes] = []
    with database.engine.connect() as connection:
        for (table,) in connection.execute(text(tables)).all():
            for row in connection.execute(text(f'select * from "{table}"')):  # noqa: S608 the database's own names
                values += [value if isinstance(value, bytes) else json.dumps(str(value)).encode() for value in row]
    return b"\n".join(values)
