"""How many tokens of a day have no price, kept in the rollup, and filled in for the days that are stored."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

COLUMNS = ("unpriced_input_tokens", "unpriced_output_tokens", "unpriced_tokenless_rows")
TABLES = ("daily_usage", "usage_events", "usage_series")

# Cost basis 1 is "unpriced", and the empty set stands for no model.
FILL = """
update daily_usage set unpriced_input_tokens = found.input, unpriced_output_tokens = found.output,
    unpriced_tokenless_rows = found.tokenless
from (
    select e.workspace_id, e.bucket_start / 86400 as day, s.provider_key_id, s.provider,
        coalesce(s.model, '∅') as model,
        coalesce(sum(e.input_tokens), 0) as input, coalesce(sum(e.output_tokens), 0) as output,
        sum(case when e.input_tokens is null and e.output_tokens is null then 1 else 0 end) as tokenless
    from usage_events e join usage_series s on s.id = e.series_id
    where e.cost_basis = 1
    group by 1, 2, 3, 4, 5
) as found
where daily_usage.workspace_id = found.workspace_id and daily_usage.day = found.day
    and daily_usage.provider_key_id = found.provider_key_id and daily_usage.provider = found.provider
    and daily_usage.model = found.model
"""


def upgrade() -> None:
    for name in COLUMNS:
        kind = sa.Integer() if name.endswith("rows") else sa.BigInteger()
        op.add_column("daily_usage", sa.Column(name, kind, nullable=False, server_default="0"))
    _unforced("no force")  # the owner writes for every workspace, this once
    op.execute(FILL)
    _unforced("force")


def _unforced(word: str) -> None:
    if op.get_bind().dialect.name == "postgresql":
        for table in TABLES:
            op.execute(f"alter table {table} {word} row level security")


def downgrade() -> None:
    for name in COLUMNS:
        op.drop_column("daily_usage", name)
