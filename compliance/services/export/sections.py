"""The parts of one payout's file, each read from its own tables. No account number in clear: the
last four characters are all that is ever shown.
"""

import hashlib
from collections.abc import Iterable
from typing import Any

from django.db.models import Model, QuerySet
from django.db.models.expressions import RawSQL

from atlaspay.core.models import AccessEvent
from compliance.models import (
    BlindReview,
    Case,
    Decision,
    Policy,
    PolicyStep,
    RescreenHit,
    SafeMatch,
    ScreeningRun,
    WatchlistImport,
)
from compliance.services.export.canonical import plain
from ledger.models import Posting
from partners.models import IdempotencyRecord
from payouts.machine import LEGAL_MOVES
from payouts.models import Attempt, BankCallback, Batch, Payout, Return
from payouts.services.callbacks import body_digest
from webhooks.models import Delivery, DeliveryAttempt, Event

SEALED = frozenset({"account_sealed", "account_index", "body_sealed", "claim_id", "leased_until"})
RETENTION = (
    "Kept for ten years after the payout ended (31 CFR 501.601). The platform deletes none of it."
)
_HASHED = ("before", "after", "evidence")


def payout(one: Payout) -> dict[str, Any]:
    """Return the payout as it is, without its sealed account."""
    return _record(one)


def request(one: Payout) -> dict[str, Any]:
    """Return the batch it came in, and the request that brought it."""
    batch = Batch.objects.select_related("api_key").get(id=one.batch_id)
    made = _record(batch, without=("rejections",))
    made["api_key_prefix"] = batch.api_key.prefix if batch.api_key else ""
    record = IdempotencyRecord.objects.filter(partner_id=one.partner_id, object_id=batch.id).first()
    if record is not None:
        made["idempotency_key"] = record.key
        made["request_fingerprint"] = plain(record.fingerprint)
        made["accepted_at"] = plain(record.created_at)
    return made


def screening_runs(payout_id: str) -> list[dict[str, Any]]:
    """Return every run, oldest first."""
    return _records(ScreeningRun.objects.filter(payout_id=payout_id).order_by("created_at", "id"))


def policies(runs: Iterable[dict[str, Any]], made: Iterable[dict[str, Any]]) -> list[Any]:
    """Return the policies that screened it, or that its decisions name, with the steps of each."""
    numbers = {one["policy_id"] for one in (*runs, *made)}
    return [
        {**_record(policy), "steps": _records(PolicyStep.objects.filter(policy=policy))}
        for policy in Policy.objects.filter(number__in=numbers).order_by("number")
    ]


