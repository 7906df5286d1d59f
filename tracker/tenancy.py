"""Which workspace does a statement name? Pure: a statement and its parameters in, TenancyError out.

Each tenant table in a statement must be tied to the session's workspace by `workspace_id = :value`, directly
or through another table's `workspace_id`; each inserted row must carry that workspace.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import BindParameter, Delete, Executable, Insert, Table, Update
from sqlalchemy.sql import operators, visitors
from sqlalchemy.sql.elements import BinaryExpression, ClauseElement, ColumnClause
from sqlalchemy.sql.selectable import Alias, FromClause

from tracker.errors import TenancyError
from tracker.models import TENANT_TABLES

COLUMN = "workspace_id"

ROW = (dict, Mapping)
"""A row's values, asked for the usual kind first: an abstract one takes five times as long to tell."""

Parameters = Mapping[str, Any] | Sequence[Mapping[str, Any]] | None


@dataclass(frozen=True)
class Reading:
    """What a statement says of tenancy: the tenant tables in it (aliases where given), and the values that tie them.

    `loose` are those tied to no value, directly or through others.
    """

    tables: frozenset[str]
    values: tuple[BindParameter[Any], ...]
    loose: frozenset[str]


# Statements made once at import are read once; those made for one execution leave with it.
_read: WeakKeyDictionary[Executable, Reading] = WeakKeyDictionary()


def read(statement: Executable) -> Reading:
    """Walk the statement once."""
    if (known := _read.get(statement)) is not None:
        return known
    tables: set[str] = set()
    values: list[tuple[str, BindParameter[Any]]] = []
    links: list[frozenset[str]] = []
    if isinstance(statement, Insert | Update | Delete):
        _add(tables, statement.table)
    for node in visitors.iterate(_clause(statement)):
        _add(tables, node.table if isinstance(node, ColumnClause) else node)
        if isinstance(node, BinaryExpression) and node.operator is operators.eq:
            _tie(node.left, node.right, values, links)
    tied = {table for table, _ in values}
    if isinstance(statement, Insert):
        tied |= {_name(statement.table), "excluded"}  # what ON CONFLICT calls the row, whose values are looked at
    for _ in links:
        tied.update(*(pair for pair in links if pair & tied))
    found = _read[statement] = Reading(frozenset(tables), tuple(bind for _, bind in values), frozenset(tables - tied))
    return found


def _add(tables: set[str], source: Any) -> None:
    if isinstance(source, Table | Alias) and _table_name(source) in TENANT_TABLES:
        tables.add(str(source.name))


def _tie(left: Any, right: Any, values: list[tuple[str, BindParameter[Any]]], links: list[frozenset[str]]) -> None:
    if not _is_workspace(left):
        left, right = right, left
    if not _is_workspace(left):
        return
    if isinstance(right, BindParameter):
        values.append((_name(left.table), right))
    elif _is_workspace(right):
        links.append(frozenset({_name(left.table), _name(right.table)}))


def deciding(statement: Executable) -> tuple[str, ...] | None:
    """The names of the values that alone decide: where each is the workspace, `check_statement` refuses nothing.

    None where more than that has to be looked at. For statements made once, whose values are given anew each time.
    """
    reading = read(statement)
    names = {bind.key for bind in reading.values}
    is_given = not reading.loose and all(bind.required for bind in reading.values)
    if isinstance(statement, Insert) and reading.tables and statement.select is None:
        names.add(COLUMN)
        fixed = _workspace_in(getattr(statement, "_values", None) or {})
        is_given &= fixed is None or (isinstance(fixed, BindParameter) and fixed.required and fixed.key == COLUMN)
        is_given &= not getattr(statement, "_multi_values", ())
    return tuple(sorted(names)) if is_given else None


def check_statement(statement: Executable, parameters: Parameters, workspace_id: int | None) -> None:
    """Raise TenancyError unless every tenant table of the statement is tied to `workspace_id`."""
    reading = read(statement)
    if not reading.tables:
        return
    if workspace_id is None:
        raise TenancyError(f"a statement on {', '.join(sorted(reading.tables))} outside any workspace")
    if isinstance(statement, Insert):
        _check_insert(statement, parameters, workspace_id)
    for bind in reading.values:
        _check_value(_value(bind, parameters), workspace_id)
    if reading.loose:
        raise TenancyError(f"a statement on {', '.join(sorted(reading.loose))} names no workspace")


def _check_insert(statement: Insert, parameters: Parameters, workspace_id: int) -> None:
    if statement.select is not None:
        return  # its select is checked like any other
    for value in _inserted(statement, parameters):
        _check_value(value, workspace_id)


def _inserted(statement: Insert, parameters: Parameters) -> Iterator[Any]:
    """The workspace of each row; None where it has none."""
    for rows in getattr(statement, "_multi_values", ()):
        yield from (_workspace_in(row) for row in rows)
    values = getattr(statement, "_values", None) or {}
    fixed = _workspace_in(values)
    given = [parameters] if isinstance(parameters, ROW) else parameters or ([{}] if values else [])
    yield from (row.get(COLUMN, fixed) for row in given)


def _workspace_in(values: Mapping[Any, Any]) -> Any:
    return next((value for column, value in values.items() if str(getattr(column, "key", column)) == COLUMN), None)


def _check_value(value: Any, workspace_id: int) -> None:
    if isinstance(value, BindParameter):
        value = value.effective_value
    if value != workspace_id:
        raise TenancyError(f"a statement for workspace {value!r} in a session of workspace {workspace_id}")


def _value(bind: BindParameter[Any], parameters: Parameters) -> Any:
    fixed = bind.effective_value
    if isinstance(parameters, ROW):
        return parameters.get(bind.key, fixed)
    if isinstance(parameters, Sequence) and parameters:
        values = {row.get(bind.key, fixed) for row in parameters}
        return values.pop() if len(values) == 1 else None
    return fixed


def _clause(statement: Executable) -> ClauseElement:
    if not isinstance(statement, ClauseElement):
        raise TenancyError(f"a statement that cannot be looked into: {type(statement).__name__}")
    return statement


def _is_workspace(node: Any) -> bool:
    return isinstance(node, ColumnClause) and node.name == COLUMN and isinstance(node.table, FromClause)


def _table_name(source: Any) -> str | None:
    if isinstance(source, Alias):
        return _table_name(source.element)
    return str(source.name) if isinstance(source, Table) else None


def _name(source: Any) -> str:
    return str(getattr(source, "name", source))
