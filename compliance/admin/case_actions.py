"""What the case page's forms do: each is a POST that calls one service and says what came of it.

Refused, the page comes back as it is now, with the reason and with what was typed.
"""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
    JsonResponse,
    QueryDict,
)
from django.urls import reverse

from atlaspay.core.admin import ReadOnlyAdmin
from atlaspay.core.errors import (
    ConflictError,
    InvalidRequestError,
    NotFoundError,
    PermissionRefusedError,
    ProblemError,
    StaleFormError,
)
from atlaspay.core.money import display as money_text
from compliance.models import Case, Decision
from compliance.selectors.queue import QueueFilter
from compliance.services import assign, safe_matches, second
from compliance.services.decide import decide
from compliance.services.escalate import escalate
from compliance.services.permissions import DECIDE
from compliance.services.undo import undo


class CaseActions(ReadOnlyAdmin):
    """The views behind the buttons of a case."""

    def decide_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Take the decision that the page's form carries; then on to the next case."""
        user = staff(request)
        names = ("kind", "reason_code", "internal_text", "partner_text", "seen")
        posted = posted_words(request, *names)

        def act() -> Decision:
            return decide(
                object_id,
                kind=posted["kind"],
                reason_code=posted["reason_code"],
                internal_text=_with_steps(request, posted["internal_text"]),
                partner_text=posted["partner_text"],
                seen=posted["seen"] or "none",
                user=user,
            )

        return self._acted(request, object_id, act, posted)

    def answer_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Confirm or decline a proposal as second officer."""
        user = staff(request)
        posted = posted_words(request, "kind", "about", "reason_code", "internal_text", "seen")

        def act() -> Decision:
            words = {
                "proposal_id": posted["about"],
                "internal_text": posted["internal_text"],
                "seen": posted["seen"] or "none",
            }
            if posted["kind"] == "confirm":
                return second.confirm(object_id, **words, user=user)
            return second.decline(object_id, **words, reason_code=posted["reason_code"], user=user)

        return self._acted(request, object_id, act, posted)

    def undo_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Take an approval back; then to the new case."""
        user = staff(request)
        posted = posted_words(request, "kind", "about", "reason_code", "internal_text")

        def act() -> Decision:
            return undo(
                posted["about"],
                reason_code=posted["reason_code"],
                internal_text=posted["internal_text"],
                user=user,
            )

        return self._acted(request, object_id, act, posted)

    def escalate_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Hand the case to the leads."""
        user = staff(request)
        posted = posted_words(request, "kind", "note")

        def act() -> Case:
            return escalate(object_id, note=posted["note"], user=user)

        return self._acted(request, object_id, act, posted)

    def take_over_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Claim a case that a colleague has open."""
        user = staff(request)
        return self._acted(request, object_id, lambda: assign.take_over(object_id, user), {})

    def release_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Give a case back to the queue."""
        user = staff(request)
        try:
            assign.release(object_id, user)
        except PermissionRefusedError as error:
            raise PermissionDenied(error.detail) from None
        messages.info(request, "The case is back in the queue.")
        return self._to_queue("")

    def presence_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Say that this person reads the case; answer who has it. Called by the page itself."""
        user = staff(request)
        try:
            is_first = request.POST.get("first") == "1"
            claim = (assign.claim if is_first else assign.heartbeat)(object_id, user)
        except PermissionRefusedError as error:
            raise PermissionDenied(error.detail) from None
        except NotFoundError as error:
            raise Http404(error.detail) from None
        except (ConflictError, StaleFormError) as error:
            return JsonResponse({"words": error.detail}, status=409)
        return JsonResponse(
            {"is_mine": claim.is_mine, "is_waiting": claim.is_waiting, "holder": claim.holder}
        )

    def next_view(self, request: HttpRequest) -> HttpResponse:
        """Claim the next case and go there."""
        return self._to_next(request, request.POST.get("after", ""))

    def _acted(
        self,
        request: HttpRequest,
        object_id: str,
        act: Callable[[], object],
        posted: dict[str, str],
    ) -> HttpResponse:
        """Call the service; answer what it says. Refused, the page comes back with what was
        typed."""
        if not request.user.has_perm(DECIDE):
            raise PermissionDenied
        try:
            done = act()
        except PermissionRefusedError as error:
            raise PermissionDenied(error.detail) from None
        except NotFoundError as error:
            raise Http404(error.detail) from None
        except (StaleFormError, ConflictError) as error:
            kept = {"stale": error.detail, "posted": posted}
            return self._again(request, object_id, 409, kept)
        except InvalidRequestError as error:
            faults = {fault["pointer"].strip("/"): fault["detail"] for fault in error.errors}
            kept = {"posted": posted, "faults": faults or {"form": error.detail}}
            return self._again(request, object_id, 422, kept)
        if isinstance(done, Decision):
            messages.success(request, decision_words(done))
            _keep_safe(request, done)
            if done.kind == Decision.Kind.UNDO:
                return self._to_case(Case.objects.get(payout_id=done.payout_id, state="open").pk)
        elif not isinstance(done, Case):
            return self._to_case(object_id)
        else:
            messages.success(request, "The case is with the leads now.")
        return self._to_next(request, object_id)

    def _to_queue(self, query: str) -> HttpResponse:
        kept = QueueFilter.of(QueryDict(query).dict()).query
        url = reverse("admin:compliance_case_changelist")
        return HttpResponseRedirect(f"{url}?{kept}" if kept else url)

    def _to_case(self, case_id: str) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:compliance_case_change", args=[case_id]))

    def _to_next(self, request: HttpRequest, after: str) -> HttpResponse:
        user = staff(request)
        try:
            case = assign.claim_next(user, after=after)
        except PermissionRefusedError as error:
            raise PermissionDenied(error.detail) from None
        if case is None:
            messages.info(request, "Nothing else waits for you.")
            return self._to_queue("")
        return self._to_case(case.pk)

    def _again(
        self, request: HttpRequest, object_id: str, status: int, extra: dict[str, Any]
    ) -> HttpResponse:
        case = self.get_object(request, object_id)
        if case is None:
            raise Http404
        if not self.has_view_permission(request, case):
            raise PermissionDenied
        return self.render_page(request, case, self.page_template, extra, status)


