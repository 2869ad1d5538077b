"""The queue: views, filters, order, pages, saved views."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from compliance.models import Case, SavedFilter
from compliance.selectors.queue import QueueFilter, queue, queue_page
from compliance.services import saved_filters
from compliance.services.decide import seen_mark
from tests.compliance.factories import open_case, staff
from tests.compliance.test_decide import approve, reject
from tests.console.test_pages import signed_in
from tests.payouts.factories import funded_partner

pytestmark = pytest.mark.django_db
QUEUE = "admin:compliance_case_changelist"
SAVE = "admin:compliance_case_save_filter"
DELETE = "admin:compliance_case_delete_filter"


@pytest.fixture
def anna() -> User:
    return staff("officer", "anna")


@pytest.fixture
def client(anna: User) -> Client:
    return signed_in(anna)


def change(case: Case, **values: object) -> Case:
    Case.objects.filter(pk=case.pk).update(**values)
    case.refresh_from_db()
    return case


def shown(user: User, **given: str) -> list[str]:
    return [case.pk for case in queue(QueueFilter.of(given), user)]


def test_the_queue_is_ordered_by_rank(anna: User) -> None:
    first, second = open_case(), open_case()
    now = timezone.now()
    change(first, rank_at=now + timedelta(hours=2))
    change(second, rank_at=now + timedelta(hours=1))

    assert shown(anna) == [second.pk, first.pk]


def test_each_view_shows_what_its_name_says(anna: User) -> None:
    lena = staff("lead", "lena")
    now = timezone.now()
    plain = open_case()
    mine = change(open_case(), assignee=anna, assigned_at=now, heartbeat_at=now)
    hers = change(open_case(), assignee=lena, assigned_at=now, heartbeat_at=now)
    lapsed = change(
        open_case(),
        assignee=lena,
        assigned_at=now - timedelta(hours=1),
        heartbeat_at=now - timedelta(minutes=3),
    )
    late = change(open_case(), due_at=now - timedelta(minutes=1))
    escalated = change(open_case(), escalated_at=now, escalated_by="user:anna")
    second = change(open_case(), state=Case.State.SECOND)
    decided = open_case()
    reject(decided, lena)
    waiting = {each.pk for each in (plain, mine, hers, lapsed, late, escalated, second)}

    assert set(shown(anna)) == waiting
    assert set(shown(anna, view="nonsense")) == waiting
    assert shown(anna, view="mine") == [mine.pk]
    assert set(shown(anna, view="unclaimed")) == {
        plain.pk,
        lapsed.pk,
        late.pk,
        escalated.pk,
    }
    assert shown(anna, view="late") == [late.pk]
    assert shown(anna, view="escalated") == [escalated.pk]
    assert shown(anna, view="second") == [second.pk]
    assert shown(anna, view="decided") == [decided.pk]
    assert shown(anna, view="withdrawn") == []
    assert set(shown(anna, view="all")) == waiting | {decided.pk}


def test_filters_narrow_by_rule_partner_currency_and_amount(anna: User) -> None:
    casa = funded_partner(100_000_000)
    small = open_case(99_999, recipient_name="Orlan Trading FZE")
    large = open_case(1_000_000, partner=casa)
    dollars = open_case(
        1_250_050, partner=funded_partner(100_000_000, "USD"), currency="USD", rail="fednow"
    )

    assert shown(anna, why="watchlist") == [small.pk]
    assert set(shown(anna, why="amount_over_limit")) == {large.pk, dollars.pk}
    assert shown(anna, partner=casa.pk) == [large.pk]
    assert shown(anna, currency="USD") == [dollars.pk]
    assert set(shown(anna, low="10,000")) == {large.pk, dollars.pk}
    assert set(shown(anna, low="999.99", high="10000")) == {small.pk, large.pk}
    assert shown(anna, low="12500.51") == []
    assert shown(anna, high="999.98") == []


def test_an_amount_is_compared_in_the_minor_units_of_each_currency(anna: User) -> None:
    sql, parameters = queue(QueueFilter.of({"low": "5000"}), anna).query.sql_with_params()

    assert sql.count('"amount_minor" >= ') == 3
    assert {5_000, 500_000, 5_000_000} <= set(parameters)
    for currency, minor in (("JPY", 5_000), ("EUR", 500_000), ("KWD", 5_000_000)):
        wanted = QueueFilter.of({"low": "5000", "currency": currency})
        assert minor in queue(wanted, anna).query.sql_with_params()[1]


@pytest.mark.parametrize("text", ["ten", "1e9", "-5", "٣", "9" * 20, "1.2.3", "NaN"])
def test_an_amount_that_is_none_narrows_nothing_and_is_named(client: Client, text: str) -> None:
    case = open_case()

    answer = client.get(reverse(QUEUE), {"low": text})

    assert answer.status_code == 200
    assert case.pk in answer.content.decode()
    assert "is not an amount" in answer.content.decode()


def test_a_name_is_found_among_what_waits_only(anna: User) -> None:
    waiting = open_case(recipient_name="Orlan Trading")
    decided = open_case(recipient_name="Orlan Trading FZE")
    reject(decided, anna)

    assert shown(anna, q="orlan") == [waiting.pk]
    assert shown(anna, q="orlan", view="decided") == []
    assert shown(anna, q="nobody") == []
    assert shown(anna, q="%") == []


def test_an_exact_term_is_found_in_every_state(anna: User) -> None:
    decided = open_case()
    reject(decided, anna)

    for term in (decided.pk, decided.payout_id, decided.payout.reference):
        assert shown(anna, q=term) == [decided.pk]


def test_pages_are_bounded_and_count_no_further(
    client: Client, anna: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("compliance.selectors.queue.PAGE", 2)
    monkeypatch.setattr("compliance.selectors.queue.COUNT_MAX", 4)
    for _ in range(5):
        open_case()

    page = queue_page(QueueFilter(), anna, 2)
    text = client.get(reverse(QUEUE), {"p": "2"}).content.decode()

    assert (page.first, page.last, page.total, page.has_more) == (3, 4, 4, True)
    assert "3 to 4 of more than 4" in text
    for number in ("0", "-1", "99999", "x", "٣", ""):
        assert client.get(reverse(QUEUE), {"p": number}).status_code == 200


def test_a_waiting_case_shows_what_sets_it_apart(client: Client, anna: User) -> None:
    now = timezone.now()
    change(
        open_case(),
        is_blocked=True,
        escalated_at=now,
        raised_at=now - timedelta(minutes=5),
        assignee=staff("lead", "lena"),
        assigned_at=now,
    )

    text = client.get(reverse(QUEUE)).content.decode()

    for words in ("Blocked", "Escalated", "New hit 5 min ago", "lena"):
        assert words in text


def test_closed_views_show_what_was_decided_and_offer_no_selection(
    client: Client, anna: User
) -> None:
    case = open_case()
    approve(case, anna)

    text = client.get(reverse(QUEUE), {"view": "decided"}).content.decode()

    assert "Approved" in text
    assert "<td>anna</td>" in text
    assert 'name="seen"' not in text


def test_a_row_carries_the_version_that_was_seen(client: Client) -> None:
    case = open_case()

    text = client.get(reverse(QUEUE)).content.decode()

    assert f'value="{case.pk}:{seen_mark(case)}"' in text


def test_a_reader_gets_no_boxes_and_a_post_is_refused() -> None:
    open_case()
    client = signed_in(staff("auditor"))

    assert 'name="seen"' not in client.get(reverse(QUEUE)).content.decode()
    assert client.post(reverse(QUEUE), {"action": "delete_selected"}).status_code == 405


def test_the_order_and_the_late_ones_come_from_partial_indexes(anna: User) -> None:
    open_case()
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_sort = off")
    plan = queue(QueueFilter(), anna)[:50].explain()
    late = queue(QueueFilter.of({"view": "late"}), anna)[:50].explain()

    assert "case_queue" in plan
    assert "case_" in late


def test_a_view_is_saved_shared_replaced_and_deleted(client: Client, anna: User) -> None:
    query = "view=late&low=10%2C000&evil=%3Cscript%3E&p=7"

    answer = client.post(reverse(SAVE), {"name": "  Large   and late ", "query": query})

    kept = SavedFilter.objects.get()
    assert (kept.name, kept.query, kept.is_shared) == (
        "Large and late",
        "view=late&low=10%2C000",
        False,
    )
    assert answer.url == f"{reverse(QUEUE)}?view=late&low=10%2C000"
    lena = signed_in(staff("lead", "lena"))
    assert "Large and late" not in lena.get(reverse(QUEUE)).content.decode()

    client.post(reverse(SAVE), {"name": "Large and late", "query": "view=late", "is_shared": "1"})
    kept.refresh_from_db()
    assert (kept.query, kept.is_shared) == ("view=late", True)
    assert "Large and late" in lena.get(reverse(QUEUE)).content.decode()

    assert lena.post(reverse(DELETE, args=[kept.pk])).status_code == 404
    assert SavedFilter.objects.count() == 1
    client.post(reverse(DELETE, args=[kept.pk]))
    assert SavedFilter.objects.count() == 0


@pytest.mark.parametrize("name", ["", "   ", "x" * 61, "a\x07b"])
def test_a_view_needs_a_name(client: Client, name: str) -> None:
    answer = client.post(reverse(SAVE), {"name": name, "query": "view=late"}, follow=True)

    assert "Give the view a name" in answer.content.decode()
    assert not SavedFilter.objects.exists()


def test_nobody_keeps_views_without_end(
    client: Client, anna: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saved_filters, "EACH_MAX", 2)
    for number in range(3):
        client.post(reverse(SAVE), {"name": f"View {number}", "query": ""})

    assert sorted(SavedFilter.objects.values_list("name", flat=True)) == ["View 0", "View 1"]


@pytest.mark.parametrize("role", ["auditor", "operator"])
def test_who_does_not_work_the_queue_keeps_no_views(role: str) -> None:
    client = signed_in(staff(role))

    assert client.post(reverse(SAVE), {"name": "x", "query": ""}).status_code == 403
    assert client.post(reverse(DELETE, args=[1])).status_code == 403
    assert not SavedFilter.objects.exists()
