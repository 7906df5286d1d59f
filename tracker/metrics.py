"""What a process counts of its own work, and Prometheus' text form of that and of figures looked up when asked.

Every name begins with `tracker_`. No label holds what a person or a provider wrote.
"""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

from tracker.redact import SecretKey

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Figures = Mapping[str, float | None]

COUNTS = CollectorRegistry()
"""Counted since the process began; with its memory, processor time and open files where the system tells them."""

ProcessCollector(registry=COUNTS)

UNITS = Counter("tracker_units", "Units of work by how they ended.", ["outcome"], registry=COUNTS)
CALLS = Counter("tracker_provider_calls", "Calls of providers by status; none: no answer.", ["status"], registry=COUNTS)
UNKNOWN_FIELDS = Counter(
    "tracker_unknown_fields", "Fields in answers that this version does not read.", ["endpoint"], registry=COUNTS
)
LOOP_EXCEPTIONS = Counter("tracker_loop_exceptions", "Jobs of the loop that raised.", ["job"], registry=COUNTS)
PINGS = Counter("tracker_pings", "Calls of the monitor by how they ended.", ["outcome"], registry=COUNTS)
RUN_SECONDS = Histogram(
    "tracker_run_seconds",
    "How long a worker worked on a connection until nothing was left.",
    buckets=(0.1, 0.5, 1, 5, 15, 60, 300, 1_800, 7_200),
    registry=COUNTS,
)

MEANINGS = {
    "database_answers": "1 while the database answers.",
    "writes_refused": "1 for two minutes after the database refused what this process wrote: full, or read-only.",
    "schema_current": "1 while the schema is this version's.",
    "sessions": "Sessions that are signed in.",
    "workers": "Workers that gave a sign of life in the last 30 seconds.",
    "connections": "Connections that work.",
    "connections_due": "Connections with work that may be done now.",
    "connections_behind": "Connections with work that could not be done and waits.",
    "uncovered_day_age_seconds": "Since the end of the oldest finished day that was not read; 0 when every day was.",
    "late_seconds": "For how long the longest waiting work could have been done; 0 when nothing waits.",
    "last_success_timestamp_seconds": "As of when everything was up to date.",
    "seconds_since_look": "Since the worker last looked for work.",
    "units_in_hand": "Units being read.",
    "connections_in_work": "Connections being read.",
    "rests": "1 while the worker begins nothing, for the database failed it a moment ago.",
}
"""What each looked-up figure says. One that cannot be known now is left out, and is not zero."""


def holds(authorization: str | None, token: SecretKey | None) -> bool:
    """Whether a request's Authorization header holds the token; never where none is set."""
    kind, _, given = (authorization or "").partition(" ")
    usable = token is not None and kind.lower() == "bearer" and bool(given) and given.isascii()
    return usable and SecretKey(given) == token


def text(prefix: str, figures: Figures) -> bytes:
    """Figures under `tracker_<prefix>_…`, and all that was counted."""
    told = CollectorRegistry()
    for name, value in figures.items():
        if value is not None:
            Gauge(f"tracker_{prefix}_{name}", MEANINGS[name], registry=told).set(value)
    return generate_latest(told) + generate_latest(COUNTS)
