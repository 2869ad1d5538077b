"""A secret rotates until the receiver has shown that it knows the new one."""

import pytest
from django.db.models.functions import Now
from standardwebhooks import Webhook

from atlaspay.core.errors import ConflictError
from tests.webhooks.factories import emit, make_endpoint
from tests.webhooks.partners_code import verifying
from webhooks import rotation, sql
from webhooks.checks.loop import run_checks
from webhooks.delivery.loop import run_deliveries
from webhooks.models import Endpoint, EndpointCheck

pytestmark = pytest.mark.django_db


def due():
    """Make the open check due."""
    EndpointCheck.objects.filter(state="pending").update(due_at=Now())


def signature_count(receiver):
    return receiver.got[-1].headers["webhook-signature"].count("v1,")


def test_the_rotation_ends_when_a_message_signed_with_the_new_secret_alone_is_taken(receiver):
    endpoint = make_endpoint(receiver.url + "/hook")
    receiver.handlers["/hook"] = verifying(endpoint.secret)
    before = sql.now()
    new = rotation.rotate_secret(endpoint.partner_id, endpoint.id)
    check = EndpointCheck.objects.get()
    assert 59 <= (check.due_at - before).total_seconds() <= 61
    assert run_checks() == 0
    # The receiver has not heard of it: refused, and both go on signing.
    for tries, wait_s in ((1, 60), (2, 300), (3, 600)):
        due()
        run_checks()
        check.refresh_from_db()
        assert (check.state, check.attempt_count) == ("pending", tries)
        assert wait_s - 2 <= (check.due_at - check.tried_at).total_seconds() <= wait_s + 2
    assert "Put the new secret" in check.results[0]["fix"]
    probe = receiver.got[-1]
    assert probe.headers["webhook-signature"].startswith("v1,")
    assert len(probe.headers["webhook-signature"].split()) == 1
    emit(endpoint.partner)
    assert run_deliveries().delivered == 1
    assert signature_count(receiver) == 2
    # Now it knows both.
    receiver.handlers["/hook"] = verifying(endpoint.secret, new)
    rotation.prove_rotation(endpoint.partner_id, endpoint.id)
    run_checks()
    row = Endpoint.objects.get()
    assert not rotation.is_open(row)
    assert row.previous_secret_sealed is None
    emit(endpoint.partner)
    run_deliveries()
    assert signature_count(receiver) == 1
    got = receiver.got[-1]
    headers = {name.lower(): value for name, value in got.headers.items()}
    assert Webhook(new).verify(got.body, headers)
    assert row.history.first().previous_secret_until is None


def test_without_an_end_the_old_secret_signs_on_and_with_one_it_stops_there(receiver):
    endpoint = make_endpoint(receiver.url + "/ok")
    rotation.rotate_secret(endpoint.partner_id, endpoint.id)
    emit(endpoint.partner)
    run_deliveries()
    assert signature_count(receiver) == 2
    rotation.rotate_secret(endpoint.partner_id, endpoint.id, overlap_s=3600)
    Endpoint.objects.update(previous_secret_until=Now())
    emit(endpoint.partner)
    run_deliveries()
    assert signature_count(receiver) == 1
    due()
    assert run_checks() == 0
    states = set(EndpointCheck.objects.values_list("state", flat=True))
    assert states == {"canceled"}


def test_a_rotation_may_be_ended_by_hand_and_then_no_proof_is_asked_for(receiver):
    endpoint = make_endpoint(receiver.url + "/ok")
    rotation.rotate_secret(endpoint.partner_id, endpoint.id)
    rotation.end_rotation(endpoint.partner_id, endpoint.id)
    due()
    assert run_checks() == 0
    assert receiver.got == []
    for refused in (rotation.end_rotation, rotation.prove_rotation):
        with pytest.raises(ConflictError) as caught:
            refused(endpoint.partner_id, endpoint.id)
        assert caught.value.code == "no_rotation"
    assert EndpointCheck.objects.get().state == "canceled"


def test_rotating_at_once_leaves_nothing_open(receiver):
    endpoint = make_endpoint(receiver.url + "/ok")
    rotation.rotate_secret(endpoint.partner_id, endpoint.id)
    rotation.rotate_secret(endpoint.partner_id, endpoint.id, overlap_s=0)
    assert not rotation.is_open(Endpoint.objects.get())
    assert not EndpointCheck.objects.filter(state="pending").exists()
