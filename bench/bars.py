"""The bars: what each bench must reach. A bar reads one figure of one bench's result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Bar:
    """`figure` is the way into the result, dots between names; a spread counts by its median."""

    bench: str
    figure: str
    what: str
    at_most: float | None = None
    at_least: float | None = None

    @property
    def text(self) -> str:
        return f"≤ {self.at_most:g}" if self.at_most is not None else f"≥ {self.at_least:g}"

    def value(self, result: Mapping[str, object]) -> float | None:
        """The figure, None where the bench could not tell it."""
        found: object = result
        for name in self.figure.split("."):
            found = found.get(name) if isinstance(found, Mapping) else None
        if isinstance(found, Mapping):
            found = found.get("median")
        return float(found) if isinstance(found, int | float) else None

    def met(self, value: float) -> bool:
        return value <= self.at_most if self.at_most is not None else value >= (self.at_least or 0)


BARS = (
    *(
        bar
        for bench, name in (("reading", "SQLite"), ("reading-postgresql", "PostgreSQL"))
        for bar in (
            Bar(bench, "five_ms", f"five dashboard queries, 10M events, {name}: ms", at_most=10),
            Bar(bench, "naive_over_ours", f"naive index scan ÷ ours, {name}", at_least=100),
            Bar(bench, "ours_over_duckdb", f"ours ÷ DuckDB, {name}", at_most=0.1),
            Bar(bench, "ten_over_one_million", f"10M ÷ 1M events in all, {name}", at_most=1.5),
            Bar(bench, "filtered_project_ms", f"90 days of one project, {name}: ms", at_most=150),
            Bar(bench, "filtered_api_key_ms", f"90 days of one API key, {name}: ms", at_most=150),
            Bar(bench, "other_zone_ms", f"90 days in another time zone, {name}: ms", at_most=150),
        )
    ),
    Bar("writing", "sqlite.of_raw_insert", "store + rollup ÷ raw insert, SQLite", at_least=0.4),
    Bar("writing", "sqlite.rollup_share", "rollup's share of it", at_most=0.25),
    Bar("writing", "postgresql.of_plain_copy", "bulk store ÷ plain COPY, PostgreSQL", at_least=0.35),
    Bar("writing", "postgresql.keys_per_s", "transactions per key, PostgreSQL: keys/s", at_least=300),
    Bar("pipeline", "of_latency_limit", "worker, 64 in flight at 80 ms ÷ latency limit", at_least=0.5),
    Bar("pipeline", "cpu_ms_a_key", "worker: CPU ms a key", at_most=3),
    Bar("pipeline", "grown_mb", "worker: memory grown over all keys, MB", at_most=30),
    Bar("payload", "whole_us", "parse + normalise + price 120 rows: µs", at_most=250),
    Bar("files", "first_byte_ms", "CSV of 1M rows, first byte: ms", at_most=300),
    Bar("files", "cpu_over_fetching", "CSV of 1M rows ÷ fetching the rows, CPU", at_most=4),
    Bar("files", "peak_over_idle_mb", "CSV of 1M rows, peak memory over the idle server: MB", at_most=150),
    Bar("year", "bytes_an_event", "bytes an event on disk, SQLite (usage_events)", at_most=60),
    Bar("workers", "failures.share_within_the_day", "days read within the day, 5 % of answers spoiled", at_least=0.999),
    Bar("start", "answers_s", "dev.py up to a page that answers: s", at_most=4),
    Bar("year", "seconds", "365 days of one key at 100 ms latency: s", at_most=60),
    Bar("year", "first_number_s", "first number after the key is saved: s", at_most=3),
    Bar("browser", "first_content_ratio", "first content, signed in ÷ a hello-world page", at_most=1.4),
    Bar("browser", "first_number_s", "key saved → first number on the screen, 200 ms away: s", at_most=60),
    Bar("browser", "month_s", "key saved → the whole month on the screen, 200 ms away: s", at_most=60),
    Bar("browser", "rerun_p95_ms", "50 people on the dashboard, an action each in 5 s, p95: ms", at_most=150),
    Bar("rerun", "server_ms", "rerun after a filter change, server time: ms", at_most=60),
)
