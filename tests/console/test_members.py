"""Support looks after members of partners: every action, who may, and what it leaves behind."""

from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from atlaspay.core import clock
from atlaspay.core.access import second_factor
from atlaspay.core.access.models import AccessEvent, SecondFactor
from portal.members.invitations import accept, invite
from portal.models import Invitation, Membership, Role
from tests.access.people import enrolled
from tests.compliance.factories import staff
from tests.console.test_pages import listing, signed_in
from tests.factories import PartnerFactory
from tests.portal import people
from tests.portal.people import is_in, member, sign_in

pytestmark = pytest.mark.django_db
WHY = "Olga called from the number we know."
VERBS = ("suspend", "readmit", "sessions", "factor")


@pytest.fixture(autouse=True)
def _quick(settings: object) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # type: ignore[attr-defined]


@pytest.fixture
def olga() -> User:
    return member(PartnerFactory(name="Acme"), Role.OWNER, email="olga@acme.example")


@pytest.fixture
def sam() -> Client:
    return signed_in(staff("support", "sam"))


def membership(user: User) -> Membership:
    return Membership.objects.get(user=user)


def page(one: Membership) -> str:
    return reverse("admin:portal_membership_change", args=[one.pk])


def do(client: Client, verb: str, one: Membership, reason: str = WHY) -> str:
    url = reverse(f"admin:portal_membership_{verb}", args=[one.pk])
    answer = client.post(url, {"reason": reason}, follow=True)
    assert answer.status_code == 200
    return answer.content.decode()


def events(kind: str) -> list[tuple[str, str, str]]:
    rows = AccessEvent.objects.filter(kind=kind, object_type="portal.membership").order_by("id")
    return list(rows.values_list("username", "object_id", "detail"))


def test_the_list_and_the_page_say_who_is_what_where(olga: User, sam: Client) -> None:
    partner = membership(olga).partner
    made = invite(partner.id, email="ben@acme.example", role=Role.VIEWER)
    ben = User(username="ben@acme.example", email="ben@acme.example")
    accept(made.link.rstrip("/").rpartition("/")[2], ben, password="an entirely new password")
    enrolled(olga)

    text = sam.get(listing(Membership)).content.decode()

    for words in ("olga@acme.example", "ben@acme.example", "Acme", "Owner", "Viewer", "On", "Off"):
        assert words in text
    assert "system, test" not in text
    page_text = sam.get(page(membership(ben))).content.decode()
    assert "Viewer: reads" in page_text
    assert "Suspend…" in page_text
    viewed = AccessEvent.objects.filter(kind="viewed", username="sam").order_by("id")
    assert list(viewed.values_list("object_type", "object_id")) == [
        ("portal.membership", ""),
        ("portal.membership", str(membership(ben).pk)),
    ]


def test_a_suspended_member_is_out_at_once_and_comes_back_by_signing_in(
    olga: User, sam: Client
) -> None:
    one, session = membership(olga), people.signed_in(olga)
    assert is_in(session)

    text = do(sam, "suspend", one)

    assert "Suspended" in text
    assert "Nobody can act as owner of this partner now." in text
    assert not is_in(session)
    fresh = Client()
    sign_in(fresh, "olga@acme.example")
    assert not is_in(fresh)
    do(sam, "suspend", one)  # again: nothing more
    do(sam, "readmit", one)
    assert not is_in(session)
    sign_in(fresh, "olga@acme.example")
    assert is_in(fresh)
    one.refresh_from_db()
    assert one.suspended_at is None
    rows = one.history.order_by("history_id").values_list("actor", "history_change_reason")
    assert list(rows)[1:] == [("user:sam", WHY), ("user:sam", WHY)]
    pk = str(one.pk)
    assert events("member_changed") == [
        ("sam", pk, f"olga@acme.example: suspended: {WHY}"),
        ("sam", pk, f"olga@acme.example: let in again: {WHY}"),
    ]


def test_a_session_from_before_the_suspension_does_not_come_back(olga: User, sam: Client) -> None:
    one, asleep = membership(olga), people.signed_in(olga)
    do(sam, "suspend", one)
    do(sam, "readmit", one)

    assert not is_in(asleep)


