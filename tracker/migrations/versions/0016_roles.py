"""PostgreSQL: each role may do what its process does, nothing else; `tracker_operator` reads the figures of `status`.

The web seals keys and never reads a sealed one; of usage it may set prices and nothing else. The worker reads and
stores, and reaches no password, session or second factor. Whoever may work as the worker may also read the figures.
"""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

FORMER = ("tracker_web", "tracker_worker")

UNSEALED = "select (every column but the sealed ones)"
"""Stands for the columns that there are, less those that hold a key."""

SEALED = {"wrapped_dek", "ciphertext"}
PRICE_COLUMNS = "estimated_cost, cost_basis, price_version_id, workspace_price_id"

GRANTS: Mapping[str, Mapping[str, str]] = {
    "tracker_web": {
        "alembic_version": "select",
        "audit_events": "select, insert",
        "auth_sessions": "select, insert, update",
        "billed_costs": "select",
        "coverage": "select, update (state, attempts, retry_at, reason)",
        "daily_usage": "select, insert, update, delete",
        "fetch_runs": "select",
        "identities": "select, insert, update",
        "kek_canaries": "select, insert",
        "mails": "select, insert",
        "members": "select, insert",
        "names": "select, insert, update",
        "price_versions": "select, insert",
        "provider_calls": "select, insert",
        "provider_keys": f"{UNSEALED}, insert, update",
        "recovery_codes": "select, insert, update, delete",
        "repriced_events": "select, insert",
        "repricings": "select, insert, update",
        "restatements": "select",
        "second_factors": "select, insert, update, delete",
        "set_aside": "select",
        "throttles": "select, insert, update, delete",
        "tickets": "select, insert, update, delete",
        "usage_events": f"select, update ({PRICE_COLUMNS})",
        "usage_series": "select",
        "users": "select, insert, update",
        "workers": "select",
        "workspace_prices": "select, insert, update",
        "workspaces": "select, insert",
    },
    "tracker_worker": {
        "alembic_version": "select",
        "billed_costs": "select, insert, delete",
        "coverage": "select, insert, update",
        "daily_usage": "select, insert, update, delete",
        "fetch_runs": "select, insert, update",
        "kek_canaries": "select, insert",
        "mails": "select, update",
        "members": "select",
        "names": "select, insert, update",
        "price_versions": "select, insert",
        "provider_calls": "select, insert, update",
        "provider_keys": "select, update",
        "restatements": "select, insert",
        "second_factors": "select (user_id)",
        "set_aside": "select, insert, delete",
        "tickets": "select (user_id, expires_at), insert, delete",
        "usage_events": "select, insert, update, delete",
        "usage_series": "select, insert",
        "users": "select (id, email, disabled_at)",
        "workers": "select, insert, update",
        "workspace_prices": "select",
    },
    "tracker_operator": {
        "alembic_version": "select",
        "coverage": "select",
        "fetch_runs": "select",
        "kek_canaries": "select",
        "members": "select",
        "provider_keys": UNSEALED,
        "second_factors": "select (user_id)",
        "workers": "select",
    },
}

MAKE_ROLE = """
do $$ begin
  create role {role} nologin;
exception when duplicate_object or unique_violation then null;
end $$
"""

# A number for a new row is drawn from its table's sequence, which has rights of its own.
NUMBERS = """
do $$ declare numbers text; begin
  select pg_get_serial_sequence('{table}', attname) into numbers from pg_attribute
   where attrelid = '{table}'::regclass and attname = 'id' and not attisdropped;
  if numbers is not null then execute format('{verb} usage on sequence %s {to} {role}', numbers); end if;
end $$
"""

TABLES = sorted(set().union(*GRANTS.values()))


def upgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    for role, tables in GRANTS.items():
        op.execute(MAKE_ROLE.format(role=role))
        op.execute(f"grant {role} to current_user")
        op.execute(f"grant usage on schema public to {role}")
        _take_all(role)
        for table, rights in tables.items():
            op.execute(f"grant {rights.replace(UNSEALED, _unsealed())} on {table} to {role}")
            if "insert" in rights:
                op.execute(NUMBERS.format(verb="grant", table=table, to="to", role=role))
    op.execute("grant tracker_operator to tracker_worker")


def _unsealed() -> str:
    columns = (column["name"] for column in sa.inspect(op.get_bind()).get_columns("provider_keys"))
    return f"select ({', '.join(name for name in columns if name not in SEALED)})"


def _take_all(role: str) -> None:
    for table in TABLES:
        op.execute(f"revoke all on {table} from {role}")
        op.execute(NUMBERS.format(verb="revoke", table=table, to="from", role=role))


def downgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    _take_all("tracker_operator")
    for role in FORMER:
        op.execute(f"grant select, insert, update, delete on all tables in schema public to {role}")
        op.execute(f"grant usage on all sequences in schema public to {role}")
        op.execute(f"revoke insert, update, delete on alembic_version from {role}")
        op.execute(f"revoke update, delete on audit_events from {role}")
