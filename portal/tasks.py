"""Doors for the worker."""

from celery import shared_task

from portal import uploads
from portal.members import invitations


@shared_task(name="portal.tidy")
def tidy() -> None:
    """Drop files, and what links could be made of, that are kept no longer."""
    uploads.drop_old()
    invitations.drop_seeds()
