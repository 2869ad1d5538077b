"""Verify the audit: the decision chain, the coverage of flagged payouts, every payout's moves."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from compliance.services import audit


class Command(BaseCommand):
    """Print what holds and what does not; exit 1 at a break."""

    help = (
        "Recompute the decision chain and check that everything flagged was decided or waits, and"
        " that every payout's history is a chain of legal moves by somebody. Exit 1 names the first"
        " broken row."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Take --json."""
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, **options: Any) -> None:
        """Run the checks and report."""
        report = audit.verify()
        if options["json"]:
            self.stdout.write(json.dumps(report.as_dict()))
        else:
            for check in report.checks:
                self.stdout.write(f"{check.name:<10}{check.fault or 'ok'}")
            self.stdout.write(
                f"{report.flagged} flagged = {report.decided} decided + {report.still_open} open"
                f" + {report.withdrawn} withdrawn; {report.decisions} receipts,"
                f" head {report.head[:16]}"
            )
        if not report.is_sound:
            raise SystemExit(1)
