"""What a worker's process sends out, seen from the operating system's side and from the provider's."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from tests.installation import NOW, ROOT, installed
from tracker import calls, clock
from tracker.providers import PROVIDERS
from tracker.sandbox import World

WATCH = r"""
import json, os, sys

ASKED = ("socket.connect", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo", "subprocess.Popen", "os.exec")
to = open(os.environ["WATCHED"], "a", buffering=1)


def seen(event, args):
    if event in ASKED:
        to.write(json.dumps([event, repr(args[1] if event.startswith("socket.c") else args[0])]) + "\n")


sys.addaudithook(seen)
"""
"""Python runs a module of this name before anything else: nothing a process does is done unseen."""


def test_only_allow_listed_gets_to_the_provider_leave_the_process(tmp_path: Path) -> None:
    clock.start_at(NOW)
    (tmp_path / "sitecustomize.py").write_text(WATCH)
    watched = tmp_path / "watched"
    with installed(World(days=3, keeps=3), f"sqlite:///{tmp_path / 'tracker.db'}", tmp_path) as ready:
        watching = {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)]), "WATCHED": str(watched)}
        worker = [sys.executable, "-m", "jobs", "--once"]
        done = subprocess.run(worker, cwd=ROOT, env={**os.environ, **ready.environ, **watching}, check=False)
        with ready.product.database.workspace(ready.workspace_id) as session:
            recorded = [(call.method, call.path) for call in calls.made(session, ready.workspace_id)]
        requests = [(request.method, request.path) for request in ready.server.requests]
        port = ready.server.base_url.rpartition(":")[2].partition("/")[0]

    assert done.returncode == 0
    events = [json.loads(line) for line in watched.read_text().splitlines()]
    assert {tuple(event) for event in events if event[0] == "socket.connect"} == {
        ("socket.connect", f"('127.0.0.1', {port})")
    }
    assert {event for event, _ in events} <= {"socket.connect", "socket.getaddrinfo"}
    assert {what for event, what in events if event == "socket.getaddrinfo"} <= {"'127.0.0.1'"}
    assert {method for method, _ in requests} == {"GET"}
    patterns = [re.sub(r"\{\w+\}", "[A-Za-z0-9_-]+", path) for path in PROVIDERS["openai"].allowed]
    assert [path for _, path in requests if not any(re.fullmatch(each, path) for each in patterns)] == []
    assert {path for _, path in requests} >= {"/organization/costs", "/organization/users", "/organization/audit_logs"}
    assert sorted(recorded) == sorted(requests)
