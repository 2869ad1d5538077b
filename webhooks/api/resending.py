"""Sending again what failed at an endpoint, and how deliveries went by day."""

from datetime import datetime, timedelta
from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from atlaspay.core import clock
from webhooks import figures, resend, selectors, serializers
from webhooks.api.base import WebhookView
from webhooks.api.examples import ENDPOINT_ID

_EXAMPLE = {
    "count": 128,
    "has_more": False,
    "since": "2026-11-21T00:00:00.000Z",
    "states": ["exhausted", "canceled"],
}


class RetryFailed(WebhookView):
    """/v1/webhook-endpoints/{id}/retry-failed"""

    @extend_schema(
        operation_id="count_failed_webhook_deliveries",
        summary="Count what a retry of all failed would send",
        tags=["webhooks"],
        parameters=[ENDPOINT_ID, serializers.RetryFailedQuery],
        responses=serializers.RetryFailedOut,
        examples=[OpenApiExample("The count", value=_EXAMPLE, response_only=True)],
    )
    def get(self, request: Request, endpoint_id: str) -> Response:
        """Changes nothing."""
        data: dict[str, Any] = {"since": request.query_params.get("since")}
        if "states" in request.query_params:
            data["states"] = request.query_params.getlist("states")
        unknown = dict.fromkeys(set(request.query_params) - {"since", "states"})
        since, states = self._chosen(
            {name: value for name, value in data.items() if value is not None} | unknown
        )
        count = resend.count_failed(
            self.partner_id(request), endpoint_id, since=since, states=states
        )
        return self._answer(count, since, states, has_more=count > resend.PER_REQUEST)

    @extend_schema(
        operation_id="retry_failed_webhook_deliveries",
        summary="Send again all that failed",
        tags=["webhooks"],
        parameters=[ENDPOINT_ID],
        request=serializers.RetryFailedQuery,
        responses={202: serializers.RetryFailedOut},
        examples=[
            OpenApiExample(
                "Since yesterday", value={"since": "2026-11-21T00:00:00Z"}, request_only=True
            ),
            OpenApiExample("Due again", value=_EXAMPLE, response_only=True, status_codes=["202"]),
        ],
    )
    def post(self, request: Request, endpoint_id: str) -> Response:
        """Make them due now, oldest first, each with the whole schedule before it.

        10,000 at most; where `has_more` says so, call again. Repeating is safe: what is due again
        has not failed any more.
        """
        since, states = self._chosen(self.body_members(request))
        done = resend.retry_failed(
            self.partner_id(request), endpoint_id, since=since, states=states
        )
        return self._answer(done.count, since, states, has_more=done.has_more, status=202)

    def _chosen(self, data: dict[str, Any]) -> tuple[datetime, list[str]]:
        wanted = self._valid(serializers.RetryFailedQuery, data)
        since = wanted.get("since") or clock.now() - timedelta(days=resend.REPLAY_DAYS)
        states = set(wanted.get("states") or resend.FAILED)
        return since, [state for state in resend.FAILED if state in states]

    def _answer(
        self, count: int, since: datetime, states: list[str], *, has_more: bool, status: int = 200
    ) -> Response:
        data = {"count": count, "has_more": has_more, "since": since, "states": states}
        return Response(serializers.RetryFailedOut(data).data, status=status)


class DeliveryFigures(WebhookView):
    """/v1/webhook-figures"""

    @extend_schema(
        operation_id="list_webhook_figures",
        summary="Read how deliveries went, by day",
        tags=["webhooks"],
        parameters=[serializers.FiguresQuery],
        responses=serializers.page_of(serializers.DayFiguresOut, "FiguresPage"),
    )
    def get(self, request: Request) -> Response:
        """Shares and latencies of your endpoints, or of one, by day (UTC), oldest first."""
        wanted = self.query(request, serializers.FiguresQuery)
        partner_id = self.partner_id(request)
        endpoint_id = wanted.get("endpoint_id")
        if endpoint_id is not None:
            selectors.endpoint_of(partner_id, endpoint_id)
        found = figures.delivery_figures(partner_id, days=wanted["days"], endpoint_id=endpoint_id)
        data = serializers.DayFiguresOut(found, many=True).data
        return Response({"object": "list", "data": data, "has_more": False, "next_cursor": None})
