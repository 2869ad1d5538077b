"""The dashboard in the console: who may, what it says, how much it asks, odd periods."""

import csv
import io
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from payouts.models import Payout
from payouts.rollups import roll
from payouts.rollups.tables import PayoutRollup, PayoutRollupMark
from tests.compliance.factories import staff
from tests.console.test_pages import signed_in
from tests.factories import PartnerFactory
from tests.payouts import rollup_truth as truth
from tests.payouts.factories import funded_partner, make_payouts
from tests.payouts.test_rollups import CLOSED, answer, give_back, queued_payout, sending, settled
from webhooks import rollups as webhook_rollups

pytestmark = pytest.mark.django_db
URL = "/console/payouts/payout/dashboard/"


@pytest.fixture
def officer():
    return signed_in(staff("officer", "olga"))


def count() -> None:
    roll.roll_up()
    webhook_rollups.roll_up()


def text_of(client, query: str = "", url: str = URL) -> str:
    answered = client.get(f"{url}?{query}")
    assert answered.status_code == 200
    return " ".join(answered.content.decode().split())


def failed(partner) -> Payout:
    payout = queued_payout(partner)
    sending(payout)
    return answer(payout, CLOSED)


def test_figures_shares_and_reasons_in_words(officer):
    partner = funded_partner()
    for _ in range(3):
        settled(partner, 12_345)
    failed(partner)
    give_back(settled(partner, 1_000), 1_000, "rt-1")
    make_payouts(partner, [500])
    count()
    text = text_of(officer)

    assert reverse("admin:payouts_payout_dashboard") == URL
    for words in (
        '<b>6</b> <span>payouts</span> <span class="ap-note">1 under way</span>',
        '<b>75.0 %</b> <span>success rate</span> <span class="ap-note">3 settled, 1 failed</span>',
        "<b>100.0 %</b> <span>settled within five minutes</span>",
        "<b>1</b> <span>returned in full</span>",
        "The recipient&#x27;s account is closed.",
        # 3 x 123.45 + 100.00 + 10.00 + 5.00; settled and kept; came back
        '<td>EUR</td><td class="ap-num">485.35</td><td class="ap-num">370.35</td>'
        '<td class="ap-num">10.00</td>',
    ):
        assert words in text, words
    assert "As of <time" in text
    assert "is late" not in text


def test_one_partner_one_currency_and_never_a_sum_of_two(officer):
    euro, yen = funded_partner(), PartnerFactory()
    make_payouts(euro, [10_050])
    count()
    put_yen(yen.id, 7_000)  # no rail of ours carries yen
    both = text_of(officer)
    assert "<b>2</b> <span>payouts</span>" in both
    assert '<td>EUR</td><td class="ap-num">100.50</td>' in both
    assert '<td>JPY</td><td class="ap-num">7,000</td>' in both
    alone = text_of(officer, f"partner={yen.id}")
    assert "<b>1</b> <span>payouts</span>" in alone
    assert "<td>EUR</td>" not in alone
    assert "<option selected>JPY</option>" in text_of(officer, "currency=JPY")
    assert "all currencies, not JPY alone" in text_of(officer, "currency=JPY")
    assert "currencies, not" not in text_of(officer)
    assert "<td>EUR</td>" not in text_of(officer, "currency=JPY")
    assert officer.get(f"{URL}?partner=pt_nobody").status_code == 404
    written = officer.get(f"{URL}csv/?currency=JPY").content.decode()
    assert ",JPY,queued,,1,7000,0,0,\r\n" in written


def put_yen(partner_id: str, amount_minor: int) -> None:
    zeros = dict.fromkeys(truth.NAMES, 0)
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    for scope in (partner_id, ""):
        PayoutRollup.objects.create(
            generation=1,
            scope=scope,
            grain="d",
            start_at=today,
            currency="JPY",
            rail="",
            state="queued",
            failure_code="",
            **{**zeros, "payouts": 1, "amount_minor": amount_minor},
        )


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("since=2025-01-01&until=2026-01-02", "That is 367 days; choose 366 at most."),
        ("since=2026-05-02&until=2026-05-01", "The first day is after the last one."),
        ("since=yesterday", "Dates are written as 2026-11-22."),
        ("since=0001-01-01&until=0001-01-02", "There are no payouts that long ago"),
        ("period=century", "There is no such period"),
        ("currency=XXX", "There is no such currency"),
    ],
)
def test_a_faulty_period_is_refused_in_words(officer, query, words):
    assert words in text_of(officer, query)


