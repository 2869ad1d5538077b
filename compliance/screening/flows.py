"""What a partner submits, counted in minutes and hours, so that a window of ninety days costs some
hundred rows however busy the partner is.

`close_minutes` counts what is past; `partner_facts` reads the hours and minutes of a window and
counts only what came since.
"""

import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection, transaction

from atlaspay.core.ids import encode
from atlaspay.core.sets import array
from compliance.rules.needs import Needs
from compliance.rules.windows import text_of
from compliance.screening import live
from compliance.screening.accounts import MOVED
from payouts.models import Payout

# A minute is counted once no intake that began in it can still be open.
SETTLE_S = 20
EVERY_S = 5.0
PATIENCE_S = 20.0
STEP = timedelta(days=1)
# Ids are made by the clock of a web server, within this of the time the database set.
ID_SLACK = timedelta(seconds=5)

_CLOSE = f"""
WITH counted AS (
    SELECT partner_id, currency, date_trunc('minute', submitted_at) AS minute, count(*) AS count,
        sum(amount_minor)::bigint AS total_minor
    FROM payouts_payout
    WHERE id >= %s AND submitted_at >= %s AND submitted_at < %s AND {MOVED}
    GROUP BY 1, 2, 3
), minutes AS (
    INSERT INTO compliance_partnerflow
        (partner_id, currency, span_minutes, starts_at, count, total_minor)
    SELECT partner_id, currency, 1, minute, count, total_minor FROM counted
)
INSERT INTO compliance_partnerflow AS f
    (partner_id, currency, span_minutes, starts_at, count, total_minor)
SELECT partner_id, currency, 60, date_trunc('hour', minute), sum(count), sum(total_minor)
FROM counted GROUP BY 1, 2, 4
ORDER BY 1, 2, 4
ON CONFLICT (partner_id, currency, span_minutes, starts_at) DO UPDATE
SET count = f.count + excluded.count, total_minor = f.total_minor + excluded.total_minor
"""  # noqa: S608

