"""seed_demo: the demo's partner, key, endpoint, money and staff, made once."""

import json
import secrets
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from atlaspay.core import context
from atlaspay.core.errors import ProblemError
from partners.models import Partner, Scope
from partners.services import create_partner, issue_api_key
from payouts.services.funding import fund_partner
from webhooks.models import Endpoint
from webhooks.services import create_endpoint

NAME = "Demo Marketplace"
MONEY = {"EUR": 500_000_000, "USD": 500_000_000, "GBP": 100_000_000}
STAFF = {
    "officer": "ada",
    "lead": "grace",
    "rule_author": "ines",
    "rule_publisher": "paul",
    "auditor": "noor",
    "operator": "omar",
}


class Command(BaseCommand):
    """Make what is missing; secrets are printed once, when they are made."""

    help = "Make the demo's partner, API key, webhook endpoint, funds and staff logins, once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("--webhook-url", default="", help="where the demo partner listens")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        """Seed in one transaction: a second call finds everything there."""
        if settings.IS_PRODUCTION:
            raise CommandError("seed_demo makes logins with printed passwords: not in production.")
        with context.bind(actor="system:seed_demo"), transaction.atomic():
            try:
                made = self._seed(options["webhook_url"])
            except ProblemError as error:
                raise CommandError(error.detail) from None
        if options["json"]:
            self.stdout.write(json.dumps(made))
            return
        for name, value in made.items():
            self.stdout.write(f"{name}: {value if isinstance(value, str) else json.dumps(value)}")

    def _seed(self, webhook_url: str) -> dict[str, Any]:
        partner = Partner.objects.filter(name=NAME).order_by("id").first()
        made: dict[str, Any] = {"logins": self._staff()}
        if partner is None:
            partner = create_partner(name=NAME, email="payouts@demo-marketplace.example")
            for currency, amount_minor in MONEY.items():
                fund_partner(
                    partner.id,
                    amount_minor=amount_minor,
                    currency=currency,
                    reference=f"demo-{currency}",
                    narration="Demo funds",
                )
            issued = issue_api_key(partner.id, name="demo", scopes=list(Scope))
            made["api_key"] = issued.text
        made["partner_id"] = partner.id
        listens = Endpoint.objects.filter(partner=partner, url=webhook_url, deleted_at=None)
        if webhook_url and not listens.exists():
            endpoint, made["webhook_secret"] = create_endpoint(
                partner.id, url=webhook_url, description="demo receiver"
            )
            made["endpoint_id"] = endpoint.id
        return made

    def _staff(self) -> list[dict[str, str]]:
        logins = []
        groups = {group.name: group for group in Group.objects.all()}
        for role, username in {**STAFF, "superuser": "admin"}.items():
            if User.objects.filter(username=username).exists():
                continue
            password = f"demo-{secrets.token_urlsafe(9)}"
            user = User.objects.create_user(username, f"{username}@atlaspay.example", password)
            user.is_staff = True
            user.is_superuser = role == "superuser"
            user.save(update_fields=["is_staff", "is_superuser"])
            if role in groups:
                user.groups.add(groups[role])
            logins.append({"username": username, "password": password, "role": role})
        return logins
