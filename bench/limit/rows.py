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

PARTNER, ENDPOINT = "pt_00000000000000000000000001", "we_00000000000000000000000001"
BODY_BYTES = 1_350  # the size of a payout.settled event of the bench's payouts
SEALED_BYTES = 76

SETUP = f"""
INSERT INTO partners_partner (id, name, email, country, status, created_at)
VALUES ('{PARTNER}', 'Limit', 'limit@example.com', 'NL', 'active', now());
INSERT INTO webhooks_endpoint (id, partner_id, url, description, event_types, status,
    disabled_reason, secret_sealed, created_at, updated_at)
VALUES ('{ENDPOINT}', '{PARTNER}', 'http://127.0.0.1/', '', '{{}}', 'enabled', '', '', now(),
    now());
INSERT INTO ledger_account (name, kind, normal_side, currency, is_guarded) VALUES
    ('partner:{PARTNER}:available:EUR', 'liability', 'credit', 'EUR', true),
    ('partner:{PARTNER}:reserved:EUR', 'liability', 'credit', 'EUR', false),
    ('bank:sandbox:cash:EUR', 'asset', 'debit', 'EUR', false)
    ON CONFLICT (name) DO NOTHING;
WITH j AS (INSERT INTO ledger_journal (kind, actor, request_id, narration)
           VALUES ('partner.funded', 'system:bench', '', '') RETURNING id)
INSERT INTO ledger_posting (journal_id, account_id, amount_minor, currency, reference)
SELECT j.id, a.id, CASE a.kind WHEN 'asset' THEN 1 ELSE -1 END * 10000000000000, 'EUR', 'fund'
  FROM j, ledger_account a
 WHERE a.name IN ('bank:sandbox:cash:EUR', 'partner:{PARTNER}:available:EUR');
"""

COPY_PAYOUTS = """
COPY payouts_payout (id, batch_id, partner_id, position, reference, amount_minor, currency,
    recipient_name, recipient_country, account_type, account_bank, account_sealed, account_last4,
    account_index, description, metadata, rail_requested, state, stage, rail, fallback_reason,
    version, due_at, deadline_at, attempt_count, failure_code, failure_message, bank_code,
    returned_minor, event_count, last_event_id) FROM STDIN
"""
INSERT_BATCH = f"""
INSERT INTO payouts_batch (id, partner_id, reference, currency, rail_requested, atomic, intake,
    item_count, accepted_count, accepted_minor, rejections, event_count, last_event_id, request_id)
VALUES (%(batch)s, '{PARTNER}', %(batch)s, 'EUR', '', false, 'accepted', %(count)s, %(count)s, 1,
    '[]', 1, '', '')
"""
POST_LINES = """
WITH j AS (INSERT INTO ledger_journal (kind, actor, request_id, narration)
           VALUES (%(kind)s, 'system:bench', '', '') RETURNING id)
INSERT INTO ledger_posting (journal_id, account_id, amount_minor, currency, reference)
SELECT j.id, CASE side WHEN 1 THEN d.id ELSE c.id END, side * v.amount, 'EUR', v.id
  FROM unnest(%(ids)s::text[], %(amounts)s::bigint[]) AS v(id, amount)
 CROSS JOIN (VALUES (1), (-1)) AS s(side) CROSS JOIN j
  JOIN ledger_account d ON d.name = %(debit)s JOIN ledger_account c ON c.name = %(credit)s
"""
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
    stage = 'settled', claim_id = NULL, leased_until = NULL, due_at = NULL, final_at = now(),
    event_count = 1, last_event_id = 'ev' || substr(p.id, 3)
  FROM unnest(%(ids)s::text[]) AS v(id) WHERE p.id = v.id
"""
ANSWER = """
UPDATE payouts_attempt a SET state = 'settled', bank_reference = 'tr-' || v.id,
    bank_status = 'settled', http_status = 201, response_hash = sha256(v.id::bytea),
    answered_at = now(), finished_at = now()
  FROM unnest(%(ids)s::text[]) AS v(id) WHERE a.id = 'at' || substr(v.id, 3)
"""
EVENT = f"""
WITH e AS (
    INSERT INTO webhooks_event (id, partner_id, type, object_id, sequence, body)
    SELECT 'ev' || substr(id, 3), '{PARTNER}', 'payout.settled', id, 1, %(body)s
      FROM unnest(%(ids)s::text[]) AS v(id) RETURNING id, object_id)
INSERT INTO webhooks_delivery (id, event_id, endpoint_id, partner_id, object_id, sequence,
    message_id, state, attempt_count, step, due_at, last_error, misconfigured)
SELECT 'wd' || substr(e.id, 3), e.id, '{ENDPOINT}', '{PARTNER}', e.object_id, 1,
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
class Chunk:
    """One set of payouts: its COPY data and its parameters."""

    copied: bytes
    values: dict[str, object]


def chunk(supply: Payloads, size: int) -> Chunk:
    """Compute everything of one chunk."""
    batch = new_id("bt")
    ids = [new_id("po") for _ in range(size)]
    amounts = [random.randint(100, 49_999) for _ in ids]
    lines = []
    for position, (payout_id, amount) in enumerate(zip(ids, amounts, strict=True)):
        number = random.randrange(10**10)
        sealed, index = random.randbytes(SEALED_BYTES).hex(), random.randbytes(16).hex()
        lines.append(
            f"{payout_id}\t{batch}\t{PARTNER}\t{position}\t{batch}-{position:05d}\t{amount}\tEUR"
            f"\t{supply.name()}\tNL\tiban\tNLATLS\t\\\\x{sealed}\t{iban(number)[-4:]}\t\\\\x{index}"
            f"\tOrder {position}\t{{}}\t\tscreening\t\tsepa_inst\t\t1\tnow"
            f"\t2100-01-01 00:00:00+00\t0\t\t\t\t0\t0\t\n"
        )
    values = {
        "batch": batch,
        "count": size,
        "ids": ids,
        "amounts": amounts,
        "claim": uuid.uuid4(),
        "body": random.randbytes(BODY_BYTES),
    }
    return Chunk("".join(lines).encode(), values)
