"""The review queue and the case page: evidence first, then the decision, then the next case."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseNotAllowed,
    HttpResponseRedirect,
    QueryDict,
)
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_POST

from atlaspay.core.admin import ReadOnlyAdmin
from atlaspay.core.errors import (
    InvalidRequestError,
    NotFoundError,
    PermissionRefusedError,
    StaleFormError,
)
from atlaspay.core.money import display as money_text
from compliance.admin.case_page import case_page
from compliance.admin.queue import queue_context
from compliance.models import Case, Decision
from compliance.selectors.queue import QueueFilter
from compliance.services import assign, saved_filters
from compliance.services.decide import PERMISSION, decide


@admin.register(Case)
class CaseAdmin(ReadOnlyAdmin):
    """Cases: the list is the officers' queue, and so a page of its own."""

    page_template = "admin/compliance/case/page.html"

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the queue."""
        if request.method not in {"GET", "HEAD"}:
            return HttpResponseNotAllowed(["GET", "HEAD"])
        if not self.has_view_permission(request):
            raise PermissionDenied
        return self._queue(request)

    def _queue(
        self, request: HttpRequest, extra: dict[str, Any] | None = None, status: int = 200
    ) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "media": self.media,
            "is_popup": False,
            **queue_context(request, staff(request)),
            **(extra or {}),
        }
        return TemplateResponse(
            request, "admin/compliance/case/queue.html", context, status=status
        )

    def get_urls(self) -> list[URLPattern]:
        """Add what changes something: deciding, taking the next case, keeping a view."""
        view = self.admin_site.admin_view

        def post(route: str, handler: Any, name: str) -> URLPattern:
            return path(route, view(require_POST(handler)), name=f"compliance_case_{name}")

        return [
            post("next/", self.next_view, "next"),
            post("views/", self.save_filter_view, "save_filter"),
            post("views/<int:filter_id>/delete/", self.delete_filter_view, "delete_filter"),
            post("<path:object_id>/decide/", self.decide_view, "decide"),
            *super().get_urls(),
        ]

    def save_filter_view(self, request: HttpRequest) -> HttpResponse:
        """Keep the view of the queue that is shown."""
        try:
            kept = saved_filters.save_filter(
                staff(request),
                name=request.POST.get("name", ""),
                query=request.POST.get("query", ""),
                is_shared="is_shared" in request.POST,
            )
        except PermissionRefusedError as error:
            raise PermissionDenied(error.detail) from None
        except InvalidRequestError as error:
            messages.error(request, error.detail)
            return self._to_queue(request.POST.get("query", ""))
        messages.success(request, f"The view “{kept.name}” is saved.")
        return self._to_queue(kept.query)

    def delete_filter_view(self, request: HttpRequest, filter_id: int) -> HttpResponse:
        """Delete one's own view of the queue."""
        try:
            saved_filters.delete_filter(staff(request), filter_id)
        except PermissionRefusedError as error:
            raise PermissionDenied(error.detail) from None
        except NotFoundError as error:
            raise Http404(error.detail) from None
        messages.success(request, "The view is deleted.")
        return self._to_queue("")

    def _to_queue(self, query: str) -> HttpResponse:
        kept = QueueFilter.of(QueryDict(query).dict()).query
        url = reverse("admin:compliance_case_changelist")
        return HttpResponseRedirect(f"{url}?{kept}" if kept else url)

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Case | None:
        """Load a case with all its page needs in one query."""
        return (
            Case.objects.select_related(
                "payout__batch", "partner", "run__policy", "assignee"
            )
            .prefetch_related("decisions")
            .filter(pk=object_id)
            .first()
        )

    def page(self, request: HttpRequest, obj: Case) -> dict[str, Any]:
        """Return the case page."""
        return {
            **case_page(obj, request.user),
            "may_decide": obj.state == Case.State.OPEN and request.user.has_perm(PERMISSION),
        }

    def decide_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Take the decision that the page's form carries; then on to the next case."""
        user = staff(request)
        posted = {name: request.POST.get(name, "") for name in _FIELDS}
        version = posted.pop("expected_version")
        try:
            receipt = decide(
                object_id,
                **posted,
                expected_version=int(version) if version.isdecimal() else -1,
                user=user,
            )
        except PermissionRefusedError as error:
            raise PermissionDenied(error.detail) from None
        except NotFoundError as error:
            raise Http404(error.detail) from None
        except StaleFormError as error:
            return self._again(request, object_id, 409, {"stale": error.detail})
        except InvalidRequestError as error:
            faults = {fault["pointer"].strip("/"): fault["detail"] for fault in error.errors}
            return self._again(request, object_id, 422, {"posted": posted, "faults": faults})
        messages.success(request, _done(receipt))
        return self._to_next(request, object_id)

    def next_view(self, request: HttpRequest) -> HttpResponse:
        """Claim the next case and go there."""
        return self._to_next(request, request.POST.get("after", ""))

    def _to_next(self, request: HttpRequest, after: str) -> HttpResponse:
        user = staff(request)
        try:
            case = assign.claim_next(user, after=after)
        except PermissionRefusedError as error:
            raise PermissionDenied(error.detail) from None
        if case is None:
            messages.info(request, "Nothing else waits for a decision.")
            return HttpResponseRedirect(reverse("admin:compliance_case_changelist"))
        return HttpResponseRedirect(reverse("admin:compliance_case_change", args=[case.pk]))

    def _again(
        self, request: HttpRequest, object_id: str, status: int, extra: dict[str, Any]
    ) -> HttpResponse:
        case = self.get_object(request, object_id)
        if case is None or not self.has_view_permission(request, case):
            raise PermissionDenied
        return self.render_page(request, case, self.page_template, extra, status)


def staff(request: HttpRequest) -> User:
    """Return the person; `admin_view` has let nobody else in."""
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user


_FIELDS = ("kind", "reason_code", "internal_text", "partner_text", "expected_version")


def _done(receipt: Decision) -> str:
    payout = receipt.case.payout
    return (
        f"{receipt.get_kind_display()}: {money_text(payout.amount_minor, payout.currency)} to"
        f" {payout.recipient_name}. Receipt {receipt.position} is in the chain."
    )