def test_suspended_at_one_partner_the_person_works_at_the_other(olga: User, sam: Client) -> None:
    here = membership(olga)
    there = Membership.objects.create(
        user=olga, partner=PartnerFactory(name="Zebra"), role=Role.VIEWER
    )
    client = people.signed_in(olga)
    do(sam, "suspend", here)

    assert client.get("/portal/account/").context["scope"].partner == there.partner
    client.post("/portal/switch/", {"partner": here.partner_id})
    assert client.get("/portal/account/").context["scope"].partner == there.partner


def test_an_owner_cannot_undo_a_suspension(olga: User, sam: Client) -> None:
    partner = membership(olga).partner
    ben = membership(member(partner, Role.OPERATOR, email="ben@acme.example"))
    do(sam, "suspend", ben)
    owner = people.signed_in(olga)

    for path, form in (("remove", {}), ("role", {"role": "owner"})):
        answer = owner.post(f"/portal/members/{ben.pk}/{path}/", form, follow=True)
        assert "support suspended this member" in answer.content.decode()
    again = owner.post("/portal/members/", {"email": "ben@acme.example", "role": "viewer"})

    assert again.status_code == 409
    assert "suspended by support" in owner.get("/portal/members/").content.decode()
    ben.refresh_from_db()
    assert (ben.role, ben.suspended_at is None) == (Role.OPERATOR, False)


def test_a_suspended_owner_is_no_second_owner(olga: User, sam: Client) -> None:
    partner = membership(olga).partner
    eve = membership(member(partner, Role.OWNER, email="eve@acme.example"))
    do(sam, "suspend", eve)
    owner = people.signed_in(olga)

    answer = owner.post(f"/portal/members/{membership(olga).pk}/remove/", follow=True)

    assert "Somebody has to be owner." in answer.content.decode()
    assert Membership.objects.filter(user=olga).exists()


def test_all_sessions_end_everywhere_and_later_ones_do_not(olga: User, sam: Client) -> None:
    there = Membership.objects.create(user=olga, partner=PartnerFactory(), role=Role.VIEWER)
    first, second = people.signed_in(olga), people.signed_in(olga)
    do(sam, "sessions", membership_at(olga, there))

    assert not is_in(first)
    assert not is_in(second)
    assert "support ended your sessions" in first.get("/portal/login/").content.decode()
    fresh = Client()
    sign_in(fresh, "olga@acme.example")
    assert is_in(fresh)
    assert {one.sessions_ended_at is None for one in Membership.objects.filter(user=olga)} == {
        False
    }
    with clock.frozen(clock.now() + timedelta(minutes=5)):
        assert is_in(fresh)


def membership_at(user: User, other: Membership) -> Membership:
    return Membership.objects.exclude(pk=other.pk).get(user=user)


def test_a_lost_phone_is_forgotten_and_the_password_alone_lets_in(olga: User, sam: Client) -> None:
    phone, _ = enrolled(olga)
    one, stolen = membership(olga), Client()
    sign_in(stolen, "olga@acme.example")
    stolen.post("/portal/login/code/", {"code": phone.code()})
    assert is_in(stolen)
    do(sam, "factor", one)

    assert second_factor.of_user(olga) is None
    assert not is_in(stolen)
    client = Client()
    sign_in(client, "olga@acme.example")
    assert is_in(client)
    assert events("second_factor_reset") == [("sam", str(one.pk), f"olga@acme.example: {WHY}")]
    assert WHY in sam.get(page(one)).content.decode()


def test_support_resets_no_second_factor_of_staff(olga: User, sam: Client) -> None:
    enrolled(olga)
    olga.is_staff = True
    olga.save()

    text = do(sam, "factor", membership(olga))

    assert "a superuser resets it under Staff" in text
    assert SecondFactor.objects.filter(user=olga).exists()
    assert events("second_factor_reset") == []


