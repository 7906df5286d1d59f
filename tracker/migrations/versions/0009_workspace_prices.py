"""Agreed prices of a workspace, which of them priced an event, the rates of a price version, and repricings."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tracker import columns

revision = "0009"
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
    for name in ("rates", "note"):
        op.add_column("price_versions", sa.Column(name, sa.String(), nullable=True))
    _repricings()
    if op.get_bind().dialect.name == "postgresql":
        for table in ("workspace_prices", "repricings", "repriced_events"):
            _protect(table)
        op.execute("grant usage on all sequences in schema public to tracker_web")


def _repricings() -> None:
    op.create_table(
        "repricings",
        sa.Column("id", columns.ROW_ID, nullable=False),
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("start", columns.UtcDay(), nullable=False),
        sa.Column("end", columns.UtcDay(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("days", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.BigInteger(), nullable=True),
        sa.Column("created_at", columns.UtcDateTime(), nullable=False),
        sa.Column("undone_by", sa.BigInteger(), nullable=True),
        sa.Column("undone_at", columns.UtcDateTime(), nullable=True),
        sa.Column("restored", sa.BigInteger(), nullable=True),
        sa.Column("left_as_is", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_repricings_workspace_id_workspaces")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_repricings")),
    )
    op.create_index(op.f("ix_repricings_workspace_id_id"), "repricings", ["workspace_id", "id"])
    op.create_table(
        "repriced_events",
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("repricing_id", sa.BigInteger(), nullable=False),
        sa.Column("bucket_start", columns.UtcSecond(), nullable=False),
        sa.Column("series_id", sa.BigInteger(), nullable=False),
        sa.Column("measures_digest", sa.LargeBinary(), nullable=False),
        *(
            sa.Column(f"{when}_{name}", kind, nullable=name != "basis")
            for when in ("old", "new")
            for name, kind in (
                ("cost", columns.NanoDollars()),
                ("basis", columns.BasisCode()),
                ("version_id", sa.BigInteger()),
                ("own_id", sa.BigInteger()),
            )
        ),
        sa.PrimaryKeyConstraint(
            "workspace_id", "repricing_id", "bucket_start", "series_id", name=op.f("pk_repriced_events")
        ),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("repriced_events")
    op.drop_index(op.f("ix_repricings_workspace_id_id"), "repricings")
    op.drop_table("repricings")
    for name in ("note", "rates"):
        op.drop_column("price_versions", name)
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
