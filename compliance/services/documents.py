"""Policy documents as people write them: read from text, checked, and named where they are wrong.

A draft may be kept incomplete; nothing becomes a policy that does not compile.
"""

import json
from collections.abc import Mapping
from typing import Any, NoReturn

from atlaspay.core.errors import FieldError, InvalidRequestError
from compliance.rules.document import read
from compliance.rules.errors import PolicyError
from compliance.rules.policy import CompiledPolicy
from compliance.rules.upgrade import upgraded

MAX_BYTES = 262_144
_TEXT_POINTER = "/document"


def compiled(
    document: Mapping[str, Any], number: int = 0, *, is_new: bool = False
) -> CompiledPolicy:
    """Return the document compiled. Raises InvalidRequestError with a JSON pointer per problem;
    `is_new` holds it to what is asked of a policy that is written today."""
    try:
        made = CompiledPolicy(number, document)
        if is_new and (found := read(upgraded(document), is_new=True).problems):
            raise PolicyError("", found)
        return made
    except PolicyError as error:
        raise InvalidRequestError(
            "The policy does not compile.",
            errors=[
                FieldError(pointer=pointer, code="policy", detail=words)
                for pointer, words in error.problems
            ],
        ) from None


def problems(document: Mapping[str, Any]) -> list[FieldError]:
    """Return what keeps a document from becoming a policy; empty where nothing does."""
    try:
        compiled(document, is_new=True)
    except InvalidRequestError as error:
        return error.errors
    return []


def from_text(text: str) -> dict[str, Any]:
    """Read a document typed or sent as JSON. Raises InvalidRequestError that says where it breaks.

    Refuses what the database could not keep as it is: floats that are no numbers, NUL, half
    surrogates, more than `MAX_BYTES`.
    """
    if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        _refuse(f"The document is larger than {MAX_BYTES // 1024} kB.")
    try:
        document = json.loads(text, parse_constant=_no_number, object_pairs_hook=_once)
    except json.JSONDecodeError as error:
        _refuse(f"No valid JSON: {error.msg} in line {error.lineno}, column {error.colno}.")
    except RecursionError:
        _refuse("No valid JSON: nested too deeply.")
    except ValueError as error:
        _refuse(f"No valid JSON: {error}.")
    if not isinstance(document, dict):
        _refuse("A policy document is a JSON object: { … }.")
    return storable(document)


def storable(document: dict[str, Any]) -> dict[str, Any]:
    """Return the document if the database can keep it as it is, else raise InvalidRequestError."""
    try:
        text = json.dumps(document, ensure_ascii=False, allow_nan=False)
        size = len(text.encode())
    except UnicodeEncodeError:
        _refuse("The document has half a character in it.")
    except ValueError as error:
        _refuse(f"No valid JSON: {error}.")
    except RecursionError:
        _refuse("No valid JSON: nested too deeply.")
    if "\\u0000" in text:
        _refuse("Control characters are not allowed.")
    if size > MAX_BYTES:
        _refuse(f"The document is larger than {MAX_BYTES // 1024} kB.")
    return document


def to_text(document: Mapping[str, Any]) -> str:
    """Return the document as people edit it."""
    return json.dumps(document, indent=2, ensure_ascii=False)


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the member {twice[:40]!r} stands twice in one object")
    return made


def _refuse(detail: str) -> NoReturn:
    raise InvalidRequestError(
        detail, errors=[FieldError(pointer=_TEXT_POINTER, code="document", detail=detail)]
    )
