"""From `dev.py up` to a page that answers: a first start with an empty folder, and the next ones."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from bench.measure import of_runs
from tests.site import free_port

DEV = Path(__file__).parents[1] / "dev.py"
AGAIN = 3
WITHIN_S = 60


def run() -> dict[str, object]:
    """Seconds until GET / is answered with 200. The environment (.venv) is made already."""
    with tempfile.TemporaryDirectory() as folder:
        first = _start_s(folder)
        again = of_runs([_start_s(folder) for _ in range(AGAIN)])
    return {"first_start_s": round(first, 2), "answers_s": again}


def _start_s(folder: str) -> float:
    port = free_port()
    env = {**os.environ, "TRACKER_DATA_DIR": folder, "TRACKER_PORT": str(port)}
    began = time.perf_counter()
    with subprocess.Popen([sys.executable, str(DEV), "up"], env=env, stderr=subprocess.DEVNULL) as process:
        try:
            while not _answers(f"http://127.0.0.1:{port}/"):
                assert time.perf_counter() - began < WITHIN_S, "it did not start"
                time.sleep(0.02)
            return time.perf_counter() - began
        finally:
            process.send_signal(signal.SIGINT)
            process.wait()


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=5) as answer:  # noqa: S310 - an address of this machine
            return bool(answer.status == 200)
    except OSError:  # refused, broken off, or no answer in time on a busy machine
        return False
