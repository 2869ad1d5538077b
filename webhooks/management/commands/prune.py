"""Remove webhook data that is older than it is kept."""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from atlaspay.core import context
from webhooks import retention


class Command(BaseCommand):
    help = (
        "Remove ended deliveries with their attempts, events, mails and checks that are older than"
        " ATLASPAY_DELIVERY_DAYS and ATLASPAY_EVENT_DAYS. What still waits is never removed. Beat"
        " does the same every hour."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="count only")
        parser.add_argument("--json", action="store_true", help="one JSON object as the answer")

    def handle(self, *args: Any, **options: Any) -> None:
        with context.bind(actor="system:prune"):
            found = retention.would_prune() if options["dry_run"] else retention.prune()
        if options["json"]:
            report = {
                **asdict(found),
                "dry_run": options["dry_run"],
                "delivery_days": settings.ATLASPAY_DELIVERY_DAYS,
                "event_days": settings.ATLASPAY_EVENT_DAYS,
            }
            self.stdout.write(json.dumps(report))
            return
        verb = "would go" if options["dry_run"] else "removed"
        self.stdout.write(
            f"{found.deliveries} deliveries with {found.attempts} attempts, {found.events} events,"
            f" {found.mails} mails and {found.checks} checks {verb}."
        )
