"""Set-based statements bound by the server: arrays travel in binary, bodies are not escaped."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import psycopg
from django.db import connection
from psycopg.rows import dict_row

Row = dict[str, Any]


@contextmanager
def cursor() -> Iterator[psycopg.Cursor[Row]]:
    """Open a cursor on Django's connection, inside its present transaction; errors are Django's."""
    connection.ensure_connection()
    with (
        connection.wrap_database_errors,
        psycopg.Cursor(connection.connection, row_factory=dict_row) as opened,
    ):
        yield opened


def fetch(statement: str, parameters: Mapping[str, Any]) -> list[Row]:
    """Run one statement and return its rows."""
    with cursor() as opened:
        opened.execute(statement, parameters)
        return opened.fetchall()


def run(statement: str, parameters: Mapping[str, Any]) -> int:
    """Run one statement and return how many rows it touched."""
    with cursor() as opened:
        opened.execute(statement, parameters)
        return opened.rowcount


def now() -> datetime:
    """Return the database's clock, the only one that leases and due times know."""
    moment: datetime = fetch("SELECT statement_timestamp() AS at", {})[0]["at"]
    return moment


def now_plus(seconds: float) -> datetime:
    """Return the database's clock so many seconds on."""
    return now() + timedelta(seconds=seconds)
