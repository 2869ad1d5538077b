"""resume_rail: let a paused rail send again."""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from atlaspay.core import context
from atlaspay.core.errors import ProblemError
from payouts.rails.registry import RAIL_NAMES
from payouts.services import rails_control


class Command(BaseCommand):
    """Parse, call the service, answer."""

    help = "Let a paused rail send again and wake the dispatchers."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("rail", choices=RAIL_NAMES)
        parser.add_argument("--reason", required=True, help="why it may send again")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        """Resume and say so."""
        try:
            with context.bind(actor="system:resume_rail", reason=options["reason"]):
                change = rails_control.resume(options["rail"], options["reason"])
        except ProblemError as error:
            raise CommandError(error.detail) from None
        if options["json"]:
            self.stdout.write(json.dumps({"change": asdict(change)}))
        elif change.is_changed:
            self.stdout.write(f"{change.rail} sends again.")
        else:
            self.stdout.write(f"{change.rail} was not paused.")
