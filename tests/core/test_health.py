"""Up, ready, and what waits."""

from datetime import timedelta

import pytest
import redis
from django.db import OperationalError, connection
from django.utils import timezone

from atlaspay import health
from payouts.models import Batch
from tests.factories import PartnerFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _look_again(monkeypatch):
    monkeypatch.setattr(health, "_schema_is_current", False)


def refuse(error: Exception):
    def work(*args: object, **options: object) -> None:
        raise error

    return work


def test_up_means_the_process_answers(web, monkeypatch):
    monkeypatch.setattr(connection, "cursor", refuse(OperationalError("gone")))
    assert (web.get("/healthz").status_code, web.get("/healthz").json()) == (200, {"status": "ok"})


def test_ready_means_all_of_it(web):
    response = web.get("/readyz")
    assert response.status_code == 200, response.content
    assert response.json() == {
        "status": "ready",
        "checks": {
            "database": {"ok": True},
            "redis": {"ok": True},
            "migrations": {"ok": True},
            "backlog": {"ok": True, "oldest_due_s": {q.name: 0.0 for q in health.QUEUES}},
        },
    }


def test_an_unapplied_migration_is_named(web):
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'sessions'")
    response = web.get("/readyz")
    assert response.status_code == 503
    assert response.json()["checks"]["migrations"] == {
        "ok": False,
        "detail": "run manage.py migrate",
        "unapplied": ["sessions.0001_initial"],
    }


@pytest.mark.parametrize(("age_s", "status"), [(55, 200), (65, 503)])
def test_a_row_that_waits_too_long_makes_it_not_ready(web, age_s, status):
    Batch.objects.create(
        partner=PartnerFactory(),
        reference="b1",
        currency="EUR",
        intake=Batch.Intake.RECEIVED,
        created_at=timezone.now() - timedelta(seconds=age_s),
    )
    response = web.get("/readyz")
    backlog = response.json()["checks"]["backlog"]
    assert response.status_code == status
    assert age_s <= backlog["oldest_due_s"]["intake"] < age_s + 5
    if status == 503:
        assert backlog["detail"] == "overdue: intake; are its workers running?"


def test_what_is_away_is_named_without_its_address(web, monkeypatch):
    monkeypatch.setattr(health, "client", refuse(redis.ConnectionError("secret:6379")))
    monkeypatch.setattr(health, "_database", refuse(OperationalError("secret:5432 refused")))
    response = web.get("/readyz")
    checks = response.json()["checks"]
    assert response.status_code == 503
    assert checks["redis"] == {"ok": False, "detail": "redis: ConnectionError"}
    assert checks["database"] == {"ok": False, "detail": "database: OperationalError"}
    assert "secret" not in response.content.decode()


def test_metrics_are_for_the_machine_itself_or_for_who_has_the_token(web, settings):
    assert web.get("/metrics").status_code == 200
    assert web.get("/metrics", REMOTE_ADDR="192.0.2.1").status_code == 403
    settings.ATLASPAY_METRICS_TOKEN = "t0ken"
    assert web.get("/metrics").status_code == 401
    assert web.get("/metrics", headers={"Authorization": "Bearer wrong"}).status_code == 401
    allowed = {"Authorization": "Bearer t0ken"}
    assert web.get("/metrics", headers=allowed, REMOTE_ADDR="192.0.2.1").status_code == 200


def test_metrics_tell_states_ages_rails_and_servers(web, clean_redis):
    text = web.get("/metrics").content.decode()
    for line in (
        'atlaspay_payouts_waiting{state="in_review"} 0.0',
        'atlaspay_oldest_due_seconds{queue="webhooks"} 0.0',
        "atlaspay_webhooks_pending 0.0",
        'atlaspay_rail_breaker_closed{rails="rtp+fednow+sepa_inst+fps"} 1.0',
        'atlaspay_up{server="database"} 1.0',
        'atlaspay_up{server="redis"} 1.0',
    ):
        assert line in text.splitlines()


def test_metrics_show_a_server_that_is_away(web, monkeypatch):
    monkeypatch.setattr(health, "client", refuse(redis.ConnectionError()))
    text = web.get("/metrics").content.decode()
    assert 'atlaspay_up{server="redis"} 0.0' in text.splitlines()
