"""The same rows and statements as the platform writes, with everything computed beforehand.

A chunk is one list of payout ids; columns that differ from row to row come as COPY data or arrays
of ids, all others are constants of the same width. Triggers, constraints, foreign keys and indexes
are those of the migrations: the tables are a copy of the migrated database.
"""

import random
import uuid
from dataclasses import dataclass

from atlaspay.core.ids import new_id
from bench.payloads import Payloads, iban

BODY_BYTES = 1_350  # the size of a payout.settled event of the bench's payouts
SEALED_BYTES = 76

SETUP = (
    """
    INSERT INTO partners_partner (id, name, email, country, status, created_at)
    VALUES (%(partner)s, 'Limit', 'limit@example.com', 'NL', 'active', now())
    """,
    """
    INSERT INTO webhooks_endpoint (id, partner_id, url, description, event_types, status,
        disabled_reason, mode, proposed_url, secret_sealed, created_at, updated_at)
    VALUES (%(endpoint)s, %(partner)s, 'http://127.0.0.1/', '', '{}', 'enabled', '', 'live', '', '',
        now(), now())
    """,
    """
    INSERT INTO ledger_account (name, kind, normal_side, currency, is_guarded) VALUES
        (%(available)s, 'liability', 'credit', 'EUR', true),
        (%(reserved)s, 'liability', 'credit', 'EUR', false),
        (%(cash)s, 'asset', 'debit', 'EUR', false)
    """,
    """
    WITH j AS (INSERT INTO ledger_journal (kind, actor, request_id, narration)
               VALUES ('partners.funded', 'system:bench', '', '') RETURNING id)
    INSERT INTO ledger_posting (journal_id, account_id, amount_minor, currency, reference)
    SELECT j.id, a.id, CASE a.kind WHEN 'asset' THEN 1 ELSE -1 END * 10000000000000, 'EUR', 'fund'
      FROM j, ledger_account a WHERE a.name IN (%(cash)s, %(available)s)
    """,
)

COPY_PAYOUTS = """
COPY payouts_payout (id, batch_id, partner_id, position, reference, amount_minor, currency,
    recipient_name, recipient_country, account_type, account_bank, account_sealed, account_last4,
    account_index, description, metadata, rail_requested, state, stage, rail, fallback_reason,
    version, due_at, deadline_at, attempt_count, failure_code, failure_message, bank_code,
    returned_minor, event_count, last_event_id) FROM STDIN
"""
INSERT_BATCH = """
INSERT INTO payouts_batch (id, partner_id, reference, currency, rail_requested, atomic, intake,
    item_count, accepted_count, accepted_minor, rejections, event_count, last_event_id, request_id)
VALUES (%(batch)s, %(partner)s, %(batch)s, 'EUR', '', false, 'accepted', %(count)s, %(count)s, 1,
    '[]', 1, '', '')
"""
_POST = """
WITH j AS (INSERT INTO ledger_journal (kind, actor, request_id, narration)
           VALUES ('payouts.{kind}', 'system:bench', '', '') RETURNING id)
INSERT INTO ledger_posting (journal_id, account_id, amount_minor, currency, reference)
SELECT j.id, CASE side WHEN 1 THEN d.id ELSE c.id END, side * v.amount, 'EUR', v.id
  FROM unnest(%(ids)s::text[], %(amounts)s::bigint[]) AS v(id, amount)
 CROSS JOIN (VALUES (1), (-1)) AS s(side) CROSS JOIN j
  JOIN ledger_account d ON d.name = %({debit})s JOIN ledger_account c ON c.name = %({credit})s
"""
RESERVE = _POST.format(kind="reserved", debit="available", credit="reserved")
POST_SETTLED = _POST.format(kind="settled", debit="reserved", credit="cash")
SCREEN = """
INSERT INTO compliance_screeningrun (id, payout_id, policy_id, verdict, score, facts, findings,
    lists, duration_us)
SELECT 'sr' || substr(id, 3), id, 1, 'clear', 0,
    '{"account_seen_count":0,"account_seen_minor":0,"is_first_to_account":true}', '[]',
    'synthetic@1', 40
  FROM unnest(%(ids)s::text[]) AS v(id)
"""
QUEUE = """
UPDATE payouts_payout p SET version = p.version + 1, updated_at = now(), state = 'queued',
    stage = 'ready', screened_at = now(), queued_at = now(), due_at = now()
  FROM unnest(%(ids)s::text[]) AS v(id) WHERE p.id = v.id
"""
CLAIM = """
UPDATE payouts_payout p SET version = p.version + 1, updated_at = now(), state = 'sending',
    stage = 'sending', claim_id = %(claim)s, leased_until = now() + interval '30 seconds',
    due_at = now() + interval '30 seconds', sent_at = now(), attempt_count = 1
  FROM unnest(%(ids)s::text[]) AS v(id) WHERE p.id = v.id
"""
ATTEMPT = """
INSERT INTO payouts_attempt (id, payout_id, number, rail, state, bank_key, end_to_end_id,
    payload_hash, claim_id, sends, inquiries, bank_reference, bank_status, bank_code,
    canonical_code, detail)
SELECT 'at' || substr(id, 3), id, 1, 'sepa_inst', 'sending', 'key-' || id, substr(id, 4) || '-1',
    sha256(id::bytea), %(claim)s, 1, 0, '', '', '', '', ''
  FROM unnest(%(ids)s::text[]) AS v(id)
"""
SETTLE = """
UPDATE payouts_payout p SET version = p.version + 1, updated_at = now(), state = 'settled',
    stage = 'done', claim_id = NULL, leased_until = NULL, due_at = NULL, final_at = now(),
    event_count = 1, last_event_id = 'ev' || substr(p.id, 3)
  FROM unnest(%(ids)s::text[]) AS v(id) WHERE p.id = v.id
"""
ANSWER = """
UPDATE payouts_attempt a SET state = 'settled', bank_reference = 'tr-' || v.id,
    bank_status = 'settled', http_status = 201, response_hash = sha256(v.id::bytea),
    answered_at = now(), finished_at = now()
  FROM unnest(%(ids)s::text[]) AS v(id) WHERE a.id = 'at' || substr(v.id, 3)
"""
EVENT = """
WITH e AS (
    INSERT INTO webhooks_event (id, partner_id, type, object_id, sequence, body)
    SELECT 'ev' || substr(id, 3), %(partner)s, 'payout.settled', id, 1, %(body)s
      FROM unnest(%(ids)s::text[]) AS v(id) RETURNING id, object_id)
INSERT INTO webhooks_delivery (id, event_id, endpoint_id, partner_id, object_id, sequence,
    message_id, state, attempt_count, step, due_at, last_error, misconfigured)
SELECT 'wd' || substr(e.id, 3), e.id, %(endpoint)s, %(partner)s, e.object_id, 1,
    'msg' || substr(e.id, 3), 'pending', 0, 0, now(), '', false FROM e
"""
CLAIM_DELIVERY = """
UPDATE webhooks_delivery d SET claim_id = %(claim)s, attempt_count = 1,
    due_at = now() + interval '60 seconds'
  FROM unnest(%(ids)s::text[]) AS v(id) WHERE d.id = 'wd' || substr(v.id, 3)
"""
DELIVERED = """
WITH d AS (
    UPDATE webhooks_delivery d SET state = 'delivered', delivered_at = now(), due_at = NULL,
        claim_id = NULL
      FROM unnest(%(ids)s::text[]) AS v(id) WHERE d.id = 'wd' || substr(v.id, 3) RETURNING d.id)
INSERT INTO webhooks_deliveryattempt (delivery_id, number, outcome, http_status, error, detail,
    response_body, response_headers, started_at, duration_ms)
SELECT id, 1, 'delivered', 204, '', '', '', '{}', now(), 2 FROM d
"""


