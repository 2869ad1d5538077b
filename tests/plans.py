"""How PostgreSQL would do what a test asked it."""

from django.db import connection
from django.test.utils import CaptureQueriesContext


def count_of_plans(ran: CaptureQueriesContext, table: str) -> int:
    """Assert that none of these SELECTs reads the whole table; return how many ask it at all."""
    asked = [
        each["sql"]
        for each in ran.captured_queries
        if f"FROM {table}" in each["sql"].replace('"', "")
    ]
    with connection.cursor() as cursor:
        for sql in asked:
            cursor.execute("EXPLAIN " + sql)
            plan = "\n".join(row[0] for row in cursor.fetchall())
            assert f"Seq Scan on {table}" not in plan, f"{sql}\n{plan}"
    return len(asked)
