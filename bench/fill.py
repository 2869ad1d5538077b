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

_AMOUNT = {
    "code": "amount_over_limit",
    "result": "hit",
    "weight": 30,
    "words": "The amount is at or above the limit.",
    "trace": {},
}
_LISTED = {
    "code": "watchlist",
    "result": "hit",
    "weight": 80,
    "words": "The name resembles a name on a list.",
    "trace": {},
}
# Without the bank's side of it, reconciliation would take the whole past for missing there.
_BOOKED = """
INSERT INTO payouts_bankentry (provider, account_id, reference, kind, amount_minor, currency,
    end_to_end_id, bank_reference, booked_at, attempt_id, funding_reference, statement_on, status,
    cause, bank_changed, is_open)
SELECT 'sandbox', 'stored', a.end_to_end_id, 'payout', -p.amount_minor, p.currency,
    a.end_to_end_id, a.bank_reference, a.finished_at, a.id, '', a.finished_at::date, 'matched',
    '', '', false
  FROM unnest(%(ids)s::text[]) AS v(id) JOIN payouts_payout p ON p.id = v.id
  JOIN payouts_attempt a ON a.payout_id = p.id
"""
# Every third case has a listed name, so that its page shows a hit with all its party's details.
_FLAG_RUN = """
INSERT INTO compliance_screeningrun (id, payout_id, policy_id, verdict, score, facts, findings,
    lists, duration_us)
SELECT 'sr' || substr(v.id, 3), v.id,
    (SELECT policy_id FROM compliance_policystep WHERE kind = 'published' ORDER BY id DESC LIMIT 1),
    'review', CASE WHEN n %% 3 = 0 THEN 110 ELSE 30 END,
    CASE WHEN n %% 3 = 0 THEN jsonb_build_object('is_first_to_account', true, 'watch_hits',
        jsonb_build_array(jsonb_build_object('list', 'synthetic', 'entry_id', e.id, 'entry', e.name,
            'similarity', 93, 'party', e.party_id, 'alignment', '[["one", "one"]]'::jsonb)))
        ELSE '{"is_first_to_account": true}'::jsonb END,
    CASE WHEN n %% 3 = 0 THEN %(listed)s::jsonb ELSE %(amount)s::jsonb END, 'synthetic@1', 40
  FROM unnest(%(ids)s::text[]) WITH ORDINALITY AS v(id, n),
    (SELECT id, name, party_id FROM compliance_watchlistentry ORDER BY id LIMIT 1) e
"""
_HOLD = """
UPDATE payouts_payout p SET version = p.version + 1, updated_at = now(), state = 'in_review',
    stage = 'review', screened_at = now(), due_at = NULL
  FROM unnest(%(ids)s::text[]) AS v(id) WHERE p.id = v.id
"""
_CASES = """
INSERT INTO compliance_case (id, payout_id, partner_id, run_id, state, codes, score, opened_at,
    due_at, rank_at)
SELECT 'cs' || substr(id, 3), id, %(partner)s, 'sr' || substr(id, 3), 'open',
    CASE WHEN n %% 3 = 0 THEN '{watchlist,amount_over_limit}' ELSE '{amount_over_limit}' END
        ::varchar[],
    CASE WHEN n %% 3 = 0 THEN 110 ELSE 30 END, now(), due, due
  FROM (SELECT id, n, now() + random() * interval '30 minutes' AS due
        FROM unnest(%(ids)s::text[]) WITH ORDINALITY AS v(id, n)) c
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
                        connection.execute(_BOOKED, one.values)
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
            values: dict[str, Any] = {
                **one.values,
                "listed": Jsonb([_LISTED, _AMOUNT]),
                "amount": Jsonb([_AMOUNT]),
            }
            with connection.transaction():
                measure.intake(connection, one)
                for statement in (_FLAG_RUN, _HOLD, _CASES):
                    connection.execute(statement, values)
        for table in ("compliance_case", "compliance_screeningrun", "payouts_payout"):
            connection.execute(f"VACUUM ANALYZE {table}")


def _owner(stack: Stack) -> rows.Owner:
    return rows.Owner(stack.tenant.partner_id, stack.tenant.endpoint_id)
