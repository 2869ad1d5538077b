"""Deliveries with their attempts, retries, the event feed, and the published keys."""

from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from atlaspay.core.renderers import RawJson
from webhooks import resend, selectors, serializers, signing_keys
from webhooks.api.base import WebhookView
from webhooks.api.examples import DELIVERY, DELIVERY_ID, ENDPOINT_ID, EVENT


class EndpointDeliveries(WebhookView):
    """/v1/webhook-endpoints/{id}/deliveries"""

    @extend_schema(
        operation_id="list_webhook_deliveries",
        summary="List an endpoint's deliveries",
        tags=["webhooks"],
        parameters=[ENDPOINT_ID, serializers.DeliveriesQuery],
        responses=serializers.page_of(serializers.DeliveryOut, "DeliveryPage"),
    )
    def get(self, request: Request, endpoint_id: str) -> Response:
        """Deliveries, newest first."""
        endpoint = selectors.endpoint_of(self.partner_id(request), endpoint_id)
        wanted = self.query(request, serializers.DeliveriesQuery)
        rows, has_more = selectors.deliveries_of(
            endpoint,
            state=wanted.get("state"),
            before=wanted.get("cursor"),
            limit=wanted["limit"],
        )
        return Response(
            {
                "object": "list",
                "data": serializers.DeliveryOut(rows, many=True).data,
                "has_more": has_more,
                "next_cursor": rows[-1].pk if has_more else None,
            }
        )


class DeliveryView(WebhookView):
    """/v1/webhook-deliveries/{id}"""

    @extend_schema(
        operation_id="get_webhook_delivery",
        summary="Read a delivery with its attempts",
        tags=["webhooks"],
        parameters=[DELIVERY_ID],
        responses=serializers.DeliveryDetail,
    )
    def get(self, request: Request, delivery_id: str) -> Response:
        """Each attempt with the answer, how long it took, and what it most likely means."""
        delivery = selectors.delivery_of(self.partner_id(request), delivery_id)
        return Response(serializers.DeliveryDetail(delivery).data)


class RetryDelivery(WebhookView):
    """/v1/webhook-deliveries/{id}/retry"""

    @extend_schema(
        operation_id="retry_webhook_delivery",
        summary="Send an event again",
        tags=["webhooks"],
        parameters=[DELIVERY_ID],
        request=None,
        responses={202: serializers.DeliveryOut},
        examples=[
            OpenApiExample("Due now", value=DELIVERY, response_only=True, status_codes=["202"])
        ],
    )
    def post(self, request: Request, delivery_id: str) -> Response:
        """Try now, and by the whole schedule if need be. Works in any state, for 30 days."""
        delivery = resend.retry_delivery(self.partner_id(request), delivery_id)
        return Response(serializers.DeliveryOut(delivery).data, status=202)


class EventFeed(WebhookView):
    """/v1/events"""

    @extend_schema(
        operation_id="list_events",
        summary="Read events in order",
        tags=["webhooks"],
        parameters=[serializers.FeedQuery],
        responses={200: OpenApiTypes.OBJECT},
        examples=[
            OpenApiExample(
                "A stretch of the feed",
                value={
                    "object": "list",
                    "data": [EVENT],
                    "has_more": False,
                    "next_after": EVENT["id"],
                },
                response_only=True,
            )
        ],
    )
    def get(self, request: Request) -> Response:
        """Every event, oldest first, whatever became of its deliveries.

        Each member of `data` is byte for byte what a webhook carries. Ask again with
        `after=<next_after>`; a late commit is never skipped.
        """
        wanted = self.query(request, serializers.FeedQuery)
        found = selectors.feed(
            self.partner_id(request), after=wanted.get("after"), limit=wanted["limit"]
        )
        return Response(
            {
                "object": "list",
                "data": [RawJson(body) for body in found.bodies],
                "has_more": found.has_more,
                "next_after": found.next_after,
            }
        )


@require_safe
def key_set(request: HttpRequest) -> JsonResponse:
    """`/.well-known/jwks.json`: the public keys of `v1a` signatures. Open to everybody."""
    answer = JsonResponse(signing_keys.key_set())
    answer["Cache-Control"] = "public, max-age=3600"
    answer["Access-Control-Allow-Origin"] = "*"
    return answer
