"""Many rows in one statement: values that differ travel as arrays, values all rows share as one.

psycopg adapts a list element by element in Python; an array's text, joined here, costs a tenth of
that, and a column whose rows are all alike costs nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the rows to write: name, SQL type, one value a row."""

    name: str
    kind: str
    values: Sequence[Any]


@dataclass(frozen=True, slots=True)
class Spread:
    """SQL for a set of columns: `source` is a FROM item, `value[name]` the expression of a column.

    `source_params` go where `source` stands, `params[name]` where the expression stands.
    """

    source: str
    source_params: list[str]
    value: dict[str, str]
    params: dict[str, list[Any]]


def array(values: Sequence[Any]) -> str:
    """Return an array literal of None, bool, int, str, bytes, aware datetimes or UUIDs."""
    return "{" + ",".join([_element(value) for value in values]) + "}"


def spread(columns: Sequence[Column], *, alias: str = "v", fixed: Sequence[str] = ()) -> Spread:
    """Split columns into those whose rows differ (and those in `fixed`) and those shared."""
    varying: list[Column] = []
    value: dict[str, str] = {}
    params: dict[str, list[Any]] = {}
    for column in columns:
        first = column.values[0]
        is_shared = column.name not in fixed and column.values.count(first) == len(column.values)
        if is_shared:
            value[column.name] = f"%s::{column.kind}"
            params[column.name] = [first]
        else:
            varying.append(column)
            value[column.name] = f"{alias}.{column.name}"
            params[column.name] = []
    names = ", ".join(column.name for column in varying)
    arrays = ", ".join(f"%s::{column.kind}[]" for column in varying)
    return Spread(
        source=f"unnest({arrays}) AS {alias}({names})",
        source_params=[array(column.values) for column in varying],
        value=value,
        params=params,
    )


def _element(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, bytes):
        return f'"\\\\x{value.hex()}"'
    if isinstance(value, datetime):
        return f'"{value.isoformat()}"'
    return str(value)
