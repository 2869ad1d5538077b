#!/usr/bin/env python3
"""Verify one payout's exported file, on any machine, with nothing but Python 3.9 or later.

    python3 verify_export.py po_….json [--keys jwks.json]

Recomputes the digest of every section, the hash of every decision and their links, holds the
history against the legal moves, the decisions against the history, the ledger against zero and the
webhook bodies against their hashes. With `--keys` (the platform's `/.well-known/jwks.json`, kept
from a time you trust) it also checks the signature, so that the origin is proved.

Exit 0: all holds. Exit 1: something does not, and the words say what. Exit 2: no such file, or no
export.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

FORMAT = "atlaspay payout file, version 1"
GENESIS = hashlib.sha256(b"atlaspay decision chain").hexdigest()
NAME_DIGITS = 12
FORMATS = (1, 2)
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)  # noqa: UP017 - Python 3.9
IN_EFFECT = ("final", "confirmed")
FRAME = ("format", "payout_id", "made_at", "made_by", "head", "digests")
LISTS = (
    *("screening_runs", "policies", "list_versions", "cases", "decisions", "blind_reviews"),
    *("safe_matches", "rescreen_hits", "attempts", "callbacks", "returns", "journals", "events"),
    *("history", "access", "legal_moves"),
)
OBJECTS = ("payout", "request", "retention")


class UnreadableError(Exception):
    """What was given is no file of ours."""


def canonical(value: Any) -> bytes:
    """Return the bytes that are hashed."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return text.encode("utf-8")


def digest(value: Any) -> str:
    """Return the SHA-256 of a value's canonical bytes."""
    return hashlib.sha256(canonical(value)).hexdigest()


def outline(section: Any) -> Any:
    """Return the first digits of the digest of each field of each record."""
    if isinstance(section, list):
        return [outline(record) for record in section]
    if isinstance(section, dict):
        return {name: digest(field)[:NAME_DIGITS] for name, field in section.items()}
    return digest(section)[:NAME_DIGITS]


def netstring(value: object) -> bytes:
    """Encode one value as the chain does; None has a form of its own."""
    if value is None:
        return b"-,"
    raw = str(value).encode("utf-8")
    return b"%d:%s," % (len(raw), raw)


def microseconds(text: str) -> int:
    """Return microseconds since 1970 of `2026-11-22T21:37:45.854000Z`."""
    at = datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc)  # noqa: UP017
    return (at - EPOCH) // timedelta(microseconds=1)


def read(text: str) -> dict[str, Any]:
    """Return the file. Raises UnreadableError."""
    try:
        file = json.loads(text, object_pairs_hook=_once)
    except ValueError as error:
        raise UnreadableError(f"no valid JSON: {error}") from None
    if not isinstance(file, dict) or file.get("format") != FORMAT:
        raise UnreadableError(f"this is not an {FORMAT!r}")
    parts = file.get("sections")
    if not isinstance(parts, dict):
        raise UnreadableError("it has no sections")
    for names, kind in ((LISTS, list), (OBJECTS, dict)):
        for name in names:
            if not isinstance(parts.get(name), kind):
                raise UnreadableError(f"its section {name!r} is missing or of another kind")
    for name in ("head", "digests", "outline", "signature"):
        if not isinstance(file.get(name), dict):
            raise UnreadableError(f"its member {name!r} is missing or of another kind")
    return file


def check_digests(file: dict[str, Any]) -> Iterator[str]:
    """Every section is what was digested; the frame is what was digested."""
    parts, digests = file["sections"], file["digests"]
    for name in sorted(set(parts) | set(digests)):
        if name not in parts:
            yield f"section {name} is gone"
        elif name not in digests:
            yield f"section {name} was added"
        elif digest(parts[name]) != digests[name]:
            yield "section {} is not what was exported: {}".format(
                name,
                _where(outline(parts[name]), file["outline"].get(name), parts[name]),
            )
        elif outline(parts[name]) != file["outline"].get(name):
            yield f"the outline of section {name} is not what was exported"
    if digest({name: file.get(name) for name in FRAME}) != file.get("digest"):
        yield "the frame ({}) is not what was exported".format(", ".join(FRAME))


