"""A shadow run's page: what the version says beside what the live one said, and where they part."""

from datetime import timedelta
from typing import Any

from django.db.models import F, Q, Sum
from django.db.models.functions import TruncDay

from atlaspay.core import console
from atlaspay.core.clock import now
from atlaspay.core.console import Fact, Table
from compliance.admin.words import code_words
from compliance.models import Policy, ShadowRun, ShadowTally

SHOWN = 20
_BY_HOUR = timedelta(hours=48)
_SCANNED = 2_000
_COUNTS = ("screened", "both", "only_live", "only_shadow")


def shadow_page(policy: Policy, *, is_running: bool) -> dict[str, Any]:
    """Return the page's context; six queries however long it ran."""
    tallies = ShadowTally.objects.filter(policy=policy)
    total = tallies.aggregate(**{name: Sum(name, default=0) for name in _COUNTS})
    flagged = total["both"] + total["only_shadow"]
    was = total["both"] + total["only_live"]
    titles = {rule.get("code"): rule.get("title") for rule in policy.document.get("rules", ())}
    return {
        "heading": f"Policy {policy.number} in shadow",
        "badges": console.badge("Running", "info") if is_running else console.badge("Ended"),
        "summary": "It assesses each payout after the live policy did, and moves nothing.",
        "facts_title": "Since it began",
        "facts": [
            Fact("Payouts seen", f"{total['screened']:,}"),
            Fact("Flagged by both", f"{total['both']:,}"),
            Fact("Only by the live policy", f"{total['only_live']:,}"),
            Fact("Only by this one", f"{total['only_shadow']:,}"),
            Fact("It would hold", f"{_share(flagged, total['screened'])} of payouts"),
            Fact("The live one held", f"{_share(was, total['screened'])}"),
        ],
        "tables": [
            _runs(policy, titles, "Only this policy flags", Q(live_verdict="clear")),
            _runs(policy, titles, "Only the live policy flagged", Q(verdict="clear")),
            _hours(policy),
            _days(policy),
        ],
    }


def _share(part: int, whole: int) -> str:
    return f"{part * 100 / whole:.2f} %" if whole else "0 %"


def _hours(policy: Policy) -> Table:
    rows = ShadowTally.objects.filter(policy=policy, hour__gte=now() - _BY_HOUR).order_by("-hour")
    lines = [
        [f"{row.hour:%d %b %H}:00", *(f"{getattr(row, name):,}" for name in _COUNTS)]
        for row in rows
    ]
    return _tallied("By hour", "Hour", lines, note="the last 48 hours, UTC")


def _days(policy: Policy) -> Table:
    rows: Any = (
        ShadowTally.objects.filter(policy=policy)
        .annotate(day=TruncDay("hour"))
        .values("day")
        .annotate(**{f"n_{name}": Sum(F(name)) for name in _COUNTS})
        .order_by("-day")[:60]
    )
    lines = [
        [f"{row['day']:%d %b %Y}", *(f"{row[f'n_{name}']:,}" for name in _COUNTS)] for row in rows
    ]
    return _tallied("By day", "Day", lines, note="UTC")


def _tallied(title: str, first: str, lines: list[list[str]], note: str) -> Table:
    headers = [first, "Screened>", "Both>", "Only live>", "Only shadow>"]
    return Table(title, headers, lines, empty="Nothing was screened yet.", note=note)


def _runs(policy: Policy, titles: dict[Any, Any], title: str, which: Q) -> Table:
    # Newest first by the index; where the two almost always agree, a look at the newest has to do.
    newest = ShadowRun.objects.filter(policy=policy).order_by("-id").values("id")[:_SCANNED]
    found = (
        ShadowRun.objects.filter(which, id__in=newest)
        .select_related("run__payout")
        .order_by("-id")[:SHOWN]
    )
    rows = [
        [
            console.when(each.created_at),
            console.id_link("payouts_payout", each.run.payout_id, each.run.payout.reference),
            each.run.payout.recipient_name,
            console.money(each.run.payout.amount_minor, each.run.payout.currency),
            ", ".join(_said(each, titles)),
            console.id_link("compliance_screeningrun", each.run_id, "Live run"),
        ]
        for each in found
    ]
    headers = ["At", "Payout", "Recipient", "Amount>", "Why", ""]
    return Table(title, headers, rows, empty="None so far.", note=f"the newest {SHOWN}")


def _said(each: ShadowRun, titles: dict[Any, Any]) -> list[str]:
    """Return the rules that flagged: this policy's, or where it said nothing, the live run's."""
    findings = each.findings if each.verdict != "clear" else each.run.findings
    return [
        str(titles.get(finding["code"]) or code_words(finding["code"]))
        for finding in findings
        if finding["result"] in ("hit", "error")
    ]
