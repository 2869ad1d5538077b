"""The commands, over files: what they print, how they end, and the published lists themselves."""

import json
from datetime import date
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from bench.name_data import DATA
from compliance.models import (
    Rescreen,
    Watchlist,
    WatchlistEntry,
    WatchlistImport,
    WatchlistParty,
)
from compliance.services import rescreen
from tests.compliance.lists import HEADER, import_plain
from tests.compliance.test_rescreen import NAME, cleared
from tests.docs.pages import ROOT
from tests.payouts.factories import fresh

pytestmark = pytest.mark.django_db
PUBLISHED_LISTS = DATA / "watchlists"
needs_lists = pytest.mark.skipif(
    not PUBLISHED_LISTS.is_dir(), reason=f"the published lists are not in {PUBLISHED_LISTS}"
)


@pytest.fixture(autouse=True)
def _no_memory() -> None:
    rescreen.forget()


def run(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    call_command(*[str(word) for word in words])
    return capsys.readouterr().out


def test_the_example_is_imported_dry_then_for_good(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["import_watchlist", "own", "--format", "plain", "--published-on", "2026-03-01"]
    words += ["--file", str(ROOT / "examples" / "watchlist.csv"), "--title", "Our own"]

    assert "would become revision 1: 3 parties, 9 names" in run(capsys, *words, "--dry-run")
    assert not Watchlist.objects.filter(code="own").exists()

    text = run(capsys, *words)
    assert "Our own of 01 Mar 2026 is revision 1: 3 parties, 9 names" in text
    assert "3 added, 0 changed, 0 removed; 9 names are new" in text
    assert f"rescreen {Rescreen.objects.get().pk} waits for a worker" in text
    assert WatchlistImport.objects.get().actor.startswith("operator:")
    assert "already here as revision 1, no change" in run(capsys, *words)
    assert json.loads(run(capsys, *words, "--json"))["is_changed"] is False


def test_every_problem_is_printed_with_its_line(tmp_path: Path) -> None:
    bad = tmp_path / "bad.csv"
    bad.write_text(f"{HEADER}\n1,,,,,,,,,\n2,Jan,ghost,,,,,,,\n", encoding="utf-8")
    words = ["import_watchlist", "own", "--format", "plain", "--published-on", "2026-03-01"]

    with pytest.raises(CommandError) as caught:
        call_command(*words, "--file", str(bad))

    assert str(caught.value).splitlines() == [
        "nothing was imported:",
        "  bad.csv, line 2: the party has no name",
        "  bad.csv, line 3: there is no kind “ghost”:"
        " aircraft, organisation, person, unknown, vessel",
    ]
    with pytest.raises(CommandError, match="No such file"):
        call_command(*words, "--file", str(tmp_path / "none.csv"))
    with pytest.raises(CommandError, match="is no day"):
        call_command(*words[:-1], "yesterday", "--file", str(bad))
    assert not Watchlist.objects.filter(code="own").exists()


def test_a_refusal_names_the_option_that_lets_it_pass(tmp_path: Path) -> None:
    import_plain("1,Jan", "2,Piet", "3,Klaas")
    short = tmp_path / "short.csv"
    short.write_text("subject,name\n1,Jan\n", encoding="utf-8")
    words = ["import_watchlist", "own", "--format", "plain", "--file", str(short)]

    with pytest.raises(CommandError, match=r"3 to 1 parties.*\(--accept-shrink\)"):
        call_command(*words, "--published-on", "2026-03-02")
    with pytest.raises(CommandError, match=r"\(--older\)"):
        call_command(*words, "--published-on", "2026-02-01")
    with pytest.raises(CommandError, match="give the date"):
        call_command(*words)

    assert Watchlist.objects.get(code="own").revision == 1


def test_rescreen_runs_to_its_end_and_counts(capsys: pytest.CaptureFixture[str]) -> None:
    (payout,) = cleared()
    import_plain(f"1,{NAME}")
    Rescreen.objects.update(state="done")

    text = run(capsys, "rescreen", "--since-list", "own@0", "--days", "30")

    assert "2 payouts compared (1 new names); 1 held, 0 cases raised, 0 recipients" in text
    assert fresh(payout).state == "in_review"
    answer = json.loads(run(capsys, "rescreen", "--all", "--json"))
    assert (answer["state"], answer["held"], answer["since"]) == (
        "done",
        0,
        {"own": 0, "synthetic": 0},
    )
    for wrong in (["--since-list", "own"], ["--since-list", "none@1"], ["--all", "--days", "-1"]):
        with pytest.raises(CommandError):
            call_command("rescreen", *wrong)
    assert Rescreen.objects.count() == 3


@needs_lists
def test_the_published_ofac_list_is_read_in_full() -> None:
    words = ["import_watchlist", "ofac", "--format", "ofac", "--published-on", "2026-02-27"]
    for option, name in (("--file", "sdn"), ("--alt", "alt"), ("--add", "add")):
        words += [option, str(PUBLISHED_LISTS / f"ofac_{name}.csv")]

    # This copy of sdn.csv is cut short: 7,698 aliases and 9,121 addresses belong to nobody.
    with pytest.raises(CommandError, match=r"16,819 aliases and addresses.*\(--accept-mismatch\)"):
        call_command(*words)
    call_command(*words, "--accept-mismatch")

    assert WatchlistParty.objects.filter(watchlist="ofac").count() == 7_379
    names = WatchlistEntry.objects.filter(party__watchlist="ofac")
    # 7,379 primary names, 9,360 of the 9,393 aliases (33 are said twice), 2,037 weak ones.
    assert names.filter(is_primary=True).count() == 7_379
    assert names.filter(strength="weak").count() == 2_037
    assert names.count() == 18_776
    assert WatchlistImport.objects.get().accepted == ["mismatch"]


@needs_lists
def test_the_published_un_list_is_read_in_full() -> None:
    path = PUBLISHED_LISTS / "un_consolidated.xml"
    call_command("import_watchlist", "un", "--format", "un", "--file", str(path))

    listed = WatchlistParty.objects.filter(watchlist="un")
    assert Watchlist.objects.get(code="un").published_on == date(2026, 2, 27)
    assert listed.filter(kind="person").count() == 730
    assert listed.filter(kind="organisation").count() == 273
    names = WatchlistEntry.objects.filter(party__watchlist="un")
    # 4,091 with the 336 original-script names of people; 42 more of entities, and aliases that
    # hold several names split at their semicolons.
    assert names.count() == 4_199
    assert names.filter(strength="weak").count() == 621
