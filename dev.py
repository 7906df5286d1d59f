#!/usr/bin/env python3
"""From a bare checkout to a running product: `python3 dev.py setup | up | demo | test | soak | bench`.

Standard library only: it runs before anything is installed. All that it installs stands in requirements.lock, hashed.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import importlib.util
import json
import math
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen

HOME = Path(__file__).resolve().parent
VENV = HOME / ".venv"
PYTHON = str(VENV / "bin" / "python")
LIBRARY = VENV / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
OLDEST = (3, 11)
BAD_CONFIGURATION = 78
INTERRUPTIONS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

NO_VENV = """This Python cannot make an environment (its module ensurepip is missing). Debian and Ubuntu: install the
package python3-venv. macOS: use the Python of python.org or of brew. Or put uv on the PATH."""

CHROME_ON_MACOS = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"
CHROMIUMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", CHROME_ON_MACOS)

SANDBOX_PORT = 8765  # fixed, because a sealed key is bound to its provider's address
DEMO_EMAIL = "demo@example.com"
DEMO_PASSWORD = "the sandbox spends no real money"  # noqa: S105 - public: it opens invented data on this machine only

# Leads the services' process group. Its input ends when dev.py does, however that came about: then it ends the group.
WATCHER = "import os, sys; sys.stdin.read(); os.killpg(0, 15)"
STOP_WITHIN_S = 15.0


class Refused(Exception):
    """Stop with this sentence and this exit code."""

    def __init__(self, message: str, code: int = 1) -> None:
        super().__init__(message)
        self.code = code


def say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


def refusal_of(version: tuple[int, ...]) -> str | None:
    """Why this Python will not do, None when it will."""
    if version >= OLDEST:
        return None
    return f"This needs Python {OLDEST[0]}.{OLDEST[1]} or newer; this one is {'.'.join(map(str, version))}."


def stamp_of(*, lock: bytes, project: bytes, python: str, home: str) -> str:
    """What an environment is made from; another stamp calls for another environment."""
    parts = (lock, project, python.encode(), home.encode())
    return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()


def ensure_environment() -> None:
    """Make .venv unless its stamp says that it is right. One dev.py at a time."""
    lock, project = ((HOME / name).read_bytes() for name in ("requirements.lock", "pyproject.toml"))
    stamp = stamp_of(lock=lock, project=project, python=sys.version, home=str(HOME))
    written = VENV / "made-from"
    turn = os.open(HOME, os.O_RDONLY)
    fcntl.flock(turn, fcntl.LOCK_EX)
    if not written.exists() or written.read_text() != stamp:
        say("Making the environment (once, about a minute) …")
        began = time.monotonic()
        written.unlink(missing_ok=True)
        install(shutil.which("uv"))
        # In place of an editable install, which would fetch a build back end that the lock does not hold.
        (LIBRARY / "checkout.pth").write_text(f"{HOME}\n")
        written.write_text(stamp)  # last, so that an interrupted attempt is repeated
        say(f"The environment is ready after {time.monotonic() - began:.0f} s.")
    os.close(turn)


def install(uv: str | None) -> None:
    """Fill .venv from the lock, with uv where there is one, else with venv and pip."""
    # The Python behind this one: an environment must not be made from the one it replaces.
    base = os.path.realpath(sys.executable)
    if uv:
        probe, make = ["-c", ""], [uv, "venv", "--quiet", "--clear", "--python", base, str(VENV)]
        fill = [uv, "pip", "sync", "--python", PYTHON, "--no-build", "--compile-bytecode"]
    else:
        probe, make = ["-m", "pip", "--version"], [base, "-m", "venv", "--clear", str(VENV)]
        fill = [PYTHON, "-m", "pip", "install", "--no-input", "--only-binary=:all:", "--no-compile", "-r"]
    if not (LIBRARY.is_dir() and subprocess.run([PYTHON, *probe], capture_output=True, check=False).returncode == 0):
        if not uv and importlib.util.find_spec("ensurepip") is None:
            raise Refused(NO_VENV)
        run(make)
    run([*fill, "requirements.lock", "--quiet", "--require-hashes"])
    if not uv:  # pip would compile on one core; what does not compile here fails where it is imported
        subprocess.run([PYTHON, "-m", "compileall", "-qq", "-j", "0", str(LIBRARY)], check=False)


def run(command: Sequence[str], *, env: Mapping[str, str] | None = None, given: str = "") -> None:
    """Run it with `given` on its input. Its failure stops us with its own exit code."""
    if code := subprocess.run(command, env=env, input=given, text=True, check=False).returncode:
        raise Refused(f"Stopped: `{' '.join(command)}` failed (exit code {code}).", abs(code))


def clean_environment(environ: Mapping[str, str], **settings: str) -> dict[str, str]:
    """The caller's environment without any setting of the product but TRACKER_TEST_…, and with these."""
    kept = {n: v for n, v in environ.items() if not n.startswith("TRACKER_") or n.startswith("TRACKER_TEST_")}
    return kept | settings


