"""`python -m bench.stub`: a provider that answers every usage request with one page of 120 rows, after a latency.

It costs almost no CPU, so that what is measured beside it is ours. Its first line of output is its address.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from bench.payload import DAY, ROWS, page


class Answering(asyncio.Protocol):
    def __init__(self, answer: bytes, latency_s: float) -> None:
        self.answer, self.latency_s = answer, latency_s

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        for _ in range(data.count(b"\r\n\r\n")):
            asyncio.get_running_loop().call_later(self.latency_s, self._answer)

    def _answer(self) -> None:
        if not self.transport.is_closing():
            self.transport.write(self.answer)


def answer() -> bytes:
    body = json.dumps(page(DAY, rows=ROWS)).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


async def serve(latency_s: float) -> None:
    told = answer()
    server = await asyncio.get_running_loop().create_server(
        lambda: Answering(told, latency_s), "127.0.0.1", 0, backlog=256
    )
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", flush=True)
    await server.serve_forever()


@contextmanager
def running(latency_s: float) -> Iterator[str]:
    """The address of such a provider, as a process of its own."""
    command = [sys.executable, "-m", "bench.stub", "--latency-ms", str(latency_s * 1_000)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.stub")
    parser.add_argument("--latency-ms", type=float, default=80)
    asyncio.run(serve(parser.parse_args().latency_ms / 1_000))
