"""create_portal_owner: the link by which a partner's first owner comes into the portal."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from atlaspay.core import context
from atlaspay.core.errors import ProblemError
from portal.members.invitations import VALID_FOR, invite
from portal.models import Role


class Command(BaseCommand):
    """Print a one-time link; nothing is mailed, whoever runs this hands it over."""

    help = "Invite a partner's owner into the portal; prints a one-time link, valid for seven days."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("partner", help="the partner's id, pt_…")
        parser.add_argument("email", help="the owner's e-mail address")

    def handle(self, *args: Any, **options: Any) -> None:
        """Make the invitation; one for the same address that was open opens nothing any more."""
        with context.bind(actor="system:create_portal_owner"):
            try:
                made = invite(options["partner"], email=options["email"], role=Role.OWNER)
            except ProblemError as error:
                raise CommandError(error.detail) from None
        self.stdout.write(f"{made.link}")
        self.stderr.write(f"Valid once, for {VALID_FOR.days} days; shown now and never again.")
