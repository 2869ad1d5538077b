"""What all views of webhooks share: scopes by method, strict bodies and queries."""

from collections.abc import Mapping
from typing import Any, ClassVar

from rest_framework.request import Request
from rest_framework.views import APIView

from atlaspay.core.errors import MalformedRequestError, NotAuthenticatedError
from partners.auth import principal_of
from partners.models import Scope
from webhooks import serializers

_READ, _WRITE = Scope.WEBHOOKS_READ, Scope.WEBHOOKS_WRITE


class WebhookView(APIView):
    """Common ground of the views."""

    required_scopes: ClassVar[Mapping[str, Scope]] = {
        "GET": _READ,
        "POST": _WRITE,
        "PATCH": _WRITE,
        "DELETE": _WRITE,
    }

    def partner_id(self, request: Request) -> str:
        """Return whose objects this request sees. Raises NotAuthenticatedError."""
        principal = principal_of(request)
        if principal is None:
            raise NotAuthenticatedError("Send your API key: Authorization: Bearer ap_test_…")
        return principal.partner_id

    def body(self, request: Request, form: type[serializers.StrictSerializer]) -> dict[str, Any]:
        """Return the validated body. Raises MalformedRequestError unless it is an object."""
        return self._valid(form, self.body_members(request))

    def body_members(self, request: Request) -> dict[str, Any]:
        """Return the body unvalidated. Raises MalformedRequestError unless it is an object."""
        data: object = request.data
        if not isinstance(data, dict):
            raise MalformedRequestError("The body must be a JSON object.", code="not_an_object")
        return data

    def query(self, request: Request, form: type[serializers.StrictSerializer]) -> dict[str, Any]:
        """Return the validated query parameters."""
        return self._valid(form, request.query_params.dict())

    def _valid(self, form: type[serializers.StrictSerializer], data: Any) -> dict[str, Any]:
        filled = form(data=data)
        filled.is_valid(raise_exception=True)
        return dict(filled.validated_data)
