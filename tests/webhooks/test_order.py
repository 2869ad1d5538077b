"""Order within a payout, steps that are overtaken, and what happens when an endpoint is back."""

import json

import pytest

from atlaspay.core.ids import new_id
from tests.webhooks.factories import emit, jump_to_next_attempt, make_endpoint, outcomes
from webhooks import resend, sql
from webhooks.delivery import claim, loop
from webhooks.delivery.loop import run_deliveries
from webhooks.models import Delivery, DeliveryAttempt, EndpointHealth, MailMessage

pytestmark = pytest.mark.django_db


def types(receiver):
    """Return (type, sequence) of what arrived."""
    return [
        (body["type"].partition(".")[2], body["sequence"])
        for body in (json.loads(got.body) for got in receiver.got)
    ]


def by_sequence(payout):
    return {one.sequence: one for one in Delivery.objects.filter(object_id=payout)}


def test_a_failed_step_on_the_way_gives_way_to_the_payouts_next_event(receiver):
    endpoint = make_endpoint(receiver.url + "/ok")
    receiver.answers["/ok"] = [503]
    payout = new_id("po")
    emit(endpoint.partner, "payout.processing", object_id=payout, sequence=1)
    run_deliveries()
    emit(endpoint.partner, "payout.settled", object_id=payout, sequence=2)
    run_deliveries()
    assert types(receiver) == [("processing", 1), ("settled", 2)]
    rows = by_sequence(payout)
    assert (rows[1].state, rows[1].due_at, rows[1].attempt_count) == ("superseded", None, 1)
    assert (rows[2].state, rows[2].attempt_count) == ("delivered", 1)
    assert outcomes(rows[1]) == [(1, "refused", 503)]
    # It may still be asked for, and does not hold the later one's place.
    resend.retry_delivery(endpoint.partner_id, rows[1].id)
    run_deliveries()
    assert types(receiver)[-1] == ("processing", 1)


def test_several_steps_give_way_at_once(receiver):
    endpoint = make_endpoint(receiver.url + "/ok")
    receiver.answers["/ok"] = [500]
    payout = new_id("po")
    emit(endpoint.partner, "payout.in_review", object_id=payout, sequence=1)
    run_deliveries()
    receiver.answers["/ok"] = [500]
    emit(endpoint.partner, "payout.queued", object_id=payout, sequence=2)
    run_deliveries()
    emit(endpoint.partner, "payout.failed", object_id=payout, sequence=3)
    run_deliveries()
    assert types(receiver) == [("in_review", 1), ("queued", 2), ("failed", 3)]
    assert {n: one.state for n, one in by_sequence(payout).items()} == {
        1: "superseded", 2: "superseded", 3: "delivered",
    }  # fmt: skip


@pytest.mark.parametrize("kind", ["settled", "failed", "canceled", "returned"])
def test_an_end_never_gives_way(receiver, kind):
    endpoint = make_endpoint(receiver.url + "/ok")
    receiver.answers["/ok"] = [503]
    payout = new_id("po")
    emit(endpoint.partner, f"payout.{kind}", object_id=payout, sequence=1)
    run_deliveries()
    emit(endpoint.partner, "payout.returned", object_id=payout, sequence=2)
    run_deliveries()
    assert types(receiver) == [(kind, 1)]
    jump_to_next_attempt()
    run_deliveries()
    run_deliveries()
    assert types(receiver) == [(kind, 1), (kind, 1), ("returned", 2)]


def test_a_step_that_was_not_tried_yet_goes_out_before_the_later_event(receiver):
    endpoint = make_endpoint(receiver.url + "/ok")
    payout = new_id("po")
    emit(endpoint.partner, "payout.processing", object_id=payout, sequence=1)
    emit(endpoint.partner, "payout.settled", object_id=payout, sequence=2)
    run_deliveries()
    assert types(receiver) == [("processing", 1), ("settled", 2)]


