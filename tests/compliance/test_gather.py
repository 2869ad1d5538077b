"""Facts over the database: windows, recipients, changed accounts, partners; and what they cost."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from compliance.models import FlowMark, PartnerFlow, RecipientSeen
from compliance.rules.needs import Needs
from compliance.screening import flows, live
from compliance.screening.gather import gather
from compliance.screening.recipients import remember, trail_key
from compliance.services.screen import screen_chunk
from partners.models import Partner
from payouts.models import Payout
from payouts.services import decisions
from payouts.services.funding import fund_partner
from tests.compliance.factories import publish
from tests.compliance.rule_documents import asks, document, rule
from tests.payouts.factories import funded_partner, make_payouts
from tests.plans import assert_no_plan_has

pytestmark = pytest.mark.django_db
A, B = b"account A, 16 b.", b"account B, 16 b."
NOBODY = "Wilma Veldhoven"


def hours(*wanted: int) -> frozenset[int]:
    return frozenset(wanted)


def ago(**length: float) -> datetime:
    return timezone.now() - timedelta(**length)


def paid(partner: Partner, amount: int = 100, *, at: datetime | None = None, **more: Any) -> Payout:
    """Return a payout that was submitted at that time and screened."""
    more.setdefault("recipient_name", NOBODY)
    (payout,) = make_payouts(partner, [amount], submitted_at=at or timezone.now(), **more)
    remember([payout])
    return payout


def fact(payout: Payout, name: str, needs: Needs) -> Any:
    (facts,) = gather([payout], needs, live.lists().matcher)
    return facts.values[name]


def test_account_windows_count_by_their_length() -> None:
    partner = funded_partner(10_000_000)
    for minutes in (30, 90, 60 * 23, 60 * 25):
        paid(partner, 100 * minutes, at=ago(minutes=minutes), account_index=A)
    paid(partner, 7, at=ago(minutes=5), account_index=B)
    now = paid(partner, account_index=A)
    needs = Needs(account_windows=hours(1, 24, 48))

    (facts,) = gather([now], needs, live.lists().matcher)

    assert {name: facts.values[name] for name, _ in needs.defaults() if name != "snoozed"} == {
        "account_count_1h": 1,
        "account_sum_1h": 3_000,
        "account_count_24h": 3,
        "account_sum_24h": 3_000 + 9_000 + 138_000,
        "account_count_2d": 4,
        "account_sum_2d": 3_000 + 9_000 + 138_000 + 150_000,
    }


def test_facts_are_as_of_the_time_of_submission() -> None:
    partner = funded_partner(10_000_000)
    old = paid(partner, at=ago(days=10), account_index=A)
    middle = paid(partner, at=ago(days=9), account_index=A)
    paid(partner, at=ago(hours=1), account_index=A)
    needs = Needs(
        account_windows=hours(48),
        recipient_windows=hours(48),
        recipient_age=True,
        first_to_account=True,
    )

    first, second = gather([old, middle], needs, live.lists().matcher)

    assert (first.values["account_count_2d"], first.values["is_first_to_account"]) == (0, True)
    assert (second.values["account_count_2d"], second.values["is_first_to_account"]) == (1, False)
    assert (second.values["recipient_count_2d"], second.values["recipient_age_days"]) == (1, 1)


def test_the_twin_is_named_with_its_batch() -> None:
    partner = funded_partner(10_000_000)
    twin = paid(partner, 500, at=ago(hours=30), account_index=A)
    now = paid(partner, 500, account_index=A)
    needs = Needs(twin_windows=hours(24, 48))

    assert fact(now, "twin_24h", needs) == ""
    assert fact(now, "twin_2d", needs) == twin.id
    assert fact(now, "twin_batch_2d", needs) == twin.batch_id


def test_a_recipient_is_one_of_the_partner_whatever_the_case_and_width() -> None:
    partner = funded_partner(10_000_000)
    paid(partner, 100, at=ago(days=3), account_index=A)
    paid(partner, 200, at=ago(hours=2), account_index=B, recipient_name="WILMA   veldhoven")
    paid(partner, 400, at=ago(hours=2), recipient_name="Wilma Veldhof")
    paid(funded_partner(), 800, at=ago(hours=2))
    failed = paid(partner, 1_600, at=ago(hours=1))
    decisions.screen_waiting(
        lambda found: [decisions.Verdict(p.id, p.id != failed.id) for p in found]
    )
    decisions.reject([failed.id], partner_message="no", record=lambda changes: None)
    now = paid(partner)
    needs = Needs(recipient_windows=hours(24, 168), recipient_age=True)

    (facts,) = gather([now], needs, live.lists().matcher)

    assert (facts.values["recipient_count_24h"], facts.values["recipient_sum_24h"]) == (1, 200)
    assert (facts.values["recipient_count_7d"], facts.values["recipient_sum_7d"]) == (2, 300)
    assert facts.values["recipient_age_days"] == 3


def changed(payout: Payout) -> tuple[bool, str]:
    needs = Needs(destination_windows=hours(24))
    (facts,) = gather([payout], needs, live.lists().matcher)
    return facts.values["destination_changed_24h"], facts.values["destination_before"]


def test_an_account_is_new_until_it_has_cooled_off() -> None:
    partner = funded_partner(10_000_000)
    first = paid(partner, at=ago(days=30), account_index=A)
    assert changed(first) == (False, "")
    again = paid(partner, at=ago(days=20), account_index=A)
    assert changed(again) == (False, "")
    moved = paid(partner, at=ago(days=10), account_index=B)
    assert changed(moved) == (True, again.id)
    soon = paid(partner, at=ago(days=10) + timedelta(hours=23), account_index=B)
    assert changed(soon) == (True, again.id)
    later = paid(partner, at=ago(days=10) + timedelta(hours=25), account_index=B)
    assert changed(later)[0] is False
    back = paid(partner, account_index=A)
    assert changed(back)[0] is False


def test_two_new_accounts_in_a_day_are_a_change() -> None:
    partner = funded_partner(10_000_000)
    paid(partner, at=ago(hours=10), account_index=A)

    assert changed(paid(partner, at=ago(hours=5), account_index=B))[0] is True


def test_many_small_payouts_do_not_wash_a_change_away() -> None:
    partner = funded_partner(10_000_000)
    before = paid(partner, at=ago(days=5), account_index=A)
    flood = make_payouts(
        partner,
        [1] * 205,
        account_index=B,
        recipient_name=NOBODY,
        submitted_at=ago(hours=1),
    )
    remember(flood)

    assert changed(paid(partner, account_index=B)) == (True, before.id)


def test_a_failed_payout_makes_no_account_known() -> None:
    partner = funded_partner(10_000_000)
    paid(partner, at=ago(days=30), account_index=A)
    failed = paid(partner, at=ago(days=3), account_index=B)
    decisions.screen_waiting(
        lambda found: [decisions.Verdict(p.id, p.id != failed.id) for p in found]
    )
    decisions.reject([failed.id], partner_message="no", record=lambda changes: None)

    assert changed(paid(partner, account_index=B))[0] is True


def test_partner_country_and_age_are_as_of_submission() -> None:
    partner = funded_partner()
    Partner.objects.filter(id=partner.id).update(created_at=ago(days=40, hours=1), country="DE")
    payout = paid(partner, at=ago(days=10))
    needs = Needs(partner_age=True, partner_country=True)

    assert fact(payout, "partner_age_days", needs) == 30
    assert fact(payout, "partner_country", needs) == "DE"


def test_a_rail_that_is_not_chosen_is_not_known() -> None:
    partner = funded_partner()

    assert fact(paid(partner, rail="rtp"), "rail", Needs(rail=True)) == "rtp"
    assert fact(paid(partner, rail=""), "rail", Needs(rail=True)) is None


def test_the_key_of_a_recipient_never_changes() -> None:
    # Rows in databases were made with it.
    assert trail_key("pt_1", "Anna  JANSEN") == trail_key("pt_1", "anna jansen")
    assert trail_key("pt_1", "Anna Jansen") == 1_335_762_572_775_827_057
    assert trail_key("pt_2", "Anna Jansen") != 1_335_762_572_775_827_057


def test_remembering_twice_keeps_one_row() -> None:
    payout = paid(funded_partner())
    remember([payout])

    (seen,) = RecipientSeen.objects.all()
    assert (seen.payout_id, seen.submitted_at) == (payout.id, payout.submitted_at)


# --- partners, in minutes and hours ---

PARTNER = Needs(partner_windows=hours(1, 24, 168))


def partner_windows(payout: Payout) -> list[tuple[int, int]]:
    (facts,) = gather([payout], PARTNER, live.lists().matcher)
    return [
        (facts.values[f"partner_count_{text}"], facts.values[f"partner_sum_{text}"])
        for text in ("1h", "24h", "7d")
    ]


def close(since: datetime, *, steps: int = 1_000) -> None:
    """Count the minutes since then, a day a step."""
    FlowMark.objects.create(id=1, closed_until=since.replace(second=0, microsecond=0))
    while steps and flows.close_minutes():
        steps -= 1


@pytest.fixture
def _ids_of_any_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Payouts of tests are submitted in the past with ids of now."""
    monkeypatch.setattr(flows, "id_floor", lambda at: "po_")
    monkeypatch.setattr(flows, "id_ceiling", lambda at: "pp_")


