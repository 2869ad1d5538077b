"""fund_partner: book money that came in for a partner."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from atlaspay.core import context
from atlaspay.core.errors import ProblemError
from atlaspay.core.money import display
from payouts.services.funding import fund_partner, parse_amount


class Command(BaseCommand):
    """Parse, call the service, answer."""

    help = "Book money received for a partner, such as: fund_partner pt_… 250000.00 EUR"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("partner", help="the partner's id, pt_…")
        parser.add_argument("amount", help="decimal in whole units, such as 2500.00")
        parser.add_argument("currency", help="ISO 4217 code, such as EUR")
        parser.add_argument("--rail", default="", help="the rail it came in by")
        parser.add_argument(
            "--reference", default="", help="the bank's reference; booked at most once"
        )
        parser.add_argument("--narration", default="", help="a sentence for the books")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        """Book it."""
        currency = options["currency"].upper()
        with context.bind(actor="system:fund_partner"):
            try:
                made = fund_partner(
                    options["partner"],
                    amount_minor=parse_amount(options["amount"], currency),
                    currency=currency,
                    rail=options["rail"],
                    reference=options["reference"],
                    narration=options["narration"],
                )
            except ProblemError as error:
                raise CommandError(error.detail) from None
        if options["json"]:
            self.stdout.write(
                json.dumps(
                    {
                        "partner_id": options["partner"],
                        "journal_id": made.journal_id,
                        "reference": made.reference,
                        "rail": made.rail,
                        "amount_minor": made.amount_minor,
                        "currency": made.currency,
                        "available_minor": made.available_minor,
                    }
                )
            )
            return
        self.stdout.write(
            f"booked {display(made.amount_minor, currency)} ({made.reference});"
            f" available {display(made.available_minor, currency)}"
        )
