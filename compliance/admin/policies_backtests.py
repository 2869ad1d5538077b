"""Backtests in the console: progress while it runs, then what the policy would have done."""

from collections.abc import Mapping
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin import display
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.views.decorators.http import require_POST

from atlaspay.core import console
from atlaspay.core.admin import ReadOnlyAdmin
from atlaspay.core.console import Call, Fact, Table
from compliance.admin.case_actions import staff
from compliance.admin.policies_common import attempt, state_badge, to_backtest
from compliance.admin.words import code_words
from compliance.models import Backtest
from compliance.services import backtest, permit
from compliance.services.backtest_report import figures_of, payouts_per_second, tally_of
from compliance.services.backtest_tally import OUTCOMES, Counts, Figures, Tally, precision
from payouts.admin.words import PAYOUT_TONES
from payouts.models import Payout

REFRESH_S = 3
OUTCOME_WORDS = {
    "approved": ("Approved", "good"),
    "rejected": ("Rejected", "bad"),
    "open": ("Still open", "warn"),
    "withdrawn": ("Withdrawn", "idle"),
    "never": ("Never flagged", "idle"),
}


@admin.register(Backtest)
class BacktestAdmin(ReadOnlyAdmin):
    """What was tried over past payouts."""

    list_display = ["title", "state_words", "tried", "by", "ordered"]
    list_filter = ["state"]
    ordering = ["-id"]
    page_template = "admin/compliance/backtest/page.html"

    @display(description="State", ordering="state")
    def state_words(self, obj: Backtest) -> object:
        """Return how far it is."""
        return state_badge(obj)

    @display(description="Payouts tried")
    def tried(self, obj: Backtest) -> object:
        """Return how many."""
        return f"{obj.done:,}"

    @display(description="By")
    def by(self, obj: Backtest) -> object:
        """Return who ordered it."""
        return console.actor(obj.actor)

    @display(description="Ordered", ordering="created_at")
    def ordered(self, obj: Backtest) -> object:
        """Return when."""
        return console.when(obj.created_at)

    def get_urls(self) -> list[URLPattern]:
        """Add stopping."""
        stop = self.admin_site.admin_view(require_POST(self.stop_view))
        return [
            path("<int:pk>/stop/", stop, name="compliance_backtest_stop"),
            *super().get_urls(),
        ]

    def stop_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Stop it; what it found so far stays."""
        if attempt(request, lambda: backtest.stop_backtest(pk, staff(request))) is not None:
            messages.success(request, "Stopped. The figures so far stay.")
        return to_backtest(pk)

    def page(self, request: HttpRequest, obj: Backtest) -> dict[str, Any]:
        """Return the figures so far, four queries whatever the range."""
        tally, sums = tally_of(obj), figures_of(obj)
        is_going = obj.state in backtest.UNFINISHED
        live = obj.totals.get("live")
        return {
            "heading": obj.title,
            "badges": state_badge(obj),
            "summary": f"Over payouts of {obj.since:%d %b %Y %H:%M} to {obj.until:%d %b %Y %H:%M}"
            " UTC. Nothing was moved by it.",
            "calls": _calls(obj, sums, live),
            "is_going": is_going,
            "refresh_s": REFRESH_S,
            "percent": 100 * obj.done // obj.total if obj.total else 0,
            "done": f"{obj.done:,}",
            "total": f"{obj.total:,}",
            "speed": f"{payouts_per_second(obj):,}",
            "may_stop": is_going and permit.may(request.user, permit.AUTHOR, permit.PUBLISHER),
            "facts_title": "In short",
            "facts": _facts(obj, tally, sums, live),
            "tables": _tables(obj, tally, sums, live),
        }


def _calls(obj: Backtest, sums: Figures, live: int | None) -> list[Call]:
    calls = []
    if obj.state == Backtest.State.FAILED:
        calls.append(Call(obj.detail or "It failed.", "bad"))
    if sums.missed:
        words = (
            f"{sums.missed:,} payouts that officers rejected would pass. Look at each before this"
            " is published."
        )
        calls.append(Call(words, "bad"))
    elif obj.state == Backtest.State.DONE and sums.lost:
        words = f"{sums.lost:,} hits of policy {live} are lost; none of them was rejected."
        calls.append(Call(words, "warn"))
    return calls


def _facts(obj: Backtest, tally: Tally, sums: Figures, live: int | None) -> list[Fact]:
    minutes = f"{sums.minutes_a_day:,} min, {sums.extra_minutes_a_day:+,} to policy {live}"
    measured = "measured" if obj.totals.get("handling_is_measured") else "assumed"
    return [
        Fact("Payouts tried", f"{sums.payouts:,} on {_days(sums.days)}"),
        Fact("Would be held", f"{sums.flagged:,} ({_share(sums.flagged, sums.payouts)})"),
        Fact("Would be blocked", f"{tally.blocked:,}"),
        Fact("Really held", f"{sums.really_flagged:,}"),
        Fact("Review a day", minutes),
        Fact("A case takes", f"{console.span(sums.handling_s)}, {measured}"),
        Fact("Could be approved automatically", _share(tally.auto_eligible, sums.flagged)),
        Fact("Rules that failed on", f"{tally.errors:,} payouts"),
    ]


def _tables(obj: Backtest, tally: Tally, sums: Figures, live: int | None) -> list[Table]:
    titles = {rule.get("code"): rule.get("title") for rule in obj.document.get("rules", ())}
    lines = (
        ("Payouts tried", tally.seen),
        ("Would be held", tally.flagged),
        (f"Held by policy {live}", tally.live_flagged),
        ("Gained", tally.gained),
        ("Lost", tally.lost),
        ("Really held, now let go", tally.dropped),
    )
    return [
        Table(
            "By what became of them",
            ["", "All>", *(f"{OUTCOME_WORDS[name][0]}>" for name in OUTCOMES)],
            [[words, *_counts(counts)] for words, counts in lines],
            note=f"gained and lost against policy {live} on the same facts",
        ),
        Table("Rules", _RULE_HEADERS, [_rule(c, r, titles) for c, r in tally.rules.items()]),
        *_samples(tally, titles),
    ]


_RULE_HEADERS = [
    "Rule",
    "Hits>",
    "Alone>",
    "Rejected>",
    "Approved>",
    "Precision>",
    "Open>",
    "Never flagged>",
    "Failed>",
]


def _rule(code: str, rule: Mapping[str, int], titles: Mapping[Any, Any]) -> list[Any]:
    share = precision(rule)
    names = ("hits", "alone", "rejected", "approved")
    return [
        titles.get(code) or code_words(code),
        *(f"{rule[name]:,}" for name in names),
        console.NOTHING if share is None else f"{share} %",
        *(f"{rule[name]:,}" for name in ("open", "never", "errors")),
    ]


def _samples(tally: Tally, titles: Mapping[Any, Any]) -> list[Table]:
    ids = {each["id"] for each in [*tally.gained_sample, *tally.lost_sample]}
    found = Payout.objects.only(
        "id", "reference", "recipient_name", "amount_minor", "currency", "submitted_at", "state"
    ).in_bulk(ids)
    return [
        _sample("Gained: it flags, the live policy does not", tally.gained_sample, found, titles),
        _sample("Lost: the live policy flags, it does not", tally.lost_sample, found, titles),
    ]


def _sample(
    title: str,
    sample: list[dict[str, Any]],
    found: Mapping[str, Payout],
    titles: Mapping[Any, Any],
) -> Table:
    rows = [
        [
            console.id_link("payouts_payout", payout.id, payout.reference),
            payout.recipient_name,
            console.money(payout.amount_minor, payout.currency),
            console.when(payout.submitted_at),
            ", ".join(str(titles.get(code) or code_words(code)) for code in each["codes"]),
            console.badge(*OUTCOME_WORDS[each["outcome"]]),
            console.toned(payout.state, payout.get_state_display(), PAYOUT_TONES),
        ]
        for each in sample
        if (payout := found.get(each["id"])) is not None
    ]
    headers = ["Payout", "Recipient", "Amount>", "Submitted", "Rules", "Then", "Now"]
    return Table(title, headers, rows, empty="None.", note=f"a random {len(rows)}" if rows else "")


def _counts(counts: Counts) -> list[str]:
    return [f"{sum(counts.values()):,}", *(f"{counts[name]:,}" for name in OUTCOMES)]


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "0 %"


def _days(days: int) -> str:
    return "1 day" if days == 1 else f"{days:,} days"
