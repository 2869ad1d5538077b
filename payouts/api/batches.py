"""`/v1/batches`: submit, preview, list, read, cancel."""

from functools import partial

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from atlaspay.core import clock
from atlaspay.core.renderers import RawJson
from partners.idempotency import key_of
from partners.models import Scope
from partners.throttles import take_items
from payouts.api import examples, shapes
from payouts.api.base import PartnerView, page_answer
from payouts.api.bodies import (
    CsvBatchParser,
    JsonBatchParser,
    refuse_body,
    sent_batch,
    wants_deferral,
)
from payouts.api.openapi import answer_header, header, id_parameter, query_parameters, shape
from payouts.api.queries import BatchesQuery, PayoutsQuery, read_query
from payouts.api.requests import BATCH_BODY, CSV_PARAMETERS
from payouts.models import Batch, Payout
from payouts.representation import batch_public, batch_summary, payout_public
from payouts.selectors.batches import BatchFilter, batch_of, batches_page, counters_of
from payouts.selectors.payouts import PayoutFilter, payouts_page
from payouts.services.cancel import cancel_batch
from payouts.services.intake import Sender, submit
from payouts.services.preview import preview
from payouts.wording import step

_BATCH_ID = id_parameter("batch_id", "bt")


class BatchesView(PartnerView):
    """The batches of the key's partner."""

    required_scopes = {"GET": Scope.PAYOUTS_READ, "POST": Scope.PAYOUTS_WRITE}
    parser_classes = [JsonBatchParser, CsvBatchParser]

    @extend_schema(
        operation_id="submit_batch",
        summary="Submit a batch",
        description=(
            "Validates every payout, reserves the funds of the accepted ones and answers 202 with"
            " the batch. Invalid payouts are listed in `rejected`; with `atomic` one of them"
            " refuses the batch. More than 1,000 payouts, or `Prefer: respond-async`, are stored"
            " first (`intake: received`) and taken in by a worker. CSV bodies name the batch's own"
            " fields in the query."
        ),
        tags=["batches"],
        parameters=[
            header(
                "Idempotency-Key",
                "Your own name for this request, 1 to 255 printable characters. Repeating the"
                " request with the same key gives the first answer.",
                pattern="^[!-~]{1,255}$",
                required=True,
            ),
            header("Prefer", "`respond-async`: store now, validate after the answer (RFC 7240)."),
            *CSV_PARAMETERS,
            answer_header("Location", "The batch's address.", [202]),
            answer_header("Idempotent-Replayed", "`true` on a repetition.", [202]),
            answer_header("Preference-Applied", "`respond-async` where it was asked for.", [202]),
        ],
        request=BATCH_BODY,
        responses={202: OpenApiResponse(shape(shapes.Batch), description="The batch.")},
        examples=[examples.BATCH_SENT, examples.BATCH_CSV, examples.BATCH_ANSWER],
    )
    def post(self, request: Request) -> Response:
        """Submit a batch."""
        key = key_of(request)
        sent = sent_batch(request)
        is_deferred = wants_deferral(request)
        answer = submit(
            Sender(self.partner_id, self.principal.key.key_id),
            key,
            sent.body,
            is_csv=sent.is_csv,
            query=request.query_params.dict(),
            is_deferred=is_deferred,
        )
        headers = {"Location": f"/v1/batches/{answer.batch_id}"}
        if answer.is_replay:
            headers["Idempotent-Replayed"] = "true"
        if is_deferred:
            headers["Preference-Applied"] = "respond-async"
        return Response(RawJson(answer.body), status=answer.status, headers=headers)

    @extend_schema(
        operation_id="list_batches",
        summary="List batches",
        description="Without the refused items of each; those are on the batch itself.",
        tags=["batches"],
        parameters=query_parameters(BatchesQuery),
        responses={200: shape(shapes.BatchPage)},
    )
    def get(self, request: Request) -> Response:
        """List batches, newest first."""
        query = read_query(request.query_params.dict(), BatchesQuery)
        wanted = BatchFilter(
            reference=query.reference or "",
            currency=query.currency or "",
            created_from=query.created_from,
            created_until=query.created_until,
        )
        page = batches_page(self.partner_id, wanted, cursor=query.cursor, limit=query.limit)
        counters = counters_of([batch.id for batch in page.rows])
        return page_answer(page, lambda batch: batch_summary(batch, counters.get(batch.id, {})))


