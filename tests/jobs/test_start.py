"""`python -m jobs` while it loads."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from jobs.__main__ import BEFORE_BEGUN
from tests.installation import ROOT


def test_a_worker_asked_to_stop_before_it_has_begun_ends_well_and_says_so(tmp_path: Path) -> None:
    environ = {**os.environ, "TRACKER_DATA_DIR": str(tmp_path)}
    with subprocess.Popen([sys.executable, "-m", "jobs"], cwd=ROOT, env=environ, stderr=subprocess.PIPE) as worker:
        while not catches(worker.pid, signal.SIGTERM):
            assert worker.poll() is None
        worker.send_signal(signal.SIGTERM)

        _, told = worker.communicate(timeout=30)

    assert (worker.returncode, told) == (0, BEFORE_BEGUN)
    assert list(tmp_path.iterdir()) == []


def catches(process: int, number: int) -> bool:
    """Whether a process has a handler of its own for a signal, by proc(5)."""
    status = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    (mask,) = (line.split()[1] for line in status.splitlines() if line.startswith("SigCgt:"))
    return bool(int(mask, 16) >> (number - 1) & 1)
