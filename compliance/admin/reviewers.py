"""How officers work, and the blind second look: evidence without the decision."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse

from atlaspay.core import clock, console
from atlaspay.core.console import Fact, Table
from atlaspay.core.errors import (
    ConflictError,
    InvalidRequestError,
    NotFoundError,
    PermissionRefusedError,
)
from compliance.admin.case_actions import CaseActions, posted_words, staff
from compliance.admin.case_forms import Offer, Panel
from compliance.admin.case_hits import hit_of, questions
from compliance.admin.case_past import past_table
from compliance.admin.case_why import titles_of, why_of
from compliance.models import BlindReview, Case, ScreeningRun
from compliance.models.reasons import ApproveReason, RejectReason
from compliance.selectors import cases as past_of
from compliance.selectors import evidence, reviewers
from compliance.services import blind
from compliance.services.permissions import DECIDE, is_lead
from payouts.models import Payout

RANGE_DAYS, RANGE_MAX_DAYS = 30, 366
EVERYBODYS = "compliance.verify_audit"
WAITING_MAX = 100


class ReviewerViews(CaseActions):
    """Two pages beside the queue: figures, and second looks."""

    def statistics_view(self, request: HttpRequest) -> HttpResponse:
        """Show each officer's figures over some days; officers see their own."""
        user = staff(request)
        if not self.has_view_permission(request):
            raise PermissionDenied
        since, until, fault = _range(request)
        begin, end = _instant(since), _instant(until + timedelta(days=1))
        sees_all = is_lead(user) or user.has_perm(EVERYBODYS)
        found = [
            one
            for one in reviewers.officers_between(begin, end)
            if sees_all or one.user_id == user.pk
        ]
        context = {
            "title": "Officers' figures",
            "heading": "Officers' figures",
            "summary": "Everybody's." if sees_all else "Yours; leads and auditors see everybody's.",
            "since": since,
            "until": until,
            "fault": fault,
            "facts": _punctuality(reviewers.punctuality_between(begin, end)) if sees_all else [],
            "facts_title": "All cases closed in this time",
            "tables": [_officer_table(found)],
        }
        return self._frame(request, "statistics.html", context)

    def blind_view(self, request: HttpRequest) -> HttpResponse:
        """Say what second looks are, how many wait, and offer one."""
        user = staff(request)
        if not user.has_perm(DECIDE):
            raise PermissionDenied
        context = {
            "title": "Second looks",
            "heading": "Second looks",
            "waiting": BlindReview.objects.filter(reviewed_at=None)[:WAITING_MAX].count(),
            "waiting_max": WAITING_MAX,
        }
        return self._frame(request, "blind.html", context)

    def blind_next_view(self, request: HttpRequest) -> HttpResponse:
        """Claim the next second look and go there."""
        try:
            review = blind.claim_next_blind(staff(request))
        except PermissionRefusedError as error:
            raise PermissionDenied(error.detail) from None
        if review is None:
            messages.info(request, "No second look waits for you.")
            return HttpResponseRedirect(reverse("admin:compliance_case_blind"))
        return HttpResponseRedirect(reverse("admin:compliance_case_look", args=[review.pk]))

    def look_view(self, request: HttpRequest, review_id: int) -> HttpResponse:
        """Show the evidence of one's claimed second look; keep the opinion that is posted."""
        user = staff(request)
        if not user.has_perm(DECIDE):
            raise PermissionDenied
        extra: dict[str, Any] = {}
        status = 200
        if request.method == "POST":
            posted = posted_words(request, "kind", "reason_code", "internal_text")
            try:
                blind.give_opinion(
                    review_id,
                    opinion=posted["kind"],
                    reason_code=posted["reason_code"],
                    text=posted["internal_text"],
                    user=user,
                )
            except PermissionRefusedError as error:
                raise PermissionDenied(error.detail) from None
            except NotFoundError as error:
                raise Http404(error.detail) from None
            except ConflictError as error:
                messages.error(request, error.detail)
                return HttpResponseRedirect(reverse("admin:compliance_case_blind"))
            except InvalidRequestError as error:
                faults = {fault["pointer"].strip("/"): fault["detail"] for fault in error.errors}
                faults["internal_text"] = faults.pop("text", "")
                extra, status = {"posted": posted, "faults": faults}, 422
            else:
                messages.success(request, "Your opinion is kept. It changes nothing.")
                return self.blind_next_view(request)
        review = _mine(review_id, user)
        return self._frame(request, "look.html", {**_evidence(review), **extra}, status)

    def _frame(
        self, request: HttpRequest, template: str, context: dict[str, Any], status: int = 200
    ) -> HttpResponse:
        made = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "media": self.media,
            "is_popup": False,
            **context,
        }
        name = f"admin/compliance/case/{template}"
        return TemplateResponse(request, name, made, status=status)


