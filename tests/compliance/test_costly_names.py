"""Names made to cost much: they hold up whoever sends them, for a while, and nobody else."""

import pytest

from compliance.models import Rescreen, ScreeningRun
from compliance.screening import asked, live
from compliance.services import rescreen
from compliance.services.screen import screen_chunk
from payouts.models import Payout
from tests.compliance.lists import import_plain
from tests.payouts.factories import funded_partner, make_payouts

pytestmark = pytest.mark.django_db
COSTLY = "Mohammed Ahmed Ali Hassan"


@pytest.fixture(autouse=True)
def _quick_again():
    asked._slow_until.clear()
    yield
    asked._slow_until.clear()


@pytest.fixture
def clock(monkeypatch):
    """A clock on which a costly name takes 3 s and any other none."""

    class Clock:
        now = 1_000.0
        asked: list[str] = []

    found = Clock()
    found.asked = []
    matcher = type(live.lists().matcher)
    before = matcher.hits

    def hits(self, name, *most):
        found.asked.append(name)
        if name.startswith(COSTLY):
            found.now += 3.0
        return before(self, name, *most)

    monkeypatch.setattr(matcher, "hits", hits)
    for module in (asked, rescreen):
        monkeypatch.setattr(module.time, "monotonic", lambda: found.now)
    monkeypatch.setattr(asked.time, "perf_counter", lambda: found.now)
    return found


def states(payouts):
    found = dict(Payout.objects.filter(id__in=[p.id for p in payouts]).values_list("id", "state"))
    return [found[p.id] for p in payouts]


def costly(partner, count, suffix="x"):
    return [
        make_payouts(partner, [100], recipient_name=f"{COSTLY} {letter}{suffix}")[0]
        for letter in "abcdefghij"[:count]
    ]


def test_one_partners_costly_names_wait_and_others_go_on(clock):
    theirs = costly(funded_partner(), 4)
    ours = make_payouts(funded_partner(), [100, 200])
    assert screen_chunk() == 4
    assert states(theirs) == ["queued", "queued", "screening", "screening"]
    assert states(ours) == ["queued", "queued"]
    assert ScreeningRun.objects.count() == 4


def test_who_was_slow_gets_a_turn_after_everybody_else(clock):
    slow, other = funded_partner(), funded_partner()
    theirs = costly(slow, 5)
    screen_chunk()
    ours = make_payouts(other, [100])
    clock.asked.clear()
    assert (screen_chunk(limit=2), states(ours)) == (1, ["queued"])
    assert clock.asked == ["Anna Jansen"]
    assert (screen_chunk(), screen_chunk(), screen_chunk()) == (2, 1, 0)
    assert states(theirs) == ["queued"] * 5
    clock.now += 61
    assert asked.slow_partners() == []


def test_a_chunk_ends_however_many_send_costly_names(clock):
    for letter in "abcdefg":
        costly(funded_partner(), 1, letter)
    assert (screen_chunk(), screen_chunk(), screen_chunk()) == (5, 2, 0)


def test_a_name_is_asked_about_once_a_chunk(clock):
    make_payouts(funded_partner(), [100, 200, 300])
    screen_chunk()
    assert clock.asked == ["Anna Jansen"]


def test_a_rescreen_goes_on_from_the_name_that_took_its_time(clock):
    costly(funded_partner(), 5)
    while screen_chunk():
        pass
    import_plain("p1,Odette Farnsleigh,person")
    rescreen.forget()
    made = Rescreen.objects.latest("id")
    rescreen.run(slice_s=0.0)
    made.refresh_from_db()
    assert (made.state, made.done) == ("running", 2)
    for _ in range(12):
        rescreen.run(slice_s=0.0)
    assert Rescreen.objects.get().state == "done"
