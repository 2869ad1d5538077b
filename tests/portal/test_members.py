"""Members, invitations, passwords and second factors."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.core.management import CommandError, call_command
from django.test import Client

from atlaspay.core import clock
from atlaspay.core.access.models import AccessEvent
from atlaspay.core.errors import ConflictError, PermissionRefusedError
from portal.members import invitations, passwords, resets
from portal.members import members as services
from portal.models import Invitation, Membership, Role
from portal.scope import find_scope
from portal.sessions import COOKIE
from tests.access.people import Phone, enrolled, shown_codes, shown_secret
from tests.factories import PartnerFactory
from tests.portal.conftest import Market
from tests.portal.people import PASSWORD, is_in, member, sign_in, signed_in
from webhooks import mailing
from webhooks.models import MailMessage

pytestmark = pytest.mark.django_db
NEW = "an entirely new password"
MEMBERS = "/portal/members/"


def link_in(text: str) -> str:
    found = re.search(r"https?://[^/\s]+(/portal/\S+)", text)
    assert found
    return found[1]


def invited_link(owner: Client, email: str, role: str = "operator") -> str:
    answer = owner.post(MEMBERS, {"email": email, "role": role})
    assert answer.status_code == 302
    assert mailing.send_due(30) == 1
    return link_in(mail.outbox[-1].body)


def test_an_invitation_is_mailed_and_opens_once(market: Market, owner: Client) -> None:
    link = invited_link(owner, "Ben@Acme.example")
    (letter,) = mail.outbox
    assert letter.to == ["ben@acme.example"]
    assert letter.subject == "Join Acme at AtlasPay"
    token = link.rstrip("/").rpartition("/")[2]
    kept = Invitation.objects.get(email="ben@acme.example")
    assert token.encode() not in bytes(kept.token_hash)
    assert kept.invited_by == "member:owner@acme.example"

    ben = Client()
    page = ben.get(link).content.decode()
    assert "operator" in page
    assert not is_in(ben)
    short = ben.post(link, {"password": "short", "again": "short"})
    assert "at least 12 characters" in short.content.decode()
    assert ben.post(link, {"password": NEW, "again": "another password"}).status_code == 200
    assert not User.objects.filter(username="ben@acme.example").exists()

    assert ben.post(link, {"password": NEW, "again": NEW}).url == "/portal/"
    assert is_in(ben)
    made = Membership.objects.get(user__username="ben@acme.example")
    assert (made.partner, made.role) == (market.partner, Role.OPERATOR)
    assert made.history.get().actor == "member:ben@acme.example"
    assert Client().get(link).status_code == 404
    assert Client().post(link, {"password": NEW, "again": NEW}).status_code == 404
    assert is_in_with(NEW)


def is_in_with(password: str, email: str = "ben@acme.example") -> bool:
    client = Client()
    sign_in(client, email, password)
    return is_in(client)


def test_an_invitation_ends_after_seven_days_when_withdrawn_and_when_made_again(
    market: Market, owner: Client
) -> None:
    late = invited_link(owner, "late@acme.example")
    with clock.frozen(clock.now() + timedelta(days=7, seconds=1)):
        assert Client().get(late).status_code == 404
    again = invited_link(owner, "late@acme.example", "viewer")
    assert Client().get(late).status_code == 404
    assert Client().get(again).status_code == 200
    kept = Invitation.objects.get(email="late@acme.example", revoked_at=None)

    owner.post(f"{MEMBERS}invitations/{kept.pk}/withdraw/")

    assert Client().get(again).status_code == 404
    assert Client().get("/portal/invitation/nonsense/").status_code == 404


def test_who_has_an_account_accepts_by_signing_in(market: Market, other: Market) -> None:
    link = invited_link(other.client(), market.owner.username, "viewer")
    client = Client()
    page = client.get(link).content.decode()
    assert "This address has an account" in page
    assert client.post(link, {"password": NEW, "again": NEW}).status_code == 200
    assert not Membership.objects.filter(user=market.owner, partner=other.partner).exists()

    assert sign_in(client, market.owner.username, next=link).url == link
    assert client.post(link).url == "/portal/"

    scope = client.get("/portal/account/").context["scope"]
    assert (scope.partner, scope.role) == (other.partner, Role.VIEWER)
    assert market.owner.check_password(PASSWORD)


@pytest.mark.parametrize(
    ("email", "words"),
    [
        ("owner@acme.example", "is a member already"),
        ("staff@acme.example", "cannot be invited"),
        ("nonsense", "Enter a valid email address."),
        (f"{'x' * 80}@acme.example", "at most 72 characters"),
    ],
)
def test_who_cannot_be_invited_is_said(owner: Client, email: str, words: str) -> None:
    User.objects.create_user("root", "Staff@acme.example", is_staff=True)
    before = Invitation.objects.count()
    answer = owner.post(MEMBERS, {"email": email, "role": "viewer"})

    assert answer.status_code in {409, 422}
    assert words in answer.content.decode()
    assert (Invitation.objects.count(), mail.outbox) == (before, [])


def test_roles_are_given_and_the_last_owner_stays(market: Market, owner: Client) -> None:
    ben = member(market.partner, Role.VIEWER, email="ben@acme.example")
    other_membership = Membership.objects.get(user=ben)
    mine = market.membership
    for path in (f"{mine.pk}/role/", f"{mine.pk}/remove/"):
        answer = owner.post(f"{MEMBERS}{path}", {"role": "viewer"}, follow=True)
        assert services.LAST in answer.content.decode()
    mine.refresh_from_db()
    assert mine.role == Role.OWNER

    owner.post(f"{MEMBERS}{other_membership.pk}/role/", {"role": "owner"})
    assert find_scope(ben, "").role == Role.OWNER
    assert other_membership.history.latest().actor == "member:owner@acme.example"
    owner.post(f"{MEMBERS}{mine.pk}/role/", {"role": "viewer"})
    assert owner.get(MEMBERS).status_code == 403
    assert AccessEvent.objects.filter(kind="member_changed").count() == 2
    assert owner.post(f"{MEMBERS}{mine.pk}/role/", {"role": "owner"}).status_code == 403


def test_a_nonsense_role_is_refused(market: Market, owner: Client) -> None:
    answer = owner.post(f"{MEMBERS}{market.membership.pk}/role/", {"role": "god"}, follow=True)
    assert "is no role" in answer.content.decode()


def test_who_is_removed_is_out_at_once(market: Market, owner: Client) -> None:
    ben = member(market.partner, Role.OPERATOR, email="ben@acme.example")
    client = signed_in(ben)
    assert is_in(client)

    owner.post(f"{MEMBERS}{Membership.objects.get(user=ben).pk}/remove/")

    assert not is_in(client)
    assert not is_in_with(PASSWORD)


def test_a_partner_is_told_when_somebody_was_there_and_not_when_they_were_elsewhere(
    market: Market, other: Market, owner: Client
) -> None:
    ben = member(market.partner, Role.VIEWER, email="ben@acme.example")
    there = Membership.objects.create(user=ben, partner=other.partner, role=Role.VIEWER)
    here = Membership.objects.get(user=ben, partner=market.partner)
    client = Client()
    first = datetime(2026, 11, 2, 9, 30, tzinfo=UTC)
    with clock.frozen(first):
        sign_in(client, "ben@acme.example")
    shown = other.client().get(MEMBERS).content.decode()
    assert "02 Nov" not in shown
    assert "02 Nov 09:30:00" in owner.get(MEMBERS).content.decode()
    there.refresh_from_db()
    assert there.last_entered_at is None

    second = datetime(2026, 11, 2, 9, 40, tzinfo=UTC)
    with clock.frozen(second):
        client.post("/portal/switch/", {"partner": other.partner.id})

    for one in (here, there):
        one.refresh_from_db()
    assert (here.last_entered_at, there.last_entered_at) == (first, second)
    assert here.history.count() == 1


def test_who_accepts_an_invitation_was_there(market: Market, owner: Client) -> None:
    link = invited_link(owner, "ben@acme.example")
    with clock.frozen(clock.now()):
        Client().post(link, {"password": NEW, "again": NEW})
        made = Membership.objects.get(user__username="ben@acme.example")
        assert made.last_entered_at == clock.now()


def test_the_command_prints_an_owners_link(market: Market, capsys) -> None:
    call_command("create_portal_owner", market.partner.id, "first@acme.example")
    link = link_in(capsys.readouterr().out)
    assert "owner" in Client().get(link).content.decode()
    assert mail.outbox == []
    with pytest.raises(CommandError, match="There is no partner"):
        call_command("create_portal_owner", "pt_nobody", "first@acme.example")
    with pytest.raises(CommandError, match="no e-mail address"):
        call_command("create_portal_owner", market.partner.id, "first")


def test_a_forgotten_password_is_chosen_anew_by_a_link_that_works_once(market: Market) -> None:
    session = signed_in(market.owner)
    phone, _ = enrolled(market.owner)
    asked = Client().post("/portal/reset/", {"email": "OWNER@acme.example"})
    assert "If this address has an account" in asked.content.decode()
    assert mail.outbox == []
    assert mailing.send_due(30) == 1
    assert mailing.send_due(30) == 0
    (letter,) = mail.outbox
    assert letter.to == ["owner@acme.example"]
    assert "60 minutes" in letter.body
    link = link_in(letter.body)

    client = Client()
    assert client.post(link, {"password": "short", "again": "short"}).status_code == 200
    assert client.post(link, {"password": NEW, "again": NEW}).url == "/portal/login/"

    assert client.get(link).status_code == 404
    assert not is_in(session)
    assert not is_in_with(PASSWORD, "owner@acme.example")
    assert sign_in(client, "owner@acme.example", NEW).url == "/portal/login/code/"
    client.post("/portal/login/code/", {"code": phone.code()})
    assert is_in(client)


def test_asking_says_the_same_to_everybody_and_is_limited(market: Market) -> None:
    User.objects.create_user("root@acme.example", "root@acme.example", PASSWORD, is_staff=True)
    client = Client()
    answers = set()
    for email in ("owner@acme.example", "nobody@acme.example", "root@acme.example"):
        answer = client.post("/portal/reset/", {"email": email})
        answers.add((answer.status_code, answer.content.decode().partition("<main")[2]))
    assert len(answers) == 1
    asked = MailMessage.objects.filter(kind="portal.reset")
    assert [row.context for row in asked] == [{"user_id": market.owner.pk}]
    for _ in range(4):
        client.post("/portal/reset/", {"email": "owner@acme.example"})
    answer = client.post("/portal/reset/", {"email": "owner@acme.example"})
    assert answer.status_code == 429
    assert int(answer["Retry-After"]) > 0
    assert 1 <= asked.count() <= 2  # one a minute


def test_a_reset_link_is_too_old_after_an_hour_and_nonsense_opens_nothing(
    market: Market, monkeypatch
) -> None:
    link = link_in(resets.link_of(market.owner))
    now = resets.TOKENS._now()
    monkeypatch.setattr(resets.TOKENS, "_now", lambda: now + timedelta(seconds=3_601))
    assert Client().get(link).status_code == 404
    for path in ("x/y", "MQ/1-2", "%ff/abc", "OTk5OTk5OTk5OTk5OTk5OTk5/a-b"):
        assert Client().get(f"/portal/reset/{path}/").status_code == 404


def test_a_password_is_changed_with_the_old_one_and_ends_other_sessions(market: Market) -> None:
    here, there = signed_in(market.owner), signed_in(market.owner)
    form = {"old": "wrong wrong wrong", "password": NEW, "again": NEW}
    assert here.post("/portal/account/password/", form).status_code == 422
    key = here.cookies[COOKIE].value
    done = here.post("/portal/account/password/", {**form, "old": PASSWORD}, follow=True)

    assert "Your password is changed." in done.content.decode()
    assert is_in(here)
    assert here.cookies[COOKIE].value != key
    assert not is_in(there)
    assert is_in_with(NEW, "owner@acme.example")


def test_every_door_sets_a_password_by_the_same_rules_and_logs_it(
    market: Market, owner: Client
) -> None:
    weak = {"password": "password1234", "again": "password1234"}
    own = signed_in(market.owner)
    answers = [
        own.post("/portal/account/password/", {**weak, "old": PASSWORD}),
        Client().post(link_in(resets.link_of(market.owner)), weak),
        Client().post(invited_link(owner, "ben@acme.example"), weak),
    ]
    for answer in answers:
        assert "too common" in answer.content.decode()
    assert not AccessEvent.objects.filter(kind="password_changed").exists()

    Client().post(invited_link(owner, "ben@acme.example"), {"password": NEW, "again": NEW})
    own.post("/portal/account/password/", {"old": PASSWORD, "password": NEW, "again": NEW})
    link = link_in(resets.link_of(User.objects.get(pk=market.owner.pk)))
    Client().post(link, {"password": f"{NEW} 2", "again": f"{NEW} 2"})

    rows = AccessEvent.objects.filter(kind="password_changed").order_by("id")
    assert list(rows.values_list("username", "detail")) == [
        ("ben@acme.example", "portal, by an invitation"),
        ("owner@acme.example", "portal, by the person"),
        ("owner@acme.example", "portal, by a mailed link"),
    ]
    assert not is_in(own)


def test_of_two_new_passwords_at_the_same_moment_one_stands(market: Market) -> None:
    first, second = (User.objects.get(pk=market.owner.pk) for _ in range(2))
    passwords.choose(first, NEW, how="test")
    with pytest.raises(ConflictError, match="a moment ago"):
        passwords.choose(second, f"{NEW} 2", how="test")
    assert User.objects.get(pk=market.owner.pk).check_password(NEW)


def test_the_portal_sets_no_password_of_staff(market: Market) -> None:
    root = User.objects.create_user("root@acme.example", password=PASSWORD, is_staff=True)
    with pytest.raises(PermissionRefusedError):
        passwords.choose(root, NEW, how="test")
    assert User.objects.get(pk=root.pk).check_password(PASSWORD)


def test_an_open_session_is_no_place_to_guess_the_password(market: Market) -> None:
    client = signed_in(market.owner)
    form = {"old": "wrong wrong wrong", "password": NEW, "again": NEW}
    for _ in range(5):
        client.post("/portal/account/password/", form)
    answer = client.post("/portal/account/password/", {**form, "old": PASSWORD})

    assert "Too many failed tries." in answer.content.decode()
    market.owner.refresh_from_db()
    assert market.owner.check_password(PASSWORD)


def test_a_second_factor_is_set_up_used_and_turned_off(market: Market) -> None:
    client, elsewhere = signed_in(market.owner), signed_in(market.owner)
    page = client.get("/portal/account/second-factor/")
    phone = Phone(shown_secret(page))
    assert shown_secret(client.get("/portal/account/second-factor/")) == phone.secret
    wrong = client.post("/portal/account/second-factor/", {"code": phone.wrong()})
    assert "not the code your app shows" in wrong.content.decode()

    codes = shown_codes(client.post("/portal/account/second-factor/", {"code": phone.code()}))

    assert len(codes) == 10
    assert is_in(client)
    assert not is_in(elsewhere)
    fresh = client.post("/portal/account/second-factor/change/", {"code": codes[0], "do": "codes"})
    assert len(shown_codes(fresh)) == 10
    bad = client.post("/portal/account/second-factor/change/", {"code": codes[1], "do": "remove"})
    assert bad.status_code == 422
    away = Client()
    sign_in(away, "owner@acme.example")
    away.post("/portal/login/code/", {"code": shown_codes(fresh)[1]})
    assert is_in(away)
    code = shown_codes(fresh)[0]
    client.post("/portal/account/second-factor/change/", {"code": code, "do": "remove"})
    assert is_in(client)
    assert not is_in(away)
    assert "Off" in client.get("/portal/account/").content.decode()
    assert list(AccessEvent.objects.order_by("id").values_list("kind", flat=True)) == [
        "second_factor_enrolled",
        "session_ended",
        "recovery_code_used",
        "recovery_codes_made",
        "second_factor_failed",
        *("recovery_code_used", "login"),
        "recovery_code_used",
        "second_factor_reset",
        "session_ended",
    ]


def test_the_list_costs_few_queries(market: Market, django_assert_max_num_queries) -> None:
    for number in range(10):
        member(market.partner, Role.VIEWER, email=f"v{number}@acme.example")
        invitations.invite(market.partner.id, email=f"i{number}@acme.example", role="viewer")
    client = signed_in(market.owner)
    client.get(MEMBERS)
    with django_assert_max_num_queries(7):
        client.get(MEMBERS)


def test_a_partner_nobody_belongs_to_takes_an_invitation(db) -> None:
    made = invitations.invite(PartnerFactory().id, email="a@b.example", role=Role.OWNER)
    assert made.invitation.role == Role.OWNER


def test_who_belongs_nowhere_any_more_comes_in_by_an_invitation(
    market: Market, owner: Client
) -> None:
    ben = User.objects.create_user("ben@acme.example", "ben@acme.example", PASSWORD)
    phone, _ = enrolled(ben)
    assert not is_in_with(PASSWORD)
    link = invited_link(owner, "ben@acme.example")
    client = Client()

    answer = client.post(link, {"password": NEW, "again": NEW})

    assert answer.url == "/portal/login/"
    assert not is_in(client)
    assert sign_in(client, "ben@acme.example", NEW).url == "/portal/login/code/"
    client.post("/portal/login/code/", {"code": phone.code()})
    assert is_in(client)


def test_who_may_not_sign_in_is_not_invited(market: Market, owner: Client) -> None:
    gone = User.objects.create_user("gone@acme.example", password=PASSWORD, is_active=False)
    answer = owner.post(MEMBERS, {"email": gone.username, "role": "viewer"})
    assert "cannot be invited" in answer.content.decode()


def test_no_log_and_no_row_holds_a_mailed_link(
    market: Market, owner: Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    invitation = invited_link(owner, "ben@acme.example")
    reset = link_in(resets.link_of(market.owner))
    for link in (invitation, reset):
        Client().get(link)
        Client().post(link, {"password": NEW, "again": NEW})
    said = " ".join(str(vars(record)) for record in caplog.records)
    rows = " ".join(AccessEvent.objects.values_list("path", flat=True))
    assert "/portal/invitation/…" in said
    assert "/portal/reset/…" in rows
    for link in (invitation, reset):
        secret = link.rstrip("/").rpartition("/")[2]
        assert secret not in said
        assert secret not in rows
