"""/v1/webhook-endpoints: create, read, change, delete, rotate, test."""

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from atlaspay.core.errors import InvalidRequestError
from webhooks import selectors, serializers, services
from webhooks.api.base import WebhookView
from webhooks.api.examples import DELIVERY, ENDPOINT, ENDPOINT_ID
from webhooks.event_types import CATALOGUE

_TYPES = "\n".join(f"* `{name}`: {text}" for name, text in CATALOGUE.items())


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
        found = selectors.endpoints_of(self.partner_id(request))
        data = serializers.EndpointOut(found, many=True).data
        return Response({"object": "list", "data": data, "has_more": False, "next_cursor": None})

    @extend_schema(
        operation_id="create_webhook_endpoint",
        summary="Create an endpoint",
        tags=["webhooks"],
        request=serializers.EndpointIn,
        responses={201: serializers.EndpointCreated},
        description=(
            "The answer holds the secret; it is shown this once. The endpoint is in test mode"
            " until it has passed its check, which begins at once.\n\n" + _TYPES
        ),
        examples=[
            OpenApiExample(
                "An endpoint for three events",
                value={k: ENDPOINT[k] for k in ("url", "description", "event_types")},
                request_only=True,
            ),
            OpenApiExample(
                "The new endpoint",
                value={**ENDPOINT, "secret": "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"},
                response_only=True,
                status_codes=["201"],
            ),
        ],
    )
    def post(self, request: Request) -> Response:
        """Create an endpoint."""
        given = self.body(request, serializers.EndpointIn)
        endpoint, secret = services.create_endpoint(
            self.partner_id(request),
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
        parameters=[ENDPOINT_ID],
        responses=serializers.EndpointOut,
        examples=[OpenApiExample("An endpoint", value=ENDPOINT, response_only=True)],
    )
    def get(self, request: Request, endpoint_id: str) -> Response:
        """One endpoint, without its secret."""
        endpoint = selectors.endpoint_of(self.partner_id(request), endpoint_id)
        return Response(serializers.EndpointOut(endpoint).data)

    @extend_schema(
        operation_id="update_webhook_endpoint",
        summary="Change, enable or disable an endpoint",
        tags=["webhooks"],
        parameters=[ENDPOINT_ID],
        request=serializers.EndpointChanges,
        responses=serializers.EndpointOut,
        examples=[
            OpenApiExample("Enable again", value={"status": "enabled"}, request_only=True),
            OpenApiExample("The endpoint", value=ENDPOINT, response_only=True),
        ],
    )
    def patch(self, request: Request, endpoint_id: str) -> Response:
        """Change what the body names. What waits for an endpoint you disable is canceled.

        A live endpoint keeps its URL until the new one has passed its check.
        """
        changes = self.body(request, serializers.EndpointChanges)
        if not changes:
            raise InvalidRequestError(
                "Name at least one field to change.", code="nothing_to_change"
            )
        services.update_endpoint(self.partner_id(request), endpoint_id, changes)
        return self.get(request, endpoint_id)

    @extend_schema(
        operation_id="delete_webhook_endpoint",
        summary="Delete an endpoint",
        tags=["webhooks"],
        parameters=[ENDPOINT_ID],
        responses={204: None},
    )
    def delete(self, request: Request, endpoint_id: str) -> Response:
        """Delete the endpoint; what waits for it is canceled."""
        services.delete_endpoint(self.partner_id(request), endpoint_id)
        return Response(status=204)


class SendTest(WebhookView):
    """/v1/webhook-endpoints/{id}/test"""

    @extend_schema(
        operation_id="test_webhook_endpoint",
        summary="Send a test event",
        tags=["webhooks"],
        parameters=[ENDPOINT_ID],
        request=None,
        responses={202: serializers.DeliveryOut},
        examples=[
            OpenApiExample(
                "The test's delivery",
                value={**DELIVERY, "event_type": "endpoint.test"},
                response_only=True,
                status_codes=["202"],
            )
        ],
    )
    def post(self, request: Request, endpoint_id: str) -> Response:
        """Send an `endpoint.test` event; the answer is its delivery, to be read until it ends."""
        delivery = services.send_test(self.partner_id(request), endpoint_id)
        return Response(serializers.DeliveryOut(delivery).data, status=202)