class BatchPreviewView(PartnerView):
    """The dry run of a batch."""

    required_scopes = {"POST": Scope.PAYOUTS_WRITE}
    parser_classes = [JsonBatchParser, CsvBatchParser]

    @extend_schema(
        operation_id="validate_batch",
        summary="Try a batch without submitting it",
        description=(
            "The same body and the same checks as submitting, with no effect: what would be"
            " refused and why, the rail and fee of each payout, suspected duplicates of the last"
            " 24 hours, and whether the balance is enough. The items of dry runs are counted by"
            " partner: 429 `preview_budget_used` says when as many fit again."
        ),
        tags=["batches"],
        parameters=CSV_PARAMETERS,
        request=BATCH_BODY,
        responses={200: shape(shapes.BatchPreview)},
        examples=[examples.BATCH_SENT, examples.BATCH_CSV, examples.PREVIEW_ANSWER],
    )
    def post(self, request: Request) -> Response:
        """Try a batch."""
        sent = sent_batch(request)
        query = request.query_params.dict()
        charge = partial(take_items, self.partner_id)
        found = preview(self.partner_id, sent.body, is_csv=sent.is_csv, query=query, charge=charge)
        return Response(found)


class BatchView(PartnerView):
    """One batch."""

    required_scopes = {"GET": Scope.PAYOUTS_READ}

    @extend_schema(
        operation_id="get_batch",
        summary="Read a batch",
        tags=["batches"],
        parameters=[_BATCH_ID],
        responses={200: shape(shapes.Batch)},
        examples=[examples.BATCH_READ],
    )
    def get(self, request: Request, batch_id: str) -> Response:
        """Read a batch with its totals per status and its refused items."""
        return Response(_shown(batch_of(self.partner_id, batch_id)))


class BatchPayoutsView(PartnerView):
    """The payouts of one batch."""

    required_scopes = {"GET": Scope.PAYOUTS_READ}

    @extend_schema(
        operation_id="list_batch_payouts",
        summary="List the payouts of a batch",
        tags=["batches"],
        parameters=[_BATCH_ID, *query_parameters(PayoutsQuery)],
        responses={200: shape(shapes.PayoutPage)},
    )
    def get(self, request: Request, batch_id: str) -> Response:
        """List payouts of a batch, newest first."""
        batch = batch_of(self.partner_id, batch_id)
        query = read_query(request.query_params.dict(), PayoutsQuery)
        wanted = PayoutFilter(
            statuses=query.status or (),
            reference=query.reference or "",
            batch_id=batch.id,
            currency=query.currency or "",
            submitted_from=query.submitted_from,
            submitted_until=query.submitted_until,
        )
        page = payouts_page(self.partner_id, wanted, cursor=query.cursor, limit=query.limit)
        now = clock.now()
        return page_answer(page, lambda payout: payout_public(payout, now=now))


class BatchCancelView(PartnerView):
    """The end of what was not sent of a batch."""

    required_scopes = {"POST": Scope.PAYOUTS_WRITE}

    @extend_schema(
        operation_id="cancel_batch",
        summary="Cancel what was not sent of a batch",
        description="Repeating is safe. 409 where every payout was sent or has ended.",
        tags=["batches"],
        parameters=[_BATCH_ID],
        request=None,
        responses={200: shape(shapes.BatchCancellation)},
    )
    def post(self, request: Request, batch_id: str) -> Response:
        """Cancel a batch."""
        refuse_body(request)
        result = cancel_batch(self.partner_id, batch_id)
        return Response(
            {
                "object": "batch_cancellation",
                "batch": _shown(result.batch),
                "canceled": [_item(payout) for payout in result.canceled],
                "not_canceled": [_item(payout) for payout in result.not_canceled],
            }
        )


def _shown(batch: Batch) -> dict[str, object]:
    return batch_public(batch, counters_of([batch.id]).get(batch.id, {}))


def _item(payout: Payout) -> dict[str, object]:
    words = step(payout.state, payout.stage)
    return {
        "id": payout.id,
        "reference": payout.reference,
        "status": words.status,
        "stage": words.stage,
    }
