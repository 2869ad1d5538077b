"""The balance with running figures, and the same as a file no spreadsheet reckons with."""

import csv
import io
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client

from atlaspay.core import clock
from ledger import chart, statement
from ledger import selectors as ledger
from ledger.statement import all_lines, newest_lines
from payouts.services.cancel import cancel_payout
from payouts.services.funding import fund_partner
from portal.csv_out import safe
from tests.factories import PartnerFactory
from tests.payouts.factories import make_payouts
from tests.portal.conftest import Market
from tests.portal.people import member, signed_in

pytestmark = pytest.mark.django_db


def exported(client: Client, **query: str) -> list[dict[str, str]]:
    answer = client.get("/portal/balance/lines.csv", query)
    assert answer.status_code == 200
    text = b"".join(answer.streaming_content).decode()
    assert text.startswith("\ufeffat,kind,")
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))


def test_figures_run_to_the_balance(market: Market, viewer: Client) -> None:
    cancel_payout(market.partner.id, market.payout.id)
    shown = viewer.get("/portal/balance/")

    (funds,) = shown.context["funds"]
    assert (funds.available_minor, funds.reserved_minor) == (974_950, 25_050)
    lines = [(line.change_minor, line.balance_minor) for line, _ in shown.context["lines"]]
    assert lines == [
        (10_000, 974_950),
        (-25_050, 964_950),
        (-10_000, 990_000),
        (1_000_000, 1_000_000),
    ]
    text = shown.content.decode()
    assert "9,749.50 <small>EUR" in text
    assert market.payout.reference in text
    reserved = viewer.get("/portal/balance/", {"account": "reserved"}).context["lines"]
    assert [line.balance_minor for line, _ in reserved] == [25_050, 35_050, 10_000]


def test_a_page_continues_where_the_last_ended(market: Market, viewer: Client) -> None:
    make_payouts(market.partner, [1] * 120)
    seen = []
    url = "/portal/balance/"
    while url:
        page = viewer.get(url)
        seen += [line.balance_minor for line, _ in page.context["lines"]]
        url = f"/portal/balance/?{page.context['next']}" if page.context["next"] else ""

    assert seen == [*range(964_830, 964_950), 964_950, 990_000, 1_000_000]
    assert viewer.get("/portal/balance/", {"cursor": "x"}).status_code == 422


def test_days_narrow_lines_and_leave_the_figures(market: Market, viewer: Client) -> None:
    today = f"{clock.now():%Y-%m-%d}"
    yesterday = f"{clock.now() - timedelta(days=1):%Y-%m-%d}"
    assert len(exported(viewer, since=today, until=today)) == 3
    assert exported(viewer, until=yesterday) == []
    assert viewer.get("/portal/balance/", {"until": yesterday}).context["lines"] == []
    wrong = viewer.get("/portal/balance/lines.csv", {"since": "soon"})
    assert wrong.status_code == 422
    assert "Enter a valid date." in wrong.content.decode()


def test_the_file_is_the_ledgers_and_its_texts_are_no_formulas(
    market: Market, viewer: Client
) -> None:
    make_payouts(market.partner, [7], reference='=HYPERLINK("http://evil.example")')
    rows = exported(viewer, currency="EUR", account="available")

    assert [row["balance_after_minor"] for row in rows] == [
        *("1000000", "990000", "964950", "964943"),
    ]
    assert rows[-1]["payout_reference"] == '\'=HYPERLINK("http://evil.example")'
    assert (rows[-1]["change"], rows[-1]["change_minor"]) == ("-0.07", "-7")
    name = chart.partner_available(market.partner.id, "EUR")
    assert int(rows[-1]["balance_after_minor"]) == ledger.balance(name)


@pytest.mark.parametrize("first", ["=", "+", "-", "@", "\t", "\r", "\n", "\uff1d"])
def test_a_text_is_never_a_formula(first: str) -> None:
    assert safe(f"{first}1+1") == f"'{first}1+1"
    assert safe("seller-1") == "seller-1"


def test_yen_have_no_decimals(market: Market, viewer: Client) -> None:
    fund_partner(market.partner.id, amount_minor=5_000, currency="JPY", rail="rtp")
    assert exported(viewer, currency="JPY")[0]["change"] == "5000"
    assert len(viewer.get("/portal/balance/").context["funds"]) == 2


def test_who_has_nothing_is_told_so(db) -> None:
    client = signed_in(member(PartnerFactory(name="Empty")))
    assert "No money yet." in client.get("/portal/balance/").content.decode()
    assert exported(client) == []


def test_both_readings_agree_and_cost_one_statement(
    market: Market, django_assert_num_queries
) -> None:
    make_payouts(market.partner, [3, 4, 5])
    name = chart.partner_available(market.partner.id, "EUR")
    with django_assert_num_queries(1):
        newest = newest_lines(name)
    assert [line for chunk in all_lines(name) for line in chunk] == newest[::-1]


def test_the_newest_page_reads_no_old_line(market: Market) -> None:
    make_payouts(market.partner, [1] * 3_000)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE ledger_posting")
        cursor.execute("SET LOCAL enable_seqscan = off")
        values = {
            "name": chart.partner_available(market.partner.id, "EUR"),
            "since": None,
            "until": None,
            "before": None,
            "limit": 51,
        }
        cursor.execute(f"EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) {statement._NEWEST}", values)
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "Sort" not in plan.partition("ledger_posting")[0], plan
