"""Who people are for an OpenID provider."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tracker import columns

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "identities",
        sa.Column("issuer", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("linked_at", columns.UtcDateTime(), nullable=False),
        sa.Column("proven_at", columns.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_identities_user_id_users")),
        sa.PrimaryKeyConstraint("issuer", "subject", name=op.f("pk_identities")),
    )
    op.create_index(op.f("ix_identities_user_id"), "identities", ["user_id"])
    if op.get_bind().dialect.name == "postgresql":
        op.execute("grant select, insert, update, delete on identities to tracker_web")


def downgrade() -> None:
    op.drop_index(op.f("ix_identities_user_id"), "identities")
    op.drop_table("identities")
