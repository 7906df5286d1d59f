"""A provider on a real socket that plays back a script of raw answers, one connection for each, and a client of it."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tracker.errors import KeyRejected, ProviderError
from tracker.providers.http import ClientPool, Limits, ProviderClient, Refusal
from tracker.redact import SecretKey

KEY = "sk-admin-0123456789abcdefghijABCDEFGHIJ"
COSTS = "/organization/costs"
DEFAULT = Limits()
ONCE = Limits(tries=1)
HASTY = Limits(total_s=0.3, tries=1)
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
NOON_TEXT = "Fri, 20 Nov 2026 12:00:00 GMT"
BUSY = "429 Too Many Requests"

Step = bytes | Callable[[socket.socket, threading.Event, bytes], None]
"""An answer, or what sends one, given the connection, what ends it early, and the head of the request."""


def answer(body: bytes = b"{}", status: str = "200 OK", **headers: str) -> bytes:
    """A raw answer; `content_type="…"` and the like set or (empty) remove headers."""
    told = {"content_type": "application/json", "content_length": str(len(body)), "connection": "close"} | headers
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in told.items() if value]
    return "\r\n".join([f"HTTP/1.1 {status}", *lines, "", ""]).encode() + body


def trickling(raw: bytes) -> Step:
    """Sends a byte at a time, each well within every timeout for a single read."""

    def send(connection: socket.socket, stopped: threading.Event, _head: bytes) -> None:
        for at in range(len(raw)):
            if stopped.wait(0.02):
                return
            connection.sendall(raw[at : at + 1])

    return send


def stalling(raw: bytes) -> Step:
    def send(connection: socket.socket, stopped: threading.Event, _head: bytes) -> None:
        connection.sendall(raw)
        stopped.wait()

    return send


GOOD = answer(b'{"data": []}')


@dataclass
class ScriptedProvider:
    """Answers each connection with the script's next step, the last one for ever; keeps what it was asked."""

    script: list[Step] = field(default_factory=list)
    tls: ssl.SSLContext | None = None
    asked: list[bytes] = field(default_factory=list)
    _stopped: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.address: tuple[str, int] = self._socket.getsockname()
        self._run(self._accept)

    @property
    def base_url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.address[1]}/v1"

    def stop(self) -> None:
        """Answer nobody any more; may be called again."""
        self._stopped.set()
        with suppress(OSError):  # the second time nobody listens
            socket.create_connection(self.address).close()
        for thread in self._threads:
            thread.join()
        self._socket.close()

    def _run(self, work: Callable[..., None], *given: object) -> None:
        self._threads.append(threading.Thread(target=work, args=given))
        self._threads[-1].start()

    def _accept(self) -> None:
        while True:
            connection, _ = self._socket.accept()
            if self._stopped.is_set():
                connection.close()
                return
            self._run(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        with closing(connection), suppress(OSError):  # the client may hang up at any time
            secured = self.tls.wrap_socket(connection, server_side=True) if self.tls else connection
            with closing(secured):
                head = received = secured.recv(65_536)
                while received and not head.endswith(b"\r\n\r\n"):
                    head += (received := secured.recv(65_536))
                self.asked.append(head)
                step = self.script.pop(0) if len(self.script) > 1 else self.script[0]
                step(secured, self._stopped, head) if callable(step) else secured.sendall(step)


@dataclass
class Calls:
    """Keeps each call with how many the provider had seen by then."""

    provider: ScriptedProvider
    rows: list[tuple[object, ...]] = field(default_factory=list)

    def started(self, method: str, path: str) -> int:
        self.rows.append((method, path, len(self.provider.asked)))
        return len(self.rows) - 1

    def finished(self, call_id: int, *, status: int | None, received_bytes: int, duration_ms: int) -> None:
        assert duration_ms >= 0
        self.rows[call_id] += (status, received_bytes)


@dataclass
class Asker:
    """A client of the scripted provider, with its record of calls and of waits."""

    provider: ScriptedProvider
    pool: ClientPool
    calls: Calls
    waits: list[float] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)

    def client(self, limits: Limits = DEFAULT, base_url: str | None = None) -> ProviderClient:
        return ProviderClient(
            base_url=base_url or self.provider.base_url,
            title="OpenAI",
            headers=lambda key: {"Authorization": f"Bearer {key.reveal()}"},
            key=SecretKey(KEY),
            allowed=(COSTS, "/organization/projects/{id}/api_keys"),
            explain=self.explain,
            calls=self.calls,
            connection=self.pool,
            limits=limits,
            wait=self.waits.append,
            part=lambda: 0.5,
        )

    def explain(self, refusal: Refusal) -> ProviderError:
        self.refusals.append(refusal)
        return KeyRejected(refusal.message)

    def fails(self, kind: type[ProviderError], *script: Step, limits: Limits = DEFAULT) -> ProviderError:
        """The error of exactly that kind in which asking for costs ends."""
        self.provider.script[:] = script
        with pytest.raises(kind) as failed:
            self.client(limits).get(COSTS, (("page", "secret-cursor"),))
        assert type(failed.value) is kind
        return failed.value


@contextmanager
def asking(provider: ScriptedProvider, *, loopback_only: bool = False) -> Iterator[Asker]:
    with closing(ClientPool(loopback_only=loopback_only)) as pool:
        try:
            yield Asker(provider, pool, Calls(provider))
        finally:
            provider.stop()


def self_signed(file: Path) -> ssl.SSLContext:
    """A server's context with a certificate for 127.0.0.1 that nobody vouches for, kept in `file`."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    years = datetime(2020, 1, 1), datetime(2120, 1, 1)  # noqa: DTZ001 as the library wants them
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, *years)
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    certificate = builder.sign(key, hashes.SHA256()).public_bytes(pem)
    file.write_bytes(key.private_bytes(pem, pkcs8, serialization.NoEncryption()) + certificate)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context
