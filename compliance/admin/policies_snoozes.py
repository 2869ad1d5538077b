"""Snoozes in the console: which rules are silent for whom, until when and why; begin, end one."""

from datetime import timedelta
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from atlaspay.core import clock, console
from atlaspay.core.admin import ReadOnlyAdmin
from atlaspay.core.console import Table
from atlaspay.core.errors import ConflictError, InvalidRequestError, PermissionRefusedError
from compliance.admin.case_actions import staff
from compliance.admin.policies_common import attempt
from compliance.models import RuleSnooze
from compliance.screening import live
from compliance.services import permit, snooze
from partners.models import Partner

SHOWN = 200
DAYS = (1, 7, 14, 30, 60, 90)
PARTNERS_SHOWN = 500
_FIELDS = ("partner", "rule", "days", "comment")


@admin.register(RuleSnooze)
class RuleSnoozeAdmin(ReadOnlyAdmin):
    """One page: the form, what is silent now, what was."""

    def get_urls(self) -> list[URLPattern]:
        """Add ending one."""
        end = self.admin_site.admin_view(require_POST(self.end_view))
        return [
            path("<int:pk>/end/", end, name="compliance_rulesnooze_end"),
            *super().get_urls(),
        ]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the snoozes; POST begins one. `?partner=&rule=` fills the form."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        status, faults = 200, {}
        if request.method == "POST":
            try:
                made = self._create(request)
            except PermissionRefusedError as error:
                raise PermissionDenied(error.detail) from None
            except InvalidRequestError as error:
                status = error.status
                faults = {each["pointer"].strip("/"): each["detail"] for each in error.errors}
            except ConflictError as error:
                status, faults = error.status, {"conflict": error.detail}
            else:
                until = f"{made.until:%d %b %Y %H:%M} UTC"
                messages.success(request, f"The rule is silent for this partner until {until}.")
                return _to_list()
        given = request.POST if request.method == "POST" else request.GET
        may_create = permit.may(request.user, *snooze.MAY_BEGIN)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Snoozed rules",
            "summary": "A snoozed rule's hits are kept in the screening run and hold nothing."
            " Sanctions rules are never snoozed.",
            "given": {name: given.get(name, "") for name in _FIELDS},
            "faults": faults,
            "may_create": may_create,
            "rules": _rules() if may_create else [],
            "partners": _partners(given.get("partner", "")) if may_create else [],
            "day_choices": [str(days) for days in DAYS],
            "tables": _tables(may_end=permit.may(request.user, *snooze.MAY_END)),
            **(extra_context or {}),
        }
        template = "admin/compliance/rulesnooze/list.html"
        return TemplateResponse(request, template, context, status=status)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """A snooze has no page of its own."""
        return _to_list()

    def end_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Let the rule speak again."""
        if attempt(request, lambda: snooze.end_snooze(pk, staff(request))) is not None:
            messages.success(request, "The snooze is over: the rule holds payouts again.")
        return _to_list()

    def _create(self, request: HttpRequest) -> RuleSnooze:
        days = request.POST.get("days", "")
        return snooze.create_snooze(
            staff(request),
            partner_id=request.POST.get("partner", ""),
            rule_code=request.POST.get("rule", ""),
            until=clock.now() + timedelta(days=int(days) if days in map(str, DAYS) else 0),
            comment=request.POST.get("comment", ""),
        )


def _to_list() -> HttpResponseRedirect:
    return HttpResponseRedirect(reverse("admin:compliance_rulesnooze_changelist"))


def _rules() -> list[tuple[str, str]]:
    """Return the live policy's rules that may be snoozed, code and title."""
    return [(rule.code, rule.title) for rule in live.live_policy().rules if rule.can_be_snoozed]


def _partners(given: str) -> list[tuple[str, str]]:
    """Return the first partners by name, and the one that is asked for wherever it stands."""
    found = list(Partner.objects.order_by("name").values_list("id", "name")[:PARTNERS_SHOWN])
    if given and "\x00" not in given and given not in dict(found):
        found += Partner.objects.filter(id=given).values_list("id", "name")
    return found


def _tables(*, may_end: bool) -> list[Table]:
    found = RuleSnooze.objects.select_related("partner").order_by("-id")[:SHOWN]
    titles = {rule.code: rule.title for rule in live.live_policy().rules}
    now = clock.now()
    silent = [each for each in found if each.ended_at is None and each.until > now]
    over = [each for each in found if each not in silent]
    headers = ["Rule", "Partner", "Until", "Why", "By"]
    return [
        Table(
            "Silent now",
            [*headers, ""],
            [[*_row(each, titles), _end_form(each) if may_end else ""] for each in silent],
            empty="Every rule holds for every partner.",
        ),
        Table(
            "Over",
            [*headers, "Ended"],
            [[*_row(each, titles), _ended(each)] for each in over],
            empty="None yet.",
            note=f"the newest {SHOWN}" if len(over) + len(silent) == SHOWN else "",
        ),
    ]


def _row(each: RuleSnooze, titles: dict[str, str]) -> list[Any]:
    return [
        titles.get(each.rule_code, each.rule_code),
        console.link(each.partner, each.partner.name),
        console.when(each.until),
        each.comment,
        console.actor(each.actor),
    ]


def _ended(each: RuleSnooze) -> SafeString:
    if each.ended_at is None:
        return format_html("ran out {}", console.when(each.until))
    return format_html("{} by {}", console.when(each.ended_at), console.actor(each.ended_by))


def _end_form(each: RuleSnooze) -> SafeString:
    """Return the button that ends a snooze, tied to the page's one form."""
    return format_html(
        '<button class="ap-button" form="end-snooze" formaction="{}">End now</button>',
        reverse("admin:compliance_rulesnooze_end", args=[each.pk]),
    )
