"""The console's sidebar and its environment badge; `atlaspay.theme` names these functions."""

from typing import Any

from django.apps import apps
from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse


def environment(request: HttpRequest) -> list[str]:
    """Return the badge beside the title: nobody should mistake a demo for production."""
    return ["Production", "danger"] if settings.IS_PRODUCTION else ["Demo", "info"]


def title_prefix(request: HttpRequest) -> str:
    """Return what the browser's tab begins with."""
    return "" if settings.IS_PRODUCTION else "[Demo]"


_MENU: tuple[tuple[str, tuple[tuple[str, str, str], ...]], ...] = (
    (
        "Review",
        (
            ("Cases", "gavel", "compliance.case"),
            ("Second looks", "visibility", "admin:compliance_case_blind|compliance.decide_case"),
            ("Officers", "monitoring", "admin:compliance_case_statistics|compliance.view_case"),
            ("Screening runs", "policy", "compliance.screeningrun"),
            ("Policies", "rule", "compliance.policy"),
            ("Automatic approval", "smart_toy", "compliance.autopolicy"),
            ("Snoozed rules", "notifications_paused", "compliance.rulesnooze"),
        ),
    ),
    (
        "Watchlists",
        (
            ("Lists", "person_search", "compliance.watchlist"),
            ("Listed parties", "groups", "compliance.watchlistparty"),
            ("Rescreens", "manage_search", "compliance.rescreen"),
            ("Paid before listed", "history", "compliance.rescreenhit"),
            ("Not the listed one", "how_to_reg", "compliance.safematch"),
        ),
    ),
    (
        "Payouts",
        (
            ("Dashboard", "monitoring", "admin:payouts_payout_dashboard|payouts.view_payout"),
            ("Payouts", "payments", "payouts.payout"),
            ("Batches", "inventory_2", "payouts.batch"),
            ("Returns", "undo", "payouts.return"),
            ("Bank callbacks", "call_received", "payouts.bankcallback"),
            ("Rails", "alt_route", "payouts.railstate"),
        ),
    ),
    (
        "Partners",
        (
            ("Partners", "storefront", "partners.partner"),
            ("API keys", "key", "partners.apikey"),
            ("Portal members", "contacts", "portal.membership"),
            ("Invitations", "mail", "portal.invitation"),
        ),
    ),
    (
        "Money",
        (
            ("Accounts", "account_balance", "ledger.account"),
            ("Journals", "menu_book", "ledger.journal"),
            ("Reconciliation", "balance", "payouts.reconciliationbreak"),
        ),
    ),
    (
        "Webhooks",
        (
            ("Endpoints", "webhook", "webhooks.endpoint"),
            ("Deliveries", "outgoing_mail", "webhooks.delivery"),
            ("Events", "bolt", "webhooks.event"),
        ),
    ),
    (
        "Audit",
        (
            ("Proof", "fact_check", "compliance.verification"),
            ("Decisions", "verified", "compliance.decision"),
            ("Heads", "anchor", "compliance.audithead"),
            ("Access log", "door_front", "core.accessevent"),
            ("Staff", "group", "auth.user"),
            ("Roles", "badge", "auth.group"),
        ),
    ),
)


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the sidebar: what is registered and what this person may see, no empty groups."""
    home = {"title": "Home", "icon": "home", "link": reverse("admin:index")}
    groups: list[dict[str, Any]] = [{"title": "", "items": [home]}]
    for title, entries in _MENU:
        items = [item for entry in entries if (item := _item(entry, request)) is not None]
        if items:
            groups.append({"title": title, "separator": True, "items": items})
    # The page one is on lies under the longest of these addresses; home is under none but itself.
    under = [item for group in groups for item in group["items"]]
    links = [item["link"] for item in under if request.path.startswith(item["link"])]
    here = max(links, key=len, default="")
    for item in under:
        item["active"] = item["link"] == here and (item is not home or request.path == here)
    return groups


def _item(entry: tuple[str, str, str], request: HttpRequest) -> dict[str, Any] | None:
    """Return one entry, None where this person may not see it. Its last part is a model, or a
    page's name and the permission it takes."""
    words, icon, target = entry
    if target.startswith("admin:"):
        url_name, _, permission = target.partition("|")
    else:
        app, _, model = target.partition(".")
        if not admin.site.is_registered(apps.get_model(app, model)):
            return None
        url_name, permission = f"admin:{app}_{model}_changelist", f"{app}.view_{model}"
    if not request.user.has_perm(permission):
        return None
    return {"title": words, "icon": icon, "link": reverse(url_name)}