@pytest.mark.usefixtures("_ids_of_any_time")
@pytest.mark.parametrize("steps", [0, 1, 3, 8, 9, 1_000])
def test_partner_windows_are_the_same_counted_or_not(steps: int) -> None:
    partner = funded_partner(10**9)
    other = funded_partner()
    at = timezone.now().replace(second=30, microsecond=0) - timedelta(minutes=5)
    for minutes, amount in ((10, 1), (59, 2), (61, 4), (23 * 60, 8), (25 * 60, 16)):
        paid(partner, amount, at=at - timedelta(minutes=minutes))
    for days, amount in ((6, 32), (8, 64)):
        paid(partner, amount, at=at - timedelta(days=days))
    paid(partner, 128, at=at + timedelta(minutes=1))
    paid(other, 256, at=at - timedelta(minutes=1))
    fund_partner(partner.id, amount_minor=512, currency="USD")
    (dollars,) = make_payouts(partner, [512], currency="USD", submitted_at=at)
    now = paid(partner, at=at)
    close(at - timedelta(days=8, hours=1), steps=steps)

    assert partner_windows(now) == [(2, 3), (4, 15), (6, 63)]
    assert partner_windows(dollars) == [(0, 0)] * 3


@pytest.mark.usefixtures("_ids_of_any_time")
def test_a_batch_counts_its_own_items_in_order() -> None:
    partner = funded_partner()
    at = ago(minutes=3)
    items = make_payouts(partner, [1, 2, 4], submitted_at=at)

    facts = gather(items, PARTNER, live.lists().matcher)

    assert [(each.values["partner_count_1h"], each.values["partner_sum_1h"]) for each in facts] == [
        (0, 0),
        (1, 1),
        (2, 3),
    ]


