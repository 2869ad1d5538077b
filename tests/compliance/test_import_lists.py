"""Importing: revisions, what changed, what is refused and leaves everything as it was."""

from datetime import date, timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.utils import DatabaseError, InternalError
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from atlaspay.core.errors import (
    ConflictError,
    InvalidRequestError,
    NotFoundError,
    PermissionRefusedError,
)
from compliance.importers.problems import UnfitFileError
from compliance.models import (
    Rescreen,
    Watchlist,
    WatchlistChange,
    WatchlistEntry,
    WatchlistImport,
    WatchlistParty,
    WatchlistSwitch,
)
from compliance.rules.names import MATCHER_VERSION
from compliance.screening import live
from compliance.services.watchlists import Accept, import_list, switch
from tests.compliance.factories import flagged_payout, staff
from tests.compliance.lists import PUBLISHED, import_plain, plain, source
from tests.compliance.test_import_formats import UN, ofac

pytestmark = pytest.mark.django_db
LATER = PUBLISHED + timedelta(days=7)


def names(revision: int, code: str = "own") -> list[str]:
    """The names as they were at a revision."""
    found = WatchlistEntry.objects.filter(party__watchlist=code, added_in__lte=revision)
    return sorted(
        f"{entry.name}{' (weak)' if entry.strength == 'weak' else ''}"
        for entry in found
        if entry.removed_in is None or entry.removed_in > revision
    )


def state() -> tuple[object, ...]:
    """All that an import could change."""
    return (
        list(Watchlist.objects.values_list()),
        list(WatchlistImport.objects.values_list()),
        list(WatchlistParty.objects.order_by("id").values_list()),
        list(WatchlistEntry.objects.order_by("id").values_list()),
        WatchlistChange.objects.count(),
        Rescreen.objects.count(),
    )


def test_a_first_import_makes_the_list_its_names_and_a_rescreen() -> None:
    outcome = import_plain("1,Jan Jansen,person,Johan;Jan J.,Jantje,X,NL,1970,Delft,seen", "2,Piet")

    watchlist = Watchlist.objects.get(code="own")
    assert (watchlist.revision, watchlist.published_on, watchlist.format) == (1, PUBLISHED, "plain")
    assert (outcome.counts.parties, outcome.counts.names, outcome.new_names) == (2, 5, 5)
    made = WatchlistImport.objects.get()
    assert (made.added, made.changed, made.removed, made.actor) == (
        2,
        0,
        0,
        "system:compliance.screen",
    )
    assert made.sources[0]["size"] == 164
    assert len(made.sources[0]["sha256"]) == 64
    party = WatchlistParty.objects.get(subject="1")
    assert (party.kind, party.programs, party.birth_dates) == ("person", ["X"], ["1970"])
    assert list(party.names.filter(is_primary=True).values_list("name", flat=True)) == [
        "Jan Jansen"
    ]
    assert names(1) == ["Jan J.", "Jan Jansen", "Jantje (weak)", "Johan", "Piet"]
    rescreen = Rescreen.objects.get()
    assert (rescreen.since_lists, rescreen.state) == ({"own": 0}, "waiting")


def test_the_same_publication_again_changes_nothing() -> None:
    import_plain("1,Jan,,Johan;Jan J.", "2,Piet")
    before = state()

    outcome = import_plain("2,Piet", "1,Jan,,Jan J.;Johan")

    assert (outcome.is_changed, outcome.revision, outcome.rescreen_id) == (False, 1, None)
    assert state() == before


def test_a_new_publication_of_the_same_names_is_a_revision_without_a_rescreen() -> None:
    import_plain("1,Jan")
    outcome = import_plain("1,Jan", published_on=LATER)

    assert (outcome.revision, outcome.is_changed, outcome.rescreen_id) == (2, True, None)
    assert Watchlist.objects.get(code="own").published_on == LATER
    made = WatchlistImport.objects.get(revision=2)
    assert (made.added, made.changed, made.removed) == (0, 0, 0)
    assert Rescreen.objects.count() == 1


def test_each_revision_keeps_what_it_changed_and_older_ones_stay_readable() -> None:
    import_plain("1,Jan,person,Johan", "2,Piet,,,Pietje", "3,Klaas", "4,Kees")
    import_plain(
        "1,Jan,person,Johan;Joop,,,NL", "2,Piet,,Pietje", "3,Klaas", "5,Mo", published_on=LATER
    )
    outcome = import_plain(
        "1,Jan,person,Johan;Joop,,,NL",
        "2,Piet,,Pietje",
        "4,Kees",
        "3,Klaas",
        "5,Mo",
        published_on=LATER,
    )

    assert names(1) == ["Jan", "Johan", "Kees", "Klaas", "Piet", "Pietje (weak)"]
    assert names(2) == ["Jan", "Johan", "Joop", "Klaas", "Mo", "Piet", "Pietje"]
    assert names(3) == ["Jan", "Johan", "Joop", "Kees", "Klaas", "Mo", "Piet", "Pietje"]
    assert (outcome.counts.added, outcome.new_names) == (1, 1)
    changes = {
        (change.party.subject, change.kind): (change.before, change.after)
        for change in WatchlistChange.objects.filter(at_import__revision=2)
    }
    assert changes == {
        ("1", "changed"): (
            {"names": ["Jan", "Johan"], "countries": []},
            {"names": ["Jan", "Johan", "Joop"], "countries": ["NL"]},
        ),
        ("2", "changed"): (
            {"names": ["Piet"], "weak_names": ["Pietje"]},
            {"names": ["Piet", "Pietje"], "weak_names": []},
        ),
        ("4", "removed"): ({}, {}),
        ("5", "added"): ({}, {}),
    }
    kees = WatchlistParty.objects.get(subject="4")
    assert (kees.added_in, kees.changed_in, kees.removed_in) == (1, 3, None)
    assert [r.since_lists for r in Rescreen.objects.order_by("id")] == [
        {"own": 0},
        {"own": 1},
        {"own": 2},
    ]


