"""app_role: let the platform run as a role that cannot change evidence."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from compliance.services.audit import grants


class Command(BaseCommand):
    """Print the rights, or check those of the present role."""

    help = (
        "Print the SQL that lets a role run the platform without owning its tables: it can add and"
        " read evidence, not change or delete it. With --check, say what the role this command"
        " connects as could do to evidence, and exit 1 if anything."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Take a role to print for, or nothing to check."""
        parser.add_argument("role", nargs="?", help="the role that web and workers connect as")
        parser.add_argument("--check", action="store_true", help="check the present role instead")

    def handle(self, **options: Any) -> None:
        """Print or check."""
        if options["check"] == bool(options["role"]):
            raise CommandError("Name a role to print its rights, or --check the present one.")
        if options["role"]:
            self.stdout.write("\n".join(grants.statements(options["role"])))
            return
        found = grants.faults()
        for line in found:
            self.stdout.write(line)
        if found:
            raise SystemExit(1)
        self.stdout.write("This role can add evidence, and change none of it.")
