"""One key, one object: replay, reuse, in progress, rollback, and what differs."""

import threading

import pytest
from django.db import connection, transaction
from django.test import RequestFactory

from atlaspay.core.errors import (
    AtlasError,
    ConflictError,
    InvalidRequestError,
    ProblemError,
)
from partners.idempotency import claim, differing, digests, fingerprint, key_of
from partners.models import IdempotencyRecord
from tests.factories import PartnerFactory

pytestmark = pytest.mark.django_db


def item(reference: str, **changes: object) -> dict:
    return {"reference": reference, "amount_minor": 100, "recipient": {"name": "A"}, **changes}


PARTS = {"reference": "b1", "currency": "EUR", "payouts": [item("p0"), item("p1")]}


def never() -> None:
    pytest.fail("the work must not begin")


def first(partner_id: str, key: str = "k1", parts: dict = PARTS, operation: str = "batch") -> None:
    with transaction.atomic(), claim(partner_id, key, operation, parts) as slot:
        assert slot.replay is None
        slot.store(202, b'{"id":"bt_1"}', "bt_1")


def test_the_same_request_gets_the_first_answer_byte_for_byte():
    partner = PartnerFactory()
    first(partner.id)
    same = {"payouts": [dict(reversed(i.items())) for i in PARTS["payouts"]], **PARTS}
    with transaction.atomic(), claim(partner.id, "k1", "batch", same) as slot:
        assert (slot.replay.status, slot.replay.body, slot.replay.object_id) == (
            202,
            '{"id":"bt_1"}',
            "bt_1",
        )
        with pytest.raises(AtlasError):
            slot.store(202, "{}", "bt_2")
    assert IdempotencyRecord.objects.count() == 1


def test_another_partner_may_use_the_same_key():
    first(PartnerFactory().id)
    first(PartnerFactory().id)
    assert IdempotencyRecord.objects.count() == 2


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"currency": "USD"}, ["/currency"]),
        ({"atomic": True}, ["/atomic"]),
        ({"payouts": [item("p0"), item("p1", amount_minor=101)]}, ["/payouts/1/amount_minor"]),
        (
            {"payouts": [item("p0", recipient={"name": "B"}), item("p1", description="x")]},
            ["/payouts/0/recipient", "/payouts/1/description"],
        ),
        ({"payouts": [item("p0")]}, ["/payouts/1"]),
        ({"payouts": [item("p0"), item("p1"), item("p2")]}, ["/payouts/2"]),
        ({"payouts": []}, ["/payouts/0", "/payouts/1"]),
        (
            {"currency": "USD", "payouts": [item("p1"), item("p0")]},
            ["/currency", "/payouts/0/reference", "/payouts/1/reference"],
        ),
    ],
)
def test_a_reused_key_is_refused_with_what_differs(changes, expected):
    partner = PartnerFactory()
    first(partner.id)
    before = list(IdempotencyRecord.objects.values())
    with (
        pytest.raises(InvalidRequestError) as refused,
        transaction.atomic(),
        claim(partner.id, "k1", "batch", {**PARTS, **changes}),
    ):
        never()
    assert (refused.value.status, refused.value.code) == (422, "idempotency_key_reused")
    assert refused.value.extra == {
        "object_id": "bt_1",
        "operation": "batch",
        "differing": expected,
    }
    assert list(IdempotencyRecord.objects.values()) == before


def test_a_key_of_another_operation_is_refused():
    partner = PartnerFactory()
    first(partner.id)
    with (
        pytest.raises(InvalidRequestError, match="another operation, batch"),
        transaction.atomic(),
        claim(partner.id, "k1", "endpoint", PARTS),
    ):
        never()


def test_failed_work_keeps_nothing_and_may_be_repeated():
    partner = PartnerFactory()
    with (
        pytest.raises(ConflictError),
        transaction.atomic(),
        claim(partner.id, "k1", "batch", PARTS),
    ):
        raise ConflictError("no")
    assert not IdempotencyRecord.objects.exists()
    first(partner.id)


