"""The two forms of a batch body, handed on as raw bytes: the compiled schema reads them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO, Any

from rest_framework.parsers import BaseParser
from rest_framework.request import Request

from atlaspay.core.errors import InvalidRequestError, MalformedRequestError
from atlaspay.core.parsers import read


@dataclass(frozen=True, slots=True)
class SentBatch:
    """A body as it came."""

    body: bytes
    is_csv: bool


class JsonBatchParser(BaseParser):
    """application/json, unread."""

    media_type = "application/json"
    is_csv = False

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """Return the body as a `SentBatch`. Raises PayloadTooLargeError."""
        return SentBatch(read(stream), self.is_csv)


class CsvBatchParser(JsonBatchParser):
    """text/csv, unread."""

    media_type = "text/csv"
    is_csv = True


def sent_batch(request: Request) -> SentBatch:
    """Return the request's body. Raises MalformedRequestError where it has none."""
    sent: object = request.data
    if not isinstance(sent, SentBatch) or not sent.body:
        raise MalformedRequestError("The body is empty: send a batch as JSON or CSV.")
    return sent


def refuse_body(request: Request) -> None:
    """Refuse a body where none is read, so that nobody believes it had an effect."""
    if request.data:
        raise InvalidRequestError("This call takes no body.", code="body_not_expected")


def wants_deferral(request: Request) -> bool:
    """Say whether the Prefer header (RFC 7240) asks for `respond-async`."""
    preferences = request.headers.get("Prefer", "").split(",")
    return any(
        p.split(";")[0].split("=")[0].strip().lower() == "respond-async" for p in preferences
    )
