"""Agreed prices of a workspace, and which of them priced an event."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tracker import columns

revision = "0011"
down_revision = "0008"
branch_labels = None
depends_on = None

ROLES = ("tracker_web", "tracker_worker")
OWN_ROWS = "workspace_id = nullif(current_setting('app.workspace_id', true), '')::bigint"
OPERATOR = f"current_setting('app.crossing', true) = 'operator' and current_user not in {ROLES}"


def upgrade() -> None:
    op.create_table(
        "workspace_prices",
        sa.Column("id", columns.ROW_ID, nullable=False),
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("variant", sa.String(), nullable=True),
        sa.Column("effective_from", columns.UtcDay(), nullable=False),
        sa.Column("ends_on", columns.UtcDay(), nullable=True),
        sa.Column("factor", columns.ExactDecimal(), nullable=True),
        sa.Column("rates", sa.String(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("content_sha256", sa.String(), nullable=False),
        sa.Column("created_by", sa.BigInteger(), nullable=True),
        sa.Column("created_at", columns.UtcDateTime(), nullable=False),
        sa.Column("ended_at", columns.UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_workspace_prices_workspace_id_workspaces")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_workspace_prices")),
    )
    op.create_index(op.f("ix_workspace_prices_workspace_id_provider"), "workspace_prices", ["workspace_id", "provider"])
    op.add_column("usage_events", sa.Column("workspace_price_id", sa.BigInteger(), nullable=True))
    if op.get_bind().dialect.name == "postgresql":
        _protect("workspace_prices")


def downgrade() -> None:
    op.drop_column("usage_events", "workspace_price_id")
    op.drop_index(op.f("ix_workspace_prices_workspace_id_provider"), "workspace_prices")
    op.drop_table("workspace_prices")


def _protect(table: str) -> None:
    op.execute(f"alter table {table} enable row level security")
    op.execute(f"alter table {table} force row level security")
    op.execute(f"create policy own_rows on {table} using ({OWN_ROWS}) with check ({OWN_ROWS})")
    op.execute(f"create policy operator on {table} for select using ({OPERATOR})")
    op.execute(f"grant select, insert, update on {table} to tracker_web")
    op.execute(f"grant select on {table} to tracker_worker")
    op.execute("grant usage on all sequences in schema public to tracker_web")
