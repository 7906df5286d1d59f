"""What a person is told of an OpenAI key that does not do, and what to do about it."""

from __future__ import annotations

from tracker.errors import ScopeMissing
from tracker.redact import SecretKey

CREATE_KEY_PAGE = "platform.openai.com/settings/organization/admin-keys"
WHERE = f"Create one under {CREATE_KEY_PAGE} (read-only is enough)."


def rejected(key: SecretKey) -> str:
    if not key.reveal().startswith("sk-"):
        return f"This does not look like an OpenAI key; they begin with sk-admin-. {WHERE}"
    return f"OpenAI does not know this key: it is mistyped, revoked or expired. {WHERE}"


def lacks_scope(key: SecretKey, error: ScopeMissing) -> str:
    if key.reveal().startswith(("sk-proj-", "sk-svcacct-")):
        return f"This is a project key, which cannot read the organisation's usage: an admin key is needed. {WHERE}"
    if key.reveal().startswith("sk-admin-"):
        scope = error.scope or "api.usage.read"
        return (
            f"The key is genuine but lacks the permission {scope}. Give it that permission, or create another: {WHERE}"
        )
    return f"The key is genuine but is no admin key, so it may not read the organisation's usage. {WHERE}"