def test_nothing_yet_and_days_to_come(officer):
    text = text_of(officer)
    assert "Counting has not begun: no figures yet." in text
    assert "No payouts were submitted in these days." in text
    make_payouts(funded_partner(), [100])
    count()
    assert "No payouts in GBP were submitted in these days." in text_of(officer, "currency=GBP")
    ahead = datetime.now(UTC).date() + timedelta(days=10)
    assert "These days are still to come." in text_of(officer, f"since={ahead}&until={ahead}")


def test_old_sums_and_late_parts_are_named(officer):
    (payout,) = make_payouts(funded_partner(), [100])
    count()
    old = datetime.now(UTC) - timedelta(minutes=7)
    PayoutRollupMark.objects.update(as_of=old)
    Payout.objects.filter(pk=payout.pk).update(due_at=datetime.now(UTC) - timedelta(minutes=3))
    text = text_of(officer)
    assert "Counting is late: these figures are 7 min old." in text
    assert "Screening is late: up to 3 min." in text
    assert "Dispatch" not in text


@pytest.mark.parametrize("period", ["today", "30d", "365d"])
def test_how_much_is_asked_does_not_grow(officer, period):
    partner = funded_partner()
    now = datetime.now(UTC)
    for days in (0, 20, 200):
        make_payouts(partner, [100, 200], submitted_at=now - timedelta(days=days))
    count()
    officer.get(URL)
    with CaptureQueriesContext(
        connection,
    ) as asked:
        assert officer.get(f"{URL}?period={period}").status_code == 200
    assert len(asked) <= 14


def test_the_part_that_renews_itself_is_no_whole_page(officer):
    make_payouts(funded_partner(), [100])
    count()
    page = text_of(officer, "period=7d")
    assert 'data-url="/console/payouts/payout/dashboard/part/?period=7d"' in page
    part = text_of(officer, "period=7d", f"{URL}part/")
    assert part.startswith('<p class="fg-asof"')
    assert "<html" not in part


def test_the_file_has_exact_amounts(officer):
    partner = funded_partner()
    settled(partner, 12_345)
    failed(partner)
    count()
    answered = officer.get(f"{URL}csv/?period=7d")
    assert "attachment" in answered["Content-Disposition"]
    rows = list(csv.DictReader(io.StringIO(answered.content.decode())))
    assert [(r["currency"], r["status"], r["reason"], r["payouts"], r["amount"]) for r in rows] == [
        ("EUR", "failed", "account_closed", "1", "100.00"),
        ("EUR", "settled", "", "1", "123.45"),
    ]
    assert rows[1]["settled_within_5_min"] == "1"


def test_who_may_not_see_payouts_sees_no_figures():
    nobody = signed_in(User.objects.create_user("nina", is_staff=True))
    for url in (URL, f"{URL}part/", f"{URL}csv/"):
        assert nobody.get(url).status_code == 403
        assert nobody.post(url).status_code in (403, 405)


def test_a_year_is_shown_by_weeks_from_mondays_on(officer):
    partner = funded_partner()
    for day in ("2026-03-01", "2026-03-02", "2026-03-08", "2026-03-09"):  # Sunday, Monday …
        make_payouts(partner, [100], submitted_at=datetime.fromisoformat(f"{day}T12:00:00Z"))
    count()
    text = text_of(officer, "since=2026-02-25&until=2026-08-01")
    assert "Payouts by week" in text
    for label, payouts in (("25 Feb", 1), ("02 Mar", 2), ("09 Mar", 1)):
        assert f'<td>{label}</td><td class="ap-num">{payouts}</td>' in text
