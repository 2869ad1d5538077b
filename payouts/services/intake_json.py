"""Read a JSON batch into plain values; the strictness of the JSON itself is `core.parsers`' own."""

from typing import Any

from atlaspay.core.errors import InvalidRequestError
from atlaspay.core.parsers import loads
from payouts.services.intake_schema import fault


def read_json(body: bytes) -> dict[str, Any]:
    """Return the body's object; `payouts` is a list with at least one member.

    Raises MalformedRequestError (400) where it is no JSON, InvalidRequestError (422) where it is no
    batch.
    """
    parts = loads(body)
    if not isinstance(parts, dict):
        raise InvalidRequestError(
            "A batch is a JSON object.", errors=[fault("", "wrong_type", "Expected an object.")]
        )
    if "payouts" not in parts:
        wrong = fault("/payouts", "required", "This field is required.")
    elif not isinstance(parts["payouts"], list):
        wrong = fault("/payouts", "wrong_type", "Expected an array of payouts.")
    elif not parts["payouts"]:
        wrong = fault("/payouts", "wrong_length", "A batch has at least one payout.")
    else:
        return parts
    raise InvalidRequestError("The batch has no list of payouts.", errors=[wrong])
