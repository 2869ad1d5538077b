"""Snoozes: one rule, one partner, a while, a reason; never for sanctions."""

import threading
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection

from atlaspay.core import clock
from atlaspay.core.errors import (
    ConflictError,
    InvalidRequestError,
    NotFoundError,
    PermissionRefusedError,
)
from compliance.models import RuleSnooze
from compliance.services import snooze
from tests.compliance.factories import publish, staff
from tests.compliance.policy_documents import small
from tests.factories import PartnerFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _policy(db: None) -> None:
    publish(small())


@pytest.fixture
def lead() -> User:
    return staff("lead", "grace")


def make(user: User, **changes: object) -> RuleSnooze:
    given = {
        "partner_id": changes.pop("partner_id", None) or PartnerFactory().id,
        "rule_code": "amount_over_limit",
        "until": clock.now() + timedelta(days=30),
        "comment": "Known seasonal peak",
        **changes,
    }
    return snooze.create_snooze(user, **given)


def test_a_lead_snoozes_a_rule_for_a_partner(lead: User) -> None:
    made = make(lead)

    stored = RuleSnooze.objects.get()
    assert stored == made
    assert (stored.rule_code, stored.comment, stored.actor) == (
        "amount_over_limit",
        "Known seasonal peak",
        "user:grace",
    )
    assert snooze.snoozable_codes() == ["amount_over_limit"]


@pytest.mark.parametrize(
    ("changes", "pointers"),
    [
        ({"partner_id": "pt_nobody"}, ["/partner"]),
        ({"partner_id": "pt\x00"}, ["/partner"]),
        ({"rule_code": "no_such"}, ["/rule_code"]),
        ({"rule_code": "watchlist"}, ["/rule_code"]),
        ({"comment": " x "}, ["/comment"]),
        ({"comment": "why\x00not"}, ["/comment"]),
        ({"comment": "x" * 501, "rule_code": ""}, ["/rule_code", "/comment"]),
    ],
)
def test_an_incomplete_snooze_is_refused_by_field(
    lead: User, changes: dict, pointers: list
) -> None:
    with pytest.raises(InvalidRequestError) as refusal:
        make(lead, **changes)

    assert [error["pointer"] for error in refusal.value.errors] == pointers
    assert not RuleSnooze.objects.exists()


def test_ninety_days_are_the_most(lead: User) -> None:
    with clock.frozen(clock.now()):
        for until in (
            clock.now(),
            clock.now() - timedelta(seconds=1),
            clock.now() + timedelta(days=90, microseconds=1),
        ):
            with pytest.raises(InvalidRequestError) as refusal:
                make(lead, until=until)
            assert [error["pointer"] for error in refusal.value.errors] == ["/until"]
        assert not RuleSnooze.objects.exists()

        make(lead, until=clock.now() + timedelta(days=90))


def test_a_second_snooze_waits_for_the_end_of_the_first(lead: User) -> None:
    first = make(lead)

    with pytest.raises(ConflictError, match=r"grace snoozed this rule .* already"):
        make(lead, partner_id=first.partner_id)

    snooze.end_snooze(first.pk, staff("officer"))
    make(lead, partner_id=first.partner_id)
    assert RuleSnooze.objects.count() == 2


def test_one_that_ran_out_makes_room(lead: User) -> None:
    with clock.frozen(clock.now() - timedelta(days=2)):
        first = make(lead, until=clock.now() + timedelta(days=1))

    make(lead, partner_id=first.partner_id)

    first.refresh_from_db()
    assert first.ended_by == "system:compliance.snooze"
    assert RuleSnooze.objects.filter(ended_at=None).count() == 1


def test_ending_twice_names_who_ended_it(lead: User) -> None:
    made = make(lead)
    ended = snooze.end_snooze(made.pk, lead)

    with pytest.raises(ConflictError) as refusal:
        snooze.end_snooze(made.pk, staff("officer"))

    assert refusal.value.detail == (
        f"grace ended this snooze at {ended.ended_at:%Y-%m-%d %H:%M:%S} UTC."
    )
    with pytest.raises(NotFoundError):
        snooze.end_snooze(made.pk + 1, lead)


@pytest.mark.parametrize("role", ["officer", "auditor", "operator", "rule_author"])
def test_who_may_not_snoozes_nothing(role: str, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(PermissionRefusedError):
        make(staff(role, "eve"))

    assert not RuleSnooze.objects.exists()
    (line,) = [record for record in caplog.records if record.message == "policy.refused"]
    assert (line.attempt, line.username) == ("snooze", "eve")


@pytest.mark.parametrize("role", ["auditor", "operator"])
def test_who_may_not_ends_nothing(role: str, lead: User) -> None:
    made = make(lead)

    with pytest.raises(PermissionRefusedError):
        snooze.end_snooze(made.pk, staff(role))

    made.refresh_from_db()
    assert made.ended_at is None


@pytest.mark.django_db(transaction=True)
def test_two_leads_at_once_make_one_snooze() -> None:
    publish(small())
    partner = PartnerFactory()
    people = [staff("lead", f"lead-{number}") for number in range(3)]
    gate = threading.Barrier(len(people))
    outcomes: list[str] = []

    def act(user: User) -> None:
        gate.wait()
        try:
            make(user, partner_id=partner.id)
            outcomes.append("made")
        except ConflictError:
            outcomes.append("refused")
        finally:
            connection.close()

    threads = [threading.Thread(target=act, args=(user,)) for user in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert sorted(outcomes) == ["made", "refused", "refused"]
    assert RuleSnooze.objects.count() == 1
