"""The balance, and the ledger's lines behind it with the figure after each; as CSV, too."""

from collections.abc import Iterable, Iterator
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse

from atlaspay.core import clock
from atlaspay.core.access.log import Kind, record
from atlaspay.core.errors import InvalidRequestError
from atlaspay.core.money import decimal_text
from ledger import chart
from ledger.statement import StatementLine, all_lines, newest_lines
from payouts.models import Payout
from payouts.selectors.balance import ROLES, Funds, funds_of
from payouts.selectors.pages import page_of, read_cursor
from portal.csv_out import safe, stream
from portal.filters import FilterForm
from portal.pages import page, show
from portal.rights import Right
from portal.scope import Scope, scoped
from portal.words import KINDS, ROLES_OF_MONEY

LINES = 50
_LIST = "portal_lines"
_COLUMNS = (
    *("at", "kind", "payout_id", "payout_reference", "change", "balance_after"),
    *("currency", "change_minor", "balance_after_minor"),
)


class LineFilters(FilterForm):
    """Which account's lines; `currencies` are those the partner has."""

    currency = forms.ChoiceField(label="Currency", required=False)
    account = forms.ChoiceField(
        label="Account",
        required=False,
        choices=[(role, ROLES_OF_MONEY[role]) for role in ROLES],
    )

    field_order = ["currency", "account", "since", "until"]

    def __init__(self, request: HttpRequest, funds: Iterable[Funds]) -> None:
        super().__init__(request.GET)
        currencies = [(one.currency, one.currency) for one in funds]
        self.fields["currency"].choices = currencies  # type: ignore[attr-defined]
        self.is_valid()
        self.chosen = self.value("currency") or (currencies[0][0] if currencies else "")
        self.initial = {"currency": self.chosen}

    def name(self, partner_id: str) -> str:
        """Return the account's name in the ledger."""
        role = self.value("account") or ROLES[0]
        made = {
            "available": chart.partner_available,
            "reserved": chart.partner_reserved,
            "in_transit": chart.partner_in_transit,
        }
        return made[role](partner_id, self.chosen)

    def marks(self) -> dict[str, str]:
        """Return the filters as a cursor remembers them."""
        return {name: str(self.value(name) or "") for name in self.fields}


@page(read=Right.READ)
def balance(request: HttpRequest) -> HttpResponse:
    """Show what there is, and the newest lines of one account."""
    scope = scoped(request)
    funds = funds_of(scope.partner_id)
    form = LineFilters(request, funds)
    values: dict[str, Any] = {
        "funds": funds,
        "form": form,
        "is_narrowed": bool(form.data.get("since") or form.data.get("until")),
    }
    if form.chosen:
        before = read_cursor(request.GET.get("cursor", ""), _LIST, form.marks())
        rows = newest_lines(
            form.name(scope.partner_id),
            since=form.since_at,
            until=form.until_at,
            before_id=int(before) if before else None,
            limit=LINES + 1,
        )
        found = page_of(rows, LINES, _LIST, form.marks(), key=lambda line: line.id)
        names = _references(scope, found.rows)
        values["lines"] = [(line, KINDS.get(line.kind, line.kind)) for line in found.rows]
        values["names"] = names
        values["next"] = form.query(cursor=found.next_cursor) if found.next_cursor else ""
    return show(request, "portal/balance.html", values)


@page(read=Right.READ)
def export(request: HttpRequest) -> StreamingHttpResponse:
    """Stream the same lines, oldest first, whatever their number."""
    scope = scoped(request)
    form = LineFilters(request, funds_of(scope.partner_id))
    if not form.is_valid():
        # A file that silently holds more than was asked for is worse than none.
        raise InvalidRequestError("The filters do not fit: " + " ".join(_faults(form)))
    role = form.value("account") or ROLES[0]
    name = form.name(scope.partner_id) if form.chosen else ""
    record(Kind.EXPORTED, request, object_type="ledger.posting", object_id=name)
    chunks = all_lines(name, since=form.since_at, until=form.until_at)
    filename = f"{role}-{form.chosen or 'none'}-{clock.now():%Y%m%d-%H%M}.csv"
    return stream(filename, _COLUMNS, _rows(scope, chunks))


def _rows(scope: Scope, chunks: Iterator[list[StatementLine]]) -> Iterator[list[str | int]]:
    for chunk in chunks:
        names = _references(scope, chunk)
        for line in chunk:
            yield [
                line.created_at.isoformat(timespec="milliseconds"),
                KINDS.get(line.kind, line.kind),
                line.reference if line.reference in names else "",
                safe(names.get(line.reference, line.reference)),
                decimal_text(line.change_minor, line.currency),
                decimal_text(line.balance_minor, line.currency),
                line.currency,
                line.change_minor,
                line.balance_minor,
            ]


def _references(scope: Scope, lines: Iterable[StatementLine]) -> dict[str, str]:
    """Return the partner's own references of the payouts that lines speak of."""
    ids = {line.reference for line in lines if line.reference.startswith("po_")}
    return dict(scope.own(Payout).filter(id__in=ids).values_list("id", "reference"))


def _faults(form: LineFilters) -> Iterator[str]:
    for found in form.errors.values():
        yield from map(str, found)
