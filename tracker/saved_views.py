"""Views kept under a name: everybody of the workspace sees, opens, renames and deletes them."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qs

from sqlalchemy import ColumnElement, delete, func, insert, select, update
from sqlmodel import Session

from tracker.clock import utc_now
from tracker.errors import BadInput, Conflict, NotFound
from tracker.explore.view import View, parse
from tracker.models import SavedView, table_of

VIEWS = table_of(SavedView)

MOST_NAME, MOST_VIEWS = 60, 100


@dataclass(frozen=True)
class Kept:
    """A view and its name."""

    name: str
    view: View


def every(session: Session, workspace_id: int) -> list[Kept]:
    """All of them, by name."""
    statement = select(VIEWS.c.name, VIEWS.c.address).where(VIEWS.c.workspace_id == workspace_id)
    found = session.execute(statement.order_by(func.lower(VIEWS.c.name), VIEWS.c.name))
    return [Kept(name, parse(parse_qs(address, keep_blank_values=True)).view) for name, address in found]


def save(session: Session, workspace_id: int, name: str, view: View, *, user_id: int | None) -> None:
    """Keep a view under a new name: Conflict when there is one of that name, BadInput for no name at all."""
    name = _checked(name)
    _check_free(session, workspace_id, name)
    count = session.execute(select(func.count()).where(VIEWS.c.workspace_id == workspace_id)).scalar_one()
    if count >= MOST_VIEWS:
        raise BadInput(f"There are {MOST_VIEWS} saved views already. Delete one that nobody needs.")
    row = {"name": name, "address": view.query(), "created_by": user_id, "created_at": utc_now()}
    session.execute(insert(VIEWS).values(workspace_id=workspace_id, **row))


def rename(session: Session, workspace_id: int, name: str, new: str) -> None:
    """Give it another name. NotFound, Conflict or BadInput say why not."""
    new = _checked(new)
    if new != name:
        _check_free(session, workspace_id, new)
    found = session.execute(update(VIEWS).where(*_named(workspace_id, name)).values(name=new).returning(VIEWS.c.name))
    _check_found(found.scalars().all())


def remove(session: Session, workspace_id: int, name: str) -> None:
    """Delete it; NotFound when there is none."""
    found = session.execute(delete(VIEWS).where(*_named(workspace_id, name)).returning(VIEWS.c.name))
    _check_found(found.scalars().all())


def _named(workspace_id: int, name: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return VIEWS.c.workspace_id == workspace_id, VIEWS.c.name == name


def _checked(name: str) -> str:
    name = " ".join(name.split())
    if not 0 < len(name) <= MOST_NAME or not name.isprintable():
        raise BadInput(f"Please give the view a name of 1 to {MOST_NAME} printable characters.")
    return name


def _check_free(session: Session, workspace_id: int, name: str) -> None:
    if session.execute(select(VIEWS.c.name).where(*_named(workspace_id, name))).first():
        raise Conflict(f"There is a view named “{name}” already. Choose another name, or delete that one first.")


def _check_found(found: object) -> None:
    if not found:
        raise NotFound("Somebody renamed or deleted that view meanwhile. Choose another one.")
