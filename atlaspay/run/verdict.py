"""Judging a demo: every payout's end, every webhook, the ledger, the audit chain and the bank."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from atlaspay.run.expect import Expected, expected_end

SHOWN = 20
PROOFS = {"ledger": "check_ledger", "audit": "verify_audit"}


@dataclass(frozen=True)
class Finding:
    """One payout that did not end as its account number says."""

    reference: str
    expected: str
    found: str


def judge_payouts(
    rows: Sequence[Mapping[str, str]], payouts: Sequence[Mapping[str, Any]]
) -> list[Finding]:
    """Compare what the API shows with what must be; payouts missing or unasked for count too."""
    found = {payout["reference"]: payout for payout in payouts}
    findings = []
    for row in rows:
        reference = row["reference"]
        wanted = expected_end(dict(row))
        payout = found.pop(reference, None)
        shown = "missing" if payout is None else describe(payout, wanted)
        if shown != describe_expected(wanted):
            findings.append(Finding(reference, describe_expected(wanted), shown))
    findings += [Finding(reference, "not asked for", "present") for reference in found]
    return findings


def describe_expected(wanted: Expected) -> str:
    """Return an expected end in words that `describe` uses as well."""
    code = f" ({wanted.failure_code})" if wanted.failure_code else ""
    return f"{wanted.status}{code}, returned {wanted.returned}"


def describe(payout: Mapping[str, Any], wanted: Expected) -> str:
    """Return a payout's end in words, its failure code only where that is judged."""
    failure = payout.get("failure") or {}
    code = f" ({failure.get('code')})" if wanted.failure_code else ""
    returned, minor = payout.get("returned_minor", 0), payout["amount_minor"]
    share = "none" if returned == 0 else "all" if returned == minor else "part"
    return f"{payout['status']}{code}, returned {share}"


def judge_webhooks(
    events: Sequence[Mapping[str, Any]],
    received: Sequence[Mapping[str, Any]],
    stats: Mapping[str, Any],
) -> dict[str, Any]:
    """Compare the outbox as the API shows it with what the receiver verified."""
    arrived = {notice["id"] for notice in received}
    missing = [event["id"] for event in events if event["id"] not in arrived]
    unknown = arrived - {event["id"] for event in events}
    return {
        "ok": bool(events) and not missing and not unknown and not stats["invalid"],
        "events": len(events),
        "received": stats["received"],
        "valid": stats["valid"],
        "invalid": stats["invalid"],
        "invalid_by_reason": stats["invalid_by_reason"],
        "duplicates": stats["duplicates"],
        "missing": len(missing),
        "missing_events": missing[:SHOWN],
        "not_in_outbox": len(unknown),
    }


def judge_by_commands(root: Path, environment: Mapping[str, str]) -> dict[str, Any]:
    """Run the proving commands side by side and return their reports."""
    with ThreadPoolExecutor() as pool:
        reports = pool.map(lambda name: _judge_by(name, root, environment), PROOFS.values())
        return dict(zip(PROOFS, reports, strict=True))


def _judge_by(name: str, root: Path, environment: Mapping[str, str]) -> dict[str, Any]:
    done = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "manage.py", name, "--json"],
        cwd=root,
        env=dict(environment),
        capture_output=True,
        text=True,
        check=False,
    )
    lines = done.stdout.strip().splitlines()
    try:
        report = json.loads(lines[-1] if lines else "")
    except ValueError:
        try:
            report = json.loads(done.stdout)
        except ValueError:
            report = {"output": (done.stderr or done.stdout)[-500:]}
    return {"ok": done.returncode == 0, "report": report}


def judge_bank(audit: Mapping[str, Any]) -> dict[str, Any]:
    """Return the bank's own proof that nothing was paid twice and its books add up."""
    double_paid = audit.get("double_paid")
    return {
        "ok": audit.get("consistent") is True and not double_paid and not audit.get("at_risk"),
        "consistent": audit.get("consistent"),
        "double_paid": double_paid,
        "at_risk": audit.get("at_risk"),
        "transfers": audit.get("transfers"),
    }


def summary(
    rows: Sequence[Mapping[str, str]],
    payouts: Sequence[Mapping[str, Any]],
    checks: Mapping[str, Mapping[str, Any]],
    **more: Any,
) -> dict[str, Any]:
    """Return the one object a demo prints last."""
    findings = judge_payouts(rows, payouts)
    restarts = more.get("restarts") or {}
    return {
        "ok": not findings and not restarts and all(check["ok"] for check in checks.values()),
        "payouts": len(payouts),
        "expected": dict(Counter(expected_end(dict(row)).status for row in rows)),
        "ended": dict(Counter(payout["status"] for payout in payouts)),
        "wrong": [vars(finding) for finding in findings[:SHOWN]],
        "wrong_count": len(findings),
        **checks,
        **more,
    }
