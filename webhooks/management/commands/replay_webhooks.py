"""Send failed webhook deliveries of an endpoint again."""

import json
from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.dateparse import parse_datetime

from atlaspay.core import clock, context
from atlaspay.core.errors import ProblemError
from webhooks import resend
from webhooks.models import Delivery

_STATES = [
    Delivery.State.EXHAUSTED.value,
    Delivery.State.CANCELED.value,
    Delivery.State.DELIVERED.value,
]


class Command(BaseCommand):
    help = (
        "Make deliveries of one endpoint due again: those that are exhausted, unless --state says"
        " otherwise. Automatic retries start afresh; the endpoint's window shapes the rate."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--endpoint", required=True, metavar="ID", help="we_…")
        parser.add_argument(
            "--since",
            metavar="INSTANT",
            help="RFC 3339 with an offset, such as 2026-11-22T10:00:00Z; default: 30 days ago",
        )
        parser.add_argument(
            "--state",
            action="append",
            choices=_STATES,
            help="may be given more than once; default: exhausted",
        )
        parser.add_argument("--dry-run", action="store_true", help="count only")
        parser.add_argument("--json", action="store_true", help="one JSON object as the answer")

    def handle(self, *args: Any, **options: Any) -> None:
        since = _since(options["since"])
        states = options["state"] or [Delivery.State.EXHAUSTED.value]
        endpoint_id = options["endpoint"]
        try:
            with context.bind(actor="system:replay_webhooks"):
                if options["dry_run"]:
                    count = resend.replayable(endpoint_id, since=since, states=states)
                else:
                    count = resend.replay(endpoint_id, since=since, states=states)
        except ProblemError as error:
            raise CommandError(error.detail) from error
        if options["json"]:
            report = {
                "endpoint_id": endpoint_id,
                "since": clock.rfc3339(since),
                "states": states,
                "count": count,
                "dry_run": options["dry_run"],
            }
            self.stdout.write(json.dumps(report))
        elif options["dry_run"]:
            self.stdout.write(f"{count} deliveries would be sent again.")
        else:
            self.stdout.write(f"{count} deliveries are due again.")


def _since(text: str | None) -> Any:
    if text is None:
        return clock.now() - timedelta(days=resend.REPLAY_DAYS)
    try:
        at = parse_datetime(text)
    except ValueError as error:
        raise CommandError(f"--since {text!r}: {error}") from error
    if at is None or at.tzinfo is None:
        raise CommandError(
            f"--since {text!r} is no instant with an offset, such as 2026-11-22T10:00:00Z"
        )
    return at
