"""Which days and which currency a dashboard shows, from what stands in its address."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from urllib.parse import urlencode

from atlaspay.core import clock
from atlaspay.core.money import EXPONENTS
from payouts.rollups.tables import Grain, hours_since

MAX_DAYS = 366
PRESETS = {
    "today": ("Today", 1),
    "7d": ("7 days", 7),
    "30d": ("30 days", 30),
    "90d": ("90 days", 90),
    "365d": ("365 days", 365),
}
DEFAULT = "30d"
EARLIEST = date(2020, 1, 1)
_HOURLY_DAYS, _DAILY_DAYS = 2, 92


@dataclass(frozen=True, slots=True)
class Period:
    """Whole days in UTC, both included. `preset` is empty for days chosen one by one; `fault` says
    in words what was wrong with them: then these are the usual ones.
    """

    since: date
    until: date
    currency: str = ""
    preset: str = ""
    fault: str = ""

    @property
    def since_at(self) -> datetime:
        """The first instant."""
        return datetime.combine(self.since, time(), UTC)

    @property
    def until_at(self) -> datetime:
        """The first instant after it."""
        return datetime.combine(self.until + timedelta(days=1), time(), UTC)

    @property
    def days(self) -> int:
        """How many days."""
        return (self.until - self.since).days + 1

    @property
    def grain(self) -> Grain:
        """Which sums are read."""
        is_kept = self.since_at > hours_since(clock.now())
        return Grain.HOUR if self.days <= _HOURLY_DAYS and is_kept else Grain.DAY

    @property
    def slot_words(self) -> str:
        """What one column of a chart stands for."""
        if self.grain == Grain.HOUR:
            return "hour"
        return "day" if self.days <= _DAILY_DAYS else "week"

    def slot_of(self, at: datetime) -> datetime:
        """Return the beginning of the column an hour or day belongs to; weeks begin on Monday,
        the first one perhaps later.
        """
        if self.slot_words != "week":
            return at
        return max(at - timedelta(days=at.weekday()), self.since_at)

    def slots(self) -> list[datetime]:
        """Return every column, the empty ones too."""
        step = timedelta(hours=1) if self.grain == Grain.HOUR else timedelta(days=1)
        made, at = [], self.since_at
        while at < self.until_at:
            if self.slot_of(at) == at:
                made.append(at)
            at += step
        return made

    def query(self, **changed: str) -> str:
        """Return the address's query for this period, some members changed."""
        days = {"period": self.preset} if self.preset else self._custom()
        given = {**days, "currency": self.currency, **changed}
        return urlencode({name: value for name, value in given.items() if value})

    def _custom(self) -> dict[str, str]:
        return {"since": self.since.isoformat(), "until": self.until.isoformat()}


def period_of(query: Mapping[str, str]) -> Period:
    """Return the period that `period`, or `since` and `until`, and `currency` ask for."""
    today = clock.now().astimezone(UTC).date()
    currency = query.get("currency", "")
    fault = ""
    if currency and currency not in EXPONENTS:
        currency, fault = "", "There is no such currency; all are shown."
    texts = query.get("since", ""), query.get("until", "")
    preset = query.get("period", "")
    if not any(texts):
        if preset and preset not in PRESETS:
            fault = fault or "There is no such period; the last 30 days are shown."
        chosen = preset if preset in PRESETS else DEFAULT
        return _last(chosen, today, currency, fault)
    try:
        until = date.fromisoformat(texts[1]) if texts[1] else today
        since = date.fromisoformat(texts[0]) if texts[0] else until - timedelta(days=29)
    except ValueError:
        return _last(DEFAULT, today, currency, "Dates are written as 2026-11-22.")
    wrong = _wrong(since, until)
    if wrong:
        return _last(DEFAULT, today, currency, f"{wrong} The last 30 days are shown.")
    return Period(since, until, currency, "", fault)


def _wrong(since: date, until: date) -> str:
    if since > until:
        return "The first day is after the last one."
    if (until - since).days + 1 > MAX_DAYS:
        return f"That is {(until - since).days + 1:,} days; choose {MAX_DAYS} at most."
    if since < EARLIEST or until.year > 9000:
        return "There are no payouts that long ago, or so far ahead."
    return ""


def _last(preset: str, today: date, currency: str, fault: str) -> Period:
    days = PRESETS[preset][1]
    return Period(today - timedelta(days=days - 1), today, currency, preset, fault)
