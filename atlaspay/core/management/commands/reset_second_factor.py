"""reset_second_factor: let somebody who lost phone and recovery codes enrol again."""

from argparse import ArgumentParser
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError

from atlaspay.core import context
from atlaspay.core.access import second_factor
from atlaspay.core.access.log import Kind, record


class Command(BaseCommand):
    """Reset, log, answer."""

    help = (
        "Take a member of staff's second factor away and forget their failed codes; their sessions"
        " end, and their next sign-in enrols a new app. Make sure first that it is them who asks."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("username")
        parser.add_argument(
            "--reason", required=True, help="for the access log: who asked, and how you know"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Reset in one breath with its log row."""
        username = options["username"]
        user = User.objects.filter(username=username).first()
        if user is None:
            raise CommandError(f"There is no member of staff named {username!r}.")
        with context.bind(actor="system:reset_second_factor"):
            was_enrolled = second_factor.reset(user)
            record(Kind.SECOND_FACTOR_RESET, obj=user, detail=f"{username}: {options['reason']}")
        self.stdout.write(
            f"{username} enrols a new app at the next sign-in."
            if was_enrolled
            else f"{username} had no second factor; failed codes are forgotten."
        )
