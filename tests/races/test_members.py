"""Two at once in the portal: somebody is always owner, a link works once, a file is one batch."""

from collections.abc import Callable
from functools import partial

import pytest
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.test import RequestFactory

from atlaspay.core import context
from atlaspay.core.errors import ProblemError
from payouts.models import Batch
from portal import uploads
from portal.batch_file import read_file
from portal.members import invitations, members, passwords, support
from portal.models import Membership, Role
from portal.scope import find_scope
from tests.compliance.factories import staff
from tests.factories import PartnerFactory
from tests.payouts.factories import funded_partner
from tests.portal.conftest import csv_of
from tests.portal.people import member
from tests.races.test_payouts import together

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.race]
ROUNDS = 4


@pytest.fixture(autouse=True)
def _acting():
    with context.bind(actor="system:test"):
        yield


def refused(results: list[object]) -> int:
    return sum(isinstance(one, ProblemError) for one in results)


def test_two_owners_who_remove_each_other_leave_one():
    for _ in range(ROUNDS):
        partner = PartnerFactory()
        anna, berta = (
            Membership.objects.get(user=member(partner, Role.OWNER)).pk for _ in range(2)
        )
        results = together(
            lambda: members.remove(partner.id, anna),
            lambda: members.change_role(partner.id, berta, Role.VIEWER),
        )

        assert refused(results) == 1
        assert Membership.objects.filter(partner=partner, role=Role.OWNER).count() == 1


def test_a_link_that_is_opened_twice_makes_one_account():
    for number in range(ROUNDS):
        partner = PartnerFactory()
        email = f"new{number}@acme.example"
        link = invitations.invite(partner.id, email=email, role=Role.VIEWER).link
        token = link.rstrip("/").rpartition("/")[2]

        def accept(token: str = token, email: str = email) -> object:
            user = User(username=email, email=email)
            try:
                return invitations.accept(token, user, password="an entirely new password")
            except ProblemError as error:
                return error

        assert refused(together(accept, accept)) == 1
        assert Membership.objects.get(user__username=email).partner == partner


def test_two_invitations_of_one_address_leave_one_open():
    partner = PartnerFactory()
    results = together(
        *(lambda: invitations.invite(partner.id, email="a@b.example", role="viewer"),) * 3
    )
    assert refused(results) == 0
    open_ones = [one for one in results if _opens(one)]
    assert len(open_ones) == 1


def test_a_file_that_is_submitted_twice_is_one_batch():
    for number in range(ROUNDS):
        partner = funded_partner()
        scope = find_scope(member(partner, Role.OPERATOR), "")
        assert scope is not None
        file = read_file(csv_of({}))
        kept = uploads.keep(
            scope, "a.csv", file, {"reference": f"week-{number}", "currency": "EUR"}
        )

        together(*(lambda: uploads.submit_upload(scope, kept),) * 3)

        assert Batch.objects.filter(partner=partner).count() == 1


def _opens(made: object) -> bool:
    assert isinstance(made, invitations.Invited)
    try:
        invitations.find(made.link.rstrip("/").rpartition("/")[2])
    except ProblemError:
        return False
    return True


def told(work: Callable[[], object]) -> Callable[[], object]:
    """Return work that gives its refusal back, of whatever kind."""

    def tried() -> object:
        try:
            return work()
        except ProblemError as error:
            return error

    return tried


def by_support() -> HttpRequest:
    """Return a request of somebody who may help members."""
    request = RequestFactory().post("/console/")
    request.user = User.objects.filter(username="sam").first() or staff("support", "sam")
    return request


def test_whoever_is_suspended_and_removed_at_once_is_one_of_them():
    request = by_support()
    for _ in range(ROUNDS):
        partner = PartnerFactory()
        member(partner, Role.OWNER)
        ben = Membership.objects.get(user=member(partner, Role.VIEWER)).pk
        results = together(
            told(partial(support.suspend, request, ben, reason="A race of two.")),
            told(partial(members.remove, partner.id, ben)),
        )

        assert refused(results) == 1
        left = Membership.objects.filter(pk=ben).first()
        assert left is None or left.suspended_at is not None


def test_an_invitation_that_is_withdrawn_and_accepted_at_once_is_one_of_them():
    request = by_support()
    for number in range(ROUNDS):
        partner = PartnerFactory()
        email = f"late{number}@acme.example"
        made = invitations.invite(partner.id, email=email, role=Role.VIEWER)
        token = made.link.rstrip("/").rpartition("/")[2]
        user = User(username=email, email=email)
        results = together(
            told(partial(support.withdraw, request, made.invitation.pk, reason="A race of two.")),
            told(partial(invitations.accept, token, user, password="an entirely new password")),
        )

        assert refused(results) == 1
        made.invitation.refresh_from_db()
        is_withdrawn = made.invitation.revoked_at is not None
        is_accepted = made.invitation.accepted_at is not None
        assert is_withdrawn != is_accepted
        assert Membership.objects.filter(partner=partner).exists() == is_accepted


def test_of_two_new_passwords_one_stands():
    person = member(PartnerFactory())
    for number in range(ROUNDS):
        first, second = (User.objects.get(pk=person.pk) for _ in range(2))
        texts = [f"an entirely new password {number} {which}" for which in "ab"]
        results = together(
            told(partial(passwords.choose, first, texts[0], how="a race")),
            told(partial(passwords.choose, second, texts[1], how="a race")),
        )

        assert refused(results) == 1
        kept = User.objects.get(pk=person.pk)
        assert sum(kept.check_password(text) for text in texts) == 1