def staff(request: HttpRequest) -> User:
    """Return the person; `admin_view` has let nobody else in."""
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user


def decision_words(decision: Decision) -> str:
    """Return what was done, for the line on top of the next page."""
    payout = decision.payout
    what = f"{money_text(payout.amount_minor, payout.currency)} to {payout.recipient_name}"
    match decision.stage:
        case Decision.Stage.PROPOSED:
            return f"Proposed: {what}. A second officer has to confirm; nothing moved yet."
        case Decision.Stage.CONFIRMED:
            said = f"{decision.get_kind_display()} as second officer"
        case Decision.Stage.DECLINED:
            said = "Declined as second officer; the leads have it"
        case _:
            said = decision.get_kind_display()
    return f"{said}: {what}. Receipt {decision.position} is in the chain."


def _keep_safe(request: HttpRequest, decision: Decision) -> None:
    """Keep who the recipient is not, where the officer said so with a decision that took effect."""
    if "is_another" not in request.POST or not decision.is_in_effect:
        return
    parties = safe_matches.parties_met(decision.payout_id)
    try:
        kept = safe_matches.add(
            decision.payout_id, parties, reason=decision.internal_text[:500], user=staff(request)
        )
    except ProblemError as error:
        messages.warning(request, f"The pair will flag again: {error.detail}")
    else:
        messages.info(request, f"Kept: {len(kept)} listed parties this recipient is not.")


def posted_words(request: HttpRequest, *names: str) -> dict[str, str]:
    """Return these fields of the form, empty where they are missing."""
    return {name: request.POST.get(name, "") for name in names}


def _with_steps(request: HttpRequest, text: str) -> str:
    """Add which of the five questions were ticked: the receipt keeps it with the words."""
    ticked = [step for step in "12345" if f"step_{step}" in request.POST]
    if not ticked or not text.strip():
        return text
    return f"{text.strip()}\n[Questions gone through: {', '.join(ticked)}]"
