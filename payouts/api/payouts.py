"""`/v1/payouts`: list, read, cancel."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from atlaspay.core import clock
from partners.models import Scope
from payouts.api import examples, shapes
from payouts.api.base import PartnerView, page_answer
from payouts.api.bodies import refuse_body
from payouts.api.openapi import id_parameter, query_parameters, shape
from payouts.api.queries import AllPayoutsQuery, read_query
from payouts.models import Payout
from payouts.representation import payout_public
from payouts.selectors.payouts import PayoutFilter, payout_of, payouts_page, returns_of
from payouts.selectors.timeline import timeline_of
from payouts.services.cancel import cancel_payout

_PAYOUT_ID = id_parameter("payout_id", "po")


class PayoutsView(PartnerView):
    """The payouts of the key's partner."""

    required_scopes = {"GET": Scope.PAYOUTS_READ}

    @extend_schema(
        operation_id="list_payouts",
        summary="List payouts",
        tags=["payouts"],
        parameters=query_parameters(AllPayoutsQuery),
        responses={200: shape(shapes.PayoutPage)},
    )
    def get(self, request: Request) -> Response:
        """List payouts, newest first."""
        query = read_query(request.query_params.dict(), AllPayoutsQuery)
        wanted = PayoutFilter(
            statuses=query.status or (),
            reference=query.reference or "",
            batch_id=query.batch_id or "",
            currency=query.currency or "",
            submitted_from=query.submitted_from,
            submitted_until=query.submitted_until,
        )
        page = payouts_page(self.partner_id, wanted, cursor=query.cursor, limit=query.limit)
        now = clock.now()
        return page_answer(page, lambda payout: payout_public(payout, now=now))


class PayoutView(PartnerView):
    """One payout."""

    required_scopes = {"GET": Scope.PAYOUTS_READ}

    @extend_schema(
        operation_id="get_payout",
        summary="Read a payout with its timeline",
        tags=["payouts"],
        parameters=[_PAYOUT_ID],
        responses={200: shape(shapes.Payout)},
        examples=[examples.PAYOUT_READ],
    )
    def get(self, request: Request, payout_id: str) -> Response:
        """Read a payout."""
        return Response(_shown(payout_of(self.partner_id, payout_id)))


class PayoutCancelView(PartnerView):
    """The end of a payout that was not sent."""

    required_scopes = {"POST": Scope.PAYOUTS_WRITE}

    @extend_schema(
        operation_id="cancel_payout",
        summary="Cancel a payout",
        description=(
            "Works until it is sent; `cancelable` says so. Repeating is safe. 409 once it is sent."
        ),
        tags=["payouts"],
        parameters=[_PAYOUT_ID],
        request=None,
        responses={200: shape(shapes.Payout)},
    )
    def post(self, request: Request, payout_id: str) -> Response:
        """Cancel a payout."""
        refuse_body(request)
        return Response(_shown(cancel_payout(self.partner_id, payout_id)))


def _shown(payout: Payout) -> dict[str, object]:
    return payout_public(
        payout, now=clock.now(), timeline=timeline_of(payout), returns=returns_of(payout)
    )
