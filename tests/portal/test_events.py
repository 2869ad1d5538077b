"""The event log: the feed's events, newest first, and each body as it is sent."""

import html
import json
import secrets
from datetime import datetime
from urllib.parse import parse_qs

import pytest

from atlaspay.core import ids
from atlaspay.core.ids import new_id
from tests.payouts.factories import make_payouts
from tests.portal.conftest import Market
from tests.webhooks.factories import emit, make_endpoint
from webhooks.models import Delivery, Event

pytestmark = pytest.mark.django_db

LIST = "/portal/events/"


def found(client, **wanted: str) -> set[str]:
    shown = client.get(LIST, wanted).content.decode()
    return {pk for pk in Event.objects.values_list("pk", flat=True) if pk in shown}


def test_filters_find_by_type_and_payout(market: Market, other: Market, viewer):
    first, second = make_payouts(market.partner, [100, 200])
    settled = emit(market.partner, object_id=first.pk)
    failed = emit(market.partner, "payout.failed", object_id=second.pk)
    theirs = emit(other.partner, object_id="po_" + "0" * 26)
    assert {settled, failed} <= found(viewer)
    assert theirs not in found(viewer)
    assert found(viewer, type="payout.failed") == {failed}
    assert settled in found(viewer, of=first.pk)
    assert failed not in found(viewer, of=first.pk)
    assert failed in found(viewer, of=second.reference)
    assert found(viewer, of="po_" + "0" * 26) == set()
    assert found(viewer, of="nothing of ours") == set()
    assert viewer.get(LIST, {"type": "payout.exploded"}).status_code == 400


def at(partner, instant: str) -> str:
    """Store an event of that instant."""
    moment = datetime.fromisoformat(instant)
    pk = ids.floor("ev", moment)[:-6] + secrets.token_hex(3)
    event = Event(id=pk, partner=partner, type="payout.settled", object_id=new_id("po"))
    event.sequence, event.body, event.created_at = 1, b"{}", moment
    event.save(force_insert=True)
    return pk


def test_days_narrow_the_log_and_pages_keep_them(market, viewer, monkeypatch):
    before = at(market.partner, "2026-03-01T23:59:59.9Z")
    first = at(market.partner, "2026-03-02T00:00:00Z")
    inside = [at(market.partner, f"2026-03-02T{hour:02d}:30:00Z") for hour in (1, 2, 3)]
    last = at(market.partner, "2026-03-03T23:59:59.9Z")
    after = at(market.partner, "2026-03-04T00:00:00Z")
    much_later = at(market.partner, "2026-03-05T12:00:00Z")
    days = {"since": "2026-03-02", "until": "2026-03-03"}
    assert found(viewer, **days) == {first, *inside, last}
    mine = {before, first, *inside, last, after, much_later}
    assert found(viewer, since="2026-03-03") & mine == {last, after, much_later}
    assert found(viewer, until="2026-03-01") == {before}
    assert found(viewer, **days, type="payout.failed") == set()

    monkeypatch.setattr("portal.events.PAGE_SIZE", 2)
    pages, query = [], "?since=2026-03-02&until=2026-03-03"
    while query:
        answer = viewer.get(LIST + query)
        pages.append(found(viewer, **parse_qs_flat(query)))
        query = answer.context["older"]
    assert [len(page) for page in pages] == [2, 2, 1]
    assert set().union(*pages) == {first, *inside, last}


def parse_qs_flat(query: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(query.removeprefix("?")).items()}


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"since": "yesterday"}, "Enter a valid date."),
        ({"since": "2026-03-02", "until": "2026-03-01"}, "This is before the first day."),
        ({"until": "9999-12-31"}, "Choose a day between 1900 and 9000."),
        ({"since": "0001-01-01"}, "Choose a day between 1900 and 9000."),
    ],
)
def test_days_that_are_none_are_said_and_show_nothing(market, viewer, wrong, words):
    emit(market.partner)
    answer = viewer.get(LIST, wrong)
    assert answer.status_code == 400
    assert words in answer.content.decode()
    assert found(viewer, **wrong) == set()


def test_the_log_goes_back_in_the_order_of_the_feed(market, viewer, monkeypatch):
    monkeypatch.setattr("portal.events.PAGE_SIZE", 2)
    for _ in range(5):
        emit(market.partner)
    events = Event.objects.filter(partner=market.partner)
    wanted = list(events.order_by("-xid", "-position").values_list("pk", flat=True))
    seen: list[str] = []
    query = ""
    while True:
        answer = viewer.get(LIST + query)
        shown = answer.content.decode().partition("</table>")[0]
        here = [pk for pk in wanted if pk in shown]
        seen += sorted(here, key=shown.index)
        query = answer.context["older"]
        if not query:
            break
    assert seen == wanted


def test_an_event_shows_the_exact_bytes_and_where_they_went(market, viewer):
    endpoint = make_endpoint(partner=market.partner)
    pk = emit(market.partner, data={"payout": {"name": "Zoë <i>", "amount_minor": 1}})
    body = bytes(Event.objects.get(pk=pk).body).decode()
    shown = viewer.get(f"{LIST}{pk}/").content.decode()
    assert html.escape(body) in shown
    assert html.escape(json.dumps(json.loads(body), indent=2, ensure_ascii=False)) in shown
    assert "<i>" not in shown
    assert endpoint.url in shown
    assert Delivery.objects.get(event_id=pk).pk in shown


def test_another_partners_event_is_not_there(market, other, viewer):
    theirs = emit(other.partner)
    assert viewer.get(f"{LIST}{theirs}/").status_code == 404
    assert viewer.get(LIST, {"before": theirs}).status_code == 404
    assert viewer.get(f"{LIST}nonsense/").status_code == 404


def test_pages_take_few_queries(market, viewer, django_assert_max_num_queries):
    make_endpoint(partner=market.partner)
    events = [emit(market.partner) for _ in range(20)]
    with django_assert_max_num_queries(5):
        assert viewer.get(LIST).status_code == 200
    with django_assert_max_num_queries(6):
        assert viewer.get(f"{LIST}{events[0]}/").status_code == 200
