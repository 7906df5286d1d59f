"""Sessions get an id of their own, so that the cookie's token is made only when it is handed out; one-shot tickets.

Sessions from before are dropped: whoever was signed in signs in again.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tracker import columns

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

ROLES = ("tracker_web", "tracker_worker")


def upgrade() -> None:
    with op.batch_alter_table("users") as batch_op:
        batch_op.add_column(sa.Column("name", sa.String(), nullable=True))
    op.drop_index(op.f("ix_auth_sessions_user_id"), "auth_sessions")
    op.drop_table("auth_sessions")
    op.create_table(
        "auth_sessions",
        sa.Column("id", columns.ROW_ID, nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", columns.UtcDateTime(), nullable=False),
        sa.Column("last_used_at", columns.UtcDateTime(), nullable=False),
        sa.Column("expires_at", columns.UtcDateTime(), nullable=False),
        sa.Column("ended_at", columns.UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_auth_sessions_user_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_auth_sessions")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_auth_sessions_token_hash")),
    )
    op.create_index(op.f("ix_auth_sessions_user_id"), "auth_sessions", ["user_id"])
    op.create_table(
        "tickets",
        sa.Column("ticket_hash", sa.LargeBinary(), nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("session_id", sa.BigInteger(), nullable=True),
        sa.Column("expires_at", columns.UtcDateTime(), nullable=False),
        sa.Column("used_at", columns.UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_tickets_user_id_users")),
        sa.ForeignKeyConstraint(["session_id"], ["auth_sessions.id"], name=op.f("fk_tickets_session_id_auth_sessions")),
        sa.PrimaryKeyConstraint("ticket_hash", name=op.f("pk_tickets")),
    )
    op.create_index(op.f("ix_tickets_user_id"), "tickets", ["user_id"])
    _grant("auth_sessions", "tickets")


def downgrade() -> None:
    op.drop_index(op.f("ix_tickets_user_id"), "tickets")
    op.drop_table("tickets")
    op.drop_index(op.f("ix_auth_sessions_user_id"), "auth_sessions")
    op.drop_table("auth_sessions")
    op.create_table(
        "auth_sessions",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("created_at", columns.UtcDateTime(), nullable=False),
        sa.Column("last_used_at", columns.UtcDateTime(), nullable=False),
        sa.Column("expires_at", columns.UtcDateTime(), nullable=False),
        sa.Column("ended_at", columns.UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_auth_sessions_user_id_users")),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_auth_sessions")),
    )
    op.create_index(op.f("ix_auth_sessions_user_id"), "auth_sessions", ["user_id"])
    _grant("auth_sessions")
    with op.batch_alter_table("users") as batch_op:
        batch_op.drop_column("name")


def _grant(*tables: str) -> None:
    """A table made later carries no right of the lesser roles by itself."""
    if op.get_bind().dialect.name != "postgresql":
        return
    for role in ROLES:
        for table in tables:
            op.execute(f"grant select, insert, update, delete on {table} to {role}")
        op.execute(f"grant usage on all sequences in schema public to {role}")
