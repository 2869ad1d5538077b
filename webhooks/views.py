"""Doors of the webhook part of the API: read input, call one service or selector, answer."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from atlaspay.core.errors import InvalidRequestError, MalformedRequestError
from atlaspay.core.renderers import RawJson
from partners.models import Scope
from webhooks import selectors, serializers, services, signing_keys
from webhooks.event_types import CATALOGUE

_READ, _WRITE = Scope.WEBHOOKS_READ, Scope.WEBHOOKS_WRITE
_ENDPOINT_ID = OpenApiParameter("endpoint_id", OpenApiTypes.STR, OpenApiParameter.PATH)
_DELIVERY_ID = OpenApiParameter("delivery_id", OpenApiTypes.STR, OpenApiParameter.PATH)
_ENDPOINT: dict[str, Any] = {
    "id": "we_01jdq8m2k5x7v9wz3e4r5t6y7h",
    "object": "webhook_endpoint",
    "url": "https://shop.example/webhooks/atlaspay",
    "description": "Settlement service",
    "event_types": ["payout.settled", "payout.failed", "payout.returned"],
    "status": "enabled",
    "disabled_reason": "",
    "previous_secret_until": None,
    "failing_since": None,
    "paused_until": None,
    "created_at": "2026-11-22T10:00:00.000Z",
    "updated_at": "2026-11-22T10:00:00.000Z",
}
_DELIVERY: dict[str, Any] = {
    "id": "wd_01jdq8m2k5x7v9wz3e4r5t6y7k",
    "object": "webhook_delivery",
    "endpoint_id": _ENDPOINT["id"],
    "event_id": "ev_01jdq8m2k5x7v9wz3e4r5t6y7j",
    "event_type": "payout.settled",
    "object_id": "po_01jdq8m2k5x7v9wz3e4r5t6y7m",
    "sequence": 2,
    "message_id": "msg_5v8x0z2b4d6f8h0k2m4n6p8r0t",
    "state": "pending",
    "attempt_count": 1,
    "next_attempt_at": "2026-11-22T10:00:03.412Z",
    "last_error": "http_503",
    "misconfigured": False,
    "replayable_until": "2026-12-22T10:00:00.000Z",
    "created_at": "2026-11-22T10:00:00.000Z",
    "delivered_at": None,
}
_EVENT: dict[str, Any] = {
    "id": _DELIVERY["event_id"],
    "type": "payout.settled",
    "version": 1,
    "timestamp": "2026-11-22T10:00:00.000Z",
    "sequence": 2,
    "prev_id": "ev_01jdq8m2k5x7v9wz3e4r5t6y7g",
    "data": {"payout": {"id": _DELIVERY["object_id"], "status": "settled"}},
}
_TYPES = "\n".join(f"* `{name}`: {text}" for name, text in CATALOGUE.items())


class WebhookView(APIView):
    """Common ground: scopes by method, and strict bodies and queries."""

    required_scopes: ClassVar[Mapping[str, Scope]] = {
        "GET": _READ,
        "POST": _WRITE,
        "PATCH": _WRITE,
        "DELETE": _WRITE,
    }

    def body(self, request: Request, form: type[serializers.StrictSerializer]) -> dict[str, Any]:
        """Return the validated body. Raises MalformedRequestError unless it is an object."""
        data = request.data if request.data not in (None, "") else {}
        if not isinstance(data, dict):
            raise MalformedRequestError("The body must be a JSON object.", code="not_an_object")
        return self._valid(form, data)

    def query(self, request: Request, form: type[serializers.StrictSerializer]) -> dict[str, Any]:
        """Return the validated query parameters."""
        return self._valid(form, request.query_params.dict())

    def _valid(self, form: type[serializers.StrictSerializer], data: Any) -> dict[str, Any]:
        filled = form(data=data)
        filled.is_valid(raise_exception=True)
        return dict(filled.validated_data)


class EndpointList(WebhookView):
    """/v1/webhook-endpoints"""

    @extend_schema(
        operation_id="list_webhook_endpoints",
        summary="List your endpoints",
        tags=["webhooks"],
        responses=serializers.page_of(serializers.EndpointOut, "EndpointPage"),
    )
    def get(self, request: Request) -> Response:
        """All endpoints, newest first; there are at most 20, so there is one page."""
        found = selectors.endpoints_of(request.user.partner_id)
        data = serializers.EndpointOut(found, many=True).data
        return Response({"object": "list", "data": data, "has_more": False, "next_cursor": None})

    @extend_schema(
        operation_id="create_webhook_endpoint",
        summary="Create an endpoint",
        tags=["webhooks"],
        request=serializers.EndpointIn,
        responses={201: serializers.EndpointCreated},
        description="The answer holds the secret; it is shown this once.\n\n" + _TYPES,
        examples=[
            OpenApiExample(
                "An endpoint for three events",
                value={k: _ENDPOINT[k] for k in ("url", "description", "event_types")},
                request_only=True,
            ),
            OpenApiExample(
                "The new endpoint",
                value={**_ENDPOINT, "secret": "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"},
                response_only=True,
                status_codes=["201"],
            ),
        ],
    )
    def post(self, request: Request) -> Response:
        """Create an endpoint."""
        given = self.body(request, serializers.EndpointIn)
        endpoint, secret = services.create_endpoint(
            request.user.partner_id,
            url=given["url"],
            description=given["description"],
            types=given["event_types"],
        )
        data = serializers.EndpointOut(endpoint).data | {"secret": secret}
        return Response(data, status=201, headers={"Location": f"{request.path}/{endpoint.pk}"})


class EndpointDetail(WebhookView):
    """/v1/webhook-endpoints/{id}"""

    @extend_schema(
        operation_id="get_webhook_endpoint",
        summary="Read an endpoint",
        tags=["webhooks"],
        parameters=[_ENDPOINT_ID],
        responses=serializers.EndpointOut,
        examples=[OpenApiExample("An endpoint", value=_ENDPOINT, response_only=True)],
    )
    def get(self, request: Request, endpoint_id: str) -> Response:
        """One endpoint, without its secret."""
        endpoint = selectors.endpoint_of(request.user.partner_id, endpoint_id)
        return Response(serializers.EndpointOut(endpoint).data)

    @extend_schema(
        operation_id="update_webhook_endpoint",
        summary="Change, enable or disable an endpoint",
        tags=["webhooks"],
        parameters=[_ENDPOINT_ID],
        request=serializers.EndpointChanges,
        responses=serializers.EndpointOut,
        examples=[
            OpenApiExample("Enable again", value={"status": "enabled"}, request_only=True),
            OpenApiExample("The endpoint", value=_ENDPOINT, response_only=True),
        ],
    )
    def patch(self, request: Request, endpoint_id: str) -> Response:
        """Change what the body names. What waits for an endpoint you disable is canceled."""
        changes = self.body(request, serializers.EndpointChanges)
        if not changes:
            raise InvalidRequestError(
                "Name at least one field to change.", code="nothing_to_change"
            )
        services.update_endpoint(request.user.partner_id, endpoint_id, changes)
        return self.get(request, endpoint_id)

    @extend_schema(
        operation_id="delete_webhook_endpoint",
        summary="Delete an endpoint",
        tags=["webhooks"],
        parameters=[_ENDPOINT_ID],
        responses={204: None},
    )
    def delete(self, request: Request, endpoint_id: str) -> Response:
        """Delete the endpoint; what waits for it is canceled."""
        services.delete_endpoint(request.user.partner_id, endpoint_id)
        return Response(status=204)


class RotateSecret(WebhookView):
    """/v1/webhook-endpoints/{id}/rotate-secret"""

    @extend_schema(
        operation_id="rotate_webhook_secret",
        summary="Give an endpoint a new secret",
        tags=["webhooks"],
        parameters=[_ENDPOINT_ID],
        request=serializers.RotationIn,
        responses=serializers.SecretOut,
        examples=[
            OpenApiExample("A day of both", value={"overlap_hours": 24}, request_only=True),
            OpenApiExample(
                "The new secret",
                value={
                    "secret": "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
                    "previous_secret_until": "2026-11-23T10:00:00.000Z",
                },
                response_only=True,
            ),
        ],
    )
    def post(self, request: Request, endpoint_id: str) -> Response:
        """The new secret is shown once; during the overlap messages are signed with both."""
        given = self.body(request, serializers.RotationIn)
        partner_id = request.user.partner_id
        secret = services.rotate_secret(
            partner_id, endpoint_id, overlap_s=given["overlap_hours"] * 3600
        )
        endpoint = selectors.endpoint_of(partner_id, endpoint_id)
        data = {"secret": secret, "previous_secret_until": endpoint.previous_secret_until}
        return Response(serializers.SecretOut(data).data)


class SendTest(WebhookView):
    """/v1/webhook-endpoints/{id}/test"""

    @extend_schema(
        operation_id="test_webhook_endpoint",
        summary="Send a test event",
        tags=["webhooks"],
        parameters=[_ENDPOINT_ID],
        request=None,
        responses={202: serializers.DeliveryOut},
        examples=[
            OpenApiExample(
                "The test's delivery",
                value={**_DELIVERY, "event_type": "endpoint.test"},
                response_only=True,
                status_codes=["202"],
            )
        ],
    )
    def post(self, request: Request, endpoint_id: str) -> Response:
        """Send an `endpoint.test` event; the answer is its delivery, to be read until it ends."""
        delivery = services.send_test(request.user.partner_id, endpoint_id)
        return Response(serializers.DeliveryOut(delivery).data, status=202)


class EndpointDeliveries(WebhookView):
    """/v1/webhook-endpoints/{id}/deliveries"""

    @extend_schema(
        operation_id="list_webhook_deliveries",
        summary="List an endpoint's deliveries",
        tags=["webhooks"],
        parameters=[_ENDPOINT_ID, serializers.DeliveriesQuery],
        responses=serializers.page_of(serializers.DeliveryOut, "DeliveryPage"),
    )
    def get(self, request: Request, endpoint_id: str) -> Response:
        """Deliveries, newest first."""
        endpoint = selectors.endpoint_of(request.user.partner_id, endpoint_id)
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
        parameters=[_DELIVERY_ID],
        responses=serializers.DeliveryDetail,
    )
    def get(self, request: Request, delivery_id: str) -> Response:
        """Each attempt with the answer, how long it took, and what it most likely means."""
        delivery = selectors.delivery_of(request.user.partner_id, delivery_id)
        return Response(serializers.DeliveryDetail(delivery).data)


class RetryDelivery(WebhookView):
    """/v1/webhook-deliveries/{id}/retry"""

    @extend_schema(
        operation_id="retry_webhook_delivery",
        summary="Send an event again",
        tags=["webhooks"],
        parameters=[_DELIVERY_ID],
        request=None,
        responses={202: serializers.DeliveryOut},
        examples=[
            OpenApiExample("Due now", value=_DELIVERY, response_only=True, status_codes=["202"])
        ],
    )
    def post(self, request: Request, delivery_id: str) -> Response:
        """Try now, and by the whole schedule if need be. Works in any state, for 30 days."""
        delivery = services.retry_delivery(request.user.partner_id, delivery_id)
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
                    "data": [_EVENT],
                    "has_more": False,
                    "next_after": _EVENT["id"],
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
            request.user.partner_id, after=wanted.get("after"), limit=wanted["limit"]
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
