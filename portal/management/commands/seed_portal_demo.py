"""seed_portal_demo: people of the demo's partner, made once."""

import json
import secrets
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from atlaspay.core import context
from partners.models import Partner
from portal.models import Membership, Role

PEOPLE = {
    "olga@demo-marketplace.example": Role.OWNER,
    "viktor@demo-marketplace.example": Role.VIEWER,
}


class Command(BaseCommand):
    """Make who is missing; passwords are printed once, when they are made."""

    help = "Make an owner and a viewer of a demo partner for the portal, once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("partner", help="the demo partner's id, as seed_demo prints it")
        parser.add_argument("--json", action="store_true", help="print one JSON list")

    def handle(self, *args: Any, **options: Any) -> None:
        """Seed in one transaction: a second call finds everybody there."""
        if settings.IS_PRODUCTION:
            raise CommandError("seed_portal_demo prints passwords: not in production.")
        with context.bind(actor="system:seed_portal_demo"), transaction.atomic():
            partner = Partner.objects.filter(pk=options["partner"]).first()
            if partner is None:
                raise CommandError(f"There is no partner {options['partner']!r}.")
            made = [
                _make(partner, email, role)
                for email, role in PEOPLE.items()
                if not User.objects.filter(username=email).exists()
            ]
        if options["json"]:
            self.stdout.write(json.dumps(made))
            return
        for one in made:
            self.stdout.write(f"{one['role']}: {one['username']} / {one['password']}")


def _make(partner: Partner, email: str, role: Role) -> dict[str, str]:
    password = f"demo-{secrets.token_urlsafe(9)}"
    user = User.objects.create_user(email, email, password)
    Membership.objects.create(user=user, partner=partner, role=role)
    return {"username": email, "password": password, "role": role.value}
