"""PostgreSQL: row-level security on every tenant table, forced, and the two lesser roles that cannot bypass it.

A session sees the rows of `app.workspace_id` and nothing without it. The three named crossings
(`db.Crossing`) may read, each only as the role it belongs to. SQLite has no such lock and needs no step.
"""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TENANT_TABLES = (
    "billed_costs",
    "coverage",
    "daily_usage",
    "fetch_runs",
    "members",
    "names",
    "provider_calls",
    "provider_keys",
    "restatements",
    "usage_events",
    "usage_series",
)
ROLES = ("tracker_web", "tracker_worker")

OWN_ROWS = "workspace_id = nullif(current_setting('app.workspace_id', true), '')::bigint"
CROSSINGS = {
    "members": "current_setting('app.crossing', true) = 'membership'",
    "provider_keys": "current_setting('app.crossing', true) = 'claim' and current_user <> 'tracker_web'",
}
OPERATOR = f"current_setting('app.crossing', true) = 'operator' and current_user not in {ROLES}"

MAKE_ROLE = """
do $$ begin
  create role {role} nologin;
exception when duplicate_object or unique_violation then null;
end $$
"""


def upgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    for role in ROLES:
        op.execute(MAKE_ROLE.format(role=role))
        op.execute(f"grant {role} to current_user")
        op.execute(f"grant usage on schema public to {role}")
        op.execute(f"grant select, insert, update, delete on all tables in schema public to {role}")
        op.execute(f"grant usage on all sequences in schema public to {role}")
        op.execute(f"revoke insert, update, delete on alembic_version from {role}")
    for table in TENANT_TABLES:
        op.execute(f"alter table {table} enable row level security")
        op.execute(f"alter table {table} force row level security")
        op.execute(f"create policy own_rows on {table} using ({OWN_ROWS}) with check ({OWN_ROWS})")
        op.execute(f"create policy operator on {table} for select using ({OPERATOR})")
    for table, condition in CROSSINGS.items():
        op.execute(f"create policy crossing on {table} for select using ({condition})")


def downgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    for table in CROSSINGS:
        op.execute(f"drop policy crossing on {table}")
    for table in TENANT_TABLES:
        op.execute(f"drop policy operator on {table}")
        op.execute(f"drop policy own_rows on {table}")
        op.execute(f"alter table {table} no force row level security")
        op.execute(f"alter table {table} disable row level security")
