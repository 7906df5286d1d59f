"""The colour in which each model, project and API key is drawn, on every page the same."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

ROLES = ("tracker_web", "tracker_worker")
OWN_ROWS = "workspace_id = nullif(current_setting('app.workspace_id', true), '')::bigint"
OPERATOR = f"current_setting('app.crossing', true) = 'operator' and current_user not in {ROLES}"


def upgrade() -> None:
    op.create_table(
        "colours",
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("dimension", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("slot", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name=op.f("fk_colours_workspace_id_workspaces")),
        sa.PrimaryKeyConstraint("workspace_id", "dimension", "name", name=op.f("pk_colours")),
        sqlite_with_rowid=False,
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute("alter table colours enable row level security")
        op.execute("alter table colours force row level security")
        op.execute(f"create policy own_rows on colours using ({OWN_ROWS}) with check ({OWN_ROWS})")
        op.execute(f"create policy operator on colours for select using ({OPERATOR})")
        op.execute("grant select on colours to tracker_web")
        op.execute("grant select, insert on colours to tracker_worker")


def downgrade() -> None:
    op.drop_table("colours")
