"""Heads of the chain, anchored: a chain cut off at its end, or rewritten whole, is found.

A head says where the decision chain stood and digests each new row of the small append-only tables
(policies, their steps, imports). Heads are chained by the database; each is also a log line, which
leaves the machine, and `anchor_audit` writes them to a file for whoever keeps them elsewhere.
"""

import hashlib
import json
import logging
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from django.db import connection, transaction

from compliance.models import AuditHead
from compliance.services import chain
from compliance.services.audit.probes import rows
from compliance.services.audit.report import Check

log = logging.getLogger(__name__)

GENESIS = hashlib.sha256(b"atlaspay audit heads").digest()
EVERY = timedelta(hours=1)
# What of which table is digested, by the name that the marks give it; the first column is its id.
MARKED: dict[str, tuple[str, tuple[str, ...]]] = {
    "policy": (
        "compliance_policy",
        ("number", "title", "document::text", "author", "note", "created_at"),
    ),
    "policy_step": ("compliance_policystep", ("id", "policy_id", "kind", "actor", "note", "at")),
    "auto_policy": (
        "compliance_autopolicy",
        ("number", "document::text", "author", "note", "created_at"),
    ),
    "auto_step": (
        "compliance_autostep",
        ("id", "policy_id", "kind", "actor", "note", "case_id", "at"),
    ),
    "list_import": (
        "compliance_watchlistimport",
        (
            *("id", "watchlist_id", "revision", "published_on::text", "sources::text", "parties"),
            *("names", "added", "changed", "removed", "actor", "imported_at"),
        ),
    ),
}
# Added later: digested where a row has them, so that what was anchored before still holds.
LATER = {
    "policy": ("author_user_id",),
    "policy_step": ("user_id",),
    "auto_policy": ("author_user_id",),
    "auto_step": ("user_id",),
}
_IS_DUE = """
SELECT NOT EXISTS (SELECT FROM compliance_audithead WHERE at > clock_timestamp() - %s)
"""
_STATE = """
SELECT coalesce((SELECT max(position) FROM compliance_decision), 0),
    coalesce((SELECT position FROM compliance_audithead ORDER BY number DESC LIMIT 1), -1)
"""
_HEADS = """
SELECT h.number, h.at, h.position, h.decision_hash, h.marks::text, h.prev_hash, h.hash, d.hash
FROM compliance_audithead h LEFT JOIN compliance_decision d ON d.position = h.position
ORDER BY h.number
"""


def anchor(*, every: timedelta = EVERY) -> AuditHead | None:
    """Write a head, if the last is `every` old and something was added since; return it.

    Safe in parallel and twice: heads queue behind one advisory lock.
    """
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext('compliance_audithead'), 1)")
        if not rows(_IS_DUE, [every])[0][0]:
            return None
        position, anchored = rows(_STATE)[0]
        marks = _new_marks()
        if position == anchored and not marks:
            return None
        AuditHead(marks=marks).save(force_insert=True)
        head = AuditHead.objects.order_by("-number")[0]
    log.info("audit.head", extra=as_line(head))
    return head


def as_line(head: AuditHead) -> dict[str, Any]:
    """Return what of a head is kept elsewhere."""
    return {
        "number": head.number,
        "at": head.at.isoformat().replace("+00:00", "Z"),
        "position": head.position,
        "decision_hash": bytes(head.decision_hash).hex(),
        "hash": bytes(head.hash).hex(),
    }


def faults(check: Check, kept: Iterable[Mapping[str, Any]] = ()) -> None:
    """Recompute all heads and compare them with the chain, the marked rows, and the heads that were
    `kept` elsewhere (as `as_line` gives them)."""
    digests = {name: _digests(name) for name in MARKED}
    expected, previous = 1, GENESIS
    hashes: dict[int, str] = {}
    for number, at, position, decision_hash, marks, prev, own, present in rows(_HEADS):
        name = f"head {number}"
        if number != expected:
            check.add(name, f"head {expected} is missing: the next is {number}")
        elif bytes(prev) != previous:
            check.add(name, f"{name} does not follow the one before it")
        elif _hash(previous, number, position, decision_hash, marks, at) != bytes(own):
            check.add(name, f"{name} is not what was hashed")
        hashes[number] = bytes(own).hex()
        expected, previous = number + 1, bytes(own)
        if position and present is None:
            check.add(
                name, f"receipt {position} was there at {name} and is gone: the chain was cut"
            )
        elif position and bytes(present) != bytes(decision_hash):
            check.add(name, f"receipt {position} is not the one that {name} anchored")
        _compare_marks(check, name, json.loads(marks), digests)
    for line in kept:
        number = int(line["number"])
        if hashes.get(number) != line["hash"]:
            what = "is gone" if number not in hashes else "is another"
            check.add(f"head {number}", f"head {number} was kept elsewhere, and here it {what}")


def read_lines(text: str) -> list[dict[str, Any]]:
    """Read heads kept as JSON lines, be it `anchor_audit`'s own or log lines among others.

    Raises ValueError for a line that is no JSON object.
    """
    found = []
    for raw in text.splitlines():
        line = json.loads(raw) if raw.strip() else {}
        if not isinstance(line, dict):
            raise ValueError("a line is no JSON object")
        if {"number", "position", "decision_hash", "hash"} <= line.keys():
            found.append(line)
    return found


def _compare_marks(
    check: Check, name: str, marks: dict[str, Any], digests: dict[str, dict[str, str]]
) -> None:
    for table, wanted in marks.items():
        if not isinstance(wanted, dict):
            check.add(name, f"{name} marks {table} in no known way")
            continue
        for pk, digest in wanted.items():
            found = digests.get(table, {}).get(pk)
            words = f"{table.replace('_', ' ')} {pk}"
            if found is None:
                check.add(words, f"{words} was there at {name} and is gone")
            elif found != digest:
                check.add(words, f"{words} is not what {name} anchored")


def _hash(
    previous: bytes, number: int, position: int, decision_hash: Any, marks: str, at: Any
) -> bytes:
    parts = [previous.hex(), number, position, bytes(decision_hash).hex(), marks]
    return hashlib.sha256(
        b"".join(chain.netstring(part) for part in [*parts, chain.microseconds(at)])
    ).digest()


def _new_marks() -> dict[str, dict[str, str]]:
    """Digest the rows that no head has yet; one that committed late is simply in a later head."""
    made = {}
    for name in MARKED:
        known = {
            pk
            for (pk,) in rows(
                "SELECT jsonb_object_keys(marks -> %s) FROM compliance_audithead WHERE marks ? %s",
                [name, name],
            )
        }
        if fresh := {pk: digest for pk, digest in _digests(name).items() if pk not in known}:
            made[name] = fresh
    return made


def _digests(name: str) -> dict[str, str]:
    table, columns = MARKED[name]
    later = LATER.get(name, ())
    wanted = ", ".join((*columns, *later))
    return {
        str(row[0]): hashlib.sha256(
            b"".join(
                chain.netstring(chain.microseconds(cell) if hasattr(cell, "tzinfo") else cell)
                for place, cell in enumerate(row)
                if place < len(columns) or cell is not None
            )
        ).hexdigest()
        for row in rows(f"SELECT {wanted} FROM {table} ORDER BY 1")  # noqa: S608
    }
