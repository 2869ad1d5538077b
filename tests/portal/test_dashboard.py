"""The partner's dashboard: its own figures and nobody else's, in words a partner may read."""

import csv
import io
import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from payouts.rails import base
from payouts.rollups import roll
from portal.models import Role
from tests.payouts.test_rollups import CLOSED, answer, queued_payout, sending, settled
from tests.portal.conftest import Market
from webhooks import rollups as webhook_rollups

pytestmark = pytest.mark.django_db
URL = "/portal/dashboard/"
BLOCKED = base.Rejected(
    canonical="compliance_blocked", retry_class=base.RetryClass.TERMINAL, bank_code="RR04"
)


def count() -> None:
    roll.roll_up()
    webhook_rollups.roll_up()


def failed(partner, outcome) -> None:
    payout = queued_payout(partner)
    sending(payout)
    answer(payout, outcome)


def text_of(client, query: str = "", url: str = URL) -> str:
    answered = client.get(f"{url}?{query}")
    assert answered.status_code == 200
    return " ".join(answered.content.decode().split())


@pytest.mark.parametrize("role", list(Role))
def test_every_role_reads_its_own_partners_figures_alone(market: Market, other: Market, role):
    settled(other.partner, 77_777)
    count()
    text = text_of(market.client(role))
    # The market's own two payouts: 100.00 and 250.50.
    assert "<b>2</b> <span>payouts</span>" in text
    assert '<td>EUR</td><td class="ap-num">350.50</td>' in text
    assert "777" not in text
    # A partner's id in the address is nothing to the portal.
    assert "<b>2</b> <span>payouts</span>" in text_of(
        market.client(role), f"partner={other.partner.id}"
    )


def test_the_first_page_is_the_dashboard(market: Market):
    client = market.client(Role.VIEWER)
    assert client.get("/portal/").url == URL
    assert '<a href="/portal/dashboard/" aria-current="page">Dashboard</a>' in text_of(client)


def test_a_refusal_that_must_not_be_named_is_among_the_unspecified(market: Market):
    failed(market.partner, CLOSED)
    failed(market.partner, BLOCKED)
    count()
    client = market.client()
    written = client.get(f"{URL}figures.csv?period=7d").content.decode()
    for told in (text_of(client), written):
        assert "compliance" not in told
        assert "RR04" not in told
        assert "account_closed" in told
        assert "refused_unspecified" in told
    rows = list(csv.DictReader(io.StringIO(written)))
    assert {(row["status"], row["reason"], row["payouts"]) for row in rows} == {
        ("failed", "account_closed", "1"),
        ("failed", "refused_unspecified", "1"),
        ("processing", "", "2"),
    }


def test_nothing_in_the_page_is_inline(market: Market):
    settled(market.partner)
    count()
    for url in (URL, f"{URL}part/"):
        text = text_of(market.client(), "period=today", url)
        assert not re.search(r"<[^>]+\s(style|on\w+)=", text)
        assert "<style" not in text
        assert not re.search(r"<script(?![^>]*\ssrc=)", text)


def test_every_chart_has_a_name_and_a_table(market: Market):
    settled(market.partner)
    count()
    text = text_of(market.client())
    charts = re.findall(r"<svg [^>]*>", text)
    assert len(charts) == 4
    assert all('role="img"' in one and "The table has the figures." in one for one in charts)
    assert text.count('<table class="ap-table">') == 5


def test_how_much_is_asked_does_not_grow(market: Market):
    for _ in range(4):
        failed(market.partner, CLOSED)
    count()
    client = market.client()
    client.get(URL)
    for query in ("period=today", "period=365d"):
        with CaptureQueriesContext(connection) as asked:
            assert client.get(f"{URL}?{query}").status_code == 200
        assert len(asked) <= 13
