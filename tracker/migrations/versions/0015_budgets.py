"""What a workspace means to spend in a month."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tracker import columns

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

ROLES = ("tracker_web", "tracker_worker")
OWN_ROWS = "workspace_id = nullif(current_setting('app.workspace_id', true), '')::bigint"
OPERATOR = f"current_setting('app.crossing', true) = 'operator' and current_user not in {ROLES}"


def upgrade() -> None:
    op.create_table(
        "budgets",
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("monthly", columns.NanoDollars(), nullable=True),
        sa.Column("set_at", columns.UtcDateTime(), nullable=False),
        sa.Column("set_by", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name=op.f("fk_budgets_workspace_id_workspaces")),
        sa.PrimaryKeyConstraint("workspace_id", name=op.f("pk_budgets")),
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute("alter table budgets enable row level security")
        op.execute("alter table budgets force row level security")
        op.execute(f"create policy own_rows on budgets using ({OWN_ROWS}) with check ({OWN_ROWS})")
        op.execute(f"create policy operator on budgets for select using ({OPERATOR})")
        op.execute("grant select, insert, update on budgets to tracker_web")
        op.execute("grant select on budgets to tracker_worker")


def downgrade() -> None:
    op.drop_table("budgets")
