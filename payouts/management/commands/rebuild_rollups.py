"""Count the sums behind the dashboards anew."""

import json
import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from atlaspay.core.rollup_rebuild import Rebuilt, ReplacedError
from payouts.rollups import roll
from webhooks import rollups as webhooks

SOURCES = {"payouts": roll.rebuild, "webhooks": webhooks.rebuild}


class Command(BaseCommand):
    help = (
        "Count the sums behind the dashboards anew, beside those in use, then change over. Readers"
        " and writers go on meanwhile. Needed after a repair by hand in the database, and after an"
        " update that adds sums: beat keeps them every 15 seconds. Webhook days that were pruned"
        " stay as they are."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--only", choices=sorted(SOURCES), help="one source alone")
        parser.add_argument("--json", action="store_true", help="one JSON object as the answer")

    def handle(self, *args: Any, **options: Any) -> None:
        made: dict[str, Rebuilt] = {}
        for name, rebuild in SOURCES.items():
            if options["only"] in (None, name):
                try:
                    made[name] = rebuild(progress=self._progress(name, options["json"]))
                except ReplacedError as error:
                    raise CommandError(
                        "Another rebuild began meanwhile; its sums are used."
                    ) from error
        if options["json"]:
            report = {
                name: {
                    "counted": one.counted,
                    "seconds": one.seconds,
                    "per_s": round(one.counted / max(one.seconds, 0.001)),
                }
                for name, one in made.items()
            }
            self.stdout.write(json.dumps(report))
            return
        for name, one in made.items():
            self.stdout.write(f"{name}: {one.counted:,} counted in {one.seconds:.1f} s")

    def _progress(self, name: str, is_json: bool) -> Any:
        began = time.monotonic()

        def tell(counted: int) -> None:
            if not is_json:
                self.stderr.write(f"{name}: {counted:,} after {time.monotonic() - began:.0f} s")

        return tell
