"""Runs backtests: in slices, one backtest at a time, over past payouts in batches by id.

Whoever runs one holds a lease; each batch commits its figures and its cursor at once, so a killed
run goes on after its last batch. Memory is that of one batch.
"""

import json
import logging
import random
import time
import uuid
from collections.abc import Sequence

from django.db import connection, transaction
from django.db.models import QuerySet

from atlaspay.core.errors import AtlasError
from compliance.models import Backtest
from compliance.rules.facts import Facts
from compliance.rules.policy import Assessment, Result, Verdict
from compliance.screening import flows, live
from compliance.screening.gather import gather
from compliance.services import documents
from compliance.services.backtest import UNFINISHED, State, lock_backtests
from compliance.services.backtest_auto import answers
from compliance.services.backtest_past import handling_s, outcomes, payouts_between
from compliance.services.backtest_tally import NEVER, Said, Tally, Tried
from payouts.models import Payout

log = logging.getLogger(__name__)

BATCH = 1_000
SLICE_S = 1.0
LEASE_S = 60
# A batch that ends its process again and again ends the backtest.
INTERRUPTIONS_MAX = 5

_CLAIM = """
UPDATE compliance_backtest b
SET state = 'running', claim_id = %(claim)s,
    leased_until = clock_timestamp() + %(lease)s * interval '1 second',
    totals = b.totals || jsonb_build_object('interruptions',
        coalesce((b.totals ->> 'interruptions')::int, 0) + (b.leased_until IS NOT NULL)::int)
WHERE b.id = (
    SELECT id FROM compliance_backtest WHERE state IN ('running', 'waiting')
    ORDER BY state = 'waiting', id LIMIT 1)
AND (b.leased_until IS NULL OR b.leased_until < clock_timestamp())
AND b.id = coalesce(%(only)s::bigint, b.id)
RETURNING b.id
"""
_ADVANCE = """
UPDATE compliance_backtest
SET done = %s, total = greatest(%s, %s), cursor = %s, totals = %s::jsonb,
    leased_until = clock_timestamp() + %s * interval '1 second'
WHERE id = %s AND claim_id = %s AND state = 'running'
"""
_END = """
UPDATE compliance_backtest
SET state = %s, detail = %s, leased_until = NULL, claim_id = NULL,
    total = CASE WHEN %s = 'done' THEN done ELSE total END,
    finished_at = CASE WHEN %s = 'running' THEN NULL ELSE clock_timestamp() END
WHERE id = %s AND claim_id = %s AND state = 'running'
"""


def run_slice(*, only: int | None = None, slice_s: float = SLICE_S) -> bool:
    """Run the backtest whose turn it is for a slice of time; say whether there is more to do.

    `only` runs nothing but that one. Safe in parallel: who finds it leased does nothing.
    """
    claim = uuid.uuid4()
    backtest_id = _claim(claim, only)
    if backtest_id is None:
        return False
    run = _Run(Backtest.objects.get(pk=backtest_id), claim)
    ends = time.monotonic() + slice_s
    try:
        run.begin()
        while run.step():
            if time.monotonic() >= ends:
                run.end(State.RUNNING)
                return True
    except AtlasError as error:
        run.end(State.FAILED, str(error))
    return Backtest.objects.filter(state__in=UNFINISHED).exists()


class _Run:
    """One claimed backtest in this process, from its last committed batch on."""

    def __init__(self, row: Backtest, claim: uuid.UUID) -> None:
        self._row, self._claim = row, claim
        self._totals = row.totals

    def begin(self) -> None:
        """Count the range once, and fix what it is compared with. Gives up on what keeps dying."""
        if self._totals.get("interruptions", 0) > INTERRUPTIONS_MAX:
            raise AtlasError(
                f"Given up: interrupted {INTERRUPTIONS_MAX} times after payout"
                f" {self._row.cursor or '(the first)'}."
            )
        self._tried = documents.compiled(self._row.document)
        self._answers = answers()
        if "live" in self._totals:
            self._live = live.policy(self._totals["live"])
            return
        self._live = live.live_policy()
        if (self._tried.needs | self._live.needs).partner_windows:
            flows.catch_up()
        median_s, is_measured = handling_s()
        self._totals |= {
            "live": self._live.number,
            "handling_s": median_s,
            "handling_is_measured": is_measured,
            "took_ms": 0,
            "tally": Tally.begun(rule.code for rule in self._tried.rules).as_json(),
        }
        self._row.total = self._payouts().count()
        self._commit()

    def step(self) -> bool:
        """Try one batch and commit it; say whether to go on."""
        started = time.monotonic()
        row = self._row
        found = list(self._payouts().filter(id__gt=row.cursor)[:BATCH])
        if not found:
            self.end(State.DONE)
            return False
        tally = Tally.from_json(self._totals["tally"])
        tally.add(self._try(found), random.Random(f"{row.pk}:{row.cursor}"))
        row.cursor, row.done = found[-1].id, row.done + len(found)
        self._totals |= {
            "tally": tally.as_json(),
            "interruptions": 0,
            "took_ms": self._totals["took_ms"] + int((time.monotonic() - started) * 1_000),
        }
        return self._commit()

    def end(self, state: str, detail: str = "") -> None:
        """Let the row go in this state, unless somebody stopped it or took it over."""
        with connection.cursor() as cursor:
            cursor.execute(_END, [state, detail[:300], state, state, self._row.pk, self._claim])
        if state != State.RUNNING:
            log.info("backtest.ended", extra={"backtest": self._row.pk, "state": str(state)})

    def _payouts(self) -> QuerySet[Payout]:
        return payouts_between(self._row.since, self._row.until)

    def _try(self, found: Sequence[Payout]) -> list[Tried]:
        facts = gather(found, self._tried.needs | self._live.needs, live.lists().matcher)
        became = outcomes([payout.id for payout in found])
        return [
            self._compare(payout, each, became.get(payout.id, NEVER))
            for payout, each in zip(found, facts, strict=True)
        ]

    def _compare(self, payout: Payout, facts: Facts, outcome: str) -> Tried:
        tried = self._tried.assess(facts)
        is_auto = self._answers is not None and self._answers.would_approve(
            payout, tried, self._tried
        )
        return Tried(
            payout_id=payout.id,
            day=f"{payout.submitted_at:%Y-%m-%d}",
            outcome=outcome,
            tried=_said(tried),
            live=_said(self._live.assess(facts)),
            is_auto_eligible=is_auto,
        )

    def _commit(self) -> bool:
        row = self._row
        with connection.cursor() as cursor:
            cursor.execute(
                _ADVANCE,
                [
                    row.done,
                    row.total,
                    row.done,
                    row.cursor,
                    json.dumps(self._totals),
                    LEASE_S,
                    row.pk,
                    self._claim,
                ],
            )
            return bool(cursor.rowcount == 1)


def _said(found: Assessment) -> Said:
    return Said(
        is_flagged=not found.is_clear,
        is_blocked=found.verdict is Verdict.BLOCK,
        codes=found.codes,
        errors=[each["code"] for each in found.findings if each["result"] == Result.ERROR],
    )


def _claim(claim: uuid.UUID, only: int | None) -> int | None:
    with transaction.atomic(), connection.cursor() as cursor:
        lock_backtests()
        cursor.execute(_CLAIM, {"claim": claim, "lease": LEASE_S, "only": only})
        row = cursor.fetchone()
    return row[0] if row else None
