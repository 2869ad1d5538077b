"""Policies in shadow: they assess what the live one assessed, and move nothing.

Whatever goes wrong here is logged and forgotten: no payout waits for a shadow.
"""

import logging
from collections.abc import Sequence

import msgspec
from django.db import DatabaseError, connection, transaction

from compliance.rules.facts import Facts
from compliance.rules.names import Matcher
from compliance.rules.policy import RULE_FAULTS, Assessment, CompiledPolicy
from compliance.screening import live
from compliance.screening.gather import gather
from payouts.models import Payout

log = logging.getLogger(__name__)

_encode = msgspec.json.Encoder().encode
_SCORE_MAX = 32_767
# A shadow may be slower than the live policy, within bounds: screening waits for it.
STATEMENT_TIMEOUT_MS = 2_000
_TIMEOUT = "SELECT set_config('statement_timeout', %s, true)"

_RUNS = """
INSERT INTO compliance_shadowrun (policy_id, run_id, verdict, live_verdict, score, findings)
SELECT %s, r.run_id, r.verdict, r.live_verdict, r.score, r.findings::jsonb
FROM unnest(%s::text[], %s::text[], %s::text[], %s::smallint[], %s::text[])
    AS r(run_id, verdict, live_verdict, score, findings)
"""
_TALLY = """
INSERT INTO compliance_shadowtally AS t
    (policy_id, hour, screened, "both", only_live, only_shadow)
VALUES (%s, date_trunc('hour', clock_timestamp()), %s, %s, %s, %s)
ON CONFLICT (policy_id, hour) DO UPDATE SET
    screened = t.screened + excluded.screened, "both" = t."both" + excluded."both",
    only_live = t.only_live + excluded.only_live,
    only_shadow = t.only_shadow + excluded.only_shadow
"""


def run(
    payouts: Sequence[Payout],
    facts: Sequence[Facts],
    assessments: Sequence[Assessment],
    run_ids: Sequence[str],
    policy: CompiledPolicy,
    matcher: Matcher,
) -> None:
    """Let every policy in shadow assess these payouts; keep what it or the live one flagged, and
    count all. Call inside the live policy's transaction, after its runs are written."""
    for shadow in live.shadow_policies(policy.number):
        try:
            with transaction.atomic():
                seen = facts
                if not policy.needs.covers(shadow.needs):
                    seen = _gather_more(payouts, policy, shadow, matcher)
                _write(shadow, seen, assessments, run_ids)
        except (DatabaseError, *RULE_FAULTS) as error:
            log.warning(
                "shadow.failed",
                extra={"policy": shadow.number, "payouts": len(payouts), "error": repr(error)},
            )


def _gather_more(
    payouts: Sequence[Payout], policy: CompiledPolicy, shadow: CompiledPolicy, matcher: Matcher
) -> list[Facts]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('statement_timeout')")
        before = cursor.fetchone()[0]
        cursor.execute(_TIMEOUT, [str(STATEMENT_TIMEOUT_MS)])
        found = gather(payouts, policy.needs | shadow.needs, matcher)
        cursor.execute(_TIMEOUT, [before])
    return found


def _write(
    shadow: CompiledPolicy,
    facts: Sequence[Facts],
    assessments: Sequence[Assessment],
    run_ids: Sequence[str],
) -> None:
    said = [shadow.assess(each) for each in facts]
    pairs = list(zip(assessments, said, strict=True))
    flagged = [
        index for index, (ours, its) in enumerate(pairs) if not (ours.is_clear and its.is_clear)
    ]
    both = sum(not ours.is_clear and not its.is_clear for ours, its in pairs)
    only_live = sum(not ours.is_clear and its.is_clear for ours, its in pairs)
    with connection.cursor() as cursor:
        if flagged:
            cursor.execute(
                _RUNS,
                [
                    shadow.number,
                    [run_ids[index] for index in flagged],
                    [str(said[index].verdict) for index in flagged],
                    [str(assessments[index].verdict) for index in flagged],
                    [min(said[index].score, _SCORE_MAX) for index in flagged],
                    [_encode(said[index].findings).decode() for index in flagged],
                ],
            )
        only_shadow = len(flagged) - both - only_live
        cursor.execute(_TALLY, [shadow.number, len(facts), both, only_live, only_shadow])
