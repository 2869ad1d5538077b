"""The pages of watchlists: what they show, what they take, and whom they refuse."""

from datetime import timedelta
from io import BytesIO

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from compliance.models import (
    Rescreen,
    RescreenHit,
    SafeMatch,
    Watchlist,
    WatchlistImport,
    WatchlistParty,
)
from compliance.services import rescreen, safe_matches
from tests.compliance.factories import listed_case, staff
from tests.compliance.lists import HEADER, import_plain
from tests.compliance.test_import_formats import UN, ofac
from tests.compliance.test_rescreen import cleared, list_the_name, settle
from tests.compliance.test_safe_matches import approved
from tests.console.test_pages import listing, page, queries, signed_in
from tests.payouts.factories import fresh

pytestmark = pytest.mark.django_db
NAME = "Odette Farnsleigh"
IMPORT = "admin:compliance_watchlist_import"


@pytest.fixture(autouse=True)
def _no_memory() -> None:
    rescreen.forget()


def upload(client: Client, **fields: object) -> object:
    data = {"code": "own", "format": "plain", "published_on": "2026-03-01", "step": "import"}
    return client.post(reverse(IMPORT), {**data, **fields})


def file(text: str | bytes, name: str = "list.csv") -> BytesIO:
    made = BytesIO(text if isinstance(text, bytes) else text.encode())
    made.name = name
    return made


def text_of(answer: object) -> str:
    return answer.content.decode()


def test_lists_show_their_dates_and_say_when_they_may_be_stale() -> None:
    today = timezone.now().date()
    import_plain("1,Jan", code="new", published_on=today - timedelta(days=7))
    import_plain("1,Jan", "2,Piet", code="old", published_on=today - timedelta(days=8))

    text = text_of(signed_in(staff("auditor")).get(listing(Watchlist)))

    assert f"{today - timedelta(days=8):%d %b %Y}" in text
    assert "8 days old, may be stale" in text
    assert "7 days old" not in text
    assert "2 parties, 2 names" in text
    assert "Import a publication" not in text
    assert "Import a publication" in text_of(signed_in(staff("lead")).get(listing(Watchlist)))


def test_an_upload_is_looked_at_first_and_then_imported() -> None:
    client = signed_in(staff("lead", "lena"))
    csv = f"{HEADER}\n1,Jan,,Johan,,,,,,\n"

    looked = upload(client, step="look", list=file(csv))
    assert looked.status_code == 200
    assert "would become revision 1" in text_of(looked)
    assert not Watchlist.objects.filter(code="own").exists()

    taken = upload(client, list=file(csv))
    assert taken.url == page(Watchlist.objects.get(code="own"))
    made = WatchlistImport.objects.get()
    assert (made.actor, made.names, made.sources[0]["name"]) == ("user:lena", 2, "list.csv")
    text = text_of(client.get(taken.url))
    assert "1 added, 0 changed, 0 removed; a rescreen began" in text
    assert "Switch this list off" in text

    again = upload(client, list=file(csv))
    assert "no change" in text_of(client.get(again.url))
    assert WatchlistImport.objects.count() == 1


def test_ofacs_three_files_and_the_uns_one_are_taken() -> None:
    client = signed_in(staff("operator"))
    files = {each.role: file(each.stream.read(), each.name) for each in ofac()}

    assert upload(client, code="ofac", format="ofac", **files).status_code == 302
    un = upload(client, code="un", format="un", published_on="", list=file(UN, "un.xml"))

    assert un.status_code == 302
    assert WatchlistParty.objects.filter(watchlist="ofac").count() == 3
    assert f"{Watchlist.objects.get(code='un').published_on}" == "2026-02-27"


def test_what_is_wrong_is_told_line_by_line_and_what_was_typed_stays() -> None:
    client = signed_in(staff("lead"))
    bad = f"{HEADER}\n1,,,,,,,,,\n2,Jan,ghost,,,,,,,\n"

    answer = upload(client, title="Our own <list>", list=file(bad))

    text = text_of(answer)
    assert answer.status_code == 422
    assert "list.csv, line 2: the party has no name" in text
    assert "list.csv, line 3: there is no kind “ghost”" in text
    assert 'value="Our own &lt;list&gt;"' in text
    for fields, words in (
        ({"list": file(b"PK\x03\x04")}, "ZIP archive"),
        ({}, "the file is missing"),
        ({"format": "nonsense", "list": file("x")}, "One of ofac, un"),
        ({"published_on": "soon", "list": file("x")}, "A day such as 2026-02-27"),
        ({"published_on": "", "list": file("x")}, "give the date"),
        ({"code": "No!", "list": file("x")}, "2 to 20 lower-case"),
        ({"format": "ofac", "sdn": file("x")}, "the ofac format needs sdn, alt, add"),
    ):
        answer = upload(client, **fields)
        assert (answer.status_code, words in text_of(answer)) == (422, True), fields
    assert not Watchlist.objects.filter(code="own").exists()


