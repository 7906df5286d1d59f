"""A process of the product as `python -m …` makes it, but forked from one that has imported what it stands on.

That spares each of them a second or two. Arguments, settings, streams, signals and exit code are its own. What an
interpreter does until then is seen where a process starts from nothing: `test_dev.py`, `bench/`.
"""

from __future__ import annotations

import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from multiprocessing.reduction import DupFd
from pathlib import Path
from types import TracebackType
from typing import IO, Any, BinaryIO, Self

ROOT = Path(__file__).resolve().parents[1]
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["jobs.worker", "tracker.commands", "altair", "pandas", "streamlit.web.cli"])
"""The worker, the commands, and what the pages stand on. The pages are loaded by each dashboard itself, as ever."""


class Forked:
    """What of subprocess.Popen tests use. It ends with the tests at the latest."""

    def __init__(self, arguments: Sequence[str], environ: dict[str, str], streams: Sequence[IO[bytes]]) -> None:
        """`arguments` are a module and what it is given; `streams` its input, output and error output."""
        handed = [_Handed(stream) for stream in streams]
        self._process = CONTEXT.Process(target=_become, args=(arguments, environ, handed), daemon=True)
        self._process.start()

    @property
    def pid(self) -> int:
        pid = self._process.pid
        assert pid is not None
        return pid

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
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class Process(Forked):
    """One with its streams in pipes."""

    def __init__(self, arguments: Sequence[str], environ: dict[str, str]) -> None:
        given, self.stdin = _pipe()
        self.stdout, out = _pipe()
        self.stderr, err = _pipe()
        with given, out, err:
            super().__init__(arguments, environ, (given, out, err))

    def communicate(self, given: bytes = b"", timeout: float | None = None) -> tuple[bytes, bytes]:
        """Give it that and wait for its end; both its outputs. It is killed when that takes longer (s)."""
        with self, ThreadPoolExecutor() as pool:
            outputs = [pool.submit(stream.read) for stream in (self.stdout, self.stderr)]
            with suppress(BrokenPipeError), self.stdin:
                self.stdin.write(given)
            try:
                self.wait(timeout)
            except subprocess.TimeoutExpired:
                self.kill()
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


class _Handed:
    """A stream on its way to the new process, where it arrives as a descriptor."""

    def __init__(self, stream: IO[bytes]) -> None:
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
    os.chdir(ROOT)
    os.environ.clear()
    os.environ.update(environ)
    sys.argv = [*arguments]
    runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)
