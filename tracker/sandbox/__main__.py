"""`python -m tracker.sandbox`: the sandbox as a process. Its first line of output tells its address and a good key."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
from collections.abc import Sequence
from datetime import datetime

from tracker import clock
from tracker.sandbox import SandboxServer, World


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    clock.start_at(options.now)
    server = SandboxServer(World(seed=options.seed), port=options.port, latency_s=options.latency_ms / 1000)
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    with server:
        print(json.dumps({"base_url": server.base_url, "key": server.world.keys["good"]}), flush=True)
        stopping.wait()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tracker.sandbox", description="A provider to try things with.")
    parser.add_argument("--port", type=int, default=8765, help="port on this machine (default 8765)")
    parser.add_argument("--seed", type=int, default=1, help="another number makes other traffic")
    parser.add_argument("--latency-ms", type=float, default=0, help="milliseconds before each answer")
    parser.add_argument("--now", type=_instant, help="instant at which its clock starts")
    return parser


def _instant(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no instant; 2026-11-23T15:30:00Z is expected")
    return at


if __name__ == "__main__":
    sys.exit(main())
