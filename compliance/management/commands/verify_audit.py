"""Verify the audit: the decision chain, the coverage of flagged payouts, every payout's moves."""

import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from atlaspay.core import context
from atlaspay.core.access.log import Kind
from atlaspay.core.access.log import record as record_access
from compliance.services import audit
from compliance.services.audit import background, heads


class Command(BaseCommand):
    """Print what holds and what does not; exit 1 at a break."""

    help = (
        "Recompute the decision chain, its anchored heads and the guards, check that everything"
        " flagged was decided or waits, that two people stand where two are asked for, and that"
        " every payout's history is a chain of legal moves by somebody. Exit 1 names the first"
        " broken row of each check."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Take what to compare with and how to answer."""
        parser.add_argument("--json", action="store_true", help="print one JSON object")
        parser.add_argument(
            "--replay",
            action="store_true",
            help=f"judge every screening run again, not a sample of {background.SAMPLE:,}",
        )
        parser.add_argument(
            "--heads", metavar="FILE", help="heads kept elsewhere, as anchor_audit writes them"
        )
        parser.add_argument(
            "--no-record",
            action="store_true",
            help="keep no row of this verification (a restored copy, a read-only replica)",
        )

    def handle(self, **options: Any) -> None:
        """Run the checks and report."""
        work = audit.Work(
            replays=0 if options["replay"] else background.SAMPLE, kept=_kept(options["heads"])
        )
        while work.advance():
            pass
        report = work.report()
        if not options["no_record"]:
            with context.bind(actor="system:verify_audit"):
                made = background.record(report, work.done, replays_all=options["replay"])
                record_access(
                    Kind.VERIFIED, obj=made, detail="all holds" if report.is_sound else "broken"
                )
        self._answer(report, as_json=options["json"])
        if not report.is_sound:
            raise SystemExit(1)

    def _answer(self, report: audit.Report, *, as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps(report.as_dict()))
            return
        for check in report.checks:
            self.stdout.write(f"{check.name:<14}{check.fault or 'ok'}")
            for other in check.rows[1:]:
                self.stdout.write(f"{'':<14}also {other}")
        count = report.figures
        self.stdout.write(
            f"{count['flagged']} flagged = {count['decided']} decided + {count['open']} open"
            f" + {count['withdrawn']} withdrawn; {count['decisions']} receipts,"
            f" head {report.head[:16]}"
        )


def _kept(name: str | None) -> tuple[dict[str, Any], ...]:
    if not name:
        return ()
    try:
        return tuple(heads.read_lines(Path(name).read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise CommandError(f"{name} cannot be read as heads: {error}") from error
