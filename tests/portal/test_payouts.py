"""Payouts: found, followed, explained, canceled."""

from datetime import timedelta

import pytest
from django.test import Client

from atlaspay.core import clock
from ledger import chart
from ledger import selectors as ledger
from payouts.machine import State
from payouts.rails.failures import FAILURES
from payouts.services import decisions
from portal.words import ACTIONS
from tests.payouts.factories import clear_all, fresh, held_payout, make_payouts, sending
from tests.portal.conftest import Market
from webhooks.models import Delivery

pytestmark = pytest.mark.django_db
LIST = "/portal/payouts/"


def found(client: Client, **query: str) -> list[str]:
    return [one["reference"] for one in client.get(LIST, query).context["payouts"]]


def test_payouts_are_found_by_what_people_have_at_hand(market: Market, viewer: Client) -> None:
    clear_all()
    held = held_payout(market.partner)
    mine = market.payout.reference
    both = sorted(found(viewer, batch=market.batch.id))
    assert len(both) == 2
    assert found(viewer, q=f" {mine} ") == [mine]
    assert found(viewer, q=mine, status="settled") == []
    assert found(viewer, status="in_review") == [held.reference]
    assert found(viewer, currency="eur") == found(viewer)
    assert found(viewer, currency="USD") == []
    today = f"{clock.now():%Y-%m-%d}"
    tomorrow = f"{clock.now() + timedelta(days=1):%Y-%m-%d}"
    assert len(found(viewer, since=today, until=today)) == 3
    assert found(viewer, since=tomorrow) == []


def test_an_id_leads_to_its_page_and_anothers_to_nothing(
    market: Market, other: Market, viewer: Client
) -> None:
    answer = viewer.get(LIST, {"q": market.payout.id})
    assert answer.url == f"{LIST}{market.payout.id}/"
    assert viewer.get(LIST, {"q": market.batch.id}).url == f"/portal/batches/{market.batch.id}/"
    theirs = viewer.get(LIST, {"q": other.payout.id}, follow=True)
    assert theirs.status_code == 404
    assert found(viewer, q=other.payout.reference) == []
    assert found(viewer, batch=other.batch.id) == []


@pytest.mark.parametrize(
    "query",
    [{"status": "nonsense"}, {"batch": "x"}, {"since": "2030-02-31"}, {"currency": "€€€"}],
)
def test_a_wrong_filter_is_said(viewer: Client, query: dict[str, str]) -> None:
    answer = viewer.get(LIST, query)
    assert answer.status_code == 200
    assert 'class="ap-error"' in answer.content.decode()


def test_the_page_says_where_a_payout_is_and_what_comes_next(
    market: Market, viewer: Client
) -> None:
    held = held_payout(market.partner)
    text = viewer.get(f"{LIST}{held.id}/").content.decode()

    assert "<strong>In review.</strong>" in text
    assert "A reviewer looks at it and lets it go or refuses it." in text
    assert "Waits for a reviewer" in text
    assert "Held for a reviewer." in text
    assert "test rule" not in text
    assert "Cancel this payout" not in text
    assert 'hx-trigger="every 3s"' in text
    assert "NLATLS ···· 4300" in text
    assert "NL91ABNA0417164300" not in text


def test_deliveries_of_the_payout_are_listed(market: Market, viewer: Client) -> None:
    held = held_payout(market.partner)
    shown = viewer.get(f"{LIST}{held.id}/").context["deliveries"]
    expected = Delivery.objects.filter(event__object_id=held.id).count()
    assert len(shown) == expected


def test_canceling_gives_the_funds_back_and_names_who_did(market: Market, operator: Client) -> None:
    name = chart.partner_available(market.partner.id, "EUR")
    before = ledger.balance(name)
    answer = operator.post(f"{LIST}{market.payout.id}/cancel/", follow=True)

    text = answer.content.decode()
    assert "Canceled; its funds are available again." in text
    assert "by you" in text
    assert "hx-trigger" not in text
    assert fresh(market.payout).state == State.CANCELED
    assert ledger.balance(name) == before + 10_000
    again = operator.post(f"{LIST}{market.payout.id}/cancel/", follow=True)
    assert again.status_code == 200
    assert ledger.balance(name) == before + 10_000


def test_what_was_sent_is_not_canceled(market: Market, operator: Client) -> None:
    clear_all()
    sent = fresh(market.payout)
    sending(sent)
    answer = operator.post(f"{LIST}{sent.id}/cancel/", follow=True)

    assert "only what was not sent can be canceled" in answer.content.decode()
    assert fresh(sent).state == State.SENDING


def test_a_recipients_name_is_text_and_never_markup(market: Market, viewer: Client) -> None:
    (odd,) = make_payouts(market.partner, [100], recipient_name="<script>alert(1)</script>")
    for url in (LIST, f"{LIST}{odd.id}/", f"/portal/batches/{odd.batch_id}/"):
        text = viewer.get(url).content.decode()
        assert "<script>alert" not in text
        assert "&lt;script&gt;alert(1)" in text


def test_pages_cost_few_queries(
    market: Market, viewer: Client, django_assert_max_num_queries
) -> None:
    make_payouts(market.partner, [100] * 40)
    viewer.get(LIST)
    with django_assert_max_num_queries(5):
        assert len(viewer.get(LIST).context["payouts"]) == 25
    with django_assert_max_num_queries(8):
        viewer.get(f"{LIST}{market.payout.id}/")


def test_every_action_of_a_failure_has_words() -> None:
    known = {one.action for one in FAILURES.values()}
    assert known <= set(ACTIONS)


def test_a_failure_says_why_and_what_to_do(market: Market, viewer: Client) -> None:
    held = held_payout(market.partner)
    decisions.reject([held.id], partner_message="We may not pay this.", record=lambda _: None)
    text = viewer.get(f"{LIST}{held.id}/").content.decode()
    assert "We may not pay this. Write to AtlasPay." in text
    assert "by a reviewer" in text
