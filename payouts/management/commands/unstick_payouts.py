"""unstick_payouts: payouts that wait for a bank: list them, ask the bank, settle by hand."""

import dataclasses
import getpass
import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from atlaspay.core import context
from atlaspay.core.errors import ProblemError
from atlaspay.core.money import display
from payouts.services import operator


class Command(BaseCommand):
    """Parse, call the service, answer."""

    help = (
        "List payouts that wait for a bank's answer; ask the bank again (--ask); or, with "
        "evidence, record what the bank confirmed otherwise (--paid, --unpaid)."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("payouts", nargs="*", help="payout ids, po_…; none: all that wait")
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--ask", action="store_true", help="let the bank be asked now")
        what.add_argument("--paid", action="store_true", help="the bank confirmed it was paid")
        what.add_argument("--unpaid", action="store_true", help="the bank confirmed it was not")
        parser.add_argument("--evidence", default="", help="where that is seen, 10-300 characters")
        parser.add_argument("--yes", action="store_true", help="do not ask before --unpaid")
        parser.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        """List, ask or confirm."""
        ids = options["payouts"]
        with context.bind(actor=f"operator:{getpass.getuser()}"):
            try:
                if options["ask"]:
                    wanted = ids or [row.payout_id for row in operator.stuck()]
                    self._say(options, {"asked": operator.ask_now(wanted)})
                elif options["paid"] or options["unpaid"]:
                    self._confirm(ids, options)
                else:
                    self._list(ids, options)
            except ProblemError as error:
                raise CommandError(error.detail) from None

    def _confirm(self, ids: list[str], options: dict[str, Any]) -> None:
        if len(ids) != 1:
            raise CommandError("Name exactly one payout.")
        if options["unpaid"] and not options["yes"]:
            self.stdout.write(
                "If the bank paid it after all, the partner gets the money a second time.\n"
                f"Type the payout's id to go on: {ids[0]}"
            )
            try:
                typed = input().strip()
            except EOFError:
                typed = ""
            if typed != ids[0]:
                raise CommandError("Nothing was changed. Without a terminal, add --yes.")
        payout = operator.confirm(ids[0], is_paid=options["paid"], evidence=options["evidence"])
        self._say(options, {"payout": payout.id, "state": str(payout.state)})

    def _list(self, ids: list[str], options: dict[str, Any]) -> None:
        rows = [row for row in operator.stuck() if not ids or row.payout_id in ids]
        if options["json"]:
            listed = [dataclasses.asdict(row) for row in rows]
            self.stdout.write(json.dumps(listed, default=str))
            return
        for row in rows:
            self.stdout.write(
                f"{row.payout_id}  {row.stage:<16} {display(row.amount_minor, row.currency):>18}"
                f"  {row.rail}  {row.end_to_end_id}  since {row.since:%Y-%m-%d %H:%M:%S}"
                f"  asked {row.inquiries} times"
            )
        self.stdout.write(f"{len(rows)} waiting for a bank's answer")

    def _say(self, options: dict[str, Any], answer: dict[str, Any]) -> None:
        text = (
            json.dumps(answer)
            if options["json"]
            else ", ".join(f"{name}: {value}" for name, value in answer.items())
        )
        self.stdout.write(text)
