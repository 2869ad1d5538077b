"""Below a path of the server (SCRIPT_NAME) no fence is open, and the system check says no."""

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.core.checks import run_checks
from django.test import Client

from atlaspay.core import clock
from portal.sessions import COOKIE
from tests.docs.pages import ROOT, sources
from tests.factories import PartnerFactory
from tests.portal.people import member, signed_in

PREFIX = {"SCRIPT_NAME": "/pay"}


def ids() -> set[str]:
    return {str(message.id) for message in run_checks()} & {"atlaspay.E001", "atlaspay.E002"}


def test_the_check_refuses_a_path_before_ours(settings):
    assert ids() == set()
    settings.FORCE_SCRIPT_NAME = "/pay"
    assert ids() == {"atlaspay.E001"}
    settings.FORCE_SCRIPT_NAME = None
    settings.ATLASPAY_BASE_URL = "https://pay.example/atlas/"
    assert ids() == {"atlaspay.E002"}
    settings.ATLASPAY_BASE_URL = "https://pay.example/"
    assert ids() == set()


@pytest.mark.django_db
def test_the_consoles_fence_stands_below_a_prefix(settings):
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    answer = client.get("/console/", **PREFIX)
    assert answer.wsgi_request.path == "/pay/console/"
    assert answer.status_code == 200
    assert "script-src 'self'" in answer["Content-Security-Policy"]
    assert "no-store" in answer["Cache-Control"]
    idle = timedelta(minutes=settings.ATLASPAY_SESSION_IDLE_MINUTES + 1)
    with clock.frozen(clock.now() + idle):
        assert client.get("/console/", **PREFIX).status_code == 302


@pytest.mark.django_db
def test_the_consoles_second_factor_is_asked_for_below_a_prefix(settings):
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    settings.ATLASPAY_REQUIRE_TOTP = True
    assert client.get("/console/", **PREFIX).status_code == 302
    assert client.get("/console/").status_code == 302


@pytest.mark.django_db
def test_the_portals_fence_stands_below_a_prefix():
    person = member(PartnerFactory())
    portal = signed_in(person)
    answer = portal.get("/portal/account/", **PREFIX)
    assert answer.status_code == 200
    assert "'unsafe" not in answer["Content-Security-Policy"]
    assert answer.context["scope"].user == person
    stranger = Client()
    stranger.force_login(User.objects.create_superuser("root"))
    stranger.cookies[COOKIE] = stranger.cookies["sessionid"].value
    assert stranger.get("/portal/account/", **PREFIX).status_code == 302


@pytest.mark.django_db
def test_mailed_links_stay_out_of_logs_below_a_prefix(caplog):
    caplog.set_level("DEBUG")
    Client().get("/portal/invitation/a-secret-of-a-mail/", **PREFIX)
    said = " ".join(str(vars(record)) for record in caplog.records)
    assert "/portal/invitation/…" in said
    assert "a-secret-of-a-mail" not in said


@pytest.mark.django_db
def test_the_api_answers_with_problems_below_a_prefix():
    answer = Client().get("/v1/nothing", **PREFIX)
    assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json")
    assert answer["Cache-Control"] == "no-store"


def test_no_fence_looks_at_the_path_with_the_prefix():
    # The menus compare links, which have the prefix, with the address asked for.
    rooms = ("atlaspay", "partners", "ledger", "webhooks", "payouts", "compliance", "portal")
    wrong = [
        str(path.relative_to(ROOT))
        for path in sources(*rooms)
        if path.name != "menu.py"
        and re.search(r"request\.path\.startswith|match\(request\.path\)", path.read_text("utf-8"))
    ]
    assert wrong == []
