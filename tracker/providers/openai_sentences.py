"""What a person is told of an OpenAI key that does not do, and what to do about it."""

from __future__ import annotations

from tracker.errors import ScopeMissing
from tracker.redact import SecretKey

KEY_PAGE = "platform.openai.com/settings/organization/admin-keys"
WHERE = f"Create one under {KEY_PAGE} (read-only is enough)."

OTHERS = {
    "sk-ant-": "Anthropic",
    "sk-or-": "OpenRouter",
    "AIza": "Google",
    "AKIA": "AWS",
    "gsk_": "Groq",
    "hf_": "Hugging Face",
    "pplx-": "Perplexity",
    "xai-": "xAI",
}
"""How the keys of others begin, as those document them."""

NAMED = {"api.usage.read": "Usage: Read", "api.management.read": "Management: Read"}
"""What a scope is called on the page where a key gets it."""


def of_another(key: SecretKey) -> str | None:
    """That the key is another provider's, which is seen by its beginning and sent nowhere; None when it may be ours."""
    whose = next((name for prefix, name in OTHERS.items() if key.reveal().startswith(prefix)), None)
    if whose is None:
        return None
    article = "an" if whose[0] in "AO" or whose == "xAI" else "a"
    return f"This is {article} {whose} key, so it was not sent to OpenAI. OpenAI's begin with sk-admin-. {WHERE}"


def rejected(key: SecretKey) -> str:
    if not key.reveal().startswith("sk-"):
        return f"This does not look like an OpenAI key; they begin with sk-admin-. {WHERE}"
    return f"OpenAI does not know this key: it is mistyped, revoked or expired. {WHERE}"


def lacks_scope(key: SecretKey, error: ScopeMissing) -> str:
    if key.reveal().startswith(("sk-proj-", "sk-svcacct-")):
        return f"This is a project key, which cannot read the organisation's usage: an admin key is needed. {WHERE}"
    if key.reveal().startswith("sk-admin-"):
        scope = error.scope or "api.usage.read"
        named = f"{NAMED[scope]} ({scope})" if scope in NAMED else scope
        return (
            f"The key is genuine but lacks the permission {named}. Give it that permission, or create another key "
            f"under {KEY_PAGE} (read-only is enough)."
        )
    return f"The key is genuine but is no admin key, so it may not read the organisation's usage. {WHERE}"
