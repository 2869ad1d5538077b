"""Stored past: settled payouts with all their rows, and flagged ones that wait for an officer.

Written through the platform's own triggers and constraints by the statements of `bench.limit`, one
transaction a chunk, so that the running workers never see a payout between two states.
"""

import threading
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from bench.limit import measure, rows
from bench.payloads import Payloads
from bench.stack import Stack

CHUNK = 5_000
CONNECTIONS = 2

_FINDINGS = [
    {
        "code": "amount_over_limit",
        "rule": "amount_at_least",
        "result": "hit",
        "weight": 30,
        "words": "The amount is at or above the limit.",
        "trace": {},
    }
]
_FLAG_RUN = """
INSERT INTO compliance_screeningrun (id, payout_id, policy_id, verdict, score, facts, findings,
    lists, duration_us)
SELECT 'sr' || substr(id, 3), id, 1, 'review', 30,
    '{"account_seen_count":0,"account_seen_minor":0,"is_first_to_account":true}', %(findings)s,
    'synthetic@1', 40
  FROM unnest(%(ids)s::text[]) AS v(id)
"""
_HOLD = """
UPDATE payouts_payout p SET version = p.version + 1, updated_at = now(), state = 'in_review',
    stage = 'review', screened_at = now(), due_at = NULL
  FROM unnest(%(ids)s::text[]) AS v(id) WHERE p.id = v.id
"""
_CASES = """
INSERT INTO compliance_case (id, payout_id, partner_id, run_id, state, codes, score, opened_at,
    due_at)
SELECT 'cs' || substr(id, 3), id, %(partner)s, 'sr' || substr(id, 3), 'open',
    '{amount_over_limit}', 30, now(), now() + random() * interval '30 minutes'
  FROM unnest(%(ids)s::text[]) AS v(id)
"""


def settled(stack: Stack, payouts: int) -> int:
    """Store that many settled payouts, each with history, attempt, postings, event and delivery.

    Returns how many were stored. Raises psycopg.Error.
    """
    owner = _owner(stack)
    left = [CHUNK] * (payouts // CHUNK)
    lock = threading.Lock()
    errors: list[psycopg.Error] = []

    def work(seed: int) -> None:
        supply = Payloads(seed=seed)
        try:
            with stack.connect() as connection:
                connection.execute("SET statement_timeout = 0")
                connection.execute("SET plan_cache_mode = force_custom_plan")
                while not errors:
                    with lock:
                        if not left:
                            return
                        left.pop()
                    one = rows.chunk(supply, CHUNK, owner)
                    with connection.transaction():
                        measure.intake(connection, one)
                        measure.settle(connection, one)
                        measure.notify(connection, one)
        except psycopg.Error as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    with stack.connect() as connection:
        connection.execute("VACUUM ANALYZE")
    return payouts // CHUNK * CHUNK


def flagged(stack: Stack, payouts: int) -> None:
    """Store that many payouts in review, each with its run and its open case."""
    owner = _owner(stack)
    supply = Payloads(seed=77)
    with stack.connect() as connection:
        for _ in range(payouts // 1_000):
            one = rows.chunk(supply, 1_000, owner)
            values: dict[str, Any] = {**one.values, "findings": Jsonb(_FINDINGS)}
            with connection.transaction():
                measure.intake(connection, one)
                for statement in (_FLAG_RUN, _HOLD, _CASES):
                    connection.execute(statement, values)
        connection.execute("VACUUM ANALYZE compliance_case")


def _owner(stack: Stack) -> rows.Owner:
    return rows.Owner(stack.tenant.partner_id, stack.tenant.endpoint_id)