def check_subject(file: dict[str, Any]) -> Iterator[str]:
    """Everything in the file is about its payout."""
    payout_id = file["payout_id"]
    if file["sections"]["payout"].get("id") != payout_id:
        yield "section payout is about {}".format(file["sections"]["payout"].get("id"))
    if file["sections"]["payout"].get("batch_id") != file["sections"]["request"].get("id"):
        yield "section request is another batch than the payout's"
    for name in ("screening_runs", "cases", "decisions", "rescreen_hits", "attempts", "returns"):
        for record in file["sections"][name]:
            if record.get("payout_id") != payout_id:
                yield "{}: {} is about another payout".format(name, record.get("id"))
    for record in file["sections"]["events"]:
        if record.get("object_id") != payout_id:
            yield "events: {} is about another payout".format(record.get("id"))
    for record in file["sections"]["history"]:
        if record.get("id") != payout_id:
            yield "history: row {} is about another payout".format(record.get("history_id"))


def check_chain(file: dict[str, Any]) -> Iterator[str]:
    """Each decision has the hash of what it says; neighbours follow each other."""
    before: dict[str, Any] | None = None
    for one in file["sections"]["decisions"]:
        name = "decision {} (position {})".format(one["id"], one["position"])
        for member in ("before", "after", "evidence"):
            if json.loads(one["hashed"][member]) != one[member]:
                yield f"{name}: {member} is not what was hashed"
        evidence = hashlib.sha256(one["hashed"]["evidence"].encode("utf-8")).hexdigest()
        if evidence != one["facts_hash"]:
            yield f"{name}: the evidence is not what was hashed"
        if hashlib.sha256(b"".join(map(netstring, _hashed(one)))).hexdigest() != one["hash"]:
            yield f"{name}: the row is not what was hashed"
        if one["format"] not in FORMATS:
            yield f"{name}: its format is unknown"
        if one["position"] == 1 and one["prev_hash"] != GENESIS:
            yield f"{name}: the first decision does not follow the beginning"
        if before is not None and one["position"] <= before["position"]:
            yield f"{name}: stands before an earlier one"
        if (
            before is not None
            and one["position"] == before["position"] + 1
            and one["prev_hash"] != before["hash"]
        ):
            yield f"{name}: does not follow the decision before it"
        before = one
    head = file["head"]
    if before is not None and before["position"] > head["position"]:
        yield "the chain's head is older than the last decision"
    if (
        before is not None
        and before["position"] == head["position"]
        and (before["hash"] != head["hash"])
    ):
        yield "the chain's head is another than the last decision"


def check_decisions(file: dict[str, Any]) -> Iterator[str]:
    """Decisions are in the history, at their version, by their actor; two people where needed."""
    rows = {row["version"]: row for row in file["sections"]["history"]}
    by_id = {one["id"]: one for one in file["sections"]["decisions"]}
    amount = str(file["sections"]["payout"]["amount_minor"])
    for one in file["sections"]["decisions"]:
        name = "decision {}".format(one["id"])
        moves = one["stage"] in IN_EFFECT
        row = rows.get(one["after"].get("version"))
        if row is None or row["state"] != one["after"].get("state"):
            yield f"{name}: the history has no such version"
        elif moves and row["actor"] != one["actor"]:
            yield "{}: the history says {} did it".format(name, row["actor"])
        if str(one["before"].get("amount_minor")) != amount:
            yield f"{name}: is about another amount"
        if one["stage"] in ("confirmed", "declined"):
            about = by_id.get(one["about_id"])
            if about is None or about["stage"] != "proposed" or about["kind"] != one["kind"]:
                yield f"{name}: answers no proposal"
            elif about["actor"] == one["actor"] or about["user_id"] == one["user_id"]:
                yield f"{name}: answers its own proposal"
        if one["stage"] == "final" and one["four_eyes"]:
            yield f"{name}: needed a second officer and had none"
    for case in file["sections"]["cases"]:
        effective = [
            one
            for one in file["sections"]["decisions"]
            if one["case_id"] == case["id"] and one["stage"] in IN_EFFECT and one["kind"] != "undo"
        ]
        if (case["state"] == "decided") != (len(effective) == 1):
            yield "case {}: is {} with {} decisions in effect".format(
                case["id"], case["state"], len(effective)
            )
        if case["is_blocked"] and any(one["kind"] == "approve" for one in effective):
            yield "case {}: was blocked and approved without an override".format(case["id"])
        last = case["history"][-1] if case["history"] else {}
        for member in ("state", "codes", "score", "is_blocked", "origin", "closed_at"):
            if last.get(member) != case[member]:
                yield "case {}: its last history row has another {}".format(case["id"], member)


