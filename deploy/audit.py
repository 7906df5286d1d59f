"""Ask for known vulnerabilities of every locked package: `python deploy/audit.py [ADDRESS]` (of an OSV service).

pip-audit alone can be fooled: with a source that knows nothing it skips every package and is content. Here only an
answer for each package counts. Exit codes: 0 none known, 1 vulnerable or not audited, 2 pip-audit is not installed.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import re
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

HOME = Path(__file__).resolve().parents[1]
FAILED, NO_TOOL = 1, 2
HOW_TO_INSTALL = (
    "audited nothing: pip-audit is not installed. It is no part of the lock; install it beside this environment's "
    "packages, in an environment of its own: python -m venv audit && audit/bin/python -m pip install pip-audit, "
    "then run this file with audit/bin/python."
)

Package = tuple[str, str]


@dataclass(frozen=True)
class Findings:
    """What pip-audit gave a real answer for, and the vulnerabilities among it."""

    audited: frozenset[Package]
    vulnerable: tuple[str, ...]


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def wanted(lock: Path) -> frozenset[Package]:
    """The packages that the lock installs on this machine."""
    from packaging.requirements import Requirement  # noqa: PLC0415 - pip-audit brings it along

    text = re.sub(r"\\\n", " ", re.sub(r"^\s*#.*$", "", lock.read_text(), flags=re.MULTILINE))
    lines = [re.split(r"\s--hash", line)[0].strip() for line in text.splitlines() if line.strip()]
    requirements = [Requirement(line) for line in lines]
    here = [each for each in requirements if each.marker is None or each.marker.evaluate()]
    return frozenset((normal(each.name), str(each.specifier).removeprefix("==")) for each in here)


def command(lock: Path, address: str | None) -> list[str]:
    source = ["--vulnerability-service", "osv", "--osv-url", address] if address else []
    rules = ["--strict", "-r", str(lock), "--require-hashes", "--disable-pip"]
    return [sys.executable, "-m", "pip_audit", *rules, "--format", "json", "--progress-spinner", "off", *source]


def findings(text: str) -> Findings | None:
    """What its JSON says; None when it is not the JSON that we know."""
    with suppress(ValueError, KeyError, TypeError, AttributeError):
        answered = [each for each in json.loads(text)["dependencies"] if "skip_reason" not in each]
        return Findings(
            frozenset((normal(each["name"]), each["version"]) for each in answered),
            tuple(f"{each['name']} {each['version']}: {bug['id']}" for each in answered for bug in each["vulns"]),
        )
    return None


def judge(told: Findings | None, asked: frozenset[Package], code: int) -> tuple[int, str]:
    """The exit code and the sentence."""
    if told is None or not told.audited & asked:
        return FAILED, f"audited nothing of {len(asked)} locked packages (pip-audit ended with {code})."
    if missing := sorted(asked - told.audited):
        names = ", ".join(name for name, _ in missing)
        return FAILED, f"audited {len(asked) - len(missing)} of {len(asked)} locked packages; no answer for {names}."
    if told.vulnerable:
        return FAILED, f"audited {len(asked)} packages; vulnerable: {'; '.join(told.vulnerable)}."
    if code:
        return FAILED, f"audited {len(asked)} packages, but pip-audit ended with {code}."
    return 0, f"audited {len(asked)} packages; no vulnerability is known."


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="audit.py", description="Audit every locked package, or fail.")
    parser.add_argument("address", nargs="?", help="the advisory source: address of an OSV service's query API")
    parser.add_argument("--lock", type=Path, default=HOME / "requirements.lock", help="another lock file")
    options = parser.parse_args(arguments)
    if importlib.util.find_spec("pip_audit") is None:
        print(HOW_TO_INSTALL, file=sys.stderr)
        return NO_TOOL
    done = subprocess.run(command(options.lock, options.address), capture_output=True, text=True, check=False)
    sys.stderr.write(done.stderr)
    code, sentence = judge(findings(done.stdout), wanted(options.lock), done.returncode)
    print(sentence, file=sys.stderr if code else sys.stdout)
    return code


if __name__ == "__main__":
    sys.exit(main())
