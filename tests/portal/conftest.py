"""Two partners with data of every kind, and somebody signed in of every role."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from django.contrib.auth.models import User
from django.test import Client

from atlaspay.core import context
from partners.models import ApiKey, Partner, Scope
from partners.services import issue_api_key
from payouts.models import Batch, Payout
from portal import uploads
from portal.batch_file import read_file
from portal.members.invitations import invite
from portal.models import Invitation, Membership, Role, Upload
from portal.scope import find_scope
from tests.factories import PartnerFactory
from tests.payouts.factories import make_payouts
from tests.portal.people import member, signed_in
from webhooks.models import Delivery, Endpoint
from webhooks.services import create_endpoint, send_test


@dataclass
class Market:
    """A partner with one of everything a page can show."""

    partner: Partner
    batch: Batch
    payout: Payout
    key: ApiKey
    endpoint: Endpoint
    delivery: Delivery
    owner: User
    invitation: Invitation
    invitation_link: str
    upload: Upload

    def client(self, role: str = Role.OWNER) -> Client:
        """Return a browser with somebody of this role in."""
        if role == Role.OWNER:
            return signed_in(self.owner)
        email = f"{role}.{self.partner.id[-6:]}@market.example"
        found = User.objects.filter(username=email).first()
        return signed_in(found or member(self.partner, role, email=email))

    @property
    def membership(self) -> Membership:
        """The owner's."""
        return Membership.objects.get(user=self.owner)


def make_market(name: str) -> Market:
    """Return a partner with money, two payouts, a key, an endpoint with a delivery, an owner."""
    partner = PartnerFactory(name=name, funded={"EUR": 1_000_000})
    first, _ = make_payouts(partner, [10_000, 25_050])
    endpoint, _ = create_endpoint(partner.id, url="https://hooks.market.example/in")
    owner = member(partner, Role.OWNER, email=f"owner@{name.lower()}.example")
    invited = invite(partner.id, email=f"new@{name.lower()}.example", role=Role.VIEWER)
    return Market(
        partner,
        first.batch,
        first,
        issue_api_key(partner.id, name="live", scopes=list(Scope)).key,
        endpoint,
        send_test(partner.id, endpoint.id),
        owner,
        invited.invitation,
        invited.link,
        kept_file(owner),
    )


def kept_file(owner: User) -> Upload:
    """Return a file of one payout that was previewed and not submitted."""
    scope = find_scope(owner, "")
    assert scope is not None
    file = read_file(csv_of({"reference": "seller-1", "amount_minor": "1250"}))
    parameters = {"reference": "week-47", "currency": "EUR"}
    return uploads.keep(scope, "week 47.csv", file, parameters)


def csv_of(*rows: dict[str, str], delimiter: str = ",") -> bytes:
    """Return a file of payouts to one good account, but for what a row says."""
    usual = {
        "reference": "seller-1",
        "amount_minor": "1250",
        "recipient_name": "Anna Jansen",
        "recipient_country": "NL",
        "account_type": "iban",
        "iban": "NL91ABNA0417164300",
    }
    made = io.StringIO(newline="")
    writer = csv.writer(made, delimiter=delimiter)
    writer.writerow(usual)
    writer.writerows({**usual, **row}.values() for row in rows)
    return made.getvalue().encode()


@pytest.fixture(autouse=True)
def _acting(settings: object) -> Iterator[None]:
    """Act as a task where a test makes rows; hash passwords quickly."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # type: ignore[attr-defined]
    with context.bind(actor="system:test"):
        yield


@pytest.fixture
def market(db: None) -> Market:
    """Return the partner whose pages are looked at."""
    return make_market("Acme")


@pytest.fixture
def other(db: None) -> Market:
    """Return another partner, none of whose data may ever be seen."""
    return make_market("Rival")


@pytest.fixture
def owner(market: Market) -> Client:
    """Return a browser with an owner in; `operator`, `developer` and `viewer` likewise."""
    return market.client(Role.OWNER)


@pytest.fixture
def operator(market: Market) -> Client:
    """Return a browser with an operator in."""
    return market.client(Role.OPERATOR)


@pytest.fixture
def developer(market: Market) -> Client:
    """Return a browser with a developer in."""
    return market.client(Role.DEVELOPER)


@pytest.fixture
def viewer(market: Market) -> Client:
    """Return a browser with a viewer in."""
    return market.client(Role.VIEWER)
