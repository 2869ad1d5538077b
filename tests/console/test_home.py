"""The first page: what needs this person now, the day's flow, the rails."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from compliance.admin.chart import bars
from compliance.models import Case
from compliance.selectors import today
from compliance.services.escalate import escalate
from payouts.selectors.rails import rails_health
from payouts.services import rails_control
from tests.compliance.factories import listed_case, open_case, staff
from tests.compliance.test_decide import approve, reject
from tests.console.test_pages import page, queries, signed_in
from tests.payouts.factories import queued_payout, sending

pytestmark = pytest.mark.django_db
HOME = "admin:index"


@pytest.fixture
def anna() -> User:
    return staff("officer", "anna")


def test_the_figures_count_what_waits(anna: User) -> None:
    now = timezone.now()
    late, mine, plain = open_case(), open_case(), open_case()
    Case.objects.filter(pk=late.pk).update(due_at=now - timedelta(minutes=5))
    Case.objects.filter(pk=mine.pk).update(assignee=anna, assigned_at=now)
    approve(listed_case(), anna)
    escalate(plain.pk, note="Is this right?", user=anna)
    reject(open_case(), anna)

    figures = today.figures(anna)

    assert (figures.waiting, figures.late, figures.second) == (4, 1, 1)
    assert (figures.escalated, figures.mine, figures.oldest_at) == (1, 1, late.opened_at)


def test_the_flow_tells_people_from_the_system(anna: User) -> None:
    for _ in range(3):
        reject(open_case(), anna)
    open_case()

    flow = today.flow()

    assert (flow.opened, flow.decided, flow.automatic, flow.rejected) == (4, 3, 0, 3)
    assert len(flow.hours) == today.HOURS
    assert (flow.hours[-1].opened, flow.hours[-1].decided) == (4, 3)
    assert [hour.opened for hour in flow.hours[:-1]] == [0] * (today.HOURS - 1)


def test_what_needs_me_is_what_i_may_act_on_soonest_due_first(anna: User) -> None:
    lena = staff("lead", "lena")
    now = timezone.now()
    later, sooner = open_case(recipient_name="Later"), open_case(recipient_name="Sooner")
    Case.objects.filter(pk=sooner.pk).update(due_at=now - timedelta(minutes=1))
    proposed, escalated = listed_case(), open_case(recipient_name="Escalated")
    approve(proposed, anna)
    escalate(escalated.pk, note="Is this right?", user=anna)

    officers = signed_in(anna).get(reverse(HOME)).content.decode()
    leads = signed_in(lena).get(reverse(HOME)).content.decode()

    assert officers.index(page(sooner)) < officers.index(page(later))
    assert page(proposed) not in officers
    assert page(escalated) not in officers
    assert page(proposed) in leads
    assert page(escalated) in leads


def test_the_home_page_costs_as_many_queries_whatever_waits(anna: User) -> None:
    client = signed_in(anna)
    open_case()
    reject(open_case(), anna)
    client.get(reverse(HOME))
    few = queries(client, reverse(HOME))
    for _ in range(4):
        open_case()
        reject(open_case(), anna)

    assert queries(client, reverse(HOME)) == few
    assert few <= 18


def test_an_operator_sees_rails_and_no_cases() -> None:
    open_case(recipient_name="Nobody's business")
    rails_control.forget()
    rails_control.pause("rtp", "bank maintenance")

    text = signed_in(staff("operator", "otto")).get(reverse(HOME)).content.decode()

    assert "bank maintenance" in text
    assert "SEPA Instant" in text
    assert "Nobody" not in text
    assert "What needs you now" not in text
    rails_control.forget()


def test_rails_say_what_is_under_way() -> None:
    sending(queued_payout())
    queued_payout()

    health = {one.rail: one for one in rails_health()}

    assert list(health) == ["rtp", "fednow", "sepa_inst", "fps"]
    assert health["sepa_inst"].counts == {"queued": 1, "sending": 1}
    assert (health["sepa_inst"].under_way, health["sepa_inst"].unknown) == (1, 0)
    assert health["rtp"].counts == {}


def test_bars_are_to_scale_and_none_is_drawn_for_nothing() -> None:
    at = timezone.now()
    hours = [today.Hour(at, 0, 0, 0), today.Hour(at, 10, 5, 0), today.Hour(at, 1_000, 1, 0)]

    chart = bars(hours)

    assert chart.top == 1_000
    heights = [bar.height for bar in chart.bars]
    assert heights[0] == heights[1] == 0
    assert heights[4] == chart.base - 10
    assert heights[5] == 2
    assert bars([today.Hour(at, 0, 0, 0)]).top == 1


def test_the_queue_and_a_case_are_counted_by_query(anna: User) -> None:
    client = signed_in(anna)
    case = open_case()
    client.get(page(case))
    with CaptureQueriesContext(connection) as captured:
        client.get(reverse("admin:compliance_case_changelist"))

    assert len(captured) <= 10
