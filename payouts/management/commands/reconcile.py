"""reconcile: compare our books with the bank's, show every break, end with 1 while one is open."""

import getpass
import json
import sys
from argparse import ArgumentParser, ArgumentTypeError
from datetime import date, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from atlaspay.core import clock, context
from atlaspay.core.errors import ProblemError
from atlaspay.core.money import display
from payouts.models import ReconciliationBreak
from payouts.services import reconciliation
from payouts.services.reconciliation import Outcome, Total

SHOWN = 50
BREAKS_OPEN = 1
BANK_UNREAD = 2


def _date(text: str) -> date:
    if text == "yesterday":
        return clock.now().date() - timedelta(days=1)
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is no day such as 2026-11-22") from None


class Command(BaseCommand):
    """Parse, call the service, answer."""

    help = (
        "Read what the bank booked, match it with our payouts, returns and fundings, and show"
        " where the two differ. Exit code 1 while breaks are open or a difference is unexplained,"
        " 2 if the bank could not be read."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument(
            "--date",
            type=_date,
            metavar="YYYY-MM-DD",
            help="also compare the bank's statement of this day, or `yesterday`",
        )
        parser.add_argument(
            "--full",
            action="store_true",
            help="read from the first entry again, to find entries the bank has changed",
        )
        by_hand = parser.add_mutually_exclusive_group()
        by_hand.add_argument(
            "--take", nargs="+", type=int, metavar="BREAK", help="become the owner of breaks"
        )
        by_hand.add_argument(
            "--close", nargs="+", type=int, metavar="BREAK", help="close breaks; needs --note"
        )
        parser.add_argument("--note", default="", help="what explains them, 10-300 characters")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        """Reconcile, or take or close breaks."""
        by_hand = options["take"] or options["close"]
        actor = f"operator:{getpass.getuser()}" if by_hand else "system:reconcile"
        with context.bind(actor=actor, reason=options["note"]):
            try:
                if options["take"]:
                    self._did(options, "taken", reconciliation.take(options["take"]))
                elif options["close"]:
                    closed = reconciliation.close_by_hand(options["close"], note=options["note"])
                    self._did(options, "closed", closed)
                else:
                    self._reconcile(options)
            except ProblemError as error:
                raise CommandError(error.detail, returncode=BANK_UNREAD) from None

    def _reconcile(self, options: dict[str, Any]) -> None:
        bar = _Bar(self.stderr, is_shown=not options["json"])
        done = reconciliation.reconcile(
            on=options["date"], is_full=options["full"], progress=bar.moved
        )
        bar.end()
        rows = list(ReconciliationBreak.objects.filter(resolved_at=None).order_by("id")[:SHOWN])
        if options["json"]:
            self.stdout.write(json.dumps(_as_dict(done, rows)))
        else:
            self._say(done, rows)
        if done.failures:
            what, why = next(iter(done.failures.items()))
            raise CommandError(f"{what} could not be read: {why}", returncode=BANK_UNREAD)
        if done.open_count or done.unexplained:
            count = done.open_count
            words = "1 break is open" if count == 1 else f"{count} breaks are open"
            if done.unexplained:
                words += f"; unexplained in {', '.join(t.currency for t in done.unexplained)}"
            raise CommandError(words, returncode=BREAKS_OPEN)

    def _say(self, done: Outcome, rows: list[ReconciliationBreak]) -> None:
        for total in done.totals:
            self.stdout.write(
                f"{total.provider} {total.currency}: our books"
                f" {display(total.ledger_minor, total.currency)}, bank"
                f" {display(total.bank_minor, total.currency)}, difference"
                f" {display(total.difference_minor, total.currency)}"
            )
            for kind, part in total.parts.items():
                self.stdout.write(
                    f"  {display(part.amount_minor, total.currency):>24}"
                    f"  {kind.replace('_', ' ')} ({part.count:,})"
                )
            if total.unexplained_minor:
                rest = display(total.unexplained_minor, total.currency)
                self.stdout.write(f"  {rest:>24}  NOT EXPLAINED")
        for one in done.closings:
            self.stdout.write(
                f"statement {one.account_id} of {one.on}: closes at"
                f" {display(one.closing_minor, one.currency)}, entries missing on it"
                f" {one.missing_count:,} ({display(one.missing_minor, one.currency)})"
            )
        for row in rows:
            self.stdout.write(
                f"#{row.pk}  {row.get_kind_display()}: ours"
                f" {display(row.expected_minor, row.currency)}, bank"
                f" {display(row.actual_minor, row.currency)}  {row.payout_id or row.subject}"
                f"  {row.detail}  since {row.opened_at:%Y-%m-%d %H:%M}"
                f"{f'  ({row.owner})' if row.owner else ''}"
            )
        if done.open_count > len(rows):
            self.stdout.write(f"... and {done.open_count - len(rows):,} more; see the console")
        self.stdout.write(
            f"{done.entries_read:,} new entries, {done.opened} breaks opened, {done.closed} closed,"
            f" {done.open_count} open"
        )

    def _did(self, options: dict[str, Any], word: str, count: int) -> None:
        self.stdout.write(json.dumps({word: count}) if options["json"] else f"{count} {word}")


class _Bar:
    """One line of progress on stderr; silent where nobody watches."""

    def __init__(self, stream: Any, *, is_shown: bool) -> None:
        self._stream = stream
        self._is_shown = is_shown and sys.stderr.isatty()
        self._counts: dict[str, int] = {}

    def moved(self, what: str, count: int) -> None:
        """Add to what was done."""
        self._counts[what] = self._counts.get(what, 0) + count
        if self._is_shown:
            self._stream.write(f"\r{what}: {self._counts[what]:,}\x1b[K", ending="")

    def end(self) -> None:
        """Clear the line."""
        if self._is_shown and self._counts:
            self._stream.write("\r\x1b[K", ending="")


def _as_dict(done: Outcome, rows: list[ReconciliationBreak]) -> dict[str, Any]:
    return {
        "ok": not (done.open_count or done.unexplained or done.failures),
        "entries_read": done.entries_read,
        "notices_read": done.notices_read,
        "asked": done.asked,
        "opened": done.opened,
        "closed": done.closed,
        "open": done.open_count,
        "open_by_kind": done.open_by_kind,
        "failures": done.failures,
        "totals": [_total(total) for total in done.totals],
        "statements": [
            {
                "provider": one.provider,
                "account_id": one.account_id,
                "currency": one.currency,
                "date": one.on.isoformat(),
                "opening_minor": one.opening_minor,
                "closing_minor": one.closing_minor,
                "entries_to_end_minor": one.entries_to_end_minor,
                "missing_count": one.missing_count,
                "missing_minor": one.missing_minor,
                "unexplained_minor": one.unexplained_minor,
            }
            for one in done.closings
        ],
        "breaks": [
            {
                "id": row.pk,
                "provider": row.provider,
                "kind": row.kind,
                "subject": row.subject,
                "payout_id": row.payout_id,
                "currency": row.currency,
                "expected_minor": row.expected_minor,
                "actual_minor": row.actual_minor,
                "detail": row.detail,
                "opened_at": clock.rfc3339(row.opened_at),
                "owner": row.owner,
            }
            for row in rows
        ],
    }


def _total(total: Total) -> dict[str, Any]:
    return {
        "provider": total.provider,
        "currency": total.currency,
        "ledger_minor": total.ledger_minor,
        "bank_minor": total.bank_minor,
        "entry_count": total.entry_count,
        "difference_minor": total.difference_minor,
        "explained_by": {
            kind: {"count": part.count, "amount_minor": part.amount_minor}
            for kind, part in total.parts.items()
        },
        "unexplained_minor": total.unexplained_minor,
    }
