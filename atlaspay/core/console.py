"""How the console shows money, instants, states and tables: what every admin page is made of.

Everything returned is safe HTML made with `format_html`; nothing here reads the database.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db.models import Model
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from atlaspay.core import clock
from atlaspay.core.money import display

TONES = frozenset({"good", "warn", "bad", "info", "idle"})
NOTHING = format_html('<span class="ap-nothing">{}</span>', "—")
_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


# Prefix -> a look-up of many ids at once. A room whose objects others mention by id alone registers
# its own, so that the ledger can show names it does not know.
NAMERS: dict[str, Callable[[Iterable[str]], Mapping[str, str]]] = {}


# Prefix of a public id -> the page (`app_model`) that shows such an object.
PAGES: dict[str, str] = {}


def names(ids: Iterable[str]) -> dict[str, str]:
    """Return the names of public ids, one look-up a prefix; ids nobody names are absent."""
    by_prefix: dict[str, set[str]] = {}
    for each in ids:
        by_prefix.setdefault(each.partition("_")[0], set()).add(each)
    found: dict[str, str] = {}
    for prefix, group in by_prefix.items():
        if prefix in NAMERS:
            found.update(NAMERS[prefix](sorted(group)))
    return found


@dataclass(frozen=True, slots=True)
class Fact:
    """One labelled value of a page; `wide` gives it the whole row."""

    label: str
    value: Any
    wide: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under headers. A header that ends with `>` is a column of figures, set to the right."""

    title: str
    headers: Sequence[str]
    rows: Sequence[Sequence[Any]]
    empty: str = "Nothing yet."
    note: Any = ""
    footer: Sequence[Any] = ()

    @property
    def columns(self) -> list[tuple[str, bool]]:
        """Return each header with whether its column holds figures."""
        return [(header.removesuffix(">"), header.endswith(">")) for header in self.headers]

    @property
    def lines(self) -> list[list[tuple[Any, bool]]]:
        """Return the rows, each cell with whether it is a figure."""
        return [self._marked(row) for row in self.rows]

    @property
    def foot(self) -> list[tuple[Any, bool]]:
        """Return the footer's cells, marked like a row."""
        return self._marked(self.footer)

    def _marked(self, row: Sequence[Any]) -> list[tuple[Any, bool]]:
        return [(cell, flag) for cell, (_, flag) in zip(row, self.columns, strict=False)]


@dataclass(frozen=True, slots=True)
class Moment:
    """One point of a timeline."""

    at: datetime
    title: Any
    detail: Any = ""
    tone: str = "idle"

    @property
    def shown_at(self) -> SafeString:
        """Return the instant as pages show it."""
        return when(self.at)


@dataclass(frozen=True, slots=True)
class Call:
    """What the reader must see first, in one of the tones."""

    words: Any
    tone: str = "info"


def money(amount_minor: int, currency: str) -> SafeString:
    """Return `1,230.00 EUR` as figures that line up."""
    figures, _, code = display(amount_minor, currency).rpartition(" ")
    return format_html('<span class="ap-money">{} <small>{}</small></span>', figures, code)


def when(at: datetime | None) -> SafeString:
    """Return an instant as `22 Nov 17:58:03` UTC, with the year where it is another."""
    if at is None:
        return NOTHING
    at = at.astimezone(UTC)
    shape = "%d %b %H:%M:%S" if at.year == clock.now().year else "%d %b %Y %H:%M"
    return format_html(
        '<time class="ap-time" datetime="{}" title="{} UTC, {}">{}</time>',
        at.isoformat(),
        f"{at:%Y-%m-%d %H:%M:%S.%f}"[:-3],
        distance(at),
        at.strftime(shape),
    )


def distance(at: datetime) -> str:
    """Return how far an instant is from now, in one unit: `3 min ago`, `in 2 h`."""
    seconds = (clock.now() - at).total_seconds()
    return f"{span(abs(seconds))} ago" if seconds >= 0 else f"in {span(-seconds)}"


def span(seconds: float) -> str:
    """Return a duration in its largest whole unit: `45 s`, `12 min`, `3 h`, `9 d`."""
    for size, unit in _UNITS:
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return "0 s"


def badge(text: object, tone: str = "idle") -> SafeString:
    """Return a small label; tones are good, warn, bad, info, idle."""
    return format_html(
        '<span class="ap-badge ap-{}">{}</span>', tone if tone in TONES else "idle", text
    )


def toned(value: str, words: str, tones: Mapping[str, str]) -> SafeString:
    """Return the badge of a choice: its words in the tone its value has in `tones`."""
    return badge(words, tones.get(value, "idle"))


def link(obj: Model | None, text: object = None, *, admin_of: str = "") -> SafeString:
    """Return a link to an object's page; `admin_of` is `app_model` where the object is only an
    id."""
    if obj is None:
        return NOTHING
    meta = obj._meta
    url = reverse(
        f"admin:{admin_of or f'{meta.app_label}_{meta.model_name}'}_change", args=[obj.pk]
    )
    return format_html('<a class="ap-link" href="{}">{}</a>', url, obj if text is None else text)


def id_link(admin_of: str, pk: str, text: object) -> SafeString:
    """Return a link to a page known by its model (`payouts_payout`) and id."""
    url = reverse(f"admin:{admin_of}_change", args=[pk])
    return format_html('<a class="ap-link" href="{}" title="{}">{}</a>', url, pk, text)


def reference(text: str) -> SafeString:
    """Return an id in fixed width, linked where a room has registered a page for its kind."""
    page = PAGES.get(text.partition("_")[0])
    return id_link(page, text, code(text)) if page else code(text)


def code(text: object) -> SafeString:
    """Return an identifier in fixed width, or a dash."""
    return format_html('<code class="ap-code">{}</code>', text) if text else NOTHING


def account(last4: str, bank: str = "") -> SafeString:
    """Return an account as banks print it: the bank and the last four, never more."""
    return format_html('<span class="ap-code">{} ···· {}</span>', bank, last4)


def actor(name: str) -> SafeString:
    """Return who acted in words: a person's name, an API key's end, a task's name."""
    kind, _, rest = name.partition(":")
    words = {
        "user": rest,
        "member": f"{rest} (portal)",
        "key": f"API key …{rest[-6:]}",
        "system": f"system, {rest.rpartition('.')[2]}",
    }
    return format_html('<span title="{}">{}</span>', name, words.get(kind, name) or name)


def text_or_dash(text: object) -> object:
    """Return the text, or a dash where there is none: no cell is left empty."""
    return text or NOTHING
