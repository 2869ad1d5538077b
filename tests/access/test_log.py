"""The access log: what is written, that it stays, and who may read it."""

import pytest
from django.contrib.auth.models import Group, User
from django.db import InternalError, ProgrammingError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from atlaspay.core import context
from atlaspay.core.access import log
from atlaspay.core.access.log import Kind
from atlaspay.core.access.models import AccessEvent
from tests.access.people import enrolled, events, pass_door, person, url_of

pytestmark = pytest.mark.django_db
LIST = "/console/core/accessevent/"


def entered(role: str, username: str = "") -> Client:
    """Return a browser with somebody of this role in."""
    user = person(username or role)
    user.groups.add(Group.objects.get(name=role))
    phone, _ = enrolled(user)
    client = Client()
    pass_door(client, user, phone)
    return client


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE core_accessevent SET username = 'x'",
        "DELETE FROM core_accessevent",
        "TRUNCATE core_accessevent",
        "UPDATE core_accessevent SET username = 'x' WHERE false",
    ],
)
def test_rows_stay(sql):
    log.record(Kind.VIEWED, object_type="test")

    with (
        pytest.raises((InternalError, ProgrammingError), match="rows are kept as evidence"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(sql)

    assert [event.object_type for event in events()] == ["test"]


def test_querysets_are_refused_too():
    log.record(Kind.VIEWED)

    for act in (AccessEvent.objects.all().delete, lambda: AccessEvent.objects.update(kind="x")):
        with pytest.raises(ProgrammingError), transaction.atomic():
            act()


def test_a_deleted_person_stays_in_the_log():
    user = person()
    log.record(Kind.LOGIN, user=user)
    User.objects.filter(pk=user.pk)._raw_delete("default")

    assert [(event.username, event.user_id is not None) for event in events()] == [("vera", True)]


def test_without_a_request_the_context_says_who():
    with context.bind(actor="system:export", request_id="r-1"):
        log.record(Kind.EXPORTED, object_type="payout", object_id="po_1", detail="d" * 600)

    (event,) = events()
    assert (event.username, event.address, event.path, event.request_id) == (
        "system:export",
        None,
        "",
        "r-1",
    )
    assert event.detail == "d" * 500


def test_nul_and_length_do_not_keep_a_row_from_being_written():
    log.record(Kind.VIEWED, object_type="t" * 999, object_id="a\x00b", detail="\x00")

    (event,) = events()
    assert (event.object_type, event.object_id, event.detail) == ("t" * 64, "ab", "")


def test_the_line_in_the_log_has_the_same_facts(caplog):
    caplog.set_level("INFO", logger="atlaspay.core.access.log")
    user = person()
    log.record(Kind.LOGIN_FAILED, user=user)

    (line,) = [r for r in caplog.records if r.getMessage() == "access.event"]
    assert (line.kind, line.username, line.peer) == ("login_failed", "vera", None)


def test_a_refusal_in_the_console_is_logged_with_method_and_path():
    client = entered("officer")
    assert client.get("/console/auth/user/").status_code == 403
    assert client.post("/console/partners/partner/add/", {"name": "x"}).status_code == 403

    assert [(e.kind, e.username, e.method, e.path) for e in events("refused")] == [
        ("refused", "officer", "GET", "/console/auth/user/"),
        ("refused", "officer", "POST", "/console/partners/partner/add/"),
    ]


def test_a_forged_form_of_somebody_signed_in_is_logged():
    inside = entered("officer")
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = inside.cookies

    assert strict.post("/console/password_change/", {}).status_code == 403
    assert [event.path for event in events("refused")] == ["/console/password_change/"]


def test_strangers_fill_no_rows():
    strict = Client(enforce_csrf_checks=True)
    strict.get("/console/auth/user/")
    strict.post("/console/auth/user/")
    strict.post("/console/login/", {})

    assert not events()


@pytest.mark.parametrize(
    ("role", "status"),
    [("auditor", 200), ("lead", 200), ("officer", 403), ("operator", 403), ("rule_author", 403)],
)
def test_auditors_and_leads_read_it(role, status):
    assert entered(role).get(LIST).status_code == status


def test_reading_it_is_logged_in_it():
    client = entered("auditor")
    first = events()[0]
    assert client.get(LIST).status_code == 200
    assert client.get(url_of("core_accessevent_change", first.pk)).status_code == 200
    client.get(url_of("core_accessevent_change", 999_999))

    assert [(e.username, e.object_type, e.object_id, e.detail) for e in events("viewed")] == [
        ("auditor", "core.accessevent", "", "list"),
        ("auditor", "core.accessevent", str(first.pk), ""),
    ]


def test_what_cannot_be_logged_is_not_shown(monkeypatch):
    client = entered("auditor")

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("no log")

    monkeypatch.setattr(log, "record", broken)
    with pytest.raises(RuntimeError, match="no log"):
        client.get(LIST)


def test_it_is_read_and_never_written_by_the_console():
    client = entered("auditor")
    event = events()[0]
    page = url_of("core_accessevent_change", event.pk)

    assert client.post(page, {"kind": "viewed"}).status_code == 405
    assert client.get(LIST + "add/").status_code == 403
    assert client.post(f"{LIST}{event.pk}/delete/", {"post": "yes"}).status_code == 403
    assert AccessEvent.objects.get(pk=event.pk).kind == "login"


def test_it_is_found_by_name_object_and_kind():
    client = entered("auditor")
    for number in range(3):
        log.record(Kind.EXPORTED, object_type="payout", object_id=f"po_{number}")
    log.record(Kind.VERIFIED, user=User.objects.get())

    def shown(**query: str) -> str:
        return client.get(LIST, query).content.decode()

    assert shown(q="po_1").count("payout po_") == 1
    assert shown(kind="exported").count("payout po_") == 3
    assert shown(q="nobody").count("payout po_") == 0
    assert shown(kind="no such kind").count("payout po_") == 0


def test_a_longer_log_costs_no_more_queries_and_is_not_counted_whole():
    client = entered("auditor")

    def queries() -> list[str]:
        with CaptureQueriesContext(connection) as captured:
            assert client.get(LIST).status_code == 200
        return [query["sql"] for query in captured]

    few = queries()
    AccessEvent.objects.bulk_create(AccessEvent(kind="viewed") for _ in range(120))
    many = queries()

    assert len(many) == len(few) <= 12
    counts = [sql for sql in many if "COUNT(" in sql]
    assert all("LIMIT 2000" in sql for sql in counts)
