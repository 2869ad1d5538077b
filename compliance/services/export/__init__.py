"""One payout's whole file: everything kept about it in one JSON document that can be verified
without this platform, by `verify_export.py` and a Python without any package.

Reads one snapshot. Whoever calls it checks the permission and logs the export.
"""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.db import connection, transaction

from atlaspay.core import clock, context
from atlaspay.core.errors import NotFoundError
from compliance.models import AuditHead, Decision
from compliance.services.audit import heads
from compliance.services.export import sections
from compliance.services.export.canonical import canonical, digest, instant, outline
from payouts.models import Payout
from webhooks import signing_keys

FORMAT = "atlaspay payout file, version 1"
SCRIPT = Path(__file__).with_name("verify_export.py")


def require(payout_id: str) -> None:
    """Raise NotFoundError where there is no such payout: before an export is logged."""
    if not Payout.objects.filter(id=payout_id).exists():
        raise NotFoundError(f"There is no payout {payout_id}.")


def export_payout(payout_id: str) -> dict[str, Any]:
    """Return the file of a payout. Raises NotFoundError."""
    require(payout_id)
    with _snapshot():
        payout = Payout.objects.get(id=payout_id)
        parts = _parts(payout)
        head = _head()
    made = {
        "format": FORMAT,
        "payout_id": payout.id,
        "made_at": instant(clock.now()),
        "made_by": context.actor(),
        "head": head,
        "digests": {name: digest(part) for name, part in parts.items()},
    }
    return {
        **made,
        "digest": digest(made),
        "signature": _signature(canonical(made)),
        "outline": {name: outline(part) for name, part in parts.items()},
        "sections": parts,
    }


def to_text(file: dict[str, Any]) -> str:
    """Return the file as it is handed out: readable, and the same for the same content."""
    return json.dumps(file, ensure_ascii=False, indent=1) + "\n"


def _parts(payout: Payout) -> dict[str, Any]:
    runs = sections.screening_runs(payout.id)
    cases = sections.cases(payout.id)
    decisions = sections.decisions(payout.id)
    about = [payout.id, payout.batch_id, *(one["id"] for one in (*cases, *decisions))]
    return {
        "payout": sections.payout(payout),
        "request": sections.request(payout),
        "screening_runs": runs,
        "policies": sections.policies(runs, decisions),
        "list_versions": sections.list_versions(runs),
        "cases": cases,
        "decisions": decisions,
        "blind_reviews": sections.reviews(payout.id),
        "safe_matches": sections.safe_matches(payout.id),
        "rescreen_hits": sections.rescreen_hits(payout.id),
        "attempts": sections.attempts(payout.id),
        "callbacks": sections.callbacks(payout.id),
        "returns": sections.returns(payout.id),
        "journals": sections.journals(payout.id),
        "events": sections.events(payout.id),
        "history": sections.history(payout),
        "access": sections.access(about),
        "legal_moves": sections.legal_moves(),
        "retention": {"note": sections.RETENTION},
    }


def _head() -> dict[str, Any]:
    last = Decision.objects.order_by("-position").values_list("position", "hash").first()
    anchored = AuditHead.objects.order_by("-number").first()
    return {
        "position": last[0] if last else 0,
        "hash": bytes(last[1]).hex() if last else "",
        "anchored": heads.as_line(anchored) if anchored else None,
    }


def _signature(signed: bytes) -> dict[str, str]:
    kid, private = signing_keys.current()
    return {
        "alg": "EdDSA",
        "kid": kid,
        "value": base64.urlsafe_b64encode(private.sign(signed)).rstrip(b"=").decode(),
    }


@contextmanager
def _snapshot() -> Iterator[None]:
    """Read one snapshot. Inside a caller's transaction its own is used as it is."""
    if connection.in_atomic_block:
        yield
        return
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        yield