@dataclass(frozen=True, slots=True)
class Owner:
    """The partner and endpoint that rows belong to."""

    partner_id: str
    endpoint_id: str

    def values(self) -> dict[str, object]:
        """Return the parameters that name the owner and its accounts."""
        return {
            "partner": self.partner_id,
            "endpoint": self.endpoint_id,
            "available": f"partner:{self.partner_id}:available:EUR",
            "reserved": f"partner:{self.partner_id}:reserved:EUR",
            "cash": "bank:sandbox:cash:EUR",
        }


@dataclass(frozen=True, slots=True)
class Chunk:
    """One set of payouts: its COPY data and its parameters."""

    copied: bytes
    values: dict[str, object]


def chunk(supply: Payloads, size: int, owner: Owner) -> Chunk:
    """Compute everything of one chunk."""
    batch = new_id("bt")
    ids = [new_id("po") for _ in range(size)]
    amounts = [random.randint(100, 49_999) for _ in ids]
    lines = []
    for position, (payout_id, amount) in enumerate(zip(ids, amounts, strict=True)):
        number = random.randrange(10**10)
        sealed, index = random.randbytes(SEALED_BYTES).hex(), random.randbytes(16).hex()
        lines.append(
            f"{payout_id}\t{batch}\t{owner.partner_id}\t{position}\t{batch}-{position:05d}\t{amount}\tEUR"
            f"\t{supply.name()}\tNL\tiban\tNLATLS\t\\\\x{sealed}\t{iban(number)[-4:]}\t\\\\x{index}"
            f"\tOrder {position}\t{{}}\t\tscreening\tscreening\tsepa_inst\t\t1\tnow"
            f"\t2100-01-01 00:00:00+00\t0\t\t\t\t0\t0\t\n"
        )
    values = {
        **owner.values(),
        "batch": batch,
        "count": size,
        "ids": ids,
        "amounts": amounts,
        "claim": uuid.uuid4(),
        "body": random.randbytes(BODY_BYTES),
    }
    return Chunk("".join(lines).encode(), values)
