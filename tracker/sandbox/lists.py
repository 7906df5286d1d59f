"""The sandbox's look-up lists: projects, people and keys of an organisation, as the API tells them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from tracker import clock
from tracker.sandbox.organisations import Organisation
from tracker.sandbox.trouble import Refused, error
from tracker.sandbox.world import World

Json = dict[str, Any]
Query = Mapping[str, Sequence[str]]

CREATED = 1_735_689_600
"""When everything in the sandbox was made: 2025-01-01."""


def _projects(organisation: Organisation, _path: Mapping[str, str], query: Query) -> Iterable[Json]:
    archived = query.get("include_archived", ["false"])[0] == "true"
    for ref, name, status in organisation.projects:
        if archived or status == "active":
            row = {"id": ref, "object": "organization.project", "name": name, "created_at": CREATED}
            yield {**row, "archived_at": CREATED if status == "archived" else None, "status": status}


def _project_keys(organisation: Organisation, path: Mapping[str, str], _query: Query) -> Iterable[Json]:
    _refuse_archived(organisation, path["project"])
    for ref, name, project in organisation.keys:
        if project == path["project"]:
            yield {
                "object": "organization.project.api_key",
                "redacted_value": "sk-abc***def",
                "name": name,
                "created_at": CREATED,
                "last_used_at": None,
                "id": ref,
                "owner_project_access": "active",
                "owner": {"type": "user"},
            }


def _service_accounts(organisation: Organisation, path: Mapping[str, str], _query: Query) -> Iterable[Json]:
    _refuse_archived(organisation, path["project"])
    kind = "organization.project.service_account"
    for ref, name, project in organisation.service_accounts:
        if project == path["project"]:
            yield {"object": kind, "id": ref, "name": name, "role": "member", "created_at": CREATED}


def _users(organisation: Organisation, _path: Mapping[str, str], _query: Query) -> Iterable[Json]:
    for ref, name, email in organisation.users:
        yield {
            "object": "organization.user",
            "id": ref,
            "name": name,
            "email": email,
            "role": "reader",
            "added_at": CREATED,
        }


def admin_keys(world: World, organisation: Organisation) -> Iterable[Json]:
    """One row a key that works, the key itself shortened as OpenAI does it."""
    for kind, key in world.admin_keys(organisation.name):
        yield {
            "object": "organization.admin_api_key",
            "id": f"key_admin_{kind}",
            "name": f"admin {kind}",
            "redacted_value": f"{key[:8]}...{key[-4:]}",
            "created_at": CREATED,
            "expires_at": None,
            "last_used_at": int(clock.day_start(clock.day_of(world.now())).timestamp()),
            "owner": {"type": "user", "object": "organization.user", "id": "user-ada", "role": "owner"},
        }


def _audit_logs(_organisation: Organisation, _path: Mapping[str, str], _query: Query) -> Iterable[Json]:
    """Nothing was ever done in the sandbox's organisations."""
    return ()


def _refuse_archived(organisation: Organisation, project: str) -> None:
    status = {ref: state for ref, _, state in organisation.projects}.get(project)
    if status is None:
        raise Refused(error(404, f"No project {project}."))
    if status == "archived":
        raise Refused(error(400, "The project is archived."))


LISTS: Mapping[str, Callable[[Organisation, Mapping[str, str], Query], Iterable[Json]]] = {
    r"/organization/projects": _projects,
    r"/organization/projects/(?P<project>[\w-]+)/api_keys": _project_keys,
    r"/organization/projects/(?P<project>[\w-]+)/service_accounts": _service_accounts,
    r"/organization/users": _users,
    r"/organization/audit_logs": _audit_logs,
}
