"""The requirements of OWASP ASVS 5.0.0 that SECURITY.md has to account for, by their numbers.

Source: https://github.com/OWASP/ASVS, 5.0/en (read 2026-11): all 70 of level 1, all 183 of level 2, and of level 3
those that matter most to a keeper of admin keys.
"""

from __future__ import annotations

from collections.abc import Iterator

LEVEL_1 = """
1.2.1-5 1.3.1-2 1.5.1 2.1.1 2.2.1-2 2.3.1 3.2.1-2 3.3.1 3.4.1-2 3.5.1-3 4.1.1 4.4.1 5.2.1-2 5.3.1-2 6.1.1 6.2.1-8
6.3.1-2 6.4.1-2 7.2.1-4 7.4.1-2 8.1.1 8.2.1-2 8.3.1 9.1.1-3 9.2.1 10.4.1-5 11.3.1-2 11.4.1 12.1.1 12.2.1-2 13.4.1
14.2.1 14.3.1 15.1.1 15.2.1 15.3.1
"""
LEVEL_2 = """
1.1.1-2 1.2.6-9 1.3.3-11 1.4.1-3 1.5.2 2.1.2-3 2.2.3 2.3.2-4 2.4.1 3.3.2-4 3.4.3-6 3.5.4-5 3.7.1-2 4.1.2-3 4.2.1
4.3.1-2 4.4.2-4 5.1.1 5.2.3 5.4.1-3 6.1.2-3 6.2.9-12 6.3.3-4 6.4.3-4 6.5.1-5 6.6.1-3 6.8.1-4 7.1.1-3 7.3.1-2 7.4.3-5
7.5.1-2 7.6.1-2 8.1.2 8.2.3 8.4.1 9.2.2-4 10.1.1-2 10.2.1-2 10.3.1-4 10.4.6-11 10.5.1-5 10.6.1-2 10.7.1-3 11.1.1-2
11.2.1-3 11.3.3 11.4.2-4 11.5.1 11.6.1 12.1.2-3 12.3.1-4 13.1.1 13.2.1-5 13.3.1-2 13.4.2-5 14.1.1-2 14.2.2-4 14.3.2-3
15.1.2-3 15.2.2-3 15.3.2-7 16.1.1 16.2.1-5 16.3.1-4 16.4.1-3 16.5.1-3 17.1.1 17.2.1-4 17.3.1-2
"""
LEVEL_3 = """
1.2.10 1.3.12 3.1.1 3.4.8 4.2.3 5.2.4 5.3.3 6.3.5 6.3.7-8 6.4.6 6.5.8 7.5.3 8.3.2-3 11.1.4 11.2.5 11.3.4 13.1.2-4
13.2.6 13.3.3-4 13.4.6 14.2.6-7 15.2.4 15.4.2 16.5.4
"""


def numbers(ranges: str) -> Iterator[str]:
    """Each number of texts like `1.2.1-5`."""
    for each in ranges.split():
        section, _, span = each.rpartition(".")
        first, _, last = span.partition("-")
        yield from (f"{section}.{number}" for number in range(int(first), int(last or first) + 1))


REQUIREMENTS = tuple(numbers(LEVEL_1 + LEVEL_2 + LEVEL_3))
