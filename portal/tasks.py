"""Doors for the worker."""

from celery import shared_task

from portal import uploads
from portal.members import resets


@shared_task(name=resets.SEND_TASK)
def send_letters() -> None:
    """Send the mails to people that are due."""
    resets.send_letters()


@shared_task(name="portal.tidy")
def tidy() -> None:
    """Drop files and letters that are kept no longer."""
    uploads.drop_old()
    resets.forget_sent()