# Where each payout stands among those of its partner, currency and minute, from the first one asked
# about on.
_WITHIN = f"""
SELECT w.id, w.seen, w.total
FROM unnest(%s::text[], %s::text[], %s::timestamptz[], %s::timestamptz[], %s::text[], %s::text[])
    AS k(partner_id, currency, minute, first_at, since_id, until_id)
CROSS JOIN LATERAL (
    SELECT q.id, count(*) FILTER (WHERE q.{MOVED}) OVER earlier AS seen,
        coalesce(sum(q.amount_minor) FILTER (WHERE q.{MOVED}) OVER earlier, 0)::bigint AS total
    FROM payouts_payout q
    WHERE q.partner_id = k.partner_id AND q.currency = k.currency
        AND q.id >= k.since_id AND q.id < k.until_id
        AND q.submitted_at >= k.first_at AND q.submitted_at < k.minute + interval '1 minute'
    WINDOW earlier AS
        (ORDER BY q.submitted_at, q.id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
) w
WHERE w.id = ANY(%s::text[])
"""  # noqa: S608
_MINUTE = timedelta(minutes=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_next_s = 0.0


def keep_up() -> None:
    """Count what is over, if a policy in use looks at partners and it was not done for a while.

    Call outside any transaction that must not wait.
    """
    global _next_s
    if time.monotonic() < _next_s:
        return
    number = live.live_number()
    if number is None:
        return
    used = [live.policy(number), *live.shadow_policies(number)]
    if any(policy.needs.partner_windows for policy in used):
        catch_up()
    _next_s = time.monotonic() + EVERY_S


def catch_up(*, within_s: float = PATIENCE_S) -> None:
    """Count all that is over, a day of the past a transaction; leave off where it takes longer.

    What is not counted yet is counted from the payouts with every question: right, and slow where
    it is much.
    """
    ends = time.monotonic() + within_s
    while close_minutes() and time.monotonic() < ends:
        pass


def close_minutes() -> bool:
    """Count the minutes that are over, a day's worth at most; say whether anything was counted.

    One worker at a time, others go on without. Each call is one transaction; safe to repeat.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtext('compliance_partnerflow'), 1)")
        if not cursor.fetchone()[0]:
            return False
        cursor.execute(
            """SELECT coalesce(m.closed_until, date_trunc('minute', o.submitted_at)),
                date_trunc('minute', clock_timestamp() - %s * interval '1 second')
            FROM (SELECT max(closed_until) AS closed_until FROM compliance_flowmark) m
            LEFT JOIN LATERAL (SELECT submitted_at FROM payouts_payout ORDER BY id LIMIT 1) o
                ON true""",
            [SETTLE_S],
        )
        since, until = cursor.fetchone()
        if since is None or since >= until:
            return False
        until = min(until, since + STEP)
        cursor.execute(_CLOSE, [id_floor(since), since, until])
        cursor.execute(
            """INSERT INTO compliance_flowmark (id, closed_until) VALUES (1, %s)
            ON CONFLICT (id) DO UPDATE SET closed_until = excluded.closed_until""",
            [until],
        )
        return True


def id_floor(at: datetime) -> str:
    """Return a payout id below all that were submitted since `at`."""
    return _id_at(at - ID_SLACK)


def id_ceiling(at: datetime) -> str:
    """Return a payout id above all that were submitted before `at`."""
    return _id_at(at + ID_SLACK)


def _id_at(at: datetime) -> str:
    ms = int(at.timestamp() * 1000)
    return f"po_{encode(max(ms, 0) << 80)}"


def partner_facts(payouts: Sequence[Payout], needs: Needs) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each payout's id with its partner's windows in its currency, as of when it was
    submitted; windows begin with a whole minute. Three statements.
    """
    windows = sorted(needs.partner_windows)
    if not windows or not payouts:
        return
    keys = _Keys(payouts)
    texts = [text_of(hours) for hours in windows]
    with connection.cursor() as cursor:
        cursor.execute("SELECT max(closed_until) FROM compliance_flowmark")
        mark = cursor.fetchone()[0] or _EPOCH
        cursor.execute(_base_sql(windows), [*keys.columns(), keys.counted_ids(mark), mark])
        base = {row[:3]: row[3:] for row in cursor.fetchall()}
        ids = array([payout.id for payout in payouts])
        cursor.execute(_WITHIN, [*keys.columns(), *keys.id_ranges(), ids])
        within = {row[0]: row[1:] for row in cursor.fetchall()}
    for payout in payouts:
        found = base[keys.of(payout)]
        seen, total = within.get(payout.id, (0, 0))
        facts: dict[str, Any] = {}
        for index, text in enumerate(texts):
            facts[f"partner_count_{text}"] = found[2 * index] + seen
            facts[f"partner_sum_{text}"] = found[2 * index + 1] + total
        yield payout.id, facts


class _Keys:
    """The partners, currencies and minutes of some payouts, each with the first instant asked
    about. Payouts of a batch share their instant, so there are few."""

    def __init__(self, payouts: Sequence[Payout]) -> None:
        self._minutes = {at: _minute(at) for at in {payout.submitted_at for payout in payouts}}
        self._first: dict[tuple[str, str, datetime], datetime] = {}
        for payout in payouts:
            key = self.of(payout)
            self._first[key] = min(self._first.get(key, payout.submitted_at), payout.submitted_at)

    def of(self, payout: Payout) -> tuple[str, str, datetime]:
        return payout.partner_id, payout.currency, self._minutes[payout.submitted_at]

    def columns(self) -> list[str]:
        """Return partner, currency, minute and first instant as arrays."""
        columns = [array(list(column)) for column in zip(*self._first, strict=True)]
        return [*columns, array(list(self._first.values()))]

    def counted_ids(self, mark: datetime) -> str:
        """Return ids below all that are not in the counted minutes before each key."""
        return array([id_floor(min(minute, mark)) for *_, minute in self._first])

    def id_ranges(self) -> list[str]:
        """Return ids below and above all from the first instant to the minute's end."""
        since = [id_floor(first_at) for first_at in self._first.values()]
        until = [id_ceiling(minute + _MINUTE) for *_, minute in self._first]
        return [array(since), array(until)]


def _minute(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(second=0, microsecond=0)


def _base_sql(windows: Sequence[int]) -> str:
    """Return the statement for what came before the first instant of each key, per window: hours
    that lie whole inside, minutes at both ends, and what is not counted yet."""
    sums = "".join(f", w{hours}.count, w{hours}.total" for hours in windows)
    joins = "".join(_window_sql(hours) for hours in windows)
    return f"""
    SELECT k.partner_id, k.currency, k.minute{sums}
    FROM unnest(%s::text[], %s::text[], %s::timestamptz[], %s::timestamptz[], %s::text[])
        AS k(partner_id, currency, minute, first_at, since_id)
    CROSS JOIN LATERAL (SELECT least(k.minute, %s::timestamptz) AS until) c
    {joins}"""  # noqa: S608


def _window_sql(hours: int) -> str:
    since = f"k.minute - interval '{hours} hours'"
    first_hour = f"least(date_trunc('hour', {since} + interval '59 minutes 59 seconds'), c.until)"
    last_hour = f"greatest(date_trunc('hour', c.until), {first_hour})"
    mine = "partner_id = k.partner_id AND currency = k.currency"
    return f"""
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(part.count), 0)::bigint AS count,
            coalesce(sum(part.total_minor), 0)::bigint AS total
        FROM (
            SELECT count, total_minor FROM compliance_partnerflow
            WHERE {mine} AND span_minutes = 60
                AND starts_at >= {first_hour} AND starts_at < {last_hour}
            UNION ALL
            SELECT count, total_minor FROM compliance_partnerflow
            WHERE {mine} AND span_minutes = 1
                AND starts_at >= {since} AND starts_at < {first_hour}
            UNION ALL
            SELECT count, total_minor FROM compliance_partnerflow
            WHERE {mine} AND span_minutes = 1
                AND starts_at >= greatest({last_hour}, {since}) AND starts_at < c.until
            UNION ALL
            SELECT count(*), sum(amount_minor) FROM payouts_payout
            WHERE {mine} AND submitted_at >= greatest(c.until, {since})
                AND submitted_at < k.first_at AND id >= k.since_id AND {MOVED}
        ) part
    ) w{hours}"""  # noqa: S608
