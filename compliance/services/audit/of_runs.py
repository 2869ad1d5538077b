"""Screening runs judged again: the policy over the facts that a run kept says what it said then."""

from collections.abc import Iterable, Mapping
from itertools import chain

from atlaspay.core.errors import AtlasError
from compliance.models import ScreeningRun
from compliance.rules.policy import Result
from compliance.screening.replay import replay
from compliance.services.audit.probes import rows
from compliance.services.audit.report import Check
from compliance.services.screen import SCORE_MAX

# A sample of blocks, not of rows: nothing but those is read.
_SAMPLE = """
SELECT id FROM compliance_screeningrun TABLESAMPLE SYSTEM ({percent}) ORDER BY random() LIMIT %s
"""
_ABOUT = """
SELECT greatest(reltuples, 1) FROM pg_class WHERE oid = 'compliance_screeningrun'::regclass
"""
_NEWEST_FLAGGED = """
SELECT id FROM compliance_screeningrun WHERE NOT (verdict = 'clear') ORDER BY id DESC LIMIT %s
"""


def sample(count: int) -> list[str]:
    """Choose runs: half of them the newest that flagged, the others by chance."""
    half = count // 2
    percent = min(100.0, 400 * half / float(rows(_ABOUT)[0][0]))
    by_chance = rows(_SAMPLE.format(percent=f"{percent:.6f}"), [count - half])
    return sorted({row[0] for row in chain(rows(_NEWEST_FLAGGED, [half]), by_chance)})


def after(run_id: str, count: int) -> list[str]:
    """Return the next runs by id."""
    found = ScreeningRun.objects.filter(id__gt=run_id).order_by("id")
    return list(found.values_list("id", flat=True)[:count])


def faults(check: Check, run_ids: Iterable[str]) -> None:
    """Judge these runs again and compare verdict, score and what each rule said."""
    for run in (
        ScreeningRun.objects.filter(id__in=list(run_ids))
        .select_related("payout")
        .defer("payout__account_sealed", "payout__metadata")
        .order_by("id")
    ):
        try:
            again = replay(run)
        except AtlasError as error:
            check.add(run.id, f"screening run {run.id} cannot be judged again: {error}")
            continue
        was = (str(run.verdict), run.score, _said(run.findings))
        now = (str(again.verdict), min(again.score, SCORE_MAX), _said(again.findings))
        if was != now:
            check.add(
                run.id,
                f"screening run {run.id} said {was[0]} with {was[1]} points; its policy over the"
                f" same facts says {now[0]} with {now[1]}",
            )


def _said(findings: Iterable[Mapping[str, object]]) -> list[tuple[object, object]]:
    return [(one["code"], str(one["result"])) for one in findings if one["result"] != Result.NO_HIT]
