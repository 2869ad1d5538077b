"""Cases made the way the product makes them: taken in, screened by the live policy, flagged."""

from datetime import timedelta

from django.contrib.auth.models import Group, User
from django.db.models import Max
from django.utils import timezone

from compliance.models import Case, Policy, PolicyStep
from compliance.services.screen import screen_chunk
from partners.models import Partner
from payouts.models import Payout
from tests.payouts.factories import funded_partner, make_payouts

LISTED = "Viktor Drazhenko"


def staff(role: str, username: str = "") -> User:
    """Return a staff member in one of the roles."""
    user = User.objects.create_user(username or role, password="not-used", is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    return user


def known_partner() -> Partner:
    """Return a partner with a million, whom no rule about new partners holds."""
    partner = funded_partner(100_000_000)
    joined_at = timezone.now() - timedelta(days=60)
    Partner.objects.filter(id=partner.id).update(created_at=joined_at)
    return partner


def flagged_payout(amount_minor: int = 1_200_000, **fields: object) -> Payout:
    """Return a payout that the amount rule holds and one officer may decide, or another if
    `fields` say so."""
    partner = fields.pop("partner", None) or known_partner()
    (payout,) = make_payouts(partner, [amount_minor], **fields)
    screen_chunk()
    return Payout.objects.get(id=payout.id)


def open_case(amount_minor: int = 1_200_000, **fields: object) -> Case:
    """Return the open case of a flagged payout."""
    return Case.objects.get(payout=flagged_payout(amount_minor, **fields))


def listed_case(**fields: object) -> Case:
    """Return the open case of a payout to a listed name: approving it takes a second officer."""
    return open_case(25_000, **{"recipient_name": LISTED, **fields})


def blocked_case(**fields: object) -> Case:
    """Return the open case of a blocked payout."""
    case = open_case(**fields)
    Case.objects.filter(id=case.id).update(is_blocked=True)
    case.refresh_from_db()
    return case


def publish(document: dict[str, object]) -> Policy:
    """Make a policy of this document the live one, as another person than its author would."""
    number = (Policy.objects.aggregate(last=Max("number"))["last"] or 0) + 1
    policy = Policy.objects.create(
        number=number, title=f"Policy {number} of a test", document=document, author="user:a"
    )
    PolicyStep.objects.create(policy=policy, kind=PolicyStep.Kind.PUBLISHED, actor="user:b")
    return policy
