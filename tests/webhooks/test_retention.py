"""What is old goes through prune's door; nothing that waits, and nothing by another door."""

import json
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction

from tests.webhooks.factories import emit, emit_many, make_endpoint
from webhooks import mail, retention
from webhooks.delivery.loop import run_deliveries
from webhooks.models import (
    Delivery,
    DeliveryAttempt,
    EndpointCheck,
    Event,
    MailMessage,
)

pytestmark = pytest.mark.django_db(transaction=True)

TABLES = {
    "event": "webhooks_event",
    "delivery": "webhooks_delivery",
    "mail": "webhooks_mailmessage",
    "check": "webhooks_endpointcheck",
}
STATES = ("delivered", "exhausted", "canceled", "pending")


def age(days: int, **ids: list) -> None:
    """Let rows have been made so many days ago; ids keep their text, so the floor is lifted."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE webhooks_event DISABLE TRIGGER USER")
        for name, chosen in ids.items():
            cursor.execute(
                f"UPDATE {TABLES[name]} SET created_at = now() - make_interval(days => %s)"
                " WHERE id = ANY(%s)",
                [days, chosen],
            )
        cursor.execute("ALTER TABLE webhooks_event ENABLE TRIGGER USER")


@pytest.fixture(autouse=True)
def _ids_of_any_age(monkeypatch):
    monkeypatch.setattr(retention.ids, "floor", lambda prefix, at: "~")


def one_of_each(receiver):
    """Return deliveries by state, with attempts where something was sent."""
    endpoint = make_endpoint(receiver.url + "/ok")
    for _ in range(4):
        emit(endpoint.partner)
    run_deliveries()
    found = dict(zip(STATES, Delivery.objects.order_by("id"), strict=True))
    for state, delivery in found.items():
        due = "now() + interval '1 day'" if state == "pending" else "NULL"
        connection.cursor().execute(
            f"UPDATE webhooks_delivery SET state = %s, due_at = {due} WHERE id = %s",
            [state, delivery.id],
        )
    return endpoint, found


def left():
    return set(Delivery.objects.values_list("state", flat=True))


def test_nothing_young_goes(receiver):
    one_of_each(receiver)
    done = retention.prune()
    assert (done.deliveries, done.attempts, done.events, done.is_complete) == (0, 0, 0, True)
    assert (Delivery.objects.count(), DeliveryAttempt.objects.count()) == (4, 4)


def test_after_thirty_days_what_was_delivered_goes_and_its_event_stays(receiver):
    _, found = one_of_each(receiver)
    age(31, delivery=[one.id for one in found.values()])
    expected = retention.would_prune()
    done = retention.prune()
    assert (done.deliveries, done.attempts, done.events) == (1, 1, 0)
    assert (expected.deliveries, expected.attempts, expected.events) == (1, 1, 0)
    assert left() == {"exhausted", "canceled", "pending"}
    assert Event.objects.count() == 4


def test_after_ninety_days_all_goes_but_what_still_waits(receiver):
    _, found = one_of_each(receiver)
    age(
        91,
        delivery=[one.id for one in found.values()],
        event=[one.event_id for one in found.values()],
    )
    expected = retention.would_prune()
    done = retention.prune()
    assert (done.deliveries, done.attempts, done.events) == (3, 3, 3)
    assert (expected.deliveries, expected.attempts, expected.events) == (3, 3, 3)
    assert left() == {"pending"}
    assert Event.objects.get().id == found["pending"].event_id
    assert retention.prune().deliveries == 0


def test_mails_and_checks_go_except_those_to_be_sent_and_the_latest(receiver):
    endpoint = make_endpoint()
    mail.tell_disabled(endpoint.partner_id, endpoint.id, "why")
    mail.tell_exhausted(endpoint.partner_id, endpoint.id, "wd_1")
    sent, waiting = MailMessage.objects.order_by("id").values_list("id", flat=True)
    MailMessage.objects.filter(id=sent).update(state="sent")
    checks = [
        EndpointCheck.objects.create(
            id=f"wc_{number}", endpoint=endpoint, kind="conformance", url="x", state=state
        ).id
        for number, state in enumerate(("failed", "canceled", "passed", "pending"))
    ]
    age(91, mail=[sent, waiting], check=checks)
    expected, done = retention.would_prune(), retention.prune()
    assert (done.mails, done.checks) == (expected.mails, expected.checks) == (1, 2)
    assert MailMessage.objects.get().id == waiting
    assert set(EndpointCheck.objects.values_list("state", flat=True)) == {"passed", "pending"}


def test_slices_are_bounded_and_a_spent_budget_leaves_the_rest_for_later(receiver, monkeypatch):
    endpoint = make_endpoint(receiver.url + "/ok")
    emit_many(endpoint.partner, 25)
    run_deliveries()
    age(
        91,
        delivery=list(Delivery.objects.values_list("id", flat=True)),
        event=list(Event.objects.values_list("id", flat=True)),
    )
    monkeypatch.setattr(retention, "SLICE", 10)
    first = retention.prune(budget_s=-1)
    assert (first.deliveries, first.attempts, first.is_complete) == (10, 10, False)
    second = retention.prune()
    assert (second.deliveries, second.events, second.is_complete) == (15, 25, True)
    assert not DeliveryAttempt.objects.exists()


def test_a_row_that_somebody_holds_is_left_and_not_waited_for(receiver):
    _, found = one_of_each(receiver)
    age(31, delivery=[one.id for one in found.values()])
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute(
                "SELECT 1 FROM webhooks_delivery WHERE id = %s FOR UPDATE",
                [found["delivered"].id],
            )
            assert retention.prune().deliveries == 0
            cursor.execute("ROLLBACK")
    finally:
        other.close()
    assert retention.prune().deliveries == 1


def test_the_command_counts_first_and_reports(receiver):
    _, found = one_of_each(receiver)
    age(31, delivery=[one.id for one in found.values()])
    out = StringIO()
    call_command("prune", "--dry-run", "--json", stdout=out)
    report = json.loads(out.getvalue())
    assert (report["deliveries"], report["dry_run"], report["delivery_days"]) == (1, True, 30)
    assert Delivery.objects.count() == 4
    out = StringIO()
    call_command("prune", stdout=out)
    assert out.getvalue().strip() == (
        "1 deliveries with 1 attempts, 0 events, 0 mails and 0 checks removed."
    )


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM webhooks_deliveryattempt",
        "DELETE FROM webhooks_delivery WHERE state = 'canceled'",
        "DELETE FROM webhooks_event",
        "TRUNCATE webhooks_deliveryattempt",
        "TRUNCATE webhooks_event CASCADE",
        "UPDATE webhooks_deliveryattempt SET http_status = 200",
        "UPDATE webhooks_event SET type = 'payout.failed'",
    ],
)
def test_the_database_refuses_every_other_door(receiver, statement):
    one_of_each(receiver)
    before = (Event.objects.count(), Delivery.objects.count(), DeliveryAttempt.objects.count())
    with pytest.raises(IntegrityError), transaction.atomic():
        connection.cursor().execute(statement)
    after = (Event.objects.count(), Delivery.objects.count(), DeliveryAttempt.objects.count())
    assert after == before
    assert set(DeliveryAttempt.objects.values_list("http_status", flat=True)) == {200}


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM webhooks_deliveryattempt",
        "DELETE FROM webhooks_delivery WHERE state = 'pending'",
        "DELETE FROM webhooks_event",
    ],
)
def test_the_door_itself_lets_nothing_young_or_waiting_through(receiver, statement):
    one_of_each(receiver)
    open_door = "SELECT set_config('atlaspay.prune', 'on', true)"
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(open_door)
        with pytest.raises(IntegrityError), transaction.atomic():
            cursor.execute(statement)
    assert (Event.objects.count(), DeliveryAttempt.objects.count()) == (4, 4)
