"""The review queue and the case page: evidence first, then the decision, then the next case."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Prefetch
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.views.decorators.http import require_POST

from atlaspay.core.access.log import ViewsLogged
from atlaspay.core.errors import InvalidRequestError, NotFoundError, PermissionRefusedError
from compliance.admin.bulk import BulkActions
from compliance.admin.case_actions import staff
from compliance.admin.case_page import case_page
from compliance.admin.queue import queue_context
from compliance.admin.reviewers import ReviewerViews
from compliance.models import Case, Decision
from compliance.services import saved_filters


@admin.register(Case)
class CaseAdmin(ViewsLogged, BulkActions, ReviewerViews):
    """Cases: the list is the officers' queue, a page of its own; opening a case is logged."""

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
        return TemplateResponse(request, "admin/compliance/case/queue.html", context, status=status)

    def get_urls(self) -> list[URLPattern]:
        """Add what changes something: deciding, taking the next case, keeping a view."""
        view = self.admin_site.admin_view

        def post(route: str, handler: Any, name: str) -> URLPattern:
            return path(route, view(require_POST(handler)), name=f"compliance_case_{name}")

        return [
            post("next/", self.next_view, "next"),
            path("statistics/", view(self.statistics_view), name="compliance_case_statistics"),
            path("second-looks/", view(self.blind_view), name="compliance_case_blind"),
            path(
                "second-looks/<int:review_id>/", view(self.look_view), name="compliance_case_look"
            ),
            post("second-looks/next/", self.blind_next_view, "blind_next"),
            post("bulk/", self.bulk_view, "bulk"),
            post("bulk/confirm/", self.bulk_confirm_view, "bulk_confirm"),
            post("views/", self.save_filter_view, "save_filter"),
            post("views/<int:filter_id>/delete/", self.delete_filter_view, "delete_filter"),
            post("<path:object_id>/decide/", self.decide_view, "decide"),
            post("<path:object_id>/answer/", self.answer_view, "answer"),
            post("<path:object_id>/escalate/", self.escalate_view, "escalate"),
            post("<path:object_id>/undo/", self.undo_view, "undo"),
            post("<path:object_id>/take-over/", self.take_over_view, "take_over"),
            post("<path:object_id>/release/", self.release_view, "release"),
            post("<path:object_id>/presence/", self.presence_view, "presence"),
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

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Case | None:
        """Load a case with all its page needs in two queries."""
        return (
            Case.objects.select_related("payout__batch", "partner", "assignee")
            .prefetch_related(Prefetch("decisions", Decision.objects.defer("evidence")))
            .filter(pk=object_id)
            .first()
        )

    def page(self, request: HttpRequest, obj: Case) -> dict[str, Any]:
        """Return the case page."""
        return case_page(obj, staff(request))
