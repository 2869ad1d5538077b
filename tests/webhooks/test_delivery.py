"""What becomes of an event at an endpoint that answers well, badly, late or not at all."""

import json

import pytest
from django.core import mail as outbox_mail
from standardwebhooks import Webhook

from atlaspay.core.ids import new_id
from tests.factories import PartnerFactory
from tests.webhooks.factories import (
    emit,
    jump_to_next_attempt,
    make_endpoint,
    only_delivery,
    outcomes,
)
from webhooks import mailing, resend, rotation, services, sql
from webhooks.delivery.loop import run_deliveries
from webhooks.models import (
    Delivery,
    DeliveryAttempt,
    Endpoint,
    EndpointHealth,
    Event,
    MailMessage,
)

pytestmark = pytest.mark.django_db


def at(receiver, path):
    """Return an enabled endpoint of a new partner at this path."""
    return make_endpoint(receiver.url + path)


def test_a_delivered_event_carries_verifiable_headers_and_the_stored_bytes(receiver):
    endpoint = at(receiver, "/ok")
    emit(endpoint.partner)
    summary = run_deliveries()
    assert (summary.claimed, summary.delivered, summary.has_more) == (1, 1, False)
    (got,) = receiver.got
    headers = {name.lower(): value for name, value in got.headers.items()}
    assert got.body == bytes(Event.objects.get().body)
    assert headers["content-type"] == "application/json"
    assert headers["webhook-attempt"] == "1"
    assert headers["webhook-id"] == only_delivery().message_id
    assert Webhook(endpoint.secret).verify(got.body, headers) == json.loads(got.body)
    assert [part[:4] for part in headers["webhook-signature"].split()] == ["v1,"
        + headers["webhook-signature"][3], "v1a,"]  # fmt: skip
    delivery = only_delivery()
    assert (delivery.state, delivery.attempt_count, delivery.claim_id) == ("delivered", 1, None)
    assert delivery.delivered_at is not None
    assert outcomes(delivery) == [(1, "delivered", 200)]
    assert not EndpointHealth.objects.exists()
    assert run_deliveries().claimed == 0


def test_after_a_rotation_both_secrets_verify(receiver):
    endpoint = at(receiver, "/ok")
    new = rotation.rotate_secret(endpoint.partner_id, endpoint.id, overlap_s=3600)
    emit(endpoint.partner)
    run_deliveries()
    (got,) = receiver.got
    headers = {name.lower(): value for name, value in got.headers.items()}
    for secret in (endpoint.secret, new):
        assert Webhook(secret).verify(got.body, headers)
    rotation.rotate_secret(endpoint.partner_id, endpoint.id, overlap_s=0)
    emit(endpoint.partner)
    run_deliveries()
    assert receiver.got[1].headers["webhook-signature"].count("v1,") == 1


@pytest.mark.parametrize(
    ("path", "error", "status"),
    [
        ("/status/500", "http_500", 500),
        ("/status/400", "http_400", 400),
        ("/redirect", "http_302", 302),
        ("/reset", "connection_reset", None),
    ],
)
def test_a_failed_attempt_is_tried_again_by_the_schedule(receiver, path, error, status):
    endpoint = at(receiver, path)
    emit(endpoint.partner)
    before = sql.now()
    assert run_deliveries().failed == 1
    delivery = only_delivery()
    assert (delivery.state, delivery.step, delivery.last_error) == ("pending", 1, error)
    assert 3.0 <= (delivery.due_at - before).total_seconds() <= 4.6
    outcome = "failed" if status is None else "refused"
    assert outcomes(delivery) == [(1, outcome, status)]
    assert run_deliveries().claimed == 0
    jump_to_next_attempt()
    run_deliveries()
    assert [got.headers["webhook-attempt"] for got in receiver.got] == ["1", "2"]
    assert len({got.headers["webhook-id"] for got in receiver.got}) == 1


def test_a_redirect_is_not_followed_and_its_target_kept(receiver):
    emit(at(receiver, "/redirect").partner)
    run_deliveries()
    assert len(receiver.got) == 1
    attempt = DeliveryAttempt.objects.get()
    assert attempt.response_headers["location"] == "https://new.example/hooks"


def test_nothing_listening_is_no_answer():
    emit(make_endpoint("http://127.0.0.1:9/x").partner)
    run_deliveries()
    assert DeliveryAttempt.objects.get().error == "connection_refused"


