"""What a verification says, in words: each check, the first row that breaks it, links to others."""

from typing import Any

from django.utils.html import format_html, format_html_join

from atlaspay.core import console
from atlaspay.core.console import Table
from compliance.models import Verification

State = Verification.State
CHECK_WORDS = {
    "guards": "The database's own guards are as the migrations made them",
    "heads": "Anchored heads, and what they digest, are unchanged",
    "policies": "Policies were published by others than their authors",
    "automatic": "Automatic approvals were armed, eligible and within their caps",
    "chain": "Every receipt has the hash of its columns and follows the one before it",
    "cases": "Every case fits its run, its payout and its decision",
    "case_history": "Cases changed only along legal moves, by somebody",
    "receipts": "Every receipt is in its payout's history, for its amount",
    "four_eyes": "Two people stand where two are asked for",
    "screened": "No payout went on without being screened",
    "flagged": "Everything flagged has its case",
    "moves": "Payouts moved only along legal moves, by one named actor each",
    "versions": "No version of a payout is missing or doubled",
    "last": "Payouts are as their history says",
    "money": "What was reserved is what is paid",
    "replay": "Screening runs judged again say the same",
    "counts": "Flagged = decided + open + withdrawn",
}


def result_badge(verification: Verification) -> object:
    """Return what a verification says, in its tone."""
    if verification.state == State.DONE:
        holds = verification.is_sound
        return console.badge("all holds" if holds else "broken", "good" if holds else "bad")
    if verification.state == State.FAILED:
        return console.badge("given up", "warn")
    return console.badge("under way", "info")


def first_broken(verification: Verification) -> dict[str, Any] | None:
    """Return the first check that does not hold."""
    return next((check for check in verification.checks if check["fault"]), None)


def checks_table(verification: Verification) -> Table:
    """Return each check with the first row that breaks it."""
    rows = [
        [
            CHECK_WORDS.get(check["name"], check["name"]),
            console.badge(
                "broken" if check["fault"] else "holds", "bad" if check["fault"] else "good"
            ),
            format_html("{}{}", check["fault"], links(check))
            if check["fault"]
            else console.NOTHING,
        ]
        for check in verification.checks
    ]
    return Table("What was checked", ["Check", "Result", "First row, and others like it"], rows)


def links(check: dict[str, Any]) -> object:
    """Return links to the rows a check names, where they have pages."""
    known = [one for one in check["rows"] if one.partition("_")[0] in console.PAGES]
    if not known:
        return ""
    links = format_html_join(" ", "{}", ((console.reference(one),) for one in known))
    return format_html("<br>{}", links)


def took(verification: Verification) -> object:
    """Return how long it took from being asked for."""
    if verification.finished_at is None:
        return console.NOTHING
    return console.span((verification.finished_at - verification.asked_at).total_seconds())
