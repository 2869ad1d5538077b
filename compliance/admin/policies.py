"""Policies in the console: the list with drafts and versions, a version in words, and the steps of
its life."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser, User
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_POST

from atlaspay.core import console
from atlaspay.core.admin import ReadOnlyAdmin
from atlaspay.core.console import Fact, Moment
from atlaspay.core.errors import ConflictError, InvalidRequestError, PermissionRefusedError
from compliance.admin.case_actions import staff
from compliance.admin.policies_common import (
    attempt,
    backtests_table,
    badges,
    drafts_table,
    people,
    to_backtest,
    to_policy,
    versions_table,
    whole,
)
from compliance.admin.policies_publish import publish_page
from compliance.admin.policies_shadow import shadow_page
from compliance.models import Backtest, Policy, PolicyDraft, PolicyStep
from compliance.services import backtest, drafts, permit, policies
from compliance.services.authorship import Writers, writers_of
from compliance.services.backtest_range import CHOICES, DEFAULT_DAYS, last_days
from compliance.services.lifecycle import Life, Standing, life
from compliance.services.policy_words import describe

BACKTESTS_SHOWN = 10
_STEP_TONES = {"published": "good", "withdrawn": "bad", "shadow": "info", "shadow_end": "idle"}


@admin.register(Policy)
class PolicyAdmin(ReadOnlyAdmin):
    """What payouts are screened against, was, and may be next."""

    page_template = "admin/compliance/policy/page.html"

    def get_urls(self) -> list[URLPattern]:
        """Add the steps: each a POST, publishing with a page of its own before."""
        view = self.admin_site.admin_view
        steps: dict[str, Callable[..., HttpResponse]] = {
            "publish": self.publish_view,
            "shadow": self.shadow_view,
            "step": require_POST(self.step_view),
            "backtest": require_POST(self.backtest_view),
            "draft": require_POST(self.draft_view),
        }
        return [
            path("draft/", view(require_POST(self.draft_view)), name="compliance_policy_new"),
            *(
                path(f"<int:number>/{name}/", view(each), name=f"compliance_policy_{name}")
                for name, each in steps.items()
            ),
            *super().get_urls(),
        ]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show drafts, versions and backtests."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        now = life()
        writing = PolicyDraft.objects.filter(became=None, is_discarded=False).defer("document")
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Policies",
            "summary": "What payouts are screened against. One is live; others may run beside it in"
            " shadow, moving nothing.",
            "tables": [
                drafts_table(writing.select_related("based_on")),
                versions_table(Policy.objects.defer("document"), now),
                backtests_table(Backtest.objects.defer("document")[:BACKTESTS_SHOWN]),
            ],
            "may_write": permit.may(request.user, permit.AUTHOR),
            "live": now.live,
            **(extra_context or {}),
        }
        return TemplateResponse(request, "admin/compliance/policy/list.html", context)

    def page(self, request: HttpRequest, obj: Policy) -> dict[str, Any]:
        """Return a version in words, its steps, and what this person may do."""
        now, words = life(), describe(obj.document)
        writers, steps = writers_of(obj), list(obj.steps.order_by("-id"))
        tried = list(Backtest.objects.filter(policy=obj).defer("document")[:BACKTESTS_SHOWN])
        return {
            "heading": f"Policy {obj.number}",
            "badges": badges(obj.number, now),
            "summary": obj.title,
            "policy": obj,
            "words": words,
            "live": now.live,
            "has_shadow": any(step.kind == PolicyStep.Kind.SHADOW for step in steps),
            "facts_title": "Policy",
            "facts": [
                Fact("Written by", people(sorted(writers.actors))),
                Fact("Frozen", console.when(obj.created_at)),
                *(Fact(label, value, wide=len(value) > 20) for label, value in words.settings),
                Fact("What changed", console.text_or_dash(obj.note), wide=True),
            ],
            "steps": [_moment(step) for step in steps],
            "can": _can(request.user, obj, now, writers),
            "tried": backtests_table(tried) if tried else None,
            "day_choices": CHOICES,
            "day_default": DEFAULT_DAYS,
        }

    def publish_view(self, request: HttpRequest, number: int) -> HttpResponse:
        """Show what publishing would change, in words; then do it."""
        policy, status = self._readable(request, number), 200
        faults: dict[str, str] = {}
        if request.method == "POST":
            try:
                policies.publish(
                    number,
                    staff(request),
                    note=request.POST.get("note", ""),
                    expected_live=whole(request.POST.get("expected_live", "")),
                )
            except PermissionRefusedError as error:
                raise PermissionDenied(error.detail) from None
            except InvalidRequestError as error:
                status = error.status
                faults = {each["pointer"]: each["detail"] for each in error.errors}
            except ConflictError as error:
                status, faults = error.status, {"stale": error.detail}
            else:
                messages.success(request, f"Policy {number} is live: payouts are screened by it.")
                return to_policy(number)
        extra = {**publish_page(policy), "faults": faults, "note": request.POST.get("note", "")}
        template = "admin/compliance/policy/publish.html"
        return self.render_page(request, policy, template, extra, status)

    def shadow_view(self, request: HttpRequest, number: int) -> HttpResponse:
        """Show what the version says in shadow beside what the live one said."""
        policy = self._readable(request, number)
        extra = shadow_page(policy, is_running=number in life().shadows)
        return self.render_page(request, policy, "admin/compliance/policy/shadow.html", extra)

    def step_view(self, request: HttpRequest, number: int) -> HttpResponse:
        """Start or stop the shadow run, or withdraw."""
        steps: dict[str, tuple[Callable[..., PolicyStep], str]] = {
            "shadow": (policies.start_shadow, "runs in shadow"),
            "shadow_end": (policies.stop_shadow, "no longer runs in shadow"),
            "withdrawn": (policies.withdraw, "is withdrawn"),
        }
        kind, note = request.POST.get("kind", ""), request.POST.get("note", "")
        if kind not in steps:
            raise Http404
        service, words = steps[kind]
        if attempt(request, lambda: service(number, staff(request), note=note)) is not None:
            messages.success(request, f"Policy {number} {words}.")
        return to_policy(number)

    def backtest_view(self, request: HttpRequest, number: int) -> HttpResponse:
        """Order a backtest and go to its page."""
        days = last_days(whole(request.POST.get("days", "")))
        made = attempt(
            request, lambda: backtest.backtest_policy(number, **days, user=staff(request))
        )
        return to_backtest(made.pk) if made is not None else to_policy(number)

    def draft_view(self, request: HttpRequest, number: int | None = None) -> HttpResponse:
        """Begin a draft with a version, or empty."""
        title = request.POST.get("title", "")
        made = attempt(
            request, lambda: drafts.create_draft(staff(request), title=title, based_on=number)
        )
        if made is None:
            return to_policy(number)
        return HttpResponseRedirect(reverse("admin:compliance_policydraft_edit", args=[made.pk]))

    def _readable(self, request: HttpRequest, number: int) -> Policy:
        policy = Policy.objects.filter(number=number).first()
        if not self.has_view_permission(request, policy):
            raise PermissionDenied
        if policy is None:
            raise Http404(f"There is no policy {number}.")
        return policy


def _can(
    user: AbstractBaseUser | AnonymousUser, policy: Policy, now: Life, writers: Writers
) -> dict[str, Any]:
    """Return what the page offers this person; the services ask again."""
    writes, publishes = permit.may(user, permit.AUTHOR), permit.may(user, permit.PUBLISHER)
    may_try = writes or publishes
    standing, is_shadow = now.standing(policy.number), policy.number in now.shadows
    is_open = standing in (Standing.FROZEN, Standing.REPLACED)
    publishes = publishes and is_open
    objection = writers.objection(user, "publish") if publishes and isinstance(user, User) else ""
    return {
        "publish": publishes and not objection,
        "objection": objection,
        "start_shadow": may_try and is_open and not is_shadow,
        "stop_shadow": may_try and is_shadow,
        "withdraw": may_try and is_open,
        "backtest": may_try,
        "draft": writes,
    }


def _moment(step: PolicyStep) -> Moment:
    title = f"{step.get_kind_display()} by {step.actor.partition(':')[2]}"
    return Moment(step.at, title, step.note, _STEP_TONES[step.kind])