def test_what_is_refused_until_told_otherwise_can_be_told(monkeypatch: pytest.MonkeyPatch) -> None:
    client = signed_in(staff("lead"))
    import_plain("1,Jan", "2,Piet", "3,Klaas")
    short = f"{HEADER}\n1,Jan,,,,,,,,\n"

    refused = upload(client, published_on="2026-03-02", list=file(short))
    assert "would shrink from 3 to 1 parties" in text_of(refused)
    assert "asked for now" in text_of(refused)
    assert (
        upload(client, published_on="2026-03-02", accept="shrink", list=file(short)).status_code
        == 302
    )

    monkeypatch.setattr("compliance.admin.watchlist_import.UPLOAD_MAX", 10)
    assert "use the command import_watchlist" in text_of(upload(client, list=file(short)))


def test_a_list_is_switched_with_a_reason() -> None:
    client = signed_in(staff("lead", "lena"))
    import_plain("1,Jan")
    watchlist = Watchlist.objects.get(code="own")
    url = reverse("admin:compliance_watchlist_switch", args=["own"])

    client.post(url, {"to": "off", "reason": " "})
    assert Watchlist.objects.get(code="own").is_active
    client.post(url, {"to": "off", "reason": "the licence ended"})
    assert not Watchlist.objects.get(code="own").is_active
    text = text_of(client.get(page(watchlist)))
    assert "This list is switched off" in text
    assert "the licence ended" in text
    client.post(url, {"to": "on", "reason": "it is back"})
    assert Watchlist.objects.get(code="own").is_active
    assert client.get(url).status_code == 405
    none = reverse("admin:compliance_watchlist_switch", args=["none"])
    assert client.post(none, {"to": "on", "reason": "why not"}).status_code == 404


def test_an_import_shows_what_changed_since_any_revision() -> None:
    import_plain("1,Jan,person,Johan", "2,Piet", "3,Klaas")
    import_plain("1,Jan,person,Joop", "2,Piet", "3,Klaas", "4,Mo")
    import_plain("1,Jan,person,Joop", "2,Piet", "3,Klaas", "4,Mo,,,,,NL")
    latest = WatchlistImport.objects.get(revision=3)
    client = signed_in(staff("auditor"))

    text = text_of(client.get(page(latest)))
    assert "<b>Countries</b>: <ins>NL</ins>" in text
    assert "Johan" not in text

    text = text_of(client.get(page(latest) + "?since=1"))
    assert "<b>Names</b>: <del>Johan</del>, <ins>Joop</ins>" in text
    assert ">Added<" in text
    text = text_of(client.get(page(latest) + "?since=1&kind=removed"))
    assert "Nothing of this kind changed." in text
    for odd in ("?since=99", "?since=x&kind=y", "?since=-1", "?since=²"):
        assert client.get(page(latest) + odd).status_code == 200


def test_a_party_shows_every_name_and_detail_escaped() -> None:
    import_plain("7,Jan <b>,person,Johan,Jantje,EU-X,NL,1970,Delft,Seen in 2020")
    import_plain("7,Jan <b>,person,Johan;Joop,Jantje,EU-X,NL,1970,Delft,Seen in 2020")
    party = WatchlistParty.objects.get(watchlist="own")
    client = signed_in(staff("officer"))

    text = text_of(client.get(page(party)))

    for words in ("Jan &lt;b&gt;", "Joop", "Weak alias", "EU-X", "1970", "Delft", "Seen in 2020"):
        assert words in text
    assert "revision 2" in text
    found = text_of(client.get(listing(WatchlistParty) + "?q=joop"))
    assert "Jan &lt;b&gt;" in found
    assert "Jan &lt;b&gt;" not in text_of(client.get(listing(WatchlistParty) + "?listed=removed"))


def test_a_rescreen_shows_how_far_it_is_and_what_it_found() -> None:
    cleared()
    import_plain(f"1,{NAME}")
    row = Rescreen.objects.get()
    client = signed_in(staff("officer"))
    assert 'http-equiv="refresh"' in text_of(client.get(page(row)))

    rescreen.run(slice_s=60)

    text = text_of(client.get(page(row)))
    assert 'http-equiv="refresh"' not in text
    assert "Held for an officer" in text
    assert "own of 01 Mar 2026 imported" in text_of(client.get(listing(Rescreen)))