def test_a_step_that_is_being_sent_is_waited_for(receiver):
    endpoint = make_endpoint(receiver.url + "/ok")
    payout = new_id("po")
    emit(endpoint.partner, "payout.processing", object_id=payout, sequence=1)
    (item,) = claim.claim({endpoint.id: 5})
    emit(endpoint.partner, "payout.settled", object_id=payout, sequence=2)
    assert claim.claim({endpoint.id: 5}) == []
    rows = by_sequence(payout)
    assert (rows[1].state, rows[1].claim_id) == ("pending", item.claim_id)
    assert 1 <= (rows[2].due_at - sql.now()).total_seconds() <= 2


def age_failure(days=0.5):
    """Let the failure have begun some time ago, and upkeep be due."""
    EndpointHealth.objects.update(failing_since=sql.now_plus(-days * 86_400))


def test_when_an_endpoint_is_back_all_that_waits_goes_out_in_order(receiver, monkeypatch):
    endpoint = make_endpoint(receiver.url + "/status/500")
    for _ in range(6):
        emit(endpoint.partner)
    for _ in range(5):
        jump_to_next_attempt()
        run_deliveries()
    assert set(Delivery.objects.values_list("step", flat=True)) == {5}
    age_failure()
    receiver.got.clear()
    type(endpoint).objects.filter(pk=endpoint.id).update(url=receiver.url + "/ok")
    first = Delivery.objects.order_by("-id").first()
    resend.retry_delivery(endpoint.partner_id, first.id)
    assert run_deliveries().delivered == 1
    health = EndpointHealth.objects.get()
    assert (health.failing_since, health.recovered_at is None) == (None, False)
    monkeypatch.setattr(loop, "_tidied_at", float("-inf"))
    assert run_deliveries().delivered == 5
    health.refresh_from_db()
    assert health.recovered_at is None
    assert receiver.most_in_flight <= 4
    order = [got.headers["webhook-id"] for got in receiver.got[1:]]
    expected = list(
        Delivery.objects.exclude(pk=first.pk).order_by("id").values_list("message_id", flat=True)
    )
    assert sorted(order) == sorted(expected)
    assert order[0] == expected[0]


def test_an_attempt_brought_forward_uses_up_none_of_the_automatic_ones(receiver, monkeypatch):
    endpoint = make_endpoint(receiver.url + "/status/500")
    emit(endpoint.partner)
    for _ in range(6):
        jump_to_next_attempt()
        run_deliveries()
    delivery = Delivery.objects.get()
    before = delivery.due_at
    assert delivery.step == 6
    EndpointHealth.objects.update(recovered_at=sql.now(), failing_since=None)
    monkeypatch.setattr(loop, "_tidied_at", float("-inf"))
    run_deliveries()
    delivery.refresh_from_db()
    assert (delivery.step, delivery.attempt_count, delivery.state) == (6, 7, "pending")
    assert delivery.due_at > before - (before - sql.now()) * 0.5  # two hours again
    assert DeliveryAttempt.objects.count() == 7


def test_recovery_is_mailed_where_a_warning_was(receiver, monkeypatch):
    endpoint = make_endpoint(receiver.url + "/status/500")
    emit(endpoint.partner)
    run_deliveries()
    age_failure(days=1.1)
    MailMessage.objects.all()
    monkeypatch.setattr(loop, "_tidied_at", float("-inf"))
    run_deliveries()
    MailMessage.objects.update(created_at=sql.now())
    type(endpoint).objects.filter(pk=endpoint.id).update(url=receiver.url + "/ok")
    jump_to_next_attempt()
    assert run_deliveries().delivered == 1
    kinds = list(MailMessage.objects.order_by("id").values_list("kind", flat=True))
    assert kinds == ["endpoint_failing", "endpoint_recovered"]


def test_a_short_failure_is_neither_mailed_nor_brought_forward(receiver):
    endpoint = make_endpoint(receiver.url + "/ok")
    receiver.answers["/ok"] = [500]
    emit(endpoint.partner)
    run_deliveries()
    jump_to_next_attempt()
    run_deliveries()
    health = EndpointHealth.objects.get()
    assert (health.failing_since, health.recovered_at) == (None, None)
    assert not MailMessage.objects.exists()
