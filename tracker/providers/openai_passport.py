"""What an OpenAI key may read, found by asking for one row of each kind, and what OpenAI tells of the key itself.

What a key may change cannot be found this way: that would take a request that changes something, and none is sent.
Sources: openai/openai-openapi f85dbe2 (2026-08-21) for the list of admin keys; developers.openai.com, "List audit
logs" (read 2026-11).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from tracker import clock
from tracker.errors import KeyRejected, ProviderError, RateLimited, ScopeMissing
from tracker.providers.base import KeyFacts, Permission
from tracker.providers.http import ProviderClient
from tracker.providers.openai_lists import Params, listed
from tracker.redact import SecretKey

ADMIN_KEYS, AUDIT_LOGS = "/organization/admin_api_keys", "/organization/audit_logs"
ALLOWED = (ADMIN_KEYS, AUDIT_LOGS)

USAGE = Permission("Usage", "what the whole organisation uses and is billed", "/organization/costs", "every figure")
MANAGEMENT = Permission(
    "Management",
    "the lists of projects, people, keys and admin keys",
    "/organization/projects",
    "names instead of ids, and the age of this key",
)
AUDIT = Permission("Audit logs", "who did what in the organisation, from which address", AUDIT_LOGS, None)
PERMISSIONS: tuple[Permission, ...] = (USAGE, MANAGEMENT, AUDIT)

NARROWING = (
    "At OpenAI, create another admin key with permissions Restricted: Usage Read, Management Read, the rest None. "
    "Put it in place with “Replace the key”, then revoke this one at OpenAI."
)

FAR = datetime(2100, 1, 1, tzinfo=UTC)
LAST_SECOND = int(datetime(9999, 12, 31, tzinfo=UTC).timestamp())
SHORTENED = re.compile(r"([\w-]*)[.*\N{HORIZONTAL ELLIPSIS}]{2,}([\w-]{3,})")
"""How the list shows a key: its beginning, something left out, at least its last three characters."""


def describe(client: ProviderClient, key: SecretKey, now: datetime, known: Mapping[str, bool]) -> KeyFacts:
    """As `Provider.describe`. The list of admin keys is asked for only when the key may read such lists."""
    found = {each.name: known[each.name] if each.name in known else _holds(client, each, now) for each in PERMISSIONS}
    own = _own(client, key) if found[MANAGEMENT.name] else None
    if own is None:
        return KeyFacts(found)
    name = own.get("name")
    return KeyFacts(
        found,
        name=name.replace("\x00", "") if isinstance(name, str) else None,
        **{field: _instant(own.get(field)) for field in ("created_at", "expires_at", "last_used_at")},
    )


def _holds(client: ProviderClient, permission: Permission, now: datetime) -> bool | None:
    """Whether the path can be read; None when the answer does not tell, say because the provider is down."""
    try:
        client.get(permission.path, _params(permission, now))
    except ScopeMissing:
        return False
    except (KeyRejected, RateLimited):
        raise
    except ProviderError:
        return None
    return True


def _params(permission: Permission, now: datetime) -> Params:
    """As little as possible. Of the audit log nothing: it is none of our business, only whether it can be read."""
    if permission is AUDIT:
        return (("limit", "1"), ("effective_at[gt]", str(int(FAR.timestamp()))))
    if permission is USAGE:
        today = clock.day_start(clock.day_of(now))
        return (("start_time", str(int(today.timestamp()))), ("limit", "1"), ("group_by", "project_id"))
    return (("limit", "1"),)


def _own(client: ProviderClient, key: SecretKey) -> Mapping[str, Any] | None:
    """The one row that shows this key; None when there is none, or several that could be meant."""
    try:
        found = [row for row in listed(client, ADMIN_KEYS) if _shows(row.get("redacted_value"), key)]
    except (KeyRejected, RateLimited):
        raise
    except ProviderError:
        return None
    return found[0] if len(found) == 1 else None


def _shows(shortened: object, key: SecretKey) -> bool:
    parts = SHORTENED.fullmatch(shortened) if isinstance(shortened, str) else None
    return parts is not None and key.reveal().startswith(parts[1]) and key.reveal().endswith(parts[2])


def _instant(seconds: object) -> datetime | None:
    """Seconds since 1970 as an instant; None for anything else."""
    whole = isinstance(seconds, int) and not isinstance(seconds, bool) and 0 <= seconds <= LAST_SECOND
    return datetime.fromtimestamp(seconds, UTC) if whole else None  # type: ignore[arg-type]
