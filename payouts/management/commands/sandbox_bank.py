"""`manage.py sandbox_bank`: run the sandbox bank as its own process."""

import sys
from argparse import Namespace
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from payouts.rails.simulator.options import add_options, serve_with


class Command(BaseCommand):
    """Parse flags and serve; the bank itself knows nothing of Django or the database."""

    help = "Run the sandbox bank: an HTTP bank with magic accounts, faults and a clock."
    requires_system_checks: list[str] = []
    requires_migrations_checks = False

    def add_arguments(self, parser: CommandParser) -> None:
        add_options(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        sys.exit(serve_with(Namespace(**options)))
