"""Nobody makes themselves more than they are."""

import json

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.core.management import call_command
from django.test import Client

from atlaspay.core.access import second_factor
from tests.access.people import (
    ENROL,
    PASSWORD,
    enrolled,
    events,
    is_in,
    pass_door,
    person,
    sign_in,
    url_of,
)

pytestmark = pytest.mark.django_db


def entered(user: User) -> Client:
    phone, _ = enrolled(user)
    client = Client()
    pass_door(client, user, phone)
    return client


def form_of(user: User, **changes: object) -> dict[str, object]:
    """Return the change form's fields as a browser sends them."""
    fields = {
        "username": user.username,
        "first_name": user.first_name,
        "last_name": user.last_name,
        "email": user.email,
        "is_active": user.is_active,
        "is_staff": user.is_staff,
        "is_superuser": user.is_superuser,
        "groups": list(user.groups.values_list("pk", flat=True)),
        "date_joined_0": "2030-01-01",
        "date_joined_1": "12:00:00",
        "last_login_0": "",
        "last_login_1": "",
        **changes,
    }
    return {name: value for name, value in fields.items() if value is not False}


@pytest.mark.parametrize("role", ["officer", "lead", "rule_author", "auditor", "operator", ""])
def test_no_role_sees_or_changes_staff(role):
    user = person("mallory")
    # Even with every permission on users that there is: the flag alone opens.
    user.user_permissions.set(Permission.objects.filter(content_type__app_label="auth"))
    if role:
        user.groups.add(Group.objects.get(name=role))
    client = entered(user)
    victim = person("vera")
    lead = Group.objects.get(name="lead")
    addresses = [
        url_of("auth_user_changelist"),
        url_of("auth_user_add"),
        url_of("auth_user_change", user.pk),
        url_of("auth_user_password_change", victim.pk),
        url_of("auth_user_delete", victim.pk),
        url_of("auth_user_history", victim.pk),
        f"/console/auth/user/{victim.pk}/reset-second-factor/",
        url_of("auth_group_changelist"),
        url_of("auth_group_change", lead.pk),
        url_of("auth_group_delete", lead.pk),
    ]
    for address in addresses:
        assert client.get(address).status_code == 403, address
        sent = form_of(user, is_superuser=True, password1="x", password2="x", post="yes")
        assert client.post(address, sent).status_code == 403, address

    user.refresh_from_db()
    victim.refresh_from_db()
    assert (user.is_superuser, list(user.groups.values_list("name", flat=True))) == (
        False,
        [role] if role else [],
    )
    assert victim.check_password(PASSWORD)
    assert Group.objects.filter(pk=lead.pk).exists()
    assert len(events("refused")) == 2 * len(addresses)


def test_no_role_holds_a_permission_on_staff():
    held = Permission.objects.filter(group__isnull=False, content_type__app_label="auth")

    assert not held.exists()


def test_a_superuser_changes_staff_and_it_is_logged():
    root = person("root", is_superuser=True)
    client = entered(root)
    vera = person("vera")
    lead = Group.objects.get(name="lead")

    answer = client.post(
        url_of("auth_user_change", vera.pk), form_of(vera, groups=[lead.pk], first_name="Vera")
    )

    assert answer.status_code == 302, answer.context["errors"]
    assert list(vera.groups.all()) == [lead]
    (event,) = events("staff_changed")
    assert (event.username, event.object_type, event.object_id) == (
        "root",
        "auth.user",
        str(vera.pk),
    )
    assert "Groups" in event.detail


def test_nobody_is_deleted():
    root = person("root", is_superuser=True)
    client = entered(root)
    vera = person("vera")

    assert client.post(url_of("auth_user_delete", vera.pk), {"post": "yes"}).status_code == 403
    sent = {"action": "delete_selected", "_selected_action": [vera.pk], "post": "yes"}
    client.post(url_of("auth_user_changelist"), sent)
    assert User.objects.filter(pk=vera.pk).exists()


@pytest.mark.parametrize("flag", ["is_superuser", "is_active", "is_staff"])
def test_the_last_superuser_stays(flag):
    root = person("root", is_superuser=True)
    client = entered(root)

    answer = client.post(url_of("auth_user_change", root.pk), form_of(root, **{flag: False}))

    assert answer.status_code == 200
    assert "This is the last superuser who can sign in." in answer.content.decode()
    root.refresh_from_db()
    assert getattr(root, flag)
    person("second", is_superuser=True)
    assert (
        client.post(url_of("auth_user_change", root.pk), form_of(root, **{flag: False})).status_code
        == 302
    )


def test_a_superuser_resets_anothers_second_factor_with_a_reason():
    root = person("root", is_superuser=True)
    client = entered(root)
    vera = person("vera")
    her = entered(vera)
    address = f"/console/auth/user/{vera.pk}/reset-second-factor/"

    assert "Reset the second factor of vera" in client.get(address).content.decode()
    assert second_factor.of_user(vera)
    assert client.post(address, {"reason": ""}).status_code == 200
    assert second_factor.of_user(vera)
    answer = client.post(address, {"reason": "phone lost, seen in person"})

    assert answer.url == url_of("auth_user_change", vera.pk)
    assert second_factor.of_user(vera) is None
    assert not is_in(her)
    assert sign_in(her).url == ENROL
    (event,) = events("second_factor_reset")
    assert (event.username, event.object_id, event.detail) == (
        "root",
        str(vera.pk),
        "vera: phone lost, seen in person",
    )


def test_ones_own_second_factor_is_not_reset_by_a_click():
    root = person("root", is_superuser=True)
    client = entered(root)
    address = f"/console/auth/user/{root.pk}/reset-second-factor/"

    assert client.post(address, {"reason": "a stolen session"}).status_code == 403
    assert second_factor.of_user(root)


def test_a_reset_of_nobody_is_not_found():
    client = entered(person("root", is_superuser=True))

    assert client.get("/console/auth/user/999999/reset-second-factor/").status_code == 404


def test_the_list_says_who_has_a_second_factor():
    root = person("root", is_superuser=True)
    client = entered(root)
    person("vera")
    page = client.get(url_of("auth_user_changelist")).content.decode()

    assert "Second factor" in page
    assert client.get(url_of("auth_user_change", root.pk)).status_code == 200


def test_the_demos_logins_open_by_password_alone(client, settings, capsys):
    settings.ATLASPAY_REQUIRE_TOTP = False
    call_command("seed_demo", "--json")
    logins = json.loads(capsys.readouterr().out)["logins"]
    names = {"ada", "grace", "ines", "paul", "noor", "omar", "admin"}
    assert {login["username"] for login in logins} == names
    for login in logins:
        browser = Client()
        assert sign_in(browser, login["username"], login["password"]).url == "/console/"
        assert is_in(browser)
