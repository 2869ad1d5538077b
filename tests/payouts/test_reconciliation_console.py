"""Breaks and totals in the console: who may read them, what they say, what they cost."""

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from payouts.models import ReconciliationBreak
from payouts.services import reconciliation
from tests.payouts.reconciling import pay, run

pytestmark = pytest.mark.django_db
LIST = "admin:payouts_reconciliationbreak_changelist"


@pytest.fixture
def reader() -> Client:
    client = Client(raise_request_exception=True)
    client.force_login(User.objects.create_superuser("vera"))
    return client


def page(row: ReconciliationBreak) -> str:
    return reverse("admin:payouts_reconciliationbreak_change", args=[row.pk])


def cost(client: Client, url: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert client.get(url).status_code == 200
    return len(captured)


def test_open_breaks_come_first_under_the_totals(bank, partner, reader):
    bank.pay(0, amount_minor=333)
    payout = pay(partner, 21, 1_000)
    run()
    closed = ReconciliationBreak.objects.get(kind="theirs_only")
    reconciliation.close_by_hand([closed.id], note="manual transfer of treasury")
    bank.pay(0, amount_minor=444)
    run()

    text = reader.get(reverse(LIST)).content.decode()

    assert text.index("-4.44") < text.rindex("-3.33")
    assert "9,999,999,990.00" in text  # our books: 10,000,000,000.00 less the payout's 10.00
    assert "9,999,999,982.23" in text  # the bank: less 3.33 and 4.44 as well
    assert "-7.77" in text
    assert "theirs only (2)" in text
    assert payout.reference in text
    assert text.count("Closed by hand") == 1
    assert "/add/" not in text


def test_a_break_has_a_page_with_both_sides_and_the_next_step(bank, partner, reader):
    payout = pay(partner, 21, 1_000)
    run()
    row = ReconciliationBreak.objects.get()

    text = reader.get(page(row)).content.decode()

    assert "The entry counts, not the notification." in text
    assert payout.reference in text
    assert "-10.00" in text
    assert "-10.01" in text
    assert "acct_eur:2" in text
    assert reader.post(page(row), {"note": "x"}).status_code == 405
    assert ReconciliationBreak.objects.get().note == ""


def test_a_longer_list_costs_no_more_queries(bank, partner, reader):
    bank.pay(0, amount_minor=333)
    pay(partner, 21, 1_000)
    run()
    reader.get(reverse(LIST))
    few = cost(reader, reverse(LIST)), cost(reader, page(ReconciliationBreak.objects.last()))
    for amount_minor in range(1, 9):
        bank.pay(0, amount_minor=amount_minor)
        pay(partner, 21, 1_000)
    run()

    many = cost(reader, reverse(LIST)), cost(reader, page(ReconciliationBreak.objects.last()))

    assert many == few
    assert few == (9, 3)


def test_without_permission_nothing_is_read(bank, partner):
    client = Client()
    client.force_login(User.objects.create_user("new", is_staff=True))
    bank.pay(0, amount_minor=333)
    run()

    assert client.get(reverse(LIST)).status_code == 403
    assert client.get(page(ReconciliationBreak.objects.get())).status_code == 403
