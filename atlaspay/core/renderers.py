"""Answers as JSON, fast and exact: instants as RFC 3339 with Z, no floats made of money."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from django.utils.functional import Promise
from rest_framework.renderers import BaseRenderer


class RawJson:
    """An answer that is JSON already: a stored first answer, an event's exact bytes."""

    __slots__ = ("text",)

    def __init__(self, text: bytes | str) -> None:
        self.text = text.encode() if isinstance(text, str) else text


def _plain(value: Any) -> Any:
    if isinstance(value, RawJson):
        return msgspec.Raw(value.text)
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, Promise):
        return str(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Iterable):
        return list(value)
    raise NotImplementedError(f"{type(value).__name__} has no JSON form")


_encoder = msgspec.json.Encoder(enc_hook=_plain)


def encode(data: object) -> bytes:
    """Return `data` as JSON bytes; `RawJson` inside it is put in as it is."""
    return _encoder.encode(data)


class JsonRenderer(BaseRenderer):
    """application/json by msgspec."""

    media_type = "application/json"
    format = "json"
    charset = None

    def render(
        self, data: object, accepted_media_type: str | None = None, renderer_context: Any = None
    ) -> bytes:
        """Return the body; nothing for None."""
        return b"" if data is None else encode(data)
