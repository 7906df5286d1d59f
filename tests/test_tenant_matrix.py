"""Every public operation, tried by everybody who might: only the owner reaches the owner's rows.

The owner's own calls come first, as the control: what they are shown and what they change is what the others
must not be shown and must not change.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.exc import IntegrityError

from tests.installation import NOW, PASSWORD
from tests.tenant_attempts import Attempt, Recipe, operation_of, public_operations
from tests.tenant_recipes import OF_NO_TENANT, RECIPES
from tests.tenants import FOREIGN, PrincipalName, Stage, staged
from tracker import access, connections, sessions
from tracker.errors import BadInput, NotFound, TenancyError

REFUSALS = (BadInput, TenancyError, IntegrityError)
"""The last: what the database says to a workspace or a user that does not exist."""


@pytest.fixture
def stage(migrated_url: str, tmp_path: Path) -> Iterator[Stage]:
    with staged(migrated_url, tmp_path) as made:
        yield made


def in_order() -> list[tuple[str, Recipe]]:
    """What only reads comes before what changes."""
    return sorted(RECIPES.items(), key=lambda item: item[1].effect == "changes")


def attempt(stage: Stage, recipe: Recipe, name: PrincipalName) -> Attempt:
    return Attempt(stage, stage.caller(name, recipe.role, fresh=recipe.effect == "changes"), stage.ada)


def outcome(recipe: Recipe, tried: Attempt) -> object:
    """The result, or the refusal."""
    try:
        return recipe.run(tried)
    except REFUSALS as refusal:
        return refusal


def test_no_public_operation_is_without_a_recipe() -> None:
    called = {operation_of(name) for name in RECIPES}
    left_out = {f"{module}.{name}" for module, names in OF_NO_TENANT.items() for name in names}

    assert set(public_operations()) == called | left_out
    assert not called & left_out


def test_each_operation_is_called_within_a_transaction_exactly_when_it_takes_one_and_a_workspace() -> None:
    for name, recipe in RECIPES.items():
        parameters = set(inspect.signature(public_operations()[operation_of(name)]).parameters)
        if {"session", "workspace_id"} <= parameters:
            assert recipe.within is not None, name


def test_the_owner_is_shown_and_changes_their_own(stage: Stage) -> None:
    wrong = []
    for name, recipe in in_order():
        tried = attempt(stage, recipe, "owner")
        before = stage.rows_of(stage.ada)
        result = recipe.run(tried)
        if recipe.effect == "shows" and not stage.ada.marks_in(repr(result)):
            wrong.append(f"{name} shows its owner nothing: {result!r}")
        if (stage.rows_of(stage.ada) != before) != (recipe.effect == "changes"):
            wrong.append(f"{name}, which {recipe.effect}")
    assert wrong == []


@pytest.mark.soak
@pytest.mark.parametrize("name", FOREIGN)
def test_nobody_else_is_shown_or_changes_a_thing_of_the_owners(stage: Stage, name: PrincipalName) -> None:
    read_all(stage)  # so that the owner has a living session, and whatever keeps answers has kept the owner's
    before = stage.rows_of(stage.ada)
    wrong = []
    for operation, recipe in in_order():
        result = outcome(recipe, attempt(stage, recipe, name))
        wrong += [f"{operation}: {said}" for said in faults(stage, recipe, name, result)]
        after = stage.rows_of(stage.ada)
        wrong += [f"{operation} changed {table}" for table in before if before[table] != after[table]]
        before = after
    sys.stdout.write(f"operations tried as {name}: {len(RECIPES)}, leaked or changed: {len(wrong)}\n")
    assert wrong == []


def read_all(stage: Stage) -> None:
    """Everything that only reads, by the owner."""
    for recipe in RECIPES.values():
        if recipe.effect in {"shows", "counts"}:
            recipe.run(attempt(stage, recipe, "owner"))


def faults(stage: Stage, recipe: Recipe, name: PrincipalName, result: object) -> Iterator[str]:
    """What is wrong with the outcome of a foreign call."""
    text = f"{result!r} {result}"
    if shown := stage.ada.marks_in(text):
        yield f"shows {shown}"
    if recipe.aimed and result and not isinstance(result, REFUSALS):
        yield f"is not refused: {text}"
    if isinstance(result, IntegrityError) and name != "anonymous":
        yield f"is refused by the database only: {text}"
    own = name in {"member", "operator"} and recipe.effect == "shows" and not recipe.aimed
    if own and not stage.bo.marks_in(text):
        yield f"does not even show what is theirs: {text}"


def test_a_workspace_named_in_anothers_transaction_is_refused(stage: Stage) -> None:
    before = stage.rows_of(stage.ada)
    tried = [(name, key) for name in FOREIGN for key, recipe in in_order() if recipe.within is not None]
    let_through = [(name, key) for name, key in tried if not refuses(stage, RECIPES[key], name)]

    assert tried
    assert let_through == []
    assert stage.rows_of(stage.ada) == before


def refuses(stage: Stage, recipe: Recipe, name: PrincipalName) -> bool:
    """Whether the caller's own transaction refuses Ada's workspace."""
    tried = attempt(stage, recipe, name)
    assert recipe.within is not None
    try:
        with tried.caller.inside() as session:
            result = recipe.within(session, stage.ada.workspace_id, tried)
            if isinstance(result, Iterator):
                list(result)
    except TenancyError:
        return True
    return False


def test_what_one_workspace_does_is_seen_in_it_alone(stage: Stage) -> None:
    """The figures too: they hold no word that would tell whose they are."""
    reading = [key for key, recipe in RECIPES.items() if recipe.effect in {"shows", "counts"}]
    names: tuple[PrincipalName, ...] = ("owner", *FOREIGN)
    tried = {(name, key): attempt(stage, RECIPES[key], name) for name in names for key in reading}
    before = {which: repr(outcome(RECIPES[which[1]], a)) for which, a in tried.items()}
    stage.enlarge(stage.ada)
    changed = {which for which, a in tried.items() if repr(outcome(RECIPES[which[1]], a)) != before[which]}

    figures = {"queries.totals", "queries.count_events", "queries.billed_cost", "overview.read"}
    files = {"export.usage_csv", "export.billed_csv", "downloads.chunks of usage", "downloads.chunks of the bill"}
    assert {key for name, key in changed if name == "owner"} >= figures | files
    assert {name for name, _ in changed} == {"owner"}


def test_a_disabled_user_does_not_come_in_and_their_key_stays_closed(stage: Stage) -> None:
    cy, database = stage.caller("disabled"), stage.product("web").database

    assert access.authenticate(database, cy.email, PASSWORD) is None
    assert cy.token == ""
    assert sessions.check(database, cy.session_id, now=NOW) is None
    assert sessions.living(database, cy.user_id, now=NOW) == []
    with cy.inside() as session, pytest.raises(NotFound):
        connections.opened(cy.product, session, stage.row_of(stage.cy))
