"""create_partner: open an account for a marketplace."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from atlaspay.core import context
from atlaspay.core.errors import ProblemError
from partners.services import create_partner


class Command(BaseCommand):
    """Parse, call the service, answer."""

    help = "Create a partner and print its id."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("name", help="the marketplace's name, as people read it")
        parser.add_argument("--email", required=True, help="who is told of failing webhooks")
        parser.add_argument("--country", default="NL", help="ISO 3166 code (default NL)")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        """Create the partner."""
        with context.bind(actor="system:create_partner"):
            try:
                partner = create_partner(
                    name=options["name"], email=options["email"], country=options["country"]
                )
            except ProblemError as error:
                raise CommandError(error.detail) from None
        if options["json"]:
            self.stdout.write(json.dumps({"id": partner.id, "name": partner.name}))
        else:
            self.stdout.write(f"{partner.id}  {partner.name}")
