"""What a rescreen does about payouts whose recipient resembles a new name: hold, raise, or report;
and stop automatic approval where it had let one of them go.

All of a chunk is one transaction under the payouts' locks, so each payout is dealt with as what it
is at that moment: queued is held with a new case, in review has its case raised, sent is reported.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection

from atlaspay.core.ids import new_id
from compliance.models import Case, RescreenHit, ScreeningRun
from compliance.rules.policy import Assessment, Result, Verdict
from compliance.rules.worth import urgency
from compliance.screening import live
from compliance.screening.gather import gather
from compliance.services import auto_watch
from compliance.services.screen import SCORE_MAX, assess
from payouts.machine import State
from payouts.models import Payout
from payouts.services import decisions

SENT = (State.SENDING, State.SENT, State.SETTLED, State.RETURNED)

# A proposal that waits for a second officer lapses with it: the case's own trigger sees to that.
_RAISE = """
UPDATE compliance_case c SET
    codes = c.codes || (
        SELECT coalesce(array_agg(u.code ORDER BY u.place), '{}')
        FROM unnest(string_to_array(r.codes, ',')) WITH ORDINALITY AS u(code, place)
        WHERE NOT u.code = ANY(c.codes)),
    score = greatest(c.score, r.score), raised_at = clock_timestamp(),
    auto = CASE c.auto WHEN 'eligible' THEN '' ELSE c.auto END,
    is_blocked = c.is_blocked OR r.is_blocked
FROM unnest(%s::text[], %s::text[], %s::int[], %s::boolean[])
    AS r(payout_id, codes, score, is_blocked)
WHERE c.payout_id = r.payout_id AND c.state IN ('open', 'second')
"""
_DUE = "SELECT t.now, t.now + %s * interval '1 minute' FROM (SELECT clock_timestamp() AS now) t"
# One a recipient and name, whichever rescreen found it: paid a thousand times, looked at once. What
# is on its way has one of its own, for the bank may refuse it and it would be sent again.
_PAID = """
INSERT INTO compliance_rescreenhit
    (rescreen_id, payout_id, entry_id, similarity, outcome, review_note)
SELECT %s, r.payout_id, r.entry_id, r.similarity, 'paid', ''
FROM unnest(%s::text[], %s::bigint[], %s::smallint[]) AS r(payout_id, entry_id, similarity)
JOIN payouts_payout p ON p.id = r.payout_id
WHERE p.state IN ('sending', 'sent') OR NOT EXISTS (
    SELECT 1 FROM compliance_rescreenhit h JOIN payouts_payout q ON q.id = h.payout_id
    WHERE h.entry_id = r.entry_id AND h.outcome = 'paid' AND q.partner_id = p.partner_id
        AND q.account_index = p.account_index AND q.recipient_name = p.recipient_name)