def _mine(review_id: int, user: User) -> BlindReview:
    review = (
        BlindReview.objects.select_related("decision__case__partner", "decision__payout")
        .filter(Q(reviewer=user), pk=review_id, reviewed_at=None)
        .first()
    )
    if review is None:
        raise Http404
    return review


def _evidence(review: BlindReview) -> dict[str, Any]:
    """Return what the first officer could see; nothing that tells how it ended."""
    case, payout = review.decision.case, review.decision.payout
    runs = [run for run in evidence.runs_of(payout.id) if run.created_at <= review.sampled_at]
    flagged = [run for run in runs if run.verdict != ScreeningRun.Verdict.CLEAR]
    hits = evidence.listed_hits(flagged)
    past = [one for one in past_of.past_of_account(payout) if one.id < payout.id]
    url = reverse("admin:compliance_case_look", args=[review.pk])
    panels = [
        Panel(
            kind="approve",
            title="I would approve",
            key="A",
            lead="Kept beside the first decision; moves nothing.",
            button="Keep: approve",
            url=url,
            tone="go",
            reasons=ApproveReason.choices,
            text_max=blind.TEXT_MAX,
        ),
    ]
    panels.append(
        replace(
            panels[0],
            kind="reject",
            title="I would reject",
            key="R",
            button="Keep: reject",
            tone="stop",
            reasons=RejectReason.choices,
        )
    )
    return {
        "title": "Second look",
        "heading": "Second look",
        "summary": "Judge it as if it were yours. Nobody tells you how it was decided.",
        "why": [
            why_of(finding, titles_of(flagged))
            for finding in evidence.all_findings(flagged)
            if finding["result"] != "no_hit"
        ],
        "hits": [hit_of(hit, payout, []) for hit in hits],
        "questions": questions(hits, payout),
        "facts_title": "Payout",
        "facts": _facts(case, payout),
        "offer": Offer(panels),
        "tables": [past_table(past, past_of.decisions_on(past))],
    }


def _facts(case: Case, payout: Payout) -> list[Fact]:
    facts = [
        Fact("Recipient", payout.recipient_name),
        Fact("Amount", console.money(payout.amount_minor, payout.currency)),
        Fact("Country", payout.recipient_country),
        Fact("Account", console.account(payout.account_last4, payout.account_bank)),
        Fact("Partner", case.partner.name),
        Fact("Submitted", console.when(payout.submitted_at)),
        Fact("Score", case.score),
    ]
    if payout.description:
        facts.append(Fact("Description", payout.description, wide=True))
    return facts


def _officer_table(found: list[reviewers.Officer]) -> Table:
    rows = [
        [
            one.username,
            f"{one.decisions:,}",
            f"{one.a_day:.1f}",
            f"{one.approved:,}",
            f"{one.rejected:,}",
            f"{one.answers:,}",
            console.NOTHING if one.median_s is None else console.span(float(one.median_s)),
            _share(one.overturn_rate, one.overturned, one.own),
            _share(one.agreement, one.agreed, one.reviewed),
        ]
        for one in found
    ]
    headers = [
        "Officer",
        "Decisions>",
        "A day>",
        "Approved>",
        "Rejected>",
        "As second>",
        "Median time>",
        "Overturned>",
        "Agreement>",
    ]
    note = "median from claim to decision; overturned: declined or undone; agreement: second looks"
    return Table("Officers", headers, rows, empty="Nobody decided in this time.", note=note)


def _share(share: float | None, part: int, whole: int) -> object:
    return console.NOTHING if share is None else f"{share:.0%} ({part} of {whole})"


def _punctuality(found: reviewers.Punctuality) -> list[Fact]:
    total = found.in_time + found.late
    median = "—" if found.median_s is None else console.span(float(found.median_s))
    return [
        Fact("Decided in time", f"{found.in_time:,}"),
        Fact("Decided late", f"{found.late:,}"),
        Fact("In time", f"{found.in_time / total:.1%}" if total else "—"),
        Fact("Median from flag to decision", median),
    ]


def _range(request: HttpRequest) -> tuple[date, date, str]:
    """Return first and last day asked for, and what was wrong with them: then the usual range."""
    today = clock.now().astimezone(UTC).date()
    usual = today - timedelta(days=RANGE_DAYS - 1), today
    texts = request.GET.get("since", ""), request.GET.get("until", "")
    if not any(texts):
        return (*usual, "")
    try:
        since = date.fromisoformat(texts[0]) if texts[0] else usual[0]
        until = date.fromisoformat(texts[1]) if texts[1] else today
    except ValueError:
        return (*usual, "Dates are written as 2026-11-22.")
    if not since <= until or (until - since).days > RANGE_MAX_DAYS or since.year < 2020:
        return (*usual, f"Choose up to {RANGE_MAX_DAYS} days, the earlier one first.")
    return since, min(until, today), ""


def _instant(day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=UTC)
