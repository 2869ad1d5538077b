"""What a key may do: scopes, named by the view for each method."""

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from atlaspay.core.errors import PermissionRefusedError
from partners.auth import principal_of

_READS = frozenset({"GET", "HEAD", "OPTIONS"})


class HasScope(BasePermission):
    """`required_scopes = {"GET": Scope.PAYOUTS_READ, …}` on the view; a method it does not name is
    refused.

    A paused partner reads but changes nothing. Raises PermissionRefusedError (403).
    """

    def has_permission(self, request: Request, view: object) -> bool:
        """Return False where nobody is authenticated (DRF then answers 401)."""
        principal = principal_of(request)
        if principal is None:
            return False
        method = str(request.method)
        if method == "OPTIONS" or not hasattr(view, method.lower()):
            return True  # DRF answers what the address can do, or 405.
        scope = getattr(view, "required_scopes", {}).get("GET" if method == "HEAD" else method)
        if scope is None:
            raise PermissionRefusedError("No scope opens this.", code="scope_missing")
        if scope not in principal.scopes:
            raise PermissionRefusedError(
                f"This needs a key with the scope {scope}.",
                code="scope_missing",
                extra={"required_scope": str(scope)},
            )
        if method not in _READS and not principal.key.partner_is_active:
            raise PermissionRefusedError(
                "Your account is paused: reading works, changes do not. Write to us.",
                code="partner_paused",
            )
        return True