def test_workers_screen_against_the_new_revision() -> None:
    live.lists()
    import_plain("1,Odette Farnsleigh")

    payout = flagged_payout(100, recipient_name="Odette Farnsleigh")

    assert payout.state == "in_review"
    assert payout.screening_runs.get().lists == f"own@1, synthetic@1, {MATCHER_VERSION}"


def test_a_file_with_any_fault_is_refused_whole_and_every_fault_is_told() -> None:
    import_plain("1,Jan", "2,Piet")
    before = state()

    with pytest.raises(UnfitFileError) as caught:
        import_plain("1,Jan", "2,", "3,Klaas,ghost", "1,Jan again", published_on=LATER)

    assert [str(problem) for problem in caught.value.problems] == [
        "list.csv, line 3: the party has no name",
        "list.csv, line 4: there is no kind “ghost”:"
        " aircraft, organisation, person, unknown, vessel",
        "list.csv, line 5: the id “1” stands on line 2 already",
    ]
    assert caught.value.errors[1]["pointer"] == "/list.csv/4"
    assert state() == before


def test_a_list_of_nobody_is_refused() -> None:
    with pytest.raises(UnfitFileError, match="the file lists nobody"):
        import_plain()
    assert not Watchlist.objects.filter(code="own").exists()


def test_a_list_that_shrinks_by_more_than_a_fifth_needs_a_word() -> None:
    rows = [f"{n},Party {n}" for n in range(10)]
    import_plain(*rows)
    assert import_plain(*rows[:8], published_on=LATER).counts.removed == 2
    before = state()

    with pytest.raises(ConflictError, match="from 8 to 6 parties, by more than 20 %") as caught:
        import_plain(*rows[:6], published_on=LATER)
    assert caught.value.extra == {"accept": "shrink"}
    assert state() == before

    outcome = import_plain(*rows[:6], published_on=LATER, accept=Accept(shrink=True))
    assert outcome.counts.removed == 2
    assert WatchlistImport.objects.get(revision=3).accepted == ["shrink"]


def test_aliases_cut_off_are_a_shrinking_too() -> None:
    import_plain("1,Jan,,a1;a2;a3;a4")
    with pytest.raises(ConflictError, match="from 5 to 1 names"):
        import_plain("1,Jan", published_on=LATER)


def test_an_older_publication_needs_a_word() -> None:
    import_plain("1,Jan", published_on=LATER)
    before = state()

    with pytest.raises(ConflictError, match="published on 08 Mar 2026, this file on 01 Mar 2026"):
        import_plain("1,Jan", "2,Piet")
    assert state() == before

    assert import_plain("1,Jan", "2,Piet", accept=Accept(older=True)).revision == 2


def test_ofac_files_that_do_not_fit_each_other_need_a_word() -> None:
    files = ofac(alt='36,12,"aka","AERO",-0- \r\n999,13,"aka","GONE",-0- \r\n')
    with pytest.raises(ConflictError, match="1 aliases and addresses belong to no party"):
        import_list("ofac", format_name="ofac", sources=files, published_on=PUBLISHED, user=None)
    assert not Watchlist.objects.filter(code="ofac").exists()

    outcome = import_list(
        "ofac",
        format_name="ofac",
        sources=files,
        published_on=PUBLISHED,
        accept=Accept(mismatch=True),
        user=None,
    )
    assert (outcome.title, outcome.counts.parties) == ("OFAC Specially Designated Nationals", 3)


def test_publication_dates_come_from_the_file_or_are_asked_for() -> None:
    un = source(UN, name="un.xml")
    assert import_list("un", format_name="un", sources=[un], user=None).published_on == date(
        2026, 2, 27
    )
    for format_name, sources, on, words in (
        ("un", [source(UN)], date(2026, 3, 5), "The file itself says 2026-02-27"),
        ("plain", [plain("1,Jan")], None, "do not say when they were published"),
        ("plain", [plain("1,Jan")], timezone.now().date() + timedelta(days=3), "is yet to come"),
    ):
        with pytest.raises(InvalidRequestError, match=words):
            import_list(
                "other", format_name=format_name, sources=sources, published_on=on, user=None
            )
    assert not Watchlist.objects.filter(code="other").exists()


