"""History rows with an actor: who (key, user or system task), for which request, and why.

`TriggerHistory` keeps django-simple-history's model, admin and diff but leaves the writing to a
statement-level trigger of the database, which no `.update()` and no raw SQL can go around.
"""

from typing import Any

from django.db import models
from simple_history.models import HistoricalRecords

from atlaspay.core import context


def _request_id() -> str:
    return context.current().request_id


class ActorHistory(models.Model):
    """Columns every history table has beside the library's own."""

    actor = models.CharField(max_length=80, default=context.actor)
    request_id = models.CharField(max_length=64, blank=True, default=_request_id)

    class Meta:
        abstract = True


class TriggerHistory(HistoricalRecords):  # type: ignore[misc]
    """History whose rows the database writes; the library's save and delete signals stay silent."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("bases", [ActorHistory])
        kwargs.setdefault("history_id_field", models.BigAutoField())
        super().__init__(**kwargs)

    def post_save(
        self, instance: Any, created: bool, using: str | None = None, **kwargs: Any
    ) -> None:
        """Do nothing: the trigger has written the row."""

    def post_delete(self, instance: Any, using: str | None = None, **kwargs: Any) -> None:
        """Do nothing: the database refuses deletes."""
