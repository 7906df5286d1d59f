"""OpenAI's look-up lists: projects, people, keys and service accounts, by pages of their own kind.

Source: openai/openai-openapi f85dbe2 (2026-08-21).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from tracker.errors import BadRequest, Blocked, PayloadChanged, ScopeMissing
from tracker.providers.base import KnownName
from tracker.providers.http import ProviderClient

Params = tuple[tuple[str, str], ...]


def names(client: ProviderClient) -> list[KnownName]:
    """Names of projects, keys, service accounts and users, archived projects included."""
    found = [
        KnownName("user", row["id"], _title(row, "name", "email")) for row in listed(client, "/organization/users")
    ]
    for project in listed(client, "/organization/projects", (("include_archived", "true"),)):
        found.append(KnownName("project", project["id"], _title(project, "name")))
        found.extend(_project_names(client, project))
    return found


def listed(client: ProviderClient, path: str, params: Params = ()) -> Iterator[dict[str, Any]]:
    """Every row of a look-up list; `after` is the last id seen."""
    after: str | None = None
    for _ in range(client.limits.pages):
        page = client.get(path, (("limit", "100"), *params, *((("after", after),) if after else ()))).json
        rows = page.get("data") if isinstance(page, dict) else None
        if not isinstance(rows, list) or not all(
            isinstance(row, dict) and isinstance(row.get("id"), str) for row in rows
        ):
            raise PayloadChanged(f"OpenAI answered {path} without a list of rows with ids.")
        yield from rows
        if page.get("has_more") is not True or not rows:
            return
        if rows[-1]["id"] == after:
            raise PayloadChanged(f"OpenAI repeats a page of {path}.")
        after = rows[-1]["id"]
    raise PayloadChanged(f"OpenAI gave more than {client.limits.pages} pages of {path}.")


def _project_names(client: ProviderClient, project: Mapping[str, Any]) -> Iterator[KnownName]:
    """Keys and service accounts of a project. An archived project refuses these reads, which loses only names."""
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,100}", project["id"]):
        raise PayloadChanged("OpenAI told a project whose id cannot stand in an address.")
    path = f"/organization/projects/{project['id']}"
    try:
        for row in listed(client, f"{path}/api_keys", (("owner_project_access", "any"),)):
            yield KnownName("api_key", row["id"], _title(row, "name"))
        for row in listed(client, f"{path}/service_accounts"):
            yield KnownName("user", row["id"], _title(row, "name"))
    except (BadRequest, Blocked, PayloadChanged, ScopeMissing):
        if project.get("status") != "archived":
            raise


def _title(row: Mapping[str, Any], *fields: str) -> str | None:
    found = (row.get(field) for field in fields)
    return next((str(name).replace("\x00", "") for name in found if isinstance(name, str) and name), None)
