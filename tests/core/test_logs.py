"""Log lines are one JSON object each, and show no rows."""

import json
import logging
import sys

import pytest
from django.db import DatabaseError, connection

from atlaspay.core.logs import JsonFormatter


@pytest.mark.django_db
def test_a_database_error_is_logged_without_the_row_it_names():
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE paid (name text, amount int CHECK (amount > 0))")
        try:
            cursor.execute("INSERT INTO paid VALUES (%s, 0)", ["Anna " + "Jansen"])
        except DatabaseError:
            record = logging.LogRecord("t", logging.ERROR, "t", 1, "broke", (), sys.exc_info())
    line = JsonFormatter().format(record)
    assert "\n" not in line
    assert "Anna Jansen" not in line
    assert "paid_amount_check" in json.loads(line)["exception"]
    assert "DETAIL: withheld" in json.loads(line)["exception"]
