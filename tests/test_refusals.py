"""No refusal leaves a person standing: each says what to do, or what would have been right."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

REFUSED = {"BadInput", "NotFound", "Conflict"}
STEP = re.compile(
    r"(?i)\b(please|choose|give|paste|copy|make|wait|delete|add|keep|update|stop|sign in|turn|set|known|such as|like"
    r"|must be|at most|either|whole|only|asked for|there are|shows those|nothing (is left )?to|was erased)\b"
)
"""The words of a step, or of what is expected in place of what was given."""


def refusals() -> Iterator[tuple[str, str]]:
    """Each sentence written where it is raised, with where; what stands for a value in it is left out."""
    for path in sorted(Path("tracker").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Raise) and isinstance(call := node.exc, ast.Call) and call.args:
                name = call.func.id if isinstance(call.func, ast.Name) else ""
                literals = [each.value for each in ast.walk(call.args[0]) if isinstance(each, ast.Constant)]
                said = "".join(map(str, literals))
                if name in REFUSED and said.strip():
                    yield f"{path}:{node.lineno}", said


def test_every_refusal_says_what_to_do_or_what_would_have_been_right() -> None:
    found = dict(refusals())

    assert len(found) > 40
    assert {where: said for where, said in found.items() if not STEP.search(said)} == {}
