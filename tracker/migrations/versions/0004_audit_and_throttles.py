"""The audit trail, to which the lesser roles may only add; throttles; and what a session is told apart by."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tracker import columns

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

ROLES = ("tracker_web", "tracker_worker")

OWN_ROWS = "workspace_id = nullif(current_setting('app.workspace_id', true), '')::bigint"
OPERATOR = f"current_setting('app.crossing', true) = 'operator' and current_user not in {ROLES}"

ADDED_ONLY = """
create trigger audit_events_no_{action} before {action} on audit_events
begin select raise(abort, 'the audit trail is only ever added to'); end
"""


def upgrade() -> None:
    op.create_table(
        "audit_events",
        sa.Column("id", columns.ROW_ID, nullable=False),
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("at", columns.UtcDateTime(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=True),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_audit_events_workspace_id_workspaces")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_events")),
    )
    op.create_index(op.f("ix_audit_events_workspace_id_at"), "audit_events", ["workspace_id", "at"])
    op.create_table(
        "throttles",
        sa.Column("subject", sa.LargeBinary(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("since", columns.UtcDateTime(), nullable=False),
        sa.Column("blocked_until", columns.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("subject", name=op.f("pk_throttles")),
    )
    # Whoever was signed in signs in again: nobody knows when they last proved who they are.
    op.execute("delete from tickets")
    op.execute("delete from auth_sessions")
    with op.batch_alter_table("auth_sessions") as batch_op:
        batch_op.add_column(sa.Column("proven_at", columns.UtcDateTime(), nullable=False))
        batch_op.add_column(sa.Column("address", sa.String(), nullable=False))
        batch_op.add_column(sa.Column("agent", sa.String(), nullable=False))
    _protect_postgresql() if op.get_bind().dialect.name == "postgresql" else _protect_sqlite()


def downgrade() -> None:
    with op.batch_alter_table("auth_sessions") as batch_op:
        batch_op.drop_column("agent")
        batch_op.drop_column("address")
        batch_op.drop_column("proven_at")
    op.drop_table("throttles")
    op.drop_index(op.f("ix_audit_events_workspace_id_at"), "audit_events")
    op.drop_table("audit_events")


def _protect_sqlite() -> None:
    for action in ("update", "delete"):
        op.execute(ADDED_ONLY.format(action=action))


def _protect_postgresql() -> None:
    op.execute("alter table audit_events enable row level security")
    op.execute("alter table audit_events force row level security")
    op.execute(f"create policy own_rows on audit_events using ({OWN_ROWS}) with check ({OWN_ROWS})")
    op.execute(f"create policy operator on audit_events for select using ({OPERATOR})")
    for role in ROLES:
        op.execute(f"grant select, insert on audit_events to {role}")
        op.execute(f"grant select, insert, update, delete on throttles to {role}")
        op.execute(f"grant usage on all sequences in schema public to {role}")
