"""Audit pages: the live proof, verifications and what they found, exports.

Reading them is logged as `viewed`; verifying and exporting need the permission to verify and are
logged as what they are.
"""

import json
from typing import Any

from django.contrib import admin
from django.contrib.admin import display
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.views.decorators.http import require_POST

from atlaspay.core import console
from atlaspay.core.access.log import Kind, ViewsLogged, record
from atlaspay.core.admin import ReadOnlyAdmin
from atlaspay.core.console import Call, Fact
from atlaspay.core.errors import NotFoundError
from compliance.admin.audit_words import checks_table, first_broken, links, result_badge, took
from compliance.models import AuditHead, Verification
from compliance.selectors.proof import proof
from compliance.services import export
from compliance.services.audit import background, heads

PERMISSION = "compliance.verify_audit"
PROOF_TEMPLATE = "admin/compliance/audit/proof.html"
State = Verification.State
for prefix, page in (("cs", "case"), ("dc", "decision"), ("sr", "screeningrun")):
    console.PAGES.setdefault(prefix, f"compliance_{page}")


@admin.register(Verification)
class VerificationAdmin(ViewsLogged, ReadOnlyAdmin):
    """Verifications, newest first, below the live proof."""

    list_display = ["number", "result", "finding", "receipts", "by", "asked", "ended"]
    list_display_links = ["number"]
    ordering = ["-id"]
    page_template = "admin/compliance/audit/verification.html"
    change_list_template = "admin/compliance/audit/list.html"

    @display(description="Number", ordering="id")
    def number(self, verification: Verification) -> object:
        """Return its number."""
        return verification.pk

    @display(description="Result")
    def result(self, verification: Verification) -> object:
        """Return whether all holds, or how far it is."""
        return result_badge(verification)

    @display(description="First fault")
    def finding(self, verification: Verification) -> object:
        """Return the first row that breaks a check."""
        broken = first_broken(verification)
        return console.text_or_dash(broken["fault"] if broken else verification.detail)

    @display(description="Receipts")
    def receipts(self, verification: Verification) -> object:
        """Return how many receipts it recomputed."""
        return f"{verification.position:,}"

    @display(description="By")
    def by(self, verification: Verification) -> object:
        """Return who asked."""
        return console.actor(verification.actor)

    @display(description="Asked", ordering="asked_at")
    def asked(self, verification: Verification) -> object:
        """Return when it was asked for."""
        return console.when(verification.asked_at)

    @display(description="Ended", ordering="finished_at")
    def ended(self, verification: Verification) -> object:
        """Return when it ended."""
        return console.when(verification.finished_at)

    def get_urls(self) -> list[URLPattern]:
        """Add verifying, exporting and the script."""
        wrap = self.admin_site.admin_view
        return [
            path("ask/", wrap(require_POST(self.ask_view)), name="compliance_audit_ask"),
            path("heads/", wrap(require_POST(self.heads_view)), name="compliance_audit_heads"),
            path("script/", wrap(self.script_view), name="compliance_audit_script"),
            path(
                "export/<str:payout_id>/",
                wrap(require_POST(self.export_view)),
                name="compliance_payout_export",
            ),
            *super().get_urls(),
        ]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the proof above the list."""
        more = {
            "title": "Audit",
            "proof": proof(),
            "may_verify": request.user.has_perm(PERMISSION),
        }
        return super().changelist_view(request, {**more, **(extra_context or {})})

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show one; a page that only shows progress asks again by itself and is not logged."""
        pk = object_id if object_id.isdecimal() and len(object_id) < 18 else "0"
        running = Verification.objects.filter(pk=pk, finished_at=None).exists()
        if not running:
            return super().change_view(request, object_id, form_url, extra_context)
        response = ReadOnlyAdmin.change_view(self, request, object_id, form_url, extra_context)
        response["Refresh"] = "3"
        return response

    def ask_view(self, request: HttpRequest) -> HttpResponse:
        """Ask for a verification and show it."""
        self._require(request)
        replays_all = request.POST.get("replays") == "all"
        verification = background.ask(replays_all=replays_all)
        record(
            Kind.VERIFIED,
            request,
            obj=verification,
            detail="every run judged again" if replays_all else "",
        )
        return HttpResponseRedirect(
            reverse("admin:compliance_verification_change", args=[verification.pk])
        )

    def heads_view(self, request: HttpRequest) -> HttpResponse:
        """Hand out all heads as JSON lines."""
        self._require(request)
        record(Kind.EXPORTED, request, object_type="compliance.audithead")
        lines = [
            json.dumps(heads.as_line(head), separators=(",", ":"))
            for head in AuditHead.objects.order_by("number").iterator()
        ]
        return _file("".join(f"{line}\n" for line in lines), "heads.jsonl", "application/jsonl")

    def script_view(self, request: HttpRequest) -> HttpResponse:
        """Hand out the script that verifies an exported file: code, no data."""
        self._require(request)
        text = export.SCRIPT.read_text(encoding="utf-8")
        return _file(text, "verify_export.py", "text/x-python")

    def export_view(self, request: HttpRequest, payout_id: str) -> HttpResponse:
        """Log the export, then hand out one payout's file."""
        self._require(request)
        try:
            export.require(payout_id)
        except NotFoundError:
            raise Http404 from None
        record(Kind.EXPORTED, request, object_type="payouts.payout", object_id=payout_id)
        text = export.to_text(export.export_payout(payout_id))
        return _file(text, f"{payout_id}.json", "application/json")

    def page(self, request: HttpRequest, obj: Verification) -> dict[str, Any]:
        """Return what it found, or how far it is."""
        broken = first_broken(obj)
        calls = []
        if broken is not None:
            calls.append(Call(format_html("{}{}", broken["fault"], links(broken)), "bad"))
        elif obj.state == State.FAILED:
            calls.append(Call(obj.detail, "warn"))
        figures = obj.figures
        return {
            "title": f"Verification {obj.pk}",
            "heading": f"Verification {obj.pk}",
            "badges": result_badge(obj),
            "summary": format_html(
                "asked for by {}, {}", console.actor(obj.actor), console.when(obj.asked_at)
            ),
            "calls": calls,
            "is_running": obj.finished_at is None,
            "facts": [
                Fact("Ended", console.when(obj.finished_at)),
                Fact("Took", took(obj)),
                Fact("Rows", f"{obj.done:,} of about {obj.total:,}"),
                Fact("Receipts", f"{obj.position:,}"),
                Fact("Flagged", f"{figures.get('flagged', 0):,}"),
                Fact("Decided", f"{figures.get('decided', 0):,}"),
                Fact("Open", f"{figures.get('open', 0):,}"),
                Fact("Withdrawn", f"{figures.get('withdrawn', 0):,}"),
                Fact("Screening runs", "all judged again" if obj.replays_all else "a sample"),
                Fact("Head of the chain", console.code(obj.head), wide=True),
            ]
            if obj.finished_at
            else [],
            "tables": [checks_table(obj)] if obj.finished_at else [],
        }

    @staticmethod
    def _require(request: HttpRequest) -> None:
        if not request.user.has_perm(PERMISSION):
            raise PermissionDenied


def _file(text: str, name: str, content_type: str) -> HttpResponse:
    return HttpResponse(
        text,
        content_type=f"{content_type}; charset=utf-8",
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "Cache-Control": "no-store",
        },
    )
