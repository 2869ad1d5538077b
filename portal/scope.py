"""The one place where the portal learns whose data it shows: every view begins here.

How a page is added:

1. Write `def name(request, ...) -> HttpResponse` in a module of its own, under
   `@page(read=Right.READ)` of `portal.pages`, with `change=Right.WEBHOOKS` where it takes POST. The
   decorator asks for sign-in, method and right, and turns a `ProblemError` into a page.
2. Begin it with `scope = scoped(request)`; read by `scope.partner_id` through a selector or service
   that takes a partner, or by `scope.own(Model)`. Views use no manager (`Model.objects`); a test
   reads their code. A service that takes no partner is called only after `scope.get(Model, id)`,
   which answers 404 for what is another partner's.
3. Return `show(request, "portal/<page>.html", {...})`; the template extends `portal/base.html`,
   with the blocks title, heading, actions and content. No inline script or style: the policy of
   the browser forbids both. What the reader is told after a POST goes through Django's messages.
4. Add `path(...)` to `portal/urls.py` and, where it belongs, a line to `portal/navigation.py`.
5. `tests/portal/test_walk.py` walks every address by itself; tell its `VALUES` what a new kind of
   `<variable>` may stand for. `tests/portal/conftest.py` has two partners and a client per role.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from django.contrib.auth.models import User
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from atlaspay.core.errors import NotFoundError, PermissionRefusedError
from partners.models import ApiKey, Partner
from payouts.models import Batch, Payout
from portal.models import Invitation, Membership, Role, Upload
from portal.rights import Right, may
from webhooks.models import Delivery, Endpoint, Event

M = TypeVar("M", bound=Model)


@dataclass(frozen=True, slots=True)
class Scope:
    """One person at one partner, for one request. `memberships` are all the person has."""

    user: User
    membership: Membership
    memberships: Sequence[Membership] = field(default=())

    @property
    def partner(self) -> Partner:
        """The partner whose data is shown."""
        return self.membership.partner

    @property
    def partner_id(self) -> str:
        """The id every read and write is narrowed to."""
        return self.membership.partner_id

    @property
    def role(self) -> str:
        """What the person is to this partner."""
        return self.membership.role

    @property
    def role_name(self) -> str:
        """The role in words."""
        return Role(self.role).label

    @property
    def actor(self) -> str:
        """How logs, receipts and history name the person."""
        return actor_of(self.user)

    def may(self, right: Right | str) -> bool:
        """Say whether the person may do this here."""
        return may(self.role, Right(right))

    @property
    def sessions_ended_at(self) -> datetime | None:
        """Sessions of the person that began before this instant are over, at whatever partner."""
        found = [one.sessions_ended_at for one in self.memberships if one.sessions_ended_at]
        return max(found, default=None)

    @property
    def rights(self) -> dict[str, bool]:
        """Return every right by name, for templates: `{% if scope.rights.payouts %}`."""
        return {right.value: self.may(right) for right in Right}

    def own(self, model: type[M]) -> QuerySet[M]:
        """Return the partner's rows of a model, and no other's. Raises LookupError for a model that
        is not in the table: what belongs to nobody is not shown by oversight.
        """
        path = _PARTNER_OF[model]
        return model._default_manager.filter(**{path: self.partner_id})

    def get(self, model: type[M], pk: Any) -> M:
        """Return the partner's row. Raises NotFoundError, also for another partner's."""
        try:
            found = self.own(model).filter(pk=pk).first()
        except ValueError:
            found = None
        if found is None:
            words = model._meta.verbose_name
            raise NotFoundError(f"There is no such {words} of {self.partner.name}.")
        return found


# Model -> the look-up that leads to its partner.
_PARTNER_OF: dict[type[Model], str] = {
    ApiKey: "partner_id",
    Batch: "partner_id",
    Delivery: "partner_id",
    Endpoint: "partner_id",
    Event: "partner_id",
    Invitation: "partner_id",
    Membership: "partner_id",
    Payout: "partner_id",
    Upload: "partner_id",
}


def actor_of(user: User) -> str:
    """Return the actor of somebody of a partner."""
    return f"member:{user.get_username()}"


def scoped(request: HttpRequest) -> Scope:
    """Return whose data this request may see. Raises PermissionRefusedError for nobody's."""
    found = scope_or_none(request)
    if found is None:
        raise PermissionRefusedError("Sign in first.")
    return found


def scope_or_none(request: HttpRequest) -> Scope | None:
    """Return the scope the middleware found, or None at the door."""
    found: Scope | None = getattr(request, "portal_scope", None)
    return found


def find_scope(user: User, wanted_partner_id: str) -> Scope | None:
    """Return somebody's scope: at the wanted partner if they belong to it, else at their first.

    One query. None for staff, for who is not active, and for who belongs to nobody; where support
    suspended a membership the person belongs there no more until they are let in again.
    """
    if user.is_staff or not user.is_active:
        return None
    rows = Membership.objects.filter(user=user, suspended_at=None).select_related("partner")
    found = list(rows.order_by("partner__name", "id"))
    if not found:
        return None
    chosen = next((one for one in found if one.partner_id == wanted_partner_id), found[0])
    return Scope(user, chosen, found)