@pytest.mark.usefixtures("_ids_of_any_time")
def test_minutes_are_counted_once_and_only_when_over() -> None:
    partner = funded_partner()
    at = timezone.now().replace(second=0, microsecond=0)
    for minutes in (0, 3, 3, 70):
        paid(partner, 10, at=at - timedelta(minutes=minutes))

    close(at - timedelta(minutes=100))
    assert flows.close_minutes() is False

    minutes = PartnerFlow.objects.filter(span_minutes=1).order_by("starts_at")
    assert [(row.starts_at, row.count, row.total_minor) for row in minutes] == [
        (at - timedelta(minutes=70), 1, 10),
        (at - timedelta(minutes=3), 2, 20),
    ]
    hours_kept = PartnerFlow.objects.filter(span_minutes=60)
    assert sum(row.count for row in hours_kept) == 3
    mark = FlowMark.objects.get().closed_until
    assert at - timedelta(minutes=2) <= mark <= at


@pytest.mark.usefixtures("_ids_of_any_time")
def test_counting_is_kept_up_only_for_a_policy_that_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flows, "_next_s", 0.0)
    paid(funded_partner(), at=ago(days=3))

    screen_chunk()
    assert FlowMark.objects.count() == 0

    monkeypatch.setattr(flows, "_next_s", 0.0)
    publish(document(rule(asks("partner_count", "above", 1_000, window="7d"))))
    screen_chunk()
    # Three days are caught up with at once.
    assert FlowMark.objects.get().closed_until > ago(minutes=3)
    assert PartnerFlow.objects.filter(span_minutes=60).count() == 1


# --- what it costs ---

EVERYTHING = Needs(
    account_windows=hours(1, 24),
    recipient_windows=hours(24, 168),
    partner_windows=hours(1, 720),
    twin_windows=hours(24),
    destination_windows=hours(24),
    first_to_account=True,
    recipient_age=True,
    partner_age=True,
    partner_country=True,
    rail=True,
    watchlists=True,
)


def statements(payouts: Iterable[Payout], needs: Needs) -> int:
    matcher = live.lists().matcher
    with CaptureQueriesContext(connection) as captured:
        gather(list(payouts), needs, matcher)
    return len(captured)


def test_everything_of_many_payouts_costs_a_handful_of_statements() -> None:
    many = make_payouts(funded_partner(), [100] * 200)

    assert statements(many[:1], EVERYTHING) == 6
    assert statements(many, EVERYTHING) == 6
    assert statements(many, Needs()) == 0
    assert statements(many, Needs(account_windows=hours(24))) == 1


def test_screening_keeps_whom_it_paid() -> None:
    make_payouts(funded_partner(), [100] * 3)

    screen_chunk()

    assert RecipientSeen.objects.count() == 3


def test_a_partner_the_statistics_do_not_know_is_not_read_for_each_payout() -> None:
    for number in range(60):
        account = f"account {number:>8}".encode()
        make_payouts(funded_partner(), [100] * 12, account_index=account)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE payouts_payout")
    made = make_payouts(funded_partner(10_000_000), [100] * 2_000)
    needs = Needs(
        account_windows=hours(1, 24),
        twin_windows=hours(24),
        recipient_windows=hours(24),
        destination_windows=hours(72),
        recipient_age=True,
        first_to_account=True,
    )

    with CaptureQueriesContext(connection) as ran:
        gather(made[:500], needs, live.lists().matcher)

    assert_no_plan_has(ran, "payout_partner")
