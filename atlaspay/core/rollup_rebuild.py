"""Counting everything anew beside the sums that are in use, and changing over when it is done.

Readers see the old sums until the new ones are complete. All in short transactions, so that nothing
waits for a rebuild, the event feed neither.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from django.db import connection, models, transaction

from atlaspay.core.rollups import RollupMark, Source, live_generation, run

_STEP_S = 1.0
_SLICE = 10_000


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What a rebuild counted, and how long it took."""

    generation: int
    counted: int
    windows: int
    seconds: float


class ReplacedError(Exception):
    """Another rebuild began and removed what this one had counted."""


def rebuild(
    source: Source,
    *,
    carry_over: Callable[[int, int], None] | None = None,
    progress: Callable[[int], None] | None = None,
) -> Rebuilt:
    """Count all of a source again, then let readers use that.

    `carry_over(old, new)` copies what cannot be counted again, in the transaction of the change.
    `progress` is told after each step how many were counted. Waits for as long as open transactions
    take. Stopped half-way it leaves the old sums in use; the next rebuild clears up. Raises
    ReplacedError.
    """
    began = time.monotonic()
    marks = source.marks._default_manager
    for leftover in marks.filter(is_live=False).values_list("pk", flat=True):
        _remove(source, leftover)
    old = live_generation(source.marks)
    new = old % 32_000 + 1
    marks.create(generation=new)
    counted = windows = 0
    while True:
        done = run(source, generation=new, budget_s=_STEP_S)
        counted, windows = counted + done.counted, windows + done.windows
        if progress is not None:
            progress(counted)
        if done.is_caught_up:
            break
        if not marks.filter(pk=new).exists():
            raise ReplacedError
    _change_over(source.marks, old, new, carry_over)
    if old:
        _remove(source, old)
    return Rebuilt(new, counted, windows, round(time.monotonic() - began, 3))


def _change_over(
    marks: type[RollupMark], old: int, new: int, carry_over: Callable[[int, int], None] | None
) -> None:
    with transaction.atomic():
        held = list(marks._default_manager.select_for_update().filter(pk__in=[old, new]))
        if not any(mark.pk == new for mark in held):
            raise ReplacedError
        if old and carry_over is not None:
            carry_over(old, new)
        marks._default_manager.filter(is_live=True).update(is_live=False)
        marks._default_manager.filter(pk=new).update(is_live=True)


def _remove(source: Source, generation: int) -> None:
    # The mark first: whoever counts holds it, and finds it gone the next time.
    source.marks._default_manager.filter(pk=generation, is_live=False).delete()
    for model in source.sums:
        while _delete_slice(model, generation) == _SLICE:
            pass


def _delete_slice(model: type[models.Model], generation: int) -> int:
    table = model._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            f"DELETE FROM {table} WHERE ctid = ANY(ARRAY("  # noqa: S608 - our own name
            f"SELECT ctid FROM {table} WHERE generation = %s LIMIT {_SLICE}))",
            [generation],
        )
        return int(cursor.rowcount)
