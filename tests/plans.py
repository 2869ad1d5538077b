"""How PostgreSQL would do what a test asked it."""

from collections.abc import Iterator

from django.db import connection
from django.test.utils import CaptureQueriesContext


def count_of_plans(ran: CaptureQueriesContext, table: str) -> int:
    """Assert that none of these statements reads the whole table; return how many ask it at all."""
    plans = list(_plans(ran, f"FROM {table}"))
    for plan in plans:
        assert f"Seq Scan on {table}" not in plan, plan
    return len(plans)


def assert_no_plan_has(ran: CaptureQueriesContext, words: str) -> None:
    """Assert that none of these statements is done so, and that there are any."""
    plans = list(_plans(ran, "FROM"))
    assert plans
    for plan in plans:
        assert words not in plan, plan


def _plans(ran: CaptureQueriesContext, asking: str) -> Iterator[str]:
    for sql in [each["sql"] for each in ran.captured_queries]:
        if asking not in sql.replace('"', "") or not sql.lstrip().startswith(("SELECT", "WITH")):
            continue
        with connection.cursor() as cursor:
            cursor.execute("EXPLAIN " + sql)
            yield "\n".join([sql, *(row[0] for row in cursor.fetchall())])
