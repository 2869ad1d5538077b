"""rescreen: compare payouts and past recipients with names that came onto the lists."""

import getpass
import json
import time
from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from atlaspay.core import context
from atlaspay.core.errors import ProblemError
from compliance.models import Rescreen, Watchlist
from compliance.services import rescreen, rescreen_stuck

SLICE_S = 5.0
WAIT_S = 1.0


def _revision(text: str) -> tuple[str, int]:
    code, mark, revision = text.partition("@")
    if not mark or not revision.isdecimal():
        raise ArgumentTypeError(f"{text!r} is no list and revision such as ofac@3")
    return code, int(revision)


class Command(BaseCommand):
    """Parse, call the service, answer."""

    help = (
        "Compare payouts that wait, and recipients paid in the last year, with names that lists got"
        " after a revision. Held, raised and already paid ones are counted."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        which = parser.add_mutually_exclusive_group(required=True)
        which.add_argument(
            "--since-list",
            nargs="+",
            type=_revision,
            metavar="CODE@REV",
            help="names these lists got after these revisions",
        )
        which.add_argument("--resume", type=int, metavar="ID", help="one that was given up")
        which.add_argument("--all", action="store_true", help="all names of all lists in use")
        parser.add_argument(
            "--days",
            type=int,
            default=rescreen.DAYS,
            help="how far back recipients already paid are compared (365)",
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        """Start it and work on it, beside the workers, until it is done."""
        with context.bind(actor=f"operator:{getpass.getuser()}"):
            try:
                row = self._begin(options)
            except ProblemError as error:
                raise CommandError(error.detail) from None
            self._follow(row, is_shown=not options["json"])
        if row.state == Rescreen.State.FAILED:
            raise CommandError(f"rescreen {row.pk}: {row.detail} rescreen --resume {row.pk}")
        if options["json"]:
            self.stdout.write(json.dumps(_as_dict(row)))
        else:
            self.stdout.write(
                f"rescreen {row.pk}: {row.done:,} payouts compared ({row.detail}); {row.held:,}"
                f" held, {row.raised:,} cases raised, {row.paid:,} recipients paid already"
            )

    def _begin(self, options: dict[str, Any]) -> Rescreen:
        if options["resume"] is not None:
            return rescreen_stuck.resume(options["resume"], user=None)
        lists = dict(Watchlist.objects.filter(is_active=True).values_list("code", "revision"))
        since = dict.fromkeys(lists, 0) if options["all"] else dict(options["since_list"])
        if unknown := sorted(set(since) - set(lists)):
            raise CommandError(f"no list in use is called {', '.join(unknown)}")
        words = ", ".join(f"{code}@{revision}" for code, revision in sorted(since.items()))
        cause = "Asked for: all lists" if options["all"] else f"Asked for: since {words}"
        return rescreen.start(cause, since_lists=since, days=options["days"])

    def _follow(self, row: Rescreen, *, is_shown: bool) -> None:
        while row.state not in {Rescreen.State.DONE, Rescreen.State.FAILED}:
            if not rescreen.run(slice_s=SLICE_S, rescreen_id=row.pk):
                time.sleep(WAIT_S)  # a worker has it
            row.refresh_from_db()
            if is_shown and self.stderr.isatty():
                self.stderr.write(f"\r{row.done:,} of {row.total:,} compared", ending="")


def _as_dict(row: Rescreen) -> dict[str, object]:
    return {
        "id": row.pk,
        "state": row.state,
        "compared": row.done,
        "held": row.held,
        "raised": row.raised,
        "paid": row.paid,
        "since": row.since_lists,
        "days": row.days,
    }
