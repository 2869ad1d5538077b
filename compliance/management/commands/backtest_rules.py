"""backtest_rules: try a policy, a draft or a file over past payouts and print what it would do."""

import json
import time
from argparse import ArgumentParser, ArgumentTypeError
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from atlaspay.core import clock, context
from atlaspay.core.errors import ConflictError, ProblemError
from compliance.models import Backtest
from compliance.services import backtest, backtest_run, documents
from compliance.services.backtest_report import report, table

MISSED = 1
UNUSABLE = 2
UNFINISHED = 3
_POLL_S = 0.5


def _instant(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is no date: write 2026-11-01 or a time") from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


class Command(BaseCommand):
    """Order the backtest, do its work or wait for the worker that does, print the figures."""

    help = (
        "Try rules over past payouts; nothing is moved. Exit 0: no payout that officers rejected"
        " would pass. Exit 1: at least one would. Exit 2: the rules do not compile, or bad"
        " arguments. Exit 3: it failed or was stopped."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--policy", type=int, help="a policy's number")
        what.add_argument("--draft", type=int, help="a draft's id")
        what.add_argument("--file", type=Path, help="a policy document as JSON")
        parser.add_argument("--since", type=_instant, help="first instant, UTC (default: --days)")
        parser.add_argument("--until", type=_instant, help="end, not included (default: now)")
        parser.add_argument("--days", type=int, default=30, help="days before --until (30)")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run it to its end; Ctrl-C stops it."""
        with context.bind(actor="system:backtest_rules"):
            try:
                ordered = self._order(options)
            except ProblemError as error:
                raise CommandError(_all_of(error), returncode=UNUSABLE) from None
            try:
                self._work(ordered, is_quiet=options["json"])
            except KeyboardInterrupt:
                self._stop(ordered)
                raise CommandError("Stopped.", returncode=UNFINISHED) from None
        ended = Backtest.objects.get(pk=ordered.pk)
        if options["json"]:
            self.stdout.write(json.dumps(report(ended)))
        else:
            self.stdout.write(table(ended))
        if ended.state != Backtest.State.DONE:
            raise CommandError(
                f"{ended.get_state_display()}. {ended.detail}".strip(), returncode=UNFINISHED
            )
        if report(ended)["missed"]:
            raise SystemExit(MISSED)

    def _order(self, options: dict[str, Any]) -> Backtest:
        until = options["until"] or clock.now()
        if not 1 <= options["days"] <= backtest.LONGEST.days:
            raise CommandError(f"--days is 1 to {backtest.LONGEST.days}.", returncode=UNUSABLE)
        since = options["since"] or until - timedelta(days=options["days"])
        actor = context.actor()
        if options["policy"] is not None:
            return backtest.backtest_policy(
                options["policy"], since=since, until=until, actor=actor
            )
        if options["draft"] is not None:
            return backtest.backtest_draft(options["draft"], since=since, until=until, actor=actor)
        path: Path = options["file"]
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"{path} cannot be read: {error}", returncode=UNUSABLE) from None
        return backtest.backtest_document(
            documents.from_text(text),
            title=f"File {path.name}",
            since=since,
            until=until,
            actor=actor,
        )

    def _work(self, ordered: Backtest, *, is_quiet: bool) -> None:
        """Run slices; where a worker holds the lease, or another is first, wait for it."""
        shown = -1
        while True:
            backtest_run.run_slice(only=ordered.pk)
            now = Backtest.objects.only("state", "done", "total", "leased_until").get(pk=ordered.pk)
            if now.state not in backtest.UNFINISHED:
                return
            percent = 100 * now.done // now.total if now.total else 0
            if percent != shown and not is_quiet:
                self.stderr.write(f"{percent:>3} %  {now.done:,} of {now.total:,}")
                shown = percent
            if now.leased_until is not None or now.state == Backtest.State.WAITING:
                time.sleep(_POLL_S)

    def _stop(self, ordered: Backtest) -> None:
        try:
            backtest.stop_backtest(ordered.pk, None)
        except ConflictError:
            return


def _all_of(error: ProblemError) -> str:
    places = [f"{each['pointer'] or '/'}: {each['detail']}" for each in error.errors]
    return "\n  ".join([error.detail, *places])
