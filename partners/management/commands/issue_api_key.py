"""issue_api_key: give a partner a key, or rotate or revoke one."""

import json
from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from atlaspay.core import clock, context
from atlaspay.core.errors import ProblemError
from partners.models import ApiKey, Scope
from partners.services import IssuedKey, issue_api_key, revoke_api_key, rotate_api_key


class Command(BaseCommand):
    """Parse, call the service, answer."""

    help = "Issue an API key and print it once; with --rotate or --revoke, replace or end one."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("partner", nargs="?", help="the partner's id, pt_…")
        parser.add_argument("--name", default="default", help="what the key is for")
        parser.add_argument("--mode", default=ApiKey.Mode.TEST, choices=ApiKey.Mode.values)
        parser.add_argument(
            "--scope",
            action="append",
            default=[],
            metavar="SCOPE",
            help=f"repeatable: {', '.join(Scope.values)} (default: all)",
        )
        parser.add_argument(
            "--cidr", action="append", default=[], help="repeatable: network it may be used from"
        )
        parser.add_argument(
            "--expires-in-days", type=int, help="days until it ends (default never)"
        )
        parser.add_argument("--rotate", metavar="KEY_ID", help="issue the successor of this key")
        parser.add_argument(
            "--overlap-hours", type=int, default=24, help="how long the old key goes on working"
        )
        parser.add_argument("--revoke", metavar="KEY_ID", help="end this key now")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        """Issue, rotate or revoke."""
        chosen = [name for name in ("partner", "rotate", "revoke") if options[name]]
        if len(chosen) != 1:
            raise CommandError("give a partner's id, or --rotate KEY_ID, or --revoke KEY_ID")
        with context.bind(actor="system:issue_api_key"):
            try:
                if chosen == ["revoke"]:
                    self._say_revoked(revoke_api_key(options["revoke"]), as_json=options["json"])
                elif chosen == ["rotate"]:
                    overlap = timedelta(hours=options["overlap_hours"])
                    made = rotate_api_key(options["rotate"], overlap=overlap)
                    self._say_issued(made, as_json=options["json"])
                else:
                    self._say_issued(self._issue(options), as_json=options["json"])
            except ProblemError as error:
                raise CommandError(error.detail) from None

    def _issue(self, options: dict[str, Any]) -> IssuedKey:
        days = options["expires_in_days"]
        return issue_api_key(
            options["partner"],
            name=options["name"],
            mode=options["mode"],
            scopes=options["scope"] or Scope.values,
            cidrs=options["cidr"],
            expires_at=None if days is None else clock.now() + timedelta(days=days),
        )

    def _say_issued(self, made: IssuedKey, *, as_json: bool) -> None:
        if as_json:
            self.stdout.write(
                json.dumps(
                    {
                        "id": made.key.id,
                        "partner_id": made.key.partner_id,
                        "key": made.text,
                        "prefix": made.key.prefix,
                        "scopes": made.key.scopes,
                        "cidrs": made.key.cidrs,
                        "expires_at": clock.rfc3339(made.key.expires_at),
                    }
                )
            )
            return
        self.stdout.write(made.text)
        self.stderr.write(f"{made.key.id}; this is the only time the key is shown")

    def _say_revoked(self, key: ApiKey, *, as_json: bool) -> None:
        if as_json:
            facts = {"id": key.id, "revoked_at": clock.rfc3339(key.revoked_at)}
            self.stdout.write(json.dumps(facts))
        else:
            self.stdout.write(f"{key.id} is revoked; it stops working everywhere within 5 seconds")