@pytest.mark.parametrize(
    "code", ["", "A", "x", "has space", "é-list", "a" * 21, "1st", "a;b", "own\n"]
)
def test_codes_are_short_words(code: str) -> None:
    with pytest.raises(InvalidRequestError, match="2 to 20 lower-case"):
        import_plain("1,Jan", code=code)


def test_a_list_keeps_its_format() -> None:
    import_plain("1,Jan")
    with pytest.raises(ConflictError, match="is imported as Plain CSV"):
        import_list(
            "own", format_name="un", sources=[source(UN)], user=None, accept=Accept(older=True)
        )
    assert Watchlist.objects.get(code="own").revision == 1


def test_a_dry_run_tells_all_and_writes_nothing() -> None:
    import_plain("1,Jan")
    before = state()

    outcome = import_plain("1,Jan", "2,Piet", published_on=LATER, dry_run=True)

    assert (outcome.revision, outcome.counts.added, outcome.new_names) == (2, 1, 1)
    assert (outcome.is_dry_run, outcome.rescreen_id) == (True, None)
    assert state() == before


@pytest.mark.parametrize("role", ["officer", "auditor", "rule_author", "rule_publisher"])
def test_only_those_who_may_import_and_switch_do(role: str) -> None:
    import_plain("1,Jan")
    before = state()
    user = staff(role)

    with pytest.raises(PermissionRefusedError):
        import_plain("2,Piet", user=user, published_on=LATER)
    with pytest.raises(PermissionRefusedError):
        switch("own", is_active=False, reason="because", user=user)
    lead = staff("lead")
    User.objects.filter(pk=lead.pk).update(is_active=False)
    with pytest.raises(PermissionRefusedError):
        import_plain("2,Piet", user=User.objects.get(pk=lead.pk), published_on=LATER)

    assert state() == before
    assert import_plain("1,Jan", "2,P", user=staff("operator"), published_on=LATER).is_changed


def test_a_list_switched_off_is_not_compared_and_on_again_is_rescreened() -> None:
    import_plain("1,Odette Farnsleigh")
    Rescreen.objects.update(state="done")

    switch("own", is_active=False, reason="a licence ended", user=staff("lead"))
    assert flagged_payout(100, recipient_name="Odette Farnsleigh").state == "queued"
    assert Rescreen.objects.filter(state="waiting").count() == 0
    with pytest.raises(ConflictError, match="switched off already"):
        switch("own", is_active=False, reason="again", user=None)

    switch("own", is_active=True, reason="the licence is back", user=None)
    assert Rescreen.objects.get(state="waiting").since_lists == {"own": 0}
    assert [
        (s.revision, s.is_active, s.reason) for s in WatchlistSwitch.objects.order_by("id")
    ] == [
        (2, False, "a licence ended"),
        (3, True, "the licence is back"),
    ]
    assert Watchlist.objects.get(code="own").revision == 3


def test_a_switch_needs_a_list_and_a_reason() -> None:
    import_plain("1,Jan")
    for reason in ("", "  a ", "x" * 501, "nul\x00nul"):
        with pytest.raises(InvalidRequestError):
            switch("own", is_active=False, reason=reason, user=None)
    with pytest.raises(NotFoundError):
        switch("none", is_active=False, reason="because", user=None)
    assert Watchlist.objects.get(code="own").is_active


def test_a_thousand_parties_cost_as_many_statements_as_ten() -> None:
    import_plain(*[f"{n},Party {n}" for n in range(10)])
    with CaptureQueriesContext(connection) as few:
        import_plain(*[f"{n},Party {n},,Alias {n}" for n in range(10)], published_on=LATER)
    with CaptureQueriesContext(connection) as many:
        import_plain(*[f"{n},Party {n},,Alias {n}" for n in range(1_000)], code="big")

    # A list's first import inserts its row; nothing else depends on how many are listed.
    assert abs(len(many) - len(few)) <= 2


def test_what_was_listed_stays_as_it_was() -> None:
    import_plain("1,Jan")
    import_plain("2,Piet", accept=Accept(shrink=True), published_on=LATER)
    for statement in (
        "UPDATE compliance_watchlistchange SET kind = 'added'",
        "DELETE FROM compliance_watchlistchange",
        "TRUNCATE compliance_watchlistchange",
        "DELETE FROM compliance_watchlistimport",
        "UPDATE compliance_watchlistimport SET added = 0",
        "UPDATE compliance_watchlistentry SET name = 'Other' WHERE name = 'Piet'",
        "UPDATE compliance_watchlistentry SET strength = 'weak' WHERE name = 'Piet'",
        "UPDATE compliance_watchlistentry SET removed_in = NULL WHERE name = 'Jan'",
        "DELETE FROM compliance_watchlistentry",
        "UPDATE compliance_watchlistparty SET subject = 'x'",
        "DELETE FROM compliance_watchlistparty",
        "DELETE FROM compliance_watchlist",
    ):
        with (
            pytest.raises((DatabaseError, InternalError)),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(statement)
    assert names(2) == ["Piet"]
