"""The obvious implementation, to compare with: every piece as its own documentation shows it.

DRF `many=True`, `save()` per object with django-simple-history, a Celery task per payout with
`select_for_update`, two transitions, a `requests` call to the bank, a Celery task per webhook.
Tuned as far as settings go (persistent connections to the database, the bank and the receiver; no
results; prefetch; enough processes to cover the bank's latency), and let off what the platform
does beside: no API keys, screening, ledger, outbox, attempts or idempotency.
"""
