"""Rows of a provider's answer that cannot be true: set aside and named, beside the rest of their day."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tracker import columns

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

ROLES = ("tracker_web", "tracker_worker")

OWN_ROWS = "workspace_id = nullif(current_setting('app.workspace_id', true), '')::bigint"
OPERATOR = f"current_setting('app.crossing', true) = 'operator' and current_user not in {ROLES}"


def upgrade() -> None:
    op.create_table(
        "set_aside",
        sa.Column("id", columns.ROW_ID, nullable=False),
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("provider_key_id", sa.BigInteger(), nullable=False),
        sa.Column("endpoint", sa.String(), nullable=False),
        sa.Column("day", columns.UtcDay(), nullable=False),
        sa.Column("seen_at", columns.UtcDateTime(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("about", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id", "provider_key_id"],
            ["provider_keys.workspace_id", "provider_keys.id"],
            name=op.f("fk_set_aside_workspace_id_provider_key_id_provider_keys"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_set_aside")),
    )
    op.create_index(
        op.f("ix_set_aside_workspace_id_provider_key_id_day"), "set_aside", ["workspace_id", "provider_key_id", "day"]
    )
    if op.get_bind().dialect.name == "postgresql":
        _protect()


def downgrade() -> None:
    op.drop_index(op.f("ix_set_aside_workspace_id_provider_key_id_day"), "set_aside")
    op.drop_table("set_aside")


def _protect() -> None:
    op.execute("alter table set_aside enable row level security")
    op.execute("alter table set_aside force row level security")
    op.execute(f"create policy own_rows on set_aside using ({OWN_ROWS}) with check ({OWN_ROWS})")
    op.execute(f"create policy operator on set_aside for select using ({OPERATOR})")
    for role in ROLES:
        op.execute(f"grant select, insert, update, delete on set_aside to {role}")
        op.execute(f"grant usage on all sequences in schema public to {role}")
