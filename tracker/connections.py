"""Provider keys from the owner's side: add, check, replace, pause, delete. A key that is refused is never stored.

The check before storing uses the key in the request that brought it; a stored key is opened only by `opened`,
for the worker. One organisation is connected once: a second key for it would double every total.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Select, bindparam, select
from sqlalchemy.orm import undefer_group
from sqlmodel import Session, col

from tracker import access, asking, clock, ledger, notices, organisations, passports, vault
from tracker.asking import Pasted
from tracker.audit import OPERATOR, Action, Actor
from tracker.clock import utc_now
from tracker.db import upsert
from tracker.errors import BadInput, Conflict, NotFound, RingBehind, VaultError
from tracker.models import SEALED, KekCanary, KeyStatus, Name, ProviderKey, table_of
from tracker.pauses import Whose
from tracker.product import Product
from tracker.providers import provider as provider_named
from tracker.providers.base import KnownName, Permission, Verdict
from tracker.redact import SecretKey
from tracker.vault import Binding, Sealed, UnknownKek

MAX_LABEL = 80
USABLE = (KeyStatus.UNCHECKED, KeyStatus.VALID)

KEYS, NAMES = table_of(ProviderKey), table_of(Name)


@dataclass(frozen=True)
class Kept:
    """A connection's row as far as its key is opened: every unit does, and the ORM takes four times as long."""

    id: int
    workspace_id: int
    provider: str
    label: str
    origin: str
    fingerprint: bytes | None
    deleted_at: datetime | None
    fmt: int | None
    kek_id: str | None
    wrapped_dek: bytes | None
    ciphertext: bytes | None


AnyKept = ProviderKey | Kept


@dataclass(frozen=True)
class Added:
    """A key that is stored now, and what its check said.

    `excess` is what it was seen to be allowed and nothing here needs, `narrowing` how that is put right, in words.
    """

    provider_key_id: int
    status: KeyStatus
    sentence: str
    excess: tuple[Permission, ...]
    narrowing: str


def add(product: Product, workspace_id: int, *, provider: str, label: str, text: str, by: Actor = OPERATOR) -> Added:
    """Check a pasted key and store it sealed. BadInput or Conflict, and nothing stored, when it is refused.

    A person must have proven just now who they are: to add, to replace and to delete.
    """
    by.check_proven()
    label = clean_label(label)
    pasted = asking.pasted(product, provider, text)
    with product.database.workspace(workspace_id, write=True) as session:
        organisations.take_turn(session, workspace_id)
        _refuse_known(session, product, workspace_id, pasted.key)
        _refuse_same_organisation(session, workspace_id, provider, pasted.verdict)
        row = _deleted_one(session, workspace_id, provider, pasted.verdict)
        if row is None:
            row = _new_row(workspace_id, provider=provider, label=label)
            session.add(row)
            session.flush()
        else:  # its history goes on; beside it, every total of the past would double
            row.label, row.deleted_at, row.paused_at, row.replaced_at = label, None, None, utc_now()
            _reopen(session, row)
        _put(session, product, row, pasted)
        pasted.calls.store(session, workspace_id, id_of(row))
        notices.of_key(session, row, Action.KEY_ADDED, by)
    return _added(row, pasted)


def replace(product: Product, workspace_id: int, provider_key_id: int, *, text: str, by: Actor = OPERATOR) -> Added:
    """Put another key of the same organisation in a connection's place; its id and history stay."""
    by.check_proven()
    row = find(product, workspace_id, provider_key_id)
    pasted = asking.pasted(product, row.provider, text)
    with product.database.workspace(workspace_id, write=True) as session:
        organisations.take_turn(session, workspace_id)
        row = present(session, workspace_id, provider_key_id, lock=True)  # not between two parts of a rotation
        _refuse_known(session, product, workspace_id, pasted.key, but=provider_key_id)
        _refuse_same_organisation(session, workspace_id, row.provider, pasted.verdict, but=provider_key_id)
        if strange := _strange(session, row, pasted.verdict, now=utc_now()):
            raise Conflict(strange)
        row.replaced_at = utc_now()
        _put(session, product, row, pasted)
        pasted.calls.store(session, workspace_id, provider_key_id)
        _reopen(session, row)
        notices.of_key(session, row, Action.KEY_REPLACED, by)
    return _added(row, pasted)


def _reopen(session: Session, row: ProviderKey) -> None:
    first = clock.day_of(utc_now()) - provider_named(row.provider).history
    ledger.reopen(session, row.workspace_id, id_of(row), since=first)


def pause(product: Product, workspace_id: int, provider_key_id: int, *, paused: bool, by: Actor = OPERATOR) -> None:
    """Stop or resume reading with this key; what was read stays."""
    with product.database.workspace(workspace_id, write=True) as session:
        row = present(session, workspace_id, provider_key_id)
        row.paused_at, row.next_due_at = (utc_now(), None) if paused else (None, utc_now())
        notices.of_key(session, row, Action.KEY_PAUSED if paused else Action.KEY_RESUMED, by)