ON CONFLICT ON CONSTRAINT rescreen_hit_once DO NOTHING
"""


@dataclass(frozen=True, slots=True)
class Found:
    """A payout that the live policy flags today because of new names: (entry id, similarity)."""

    payout: Payout
    facts: dict[str, Any]
    assessment: Assessment
    hits: tuple[tuple[int, int], ...]


def act(rescreen_id: int, payout_ids: Sequence[str], new_entries: Collection[int]) -> int:
    """Assess these payouts anew and hold, raise or report those that a new name flags; return how
    many. Safe to repeat: a name that a run of the payout has seen is no longer new to it."""
    found = _assess(payout_ids, new_entries)
    if not found:
        return 0
    policy = live.live_policy()

    def record(changes: Sequence[decisions.Change]) -> None:
        states = dict(
            Payout.objects.filter(id__in=[each.payout.id for each in found]).values_list(
                "id", "state"
            )
        )
        moved = {change.payout.id for change in changes}
        held = [each for each in found if each.payout.id in moved]
        raised = [
            each
            for each in found
            if each.payout.id not in moved and states[each.payout.id] == State.IN_REVIEW
        ]
        runs = _write_runs([*held, *raised], policy.number)
        _open_cases(held, runs, policy.review_minutes)
        _raise_cases(raised)
        _write_hits(rescreen_id, held, RescreenHit.Outcome.HELD)
        _write_hits(rescreen_id, raised, RescreenHit.Outcome.RAISED)
        sent = [each for each in found if states[each.payout.id] in SENT]
        _report(rescreen_id, sent, states)
        auto_watch.flagged_later([each.payout.id for each in (*held, *raised, *sent)])

    # Locks every payout given, whatever its state, and moves those that are queued.
    decisions.hold([each.payout.id for each in found], record=record)
    return len(found)


def _assess(payout_ids: Sequence[str], new_entries: Collection[int]) -> list[Found]:
    """Return the payouts that the live policy flags with a name among `new_entries` that no run of
    theirs has seen."""
    payouts = list(
        Payout.objects.filter(id__in=payout_ids)
        .exclude(state__in=[State.FAILED, State.CANCELED])
        .defer("account_sealed", "metadata")
        .order_by("-id")
    )
    if not payouts:
        return []
    policy = live.live_policy()
    seen = _seen([payout.id for payout in payouts])
    found = []
    facts = gather(payouts, policy.needs, live.lists().matcher)
    assessments = assess(policy, facts)
    for payout, known, assessment in zip(payouts, facts, assessments, strict=True):
        new = [
            (entry_id, similarity)
            for entry_id, similarity in _hits(assessment)
            if entry_id in new_entries and entry_id not in seen.get(payout.id, ())
        ]
        if new and not assessment.is_clear:
            found.append(Found(payout, known.derived(), assessment, tuple(new)))
    return found


def _hits(assessment: Assessment) -> Iterable[tuple[int, int]]:
    return {
        hit["entry_id"]: hit["similarity"]
        for finding in assessment.findings
        if finding["result"] != Result.NO_HIT
        for hit in finding["trace"].get("hits", [])
    }.items()


def _seen(payout_ids: Sequence[str]) -> dict[str, set[int]]:
    seen: dict[str, set[int]] = {}
    runs = ScreeningRun.objects.filter(payout__in=payout_ids, facts__has_key="watch_hits")
    for payout_id, hits in runs.values_list("payout_id", "facts__watch_hits"):
        seen.setdefault(payout_id, set()).update(hit["entry_id"] for hit in hits or ())
    return seen


def _write_runs(found: Sequence[Found], policy_number: int) -> dict[str, ScreeningRun]:
    label = live.lists().label
    runs = [
        ScreeningRun(
            id=new_id("sr"),
            payout_id=each.payout.id,
            policy_id=policy_number,
            verdict=str(each.assessment.verdict),
            occasion=ScreeningRun.Occasion.RESCREEN,
            score=min(each.assessment.score, SCORE_MAX),
            facts=each.facts,
            findings=list(each.assessment.findings),
            lists=label,
            duration_us=0,
        )
        for each in found
    ]
    ScreeningRun.objects.bulk_create(runs)
    return {run.payout_id: run for run in runs}


def _open_cases(found: Sequence[Found], runs: dict[str, ScreeningRun], review_minutes: int) -> None:
    if not found:
        return
    with connection.cursor() as cursor:
        cursor.execute(_DUE, [review_minutes])
        opened_at, due_at = cursor.fetchone()
    Case.objects.bulk_create(
        Case(
            id=new_id("cs"),
            payout_id=each.payout.id,
            partner_id=each.payout.partner_id,
            run=runs[each.payout.id],
            origin=Case.Origin.RESCREEN,
            codes=each.assessment.codes,
            is_blocked=each.assessment.verdict is Verdict.BLOCK,
            score=min(each.assessment.score, SCORE_MAX),
            opened_at=opened_at,
            due_at=due_at,
            rank_at=due_at
            - (due_at - opened_at) * urgency(each.payout.amount_minor, each.payout.currency),
        )
        for each in found
    )


def _raise_cases(found: Sequence[Found]) -> None:
    if not found:
        return
    values: list[Any] = [
        [each.payout.id for each in found],
        [",".join(each.assessment.codes) for each in found],
        [min(each.assessment.score, SCORE_MAX) for each in found],
        [each.assessment.verdict is Verdict.BLOCK for each in found],
    ]
    with connection.cursor() as cursor:
        cursor.execute(_RAISE, values)


def _write_hits(rescreen_id: int, found: Sequence[Found], outcome: RescreenHit.Outcome) -> None:
    RescreenHit.objects.bulk_create(
        (
            RescreenHit(
                rescreen_id=rescreen_id,
                payout_id=each.payout.id,
                entry_id=entry_id,
                similarity=similarity,
                outcome=outcome,
                review_note="",
            )
            for each in found
            for entry_id, similarity in each.hits
        ),
        ignore_conflicts=True,
    )


def _report(rescreen_id: int, found: Sequence[Found], states: Mapping[str, str]) -> None:
    rows: dict[tuple[Any, ...], tuple[str, int, int]] = {}
    for each in found:
        one = each.payout
        for entry_id, similarity in each.hits:
            recipient = (one.partner_id, bytes(one.account_index), one.recipient_name, entry_id)
            if states[one.id] in (State.SENDING, State.SENT):
                recipient = (one.id, b"", "", entry_id)
            rows.setdefault(recipient, (one.id, entry_id, similarity))
    if rows:
        columns = [list(column) for column in zip(*rows.values(), strict=True)]
        with connection.cursor() as cursor:
            cursor.execute(_PAID, [rescreen_id, *columns])