def test_a_dripping_answer_ends_at_the_deadline_and_counts_by_its_status(receiver, monkeypatch):
    monkeypatch.setattr("webhooks.delivery.sender.deadline_s", lambda failures: 0.5)
    emit(at(receiver, "/drip").partner)
    run_deliveries()
    attempt = DeliveryAttempt.objects.get()
    assert (attempt.outcome, attempt.http_status) == ("delivered", 200)
    assert 400 <= attempt.duration_ms <= 1_500


def test_an_answer_that_does_not_come_is_a_timeout(receiver, monkeypatch):
    monkeypatch.setattr("webhooks.delivery.sender.deadline_s", lambda failures: 0.3)
    emit(at(receiver, "/hang").partner)
    run_deliveries()
    attempt = DeliveryAttempt.objects.get()
    assert (attempt.outcome, attempt.error, attempt.http_status) == ("failed", "timeout", None)


def test_of_a_huge_answer_16_kb_are_kept(receiver):
    emit(at(receiver, "/big").partner)
    run_deliveries()
    assert bytes(DeliveryAttempt.objects.get().response_body) == b"x" * 16_384


def test_the_whole_schedule_ends_exhausted_with_one_mail_and_a_retry_starts_afresh(receiver):
    endpoint = at(receiver, "/status/500")
    emit(endpoint.partner)
    emit(endpoint.partner)
    for _ in range(12):
        run_deliveries()
        jump_to_next_attempt()
    assert len(receiver.got) == 24
    assert set(Delivery.objects.values_list("state", "step", "attempt_count")) == {
        ("exhausted", 12, 12)
    }
    ended = DeliveryAttempt.objects.filter(gave_up=True).values_list("number", flat=True)
    assert list(ended) == [12, 12]
    assert run_deliveries().claimed == 0
    message = MailMessage.objects.get()
    assert message.kind == "delivery_exhausted"
    assert mailing.send_due() == 1
    (sent,) = outbox_mail.outbox
    assert sent.to == [endpoint.partner.email]
    assert message.context["delivery_id"] in sent.body
    assert "ended so: 2" in sent.body
    assert mailing.send_due() == 0

    receiver.answers["/status/500"] = [500, 200]
    delivery = Delivery.objects.first()
    resend.retry_delivery(endpoint.partner_id, delivery.id)
    run_deliveries()
    delivery.refresh_from_db()
    assert (delivery.state, delivery.step, delivery.attempt_count) == ("pending", 1, 13)
    jump_to_next_attempt()
    run_deliveries()
    delivery.refresh_from_db()
    assert (delivery.state, delivery.attempt_count) == ("delivered", 14)
    assert receiver.got[-1].headers["webhook-attempt"] == "14"


def test_410_disables_the_endpoint_at_once_and_tells_the_partner(receiver):
    endpoint = at(receiver, "/gone")
    emit(endpoint.partner)
    emit(endpoint.partner)
    run_deliveries()
    endpoint.refresh_from_db()
    assert (endpoint.status, endpoint.disabled_reason) == ("disabled", "It answered 410 Gone.")
    assert MailMessage.objects.get().kind == "endpoint_disabled"
    assert endpoint.history.first().actor != ""
    emit(endpoint.partner)
    assert Delivery.objects.count() == 2
    assert "canceled" in set(Delivery.objects.values_list("state", flat=True))


def test_what_waits_for_a_disabled_endpoint_is_canceled_unsent(receiver):
    endpoint = at(receiver, "/ok")
    emit(endpoint.partner)
    services.update_endpoint(endpoint.partner_id, endpoint.id, {"status": "disabled"})
    summary = run_deliveries()
    assert (summary.canceled, summary.claimed) == (1, 0)
    assert receiver.got == []
    assert (only_delivery().state, only_delivery().last_error) == ("canceled", "endpoint_disabled")


def test_retry_after_holds_the_endpoint_back_and_spends_no_attempts(receiver):
    endpoint = at(receiver, "/retry-after/5")
    for _ in range(6):
        emit(endpoint.partner)
    before = sql.now()
    run_deliveries()
    health = EndpointHealth.objects.get()
    assert 4.5 <= (health.breaker_open_until - before).total_seconds() <= 6.5
    sent = len(receiver.got)
    assert 1 <= sent <= 4
    spent = sorted(Delivery.objects.values_list("attempt_count", flat=True))
    assert spent == [0] * (6 - sent) + [1] * sent
    assert DeliveryAttempt.objects.count() == sent
    jump_to_next_attempt()
    assert run_deliveries().claimed == 0