def delete(product: Product, workspace_id: int, provider_key_id: int, *, by: Actor = OPERATOR) -> None:
    """Destroy the sealed key. The connection's row and its history stay."""
    by.check_proven()
    with product.database.workspace(workspace_id, write=True) as session:
        row = present(session, workspace_id, provider_key_id)
        row.wrapped_dek = row.ciphertext = row.fingerprint = row.kek_id = row.fmt = None
        row.deleted_at, row.next_due_at = utc_now(), None
        notices.of_key(session, row, Action.KEY_DELETED, by)


def ask_check(product: Product, workspace_id: int, provider_key_id: int, *, by: Actor = OPERATOR) -> None:
    """Let the worker check the key again, at once."""
    with product.database.workspace(workspace_id, write=True) as session:
        row = present(session, workspace_id, provider_key_id)
        row.status, row.failures, row.retry_at, row.next_due_at = KeyStatus.UNCHECKED, 0, None, utc_now()
        passports.ask_anew(session, row)
        _reopen(session, row)
        notices.of_key(session, row, Action.KEY_CHECKED, by)


def find(product: Product, workspace_id: int, provider_key_id: int) -> ProviderKey:
    """The connection's row; NotFound when the workspace has none of that id or its key was deleted."""
    with product.database.workspace(workspace_id) as session:
        return present(session, workspace_id, provider_key_id)


def clean_label(text: str) -> str:
    """The label without surrounding space; BadInput when it is empty, too long or holds control characters."""
    label = text.strip()
    if not 0 < len(label) <= MAX_LABEL or not label.isprintable():
        raise BadInput(f"Please give the key a label of 1 to {MAX_LABEL} printable characters.")
    return label


def opened(product: Product, session: Session, row: AnyKept) -> SecretKey:
    """The stored key in the clear, for the worker's call only.

    NotFound when it was deleted or nobody is left for whom it may be opened; VaultError when it cannot be opened,
    RingBehind when others still can.
    """
    if row.deleted_at or not access.has_enabled_member(session, row.workspace_id):
        raise NotFound(
            f"The key {row.label!r} was deleted, or nobody of its workspace may sign in any more. Choose another key."
        )
    origin = product.origin(row.provider)
    if row.origin != origin:
        raise VaultError(
            f"The key {row.label!r} was stored for {row.origin}, but calls now go to {origin}. Replace the key.",
        )
    try:
        return vault.open_key(product.ring_with(row.kek_id), binding(row), sealed_of(row))
    except UnknownKek as error:
        if session.get(KekCanary, error.kek_id) is None:
            raise
        raise RingBehind(RING_BEHIND.format(path=product.settings.keyring_file, kek_id=error.kek_id)) from None


RING_BEHIND = (
    "The key ring {path} of this process lacks {kek_id}, to which keys were rotated elsewhere. Put the ring of today "
    "there and start this process anew; until then these keys wait, and nothing is lost."
)


def settle(session: Session, row: ProviderKey, verdict: Verdict, *, now: datetime) -> None:
    """Write what a check found into the connection's row, and the organisation's ids beside it."""
    strange = _strange(session, row, verdict, now=now)
    # Strange first: what was read with the key before it is another organisation's, and nobody else reads that.
    first = None if strange else organisations.elder(session, row, verdict)
    row.status = KeyStatus.INVALID if strange else KeyStatus.DUPLICATE if first else KeyStatus(verdict.status)
    row.status_reason = strange or (organisations.aside_sentence(first) if first else verdict.sentence)
    row.names_readable = verdict.names_readable
    row.checked_at = now
    if verdict.organisation and not (first or strange):
        remember_names(session, row, [KnownName("project", ref, None) for ref in sorted(verdict.organisation)])


def _strange(session: Session, row: ProviderKey, verdict: Verdict, *, now: datetime) -> str | None:
    """That a key does not seem to lead to the organisation of its connection's history, and what to do."""
    foreign = organisations.foreign_sentence(session, row, verdict)
    return foreign or organisations.idle_sentence(session, row, verdict, now=now)


def remember_names(session: Session, row: Whose, names: list[KnownName]) -> None:
    """Keep names by id. A name once known is kept when the provider no longer tells it."""
    rows = [
        {"workspace_id": row.workspace_id, "provider_key_id": row.id, "kind": n.kind, "ref": n.ref, "name": n.name}
        for n in names
    ]
    key = ("workspace_id", "provider_key_id", "kind", "ref")
    named, unnamed = [r for r in rows if r["name"] is not None], [r for r in rows if r["name"] is None]
    if unnamed:
        session.execute(upsert(session, NAMES).on_conflict_do_nothing(index_elements=list(key)), unnamed)
    if named:
        statement = upsert(session, NAMES)
        statement = statement.on_conflict_do_update(index_elements=list(key), set_={"name": statement.excluded.name})
        session.execute(statement, named)


