"""What speaks for and against a flagged payout: its screening runs, the listed parties its
recipient resembles, and how cases like it ended.

Each read is bounded: a partner with a million payouts costs no more than a new one.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Prefetch

from compliance.models import Case, Decision, SafeMatch, ScreeningRun, WatchlistEntry
from payouts.models import Payout

RUNS_MAX = 20
RECORD_MAX = 200
SIMILAR_MAX = 6
NAMES_MAX = 12


@dataclass(frozen=True, slots=True)
class PartnerRecord:
    """How a partner's latest flagged payouts ended: `decided` of them, `RECORD_MAX` at most."""

    waiting: int
    decided: int
    approved: int
    rejected: int


@dataclass(frozen=True, slots=True)
class ListedHit:
    """A listed name the recipient resembles, as the run kept it, with its party as the list has it
    now; `entry` is None where the run's entry is unknown."""

    found: Mapping[str, Any]
    entry: WatchlistEntry | None
    other_names: tuple[str, ...]

    @property
    def similarity(self) -> int:
        """Return how alike the names are, in percent."""
        return int(self.found.get("similarity", 0))


def runs_of(payout_id: str) -> list[ScreeningRun]:
    """Return every screening of a payout, oldest first, with its policy."""
    return list(
        ScreeningRun.objects.filter(payout_id=payout_id)
        .select_related("policy")
        .order_by("id")[:RUNS_MAX]
    )


def listed_hits(runs: Iterable[ScreeningRun]) -> list[ListedHit]:
    """Return the listed names that screenings found alike, most alike first; two queries."""
    found = {
        hit["entry_id"]: hit
        for run in runs
        for hit in run.facts.get("watch_hits") or ()
        if isinstance(hit, Mapping) and "entry_id" in hit
    }
    names = Prefetch("party__names", WatchlistEntry.objects.filter(removed_in=None))
    entries = {
        entry.pk: entry
        for entry in WatchlistEntry.objects.filter(pk__in=list(found))
        .select_related("party__watchlist")
        .prefetch_related(names)
    }
    made = []
    for entry_id, hit in found.items():
        entry = entries.get(entry_id)
        others = [] if entry is None else [n.name for n in entry.party.names.all() if n != entry]
        made.append(ListedHit(hit, entry, tuple(others[:NAMES_MAX])))
    return sorted(made, key=lambda one: (-one.similarity, one.found["entry_id"]))


def twin_of(runs: Iterable[ScreeningRun]) -> Payout | None:
    """Return the payout that a finding about duplicates points at."""
    ids = [
        value
        for run in runs
        for name, value in run.facts.items()
        if name.startswith("twin_") and isinstance(value, str) and value.startswith("po_")
    ]
    if not ids:
        return None
    return Payout.objects.select_related("batch", "partner").filter(id=ids[-1]).first()


def payouts_before(findings: Iterable[Mapping[str, Any]]) -> dict[str, Payout]:
    """Return the payouts that findings name as the recipient's one before, by id; no query where
    none does."""
    traces = [finding.get("trace") or {} for finding in findings]
    ids = {str(trace["payout_before_id"]) for trace in traces if trace.get("payout_before_id")}
    wanted = Payout.objects.filter(id__in=ids).defer("account_sealed", "account_index", "metadata")
    return {payout.id: payout for payout in wanted} if ids else {}


def partner_record(partner_id: str) -> PartnerRecord:
    """Return how the partner's latest decided cases ended, and how many wait; three queries."""
    waiting = Case.objects.filter(partner_id=partner_id, state__in=Case.WAITING)
    closed = (
        Case.objects.filter(partner_id=partner_id, state=Case.State.DECIDED)
        .order_by("-closed_at")
        .values_list("id", flat=True)[:RECORD_MAX]
    )
    kinds = list(
        Decision.objects.filter(case_id__in=list(closed), stage__in=Decision.TAKES_EFFECT)
        .exclude(kind=Decision.Kind.UNDO)
        .values_list("kind", flat=True)
        .order_by()
    )
    rejected = kinds.count(Decision.Kind.REJECT)
    return PartnerRecord(
        waiting=waiting[:RECORD_MAX].count(),
        decided=len(kinds),
        approved=len(kinds) - rejected,
        rejected=rejected,
    )


def similar_decided(case: Case) -> list[Case]:
    """Return the partner's cases decided last for the same first reason, with their decisions."""
    if not case.codes:
        return []
    recent = (
        Case.objects.filter(partner_id=case.partner_id, state=Case.State.DECIDED)
        .order_by("-closed_at")
        .values_list("id", flat=True)[:RECORD_MAX]
    )
    return list(
        Case.objects.filter(id__in=list(recent), codes__contains=case.codes[:1])
        .exclude(id=case.id)
        .select_related("payout")
        .defer("payout__account_sealed", "payout__account_index", "payout__metadata")
        .prefetch_related(Prefetch("decisions", Decision.objects.defer("evidence")))
        .order_by("-closed_at")[:SIMILAR_MAX]
    )


def safe_matches_of(payout: Payout) -> list[SafeMatch]:
    """Return who officers found this account's holder not to be, for this partner."""
    return list(
        SafeMatch.objects.filter(
            partner_id=payout.partner_id, account_index=payout.account_index, revoked_at=None
        ).select_related("party__watchlist")[:SIMILAR_MAX]
    )


def all_findings(runs: Sequence[ScreeningRun]) -> list[dict[str, Any]]:
    """Return each rule's latest word over several runs; one that ever hit stays a hit."""
    said: dict[str, dict[str, Any]] = {}
    for run in runs:
        for finding in run.findings:
            known = said.get(finding["code"])
            if known is None or known["result"] == "no_hit" or finding["result"] != "no_hit":
                said[finding["code"]] = finding
    return sorted(said.values(), key=lambda finding: -int(finding["weight"]))
