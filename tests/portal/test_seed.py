"""The demo's people, made once."""

import json

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client

from portal.models import Membership
from tests.factories import PartnerFactory
from tests.portal.people import is_in, sign_in

pytestmark = pytest.mark.django_db


def test_an_owner_and_a_viewer_are_made_once_and_come_in(capsys) -> None:
    partner = PartnerFactory()
    call_command("seed_portal_demo", partner.id, "--json")
    made = json.loads(capsys.readouterr().out)
    assert [one["role"] for one in made] == ["owner", "viewer"]
    for one in made:
        client = Client()
        sign_in(client, one["username"], one["password"])
        assert is_in(client)
    assert set(Membership.objects.values_list("partner", flat=True)) == {partner.id}

    call_command("seed_portal_demo", partner.id)

    assert capsys.readouterr().out == ""
    assert User.objects.count() == 2


def test_it_makes_nobody_in_production_or_of_nobody(settings) -> None:
    with pytest.raises(CommandError, match="no partner"):
        call_command("seed_portal_demo", "pt_x")
    settings.IS_PRODUCTION = True
    with pytest.raises(CommandError, match="not in production"):
        call_command("seed_portal_demo", PartnerFactory().id)
    assert not User.objects.exists()
