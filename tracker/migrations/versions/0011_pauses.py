"""How long a provider's organisation is to be left alone, for all workers at once. It belongs to no tenant."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tracker import columns

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "pauses",
        sa.Column("scope", sa.LargeBinary(), nullable=False),
        sa.Column("until", columns.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("scope", name=op.f("pk_pauses")),
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute("grant select, insert, update, delete on pauses to tracker_worker")
        op.execute("grant select on pauses to tracker_web")


def downgrade() -> None:
    op.drop_table("pauses")