def test_who_was_paid_before_is_looked_at_with_a_note() -> None:
    (payout,) = cleared()
    settle(payout)
    list_the_name()
    hit = RescreenHit.objects.get()
    anna = signed_in(staff("officer", "anna"))

    assert NAME in text_of(anna.get(listing(RescreenHit)))
    text = text_of(anna.get(page(hit)))
    assert f"{NAME} was paid before {NAME} was listed" in text
    assert "I have looked at it" in text

    url = reverse("admin:compliance_rescreenhit_review", args=[hit.pk])
    assert anna.post(url, {"note": ""}).url == page(hit)
    assert RescreenHit.objects.get().reviewed_at is None
    assert anna.post(url, {"note": "Another person."}).url == listing(RescreenHit)

    assert NAME not in text_of(anna.get(listing(RescreenHit)))
    assert NAME in text_of(anna.get(listing(RescreenHit) + "?reviewed=yes"))
    text = text_of(anna.get(page(hit)))
    assert "Looked at by anna" in text
    assert "I have looked at it" not in text
    assert anna.get(url).status_code == 405


def test_a_pair_is_shown_and_revoked() -> None:
    import_plain(f"1,{NAME}")
    case = listed_case(recipient_name=NAME)
    anna = staff("officer", "anna")
    approved(case, anna)
    party = WatchlistParty.objects.get(watchlist="own")
    (match,) = safe_matches.add(case.payout_id, [party.pk], reason="Born 1990.", user=anna)
    client = signed_in(anna)

    assert NAME in text_of(client.get(listing(SafeMatch)))
    text = text_of(client.get(page(match)))
    assert f"{NAME} is not {NAME}" in text
    assert "Holds" in text
    assert "Born 1990." in text_of(client.get(page(party)))

    import_plain(f"1,{NAME},,,,,,1954")
    assert "the pair flags again" in text_of(client.get(page(match)))
    client.post(
        reverse("admin:compliance_safematch_revoke", args=[match.pk]), {"reason": "It was he."}
    )
    assert "It was he." in text_of(client.get(page(match)))
    assert fresh(case.payout).state == "queued"


@pytest.mark.parametrize("role", ["auditor", "officer", "rule_author", "rule_publisher", ""])
def test_who_may_not_import_or_switch_changes_nothing(role: str) -> None:
    import_plain("1,Jan")
    user = staff(role) if role else User.objects.create_user("nobody", is_staff=True)
    client = signed_in(user)
    before = list(Watchlist.objects.values_list())

    assert client.get(reverse(IMPORT)).status_code == 403
    assert upload(client, list=file(f"{HEADER}\n2,Piet,,,,,,,,\n")).status_code == 403
    url = reverse("admin:compliance_watchlist_switch", args=["own"])
    assert client.post(url, {"to": "off", "reason": "because"}).status_code == 403
    anonymous = Client()
    assert anonymous.post(url, {"to": "off", "reason": "because"}).status_code == 302

    assert list(Watchlist.objects.values_list()) == before
    assert WatchlistImport.objects.count() == 1


@pytest.mark.parametrize("role", ["auditor", "operator", "rule_author", ""])
def test_who_may_not_decide_neither_reviews_nor_revokes(role: str) -> None:
    (payout,) = cleared()
    settle(payout)
    list_the_name()
    hit = RescreenHit.objects.get()
    user = staff(role) if role else User.objects.create_user("nobody", is_staff=True)
    client = signed_in(user)

    review = reverse("admin:compliance_rescreenhit_review", args=[hit.pk])
    assert client.post(review, {"note": "Looked."}).status_code == 403
    revoke = reverse("admin:compliance_safematch_revoke", args=[1])
    assert client.post(revoke, {"reason": "Because."}).status_code == 403
    assert RescreenHit.objects.get().reviewed_at is None


def test_pages_cost_the_same_whatever_they_show() -> None:
    client = signed_in(staff("auditor"))
    import_plain("1,Jan,,Johan")
    client.get(listing(Watchlist))  # what is read once a process
    few = [
        queries(client, url)
        for url in (
            listing(Watchlist),
            listing(WatchlistParty),
            page(WatchlistImport.objects.get()),
            page(WatchlistParty.objects.get(watchlist="own")),
        )
    ]
    import_plain(*[f"{n},Party {n},,Alias {n};Other {n}" for n in range(1, 80)])
    many = [
        queries(client, url)
        for url in (
            listing(Watchlist),
            listing(WatchlistParty),
            page(WatchlistImport.objects.get(revision=2)),
            page(WatchlistParty.objects.get(watchlist="own", subject="1")),
        )
    ]

    assert many == few
    assert max(many) <= 16
