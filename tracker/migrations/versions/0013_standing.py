"""How far each connection is covered, noted whenever a worker has looked, and what each worker tells of it."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.types import TypeEngine

from tracker import columns

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table, names in NEW.items():
        for name, kind in names.items():
            op.add_column(table, sa.Column(name, kind, nullable=True))


def downgrade() -> None:
    for table, names in NEW.items():
        for name in names:
            op.drop_column(table, name)


NEW: dict[str, dict[str, TypeEngine[Any]]] = {
    "provider_keys": {
        "uncovered_day": columns.UtcDay(),
        "behind_since": columns.UtcDateTime(),
        "last_success_at": columns.UtcDateTime(),
    },
    "workers": {
        "uncovered_day": columns.UtcDay(),
        "late_since": columns.UtcDateTime(),
        "last_success_at": columns.UtcDateTime(),
    },
}
