"""Doors for the worker: nudges and beat say that there may be work; the rows say what it is."""

from celery import shared_task

from atlaspay.core.nudge import send
from webhooks import mail, mailing, retention, rollups
from webhooks.checks.book import CHECK_TASK
from webhooks.checks.loop import run_checks
from webhooks.delivery.loop import run_deliveries
from webhooks.outbox import DELIVER_TASK


@shared_task(name=DELIVER_TASK)
def deliver() -> None:
    """Deliver what is due for one time slice; ask for another where more is due."""
    if run_deliveries().has_more:
        send(DELIVER_TASK, queue="webhooks")


PRUNE_BUDGET_S = 20.0
ROLL_UP_BUDGET_S = 5.0


@shared_task(name=mail.SEND_TASK)
def send_mail() -> None:
    """Send the mails that are due."""
    mailing.send_due()


@shared_task(name=CHECK_TASK)
def check() -> None:
    """Run the checks of endpoints that are due."""
    run_checks()


@shared_task(name=retention.PRUNE_TASK)
def prune() -> None:
    """Remove what is older than it is kept, for a third of the task's time at most."""
    retention.prune(budget_s=PRUNE_BUDGET_S)


@shared_task(name=rollups.ROLL_UP_TASK)
def roll_up() -> None:
    """Add to the sums what deliveries came to since the last time; go on where there is more."""
    done = rollups.roll_up(budget_s=ROLL_UP_BUDGET_S)
    if done.windows and not done.is_caught_up:
        send(rollups.ROLL_UP_TASK, queue="chores")
