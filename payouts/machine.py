"""The payout's state machine: the law that services, SQL guards and history all follow.

`PayoutMachine` is an abstract model so that the transitions can be read, and tested, without the
columns.
"""

from collections.abc import Iterable
from typing import Any

from django.db import models
from django_fsm import FSMField, transition

from atlaspay.core.models import QuickRow


class State(models.TextChoices):
    """Where a payout is, as the platform sees it."""

    SCREENING = "screening", "Waiting for screening"
    IN_REVIEW = "in_review", "Held for an officer"
    QUEUED = "queued", "Cleared, waiting to be sent"
    SENDING = "sending", "Being sent, or outcome unknown"
    SENT = "sent", "Accepted by the bank"
    SETTLED = "settled", "Settled"
    FAILED = "failed", "Failed"
    CANCELED = "canceled", "Canceled before it was sent"
    RETURNED = "returned", "Returned in full by the beneficiary's bank"


FINAL_STATES = frozenset({State.SETTLED, State.FAILED, State.CANCELED, State.RETURNED})
WAITING_STATES = frozenset(State) - FINAL_STATES


class Stage(models.TextChoices):
    """The finer step inside a state."""

    SCREENING = "screening", "Screening"
    SCHEDULED = "scheduled", "Scheduled for later"
    REVIEW = "review", "Review by an officer"
    READY = "ready", "Ready to send"
    RETRY = "retry", "Waiting for the next attempt"
    RAIL_PAUSED = "rail_paused", "The rail is paused"
    SENDING = "sending", "On the wire"
    INQUIRY = "inquiry", "Outcome unknown, being asked"
    OUTCOME_UNKNOWN = "outcome_unknown", "Outcome unknown, a person looks into it"
    SENT = "sent", "Accepted by the bank"
    MONEY_MOVED = "money_moved", "Accepted without posting: the money moved"
    BLOCKED = "blocked", "Blocked at the beneficiary's bank, a person looks into it"
    DONE = "done", "Done"


# (source, target): the only moves the database admits; written into its guard by a migration.
LEGAL_MOVES: frozenset[tuple[str, str]] = frozenset(
    {
        (State.SCREENING, State.QUEUED),
        (State.SCREENING, State.IN_REVIEW),
        (State.SCREENING, State.CANCELED),
        (State.IN_REVIEW, State.QUEUED),
        (State.IN_REVIEW, State.FAILED),
        (State.IN_REVIEW, State.CANCELED),
        (State.QUEUED, State.IN_REVIEW),
        (State.QUEUED, State.SENDING),
        (State.QUEUED, State.FAILED),
        (State.QUEUED, State.CANCELED),
        (State.SENDING, State.QUEUED),
        (State.SENDING, State.SENT),
        (State.SENDING, State.SETTLED),
        (State.SENDING, State.FAILED),
        (State.SENT, State.QUEUED),
        (State.SENT, State.SETTLED),
        (State.SENT, State.FAILED),
        (State.SETTLED, State.RETURNED),
    }
)


class PayoutMachine(QuickRow):
    """Transitions change `state` and `stage` in memory only; `services.unit` writes them."""

    state = FSMField(choices=State.choices, default=State.SCREENING, protected=True)
    stage = models.CharField(max_length=16, choices=Stage.choices, default=Stage.SCREENING)

    class Meta:
        abstract = True

    # A protected FSM field cannot be set again: refresh drops it first, validation leaves it to the
    # machine.
    def refresh_from_db(
        self,
        using: str | None = None,
        fields: Iterable[str] | None = None,
        from_queryset: Any = None,
    ) -> None:
        """Reload from the database; the state is dropped first because a protected field cannot be
        overwritten.
        """
        fields = None if fields is None else list(fields)
        if fields is None or "state" in fields:
            self.__dict__.pop("state", None)
        super().refresh_from_db(using=using, fields=fields, from_queryset=from_queryset)

    def clean_fields(self, exclude: Any = None) -> None:
        """Validate all fields but the state, which only transitions set."""
        super().clean_fields(exclude={*(exclude or ()), "state"})

    @transition(field=state, source=State.SCREENING, target=State.QUEUED)
    def clear(self) -> None:
        """Screening found nothing: ready to send (or scheduled)."""
        self.stage = Stage.READY

    @transition(field=state, source=[State.SCREENING, State.QUEUED], target=State.IN_REVIEW)
    def hold(self) -> None:
        """Screening, or a rescreen before sending, flagged it."""
        self.stage = Stage.REVIEW

    @transition(field=state, source=State.IN_REVIEW, target=State.QUEUED)
    def approve(self) -> None:
        """An officer, or an auto-approval policy, lets it go."""
        self.stage = Stage.READY

    @transition(field=state, source=State.IN_REVIEW, target=State.FAILED)
    def reject(self) -> None:
        """An officer refuses it."""
        self.stage = Stage.DONE

    @transition(
        field=state, source=[State.SCREENING, State.IN_REVIEW, State.QUEUED], target=State.CANCELED
    )
    def cancel(self) -> None:
        """The partner takes it back before it was sent."""
        self.stage = Stage.DONE

    @transition(field=state, source=State.QUEUED, target=State.SENDING)
    def begin_send(self) -> None:
        """A dispatcher claimed it; an attempt row is written in the same transaction."""
        self.stage = Stage.SENDING

    @transition(field=state, source=State.QUEUED, target=State.FAILED)
    def expire(self) -> None:
        """The budget ended, or no rail is left, while nothing was on the wire."""
        self.stage = Stage.DONE

    @transition(field=state, source=[State.SENDING, State.SENT], target=State.QUEUED)
    def requeue(self) -> None:
        """The bank definitely did not take it and another attempt may succeed."""
        self.stage = Stage.RETRY

    @transition(field=state, source=State.SENDING, target=State.SENT)
    def accept(self) -> None:
        """The bank has it; the outcome is still to come."""
        self.stage = Stage.SENT

    @transition(field=state, source=[State.SENDING, State.SENT], target=State.SETTLED)
    def settle(self) -> None:
        """The bank confirmed the credit."""
        self.stage = Stage.DONE

    @transition(field=state, source=[State.SENDING, State.SENT], target=State.FAILED)
    def fail(self) -> None:
        """The bank definitely refused it."""
        self.stage = Stage.DONE

    @transition(field=state, source=State.SETTLED, target=State.RETURNED)
    def give_back(self) -> None:
        """All of it came back from the beneficiary's bank."""
        self.stage = Stage.DONE
