"""Views of Explore, kept under a name."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tracker import columns

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

ROLES = ("tracker_web", "tracker_worker")
OWN_ROWS = "workspace_id = nullif(current_setting('app.workspace_id', true), '')::bigint"
OPERATOR = f"current_setting('app.crossing', true) = 'operator' and current_user not in {ROLES}"


def upgrade() -> None:
    op.create_table(
        "saved_views",
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("created_by", sa.BigInteger(), nullable=True),
        sa.Column("created_at", columns.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_saved_views_workspace_id_workspaces")
        ),
        sa.PrimaryKeyConstraint("workspace_id", "name", name=op.f("pk_saved_views")),
        sqlite_with_rowid=False,
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute("alter table saved_views enable row level security")
        op.execute("alter table saved_views force row level security")
        op.execute(f"create policy own_rows on saved_views using ({OWN_ROWS}) with check ({OWN_ROWS})")
        op.execute(f"create policy operator on saved_views for select using ({OPERATOR})")
        op.execute("grant select, insert, update, delete on saved_views to tracker_web")


def downgrade() -> None:
    op.drop_table("saved_views")
