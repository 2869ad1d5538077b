"""The books in the console: accounts with balances, journals with their lines in two columns."""

from typing import Any

from django.contrib import admin
from django.contrib.admin import display
from django.db.models import QuerySet, Sum
from django.http import HttpRequest
from django.utils.html import format_html

from atlaspay.core import console
from atlaspay.core.admin import ReadOnlyAdmin
from atlaspay.core.console import Fact, Table
from ledger.models import Account, Journal, Posting

POSTINGS_SHOWN = 100


@admin.register(Account)
class AccountAdmin(ReadOnlyAdmin):
    """Accounts by name."""

    list_display = ["owner", "role", "kind", "holds", "guard"]
    list_display_links = ["owner", "role"]
    list_filter = ["kind", "currency"]
    ordering = ["name"]
    search_fields = ["name__startswith"]
    search_help_text = "How the account's name begins, such as partner:pt_"
    page_template = "console/page.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Account]:
        """Bring the balances along."""
        queryset: QuerySet[Account] = super().get_queryset(request)
        return queryset.annotate(
            holds_minor=Sum("balances__balance_minor"),
            debits_minor=Sum("balances__debit_total"),
            credits_minor=Sum("balances__credit_total"),
        )

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Look up the owners of the whole page at once."""
        changelist = super().get_changelist_instance(request)
        owners = console.names(account.name.split(":")[1] for account in changelist.result_list)
        for account in changelist.result_list:
            owner_id = account.name.split(":")[1]
            account.owner_words = owners.get(owner_id, owner_id)
        return changelist

    @display(description="Owner", ordering="name")
    def owner(self, account: Any) -> object:
        """Return whose it is: a partner's name or a rail."""
        return format_html('<span title="{}">{}</span>', account.name, account.owner_words)

    @display(description="Holds what is")
    def role(self, account: Account) -> object:
        """Return its part in the chart."""
        return account.name.split(":")[2].replace("_", " ")

    @display(description="Balance")
    def holds(self, account: Any) -> object:
        """Return what it holds, in its natural sign."""
        return console.money(account.holds_minor or 0, account.currency)

    @display(description="Guard", ordering="is_guarded")
    def guard(self, account: Account) -> object:
        """Return whether it can go below zero."""
        return console.badge("Never below zero", "good") if account.is_guarded else console.NOTHING

    def page(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        """Return the balance and the latest lines."""
        postings = (Posting.objects.filter(account=obj).select_related("journal").order_by("-id"))[
            :POSTINGS_SHOWN
        ]
        rows = [
            [
                console.when(posting.created_at),
                console.link(posting.journal, posting.journal.kind),
                console.reference(posting.reference),
                *two_columns(posting),
            ]
            for posting in postings
        ]
        owner_id, role = obj.name.split(":")[1:3]
        owner = console.names([owner_id]).get(owner_id, owner_id)
        return {
            "title": obj.name,
            "heading": f"{owner}: {role.replace('_', ' ')}, {obj.currency}",
            "summary": obj.name,
            "badges": self.guard(obj) if obj.is_guarded else "",
            "facts": [
                Fact("Balance", console.money(obj.holds_minor or 0, obj.currency)),
                Fact("Debits", console.money(obj.debits_minor or 0, obj.currency)),
                Fact("Credits", console.money(obj.credits_minor or 0, obj.currency)),
                Fact("Kind", obj.get_kind_display()),
                Fact("Grows on", obj.get_normal_side_display()),
                Fact("Opened", console.when(obj.created_at)),
            ],
            "tables": [
                Table(
                    "Postings",
                    ["Booked", "Journal", "For", "Debit>", "Credit>"],
                    rows,
                    note=f"the latest {POSTINGS_SHOWN}",
                )
            ],
        }


def two_columns(posting: Posting) -> tuple[object, object]:
    """Return debit and credit; one of them is empty."""
    shown = console.money(abs(posting.amount_minor), posting.currency)
    return (shown, "") if posting.amount_minor > 0 else ("", shown)


@admin.register(Journal)
class JournalAdmin(ReadOnlyAdmin):
    """Journals, newest first."""

    list_display = ["number", "kind", "who", "narration_words", "booked"]
    list_display_links = ["number", "kind"]
    ordering = ["-id"]
    search_fields = ["=id", "=postings__reference"]
    search_help_text = "Journal number or payout id"
    page_template = "console/page.html"

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Journal], search_term: str
    ) -> tuple[QuerySet[Journal], bool]:
        """Look where the term's shape says; each branch has an index."""
        term = search_term.strip()
        if not term:
            return queryset, False
        if term.isdecimal():
            return queryset.filter(id=int(term) if len(term) < 19 else 0), False
        ids = Posting.objects.filter(reference=term).values("journal_id")
        return queryset.filter(id__in=ids), False

    @display(description="Number", ordering="id")
    def number(self, journal: Journal) -> object:
        """Return the number."""
        return journal.pk

    @display(description="By")
    def who(self, journal: Journal) -> object:
        """Return who acted."""
        return console.actor(journal.actor)

    @display(description="Narration")
    def narration_words(self, journal: Journal) -> object:
        """Return the narration."""
        return console.text_or_dash(journal.narration)

    @display(description="Booked", ordering="created_at")
    def booked(self, journal: Journal) -> object:
        """Return when."""
        return console.when(journal.created_at)

    def page(self, request: HttpRequest, obj: Journal) -> dict[str, Any]:
        """Return the lines in two columns, and that they balance."""
        found = Posting.objects.filter(journal=obj).select_related("account").order_by("id")
        sums = found.order_by("currency").values_list("currency").annotate(Sum("amount_minor"))
        shown = list(found[:POSTINGS_SHOWN])
        owners = console.names(posting.account.name.split(":")[1] for posting in shown)
        rows = [
            [
                _account_link(posting.account, owners),
                console.reference(posting.reference),
                *two_columns(posting),
            ]
            for posting in shown
        ]
        is_zero = all(total == 0 for _, total in sums)
        return {
            "heading": format_html("Journal {}", obj.pk),
            "badges": console.badge("Balanced", "good")
            if is_zero
            else console.badge("Does not balance", "bad"),
            "summary": obj.kind,
            "facts": [
                Fact("By", console.actor(obj.actor)),
                Fact("Booked", console.when(obj.created_at)),
                Fact("Request", console.code(obj.request_id)),
                Fact("Narration", console.text_or_dash(obj.narration)),
            ],
            "tables": [
                Table(
                    "Lines",
                    ["Account", "For", "Debit>", "Credit>"],
                    rows,
                    note=f"the first {POSTINGS_SHOWN}",
                )
            ],
        }


def _account_link(account: Account, owners: dict[str, str]) -> object:
    owner_id, role = account.name.split(":")[1:3]
    return console.link(account, f"{owners.get(owner_id, owner_id)}: {role.replace('_', ' ')}")
