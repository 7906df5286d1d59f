"""The first tables: accounts, connections, events with their rollup, the ledger and its records."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tracker import columns

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "kek_canaries",
        sa.Column("kek_id", sa.String(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("kek_id", name=op.f("pk_kek_canaries")),
    )
    op.create_table(
        "price_versions",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("variant", sa.String(), nullable=False),
        sa.Column("effective_from", columns.UtcDay(), nullable=True),
        sa.Column("content_sha256", sa.String(), nullable=False),
        sa.Column("first_used_at", columns.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_price_versions")),
        sa.UniqueConstraint(
            "source",
            "provider",
            "model",
            "variant",
            "content_sha256",
            name=op.f("uq_price_versions_source_provider_model_variant_content_sha256"),
        ),
    )
    op.create_table(
        "usage_events",
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("bucket_start", columns.UtcSecond(), nullable=False),
        sa.Column("series_id", sa.BigInteger(), nullable=False),
        sa.Column("requests", sa.BigInteger(), nullable=True),
        sa.Column("input_tokens", sa.BigInteger(), nullable=True),
        sa.Column("input_cached_tokens", sa.BigInteger(), nullable=True),
        sa.Column("input_cache_write_tokens", sa.BigInteger(), nullable=True),
        sa.Column("output_tokens", sa.BigInteger(), nullable=True),
        sa.Column("input_audio_tokens", sa.BigInteger(), nullable=True),
        sa.Column("input_cached_audio_tokens", sa.BigInteger(), nullable=True),
        sa.Column("output_audio_tokens", sa.BigInteger(), nullable=True),
        sa.Column("input_image_tokens", sa.BigInteger(), nullable=True),
        sa.Column("input_cached_image_tokens", sa.BigInteger(), nullable=True),
        sa.Column("output_image_tokens", sa.BigInteger(), nullable=True),
        sa.Column("images", sa.BigInteger(), nullable=True),
        sa.Column("characters", sa.BigInteger(), nullable=True),
        sa.Column("seconds", sa.BigInteger(), nullable=True),
        sa.Column("sessions", sa.BigInteger(), nullable=True),
        sa.Column("bytes", sa.BigInteger(), nullable=True),
        sa.Column("model_requests", sa.BigInteger(), nullable=True),
        sa.Column("estimated_cost", columns.NanoDollars(), nullable=True),
        sa.Column("cost_basis", columns.BasisCode(), nullable=False),
        sa.Column("price_version_id", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("workspace_id", "bucket_start", "series_id", name=op.f("pk_usage_events")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "users",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("password_hash", sa.String(), nullable=False),
        sa.Column("created_at", columns.UtcDateTime(), nullable=False),
        sa.Column("disabled_at", columns.UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("email", name=op.f("uq_users_email")),
    )
    op.create_table(
        "workers",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("started_at", columns.UtcDateTime(), nullable=False),
        sa.Column("seen_at", columns.UtcDateTime(), nullable=False),
        sa.Column("stopped_at", columns.UtcDateTime(), nullable=True),
        sa.Column("next_run_at", columns.UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_workers")),
    )
    op.create_table(
        "workspaces",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("created_at", columns.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_workspaces")),
    )
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
    with op.batch_alter_table("auth_sessions", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_auth_sessions_user_id"), ["user_id"], unique=False)

    op.create_table(
        "members",
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_members_user_id_users")),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name=op.f("fk_members_workspace_id_workspaces")),
        sa.PrimaryKeyConstraint("workspace_id", "user_id", name=op.f("pk_members")),
    )
    with op.batch_alter_table("members", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_members_user_id"), ["user_id"], unique=False)

    op.create_table(
        "provider_keys",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("label", sa.String(), nullable=False),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("last4", sa.String(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=True),
        sa.Column("fmt", sa.Integer(), nullable=True),
        sa.Column("kek_id", sa.String(), nullable=True),
        sa.Column("wrapped_dek", sa.LargeBinary(), nullable=True),
        sa.Column("ciphertext", sa.LargeBinary(), nullable=True),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("status_reason", sa.String(), nullable=True),
        sa.Column("names_readable", sa.Boolean(), nullable=True),
        sa.Column("created_at", columns.UtcDateTime(), nullable=False),
        sa.Column("replaced_at", columns.UtcDateTime(), nullable=True),
        sa.Column("checked_at", columns.UtcDateTime(), nullable=True),
        sa.Column("paused_at", columns.UtcDateTime(), nullable=True),
        sa.Column("deleted_at", columns.UtcDateTime(), nullable=True),
        sa.Column("history_from", columns.UtcDay(), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("retry_at", columns.UtcDateTime(), nullable=True),
        sa.Column("names_read_at", columns.UtcDateTime(), nullable=True),
        sa.Column("next_due_at", columns.UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_provider_keys_workspace_id_workspaces")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_provider_keys")),
        sa.UniqueConstraint("workspace_id", "fingerprint", name=op.f("uq_provider_keys_workspace_id_fingerprint")),
        sa.UniqueConstraint("workspace_id", "id", name=op.f("uq_provider_keys_workspace_id_id")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("provider_keys", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_provider_keys_next_due_at"), ["next_due_at"], unique=False)

    op.create_table(
        "billed_costs",
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("provider_key_id", sa.BigInteger(), nullable=False),
        sa.Column("day", columns.UtcDay(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("line_item", sa.String(), nullable=True),
        sa.Column("model", sa.String(), nullable=True),
        sa.Column("project_id", sa.String(), nullable=True),
        sa.Column("api_key_id", sa.String(), nullable=True),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("amount", columns.NanoDollars(), nullable=True),
        sa.Column("quantity", columns.ExactDecimal(), nullable=True),
        sa.Column("quantity_unit", sa.String(), nullable=True),
        sa.Column("dropped", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id", "provider_key_id"],
            ["provider_keys.workspace_id", "provider_keys.id"],
            name=op.f("fk_billed_costs_workspace_id_provider_key_id_provider_keys"),
        ),
        sa.PrimaryKeyConstraint("workspace_id", "provider_key_id", "day", "digest", name=op.f("pk_billed_costs")),
    )
    op.create_table(
        "coverage",
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("provider_key_id", sa.BigInteger(), nullable=False),
        sa.Column("endpoint", sa.String(), nullable=False),
        sa.Column("day", columns.UtcDay(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("content_sha256", sa.LargeBinary(), nullable=True),
        sa.Column("fetched_at", columns.UtcDateTime(), nullable=True),
        sa.Column("restated_at", columns.UtcDateTime(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("retry_at", columns.UtcDateTime(), nullable=True),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("lease_owner", sa.String(), nullable=True),
        sa.Column("lease_until", columns.UtcDateTime(), nullable=True),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id", "provider_key_id"],
            ["provider_keys.workspace_id", "provider_keys.id"],
            name=op.f("fk_coverage_workspace_id_provider_key_id_provider_keys"),
        ),
        sa.PrimaryKeyConstraint("workspace_id", "provider_key_id", "endpoint", "day", name=op.f("pk_coverage")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "daily_usage",
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("day", columns.UtcDay(), nullable=False),
        sa.Column("provider_key_id", sa.BigInteger(), nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("unpriced_rows", sa.Integer(), nullable=False),
        sa.Column("unpriced_requests", sa.BigInteger(), nullable=False),
        sa.Column("requests", sa.BigInteger(), nullable=True),
        sa.Column("input_tokens", sa.BigInteger(), nullable=True),
        sa.Column("input_cached_tokens", sa.BigInteger(), nullable=True),
        sa.Column("input_cache_write_tokens", sa.BigInteger(), nullable=True),
        sa.Column("output_tokens", sa.BigInteger(), nullable=True),
        sa.Column("input_audio_tokens", sa.BigInteger(), nullable=True),
        sa.Column("output_audio_tokens", sa.BigInteger(), nullable=True),
        sa.Column("estimated_cost", columns.NanoDollars(), nullable=True),
        sa.ForeignKeyConstraint(
            ["workspace_id", "provider_key_id"],
            ["provider_keys.workspace_id", "provider_keys.id"],
            name=op.f("fk_daily_usage_workspace_id_provider_key_id_provider_keys"),
        ),
        sa.PrimaryKeyConstraint(
            "workspace_id", "day", "provider_key_id", "provider", "model", name=op.f("pk_daily_usage")
        ),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "fetch_runs",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("provider_key_id", sa.BigInteger(), nullable=False),
        sa.Column("worker", sa.String(), nullable=False),
        sa.Column("started_at", columns.UtcDateTime(), nullable=False),
        sa.Column("finished_at", columns.UtcDateTime(), nullable=True),
        sa.Column("units_done", sa.Integer(), nullable=False),
        sa.Column("units_failed", sa.Integer(), nullable=False),
        sa.Column("days", sa.Integer(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=True),
        sa.Column("reason", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["workspace_id", "provider_key_id"],
            ["provider_keys.workspace_id", "provider_keys.id"],
            name=op.f("fk_fetch_runs_workspace_id_provider_key_id_provider_keys"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fetch_runs")),
    )
    with op.batch_alter_table("fetch_runs", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_fetch_runs_workspace_id_provider_key_id_started_at"),
            ["workspace_id", "provider_key_id", "started_at"],
            unique=False,
        )

    op.create_table(
        "names",
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("provider_key_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("ref", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["workspace_id", "provider_key_id"],
            ["provider_keys.workspace_id", "provider_keys.id"],
            name=op.f("fk_names_workspace_id_provider_key_id_provider_keys"),
        ),
        sa.PrimaryKeyConstraint("workspace_id", "provider_key_id", "kind", "ref", name=op.f("pk_names")),
    )
    op.create_table(
        "provider_calls",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("provider_key_id", sa.BigInteger(), nullable=False),
        sa.Column("started_at", columns.UtcDateTime(), nullable=False),
        sa.Column("method", sa.String(), nullable=False),
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("received_bytes", sa.BigInteger(), nullable=True),
        sa.Column("duration_ms", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["workspace_id", "provider_key_id"],
            ["provider_keys.workspace_id", "provider_keys.id"],
            name=op.f("fk_provider_calls_workspace_id_provider_key_id_provider_keys"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_provider_calls")),
    )
    with op.batch_alter_table("provider_calls", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_provider_calls_workspace_id_provider_key_id_started_at"),
            ["workspace_id", "provider_key_id", "started_at"],
            unique=False,
        )

    op.create_table(
        "restatements",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("provider_key_id", sa.BigInteger(), nullable=False),
        sa.Column("endpoint", sa.String(), nullable=False),
        sa.Column("day", columns.UtcDay(), nullable=False),
        sa.Column("seen_at", columns.UtcDateTime(), nullable=False),
        sa.Column("rows_before", sa.Integer(), nullable=False),
        sa.Column("rows_after", sa.Integer(), nullable=False),
        sa.Column("cost_before", columns.NanoDollars(), nullable=True),
        sa.Column("cost_after", columns.NanoDollars(), nullable=True),
        sa.ForeignKeyConstraint(
            ["workspace_id", "provider_key_id"],
            ["provider_keys.workspace_id", "provider_keys.id"],
            name=op.f("fk_restatements_workspace_id_provider_key_id_provider_keys"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_restatements")),
    )
    with op.batch_alter_table("restatements", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_restatements_workspace_id_provider_key_id_day"),
            ["workspace_id", "provider_key_id", "day"],
            unique=False,
        )

    op.create_table(
        "usage_series",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("provider_key_id", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("usage_type", sa.String(), nullable=False),
        sa.Column("width_s", sa.Integer(), nullable=False),
        sa.Column("model", sa.String(), nullable=True),
        sa.Column("project_id", sa.String(), nullable=True),
        sa.Column("api_key_id", sa.String(), nullable=True),
        sa.Column("user_id", sa.String(), nullable=True),
        sa.Column("service_tier", sa.String(), nullable=True),
        sa.Column("batch", sa.Boolean(), nullable=True),
        sa.Column("size", sa.String(), nullable=True),
        sa.Column("source", sa.String(), nullable=True),
        sa.Column("context_level", sa.String(), nullable=True),
        sa.Column("vector_store_id", sa.String(), nullable=True),
        sa.Column("api_source", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["workspace_id", "provider_key_id"],
            ["provider_keys.workspace_id", "provider_keys.id"],
            name=op.f("fk_usage_series_workspace_id_provider_key_id_provider_keys"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_usage_series")),
        sa.UniqueConstraint("workspace_id", "digest", name=op.f("uq_usage_series_workspace_id_digest")),
    )
    with op.batch_alter_table("usage_series", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_usage_series_workspace_id_provider_key_id_usage_type"),
            ["workspace_id", "provider_key_id", "usage_type"],
            unique=False,
        )


def downgrade() -> None:
    with op.batch_alter_table("usage_series", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_usage_series_workspace_id_provider_key_id_usage_type"))

    op.drop_table("usage_series")
    with op.batch_alter_table("restatements", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_restatements_workspace_id_provider_key_id_day"))

    op.drop_table("restatements")
    with op.batch_alter_table("provider_calls", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_provider_calls_workspace_id_provider_key_id_started_at"))

    op.drop_table("provider_calls")
    op.drop_table("names")
    with op.batch_alter_table("fetch_runs", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_fetch_runs_workspace_id_provider_key_id_started_at"))

    op.drop_table("fetch_runs")
    op.drop_table("daily_usage")
    op.drop_table("coverage")
    op.drop_table("billed_costs")
    with op.batch_alter_table("provider_keys", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_provider_keys_next_due_at"))

    op.drop_table("provider_keys")
    with op.batch_alter_table("members", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_members_user_id"))

    op.drop_table("members")
    with op.batch_alter_table("auth_sessions", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_auth_sessions_user_id"))

    op.drop_table("auth_sessions")
    op.drop_table("workspaces")
    op.drop_table("workers")
    op.drop_table("users")
    op.drop_table("usage_events")
    op.drop_table("price_versions")
    op.drop_table("kek_canaries")
