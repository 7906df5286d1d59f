"""The tables. Accounts and settings are used through the ORM, events through Core (`table_of`).

Every table with a `workspace_id` belongs to a tenant and carries it first in its key; the few without one
are listed in `EXEMPT`.
"""

from __future__ import annotations

from sqlmodel import SQLModel

from tracker.models.accounts import (
    SEALED,
    AuthSession,
    Identity,
    KekCanary,
    KeyStatus,
    Member,
    ProviderKey,
    Role,
    Ticket,
    User,
    Workspace,
)
from tracker.models.audit import AuditEvent, Throttle
from tracker.models.base import table_of
from tracker.models.mail import Mail
from tracker.models.prices import Budget, RepricedEvent, Repricing, WorkspacePrice
from tracker.models.second_factor import RecoveryCode, SecondFactor
from tracker.models.usage import (
    NONE_MODEL,
    BilledCostRow,
    Colour,
    DailyUsage,
    Name,
    PriceVersion,
    SeriesDay,
    UsageEvent,
    UsageSeries,
)
from tracker.models.views import SavedView
from tracker.models.work import (
    Coverage,
    DayState,
    FetchRun,
    KeyPassport,
    Pause,
    ProviderCall,
    Restatement,
    SetAside,
    Worker,
)

__all__ = [
    "EXEMPT",
    "NONE_MODEL",
    "SEALED",
    "TENANT_TABLES",
    "AuditEvent",
    "AuthSession",
    "BilledCostRow",
    "Budget",
    "Colour",
    "Coverage",
    "DailyUsage",
    "DayState",
    "FetchRun",
    "Identity",
    "KekCanary",
    "KeyPassport",
    "KeyStatus",
    "Mail",
    "Member",
    "Name",
    "Pause",
    "PriceVersion",
    "ProviderCall",
    "ProviderKey",
    "RecoveryCode",
    "RepricedEvent",
    "Repricing",
    "Restatement",
    "Role",
    "SavedView",
    "SecondFactor",
    "SeriesDay",
    "SetAside",
    "Throttle",
    "Ticket",
    "UsageEvent",
    "UsageSeries",
    "User",
    "Worker",
    "Workspace",
    "WorkspacePrice",
    "table_of",
]

EXEMPT = frozenset(
    {
        "users",
        "auth_sessions",
        "identities",
        "tickets",
        "throttles",
        "mails",
        "second_factors",
        "recovery_codes",
        "workspaces",
        "price_versions",
        "kek_canaries",
        "workers",
        "pauses",
        "alembic_version",
    },
)
"""Tables that belong to no single workspace (DESIGN law 7)."""

TENANT_TABLES = frozenset(name for name, table in SQLModel.metadata.tables.items() if "workspace_id" in table.c)
