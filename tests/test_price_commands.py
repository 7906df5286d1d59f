"""The commands on prices, from the shell: agree, look, explain, price anew, take back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from tests.installation import EMAIL, NOW, TODAY, Installation, installed
from tracker import clock
from tracker.sandbox import World

DAY, NEXT = str(TODAY - clock.DAY), str(TODAY)
MODEL = "gpt-5.4"


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """Three days of one key, fetched, on SQLite."""
    folder = tmp_path_factory.mktemp("prices")
    clock.start_at(NOW)
    with installed(World(days=3, keeps=3), f"sqlite:///{folder / 'tracker.db'}", folder) as installation:
        assert installation.fetch() == 0
        yield installation


def told(ready: Installation, command: str, *arguments: str) -> Any:
    code, out, err = run(ready, command, *arguments, "--json")
    assert code == 0
    assert err == "" or err.startswith("Without a price, and so in no estimate: ")
    return json.loads(out)


def run(ready: Installation, command: str, *arguments: str) -> tuple[int, str, str]:
    process = ready.process("tracker", command, EMAIL, *arguments)
    out, err = process.communicate(timeout=60)
    return process.returncode, out.decode(), err.decode()


def cost(ready: Installation) -> Decimal:
    rows = told(ready, "usage", "--from", DAY, "--to", NEXT, "--by", "model")
    return next(Decimal(row["estimated_cost_usd"]) for row in rows if row["model"] == MODEL)


def test_a_price_is_agreed_explained_applied_and_taken_back(ready: Installation) -> None:
    before = cost(ready)
    groups = told(ready, "explain", "--day", DAY, "--model", MODEL)
    parts = [Decimal(part["amount_usd"]) for group in groups for part in group["parts"] or ()]
    assert sum(Decimal(group["estimated_cost_usd"] or 0) for group in groups) == before
    assert sum(parts) + sum(Decimal(group["rounding_usd"] or 0) for group in groups) == before

    terms = ("--model", MODEL, "--from", DAY, "--factor", "0.5", "--note", "contract")
    (agreed,) = told(ready, "price", *terms)
    assert (agreed["factor"], agreed["note"]) == ("0.5", "contract")
    (day,) = told(ready, "reprice", "--from", DAY, "--to", NEXT)
    assert Decimal(day["new_usd"]) - Decimal(day["old_usd"]) == Decimal(day["difference_usd"]) < 0
    assert cost(ready) == before

    (done,) = told(ready, "reprice", "--from", DAY, "--to", NEXT, "--apply")
    assert cost(ready) == before + Decimal(day["difference_usd"])
    undone = told(ready, "reprice", "--undo", str(done["repricing"]))
    assert (undone["restored"], undone["left_as_is"]) == (done["rows"], 0)
    assert cost(ready) == before

    (ended,) = told(ready, "price", "--end", str(agreed["number"]), "--on", DAY)
    assert ended["to"] == DAY
    assert told(ready, "reprice", "--from", DAY, "--to", NEXT) == []


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("price", "--model", MODEL), "both --model and --from"),
        (("price", "--end", "1"), "--end NUMBER --on DAY"),
        (("price", "--end", "99", "--on", DAY), "no agreed price 99"),
        (("price", "--model", MODEL, "--from", DAY), "either a factor on the list price or rates of its own"),
        (("price", "--model", MODEL, "--from", DAY, "--factor", "1e999"), "The factor is a number from 0 to 100"),
        (("price", "--model", MODEL, "--from", DAY, "--rate", "input_tokens=nan"), "is a number from 0 to"),
        (("price", "--model", MODEL, "--from", DAY, "--rate", "words=1"), "There is no rate called"),
        (("reprice",), "--from and --to"),
        (("reprice", "--from", NEXT, "--to", DAY), "before it begins"),
        (("reprice", "--undo", "99"), "no repricing 99"),
        (("explain", "--day", "yesterday", "--model", MODEL), "is no day"),
    ],
)
def test_nonsense_is_refused_with_a_sentence(ready: Installation, arguments: tuple[str, ...], sentence: str) -> None:
    code, out, err = run(ready, *arguments)

    assert code in {1, 2, 64}
    assert out == ""
    assert sentence in " ".join(err.split())
