"""What screening and officers decide about payouts. Compliance calls this; payouts never look the
other way.

`judge` and `record` run inside the unit's transaction, so that a verdict and its run, or a decision
and its receipt, commit with the state they explain or not at all.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings

from atlaspay.core.errors import ConflictError, NotFoundError, StaleFormError
from payouts import postings
from payouts.machine import Stage, State
from payouts.models import Payout
from payouts.selectors.payouts import with_the_bank
from payouts.services import unit
from payouts.services.unit import Work


@dataclass(frozen=True, slots=True)
class Verdict:
    """What screening says of one payout; `summary` goes to history in words."""

    payout_id: str
    is_clear: bool
    summary: str = ""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A payout as a receipt keeps it."""

    payout_id: str
    state: str
    stage: str
    version: int
    amount_minor: int
    currency: str
    failure_code: str
    failure_message: str

    @classmethod
    def of(cls, payout: Payout) -> "Snapshot":
        """Take the snapshot."""
        return cls(
            payout_id=payout.id,
            state=str(payout.state),
            stage=str(payout.stage),
            version=payout.version,
            amount_minor=payout.amount_minor,
            currency=payout.currency,
            failure_code=payout.failure_code,
            failure_message=payout.failure_message,
        )

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON members."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Change:
    """One decided payout, before and after."""

    payout: Payout
    before: Snapshot
    after: Snapshot


@dataclass(frozen=True, slots=True)
class Ruling:
    """What becomes of one payout in review; a refused one's `partner_message` is told."""

    payout_id: str
    is_approved: bool
    partner_message: str = ""


REJECTED = "compliance_rejected"
Choose = Callable[[Sequence[Payout]], Sequence[Ruling]]
Judge = Callable[[Sequence[Payout]], Sequence[Verdict]]
Record = Callable[[Sequence[Change]], None]


def make_ready(payout: Payout, work: Work, *, restart_budget: bool) -> None:
    """Set due time and budget of a payout that was just let into the queue; a scheduled one waits
    for its time.
    """
    budget = timedelta(seconds=settings.ATLASPAY_PAYOUT_BUDGET_S)
    payout.queued_at = work.now
    payout.due_at = work.now
    if payout.execute_at is not None and payout.execute_at > work.now:
        payout.stage = Stage.SCHEDULED
        payout.due_at = payout.execute_at
        payout.deadline_at = payout.execute_at + budget
    elif restart_budget:
        payout.deadline_at = work.now + budget


def screen_waiting(judge: Judge, *, limit: int = 1000, after_others: Sequence[str] = ()) -> int:
    """Screen up to `limit` payouts that wait for it, oldest first; return how many.

    Locks them with SKIP LOCKED for the length of the transaction. `judge` returns a verdict for
    each, in order, and writes its own rows; what it leaves out goes on waiting. The partners
    `after_others` get their turn where nobody else waits. Repeating is safe: a payout leaves the
    state with its verdict.
    """
    with unit.open(reason="screening") as work:
        waiting = Payout.objects.filter(state=State.SCREENING).order_by("due_at", "id")
        payouts = work.claim(waiting.exclude(partner_id__in=after_others)[:limit])
        if not payouts and after_others:
            payouts = work.claim(waiting[:limit])
        if not payouts:
            return 0
        verdicts = judge(payouts)
        left = iter(payouts)
        for verdict in verdicts:
            payout = next((one for one in left if one.id == verdict.payout_id), None)
            if payout is None:
                wrong = verdict.payout_id
                raise ValueError(f"the verdict for {wrong} came in the place of another's")
            payout.screened_at = work.now
            if verdict.is_clear:
                payout.clear()
                make_ready(payout, work, restart_budget=False)
                work.change(payout)
            else:
                payout.hold()
                payout.due_at = None
                work.emit("payout.in_review", payout)
        return len(verdicts)


def hold(payout_ids: Sequence[str], *, record: Record) -> list[Change]:
    """Take payouts that are queued and not yet sent back for review (a list changed); others are
    left alone.
    """
    with unit.open() as work:
        queued = [one for one in work.lock(payout_ids) if one.state == State.QUEUED]
        changes = [_held(work, payout) for payout in queued]
        record(changes)
        return changes


