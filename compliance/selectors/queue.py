"""The review queue: which cases a view and its filters show, in the order they are worked.

Every list is read from a partial index and counted up to a bound: a queue of a hundred thousand
cases costs no more than one of a thousand.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.models import User
from django.db.models import Prefetch, Q, QuerySet, prefetch_related_objects
from django.db.models.functions import Now

from atlaspay.core.money import EXPONENTS
from compliance.models import Case, Decision
from compliance.selectors.claims import is_free
from payouts.models import Payout

COUNT_MAX = 1_000
PAGE = 50
LAST_PAGE = COUNT_MAX // PAGE
VIEWS = {
    "": "Waiting",
    "mine": "Mine",
    "unclaimed": "Unclaimed",
    "late": "Late",
    "escalated": "Escalated",
    "second": "Second officer",
    "decided": "Decided",
    "withdrawn": "Withdrawn",
    "all": "All",
}
CLOSED_VIEWS = frozenset({"decided", "withdrawn", "all"})
FIELDS = ("view", "q", "why", "partner", "currency", "low", "high")
_LENGTH_MAX = 80


@dataclass(frozen=True, slots=True)
class QueueFilter:
    """What the queue is narrowed to. `low` and `high` are whole or decimal units of whatever
    currency a payout has."""

    view: str = ""
    q: str = ""
    why: str = ""
    partner: str = ""
    currency: str = ""
    low: str = ""
    high: str = ""
    faults: dict[str, str] = field(default_factory=dict, compare=False)

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> "QueueFilter":
        """Read a query string's values; what makes no sense is dropped and named in `faults`."""
        values = {name: str(given.get(name, "")).strip()[:_LENGTH_MAX] for name in FIELDS}
        faults: dict[str, str] = {}
        if values["view"] not in VIEWS:
            values["view"] = ""
        if values["currency"] not in EXPONENTS:
            values["currency"] = ""
        for name in ("low", "high"):
            if values[name] and _major(values[name]) is None:
                faults[name] = f"“{values[name]}” is not an amount."
                values[name] = ""
        return cls(**values, faults=faults)

    @property
    def query(self) -> str:
        """Return the filter as a query string, empty values left out."""
        return urlencode({name: value for name in FIELDS if (value := getattr(self, name))})

    @property
    def is_narrowed(self) -> bool:
        """Say whether anything but the view narrows the list."""
        return any(getattr(self, name) for name in FIELDS if name != "view")


@dataclass(frozen=True, slots=True)
class QueuePage:
    """One page. `total` stops at `COUNT_MAX`; `has_more` says that there are more than that."""

    cases: list[Case]
    number: int
    total: int
    has_more: bool

    @property
    def first(self) -> int:
        """Return the number of the first row shown."""
        return (self.number - 1) * PAGE + 1

    @property
    def last(self) -> int:
        """Return the number of the last row shown."""
        return self.first + len(self.cases) - 1

    @property
    def pages(self) -> int:
        """Return how many pages can be turned."""
        return max(1, -(-self.total // PAGE))


def queue_page(wanted: QueueFilter, user: User, number: int = 1) -> QueuePage:
    """Return one page of cases with payout, partner and claimant; four statements at most."""
    rows = queue(wanted, user)
    total = rows.order_by()[: COUNT_MAX + 1].count()
    if total == 0:
        # A name that nobody has was looked for in the whole queue; once is enough.
        return QueuePage([], 1, 0, has_more=False)
    number = min(max(number, 1), LAST_PAGE, max(1, -(-min(total, COUNT_MAX) // PAGE)))
    start = (number - 1) * PAGE
    cases = list(
        rows.select_related("payout", "partner", "assignee").defer(
            "payout__account_sealed", "payout__account_index", "payout__metadata"
        )[start : start + PAGE]
    )
    closed = [case for case in cases if case.closed_at is not None]
    prefetch_related_objects(closed, Prefetch("decisions", Decision.objects.defer("evidence")))
    return QueuePage(cases, number, min(total, COUNT_MAX), has_more=total > COUNT_MAX)


def queue(wanted: QueueFilter, user: User) -> QuerySet[Case]:
    """Return the cases of a filter, most pressing first; closed ones newest first."""
    found = _searched(wanted)
    if found is not None:
        return found.order_by("-id")
    rows = _of_view(wanted.view, user).filter(_condition(wanted))
    if wanted.view in {"decided", "withdrawn"}:
        return rows.order_by("-closed_at", "-id")
    return rows.order_by("-id") if wanted.view == "all" else rows.order_by("rank_at", "id")


def _searched(wanted: QueueFilter) -> QuerySet[Case] | None:
    """Return the cases an exact term names, in whatever state; None where it names none.

    The term's own shape says where to look: an OR over joined tables has no index.
    """
    term = wanted.q
    if term.startswith("cs_"):
        return Case.objects.filter(id=term)
    if term.startswith("po_"):
        return Case.objects.filter(payout_id=term)
    if not term:
        return None
    by_reference = Payout.objects.filter(reference=term).values("id")
    rows = Case.objects.filter(payout_id__in=by_reference)
    return rows if rows.exists() else None


def _of_view(view: str, user: User) -> QuerySet[Case]:
    waiting = Case.objects.filter(state__in=Case.WAITING)
    match view:
        case "mine":
            return waiting.filter(assignee=user).exclude(is_free())
        case "unclaimed":
            return waiting.filter(is_free(), state=Case.State.OPEN)
        case "late":
            return waiting.filter(due_at__lt=Now())
        case "escalated":
            return waiting.filter(escalated_at__isnull=False)
        case "second":
            return waiting.filter(state=Case.State.SECOND)
        case "decided" | "withdrawn":
            return Case.objects.filter(state__in=["decided", "withdrawn"]).filter(state=view)
        case "all":
            return Case.objects.all()
        case _:
            return waiting


def _condition(wanted: QueueFilter) -> Q:
    condition = Q()
    if wanted.why:
        condition &= Q(codes__contains=[wanted.why])
    if wanted.partner:
        condition &= Q(partner_id=wanted.partner)
    if wanted.currency:
        condition &= Q(payout__currency=wanted.currency)
    if wanted.low:
        condition &= _amount("gte", wanted.low, wanted.currency)
    if wanted.high:
        condition &= _amount("lte", wanted.high, wanted.currency)
    if wanted.q:
        # No index holds parts of names: only what waits is searched by them.
        if wanted.view in CLOSED_VIEWS:
            return condition & Q(pk__in=[])
        condition &= Q(payout__recipient_name__icontains=wanted.q)
    return condition


def _amount(comparison: str, text: str, currency: str) -> Q:
    """Compare in minor units, which differ by currency: 10,000 is 10,000 EUR and 10,000 JPY."""
    major = _major(text) or Decimal(0)
    by_exponent: dict[int, list[str]] = {}
    for name, digits in EXPONENTS.items():
        if currency in {"", name}:
            by_exponent.setdefault(digits, []).append(name)
    condition = Q()
    for digits, names in by_exponent.items():
        minor = int(major.scaleb(digits))
        bound = {f"payout__amount_minor__{comparison}": minor}
        condition |= Q(payout__currency__in=names, **bound)
    return condition


def _major(text: str) -> Decimal | None:
    """Return an amount as people write it (`10,000.50`), None where it is none."""
    if not (text.isascii() and text.replace(",", "").replace(".", "", 1).isdigit()):
        return None
    try:
        amount = Decimal(text.replace(",", ""))
    except InvalidOperation:
        return None
    return amount if amount < 10**13 else None
