"""Doors for the worker."""

from celery import shared_task

from portal.members import resets


@shared_task(name=resets.SEND_TASK)
def send_letters() -> None:
    """Send the mails to people that are due."""
    resets.send_letters()
