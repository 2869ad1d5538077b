"""Every address of the console, with every kind of form, as people who may not: nothing changes and
the attempt is logged. And reading, by whoever may, changes nothing either."""

from collections.abc import Iterator

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.urls import URLPattern, URLResolver, reverse

from atlaspay.core.access.models import AccessEvent
from compliance.models import SavedFilter
from compliance.services.decide import seen_mark
from portal.members.invitations import invite
from portal.models import Role
from tests.compliance.factories import blocked_case, listed_case, open_case, staff
from tests.compliance.test_decide import approve, reject
from tests.console.test_pages import signed_in
from tests.factories import ApiKeyFactory, PartnerFactory
from tests.portal.people import member

pytestmark = pytest.mark.django_db
# Rows that say that somebody came or was refused, and nothing of the business.
OWN_ROWS = {"core_accessevent", "django_session", "django_admin_log"}
# What a role may do all the same; each is tested with its own room.
MAY = {
    "auditor": {"compliance_decision_verify", "compliance_audit_ask"},
    "operator": {
        "payouts_railstate_switch",
        "webhooks_delivery_retry",
        "compliance_watchlist_import",
        "compliance_watchlist_switch",
    },
}
# Anybody signed in may leave, change their own password and their own second factor.
# Django's own pages that answer a POST as they answer a GET.
READ_BY_POST = (
    "_changelist",
    "_history",
    "_statistics",
    "_script",
    "_heads",
    "search",
    "jsi18n",
    "index",
    "app_list",
    "enrol",
)
OWN_AFFAIRS = {"login", "logout", "password_change", "password_change_done", "second_factor"}


def addresses() -> Iterator[tuple[str, str]]:
    """Yield (name, address) of everything under the console, its variables filled in."""
    values = {"object_id": None, "rail": "rtp", "verb": "pause", "app_label": "compliance"}
    numbers = iter(range(1, 10_000))

    def walk(patterns: list) -> Iterator[tuple[str, str]]:
        for one in patterns:
            if isinstance(one, URLResolver):
                yield from walk(one.url_patterns)
                continue
            assert isinstance(one, URLPattern)
            if one.name is None:
                continue
            names = one.pattern.converters or dict.fromkeys(one.pattern.regex.groupindex)
            given = {}
            for name in names:
                given[name] = values.get(name) or (
                    object_of(one.name) if name == "object_id" else next(numbers)
                )
            if one.name == "app_list":
                given = {"app_label": "compliance"}
            if one.name == "view_on_site":
                continue
            yield one.name, reverse(f"admin:{one.name}", kwargs=given)

    yield from walk(admin.site.urls[0])


def object_of(url_name: str) -> str:
    """Return the id of some object of the address's model."""
    app, model = url_name.split("_")[:2]
    for each in admin.site._registry:
        if (each._meta.app_label, each._meta.model_name) == (app, model):
            found = each._default_manager.order_by("pk").first()
            if found is not None:
                return str(found.pk)
    return "1"


def tables() -> dict[str, str]:
    """Return each table's count and the hash of all its rows."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        names = sorted(name for (name,) in cursor.fetchall() if name not in OWN_ROWS)
        cursor.execute(
            " UNION ALL ".join(
                f"SELECT '{name}', count(*) || ':' || coalesce(md5(string_agg(t::text, ';'"
                f" ORDER BY t::text)), '') FROM \"{name}\" t"
                for name in names
            )
        )
        return dict(cursor.fetchall())


@pytest.fixture
def forms() -> list[dict[str, str]]:
    """Make one of everything, and return what somebody might send to any of it."""
    ApiKeyFactory()
    partner = PartnerFactory()
    member(partner)
    invite(partner.id, email="new@market.example", role=Role.VIEWER)
    ada = staff("officer", "ada")
    case = open_case()
    listed_case()
    blocked_case()
    reject(open_case(), ada)
    approved = approve(open_case(), ada)
    approve(listed_case(), ada)
    SavedFilter.objects.create(user=ada, name="Large", query="low=1", is_shared=True)
    words = {
        "seen": seen_mark(case),
        "reason_code": "amount_explained",
        "internal_text": "Words enough for everybody.",
        "partner_text": "We could not pay this.",
        "note": "Words enough for a lead.",
        "reason": "Because it is so.",
        "comment": "Because it is so.",
        "title": "A title",
        "name": "A name",
        "query": "view=late",
        "bulk_id": "bulk_0123456789",
        "about": approved.pk,
        "partner": case.partner_id,
        "post": "yes",
        "state": "settled",
        "_selected_action": case.pk,
        "username": "ada",
        "password1": "a long enough password",
        "password2": "a long enough password",
        "is_superuser": "on",
        "until": "2030-01-01",
        "document": "{}",
    }
    return [
        {**words, "kind": kind, "opinion": kind, "action": action}
        for kind, action in (
            ("approve", "delete_selected"),
            ("confirm", "publish"),
            ("undo", "save"),
        )
    ]


def test_a_stranger_is_shown_the_door_everywhere(forms: list[dict[str, str]]) -> None:
    before = tables()
    client = Client()
    for name, url in addresses():
        if name in {"login", "logout", "code", "enrol", "jsi18n"}:
            continue
        answer = client.post(url, forms[0])
        assert answer.status_code in {302, 403, 405}, (name, answer.status_code)
        if answer.status_code == 302:
            assert answer.url.startswith("/console/login/"), (name, answer.url)

    assert tables() == before


@pytest.mark.parametrize("role", ["nobody", "auditor", "operator", "officer"])
def test_who_may_not_is_refused_everywhere_and_the_attempt_is_logged(
    role: str, forms: list[dict[str, str]]
) -> None:
    if role == "nobody":
        user = User.objects.create_user("nobody", is_staff=True)
    else:
        user = staff(role, "walker")
    client = signed_in(user)
    may = MAY.get(role, set()) | OWN_AFFAIRS
    if role == "officer":
        # Officers decide; what they must not touch is everything outside review.
        may |= {name for name, _ in addresses() if name.startswith("compliance_case_")}
    before = tables()
    refused = AccessEvent.objects.filter(kind="refused").count()
    forbidden = 0
    odd = set()
    for name, url in addresses():
        if name in may:
            continue
        for form in forms:
            status = client.post(url, form).status_code
            forbidden += status == 403
            if status not in {302, 403, 404, 405} and not name.endswith(READ_BY_POST):
                odd.add((name, status))

    assert odd == set()
    changed = {name for name, digest in tables().items() if before[name] != digest}
    assert changed == set()
    assert forbidden > 20
    assert AccessEvent.objects.filter(kind="refused").count() == refused + forbidden


def test_reading_changes_nothing_and_breaks_nothing(forms: list[dict[str, str]]) -> None:
    client = signed_in(User.objects.create_superuser("root"))
    before = tables()
    odd = set()
    for name, url in addresses():
        status = 0 if name == "logout" else client.get(url).status_code
        # Without the parameters its widget sends, nothing can be completed.
        # Adding and deleting by hand is nobody's right; and without the parameters of its widget
        # nothing can be completed.
        is_nobodys = status == 403 and name.endswith(("_add", "_delete", "autocomplete"))
        if status not in {0, 200, 302, 404, 405} and not is_nobodys:
            odd.add((name, status))

    assert odd == set()
    changed = {name for name, digest in tables().items() if before[name] != digest}
    assert changed == set()