def check_history(file: dict[str, Any]) -> Iterator[str]:
    """Versions follow each other, every move is legal and has one actor, the last is the payout."""
    legal = {tuple(move) for move in file["sections"]["legal_moves"]}
    was, version = "nothing", 0
    for row in file["sections"]["history"]:
        name = "history row {}".format(row["history_id"])
        if row["version"] != version + 1:
            yield "{}: is version {} after {}".format(name, row["version"], version)
        if row["state"] != was:
            if (was, row["state"]) not in legal | {("nothing", "screening")}:
                yield "{}: {} -> {} is no legal move".format(name, was, row["state"])
            if row["actor"].partition(":")[0] not in ("user", "key", "system"):
                yield "{}: nobody is named who did it ({!r})".format(name, row["actor"])
        was, version = row["state"], row["version"]
    if not file["sections"]["history"]:
        yield "the payout has no history"
        return
    last, payout = file["sections"]["history"][-1], file["sections"]["payout"]
    for member in ("state", "stage", "version", "failure_code", "returned_minor", "attempt_count"):
        if last[member] != payout[member]:
            yield f"payout: its last history row has another {member}"


def check_ledger(file: dict[str, Any]) -> Iterator[str]:
    """Each journal's lines sum to zero in each currency; what was reserved is the amount."""
    payout = file["sections"]["payout"]
    reserved = 0
    for journal in file["sections"]["journals"]:
        sums: dict[str, int] = {}
        for line in journal["lines"]:
            sums[line["currency"]] = sums.get(line["currency"], 0) + line["amount_minor"]
            if journal["kind"] == "payouts.reserved" and line["amount_minor"] > 0:
                reserved += line["amount_minor"]
        for currency, total in sorted(sums.items()):
            if total != 0:
                yield "journal {} is off by {} minor units of {}".format(
                    journal["id"], total, currency
                )
    if reserved != payout["amount_minor"]:
        yield "{} was reserved for a payout of {}".format(reserved, payout["amount_minor"])


def check_events(file: dict[str, Any]) -> Iterator[str]:
    """Each event's body has its hash and is about this payout; none is missing between."""
    expected = 1
    for event in file["sections"]["events"]:
        name = "event {}".format(event["id"])
        if hashlib.sha256(event["body"].encode("utf-8")).hexdigest() != event["body_sha256"]:
            yield f"{name}: the body is not what was sent"
        if event["sequence"] != expected:
            yield "{}: is number {}, and {} was due".format(name, event["sequence"], expected)
        expected = event["sequence"] + 1


CHECKS = (
    ("digests", check_digests),
    ("subject", check_subject),
    ("chain", check_chain),
    ("decisions", check_decisions),
    ("history", check_history),
    ("ledger", check_ledger),
    ("events", check_events),
)


