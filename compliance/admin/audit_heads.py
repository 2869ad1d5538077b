"""Anchored heads in the console: where the chain stood, and what each head digests."""

from typing import Any

from django.contrib import admin
from django.contrib.admin import display
from django.http import HttpRequest
from django.utils.html import format_html

from atlaspay.core import console
from atlaspay.core.access.log import ViewsLogged
from atlaspay.core.admin import ReadOnlyAdmin
from atlaspay.core.console import Fact, Table
from compliance.models import AuditHead


@admin.register(AuditHead)
class AuditHeadAdmin(ViewsLogged, ReadOnlyAdmin):
    """Anchored heads, newest first."""

    list_display = ["number", "anchored", "position", "digest"]
    ordering = ["-number"]
    page_template = "console/page.html"

    @display(description="Anchored", ordering="number")
    def anchored(self, head: AuditHead) -> object:
        """Return when."""
        return console.when(head.at)

    @display(description="Hash")
    def digest(self, head: AuditHead) -> object:
        """Return the beginning of its hash."""
        return console.code(f"{bytes(head.hash).hex()[:16]}…")

    def page(self, request: HttpRequest, obj: AuditHead) -> dict[str, Any]:
        """Return one head."""
        rows = [
            [table.replace("_", " "), pk, console.code(digest)]
            for table, marks in sorted(obj.marks.items())
            for pk, digest in marks.items()
        ]
        return {
            "title": f"Head {obj.number}",
            "heading": f"Head {obj.number}",
            "summary": format_html("anchored {}", console.when(obj.at)),
            "facts": [
                Fact("Receipts", f"{obj.position:,}"),
                Fact(
                    "Last receipt's hash", console.code(bytes(obj.decision_hash).hex()), wide=True
                ),
                Fact("Follows", console.code(bytes(obj.prev_hash).hex()), wide=True),
                Fact("Hash", console.code(bytes(obj.hash).hex()), wide=True),
            ],
            "tables": [Table("Rows first digested here", ["Table", "Row", "SHA-256"], rows)],
        }
