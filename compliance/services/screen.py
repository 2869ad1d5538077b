"""Screening: the judge that `payouts.services.decisions.screen_waiting` calls inside its
transaction.

Writes one run per payout and one case per flagged payout, each table by one statement; moves no
payout itself.
"""

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import msgspec
from django.db import connection

from atlaspay.core.ids import new_id
from atlaspay.core.sets import array
from compliance.rules.facts import Facts
from compliance.rules.names import Matcher
from compliance.rules.policy import Assessment, CompiledPolicy, Result, Verdict
from compliance.rules.worth import urgency
from compliance.screening import asked, flows, live
from compliance.screening.gather import gather
from compliance.screening.recipients import remember
from compliance.screening.snoozes import snoozed_codes
from compliance.services import shadow
from payouts.machine import State
from payouts.models import Payout
from payouts.services import decisions

CHUNK = 1_000

# What automatic approval makes of each flagged payout: a value of `Case.Auto` each, in order.
Classify = Callable[[Sequence[Payout], Sequence[Assessment]], Sequence[str]]

_RUNS = """
INSERT INTO compliance_screeningrun
    (id, payout_id, policy_id, verdict, score, facts, findings, lists, duration_us, created_at)
SELECT r.id, r.payout_id, %s, r.verdict, r.score, r.facts::jsonb, r.findings::jsonb, %s, %s,
    clock_timestamp()
FROM unnest(%s::text[], %s::text[], %s::text[], %s::smallint[], %s::text[], %s::text[])
    AS r(id, payout_id, verdict, score, facts, findings)
"""
# Due after the policy's minutes; ranked nearer by a tenth of them for each digit of the amount.
_CASES = """
INSERT INTO compliance_case
    (id, payout_id, partner_id, run_id, state, is_blocked, auto, codes, score, opened_at, due_at,
     rank_at)
SELECT c.id, c.payout_id, c.partner_id, c.run_id, 'open', c.is_blocked, c.auto,
    string_to_array(c.codes, ','), c.score, t.now, t.now + t.time_left,
    t.now + t.time_left * (1 - c.urgency)
FROM (SELECT clock_timestamp() AS now, %s * interval '1 minute' AS time_left) t,
    unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::smallint[],
        %s::boolean[], %s::text[], %s::float8[])
    AS c(id, payout_id, partner_id, run_id, codes, score, is_blocked, auto, urgency)
"""
_encode = msgspec.json.Encoder().encode
SCORE_MAX = 32_767


def screen_chunk(*, limit: int = CHUNK, classify: Classify | None = None) -> int:
    """Screen up to `limit` waiting payouts in one transaction; return how many.

    Fewer where their names take too long (`screening.asked`). Safe to repeat and to run in
    parallel.
    """
    flows.keep_up()
    _index_lists()
    return decisions.screen_waiting(
        partial(judge, classify=classify), limit=limit, after_others=asked.slow_partners()
    )


def _index_lists() -> None:
    """Index changed lists before payouts are locked: many names take minutes."""
    # The first by the queue's index: any at all would be looked for in the table.
    waiting = Payout.objects.filter(state=State.SCREENING).order_by("due_at", "id")
    if waiting.values_list("id").first() and live.live_policy().needs.watchlists:
        live.lists()


def judge(
    payouts: Sequence[Payout], *, classify: Classify | None = None
) -> list[decisions.Verdict]:
    """Assess payouts against the live policy, those whose names fit into the time; keep the runs
    and cases.

    Call inside a transaction that locks the payouts. Raises UnavailableError without a policy.
    """
    if not payouts:
        return []
    started_ns = time.perf_counter_ns()
    policy = live.live_policy()
    lists = live.lists()
    matcher: Matcher = lists.matcher
    if policy.needs.watchlists:
        payouts, matcher = asked.fitting(payouts, matcher)
    remember(payouts)
    facts = gather(payouts, policy.needs, matcher)
    assessments = assess(policy, facts)
    share_us = (time.perf_counter_ns() - started_ns) // 1_000 // len(payouts)
    run_ids = [new_id("sr") for _ in payouts]
    runs: list[Any] = [
        policy.number,
        lists.label,
        share_us,
        array(run_ids),
        array([payout.id for payout in payouts]),
        array([str(each.verdict) for each in assessments]),
        array([min(each.score, SCORE_MAX) for each in assessments]),
        array([_encode(each.derived()).decode() for each in facts]),
        array([_encode(each.findings).decode() if each.findings else "[]" for each in assessments]),
    ]
    flagged = [index for index, each in enumerate(assessments) if not each.is_clear]
    with connection.cursor() as cursor:
        cursor.execute(_RUNS, runs)
    if flagged:
        _open_cases(
            policy.review_minutes,
            [payouts[index] for index in flagged],
            [assessments[index] for index in flagged],
            [run_ids[index] for index in flagged],
            classify,
        )
    shadow.run(payouts, facts, assessments, run_ids, policy, matcher)
    return [
        decisions.Verdict(payout.id, each.is_clear, _summary(policy.number, each))
        for payout, each in zip(payouts, assessments, strict=True)
    ]


def assess(policy: CompiledPolicy, facts: Sequence[Facts]) -> list[Assessment]:
    """Assess each payout's facts with the snoozes of its partner in force; a snooze that silenced
    a hit becomes one of the facts."""
    snoozed = snoozed_codes(str(each.values["partner_id"]) for each in facts)
    if not snoozed:
        return [policy.assess(each) for each in facts]
    made = []
    for each in facts:
        each.values["snoozed"] = snoozed.get(str(each.values["partner_id"]), ())
        assessment = policy.assess(each)
        if not any(finding["result"] == Result.SNOOZED for finding in assessment.findings):
            each.values["snoozed"] = ()
        made.append(assessment)
    return made


def _open_cases(
    review_minutes: int,
    payouts: Sequence[Payout],
    assessments: Sequence[Assessment],
    run_ids: Sequence[str],
    classify: Classify | None,
) -> None:
    auto = classify(payouts, assessments) if classify else [""] * len(payouts)
    with connection.cursor() as cursor:
        cursor.execute(
            _CASES,
            [
                review_minutes,
                [new_id("cs") for _ in payouts],
                [payout.id for payout in payouts],
                [payout.partner_id for payout in payouts],
                list(run_ids),
                [",".join(each.codes) for each in assessments],
                [min(each.score, SCORE_MAX) for each in assessments],
                [each.verdict is Verdict.BLOCK for each in assessments],
                list(auto),
                [urgency(payout.amount_minor, payout.currency) for payout in payouts],
            ],
        )


def _summary(number: int, assessment: Assessment) -> str:
    codes = assessment.codes
    return f"policy {number}: {', '.join(codes) if codes else 'clear'}"
