"""A paused partner reads and changes nothing, here as by API key."""

from atlaspay.core.errors import PermissionRefusedError
from partners.models import Partner
from portal.scope import Scope


def require_active(scope: Scope) -> None:
    """Raise PermissionRefusedError (`partner_paused`) unless the partner may change things."""
    if scope.partner.status != Partner.Status.ACTIVE:
        raise PermissionRefusedError(
            "Your account is paused: reading works, changes do not. Write to us.",
            code="partner_paused",
        )
