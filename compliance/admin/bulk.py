"""Many cases with the same words: first what would happen, then the words, then what did happen."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, QueryDict
from django.template.response import TemplateResponse
from django.urls import reverse

from atlaspay.core import console
from atlaspay.core.console import Table
from atlaspay.core.errors import InvalidRequestError, PermissionRefusedError
from atlaspay.core.money import display as money_text
from compliance.admin.case_actions import CaseActions, posted_words, staff
from compliance.admin.case_forms import QUICK, Panel
from compliance.models.reasons import ApproveReason, RejectReason
from compliance.selectors.queue import QueueFilter
from compliance.services import bulk

_RESULTS = {
    bulk.Result.DECIDED: ("Will be decided", "Decided", "good"),
    bulk.Result.PROPOSED: ("Will wait for a second officer", "Waits for a second officer", "info"),
    bulk.Result.SKIPPED: ("Will be left as it is", "Left as it was", "idle"),
}
_WORDS = ("kind", "reason_code", "internal_text", "partner_text", "bulk_id")


class BulkActions(CaseActions):
    """The two steps of deciding many cases."""

    def bulk_view(self, request: HttpRequest) -> HttpResponse:
        """Show what deciding the chosen cases would do."""
        return self._preview(request, {"kind": request.POST.get("kind", "")})

    def bulk_confirm_view(self, request: HttpRequest) -> HttpResponse:
        """Decide the chosen cases; a form sent twice decides once."""
        user = staff(request)
        posted = posted_words(request, *_WORDS)
        try:
            report = bulk.execute(
                posted["bulk_id"],
                kind=posted["kind"],
                reason_code=posted["reason_code"],
                internal_text=posted["internal_text"],
                partner_text=posted["partner_text"],
                seen=_seen(request),
                user=user,
            )
        except PermissionRefusedError as error:
            raise PermissionDenied(error.detail) from None
        except InvalidRequestError as error:
            faults = {fault["pointer"].strip("/"): fault["detail"] for fault in error.errors}
            return self._preview(request, posted, faults=faults or {"form": error.detail})
        return self._page(
            request,
            {
                "title": "Decided together",
                "heading": f"{report.count(bulk.Result.DECIDED)} decided, "
                f"{report.count(bulk.Result.PROPOSED)} wait for a second officer, "
                f"{report.count(bulk.Result.SKIPPED)} left as they were",
                "sums": _sums(report),
                "tables": [_table(report, is_done=True)],
            },
        )

    def _preview(
        self, request: HttpRequest, posted: dict[str, str], faults: dict[str, str] | None = None
    ) -> HttpResponse:
        user, seen = staff(request), _seen(request)
        try:
            report = bulk.preview(posted["kind"], seen, user)
        except PermissionRefusedError as error:
            raise PermissionDenied(error.detail) from None
        except InvalidRequestError as error:
            words = "; ".join(fault["detail"] for fault in error.errors) or error.detail
            return self._page(request, {"title": "Bulk decision", "refused": words}, status=422)
        acting = len(report.lines) - report.count(bulk.Result.SKIPPED)
        verb = posted["kind"]
        return self._page(
            request,
            {
                "title": "Bulk decision",
                "heading": f"{verb.capitalize()} {acting} of {len(report.lines)} chosen cases",
                "sums": _sums(report),
                "panel": _panel(verb, acting, _sums(report)) if acting else None,
                "seen": [f"{case_id}:{mark}" for case_id, mark in seen.items()],
                "bulk_id": posted.get("bulk_id") or bulk.new_bulk_id(),
                "posted": posted if faults else {},
                "faults": faults or {},
                "tables": [_table(report, is_done=False)],
            },
            status=422 if faults else 200,
        )

    def _page(self, request: HttpRequest, extra: dict[str, Any], status: int = 200) -> HttpResponse:
        back = QueueFilter.of(_query(request)).query
        queue = reverse("admin:compliance_case_changelist")
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "media": self.media,
            "is_popup": False,
            "back": back,
            "back_url": f"{queue}?{back}" if back else queue,
            **extra,
        }
        template = "admin/compliance/case/bulk.html"
        return TemplateResponse(request, template, context, status=status)


def _seen(request: HttpRequest) -> dict[str, str]:
    """Return case id -> the mark the queue showed; more than are allowed are refused later."""
    pairs = (value.partition(":") for value in request.POST.getlist("seen"))
    return {case_id[:40]: mark[:120] or "none" for case_id, _, mark in pairs}


def _query(request: HttpRequest) -> dict[str, str]:
    return QueryDict(request.POST.get("back", "")).dict()


def _panel(kind: str, acting: int, sums: str) -> Panel:
    is_approval = kind == "approve"
    what = f"{acting} {'payout' if acting == 1 else 'payouts'}: {sums}"
    lead = f"Lets {what} go." if is_approval else f"Fails {what}; the partners are told at once."
    return Panel(
        kind=kind,
        title=kind.capitalize(),
        key=kind[0].upper(),
        lead=f"{lead} Each gets a receipt of its own with these words.",
        button=f"{kind.capitalize()} {what}",
        url=reverse("admin:compliance_case_bulk_confirm"),
        tone="go" if is_approval else "stop",
        reasons=ApproveReason.choices if is_approval else RejectReason.choices,
        quick=QUICK[kind],
        has_partner_text=not is_approval,
    )


def _sums(report: bulk.Report) -> str:
    return ", ".join(money_text(minor, currency) for currency, minor in report.sums.items())


def _table(report: bulk.Report, *, is_done: bool) -> Table:
    rows = []
    for line in report.lines:
        before, after, tone = _RESULTS[line.result]
        payout = line.payout
        receipt = console.link(line.decision, "Receipt") if line.decision else console.NOTHING
        rows.append(
            [
                console.badge(after if is_done else before, tone),
                console.id_link("compliance_case", line.case_id, payout.recipient_name)
                if payout
                else console.code(line.case_id),
                console.money(payout.amount_minor, payout.currency) if payout else console.NOTHING,
                line.words or receipt,
            ]
        )
    return Table("Cases", ["", "Recipient", "Amount>", "Receipt" if is_done else "Why"], rows)
