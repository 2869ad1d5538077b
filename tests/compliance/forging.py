"""Changing evidence as only the owner of the tables can: with their guards off meanwhile."""

from typing import Any

from django.db import connection

from compliance.services import audit


def forge(statement: str, *tables: str, values: Any = None) -> None:
    """Run a statement with the triggers of these tables switched off, and on again."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for table in tables:
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        cursor.execute(statement, values)
        for table in tables:
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")


def forge_freely(statement: str, table: str, values: Any = None) -> None:
    """Run statements without the table's triggers and foreign keys; roll back what calls it."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        cursor.execute(
            "SELECT conname FROM pg_constraint WHERE contype = 'f' AND %s::regclass"
            " IN (conrelid, confrelid)",
            [table],
        )
        for (name,) in cursor.fetchall():
            cursor.execute(
                "SELECT conrelid::regclass::text FROM pg_constraint WHERE conname = %s", [name]
            )
            cursor.execute(f'ALTER TABLE {cursor.fetchone()[0]} DROP CONSTRAINT "{name}"')
        cursor.execute(statement, values)
        cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")


def faults(**options: Any) -> dict[str, str]:
    """Return what a verification finds, by check."""
    report = audit.verify(**options)
    return {check.name: check.fault for check in report.checks if check.fault}
