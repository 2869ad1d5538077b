"""Pausing and resuming rails: preview, history, cache, commands, and two operators at once."""

import json
import threading
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connections

from atlaspay.core import context
from atlaspay.core.errors import InvalidRequestError, NotFoundError
from payouts.models import RailState
from payouts.services import rails_control
from payouts.services.rails_control import Held
from tests.payouts.factories import clear_all, funded_partner, make_payouts

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _fresh_cache() -> None:
    rails_control.forget()


def test_pause_and_resume_leave_history_with_actor_and_reason() -> None:
    with context.bind(actor="user:olga"):
        change = rails_control.pause("fps", "  scheme  maintenance ")
    assert (change.is_paused, change.is_changed) == (True, True)
    assert rails_control.is_paused("fps")
    assert not rails_control.is_paused("rtp")
    with context.bind(actor="user:piet"):
        assert not rails_control.resume("fps", "maintenance is over").is_paused
    assert rails_control.paused_rails() == frozenset()
    rows = RailState.history.filter(rail="fps").order_by("history_id")
    assert [(row.is_paused, row.reason, row.actor) for row in rows][1:] == [
        (True, "scheme maintenance", "user:olga"),
        (False, "maintenance is over", "user:piet"),
    ]


def test_a_second_pause_keeps_the_first_reason() -> None:
    rails_control.pause("rtp", "the bank refused our credential")
    again = rails_control.pause("rtp", "lunch")
    assert (again.is_changed, again.reason) == (False, "the bank refused our credential")
    assert RailState.history.filter(rail="rtp", is_paused=True).count() == 1


@pytest.mark.parametrize("reason", ["", " \n "])
def test_a_reason_is_needed(reason: str) -> None:
    with pytest.raises(InvalidRequestError):
        rails_control.pause("rtp", reason)
    assert not RailState.objects.exists()


def test_an_unknown_rail_is_refused() -> None:
    for call in (rails_control.pause, rails_control.resume):
        with pytest.raises(NotFoundError):
            call("swift", "why not")
    with pytest.raises(NotFoundError):
        rails_control.preview("swift")
    assert not RailState.objects.exists()


def test_what_a_pause_would_hold() -> None:
    partner = funded_partner(1_000_000)
    make_payouts(partner, [1_000, 2_500])
    clear_all()
    make_payouts(partner, [400])
    make_payouts(partner, [77], rail="fps")
    preview = rails_control.preview("sepa_inst")
    assert preview.queued == (Held("EUR", 2, 3_500),)
    assert preview.upstream == (Held("EUR", 1, 400),)
    assert not preview.is_paused
    assert rails_control.preview("rtp").queued == ()


def test_one_of_two_at_once_changes_it() -> None:
    changes: list[bool] = []
    barrier = threading.Barrier(2)

    def pause(who: str) -> None:
        try:
            barrier.wait(5)
            with context.bind(actor=who):
                changes.append(rails_control.pause("fednow", f"by {who}").is_changed)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=pause, args=(who,)) for who in ("user:a", "user:b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert sorted(changes) == [False, True]
    assert RailState.history.filter(rail="fednow", is_paused=True).count() == 1


def run(*words: str) -> str:
    out = StringIO()
    call_command(*words, stdout=out)
    return out.getvalue()


def test_commands_in_json() -> None:
    make_payouts(funded_partner(), [1_000])
    clear_all()
    said = json.loads(run("pause_rail", "sepa_inst", "--reason", "drill", "--json"))
    assert said["preview"]["queued"] == [{"currency": "EUR", "count": 1, "amount_minor": 1_000}]
    assert said["change"] == {
        "rail": "sepa_inst",
        "is_paused": True,
        "is_changed": True,
        "reason": "drill",
        "actor": "system:pause_rail",
    }
    said = json.loads(run("resume_rail", "sepa_inst", "--reason", "drill is over", "--json"))
    assert said["change"]["is_paused"] is False


def test_commands_in_words() -> None:
    make_payouts(funded_partner(), [123_456])
    clear_all()
    assert run("pause_rail", "sepa_inst", "--dry-run") == (
        "A pause of sepa_inst would hold:\n        1 queued, 1,234.56 EUR\n"
    )
    assert not RailState.objects.exists()
    assert run("pause_rail", "fps", "--reason", "x") == "fps is paused. It holds:\n  nothing\n"
    assert "was paused already (x)" in run("pause_rail", "fps", "--reason", "y")
    assert run("resume_rail", "fps", "--reason", "z") == "fps sends again.\n"
    assert run("resume_rail", "fps", "--reason", "z") == "fps was not paused.\n"


def test_commands_refuse() -> None:
    with pytest.raises(CommandError, match="Say why"):
        run("pause_rail", "fps")
    with pytest.raises(CommandError, match="invalid choice"):
        run("pause_rail", "swift", "--reason", "x")
    assert not RailState.objects.exists()