@pytest.mark.parametrize("status", [199, 300, 409, 422, 500])
def test_only_success_is_kept(status):
    partner = PartnerFactory()
    with (
        transaction.atomic(),
        claim(partner.id, "k1", "batch", PARTS) as slot,
        pytest.raises(AtlasError),
    ):
        slot.store(status, "{}", "bt_1")
    assert not IdempotencyRecord.objects.exists()


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, "idempotency_key_missing"),
        ({"Idempotency-Key": "  "}, "idempotency_key_missing"),
        ({"Idempotency-Key": "x" * 256}, "idempotency_key_invalid"),
        ({"Idempotency-Key": "caf\u00e9"}, "idempotency_key_invalid"),
        ({"Idempotency-Key": "a\x7f"}, "idempotency_key_invalid"),
    ],
)
def test_the_header_is_checked(headers, code):
    with pytest.raises(ProblemError) as refused:
        key_of(RequestFactory().post("/", headers=headers))
    assert (refused.value.status, refused.value.code) == (400, code)


def test_the_header_is_taken_as_it_is():
    for key in ("x", "x" * 255, 'a "quoted" key/=+'):
        assert key_of(RequestFactory().post("/", headers={"Idempotency-Key": key})) == key


def test_digests_and_fingerprints_hold_nothing_readable_and_depend_on_the_secret(settings):
    mark, parts = fingerprint("batch", PARTS), digests(PARTS)
    assert "EUR" not in str(parts)
    settings.ATLASPAY_INDEX_KEY = "another"
    assert fingerprint("batch", PARTS) != mark
    assert digests(PARTS) != parts


def test_the_list_of_differences_is_bounded():
    many = {"payouts": [item(f"p{n}") for n in range(500)]}
    other = {"payouts": [item(f"q{n}") for n in range(500)]}
    assert differing(digests(many), other) == [f"/payouts/{n}/reference" for n in range(20)]


def test_outside_of_a_transaction_it_is_refused(transactional_db):
    with pytest.raises(AtlasError), claim("pt_x", "k", "batch", PARTS):
        pass


@pytest.mark.race
def test_while_one_is_at_work_the_other_is_told_to_wait(transactional_db):
    partner = PartnerFactory()
    holds, may_end = threading.Event(), threading.Event()

    def work() -> None:
        try:
            with transaction.atomic(), claim(partner.id, "k1", "batch", PARTS) as slot:
                holds.set()
                may_end.wait(timeout=10)
                slot.store(202, "{}", "bt_1")
        finally:
            connection.close()

    thread = threading.Thread(target=work)
    thread.start()
    assert holds.wait(timeout=10)
    with (
        pytest.raises(ConflictError) as refused,
        transaction.atomic(),
        claim(partner.id, "k1", "batch", PARTS),
    ):
        never()
    assert (refused.value.code, refused.value.headers) == (
        "idempotency_in_progress",
        {"Retry-After": "1"},
    )
    may_end.set()
    thread.join(timeout=10)
    with transaction.atomic(), claim(partner.id, "k1", "batch", PARTS) as slot:
        assert slot.replay.object_id == "bt_1"


@pytest.mark.race
def test_of_many_at_once_one_does_the_work(transactional_db):
    partner = PartnerFactory()
    gate, done = threading.Barrier(8), []

    def work() -> None:
        gate.wait(timeout=10)
        try:
            with transaction.atomic(), claim(partner.id, "k1", "batch", PARTS) as slot:
                if slot.replay is None:
                    slot.store(202, "{}", "bt_1")
                    done.append("worked")
                else:
                    done.append("replayed")
        except ConflictError:
            done.append("told to wait")
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=10)
    assert len(done) == 8
    assert done.count("worked") == 1
    assert IdempotencyRecord.objects.count() == 1