def test_the_breaker_opens_after_five_failures_and_lets_one_probe_out(receiver):
    partner = PartnerFactory()
    endpoint = make_endpoint("http://127.0.0.1:9/dead", partner=partner)
    for _ in range(40):
        emit(partner)
    run_deliveries()
    health = EndpointHealth.objects.get()
    assert health.streak >= 5
    assert health.breaker_trips == 1
    spent = sum(Delivery.objects.values_list("attempt_count", flat=True))
    assert spent == DeliveryAttempt.objects.count() == health.streak
    assert spent <= 8
    jump_to_next_attempt()
    assert run_deliveries().claimed == 0
    EndpointHealth.objects.update(breaker_open_until=sql.now())
    run_deliveries()
    assert DeliveryAttempt.objects.count() == spent + 1
    health.refresh_from_db()
    assert health.breaker_trips == 2
    # It is back: one probe, then everything, in the order of each payout.
    Endpoint.objects.filter(pk=endpoint.id).update(url=receiver.url + "/ok")
    EndpointHealth.objects.update(breaker_open_until=sql.now())
    jump_to_next_attempt()
    run_deliveries()
    assert set(Delivery.objects.values_list("state", flat=True)) == {"delivered"}
    health.refresh_from_db()
    assert (health.failing_since, health.breaker_trips) == (None, 0)


def test_a_wrong_address_is_flagged_with_an_early_mail_after_the_third(receiver):
    endpoint = at(receiver, "/status/404")
    emit(endpoint.partner)
    for attempt in range(1, 5):
        run_deliveries()
        assert only_delivery().misconfigured
        assert MailMessage.objects.count() == (1 if attempt >= 3 else 0)
        jump_to_next_attempt()
    assert MailMessage.objects.get().kind == "endpoint_misconfigured"
    mailing.send_due()
    assert "answers 404" in outbox_mail.outbox[0].subject


def test_events_of_one_payout_arrive_in_order_and_wait_for_a_failed_one(receiver):
    endpoint = at(receiver, "/ok")
    payout, other = new_id("po"), new_id("po")
    receiver.answers["/ok"] = [503]
    emit(endpoint.partner, "payout.settled", object_id=payout, sequence=1)
    emit(endpoint.partner, "payout.returned", object_id=payout, sequence=2)
    run_deliveries()
    assert [json.loads(got.body)["sequence"] for got in receiver.got] == [1]
    emit(endpoint.partner, "payout.settled", object_id=other, sequence=1)
    run_deliveries()
    assert json.loads(receiver.got[1].body)["data"] is not None
    assert len(receiver.got) == 2  # the other payout is not held up
    jump_to_next_attempt()
    run_deliveries()
    run_deliveries()
    assert [json.loads(got.body)["sequence"] for got in receiver.got] == [1, 1, 1, 2]
    assert set(Delivery.objects.values_list("state", flat=True)) == {"delivered"}
    late = Delivery.objects.get(object_id=payout, sequence=2)
    assert late.attempt_count == 1


def test_a_later_event_goes_out_as_soon_as_the_earlier_one_has_ended(receiver):
    endpoint = at(receiver, "/slow/300")
    payout = new_id("po")
    for sequence in (1, 2, 3):
        emit(endpoint.partner, object_id=payout, sequence=sequence)
    run_deliveries()
    assert [json.loads(got.body)["sequence"] for got in receiver.got] == [1, 2, 3]
    assert receiver.most_in_flight == 1


def test_no_more_than_the_window_runs_at_once(receiver):
    endpoint = at(receiver, "/slow/30")
    for _ in range(12):
        emit(endpoint.partner)
    run_deliveries()
    assert receiver.most_in_flight == 4
    assert Delivery.objects.filter(state="delivered").count() == 12


def test_a_failing_endpoint_is_warned_twice_and_disabled_after_five_days(receiver, monkeypatch):
    endpoint = at(receiver, "/status/500")
    emit(endpoint.partner)
    run_deliveries()
    for days, kinds in (
        (0.9, []),
        (1.1, ["endpoint_failing"]),
        (1.2, ["endpoint_failing"]),
        (4.1, ["endpoint_failing"] * 2),
        (5.1, ["endpoint_failing"] * 2 + ["endpoint_disabled"]),
    ):
        since = sql.fetch(
            "SELECT statement_timestamp() - make_interval(secs => %(s)s) AS at",
            {"s": days * 86_400.0},
        )[0]["at"]
        EndpointHealth.objects.update(failing_since=since)
        monkeypatch.setattr("webhooks.delivery.loop._tidied_at", float("-inf"))
        run_deliveries()
        sent = list(MailMessage.objects.order_by("id").values_list("kind", flat=True))
        assert sent == kinds
    endpoint.refresh_from_db()
    assert endpoint.disabled_reason == "No delivery succeeded for five days."
