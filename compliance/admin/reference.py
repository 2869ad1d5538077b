"""Screening runs: what the policies said of each payout."""

from typing import Any

from django.contrib import admin
from django.contrib.admin import display
from django.http import HttpRequest
from django.utils.html import format_html

from atlaspay.core import console
from atlaspay.core.access.log import ViewsLogged
from atlaspay.core.admin import ReadOnlyAdmin
from atlaspay.core.console import Fact, Table
from compliance.admin.words import RESULT_TONES, code_words, titles_in
from compliance.models import ScreeningRun

VERDICT_TONES = {"clear": "good", "review": "warn", "block": "bad"}


@admin.register(ScreeningRun)
class ScreeningRunAdmin(ViewsLogged, ReadOnlyAdmin):
    """Every run, newest first."""

    list_display = ["reference", "recipient", "outcome", "score", "policy", "ran"]
    list_display_links = ["reference"]
    list_filter = ["verdict"]
    list_select_related = ["payout", "policy"]
    ordering = ["-id"]
    search_fields = ["=id", "=payout__id"]
    search_help_text = "Run or payout id"
    page_template = "console/page.html"

    @display(description="Payout")
    def reference(self, run: ScreeningRun) -> object:
        """Return the payout's reference."""
        return run.payout.reference

    @display(description="Recipient")
    def recipient(self, run: ScreeningRun) -> object:
        """Return who would be paid."""
        return run.payout.recipient_name

    @display(description="Verdict", ordering="verdict")
    def outcome(self, run: ScreeningRun) -> object:
        """Return the verdict."""
        return console.toned(run.verdict, run.get_verdict_display(), VERDICT_TONES)

    @display(description="Ran", ordering="created_at")
    def ran(self, run: ScreeningRun) -> object:
        """Return when."""
        return console.when(run.created_at)

    def page(self, request: HttpRequest, obj: ScreeningRun) -> dict[str, Any]:
        """Return the findings and the facts kept."""
        titles = titles_in(obj.policy.document)
        rows = [
            [
                titles.get(finding["code"]) or code_words(finding["code"]),
                console.toned(finding["result"], finding["result"].replace("_", " "), RESULT_TONES),
                finding["weight"],
                console.text_or_dash(finding["words"]),
            ]
            for finding in obj.findings
        ]
        facts = [[name.replace("_", " "), console.code(value)] for name, value in obj.facts.items()]
        return {
            "heading": format_html("Screening of {}", obj.payout.reference),
            "badges": console.toned(obj.verdict, obj.get_verdict_display(), VERDICT_TONES),
            "facts": [
                Fact("Payout", console.link(obj.payout, obj.payout.reference)),
                Fact("Policy", console.link(obj.policy)),
                Fact("Lists", console.text_or_dash(obj.lists)),
                Fact("Score", obj.score),
                Fact("Took", f"{obj.duration_us} µs"),
                Fact("Ran", console.when(obj.created_at)),
            ],
            "tables": [
                Table(
                    "Findings",
                    ["Rule", "Result", "Weight>", "In words"],
                    rows,
                    empty="No rule had anything to say.",
                ),
                Table(
                    "Facts kept",
                    ["Fact", "Value"],
                    facts,
                    empty="Nothing beyond the payout's own data.",
                ),
            ],
        }
