"""The law in the database holds against everybody: .update(), raw SQL, the shell."""

import pytest
from django.conf import settings
from django.db import DatabaseError, connection, transaction

from atlaspay.celery import app
from atlaspay.core import context
from payouts import pipeline
from payouts.machine import FINAL_STATES, LEGAL_MOVES, State
from payouts.models import FIXED_COLUMNS, BankCallback, Payout
from payouts.rails import base
from payouts.services import callbacks, settlement
from tests.payouts.factories import (
    clear_all,
    fresh,
    funded_partner,
    held_payout,
    make_payouts,
    queued_payout,
    sending,
)

pytestmark = pytest.mark.django_db


def legal_moves_of_the_machine():
    transitions = Payout().get_all_state_transitions()
    return {(str(t.source), str(t.target)) for t in transitions}


def test_the_constant_is_what_the_transitions_say():
    assert {(str(a), str(b)) for a, b in LEGAL_MOVES} == legal_moves_of_the_machine()


def test_every_illegal_move_is_refused_by_the_database():
    payout = queued_payout()
    illegal = {(State.QUEUED, s) for s in State if s != State.QUEUED} - set(LEGAL_MOVES)
    assert illegal == {
        (State.QUEUED, State.SCREENING),
        (State.QUEUED, State.SENT),
        (State.QUEUED, State.SETTLED),
        (State.QUEUED, State.RETURNED),
    }
    for _, target in sorted(illegal):
        with pytest.raises(DatabaseError, match="no legal move"), transaction.atomic():
            Payout.objects.filter(id=payout.id).update(state=target)
    assert fresh(payout).state == State.QUEUED


def test_an_end_is_an_end():
    payout = held_payout()
    Payout.objects.filter(id=payout.id).update(state="failed")
    for target in set(State) - {State.FAILED}:
        with pytest.raises(DatabaseError, match="no legal move"), transaction.atomic():
            Payout.objects.filter(id=payout.id).update(state=target)


@pytest.mark.parametrize(
    ("column", "value"),
    [("amount_minor", 1), ("recipient_name", "Eve"), ("account_sealed", b"x"), ("currency", "USD")],
)
def test_what_was_submitted_never_changes(column, value):
    payout = queued_payout()
    with pytest.raises(DatabaseError, match="never changes"), transaction.atomic():
        Payout.objects.filter(id=payout.id).update(**{column: value})


def test_all_fixed_columns_are_guarded():
    with connection.cursor() as cursor:
        cursor.execute("SELECT prosrc FROM pg_proc WHERE proname = 'payouts_guard_moves'")
        source = cursor.fetchone()[0]
    for name in FIXED_COLUMNS:
        assert f'n."{Payout._meta.get_field(name).column}"' in source


def test_a_payout_begins_in_screening():
    payout = queued_payout()
    twin = fresh(payout)
    twin.id, twin.reference = "po_" + "0" * 26, "twin"
    with pytest.raises(DatabaseError, match="begins as screening"), transaction.atomic():
        twin.save(force_insert=True)


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM payouts_payout",
        "TRUNCATE payouts_payout CASCADE",
        "DELETE FROM payouts_attempt",
        "DELETE FROM payouts_historicalpayout",
        "UPDATE payouts_historicalpayout SET actor = 'eve'",
        "TRUNCATE payouts_historicalpayout",
        "UPDATE payouts_return SET amount_minor = 1",
        "DELETE FROM payouts_bankcallback",
    ],
)
def test_evidence_is_never_taken_away(statement):
    payout = queued_payout()
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # else TRUNCATE stops at pending events
    with (
        pytest.raises(DatabaseError, match="refused"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)
    assert fresh(payout).history.count() == 2


def test_history_names_whoever_goes_around_the_service():
    payout = queued_payout()
    with connection.cursor() as cursor:  # as in a transaction no unit has opened
        cursor.execute("SELECT set_config('atlaspay.actor', '', true)")
    Payout.objects.filter(id=payout.id).update(state="canceled")
    last = payout.history.order_by("-history_id").first()
    assert last.actor.startswith("sql:")
    assert (last.state, last.history_type) == ("canceled", "~")


def test_history_of_a_unit_names_actor_reason_and_request():
    with context.bind(actor="key:key_1", request_id="req-1"):
        (payout,) = make_payouts(funded_partner(), [100])
    with context.bind(actor="system:test"):
        clear_all()
    rows = list(payout.history.order_by("history_id"))
    assert [(r.history_type, r.state, r.actor, r.history_change_reason) for r in rows] == [
        ("+", "screening", "key:key_1", "test intake"),
        ("~", "queued", "system:test", "screening"),
    ]
    assert rows[0].request_id == "req-1"


def test_the_trigger_writes_what_the_library_would():
    """Compare the trigger's row with the one django-simple-history makes of the same object."""
    payout = queued_payout()
    by_trigger = payout.history.order_by("-history_id").first()
    manager = Payout.history.model
    fields = {f.attname for f in manager._meta.concrete_fields}
    ours = {n: getattr(by_trigger, n) for n in fields if hasattr(payout, n)}
    library = Payout.history.model(
        **{
            f.attname: getattr(fresh(payout), f.attname)
            for f in Payout.history.model.tracked_fields
        }
    )
    theirs = {n: getattr(library, n) for n in ours}
    assert ours == theirs
    assert {"state", "stage", "rail", "version"} <= set(ours)


def test_each_waiting_state_wakes_a_task_that_exists():
    app.loader.import_default_modules()
    names = set(pipeline.WAKE.values()) | {
        pipeline.TAKE_IN,
        pipeline.PROCESS_CALLBACKS,
        pipeline.RESOLVE_UNKNOWN,
    }
    assert names <= set(app.tasks)


def test_each_beat_entry_names_a_task_that_exists_and_its_queue():
    app.loader.import_default_modules()
    for entry in settings.CELERY_BEAT_SCHEDULE.values():
        assert entry["task"] in app.tasks


def test_final_states_have_no_way_out_but_a_return():
    out = {a for a, _ in LEGAL_MOVES} & {str(s) for s in FINAL_STATES}
    assert out == {"settled"}


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("bank_key", "'another'"),
        ("end_to_end_id", "'another'"),
        ("number", "7"),
        ("rail", "'rtp'"),
        ("payload_hash", "'x'"),
        ("sends", "0"),
        ("state", "'rejected'"),
    ],
)
def test_what_we_told_a_bank_never_changes(column, value):
    sent = sending(queued_payout())
    answer = settlement.Answer(sent.payout.id, sent.attempt.id, base.Settled())
    settlement.apply([answer], reason="test")
    refused(f"UPDATE payouts_attempt SET {column} = {value}")


def test_what_a_bank_told_us_never_changes_once_it_was_read():
    callbacks.store("sandbox", {}, b"{}")
    for change in ("body_sealed = 'x'", "headers = '{\"a\": 1}'", "received_at = now()"):
        refused(f"UPDATE payouts_bankcallback SET {change}")
    callbacks.process()
    assert BankCallback.objects.get().state == "refused"
    refused("UPDATE payouts_bankcallback SET state = 'stored'")


def refused(statement):
    with (
        pytest.raises(DatabaseError, match="never changes"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)
