"""Receipts: each decision with what was known. Whoever may, verifies and exports from here."""

import json
from typing import Any

from django.contrib import admin
from django.contrib.admin import display
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html

from atlaspay.core import console
from atlaspay.core.access.log import ViewsLogged
from atlaspay.core.admin import ReadOnlyAdmin
from atlaspay.core.console import Fact, Table
from compliance.admin.words import KIND_TONES, RESULT_TONES, code_words, titles_in
from compliance.models import Decision
from compliance.models.reasons import REASONS


@admin.register(Decision)
class DecisionAdmin(ViewsLogged, ReadOnlyAdmin):
    """The chain, newest first."""

    list_display = ["number", "ruling", "recipient", "amount", "reason", "by", "decided"]
    list_display_links = ["number", "recipient"]
    list_filter = ["kind"]
    list_select_related = ["payout"]
    ordering = ["-position"]
    search_fields = ["=id", "=payout__id", "=actor"]
    search_help_text = "Decision or payout id, or user:<name>"
    page_template = "admin/compliance/decision/page.html"
    change_list_template = "admin/compliance/decision/list.html"

    @display(description="Receipt", ordering="position")
    def number(self, decision: Decision) -> object:
        """Return the position in the chain."""
        return decision.position

    @display(description="Decision", ordering="kind")
    def ruling(self, decision: Decision) -> object:
        """Return what was decided."""
        return console.toned(decision.kind, decision.get_kind_display(), KIND_TONES)

    @display(description="Recipient")
    def recipient(self, decision: Decision) -> object:
        """Return who would be paid."""
        return decision.payout.recipient_name

    @display(description="Amount")
    def amount(self, decision: Decision) -> object:
        """Return the payout's amount."""
        return console.money(decision.payout.amount_minor, decision.payout.currency)

    @display(description="Reason")
    def reason(self, decision: Decision) -> object:
        """Return the reason in words."""
        return REASONS.get(decision.reason_code, decision.reason_code)

    @display(description="By", ordering="actor")
    def by(self, decision: Decision) -> object:
        """Return who decided."""
        return decision.actor.partition(":")[2]

    @display(description="Decided", ordering="decided_at")
    def decided(self, decision: Decision) -> object:
        """Return when."""
        return console.when(decision.decided_at)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Offer the verification to those who may."""
        may_verify = request.user.has_perm("compliance.verify_audit")
        return super().changelist_view(request, {**(extra_context or {}), "may_verify": may_verify})

    def page(self, request: HttpRequest, obj: Decision) -> dict[str, Any]:
        """Return the receipt."""
        return {
            "title": f"Decision {obj.position}",
            "heading": f"Receipt {obj.position}",
            "badges": console.toned(obj.kind, obj.get_kind_display(), KIND_TONES),
            "summary": format_html(
                "{} by {}, {}",
                obj.get_kind_display(),
                console.actor(obj.actor),
                console.when(obj.decided_at),
            ),
            "facts": [
                Fact("Payout", console.link(obj.payout, obj.payout.reference)),
                Fact("Case", console.id_link("compliance_case", obj.case_id, "Open the case")),
                Fact("Reason", REASONS.get(obj.reason_code, obj.reason_code)),
                Fact("Policy", obj.policy_id),
                Fact("Took effect", _stage(obj)),
                Fact("Two officers because", console.text_or_dash(", ".join(obj.four_eyes))),
                Fact("Decided together", console.code(obj.bulk_id)),
                Fact("Case taken", console.when(obj.opened_at)),
                Fact("Request", console.code(obj.request_id)),
                Fact("Internal", obj.internal_text, wide=True),
                Fact("To the partner", console.text_or_dash(obj.partner_text), wide=True),
                Fact("Follows", console.code(bytes(obj.prev_hash).hex()), wide=True),
                Fact("Hash", console.code(bytes(obj.hash).hex()), wide=True),
            ],
            "tables": [_difference(obj), _findings(obj), _known(obj)],
        }


def _stage(decision: Decision) -> object:
    """Say what a receipt did, with a link to the one it answers or undoes."""
    words = decision.get_stage_display()
    if not decision.about_id:
        return words
    verb = "undoes" if decision.kind == Decision.Kind.UNDO else "answers"
    return format_html("{}: {} {}", words, verb, console.reference(decision.about_id))


def _difference(decision: Decision) -> Table:
    before, after = decision.before, decision.after
    rows = [
        [name.replace("_", " "), _shown(before.get(name)), _shown(after.get(name))]
        if before.get(name) == after.get(name)
        else [
            name.replace("_", " "),
            format_html("<del>{}</del>", _shown(before.get(name))),
            format_html("<ins>{}</ins>", _shown(after.get(name))),
        ]
        for name in sorted({*before, *after})
    ]
    return Table("The payout before and after", ["Field", "Before", "After"], rows)


def _findings(decision: Decision) -> Table:
    titles = titles_in(decision.policy.document)
    rows = [
        [
            titles.get(finding["code"]) or code_words(finding["code"]),
            console.toned(finding["result"], finding["result"].replace("_", " "), RESULT_TONES),
            console.text_or_dash(finding["words"]),
        ]
        for finding in decision.evidence.get("findings", [])
    ]
    return Table("What the rules said", ["Rule", "Result", "In words"], rows)


def _known(decision: Decision) -> Table:
    facts = decision.evidence.get("facts", {})
    rows = [[name.replace("_", " "), _shown(value)] for name, value in sorted(facts.items())]
    return Table(
        "Facts as frozen then", ["Fact", "Value"], rows, note=decision.evidence.get("lists", "")
    )


def _shown(value: object) -> object:
    if value in ("", None, [], ()):
        return console.NOTHING
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict | bool) else value
