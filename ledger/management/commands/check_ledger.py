"""check_ledger: prove the books, or show the first break and end with 1."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from atlaspay.core.money import display
from ledger import checks, selectors


class Command(BaseCommand):
    """Run the checks, answer."""

    help = (
        "Prove the ledger: triggers on, journals at zero, balances equal to their postings, trial"
        " balance at zero, nothing owed below zero. Stops at the first break with exit code 1."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        """Check; print each name as it starts, since millions of rows take their time."""
        as_json = options["json"]
        found = checks.run((lambda name: None) if as_json else self._say)
        broken = next((finding for finding in found if not finding.holds), None)
        trial = {} if broken else selectors.trial_balance()
        if as_json:
            self.stdout.write(
                json.dumps(
                    {
                        "ok": broken is None,
                        "checks": {finding.check: finding.holds for finding in found},
                        "break": None
                        if broken is None
                        else {
                            "check": broken.check,
                            "detail": broken.detail,
                            "row": [str(value) for value in broken.row],
                        },
                        "counts": checks.counts(),
                        "trial_balance": {
                            currency: {"debit": totals.debit_minor, "credit": totals.credit_minor}
                            for currency, totals in trial.items()
                        },
                    }
                )
            )
        if broken is not None:
            raise CommandError(f"{broken.check}: {broken.detail}", returncode=1)
        if not as_json:
            for currency, totals in trial.items():
                self.stdout.write(f"{display(totals.debit_minor, currency)} on each side")
            self.stdout.write("the ledger balances")

    def _say(self, name: str) -> None:
        self.stdout.write(f"checking {name}")
