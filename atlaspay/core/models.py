"""Model building blocks that every app shares."""

from functools import partial
from typing import TYPE_CHECKING, Any, Self

from django.db import models
from django.db.models.base import ModelState

# Django finds the models of an app in its `models`.
from atlaspay.core.access.models import AccessEvent, FailureCount, RecoveryCode, SecondFactor
from atlaspay.core.ids import new_id

__all__ = [
    "AccessEvent",
    "FailureCount",
    "PublicIdField",
    "QuickRow",
    "RecoveryCode",
    "ReferenceField",
    "SecondFactor",
]

if TYPE_CHECKING:
    _TextField = models.CharField[str, str]
else:
    _TextField = models.CharField


class PublicIdField(_TextField):
    """Primary key: prefix and UUIDv7 as text, compared bytewise (`COLLATE "C"`)."""

    def __init__(self, prefix: str = "", **kwargs: Any) -> None:
        self.prefix = prefix
        kwargs.update(max_length=32, editable=False, db_collation="C")
        # The copy in a history table is an ordinary indexed column.
        kwargs.setdefault("primary_key", not kwargs.get("db_index"))
        kwargs.setdefault("default", partial(new_id, prefix))
        super().__init__(**kwargs)

    def db_type(self, connection: Any) -> str:
        """Return the type spelled in full: Django adds a second, `LIKE` index to what it knows as
        `varchar`.
        """
        return f"character varying({self.max_length})"

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        for key in ("max_length", "primary_key", "editable", "db_collation", "default"):
            kwargs.pop(key, None)
        kwargs["prefix"] = self.prefix
        return name, path, args, kwargs


class ReferenceField(_TextField):
    """A reference to a public id without a foreign key, or a foreign id; compared bytewise."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("max_length", 32)
        kwargs["db_collation"] = "C"
        super().__init__(**kwargs)

    def db_type(self, connection: Any) -> str:
        """Return the type spelled in full: no second index (see `PublicIdField`)."""
        return f"character varying({self.max_length})"

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        kwargs.pop("db_collation", None)
        return name, path, args, kwargs


class QuickRow(models.Model):
    """A model of the hottest tables, whose rows are built without `Model.__init__`: it costs most.

    Nothing may listen to the init signals of such a model.
    """

    class Meta:
        abstract = True

    @classmethod
    def from_db(cls, db: str | None, field_names: Any, values: Any, **more: Any) -> Self:
        """Build a fully loaded row; one with deferred fields takes the usual way."""
        if len(values) != len(cls._meta.concrete_fields):
            return super().from_db(db, field_names, values, **more)
        made = cls.__new__(cls)
        made.__dict__.update(zip(field_names, values, strict=True))
        made._state = ModelState()
        made._state.adding = False
        made._state.db = db
        return made

    @classmethod
    def quick(cls, **values: Any) -> Self:
        """Build an unsaved row of column values (`payout_id`, not `payout`) that lack nothing."""
        made = cls.__new__(cls)
        made.__dict__.update(values)
        made._state = ModelState()
        return made
