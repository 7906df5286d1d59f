"""How many random cases a `soak` test tries: few in every test run, very many in `dev.py soak`."""

from __future__ import annotations

import os

LARGE = 100


def examples(few: int) -> int:
    """`few`, or a hundred times as many when TRACKER_TEST_SEEDS is `large`."""
    return few * LARGE if os.environ.get("TRACKER_TEST_SEEDS") == "large" else few
