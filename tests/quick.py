"""A process of the product as `python -m …` makes it, but forked from one that has imported the product already.

That spares each of them the second which importing takes. Arguments, settings, streams, signals and exit code are its
own. What an interpreter does until then is seen where the whole product is started: `test_dev.py`, `site.py`.
"""

from __future__ import annotations

import multiprocessing
import os
import runpy
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from multiprocessing.reduction import DupFd
from types import TracebackType
from typing import Any, BinaryIO, Self

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["jobs.worker", "tracker.commands"])


class Process:
    """What subprocess.Popen is with three pipes, as far as tests use it. It ends with the tests at the latest."""

    def __init__(self, arguments: Sequence[str], environ: dict[str, str]) -> None:
        """`arguments` are a module and what it is given."""
        given, self.stdin = _pipe()
        self.stdout, out = _pipe()
        self.stderr, err = _pipe()
        theirs = (given, out, err)
        handed = [Handed(stream) for stream in theirs]
        self._process = CONTEXT.Process(target=_become, args=(arguments, environ, handed), daemon=True)
        self._process.start()
        for stream in theirs:
            stream.close()

    @property
    def returncode(self) -> int | Any:
        """Its exit code, minus the signal that ended it, or None while it runs (as with Popen, for whoever waited)."""
        return self._process.exitcode

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code, waited for that long (s); subprocess.TimeoutExpired."""
        self._process.join(timeout)
        if (code := self._process.exitcode) is None:
            raise subprocess.TimeoutExpired(self._process.name, timeout or 0)
        return code

    def send_signal(self, number: int) -> None:
        """Nothing happens when it has ended."""
        if self._process.pid and self.returncode is None:
            os.kill(self._process.pid, number)

    def communicate(self, given: bytes = b"", timeout: float | None = None) -> tuple[bytes, bytes]:
        """Give it that and wait for its end; both its outputs. It is killed when that takes longer (s)."""
        with self, ThreadPoolExecutor() as pool:
            outputs = [pool.submit(stream.read) for stream in (self.stdout, self.stderr)]
            with suppress(BrokenPipeError), self.stdin:
                self.stdin.write(given)
            try:
                self.wait(timeout)
            except subprocess.TimeoutExpired:
                self._process.kill()
                raise
            out, err = (output.result() for output in outputs)
        return out, err

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for stream in (self.stdout, self.stderr):
            stream.close()
        with suppress(BrokenPipeError):
            self.stdin.close()
        self.wait()


def _pipe() -> tuple[BinaryIO, BinaryIO]:
    reading, writing = os.pipe()
    return os.fdopen(reading, "rb"), os.fdopen(writing, "wb")


class Handed:
    """A stream on its way to the new process, where it arrives as a descriptor."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def __reduce__(self) -> tuple[Any, ...]:
        return _received, (DupFd(self._stream.fileno()),)


def _received(handed: Any) -> int:
    descriptor: int = handed.detach()
    return descriptor


def _become(arguments: Sequence[str], environ: dict[str, str], streams: Sequence[int]) -> None:
    """In the new process: run the module as the shell would."""
    for place, stream in enumerate(streams):
        os.dup2(stream, place)
        os.close(stream)
    sys.stdin = os.fdopen(0, encoding="utf-8")
    os.environ.clear()
    os.environ.update(environ)
    sys.argv = [*arguments]
    runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)
