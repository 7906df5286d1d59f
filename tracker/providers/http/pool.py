"""The connections to providers, made once a process, and the deadline that binds every read and write on them.

The library's timeouts are for each read: an answer, or even its header, that trickles in never meets them.
Behaviour seen by running httpx 0.28.1 and httpcore 1.0.9, 2026-11.
"""

from __future__ import annotations

import itertools
import ssl
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import httpcore
import httpx

_ends: ContextVar[float] = ContextVar("ends", default=float("inf"))


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Everything this thread reads and writes inside ends with httpx.TimeoutException after so many seconds."""
    token = _ends.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _ends.reset(token)


@dataclass
class ClientPool:
    """Several small pools of connections in turn: one large pool collapses beyond 32. Threads may share them.

    The library's client above them is left out: it would look for cookies that must not be kept (they would tie the
    workspaces together, whose keys come in turn) and for redirects that must not be followed.
    """

    loopback_only: bool = False
    clients: int = 4
    connections_each: int = 8

    def __post_init__(self) -> None:
        context = httpx.create_ssl_context(trust_env=False)  # 25 ms each, so made once
        self._made = [_Transport(context, self.connections_each) for _ in range(self.clients)]
        self._turn = itertools.cycle(self._made)

    def next(self) -> httpx.BaseTransport:
        return next(self._turn)

    def close(self) -> None:
        for transport in self._made:
            transport.close()


class _Transport(httpx.HTTPTransport):
    """The library's transport over connections that know the deadline."""

    def __init__(self, context: ssl.SSLContext, connections: int) -> None:
        super().__init__(verify=context, trust_env=False)
        self._pool = httpcore.ConnectionPool(
            ssl_context=context,
            max_connections=connections,
            max_keepalive_connections=connections,
            keepalive_expiry=5.0,
            network_backend=_Network(),
        )


class _Network(httpcore.SyncBackend):
    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        return _Stream(super().connect_tcp(host, port, _left(timeout), local_address, socket_options))


class _Stream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _left(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, _left(timeout)))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _left(timeout: float | None) -> float | None:
    """The seconds a step may take: its own timeout, or what is left until the deadline where that is less."""
    left = _ends.get() - time.monotonic()
    if left <= 0:
        raise httpcore.ReadTimeout
    return min((bound for bound in (timeout, left) if bound is not None and bound < float("inf")), default=None)