def id_of(row: AnyKept) -> int:
    """The id of a stored connection."""
    if row.id is None:
        raise RuntimeError("the connection is not stored yet")
    return row.id


def _new_row(workspace_id: int, *, provider: str, label: str) -> ProviderKey:
    return ProviderKey(
        workspace_id=workspace_id,
        provider=provider,
        label=label,
        origin="",
        last4="",
        created_at=utc_now(),
    )


def _put(session: Session, product: Product, row: ProviderKey, pasted: Pasted) -> None:
    """Seal the key into its row, keep what it may do, and make its work due."""
    key, ring = pasted.key, product.sealing_ring(session)
    row.origin = product.origin(row.provider)
    sealed = vault.seal(ring, binding(row), key)
    row.fmt, row.kek_id = sealed.fmt, sealed.kek_id
    row.wrapped_dek, row.ciphertext = sealed.wrapped_dek, sealed.ciphertext
    row.last4, row.fingerprint = key.last4, vault.fingerprint(ring, row.workspace_id, key)
    row.failures, row.retry_at, row.next_due_at = 0, None, utc_now()
    settle(session, row, pasted.verdict, now=utc_now())
    if pasted.facts:
        session.flush()  # a passport is told by the key in place
        passports.note_try(session, row)
        passports.keep(session, row, pasted.facts)


def _added(row: ProviderKey, pasted: Pasted) -> Added:
    excess = passports.excess(row.provider, pasted.facts) if pasted.facts else ()
    narrowing = provider_named(row.provider).narrowing
    return Added(id_of(row), KeyStatus(row.status), pasted.verdict.sentence, excess, narrowing)


def binding(row: AnyKept) -> Binding:
    """What a row's sealed key is bound to."""
    return Binding(workspace_id=row.workspace_id, key_id=id_of(row), provider=row.provider, origin=row.origin)


def sealed_of(row: AnyKept) -> Sealed:
    """The sealed key of a row; a row without one gives what cannot be opened."""
    return Sealed(row.fmt or 0, row.kek_id or "", row.wrapped_dek or b"", row.ciphertext or b"")


def present(
    session: Session, workspace_id: int, provider_key_id: int, *, lock: bool = False, sealed: bool = False
) -> ProviderKey:
    """The connection's row in the caller's transaction; NotFound when there is none or its key was deleted.

    Its sealed parts are with it only when asked for, which on PostgreSQL the web's role may not.
    """
    of = {"of_workspace": workspace_id, "of_key": provider_key_id}
    row: ProviderKey | None = session.execute(_present(lock=lock, sealed=sealed), of).scalar_one_or_none()
    if row is None:
        raise NotFound(f"There is no provider key {provider_key_id} in this workspace. Settings shows those there are.")
    return row


@lru_cache(maxsize=4)
def _present(*, lock: bool, sealed: bool) -> Select[Any]:
    statement = select(ProviderKey).where(
        col(ProviderKey.workspace_id) == bindparam("of_workspace"),
        col(ProviderKey.id) == bindparam("of_key"),
        col(ProviderKey.deleted_at).is_(None),
    )
    statement = statement.options(undefer_group(SEALED)) if sealed else statement
    return statement.with_for_update() if lock else statement


def _refuse_known(
    session: Session, product: Product, workspace_id: int, key: SecretKey, *, but: int | None = None
) -> None:
    """Refuse a key that another connection has. Its own may be pasted again, say because it did not open any more."""
    mark = vault.fingerprint(product.sealing_ring(session), workspace_id, key)
    statement = select(KEYS.c.label).where(
        KEYS.c.workspace_id == workspace_id, KEYS.c.fingerprint == mark, KEYS.c.id != (but or 0)
    )
    if (label := session.execute(statement).scalar()) is not None:
        raise Conflict(f"This key is stored already, as {label!r}. There is nothing to add.")


def _refuse_same_organisation(
    session: Session, workspace_id: int, provider: str, verdict: Verdict, *, but: int | None = None
) -> None:
    if there := organisations.connected(session, workspace_id, provider, verdict, but=but):
        raise Conflict(organisations.connected_sentence(there.label))


def _deleted_one(session: Session, workspace_id: int, provider: str, verdict: Verdict) -> ProviderKey | None:
    """The connection to this organisation whose key was deleted, if there is one: a new key takes its place."""
    statement = select(ProviderKey).where(
        col(ProviderKey.workspace_id) == workspace_id,
        col(ProviderKey.provider) == provider,
        col(ProviderKey.deleted_at).is_not(None),
    )
    deleted = {id_of(row): row for row in session.execute(statement).scalars()}
    found = organisations.sharing(session, workspace_id, provider, verdict.organisation)
    return next((deleted[each.id] for each in found if each.id in deleted), None)
