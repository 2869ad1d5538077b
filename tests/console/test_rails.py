"""Pausing and resuming a rail from the console."""

import pytest
from django.urls import reverse

from payouts.models import RailState
from payouts.services import rails_control
from tests.compliance.factories import staff
from tests.console.test_pages import signed_in
from tests.payouts.factories import queued_payout

pytestmark = pytest.mark.django_db
RAILS = "admin:payouts_railstate_changelist"


def switch(rail: str, verb: str) -> str:
    return reverse("admin:payouts_railstate_switch", args=[rail, verb])


@pytest.fixture(autouse=True)
def _no_memory() -> None:
    rails_control.forget()


def test_every_rail_is_shown_with_what_a_pause_holds() -> None:
    queued_payout(amount_minor=12_345)

    text = signed_in(staff("auditor")).get(reverse(RAILS)).content.decode()

    for name in ("RTP", "FedNow", "SEPA Instant", "Faster Payments"):
        assert name in text
    assert "1 queued" in text
    assert "123.45" in text
    assert "Pause…" not in text


def test_pause_and_resume_keep_who_and_why() -> None:
    client = signed_in(staff("operator", "otto"))

    client.post(switch("rtp", "pause"), {"reason": "bank maintenance"})
    state = RailState.objects.get(rail="rtp")
    assert (state.is_paused, state.reason, state.actor) == (True, "bank maintenance", "user:otto")
    assert "bank maintenance" in client.get(reverse(RAILS)).content.decode()

    client.post(switch("rtp", "resume"), {"reason": "maintenance over"})
    state.refresh_from_db()
    assert (state.is_paused, state.reason) == (False, "maintenance over")


def test_without_reason_rail_or_permission_nothing_is_switched() -> None:
    otto = signed_in(staff("operator", "otto"))

    assert otto.post(switch("rtp", "pause"), {"reason": "  "}).status_code == 302
    assert otto.post(switch("swift", "pause"), {"reason": "why"}).status_code == 404
    assert otto.post(switch("rtp", "explode"), {"reason": "why"}).status_code == 404
    assert otto.get(switch("rtp", "pause")).status_code == 405
    for role in ("officer", "auditor", "rule_author"):
        client = signed_in(staff(role))
        assert client.post(switch("rtp", "pause"), {"reason": "why"}).status_code == 403

    assert not RailState.objects.filter(is_paused=True).exists()