def test(options: argparse.Namespace, rest: list[str]) -> int:
    selection = ["-m", "not browser and not soak"] if options.fast else []
    steps = {
        "format": ["ruff", "format", "--check", "--quiet", "."],
        "lint": ["ruff", "check", "--quiet", "."],
        "tests": ["pytest", "-n", "3", "--dist", "loadfile", "--no-loadscope-reorder", *selection, *rest],
    }
    env = clean_environment(os.environ)
    types = ThreadPoolExecutor().submit(passes, "types", ["mypy"], env)  # one core's half a minute; tests often wait
    passed = all(passes(name, module, env) for name, module in steps.items())
    if note := browser_note(fast=options.fast, chromium=find_chromium()):
        say(note)
    return 0 if passed and types.result() else 1


def passes(name: str, module: Sequence[str], env: Mapping[str, str]) -> bool:
    say(f"{name} …")
    began = time.monotonic()
    code = subprocess.run([PYTHON, "-m", *module], env=env, check=False).returncode
    say(f"{name}: {'FAILED' if code else 'passed'} after {time.monotonic() - began:.1f} s")
    return code == 0


def find_chromium() -> str | None:
    """The browser that the browser tests drive, None when this machine has none."""
    return next(filter(None, map(shutil.which, CHROMIUMS)), None)


def browser_note(*, fast: bool, chromium: str | None) -> str | None:
    if fast:
        return "BROWSER TESTS DID NOT RUN: --fast leaves them out."
    return None if chromium else "BROWSER TESTS DID NOT RUN: no Chromium was found (Debian: install chromium)."


def soak(_options: argparse.Namespace, rest: list[str]) -> int:
    env = clean_environment(os.environ, TRACKER_TEST_SEEDS="large")
    whole = {} if rest else {"simulation": ["tests.simulation"], "mutation": ["bench.mutation"]}
    steps = {"soak": ["pytest", "-s", "-m", "soak", *rest], **whole}
    return 0 if all(passes(name, module, env) for name, module in steps.items()) else 1


def bench(_options: argparse.Namespace, rest: list[str]) -> int:
    return 0 if passes("bench", ["bench", *rest], os.environ) else 1


def setup(_options: argparse.Namespace, _rest: list[str]) -> int:
    run([PYTHON, "-m", "tracker", "migrate"])
    return 0


def up(options: argparse.Namespace, rest: list[str]) -> int:
    setup(options, rest)
    with Services(os.environ) as services:
        start_product(services)
        say(f"Open {address_of(services)}")
        services.wait()
    return 0


def demo(_options: argparse.Namespace, _rest: list[str]) -> int:
    env = demo_environment(os.environ)
    with Services(env) as services:
        check_free("127.0.0.1", SANDBOX_PORT)
        sandbox = services.start("sandbox", "tracker.sandbox", "--port", str(SANDBOX_PORT), output=PIPE)
        run([PYTHON, "-m", "tracker", "migrate"], env=env)
        start_product(services)
        prepare_demo_account(env, key_of(sandbox))  # while the dashboard starts
        way_in = f'choose "Try the demo", or sign in as {DEMO_EMAIL}; password: {DEMO_PASSWORD}'
        say(f"Open {address_of(services)} and {way_in}")
        services.wait()
    return 0


def start_product(services: Services) -> None:
    """Start the worker and the dashboard."""
    host, port = place_of(services.env)
    check_free(host, port, way_out=" or choose another with TRACKER_PORT")
    where = ["--server.port", str(port), "--server.address", host, "--server.headless", "true"]
    services.start("worker", "jobs")
    services.start("dashboard", "streamlit", "run", "app.py", *where, "--logger.hideWelcomeMessage=true")


def address_of(services: Services) -> str:
    """Where the dashboard answers, as soon as it does."""
    host, port = place_of(services.env)
    while not answers(host, port):
        services.wait(until=time.monotonic() + 0.1)
    return f"http://{host}:{port}"


def place_of(env: Mapping[str, str]) -> tuple[str, int]:
    return env.get("TRACKER_BIND_HOST", "127.0.0.1"), port_of(env)


def port_of(env: Mapping[str, str]) -> int:
    text = env.get("TRACKER_PORT", "8501")
    if not (text.isdecimal() and 0 < int(text) < 65_536):
        raise Refused(f"TRACKER_PORT is {text!r}; a number from 1 to 65535 is expected.", BAD_CONFIGURATION)
    return int(text)


def check_free(host: str, port: int, *, way_out: str = "") -> None:
    if answers(host, port):
        raise Refused(f"Port {port} is in use: stop what runs there{way_out}.")


def demo_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The demo sees none of the real installation's settings but where to show itself."""
    shown = {name: environ[name] for name in ("TRACKER_PORT", "TRACKER_BIND_HOST") if name in environ}
    folder, address = str(HOME / "data" / "demo"), f"http://127.0.0.1:{SANDBOX_PORT}/v1"
    invented = {"TRACKER_DATA_DIR": folder, "TRACKER_OPENAI_BASE_URL": address, "TRACKER_DEMO_ACCOUNT": DEMO_EMAIL}
    return clean_environment(environ, **invented, **shown)


