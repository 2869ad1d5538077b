"""What the API takes for a batch: the intake's own types, and the CSV form."""

from typing import Annotated, Any

from drf_spectacular.utils import OpenApiParameter
from msgspec import Meta

from payouts.api.openapi import query_parameters, shape
from payouts.services.intake_csv import COLUMNS
from payouts.services.intake_request import ITEMS_MAX
from payouts.services.intake_schema import BatchHeader, ItemIn


class NewBatch(BatchHeader, forbid_unknown_fields=True, kw_only=True):
    """A batch to be submitted."""

    payouts: Annotated[list[ItemIn], Meta(min_length=1, max_length=ITEMS_MAX)]


BATCH_BODY: dict[str, Any] = {
    "application/json": shape(NewBatch),
    "text/csv": {
        "type": "string",
        "description": f"A header line and one row a payout; columns: {', '.join(COLUMNS)}.",
    },
}


def _csv_parameters() -> list[OpenApiParameter]:
    made = query_parameters(BatchHeader)
    for parameter in made:
        parameter.required = False
        parameter.description = "CSV bodies only: the field of the batch."
    return made


CSV_PARAMETERS = _csv_parameters()
