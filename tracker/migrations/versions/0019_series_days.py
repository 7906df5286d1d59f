"""The days of each series, made with the daily rollup, and filled in for the days that are stored."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tracker import columns

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

COUNTS = ("rows", "unpriced_rows", "unpriced_tokenless_rows")
NUMBERS = ("unpriced_requests", "unpriced_input_tokens", "unpriced_output_tokens")
MEASURES = (
    "requests",
    "input_tokens",
    "input_cached_tokens",
    "input_cache_write_tokens",
    "output_tokens",
    "input_audio_tokens",
    "output_audio_tokens",
)
OWN_ROWS = "workspace_id = (select nullif(current_setting('app.workspace_id', true), '')::bigint)"
OPERATOR = (
    "(select current_setting('app.crossing', true) = 'operator' "
    "and current_user not in ('tracker_web', 'tracker_worker'))"
)

# Cost basis 1 is "unpriced".
FILL = """
insert into series_days (workspace_id, day, series_id, rows, unpriced_rows, unpriced_tokenless_rows,
    unpriced_requests, unpriced_input_tokens, unpriced_output_tokens, requests, input_tokens, input_cached_tokens,
    input_cache_write_tokens, output_tokens, input_audio_tokens, output_audio_tokens, estimated_cost)
select workspace_id, bucket_start / 86400, series_id, count(*),
    sum(case when cost_basis = 1 then 1 else 0 end),
    sum(case when cost_basis = 1 and input_tokens is null and output_tokens is null then 1 else 0 end),
    coalesce(sum(case when cost_basis = 1 then requests end), 0),
    coalesce(sum(case when cost_basis = 1 then input_tokens end), 0),
    coalesce(sum(case when cost_basis = 1 then output_tokens end), 0),
    sum(requests), sum(input_tokens), sum(input_cached_tokens), sum(input_cache_write_tokens), sum(output_tokens),
    sum(input_audio_tokens), sum(output_audio_tokens), sum(estimated_cost)
from usage_events group by 1, 2, 3
"""


def upgrade() -> None:
    op.create_table(
        "series_days",
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("day", columns.UtcDay(), nullable=False),
        sa.Column("series_id", sa.BigInteger(), nullable=False),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in COUNTS),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in NUMBERS),
        *(sa.Column(name, sa.BigInteger(), nullable=True) for name in MEASURES),
        sa.Column("estimated_cost", columns.NanoDollars(), nullable=True),
        sa.PrimaryKeyConstraint("workspace_id", "day", "series_id", name=op.f("pk_series_days")),
        sqlite_with_rowid=False,
    )
    _read_all("no force")
    op.execute(FILL)
    _read_all("force")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("alter table series_days enable row level security")
        op.execute("alter table series_days force row level security")
        op.execute(f"create policy own_rows on series_days using ({OWN_ROWS}) with check ({OWN_ROWS})")
        op.execute(f"create policy operator on series_days for select using ({OPERATOR})")
        op.execute("grant select, insert, update, delete on series_days to tracker_web, tracker_worker")


def _read_all(word: str) -> None:
    """The owner reads every workspace's events, this once."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"alter table usage_events {word} row level security")


def downgrade() -> None:
    op.drop_table("series_days")
