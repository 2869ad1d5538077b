"""Anchor the decision chain now, and write all heads for whoever keeps them elsewhere."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from compliance.models import AuditHead
from compliance.services.audit import heads


class Command(BaseCommand):
    """Anchor, then print or write every head as a JSON line."""

    help = (
        "Anchor the decision chain as it stands and print all heads as JSON lines. Kept where the"
        " database's owner cannot write, they let verify_audit --heads find a chain that was cut"
        " off or rewritten whole."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Take where to write."""
        parser.add_argument("--out", metavar="FILE", help="write there instead of printing")

    def handle(self, **options: Any) -> None:
        """Anchor and write."""
        heads.anchor(every=timedelta(0))
        lines = [
            json.dumps(heads.as_line(head), separators=(",", ":"))
            for head in AuditHead.objects.order_by("number").iterator()
        ]
        text = "".join(f"{line}\n" for line in lines)
        if options["out"]:
            Path(options["out"]).write_text(text, encoding="utf-8")
            self.stdout.write(f"{len(lines)} heads written to {options['out']}")
        else:
            self.stdout.write(text, ending="")
