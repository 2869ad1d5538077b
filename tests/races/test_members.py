"""Two at once in the portal: somebody is always owner, a link works once, a file is one batch."""

import pytest
from django.contrib.auth.models import User

from atlaspay.core import context
from atlaspay.core.errors import ProblemError
from payouts.models import Batch
from portal import uploads
from portal.batch_file import read_file
from portal.members import invitations, members
from portal.models import Membership, Role
from portal.scope import find_scope
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
