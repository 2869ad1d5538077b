"""import_watchlist: read a published list and make it the next revision."""

import getpass
import json
from argparse import ArgumentParser, ArgumentTypeError
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from atlaspay.core import context
from atlaspay.core.errors import ConflictError, ProblemError
from compliance.importers.formats import FORMATS
from compliance.importers.problems import UnfitFileError
from compliance.importers.source import Source
from compliance.services.watchlist_checks import Accept
from compliance.services.watchlists import Outcome, import_list


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is no day such as 2026-02-27") from None


class Command(BaseCommand):
    """Parse, call the service, answer."""

    help = (
        "Import a watchlist, such as: import_watchlist ofac --format ofac --file sdn.csv --alt"
        " alt.csv --add add.csv --published-on 2026-02-27. Files with a fault are refused whole."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("code", help="the list's short name, such as ofac")
        parser.add_argument("--format", required=True, choices=sorted(FORMATS))
        parser.add_argument("--file", required=True, type=Path, help="the list, or OFAC's sdn.csv")
        parser.add_argument("--alt", type=Path, help="OFAC's alt.csv")
        parser.add_argument("--add", type=Path, help="OFAC's add.csv")
        parser.add_argument(
            "--published-on",
            type=_date,
            metavar="YYYY-MM-DD",
            help="needed where the files do not say (OFAC, plain)",
        )
        parser.add_argument("--title", default="", help="what pages call the list")
        parser.add_argument(
            "--accept-shrink", action="store_true", help="the list may lose more than a fifth"
        )
        parser.add_argument(
            "--accept-mismatch", action="store_true", help="OFAC's files need not fit each other"
        )
        parser.add_argument("--older", action="store_true", help="go back to an older publication")
        parser.add_argument("--dry-run", action="store_true", help="only say what it would change")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        """Import it."""
        accept = Accept(
            shrink=options["accept_shrink"],
            mismatch=options["accept_mismatch"],
            older=options["older"],
        )
        shows_progress = not options["json"] and self.stderr.isatty()
        with ExitStack() as stack, context.bind(actor=f"operator:{getpass.getuser()}"):
            try:
                outcome = import_list(
                    options["code"],
                    format_name=options["format"],
                    sources=self._sources(options, stack),
                    published_on=options["published_on"],
                    title=options["title"],
                    accept=accept,
                    user=None,
                    dry_run=options["dry_run"],
                    progress=self._progress if shows_progress else lambda count: None,
                )
            except UnfitFileError as error:
                raise CommandError(
                    "nothing was imported:\n" + "\n".join(f"  {each}" for each in error.problems)
                ) from None
            except ConflictError as error:
                option = _OPTIONS.get(str(error.extra.get("accept", "")), "")
                raise CommandError(f"{error.detail}{option and f' ({option})'}") from None
            except ProblemError as error:
                raise CommandError(error.detail) from None
        if options["json"]:
            self.stdout.write(json.dumps(outcome.as_dict()))
        else:
            self._say(outcome)

    def _sources(self, options: dict[str, Any], stack: ExitStack) -> list[Source]:
        main = FORMATS[options["format"]].roles[0]
        sources = []
        for role, option in ((main, "file"), ("alt", "alt"), ("add", "add")):
            path: Path | None = options[option]
            if path is None:
                continue
            try:
                stream = stack.enter_context(path.open("rb"))
            except OSError as error:
                raise CommandError(f"{path}: {error.strerror}") from None
            sources.append(Source(role, path.name, stream))
        return sources

    def _progress(self, count: int) -> None:
        self.stderr.write(f"\r{count:,} parties read", ending="")

    def _say(self, outcome: Outcome) -> None:
        counts = outcome.counts
        head = f"{outcome.title} of {outcome.published_on:%d %b %Y}"
        if not outcome.is_changed:
            self.stdout.write(f"{head}: already here as revision {outcome.revision}, no change")
            return
        verb = "would become" if outcome.is_dry_run else "is"
        self.stdout.write(
            f"{head} {verb} revision {outcome.revision}: {counts.parties:,} parties,"
            f" {counts.names:,} names"
        )
        self.stdout.write(
            f"{counts.added:,} added, {counts.changed:,} changed, {counts.removed:,} removed;"
            f" {outcome.new_names:,} names are new"
        )
        if orphans := outcome.notes.get("orphans"):
            self.stdout.write(f"{orphans:,} rows of alt.csv and add.csv fit no party: left out")
        if outcome.rescreen_id:
            self.stdout.write(f"rescreen {outcome.rescreen_id} waits for a worker")


_OPTIONS = {
    "shrink": "--accept-shrink",
    "mismatch": "--accept-mismatch",
    "older": "--older",
}
