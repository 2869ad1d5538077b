"""submit_batch: send a CSV of payouts through the REST API, one batch a currency.

Running it again with the same file is safe: the idempotency key is made of the reference and the
content, so the same file is the same batch.
"""

import csv
import hashlib
import io
import json
import os
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import requests
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from atlaspay.core.http import BoundSession, session
from atlaspay.core.money import EXPONENTS, display

KEY_VARIABLE = "ATLASPAY_API_KEY"
READ_TIMEOUT_S = 60.0
ERRORS_SHOWN = 10


class Command(BaseCommand):
    """Parse, call the API, answer."""

    help = "Submit a CSV of payouts over the REST API, such as: submit_batch examples/payouts.csv"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("file", help="CSV with a header line; columns as in docs/api.md")
        parser.add_argument(
            "--url", default=settings.ATLASPAY_BASE_URL, help="the API (default %(default)s)"
        )
        parser.add_argument("--api-key", default="", help=f"default: ${KEY_VARIABLE}")
        parser.add_argument(
            "--reference", default="", help="your name for it (default: the file's name)"
        )
        parser.add_argument("--rail", default="", help="rtp, fednow, sepa_inst or fps")
        parser.add_argument("--execute-at", default="", help="RFC 3339, up to 90 days ahead")
        parser.add_argument("--atomic", action="store_true", help="all of it or nothing")
        parser.add_argument("--dry-run", action="store_true", help="validate only")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        """Send every currency's rows."""
        api_key = options["api_key"] or os.environ.get(KEY_VARIABLE, "")
        if not api_key:
            raise CommandError(f"no API key: set {KEY_VARIABLE} or give --api-key")
        path = Path(options["file"])
        reference = options["reference"] or path.stem
        groups = _read(path)
        http = session(
            options["url"], headers={"Authorization": f"Bearer {api_key}"}, read_s=READ_TIMEOUT_S
        )
        answers = []
        for currency, text in groups.items():
            named = reference if len(groups) == 1 else f"{reference}-{currency}"
            answers.append(_send(http, named, currency, text, options))
            if not options["json"]:
                self.stdout.write(_said(answers[-1]))
        if options["json"]:
            self.stdout.write(json.dumps({"batches": answers}))


def _read(path: Path) -> dict[str, str]:
    """Return the file's CSV by currency, in order of appearance."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{path}: {error}") from None
    try:
        rows = list(csv.DictReader(io.StringIO(text, newline=""), strict=True))
    except csv.Error as error:
        raise CommandError(f"{path}: {error}") from None
    if not rows or "currency" not in rows[0]:
        raise CommandError(f"{path}: no rows, or no column `currency`")
    groups: dict[str, list[dict[str, str]]] = {}
    for line, row in enumerate(rows, 2):
        if None in row or None in row.values():
            raise CommandError(f"{path}, row {line}: not as many cells as the header")
        if row["currency"] not in EXPONENTS:
            raise CommandError(f"{path}, row {line}: {row['currency']!r} is no currency")
        groups.setdefault(row["currency"], []).append(row)
    return {currency: _written(found) for currency, found in groups.items()}


def _written(rows: list[dict[str, str]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _send(
    http: BoundSession, reference: str, currency: str, text: str, options: dict[str, Any]
) -> dict[str, Any]:
    query = {"reference": reference, "currency": currency}
    query |= {name: options[name] for name in ("rail", "execute_at") if options[name]}
    if options["atomic"]:
        query["atomic"] = "true"
    whole = json.dumps([sorted(query.items()), text]).encode()
    path = "/v1/batches/validate" if options["dry_run"] else "/v1/batches"
    try:
        answer = http.request(
            "POST",
            path,
            params=query,
            data=text.encode(),
            headers={
                "Content-Type": "text/csv",
                "Idempotency-Key": hashlib.sha256(whole).hexdigest(),
            },
        )
        shown: dict[str, Any] = answer.json()
    except requests.RequestException as error:
        raise CommandError(f"{http.base_url}: {type(error).__name__}: {error}") from None
    if not answer.ok:
        lines = [f"{answer.status_code} {shown.get('code')}: {shown.get('detail')}"]
        lines += [
            f"  {e['pointer']}: {e['detail']}" for e in shown.get("errors", [])[:ERRORS_SHOWN]
        ]
        raise CommandError("\n".join(lines))
    return shown


def _said(shown: dict[str, Any]) -> str:
    """Return an answer in one line for people, and one for each refused item."""
    amount = display(shown["accepted_minor"], shown["currency"])
    counted = f"{shown['accepted_count']} of {shown['item_count']} payouts, {amount}"
    if shown["object"] == "batch_preview":
        verdict = "would be accepted" if shown["would_be_accepted"] else "would be refused"
        lines = [f"{shown['reference']}: {verdict}: {counted}"]
        lines += [f"  {e['pointer']}: {e['detail']}" for e in shown["errors"]]
        if short_minor := shown["funds"]["shortfall_minor"]:
            lines.append(f"  the balance is short of {display(short_minor, shown['currency'])}")
    elif shown["intake"] == "received":
        lines = [f"{shown['id']} {shown['reference']}: stored, {shown['item_count']} payouts"]
    else:
        lines = [f"{shown['id']} {shown['reference']}: accepted {counted}"]
    for refused in shown["rejected"][:ERRORS_SHOWN]:
        said = "; ".join(e["detail"] for e in refused["errors"])
        lines.append(f"  item {refused['index']} ({refused['reference']}): {said}")
    return "\n".join(lines)
