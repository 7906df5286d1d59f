"""The smallest Streamlit page there is, to hold the dashboard's first content against on the same machine."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests import site

PAGE = 'import streamlit as st\nst.title("Hello, world")\n'


@contextmanager
def running(folder: Path) -> Iterator[str]:
    """Its address, as `streamlit run` serves it without any setting of ours."""
    folder.mkdir()
    (folder / "hello.py").write_text(PAGE)
    port = str(site.free_port())
    where = ["--server.port", port, "--server.address", "127.0.0.1", "--server.headless", "true"]
    command = [sys.executable, "-m", "streamlit", "run", "hello.py", *where, "--browser.gatherUsageStats", "false"]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
    try:
        site.wait_for(f"http://127.0.0.1:{port}/_stcore/health", process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()