def verify(file: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield (check, fault) for all that does not hold."""
    for name, check in CHECKS:
        try:
            for fault in check(file):
                yield name, fault
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            yield name, f"a record is not of the shape it must have: {error!r}"


def check_signature(file: dict[str, Any], keys: list[dict[str, Any]]) -> str:
    """Return what is wrong with the signature, empty where it holds."""
    signature = file["signature"]
    key = next((one for one in keys if one.get("kid") == signature.get("kid")), None)
    if key is None:
        return "signed by key {}, which is not among the given ones".format(signature.get("kid"))
    signed = canonical({name: file.get(name) for name in FRAME})
    try:
        good = ed25519_holds(_unbase64(key["x"]), signed, _unbase64(signature["value"]))
    except (KeyError, TypeError, ValueError):
        good = False
    return "" if good else "the signature does not hold"


def _hashed(one: dict[str, Any]) -> list[object]:
    parts: list[object] = [
        one["prev_hash"],
        one["position"],
        one["id"],
        one["case_id"],
        one["payout_id"],
    ]
    parts += [one["kind"], one["reason_code"], one["internal_text"], one["partner_text"]]
    parts += [one["actor"], one["user_id"], one["hashed"]["before"], one["hashed"]["after"]]
    parts += [one["facts_hash"], one["policy_id"], one["request_id"]]
    parts.append(microseconds(one["decided_at"]))
    if one["format"] > 1:
        opened = None if one["opened_at"] is None else microseconds(one["opened_at"])
        parts += [one["stage"], one["about_id"], ",".join(one["four_eyes"]), one["bulk_id"], opened]
    return parts


def _where(found: Any, wanted: Any, section: Any) -> str:
    if isinstance(found, list) and isinstance(wanted, list):
        for index, (one, other) in enumerate(zip(found, wanted)):  # noqa: B905 - 3.9
            if one != other:
                record = section[index]
                name = record.get("id", "") if isinstance(record, dict) else ""
                inner = _where(one, other, record)
                return "record {} {}{}".format(index + 1, f"({name}) " if name else "", inner)
        return f"{len(found)} records where {len(wanted)} were exported"
    if isinstance(found, dict) and isinstance(wanted, dict):
        names = [
            name for name in sorted(set(found) | set(wanted)) if found.get(name) != wanted.get(name)
        ]
        return "field {}".format(", ".join(names)) if names else "and its outline was changed too"
    return "it is another"


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a member stands twice in one object")
    return made


def _unbase64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


# --- Ed25519 by RFC 8032, section 6: slow, and enough for one signature ---

Point = tuple[int, int, int, int]  # x, y, z, t of RFC 8032

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
SQRT_M1 = pow(2, (P - 1) // 4, P)


def _add(one: Point, other: Point) -> Point:
    a, b = (one[1] - one[0]) * (other[1] - other[0]) % P, (one[1] + one[0]) * (other[1] + other[0])
    b, c, d = b % P, 2 * one[3] * other[3] * D % P, 2 * one[2] * other[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def _times(scalar: int, point: Point) -> Point:
    result = (0, 1, 1, 0)
    while scalar > 0:
        if scalar & 1:
            result = _add(result, point)
        point = _add(point, point)
        scalar >>= 1
    return result


def _x_of(y: int, sign: int) -> int:
    if y >= P:
        raise ValueError("no point")
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P != 0:
        x = x * SQRT_M1 % P
    if (x * x - square) % P != 0 or (x == 0 and sign):
        raise ValueError("no point")
    return P - x if x & 1 != sign else x


def _point(raw: bytes) -> Point:
    if len(raw) != 32:
        raise ValueError("32 bytes are needed")
    y = int.from_bytes(raw, "little")
    sign, y = y >> 255, y & ((1 << 255) - 1)
    x = _x_of(y, sign)
    return (x, y, 1, x * y % P)


BASE_Y = 4 * pow(5, P - 2, P) % P
BASE = (_x_of(BASE_Y, 0), BASE_Y, 1, _x_of(BASE_Y, 0) * BASE_Y % P)


def ed25519_holds(public: bytes, message: bytes, signature: bytes) -> bool:
    """Say whether an Ed25519 signature holds. Raises ValueError for what is none."""
    if len(signature) != 64:
        raise ValueError("64 bytes are needed")
    a, r = _point(public), _point(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if s >= ORDER:
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % ORDER
    left, right = _times(s, BASE), _add(r, _times(k, a))
    return (left[0] * right[2] - right[0] * left[2]) % P == 0 and (
        left[1] * right[2] - right[1] * left[2]
    ) % P == 0


def main(arguments: list[str] | None = None) -> int:
    """Verify one file and say what was found; return the exit code."""
    parser = argparse.ArgumentParser(description="Verify one payout's exported file.")
    parser.add_argument("file")
    parser.add_argument("--keys", help="the platform's key set (JWKS), to check the signature")
    given = parser.parse_args(arguments)
    try:
        with open(given.file, encoding="utf-8") as source:
            file = read(source.read())
        keys = None
        if given.keys:
            with open(given.keys, encoding="utf-8") as source:
                keys = json.load(source)["keys"]
    except (OSError, UnicodeDecodeError, ValueError, KeyError, TypeError, UnreadableError) as error:
        sys.stderr.write(f"{given.file}: {error}\n")
        return 2
    faults = list(verify(file))
    if keys is not None:
        fault = check_signature(file, keys)
        faults += [("signature", fault)] if fault else []
    broken = {name for name, _ in faults}
    names = [name for name, _ in CHECKS] + (["signature"] if keys is not None else [])
    for name in names:
        sys.stdout.write("{:<10}{}\n".format(name, "BROKEN" if name in broken else "ok"))
    for name, fault in faults:
        sys.stdout.write(f"{name}: {fault}\n")
    if keys is None:
        sys.stdout.write(
            "signed by key {}; not checked, give --keys\n".format(file["signature"].get("kid"))
        )
    sys.stdout.write(
        "{}: {}\n".format(file["payout_id"], "does not hold" if faults else "holds throughout")
    )
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
