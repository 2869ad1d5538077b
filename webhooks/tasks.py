"""Doors for the worker: nudges and beat say that there may be work; the rows say what it is."""

from celery import shared_task

from atlaspay.core.nudge import send
from webhooks import mail
from webhooks.delivery.loop import run_deliveries
from webhooks.outbox import DELIVER_TASK


@shared_task(name=DELIVER_TASK)
def deliver() -> None:
    """Deliver what is due for one time slice; ask for another where more is due."""
    if run_deliveries().has_more:
        send(DELIVER_TASK, queue="webhooks")


@shared_task(name=mail.SEND_TASK)
def send_mail() -> None:
    """Send the mails that are due."""
    mail.send_due()