def list_versions(runs: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the imports that made the list revisions its runs compared with."""
    named = {label for run in runs for label in run["lists"].split(", ") if "@" in label}
    found = []
    for label in sorted(named):
        code, _, revision = label.partition("@")
        imported = WatchlistImport.objects.filter(
            watchlist_id=code, revision__lte=int(revision)
        ).order_by("-revision")
        found.append({"list": label, "import": _first(imported)})
    return found


def cases(payout_id: str) -> list[dict[str, Any]]:
    """Return its cases, each with its history."""
    return [
        {
            **_record(case, without=("heartbeat_at",)),
            "history": [
                _record(row, without=("heartbeat_at",))
                for row in case.history.order_by("history_id")
            ],
        }
        for case in Case.objects.filter(payout_id=payout_id).order_by("opened_at", "id")
    ]


def decisions(payout_id: str) -> list[dict[str, Any]]:
    """Return its receipts in the chain's order, each with the exact texts that were hashed."""
    texts = {
        f"{name}_text": RawSQL(f"compliance_decision.{name}::text", [])  # noqa: S611 - constants
        for name in _HASHED
    }
    found = []
    for decision in (
        Decision.objects.filter(payout_id=payout_id).order_by("position").annotate(**texts)
    ):
        record = _record(decision)
        record["hashed"] = {name: getattr(decision, f"{name}_text") for name in _HASHED}
        found.append(record)
    return found


def reviews(payout_id: str) -> list[dict[str, Any]]:
    """Return the blind second looks at its decisions that were given."""
    return _records(
        BlindReview.objects.filter(
            decision__payout_id=payout_id, reviewed_at__isnull=False
        ).order_by("id")
    )


def safe_matches(payout_id: str) -> list[dict[str, Any]]:
    """Return what its decisions put on the list of recipients known to be somebody else."""
    return _records(SafeMatch.objects.filter(decision__payout_id=payout_id).order_by("id"))


def rescreen_hits(payout_id: str) -> list[dict[str, Any]]:
    """Return what later list changes found."""
    return _records(RescreenHit.objects.filter(payout_id=payout_id).order_by("id"))


def attempts(payout_id: str) -> list[dict[str, Any]]:
    """Return the attempts with what the bank said."""
    return _records(Attempt.objects.filter(payout_id=payout_id).order_by("number"))


def callbacks(payout_id: str) -> list[dict[str, Any]]:
    """Return the bank's messages: their bodies only as SHA-256."""
    return [
        {**_record(one), "body_sha256": body_digest(one)}
        for one in BankCallback.objects.filter(attempt__payout_id=payout_id).order_by("id")
    ]


def returns(payout_id: str) -> list[dict[str, Any]]:
    """Return what came back."""
    return _records(Return.objects.filter(payout_id=payout_id).order_by("id"))


def journals(payout_id: str) -> list[dict[str, Any]]:
    """Return its lines in the ledger by journal. A return's lines may carry the return's id."""
    references = [
        payout_id,
        *Return.objects.filter(payout_id=payout_id).values_list("id", flat=True),
    ]
    found: dict[int, dict[str, Any]] = {}
    for line in (
        Posting.objects.filter(reference__in=references)
        .select_related("journal", "account")
        .order_by("journal_id", "id")
    ):
        journal = found.setdefault(line.journal_id, {**_record(line.journal), "lines": []})
        journal["lines"].append({**_record(line), "account": line.account.name})
    return list(found.values())


def events(payout_id: str) -> list[dict[str, Any]]:
    """Return what the partner was told: the exact body, and each delivery with its attempts."""
    found = []
    for event in Event.objects.filter(object_id=payout_id).order_by("sequence"):
        body = bytes(event.body)
        found.append(
            {
                **_record(event, without=("body",)),
                "body": body.decode(),
                "body_sha256": hashlib.sha256(body).hexdigest(),
                "deliveries": [
                    _delivery(one) for one in Delivery.objects.filter(event=event).order_by("id")
                ],
            }
        )
    return found


def history(one: Payout) -> list[dict[str, Any]]:
    """Return every version of the payout, oldest first: who changed it, when and why."""
    return [_record(row) for row in one.history.order_by("history_id")]


def access(object_ids: Iterable[str]) -> list[dict[str, Any]]:
    """Return who looked at it, exported or was refused it, so far as that is logged."""
    return _records(AccessEvent.objects.filter(object_id__in=list(object_ids)).order_by("id"))


def legal_moves() -> list[list[str]]:
    """Return the moves the state machine knows: what the history is held against."""
    return sorted([str(was), str(now)] for was, now in LEGAL_MOVES)


def _delivery(delivery: Delivery) -> dict[str, Any]:
    attempts = []
    for attempt in DeliveryAttempt.objects.filter(delivery=delivery).order_by("number"):
        answer = bytes(attempt.response_body or b"")
        attempts.append(
            {
                **_record(attempt, without=("response_body", "response_headers")),
                "response_sha256": hashlib.sha256(answer).hexdigest(),
            }
        )
    return {**_record(delivery), "url": delivery.endpoint.url, "attempts": attempts}


def _records(queryset: "QuerySet[Any]") -> list[dict[str, Any]]:
    return [_record(one) for one in queryset]


def _first(queryset: "QuerySet[Any]") -> dict[str, Any] | None:
    one = queryset.first()
    return None if one is None else _record(one)


def _record(one: Model, *, without: Iterable[str] = ()) -> dict[str, Any]:
    left_out = SEALED | set(without)
    return {
        field.attname: plain(getattr(one, field.attname))
        for field in one._meta.concrete_fields
        if field.attname not in left_out
    }
