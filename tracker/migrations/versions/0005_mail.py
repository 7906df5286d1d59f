"""Messages to people, and the moment at which an address was proven to be its account's."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tracker import columns

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

ROLES = ("tracker_web", "tracker_worker")


def upgrade() -> None:
    with op.batch_alter_table("users") as batch_op:
        batch_op.add_column(sa.Column("email_verified_at", columns.UtcDateTime(), nullable=True))
    op.create_table(
        "mails",
        sa.Column("id", columns.ROW_ID, nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("asked_at", columns.UtcDateTime(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("retry_at", columns.UtcDateTime(), nullable=True),
        sa.Column("sent_at", columns.UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_mails_user_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mails")),
    )
    op.create_index(op.f("ix_mails_user_id"), "mails", ["user_id"])
    op.create_index(op.f("ix_mails_retry_at"), "mails", ["retry_at"])
    if op.get_bind().dialect.name == "postgresql":
        for role in ROLES:
            op.execute(f"grant select, insert, update, delete on mails to {role}")
            op.execute(f"grant usage on all sequences in schema public to {role}")


def downgrade() -> None:
    op.drop_index(op.f("ix_mails_retry_at"), "mails")
    op.drop_index(op.f("ix_mails_user_id"), "mails")
    op.drop_table("mails")
    with op.batch_alter_table("users") as batch_op:
        batch_op.drop_column("email_verified_at")
