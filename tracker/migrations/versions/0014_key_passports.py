"""What reading last found of each provider key: its permissions, and what the provider tells of it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tracker import columns

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

ROLES = ("tracker_web", "tracker_worker")

OWN_ROWS = "workspace_id = nullif(current_setting('app.workspace_id', true), '')::bigint"
OPERATOR = f"current_setting('app.crossing', true) = 'operator' and current_user not in {ROLES}"


def upgrade() -> None:
    op.create_table(
        "key_passports",
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("provider_key_id", sa.BigInteger(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=True),
        sa.Column("tried_at", columns.UtcDateTime(), nullable=False),
        sa.Column("read_at", columns.UtcDateTime(), nullable=True),
        sa.Column("permissions", sa.String(), nullable=False),
        sa.Column("told_name", sa.String(), nullable=True),
        sa.Column("told_created_at", columns.UtcDateTime(), nullable=True),
        sa.Column("told_expires_at", columns.UtcDateTime(), nullable=True),
        sa.Column("told_last_used_at", columns.UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["workspace_id", "provider_key_id"],
            ["provider_keys.workspace_id", "provider_keys.id"],
            name=op.f("fk_key_passports_workspace_id_provider_keys"),
        ),
        sa.PrimaryKeyConstraint("workspace_id", "provider_key_id", name=op.f("pk_key_passports")),
    )
    if op.get_bind().dialect.name == "postgresql":
        _protect()


def downgrade() -> None:
    op.drop_table("key_passports")


def _protect() -> None:
    op.execute("alter table key_passports enable row level security")
    op.execute("alter table key_passports force row level security")
    op.execute(f"create policy own_rows on key_passports using ({OWN_ROWS}) with check ({OWN_ROWS})")
    op.execute(f"create policy operator on key_passports for select using ({OPERATOR})")
    for role in ROLES:
        op.execute(f"grant select, insert, update, delete on key_passports to {role}")
