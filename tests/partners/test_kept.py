"""Rows that hot tables name without a foreign key's check are never deleted."""

import pytest
from django.db import DatabaseError, connection, transaction

from partners.models import Partner
from tests.factories import ApiKeyFactory
from webhooks.services import create_endpoint

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("table", ["partners_partner", "partners_apikey", "webhooks_endpoint"])
@pytest.mark.parametrize("statement", ["DELETE FROM {}", "TRUNCATE {} CASCADE"])
def test_what_others_name_is_kept(table, statement):
    key = ApiKeyFactory()
    create_endpoint(key.partner_id, url="http://127.0.0.1:9/hook")
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    with (
        pytest.raises(DatabaseError, match="is refused"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement.format(table))
    assert Partner.objects.filter(id=key.partner_id).exists()


def test_no_foreign_key_check_touches_the_partner_row_of_a_hot_table():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conrelid::regclass::text FROM pg_constraint"
            " WHERE contype = 'f' AND confrelid = 'partners_partner'::regclass ORDER BY 1"
        )
        named = {name for (name,) in cursor.fetchall()}
    assert not named & {"payouts_payout", "webhooks_event", "webhooks_delivery"}
