"""Screening: the judge that `payouts.services.decisions.screen_waiting` calls inside its
transaction.

Writes one run per payout and one case per flagged payout, each table by one statement; moves no
payout itself.
"""

import time
from collections.abc import Sequence
from typing import Any

import msgspec
from django.db import connection

from atlaspay.core.ids import new_id
from compliance.models import ScreeningRun
from compliance.rules.policy import Assessment, Result
from compliance.screening import live
from compliance.screening.gather import gather
from payouts.models import Payout
from payouts.services.decisions import Verdict, screen_waiting

CHUNK = 1_000

_RUNS = """
INSERT INTO compliance_screeningrun
    (id, payout_id, policy_id, verdict, score, facts, findings, lists, duration_us, created_at)
SELECT r.id, r.payout_id, %s, r.verdict, r.score, r.facts::jsonb, r.findings::jsonb, %s, %s,
    clock_timestamp()
FROM unnest(%s::text[], %s::text[], %s::text[], %s::smallint[], %s::text[], %s::text[])
    AS r(id, payout_id, verdict, score, facts, findings)
"""
_CASES = """
INSERT INTO compliance_case
    (id, payout_id, partner_id, run_id, state, codes, score, opened_at, due_at, rank_at)
SELECT c.id, c.payout_id, c.partner_id, c.run_id, 'open', string_to_array(c.codes, ','), c.score,
    t.now, t.now + %s * interval '1 minute', t.now + %s * interval '1 minute'
FROM (SELECT clock_timestamp() AS now) t,
    unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::smallint[])
    AS c(id, payout_id, partner_id, run_id, codes, score)
"""
_encode = msgspec.json.Encoder().encode
_SCORE_MAX = 32_767


def screen_chunk(*, limit: int = CHUNK) -> int:
    """Screen up to `limit` waiting payouts in one transaction; return how many.

    Safe to repeat and to run in parallel.
    """
    return screen_waiting(judge, limit=limit)


def judge(payouts: Sequence[Payout]) -> list[Verdict]:
    """Assess payouts against the live policy; keep the runs and cases.

    Call inside a transaction that locks the payouts. Raises UnavailableError without a policy.
    """
    if not payouts:
        return []
    started_ns = time.perf_counter_ns()
    policy = live.live_policy()
    lists = live.lists()
    facts = gather(payouts, lists.matcher, with_partners="partner_velocity" in policy.rule_names)
    assessments = [policy.assess(each) for each in facts]
    run_ids = [new_id("sr") for _ in payouts]
    share_us = (time.perf_counter_ns() - started_ns) // 1_000 // len(payouts)
    runs: list[Any] = [
        policy.number,
        lists.label,
        share_us,
        run_ids,
        [payout.id for payout in payouts],
        [
            ScreeningRun.Verdict.CLEAR if each.is_clear else ScreeningRun.Verdict.REVIEW
            for each in assessments
        ],
        [min(each.score, _SCORE_MAX) for each in assessments],
        [_encode(each.derived()).decode() for each in facts],
        [_encode(each.findings).decode() if each.findings else "[]" for each in assessments],
    ]
    flagged = [index for index, each in enumerate(assessments) if not each.is_clear]
    with connection.cursor() as cursor:
        cursor.execute(_RUNS, runs)
        if flagged:
            cursor.execute(
                _CASES,
                [
                    policy.review_minutes,
                    policy.review_minutes,
                    [new_id("cs") for _ in flagged],
                    [payouts[index].id for index in flagged],
                    [payouts[index].partner_id for index in flagged],
                    [run_ids[index] for index in flagged],
                    [",".join(_heaviest_first(assessments[index])) for index in flagged],
                    [min(assessments[index].score, _SCORE_MAX) for index in flagged],
                ],
            )
    return [
        Verdict(payout.id, each.is_clear, _summary(policy.number, each))
        for payout, each in zip(payouts, assessments, strict=True)
    ]


def _heaviest_first(assessment: Assessment) -> list[str]:
    said = [finding for finding in assessment.findings if finding["result"] != Result.NO_HIT]
    return [finding["code"] for finding in sorted(said, key=lambda finding: -finding["weight"])]


def _summary(number: int, assessment: Assessment) -> str:
    codes = _heaviest_first(assessment)
    return f"policy {number}: {', '.join(codes) if codes else 'clear'}"
