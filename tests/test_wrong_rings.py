"""A key ring that does not fit stops command, worker and web process before anything is written: K02, K03, K10."""

from __future__ import annotations

import hashlib
import json
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.drill import PATIENCE_S, Drill, drilled
from tests.site import free_port
from tracker import product
from tracker.errors import BadConfiguration

COMMANDS = {
    "rotate-keys": ("tracker", "rotate-keys"),
    "worker": ("jobs", "--once"),
    "web": ("streamlit", "run", "app.py", "--server.headless", "true", "--server.address", "127.0.0.1"),
}

WRONG_RINGS: dict[str, tuple[str, int]] = {
    "another installation's": ("holds another key k1", 0o400),
    "missing": ("is missing, and with it the only way to open the provider keys", 0),
    "malformed": ("is not JSON", 0o400),
    "world-readable": ("can be read by others", 0o444),
    "without the key that sealed": ("lacks the key k1", 0o400),
}


def spoilt(kind: str, whole: bytes) -> bytes:
    fields = json.loads(whole)
    match kind:
        case "another installation's":
            fields["keys"]["k1"] = b64encode(bytes(32)).decode()
        case "malformed":
            return whole[:-1]
        case "without the key that sealed":
            fields |= {"active": "k2", "keys": {"k2": fields["keys"]["k1"]}}
    return json.dumps(fields).encode()


@pytest.fixture(scope="module")
def refused(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Drill]:
    """The installation whose ring is spoilt again and again."""
    folder = tmp_path_factory.mktemp("rings")
    with drilled(f"sqlite:///{folder / 'tracker.db'}", folder, rows=20) as drill:
        drill.ready.database.engine.dispose()
        yield drill


@pytest.mark.parametrize("kind", WRONG_RINGS)
def test_a_wrong_ring_stops_every_process_before_it_writes(kind: str, refused: Drill) -> None:
    file = refused.ready.settings.keyring_file
    whole = file.read_bytes()
    sentence, mode = WRONG_RINGS[kind]
    file.unlink()
    if mode:
        file.write_bytes(spoilt(kind, whole))
        file.chmod(mode)
    before = hashes(file.parent)

    processes = [refused.start(*words, *port_of(words)) for words in COMMANDS.values()]
    told = [process.communicate(timeout=PATIENCE_S) for process in processes]

    after = hashes(file.parent)
    file.unlink(missing_ok=True)
    file.write_bytes(whole)
    file.chmod(0o400)
    assert [process.returncode for process in processes] == [78, 78, 78]
    assert after == before
    for text in ((out + err).decode() for out, err in told):
        assert sentence in text
        assert not any(key[:8] in text for key in json.loads(whole)["keys"].values())


def test_whoever_is_refused_leaves_no_connection_open(tmp_path: Path) -> None:
    file = tmp_path / "tracker.db"
    file.touch()  # without the schema of any version

    with pytest.raises(BadConfiguration, match="python -m tracker migrate") as refusal:
        product.start({"TRACKER_DATA_DIR": str(tmp_path)}, role="worker")

    assert [each for each in Path("/proc/self/fd").iterdir() if each.resolve() == file] == [], refusal


def port_of(words: tuple[str, ...]) -> tuple[str, ...]:
    return ("--server.port", str(free_port())) if "streamlit" in words else ()


def hashes(folder: Path) -> dict[str, str]:
    return {str(file): hashlib.sha256(file.read_bytes()).hexdigest() for file in folder.rglob("*") if file.is_file()}
