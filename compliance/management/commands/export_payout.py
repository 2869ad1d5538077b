"""export_payout: everything kept about one payout, in a file that verifies without the platform."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from atlaspay.core import context
from atlaspay.core.access.log import Kind, record
from atlaspay.core.errors import NotFoundError
from compliance.services import export


class Command(BaseCommand):
    """Log, export, answer."""

    help = (
        "Write one payout's whole file: request, screening, cases, decisions, attempts, ledger,"
        " events, history. The script beside it verifies the file with nothing but Python."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Take which and where to."""
        parser.add_argument("payout_id")
        parser.add_argument("--out", required=True, metavar="FILE")
        parser.add_argument(
            "--script", metavar="FILE", help="write the verifying script there as well"
        )

    def handle(self, **options: Any) -> None:
        """Export."""
        payout_id = options["payout_id"]
        try:
            export.require(payout_id)
            with context.bind(actor="system:export_payout"):
                record(Kind.EXPORTED, object_type="payouts.payout", object_id=payout_id)
                text = export.to_text(export.export_payout(payout_id))
        except NotFoundError as error:
            raise CommandError(error.detail) from None
        try:
            Path(options["out"]).write_text(text, encoding="utf-8")
            if options["script"]:
                script = export.SCRIPT.read_text(encoding="utf-8")
                Path(options["script"]).write_text(script, encoding="utf-8")
        except OSError as error:
            raise CommandError(f"The file cannot be written: {error}") from error
        self.stdout.write(f"{payout_id} written to {options['out']}")
