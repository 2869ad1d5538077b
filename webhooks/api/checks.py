"""/v1/webhook-endpoints/{id}: rotating its secret, and the checks that prove what it verifies."""

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from webhooks import rotation, selectors, serializers, services
from webhooks.api.base import WebhookView
from webhooks.api.examples import CHECK, DELIVERY_ID, ENDPOINT, ENDPOINT_ID

_STARTED = OpenApiExample("Begun", value=CHECK, response_only=True, status_codes=["202"])


class CheckEndpoint(WebhookView):
    """/v1/webhook-endpoints/{id}/check"""

    @extend_schema(
        operation_id="check_webhook_endpoint",
        summary="Check that an endpoint verifies",
        tags=["webhooks"],
        parameters=[ENDPOINT_ID],
        request=None,
        responses={202: serializers.CheckOut},
        examples=[_STARTED],
    )
    def post(self, request: Request, endpoint_id: str) -> Response:
        """Send five `endpoint.test` messages: genuine, the same again, forged, altered, old.

        An endpoint in test mode, or a proposed URL, goes live when it has answered all as it
        should. Read the result from the list of checks.
        """
        check = services.check_endpoint(self.partner_id(request), endpoint_id)
        return Response(serializers.CheckOut(check).data, status=202)


class EndpointChecks(WebhookView):
    """/v1/webhook-endpoints/{id}/checks"""

    @extend_schema(
        operation_id="list_webhook_checks",
        summary="List an endpoint's checks",
        tags=["webhooks"],
        parameters=[ENDPOINT_ID],
        responses=serializers.page_of(serializers.CheckOut, "CheckPage"),
    )
    def get(self, request: Request, endpoint_id: str) -> Response:
        """The latest 50, newest first: each message sent, how it was answered, what to mend."""
        endpoint = selectors.endpoint_of(self.partner_id(request), endpoint_id)
        data = serializers.CheckOut(selectors.checks_of(endpoint), many=True).data
        return Response({"object": "list", "data": data, "has_more": False, "next_cursor": None})


class RotateSecret(WebhookView):
    """/v1/webhook-endpoints/{id}/rotate-secret"""

    @extend_schema(
        operation_id="rotate_webhook_secret",
        summary="Give an endpoint a new secret",
        tags=["webhooks"],
        parameters=[ENDPOINT_ID],
        request=serializers.RotationIn,
        responses=serializers.SecretOut,
        examples=[
            OpenApiExample("Until it is proved", value={}, request_only=True),
            OpenApiExample("A day of both at most", value={"overlap_hours": 24}, request_only=True),
            OpenApiExample(
                "The new secret",
                value={
                    "secret": "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
                    "previous_secret_until": None,
                },
                response_only=True,
            ),
        ],
    )
    def post(self, request: Request, endpoint_id: str) -> Response:
        """The new secret is shown once; messages are signed with both meanwhile.

        That ends when your endpoint has answered 2xx to a message signed with the new secret
        alone, which we try by ourselves, or after `overlap_hours`.
        """
        hours = self.body(request, serializers.RotationIn)["overlap_hours"]
        partner_id = self.partner_id(request)
        overlap_s = None if hours is None else hours * 3600
        secret = rotation.rotate_secret(partner_id, endpoint_id, overlap_s=overlap_s)
        endpoint = selectors.endpoint_of(partner_id, endpoint_id)
        data = {"secret": secret, "previous_secret_until": endpoint.previous_secret_until}
        return Response(serializers.SecretOut(data).data)


class ProveRotation(WebhookView):
    """/v1/webhook-endpoints/{id}/rotation/prove"""

    @extend_schema(
        operation_id="prove_webhook_rotation",
        summary="End a rotation by proof",
        tags=["webhooks"],
        parameters=[ENDPOINT_ID],
        request=None,
        responses={202: serializers.CheckOut},
    )
    def post(self, request: Request, endpoint_id: str) -> Response:
        """Send one message signed with the new secret alone, now; a 2xx ends the rotation."""
        check = rotation.prove_rotation(self.partner_id(request), endpoint_id)
        return Response(serializers.CheckOut(check).data, status=202)


class EndRotation(WebhookView):
    """/v1/webhook-endpoints/{id}/rotation/end"""

    @extend_schema(
        operation_id="end_webhook_rotation",
        summary="End a rotation without proof",
        tags=["webhooks"],
        parameters=[ENDPOINT_ID],
        request=None,
        responses=serializers.EndpointOut,
        examples=[OpenApiExample("The endpoint", value=ENDPOINT, response_only=True)],
    )
    def post(self, request: Request, endpoint_id: str) -> Response:
        """Stop signing with the old secret at once."""
        partner_id = self.partner_id(request)
        rotation.end_rotation(partner_id, endpoint_id)
        endpoint = selectors.endpoint_of(partner_id, endpoint_id)
        return Response(serializers.EndpointOut(endpoint).data)


class AdoptRedirect(WebhookView):
    """/v1/webhook-deliveries/{id}/adopt-redirect"""

    @extend_schema(
        operation_id="adopt_webhook_redirect",
        summary="Take the address a delivery was redirected to",
        tags=["webhooks"],
        parameters=[DELIVERY_ID],
        request=None,
        responses={202: serializers.EndpointOut},
        examples=[
            OpenApiExample(
                "The endpoint, its new URL being checked",
                value={**ENDPOINT, "proposed_url": "https://www.shop.example/webhooks/atlaspay"},
                response_only=True,
                status_codes=["202"],
            )
        ],
    )
    def post(self, request: Request, delivery_id: str) -> Response:
        """Check the address; it becomes the endpoint's URL when it has passed."""
        partner_id = self.partner_id(request)
        endpoint = services.adopt_redirect(partner_id, delivery_id)
        found = selectors.endpoint_of(partner_id, endpoint.pk)
        return Response(serializers.EndpointOut(found).data, status=202)
