"""Automatic approval: what is armed, what it let go today, on whose record, and the switches."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_POST

from atlaspay.core import console
from atlaspay.core.admin import ReadOnlyAdmin
from atlaspay.core.console import Fact
from atlaspay.core.errors import (
    ConflictError,
    InvalidRequestError,
    NotFoundError,
    PermissionRefusedError,
)
from compliance.admin.auto_form import document_of, form_of
from compliance.admin.auto_words import (
    STEPS_SHOWN,
    holdout_facts,
    latest_steps,
    record_table,
    rule_facts,
    state_badge,
    steps_table,
    today_facts,
    versions_table,
)
from compliance.models import AutoPolicy, AutoStep
from compliance.rules.auto import read
from compliance.services import auto_policy, auto_watch
from compliance.services.authorship import writers_of_auto
from compliance.services.permissions import AUTHOR, LEAD, PUBLISH

LIST = "admin:compliance_autopolicy_changelist"


@admin.register(AutoPolicy)
class AutoPolicyAdmin(ReadOnlyAdmin):
    """One page for the state of things, one for each version."""

    page_template = "admin/compliance/autopolicy/page.html"

    def get_urls(self) -> list[URLPattern]:
        """Add writing, arming and disarming."""
        view = self.admin_site.admin_view
        return [
            path("write/", view(require_POST(self.write_view)), name="compliance_autopolicy_write"),
            path(
                "disarm/", view(require_POST(self.disarm_view)), name="compliance_autopolicy_disarm"
            ),
            path(
                "<int:number>/arm/",
                view(require_POST(self.arm_view)),
                name="compliance_autopolicy_arm",
            ),
            *super().get_urls(),
        ]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show what is armed and how it does."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        return self._overview(request)

    def page(self, request: HttpRequest, obj: AutoPolicy) -> dict[str, Any]:
        """Return a version in words, with the form that arms it."""
        armed = auto_watch.armed_step()
        is_armed = armed is not None and armed.policy_id == obj.number
        may_publish = request.user.has_perm(PUBLISH)
        objection = writers_of_auto(obj).objection(_staff(request), "arm")
        rules = read(obj.document)
        return {
            "title": str(obj),
            "heading": str(obj),
            "badges": console.badge(
                "Armed" if is_armed else "Not armed", "good" if is_armed else "idle"
            ),
            "summary": obj.note,
            "facts_title": "What it answers",
            "facts": [*rule_facts(rules), Fact("Written by", console.actor(obj.author))],
            "tables": [
                record_table(rules),
                steps_table(list(obj.steps.select_related("case").order_by("-id")[:STEPS_SHOWN])),
            ],
            "may_arm": may_publish and not is_armed and not objection,
            "objection": "" if is_armed else objection,
            "is_armed": is_armed,
            "may_disarm": is_armed and _may_disarm(request),
        }

    def write_view(self, request: HttpRequest) -> HttpResponse:
        """Make the next version; with faults the form comes back as it was."""
        user = _staff(request)
        note = request.POST.get("note", "")
        try:
            policy = auto_policy.write(document_of(request.POST), note=note, user=user)
        except PermissionRefusedError as error:
            raise PermissionDenied(error.detail) from None
        except ConflictError as error:
            messages.error(request, error.detail)
            return HttpResponseRedirect(reverse(LIST))
        except InvalidRequestError as error:
            faults = [
                {
                    "pointer": fault["pointer"].removeprefix("/document"),
                    "detail": fault["detail"],
                }
                for fault in error.errors
            ]
            return self._overview(request, faults, 422)
        messages.success(request, f"{policy} is written. Another person arms it.")
        return HttpResponseRedirect(
            reverse("admin:compliance_autopolicy_change", args=[policy.number])
        )

    def arm_view(self, request: HttpRequest, number: int) -> HttpResponse:
        """Arm a version that somebody else wrote."""
        user, note = _staff(request), request.POST.get("note", "")
        return _switched(
            request, lambda: auto_policy.arm(number, note=note, user=user), f"{number} is armed."
        )

    def disarm_view(self, request: HttpRequest) -> HttpResponse:
        """Disarm what is armed."""
        user, note = _staff(request), request.POST.get("note", "")
        return _switched(
            request,
            lambda: auto_policy.disarm(note=note, user=user),
            "Disarmed: nothing more is approved automatically.",
        )

    def _overview(
        self, request: HttpRequest, faults: list[dict[str, str]] | None = None, status: int = 200
    ) -> HttpResponse:
        armed = auto_watch.armed_step()
        last = AutoStep.objects.select_related("policy", "case").order_by("-id").first()
        tables = [versions_table(armed), steps_table(latest_steps())]
        facts: list[Fact] = []
        if armed is not None:
            rules = read(armed.policy.document)
            facts = [*today_facts(armed, rules), *holdout_facts(armed)]
            tables.insert(0, record_table(rules))
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Automatic approval",
            "heading": "Automatic approval",
            "badges": state_badge(last),
            "summary": "What officers nearly always approve goes without one, within caps, with a"
            " part held out for people to check. It stops itself when they reject one.",
            "facts_title": "Today" if armed else "",
            "facts": facts,
            "tables": tables,
            "armed": armed,
            "may_write": request.user.has_perm(AUTHOR),
            "may_disarm": armed is not None and _may_disarm(request),
            "form": form_of(request.POST if faults else None),
            "faults": faults or [],
        }
        return TemplateResponse(
            request, "admin/compliance/autopolicy/list.html", context, status=status
        )


def _switched(request: HttpRequest, act: Callable[[], AutoStep], done: str) -> HttpResponse:
    try:
        act()
    except PermissionRefusedError as error:
        raise PermissionDenied(error.detail) from None
    except NotFoundError as error:
        raise Http404(error.detail) from None
    except InvalidRequestError as error:
        messages.error(request, " ".join(fault["detail"] for fault in error.errors))
    except ConflictError as error:
        messages.error(request, error.detail)
    else:
        messages.success(request, done)
    return HttpResponseRedirect(reverse(LIST))


def _staff(request: HttpRequest) -> User:
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user


def _may_disarm(request: HttpRequest) -> bool:
    return request.user.has_perm(PUBLISH) or request.user.has_perm(LEAD)
