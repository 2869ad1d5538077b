"""The review queue and the case page: evidence first, then the decision, then the next case."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin import display
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_POST

from atlaspay.core import console
from atlaspay.core.admin import ReadOnlyAdmin
from atlaspay.core.errors import (
    InvalidRequestError,
    NotFoundError,
    PermissionRefusedError,
    StaleFormError,
)
from atlaspay.core.money import display as money_text
from compliance.admin.case_page import case_page
from compliance.admin.words import code_words, due_badge
from compliance.models import Case, Decision
from compliance.services import assign
from compliance.services.decide import PERMISSION, decide
from payouts.models import Payout


class StateFilter(admin.SimpleListFilter):
    """Open cases unless asked otherwise: the list is a queue first."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer the closed ones and all."""
        return [("decided", "Decided"), ("withdrawn", "Withdrawn"), ("all", "All")]

    def choices(self, changelist: Any) -> Any:
        """Name the default for what it is."""
        first, *rest = super().choices(changelist)
        yield {**first, "display": "Open"}
        yield from rest

    def queryset(self, request: HttpRequest, queryset: QuerySet[Case]) -> QuerySet[Case]:
        """Narrow the list."""
        if self.value() == "all":
            return queryset
        return queryset.filter(state=self.value() or Case.State.OPEN)


class WhyFilter(admin.SimpleListFilter):
    """By the rule that flagged."""

    title = "why flagged"
    parameter_name = "why"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer the rules of the first policy."""
        codes = ("amount_over_limit", "country", "account_velocity", "watchlist", "duplicate")
        return [(code, code_words(code)) for code in codes]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Case]) -> QuerySet[Case]:
        """Narrow the list."""
        return queryset.filter(codes__contains=[self.value()]) if self.value() else queryset


@admin.register(Case)
class CaseAdmin(ReadOnlyAdmin):
    """Cases, oldest due first."""

    list_display = ["due", "payout_words", "amount", "partner_words", "why", "looking", "opened"]
    list_display_links = ["payout_words"]
    list_filter = [StateFilter, WhyFilter, "partner"]
    list_select_related = ["payout", "partner", "assignee"]
    ordering = ["due_at", "id"]
    search_fields = ["=id", "=payout__id", "=payout__reference"]
    search_help_text = "Case or payout id, or the payout's reference"
    page_template = "admin/compliance/case/page.html"

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Case], search_term: str
    ) -> tuple[QuerySet[Case], bool]:
        """Look where the term's own shape says: an OR over the joined tables has no index."""
        term = search_term.strip()
        if not term:
            return queryset, False
        if term.startswith("cs_"):
            return queryset.filter(id=term), False
        if term.startswith("po_"):
            return queryset.filter(payout_id=term), False
        found = Payout.objects.filter(reference=term).values("id")
        return queryset.filter(payout_id__in=found), False

    @display(description="Due", ordering="due_at")
    def due(self, case: Case) -> object:
        """Return the time left."""
        return due_badge(case)

    @display(description="Recipient")
    def payout_words(self, case: Case) -> object:
        """Return who would be paid."""
        return case.payout.recipient_name

    @display(description="Amount", ordering="payout__amount_minor")
    def amount(self, case: Case) -> object:
        """Return the payout's amount."""
        return console.money(case.payout.amount_minor, case.payout.currency)

    @display(description="Partner")
    def partner_words(self, case: Case) -> object:
        """Return who sends it."""
        return case.partner.name

    @display(description="Why flagged")
    def why(self, case: Case) -> object:
        """Return the rules in words, heaviest first."""
        return ", ".join(code_words(code) for code in case.codes)

    @display(description="Looking")
    def looking(self, case: Case) -> object:
        """Return who has it open."""
        return case.assignee.username if case.assignee else console.NOTHING

    @display(description="Flagged", ordering="opened_at")
    def opened(self, case: Case) -> object:
        """Return since when it waits."""
        return console.when(case.opened_at)

    def get_urls(self) -> list[URLPattern]:
        """Add what changes something: deciding, and taking the next case."""
        view = self.admin_site.admin_view
        return [
            path("next/", view(require_POST(self.next_view)), name="compliance_case_next"),
            path(
                "<path:object_id>/decide/",
                view(require_POST(self.decide_view)),
                name="compliance_case_decide",
            ),
            *super().get_urls(),
        ]

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
