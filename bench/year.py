"""A year of payouts of twenty partners, as the tables would hold it: payouts, their history, their
deliveries and attempts. Written past the triggers: measured is what reads it, not what wrote it.
"""

from datetime import datetime, timedelta
from typing import Any

import psycopg

PARTNERS = 20
CHUNK = 50_000
TABLES = (
    "payouts_payout",
    "payouts_historicalpayout",
    "webhooks_delivery",
    "webhooks_deliveryattempt",
)

# One in twenty fails, one in two hundred comes back, one in fifty was reviewed.
_PAYOUTS = """
INSERT INTO payouts_payout (id, batch_id, partner_id, position, reference, amount_minor, currency,
    recipient_name, recipient_country, account_type, account_bank, account_sealed, account_last4,
    account_index, description, metadata, rail_requested, rail, fallback_reason, version,
    deadline_at, attempt_count, failure_code, failure_message, bank_code, returned_minor,
    event_count, last_event_id, submitted_at, screened_at, reviewed_at, queued_at, sent_at,
    final_at, updated_at, state, stage)
SELECT id, 'bt_year', partner_id, n, 'year-' || n, amount_minor, currency, 'Year', 'NL', 'iban',
    'NLATLS', '', '0000', '', '', '{}', '', rail, '', 4, at, 1, code, '', '',
    CASE WHEN state = 'returned' THEN amount_minor ELSE 0 END, 2, '', at, at + screening,
    CASE WHEN n %% 50 = 0 THEN at + screening + review END, at + screening + review,
    at + screening + review + queue, at + screening + review + queue + bank, at, state, 'done'
FROM (
    SELECT n, 'po_' || lpad(n::text, 26, '0') AS id, 'pt_year' || n %% %(partners)s AS partner_id,
        %(until)s::timestamptz - random() * %(span)s::interval AS at,
        (100 + random() * 50000)::bigint AS amount_minor,
        (ARRAY['EUR', 'USD', 'GBP'])[1 + n %% 3] AS currency,
        (ARRAY['sepa_inst', 'rtp', 'fps'])[1 + n %% 3] AS rail,
        CASE WHEN n %% 20 = 0 THEN 'failed' WHEN n %% 200 = 1 THEN 'returned' ELSE 'settled' END
            AS state,
        CASE WHEN n %% 20 = 0 THEN (ARRAY['account_closed', 'insufficient_funds', 'invalid_account',
            'compliance_rejected'])[1 + n %% 4] WHEN n %% 200 = 1 THEN 'account_closed' ELSE '' END
            AS code,
        interval '50 ms' * exp(random() * 2) AS screening,
        CASE WHEN n %% 50 = 0 THEN interval '20 min' * random() ELSE interval '0' END AS review,
        interval '200 ms' * exp(random() * 3) AS queue,
        interval '300 ms' * exp(random() * 4) AS bank
    FROM generate_series(%(low)s::int, %(high)s::int) n
) made
"""
_HISTORY = """
INSERT INTO payouts_historicalpayout (id, state, stage, rail, fallback_reason, version, due_at,
    deadline_at, attempt_count, failure_code, failure_message, bank_code, returned_minor,
    event_count, last_event_id, screened_at, reviewed_at, queued_at, sent_at, final_at, updated_at,
    history_date, history_type, actor, request_id)
SELECT id, CASE step WHEN 1 THEN 'screening' WHEN 2 THEN 'queued' WHEN 3 THEN 'sending' ELSE state
    END, stage, rail, '', step, NULL, deadline_at, 0,
    CASE step WHEN 4 THEN failure_code ELSE '' END,
    '', '', CASE step WHEN 4 THEN returned_minor ELSE 0 END, 0, '', screened_at, reviewed_at,
    queued_at, sent_at, CASE step WHEN 4 THEN final_at END, updated_at, submitted_at,
    CASE step WHEN 1 THEN '+' ELSE '~' END, 'system:year', ''
FROM payouts_payout, generate_series(1, 4) step
WHERE reference LIKE 'year-%%' AND position BETWEEN %(low)s AND %(high)s ORDER BY position, step
"""
_DELIVERIES = """
INSERT INTO webhooks_delivery (id, event_id, endpoint_id, partner_id, object_id, sequence,
    message_id, state, attempt_count, step, last_error, misconfigured, event_at, delivered_at,
    created_at)
SELECT 'wd_' || substr(id, 4), 'ev_' || substr(id, 4), 'we_year', partner_id, id, 1, id,
    'delivered', 1, 0, '', false, final_at, final_at + interval '1 s', final_at
FROM payouts_payout
WHERE reference LIKE 'year-%%' AND position BETWEEN %(low)s AND %(high)s
"""
_ATTEMPTS = """
INSERT INTO webhooks_deliveryattempt (delivery_id, number, outcome, error, detail,
    response_headers, started_at, duration_ms, created_at)
SELECT 'wd_' || substr(id, 4), 1, CASE WHEN position %% 40 = 0 THEN 'refused' ELSE 'delivered' END,
    '', '', '{}', final_at + interval '200 ms' * exp(random() * 3), 40, final_at
FROM payouts_payout
WHERE reference LIKE 'year-%%' AND position BETWEEN %(low)s AND %(high)s
"""
_PARTNERS = """
INSERT INTO partners_partner (id, name, email, country, status, created_at)
SELECT 'pt_year' || n, 'Year ' || n, 'year@market.example', 'NL', 'active', now()
FROM generate_series(0, %(partners)s - 1) n ON CONFLICT DO NOTHING
"""


def fill(
    connection: psycopg.Connection[Any],
    payouts: int,
    *,
    until: datetime,
    span: timedelta = timedelta(days=364),
    first: int = 0,
) -> None:
    """Store payouts submitted in the `span` before `until`, numbered from `first` on. The role
    must own the tables.
    """
    connection.autocommit = True
    connection.execute("SET statement_timeout = 0")
    for table in TABLES:
        connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    connection.execute(_PARTNERS, {"partners": PARTNERS})
    for low in range(first, first + payouts, CHUNK):
        values = {
            "partners": PARTNERS,
            "until": until,
            "low": low,
            "high": min(low + CHUNK, first + payouts) - 1,
            "span": span,
        }
        for statement in (_PAYOUTS, _HISTORY, _DELIVERIES, _ATTEMPTS):
            connection.execute(statement, values)
    for table in TABLES:
        connection.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
        connection.execute(f"VACUUM ANALYZE {table}")
