"""Which workspace does a statement name? Pure: a statement and its parameters in, TenancyError out.

Each tenant table in a statement must be tied to the session's workspace by `workspace_id = :value`, directly
or through another table's `workspace_id`; each inserted row must carry that workspace.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import BindParameter, Delete, Executable, Insert, Select, Table, Update
from sqlalchemy.sql import operators, visitors
from sqlalchemy.sql.elements import BinaryExpression, ClauseElement, ColumnClause
from sqlalchemy.sql.selectable import Alias, FromClause, Join, Subquery

from tracker.errors import TenancyError
from tracker.models import TENANT_TABLES

COLUMN = "workspace_id"

Parameters = Mapping[str, Any] | Sequence[Mapping[str, Any]] | None


def tenant_tables(statement: Executable) -> set[str]:
    """Names (aliases where given) of the tenant tables the statement reads or writes."""
    return {_name(source) for source in _sources(statement) if _table_name(source) in TENANT_TABLES}


def check_statement(statement: Executable, parameters: Parameters, workspace_id: int | None) -> None:
    """Raise TenancyError unless every tenant table of the statement is tied to `workspace_id`."""
    tables = tenant_tables(statement)
    if not tables:
        return
    if workspace_id is None:
        raise TenancyError(f"a statement on {', '.join(sorted(tables))} outside any workspace")
    if isinstance(statement, Insert):
        tables.discard(_name(statement.table))
        _check_insert(statement, parameters, workspace_id)
    _check_criteria(statement, parameters, workspace_id, tables)


def _check_criteria(statement: Executable, parameters: Parameters, workspace_id: int, tables: set[str]) -> None:
    tied, links = set(), []
    for left, right in _equalities(statement):
        if isinstance(right, BindParameter):
            _check_value(_value(right, parameters), workspace_id)
            tied.add(_name(left.table))
        elif _is_workspace(right):
            links.append({_name(left.table), _name(right.table)})
    for _ in links:
        tied.update(*(pair for pair in links if pair & tied))
    if loose := tables - tied:
        raise TenancyError(f"a statement on {', '.join(sorted(loose))} names no workspace")


def _check_insert(statement: Insert, parameters: Parameters, workspace_id: int) -> None:
    if statement.select is not None:
        return  # its select is checked like any other
    for row in _inserted_rows(statement, parameters):
        _check_value(row.get(COLUMN), workspace_id)


def _inserted_rows(statement: Insert, parameters: Parameters) -> Iterator[Mapping[str, Any]]:
    fixed = {_key(column): value for column, value in (getattr(statement, "_values", None) or {}).items()}
    for rows in getattr(statement, "_multi_values", ()):
        yield from ({_key(column): value for column, value in row.items()} for row in rows)
    given = [parameters] if isinstance(parameters, Mapping) else list(parameters or [])
    if fixed or given:
        yield from ({**fixed, **row} for row in given or [{}]) if fixed else given


def _key(column: Any) -> str:
    return str(getattr(column, "key", column))


def _check_value(value: Any, workspace_id: int) -> None:
    if isinstance(value, BindParameter):
        value = value.effective_value
    if value != workspace_id:
        raise TenancyError(f"a statement for workspace {value!r} in a session of workspace {workspace_id}")


def _value(bind: BindParameter[Any], parameters: Parameters) -> Any:
    if isinstance(parameters, Mapping) and bind.key in parameters:
        return parameters[bind.key]
    if isinstance(parameters, Sequence) and parameters:
        values = {row.get(bind.key, bind.effective_value) for row in parameters}
        return values.pop() if len(values) == 1 else None
    return bind.effective_value


def _equalities(statement: Executable) -> Iterator[tuple[Any, Any]]:
    for node in visitors.iterate(_clause(statement)):
        if isinstance(node, BinaryExpression) and node.operator is operators.eq:
            if _is_workspace(node.left):
                yield node.left, node.right
            elif _is_workspace(node.right):
                yield node.right, node.left


def _clause(statement: Executable) -> ClauseElement:
    if not isinstance(statement, ClauseElement):
        raise TenancyError(f"a statement that cannot be looked into: {type(statement).__name__}")
    return statement


def _is_workspace(node: Any) -> bool:
    return isinstance(node, ColumnClause) and node.name == COLUMN and isinstance(node.table, FromClause)


def _sources(statement: Executable) -> Iterator[FromClause]:
    if isinstance(statement, Insert | Update | Delete):
        yield statement.table
    for node in visitors.iterate(_clause(statement)):
        if isinstance(node, Select):
            yield from _leaves(node.get_final_froms())
        elif isinstance(node, Table):
            yield node


def _leaves(sources: Sequence[FromClause]) -> Iterator[FromClause]:
    for source in sources:
        if isinstance(source, Join):
            yield from _leaves([source.left, source.right])
        elif not isinstance(source, Subquery):  # what is inside is visited by itself
            yield source


def _table_name(source: FromClause) -> str | None:
    if isinstance(source, Alias):
        return _table_name(source.element)
    return str(source.name) if isinstance(source, Table) else None


def _name(source: Any) -> str:
    return str(getattr(source, "name", source))
