"""Fields, strictness and pages that all serializers of webhooks share."""

from datetime import datetime
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from atlaspay.core import clock


@extend_schema_field(
    {"type": "string", "format": "date-time", "example": "2026-11-22T10:00:00.000Z"}
)
class InstantField(serializers.Field):
    """An instant as RFC 3339 with milliseconds and Z."""

    def to_representation(self, value: datetime) -> str | None:
        """Return the text."""
        return clock.rfc3339(value)


class TextField(serializers.CharField):
    """A string and nothing that could be turned into one."""

    def to_internal_value(self, data: Any) -> str:
        """Return the text. Refuses numbers and booleans."""
        if not isinstance(data, str):
            self.fail("invalid")
        return str(super().to_internal_value(data))


class StrictSerializer(serializers.Serializer):
    """Refuses members it does not know: a misspelled field must not be ignored in silence."""

    def to_internal_value(self, data: Any) -> Any:
        """Return the validated members."""
        if isinstance(data, dict):
            unknown = sorted(set(data) - set(self.fields))
            if unknown:
                raise serializers.ValidationError(
                    {name: ["This field is not known here."] for name in unknown},
                    code="unknown_field",
                )
        return super().to_internal_value(data)


@extend_schema_field({"type": "string", "const": "list"})
class ListWord(serializers.CharField):
    """The word every page says it is."""


def page_of(child: type[serializers.Serializer], name: str) -> serializers.Serializer:
    """Return the schema of a cursor page of `child`."""
    members = {
        "object": ListWord(),
        "data": child(many=True),
        "has_more": serializers.BooleanField(),
        "next_cursor": serializers.CharField(allow_null=True),
    }
    made: serializers.Serializer = type(name, (serializers.Serializer,), members)()
    return made
