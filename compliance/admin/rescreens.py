"""Rescreens: what made them, how far they are, what they found."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin import display
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from atlaspay.core import console
from atlaspay.core.admin import ReadOnlyAdmin
from atlaspay.core.console import Call, Fact, Table
from compliance.admin.case_actions import staff
from compliance.admin.policies_common import attempt
from compliance.admin.watchlist_words import OUTCOME_TONES, RESCREEN_TONES
from compliance.models import Rescreen
from compliance.services import rescreen_stuck
from compliance.services.watchlist_checks import PERMISSION

HITS_SHOWN = 200
FAILED = Rescreen.State.FAILED
_GIVEN_UP = "What it did not reach is not compared with the new names: find the cause, resume it."


@admin.register(Rescreen)
class RescreenAdmin(ReadOnlyAdmin):
    """Every rescreen, newest first."""

    list_display = ["number", "cause", "status", "progress", "held", "raised", "paid", "begun"]
    list_display_links = ["number", "cause"]
    ordering = ["-id"]
    page_template = "admin/compliance/rescreen/page.html"

    @display(description="Rescreen", ordering="id")
    def number(self, rescreen: Rescreen) -> object:
        """Return the number people call it by."""
        return f"#{rescreen.pk}"

    @display(description="State", ordering="state")
    def status(self, rescreen: Rescreen) -> object:
        """Return how far it is."""
        return _standing(rescreen)

    @display(description="Compared")
    def progress(self, rescreen: Rescreen) -> object:
        """Return how many payouts were compared, of how many."""
        return _progress(rescreen)

    @display(description="Begun", ordering="created_at")
    def begun(self, rescreen: Rescreen) -> object:
        """Return when."""
        return console.when(rescreen.created_at)

    def get_urls(self) -> list[URLPattern]:
        """Add resuming one."""
        resume = self.admin_site.admin_view(require_POST(self.resume_view))
        return [
            path("<int:pk>/resume/", resume, name="compliance_rescreen_resume"),
            *super().get_urls(),
        ]

    def resume_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Let workers go on with one that was given up; the service checks who may."""
        user = staff(request)
        if attempt(request, lambda: rescreen_stuck.resume(pk, user=user)) is not None:
            messages.success(request, "Workers go on with it from where it stood.")
        return HttpResponseRedirect(reverse("admin:compliance_rescreen_change", args=[pk]))

    def page(self, request: HttpRequest, obj: Rescreen) -> dict[str, Any]:
        """Return the rescreen with what it found."""
        since = ", ".join(f"{code}@{revision}" for code, revision in obj.since_lists.items())
        is_over = obj.state in {Rescreen.State.DONE, Rescreen.State.FAILED}
        return {
            "heading": obj.cause,
            "badges": _standing(obj),
            "calls": [Call(f"{obj.detail} {_GIVEN_UP}", "bad")] if obj.state == FAILED else [],
            "may_resume": obj.state == FAILED and request.user.has_perm(PERMISSION),
            "summary": format_html(
                "Rescreen {}, asked for by {} {}",
                obj.pk,
                console.actor(obj.actor),
                console.when(obj.created_at),
            ),
            "facts": [
                Fact("Compared", _progress(obj)),
                Fact("Held", f"{obj.held:,}"),
                Fact("Cases raised", f"{obj.raised:,}"),
                Fact("Paid already", f"{obj.paid:,}"),
                Fact("Names that came after", console.text_or_dash(since)),
                Fact("Paid in the last", f"{obj.days} days"),
                Fact("Finished", console.when(obj.finished_at)),
                Fact("Detail", console.text_or_dash(obj.detail)),
            ],
            "tables": [_hits(obj)],
            "is_over": is_over,
        }


def _standing(rescreen: Rescreen) -> SafeString:
    """Return its state, and that it lost workers while it does not get on."""
    badge = console.toned(rescreen.state, rescreen.get_state_display(), RESCREEN_TONES)
    if not rescreen.interruptions or rescreen.state == FAILED:
        return badge
    lost = console.badge(f"Interrupted, {rescreen.interruptions} times here", "warn")
    return format_html("{} {}", badge, lost)


def _progress(rescreen: Rescreen) -> SafeString:
    words = f"{rescreen.done:,} of {max(rescreen.total, rescreen.done):,}"
    if rescreen.state != Rescreen.State.RUNNING or not rescreen.total:
        return format_html("{}", words)
    return format_html(
        '<progress max="{}" value="{}" aria-label="Compared"></progress> {}',
        rescreen.total,
        min(rescreen.done, rescreen.total),
        words,
    )


def _hits(rescreen: Rescreen) -> Table:
    hits = (
        rescreen.hits.select_related("payout", "entry__party__watchlist")
        .defer("payout__account_sealed", "payout__metadata")
        .order_by("-id")[:HITS_SHOWN]
    )
    rows = [
        [
            console.link(hit.payout, hit.payout.recipient_name),
            hit.entry.name,
            hit.entry.party.watchlist.title,
            f"{hit.similarity} %",
            console.toned(hit.outcome, hit.get_outcome_display(), OUTCOME_TONES),
        ]
        for hit in hits
    ]
    headers = ["Recipient", "Resembles", "List", "Alike>", "Outcome"]
    return Table("Found", headers, rows, empty="Nobody resembles a new name so far.")