def review(payout_ids: Sequence[str], *, choose: Choose, record: Record) -> list[Change]:
    """Move payouts in review as `choose` rules under their locks; return what changed.

    `choose` is shown every payout, locked in id order and whatever its state, and rules on any
    number of those in review; the others stay as they are. Approved ones are queued with a fresh
    time budget; refused ones fail, release their funds and tell the partner `partner_message`.
    `record` gets the changes, an empty list too. Raises NotFoundError for an unknown id, and
    whatever `choose` and `record` raise: then nothing has changed.
    """
    with unit.open() as work:
        payouts = work.lock(payout_ids)
        if missing := set(payout_ids) - {p.id for p in payouts}:
            raise NotFoundError(f"No payout {min(missing)}.")
        by_id = {payout.id: payout for payout in payouts}
        changes = [_ruled(work, by_id[one.payout_id], one) for one in choose(payouts)]
        record(changes)
        return changes


def approve(
    payout_ids: Sequence[str], *, expected_versions: Mapping[str, int] | None = None, record: Record
) -> list[Change]:
    """Let payouts in review go: in_review -> queued, with a fresh time budget.

    All or nothing: raises StaleFormError if one is no longer as the officer saw it, NotFoundError
    for an unknown id.
    """

    def choose(payouts: Sequence[Payout]) -> list[Ruling]:
        check_in_review(payouts, expected_versions)
        return [Ruling(payout.id, is_approved=True) for payout in payouts]

    return review(payout_ids, choose=choose, record=record)


def reject(
    payout_ids: Sequence[str],
    *,
    partner_message: str,
    expected_versions: Mapping[str, int] | None = None,
    record: Record,
) -> list[Change]:
    """Refuse payouts in review: in_review -> failed, funds released, `partner_message` told to the
    partner.

    All or nothing, as `approve`.
    """

    def choose(payouts: Sequence[Payout]) -> list[Ruling]:
        check_in_review(payouts, expected_versions)
        return [Ruling(payout.id, False, partner_message) for payout in payouts]

    return review(payout_ids, choose=choose, record=record)


def recall(payout_ids: Sequence[str], *, record: Record) -> list[Change]:
    """Take payouts that were let go back for review: queued -> in_review, if none was ever sent.

    All or nothing: raises ConflictError that says what became of the first that cannot come back,
    NotFoundError for an unknown id. The row lock decides between this and the dispatcher.
    """
    with unit.open() as work:
        payouts = work.lock(payout_ids)
        if missing := set(payout_ids) - {p.id for p in payouts}:
            raise NotFoundError(f"No payout {min(missing)}.")
        changes = []
        for payout in payouts:
            if payout.state != State.QUEUED or payout.attempt_count or payout.sent_at is not None:
                raise _gone(payout)
            changes.append(_held(work, payout))
        record(changes)
        return changes


def check_in_review(
    payouts: Sequence[Payout], expected_versions: Mapping[str, int] | None = None
) -> None:
    """Raise StaleFormError for the first locked payout that is not in review at the version seen:
    it says who moved it, and when."""
    for payout in payouts:
        expected = (expected_versions or {}).get(payout.id, payout.version)
        if payout.state != State.IN_REVIEW or payout.version != expected:
            last = payout.history.order_by("-history_id").first()
            raise StaleFormError(
                f"{payout.id} is {payout.get_state_display().lower()} since"
                f" {last.history_date:%Y-%m-%d %H:%M:%S} UTC by {last.actor}.",
                extra={"payout_id": payout.id, "state": str(payout.state), "actor": last.actor},
            )


def _ruled(work: Work, payout: Payout, ruling: Ruling) -> Change:
    before = Snapshot.of(payout)
    payout.reviewed_at = work.now
    if ruling.is_approved:
        payout.approve()
        make_ready(payout, work, restart_budget=True)
        work.emit("payout.queued", payout)
    else:
        if with_the_bank([payout]):
            raise ConflictError(
                f"The bank says that it has {payout.id} after all: let it go, and the bank is asked"
                " what became of it; nothing is sent twice.",
                extra={"payout_id": payout.id},
            )
        payout.reject()
        payout.due_at = None
        payout.failure_code = REJECTED
        payout.failure_message = ruling.partner_message
        work.post(postings.RELEASED, postings.released(payout, before.state))
        work.emit("payout.failed", payout)
    return Change(payout, before, Snapshot.of(payout))


def _held(work: Work, payout: Payout) -> Change:
    before = Snapshot.of(payout)
    payout.hold()
    payout.due_at = None
    work.emit("payout.in_review", payout)
    return Change(payout, before, Snapshot.of(payout))


def _gone(payout: Payout) -> ConflictError:
    words = (
        f"It was sent to the bank at {payout.sent_at:%Y-%m-%d %H:%M:%S} UTC and cannot be called"
        " back."
        if payout.sent_at is not None
        else f"It is no longer queued but {payout.get_state_display().lower()}."
    )
    return ConflictError(words, extra={"payout_id": payout.id, "state": str(payout.state)})
