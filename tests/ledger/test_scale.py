"""What must not grow with what is stored."""

import pytest
from django.db import connection, transaction

from ledger.services import post
from tests.ledger.books import AVAILABLE, CASH, move

pytestmark = pytest.mark.django_db(transaction=True)
READ_WHOLE = """
SELECT seq_tup_read FROM pg_stat_xact_user_tables WHERE relname = 'ledger_posting'
"""


def rows_read_whole() -> int:
    """Return how many postings this transaction read by scanning the table."""
    with connection.cursor() as cursor:
        cursor.execute(READ_WHOLE)
        return int(cursor.fetchone()[0])


def test_a_small_journal_is_proven_without_reading_the_others() -> None:
    """Where journals hold thousands of lines, planners look for one by reading all of them; here a
    price on indexes makes them do so with few."""
    with transaction.atomic():
        for number in range(20):
            post("fund", move(CASH, AVAILABLE, 1, f"f{number}"))

    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL random_page_cost = 1000000")
            cursor.execute("DISCARD PLANS")
        before = rows_read_whole()
        post("fund", move(CASH, AVAILABLE, 1, "small"))
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        assert rows_read_whole() == before
