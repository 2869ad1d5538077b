"""pause_rail: stop new sends over a rail, after saying what that holds."""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from atlaspay.core import context, money
from atlaspay.core.errors import ProblemError
from payouts.rails.registry import RAIL_NAMES
from payouts.services import rails_control


class Command(BaseCommand):
    """Parse, call the service, answer."""

    help = "Stop new sends over a rail. What is in flight ends by itself; nothing that waits fails."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("rail", choices=RAIL_NAMES)
        parser.add_argument("--reason", default="", help="why; needed unless --dry-run")
        parser.add_argument("--dry-run", action="store_true", help="only say what it would hold")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        """Show the preview, then pause."""
        try:
            preview = rails_control.preview(options["rail"])
            change = None
            if not options["dry_run"]:
                with context.bind(actor="system:pause_rail", reason=options["reason"]):
                    change = rails_control.pause(options["rail"], options["reason"])
        except ProblemError as error:
            raise CommandError(error.detail) from None
        if options["json"]:
            answer = {"preview": preview.as_dict(), "change": change and asdict(change)}
            self.stdout.write(json.dumps(answer))
        else:
            self._say(preview, change)

    def _say(self, preview: rails_control.Preview, change: rails_control.Change | None) -> None:
        if change is None:
            self.stdout.write(f"A pause of {preview.rail} would hold:")
        elif change.is_changed:
            self.stdout.write(f"{change.rail} is paused. It holds:")
        else:
            self.stdout.write(f"{change.rail} was paused already ({change.reason}). It holds:")
        for words, held in (
            ("queued", preview.queued),
            ("in screening or review", preview.upstream),
        ):
            for item in held:
                total = money.display(item.amount_minor, item.currency)
                self.stdout.write(f"  {item.count:>7,} {words}, {total}")
        if not preview.queued and not preview.upstream:
            self.stdout.write("  nothing")