@pytest.mark.parametrize("role", ["operator", "lead", "auditor", "officer", ""])
def test_other_roles_change_nothing(olga: User, role: str) -> None:
    user = staff(role) if role else User.objects.create_user("nobody", is_staff=True)
    client, one = signed_in(user), membership(olga)
    made = invite(one.partner_id, email="new@acme.example", role=Role.VIEWER).invitation
    before = list(Membership.objects.values()) + list(Invitation.objects.values("revoked_at"))
    urls = [reverse(f"admin:portal_membership_{verb}", args=[one.pk]) for verb in VERBS]
    urls.append(reverse("admin:portal_invitation_withdraw", args=[made.pk]))
    for url in urls:
        assert client.post(url, {"reason": WHY}).status_code == 403

    sees = role in {"operator", "lead", "auditor"}
    assert client.get(page(one)).status_code == (200 if sees else 403)
    if sees:
        assert "Suspend…" not in client.get(page(one)).content.decode()
    after = list(Membership.objects.values()) + list(Invitation.objects.values("revoked_at"))
    assert after == before


@pytest.mark.parametrize("reason", ["", "  no ", "x" * 301])
def test_without_a_reason_nothing_is_done(olga: User, sam: Client, reason: str) -> None:
    one = membership(olga)
    for verb in VERBS:
        assert "Say why" in do(sam, verb, one, reason)
    one.refresh_from_db()
    assert (one.suspended_at, one.sessions_ended_at, one.history.count()) == (None, None, 1)
    assert AccessEvent.objects.exclude(kind="viewed").count() == 0


def test_an_invitation_is_withdrawn_once(olga: User, sam: Client) -> None:
    made = invite(membership(olga).partner_id, email="new@acme.example", role=Role.VIEWER)
    one = made.invitation
    url = reverse("admin:portal_invitation_withdraw", args=[one.pk])
    shown = sam.get(reverse("admin:portal_invitation_change", args=[one.pk])).content.decode()
    assert made.link.rstrip("/").rpartition("/")[2] not in shown
    assert Client().get(urlsplit(made.link).path).status_code == 200

    for _ in range(2):
        assert sam.post(url, {"reason": WHY}).status_code == 302

    assert Client().get(urlsplit(made.link).path).status_code == 404
    log = AccessEvent.objects.filter(object_type="portal.invitation").exclude(kind="viewed")
    assert list(log.values_list("detail", flat=True)) == [
        f"new@acme.example: invitation withdrawn: {WHY}"
    ]
    assert "Withdrawn" in sam.get(listing(Invitation)).content.decode()


def test_an_accepted_invitation_is_not_withdrawn(olga: User, sam: Client) -> None:
    made = invite(membership(olga).partner_id, email="ben@acme.example", role=Role.VIEWER)
    ben = User(username="ben@acme.example", email="ben@acme.example")
    accept(made.link.rstrip("/").rpartition("/")[2], ben, password="an entirely new password")
    url = reverse("admin:portal_invitation_withdraw", args=[made.invitation.pk])

    answer = sam.post(url, {"reason": WHY}, follow=True)

    assert "suspend the member" in answer.content.decode()
    assert Invitation.objects.get(pk=made.invitation.pk).revoked_at is None


@pytest.mark.parametrize(
    ("state", "found"), [("open", {"olga@acme.example"}), ("suspended", {"ben@acme.example"})]
)
def test_the_list_is_narrowed_by_state(
    olga: User, sam: Client, state: str, found: set[str]
) -> None:
    ben = membership(member(membership(olga).partner, email="ben@acme.example"))
    do(sam, "suspend", ben)
    text = sam.get(listing(Membership), {"state": state}).content.decode()
    assert {name for name in ("olga@acme.example", "ben@acme.example") if name in text} == found


def test_the_pages_cost_few_queries(olga: User, sam: Client, django_assert_max_num_queries) -> None:
    for number in range(10):
        member(membership(olga).partner, Role.VIEWER, email=f"v{number}@acme.example")
    sam.get(listing(Membership))
    with django_assert_max_num_queries(12):
        sam.get(listing(Membership))
    with django_assert_max_num_queries(20):
        sam.get(page(membership(olga)))
