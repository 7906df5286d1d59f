"""The part of requirements.lock that the product needs to run, on standard output: `python deploy/runtime.py`.

The lock says of each package through which others it came; what leads only to tests and tools is left out. Nothing is
resolved anew, so every version and hash is the lock's. Standard library only, for it runs before anything is installed.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

HERE = Path(__file__).resolve().parent
HOME = HERE if (HERE / "requirements.lock").exists() else HERE.parent
"""The checkout's root; in the image's builder this file lies beside the lock."""


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def name_of(requirement: str) -> str:
    return normal(re.split(r"[^\w.-]", requirement, maxsplit=1)[0])


def packages(lock: str) -> list[tuple[str, str]]:
    """Each package's name and lines; one that is locked differently for other machines stands there twice."""
    parts = re.split(r"^(?=[A-Za-z0-9])", lock, flags=re.MULTILINE)
    return [(name_of(part), part) for part in parts if "==" in part]


def parents(part: str) -> set[str]:
    """The packages through which this one came."""
    noted = re.findall(r"^\s+#(?: via)? +([\w.-]+)", part, flags=re.MULTILINE)
    return {normal(name) for name in noted if name != "via"}


def needed(every: list[tuple[str, str]], roots: set[str]) -> set[str]:
    """The roots and all that came through one of them; KeyError for a root that is not locked."""
    if missing := roots - {name for name, _ in every}:
        raise KeyError(f"not locked: {', '.join(sorted(missing))}")
    found = set(roots)
    while more := {name for name, part in every if name not in found and parents(part) & found}:
        found |= more
    return found


def runtime(lock: str, project: str) -> str:
    """The lock's lines of what `project.dependencies` of that pyproject.toml lead to, in the lock's order."""
    every = packages(lock)
    kept = needed(every, {name_of(each) for each in tomllib.loads(project)["project"]["dependencies"]})
    return "".join(part for name, part in every if name in kept)


if __name__ == "__main__":
    texts = ((HOME / name).read_text(encoding="utf-8") for name in ("requirements.lock", "pyproject.toml"))
    sys.stdout.write(runtime(*texts))