def key_of(sandbox: Popen[str]) -> str:
    """The admin key that the sandbox accepts, from the line of JSON it prints first."""
    if not (line := sandbox.stdout.readline() if sandbox.stdout else ""):
        raise Refused("The sandbox did not start.")
    return str(json.loads(line)["key"])


def prepare_demo_account(env: Mapping[str, str], sandbox_key: str) -> None:
    """Sign the demo's person up and connect the sandbox, unless both are there."""
    look = [PYTHON, "-m", "tracker", "keys", DEMO_EMAIL, "--json"]
    found = subprocess.run(look, env=env, capture_output=True, text=True, check=False)
    if found.returncode:
        run([PYTHON, "-m", "tracker", "add-user", DEMO_EMAIL], env=env, given=DEMO_PASSWORD)
    if found.returncode or not json.loads(found.stdout):
        add = ["add-key", DEMO_EMAIL, "--provider", "openai", "--label", "Demo"]
        run([PYTHON, "-m", "tracker", *add], env=env, given=sandbox_key)


class Services:
    """The processes of one `up`. Leaving the block stops them all, and so does the end of dev.py by any cause.

    A request to stop (KeyboardInterrupt) only leaves the block.
    """

    def __init__(self, env: Mapping[str, str]) -> None:
        self.env = env
        self._running: dict[str, Popen[str]] = {}
        # In a group of their own Ctrl-C does not reach them: we end them, in order.
        self._watcher = Popen([sys.executable, "-c", WATCHER], stdin=PIPE, text=True, process_group=0)

    def __enter__(self) -> Services:  # noqa: PYI034 - Self is newer than the Pythons this file must refuse in words
        return self

    def start(self, name: str, *module: str, output: int | None = None) -> Popen[str]:
        """Run `python -m module…`; `output` as Popen's stdout."""
        call, group = [PYTHON, "-m", *module], self._watcher.pid
        self._running[name] = Popen(call, env=self.env, stdin=DEVNULL, stdout=output, text=True, process_group=group)
        return self._running[name]

    def wait(self, *, until: float = math.inf) -> None:
        """Stay until then (monotonic seconds). One of them ending by itself is a failure."""
        while time.monotonic() < until:
            for name in self._ended():
                raise Refused(f"The {name} ended by itself (exit code {self._running[name].returncode}).")
            time.sleep(0.1)

    def _ended(self) -> list[str]:
        return [name for name, process in self._running.items() if process.poll() is not None]

    def __exit__(self, reason: type[BaseException] | None, *_details: object) -> bool:
        for interruption in INTERRUPTIONS:
            signal.signal(interruption, signal.SIG_IGN)
        for process in self._running.values():
            process.terminate()
        deadline = time.monotonic() + STOP_WITHIN_S
        while len(self._ended()) < len(self._running) and time.monotonic() < deadline:
            time.sleep(0.05)
        os.killpg(self._watcher.pid, signal.SIGKILL)
        for process in (*self._running.values(), self._watcher):
            process.communicate()
        return reason is KeyboardInterrupt


def answers(host: str, port: int) -> bool:
    with suppress(OSError), socket.create_connection((host, port), timeout=2):
        return True
    return False


TASKS: dict[str, tuple[str, Callable[[argparse.Namespace, list[str]], int]]] = {
    "setup": ("make the environment, the data folder and its key ring; bring the database up to date", setup),
    "up": ("set up, then run the worker and the dashboard until Ctrl-C", up),
    "demo": ("the same against a pretended provider with invented data, kept in data/demo", demo),
    "test": ("check format, lint and types, then run the tests; takes pytest's arguments", test),
    "soak": ("run very many random cases and 10,000 key-years, then mutation tests; takes pytest's arguments", soak),
    "bench": ("measure everything, or what is named", bench),
}


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="dev.py", description="Set up, run and check the LLM API Usage Tracker.")
    tasks = top.add_subparsers(dest="task", required=True, metavar="task")
    for name, (purpose, _) in TASKS.items():
        task = tasks.add_parser(name, help=purpose, description=f"{purpose}.", allow_abbrev=False)
        if name == "test":
            task.add_argument("--fast", action="store_true", help="leave out the browser and soak tests")
    return top


def main(arguments: Sequence[str]) -> int:
    """Do the task; its exit code. Wrong use is SystemExit 2."""
    if refusal := refusal_of(sys.version_info[:3]):
        raise Refused(refusal)
    options, rest = parser().parse_known_args(arguments)
    if rest and options.task not in {"test", "soak", "bench"}:
        parser().error(f"{options.task} takes no further arguments: {' '.join(rest)}")
    os.chdir(HOME)
    ensure_environment()
    return TASKS[options.task][1](options, rest)


if __name__ == "__main__":
    for interruption in INTERRUPTIONS:
        signal.signal(interruption, signal.default_int_handler)
    try:
        sys.exit(main(sys.argv[1:]))
    except Refused as refused:
        say(str(refused))
        sys.exit(refused.code)
    except KeyboardInterrupt:
        sys.exit(130)
