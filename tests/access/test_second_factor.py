"""Codes: once, few guesses, recovery, another phone, and what a reset does."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client

from atlaspay.core.access import second_factor
from atlaspay.core.access.models import RecoveryCode, SecondFactor
from atlaspay.core.access.second_factor import Verdict
from atlaspay.core.access.throttle import TooManyFailuresError
from tests.access.people import (
    CODE,
    ENROL,
    HOME,
    OWN,
    Phone,
    enrolled,
    events,
    factor_of,
    is_in,
    pass_door,
    person,
    shown_codes,
    shown_secret,
    sign_in,
)

pytestmark = pytest.mark.django_db

# RFC 6238, appendix B, SHA-1: the time in seconds and the last six of its eight digits.
RFC_6238 = [
    (59, "287082"),
    (1_111_111_109, "081804"),
    (1_111_111_111, "050471"),
    (1_234_567_890, "005924"),
    (2_000_000_000, "279037"),
]


@pytest.mark.parametrize(("at_s", "code"), RFC_6238)
def test_codes_are_those_of_the_rfc(at_s, code, time):
    time.at = time.at.fromtimestamp(at_s, tz=time.at.tzinfo)

    assert second_factor.matching_step(b"12345678901234567890", code) == at_s // 30


def test_what_the_picture_says_is_what_apps_read():
    uri = second_factor.uri_of(b"12345678901234567890", "vera")
    assert uri.startswith("otpauth://totp/AtlasPay:vera?")
    assert "secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ" in uri
    assert "issuer=AtlasPay" in uri
    assert second_factor.secret_text(b"12345678901234567890").split()[0] == "GEZD"


def test_a_code_opens_once(client, time):
    user = person()
    phone, _ = enrolled(user)
    code = phone.code()
    pass_door(client, user, phone)
    other = Client()
    sign_in(other)

    answer = other.post(CODE, {"code": code})

    assert answer.status_code == 200
    assert "wrong or was used already" in answer.content.decode()
    assert not is_in(other)
    (event,) = events("second_factor_failed")
    assert (event.username, event.user_id) == ("vera", user.pk)


def test_an_older_code_than_the_last_is_refused(time):
    phone, _ = enrolled(person())
    factor = SecondFactor.objects.get()
    old = phone.code()
    time.at += timedelta(seconds=30)

    assert second_factor.check(factor, phone.code()).verdict is Verdict.APP
    assert second_factor.check(factor, old).verdict is Verdict.WRONG


@pytest.mark.parametrize("shape", ["{0}", " {0} ", "{0[0]}{0[1]}{0[2]} {0[3]}{0[4]}{0[5]}"])
def test_spaces_as_apps_show_them_do_not_matter(client, shape):
    user = person()
    phone, _ = enrolled(user)
    sign_in(client)

    assert client.post(CODE, {"code": shape.format(phone.code())}).url == HOME


# The digits from zero on, in Arabic and in full width.
ARABIC, FULL_WIDTH = (
    {ord(str(digit)): chr(zero + digit) for digit in range(10)} for zero in (0x0660, 0xFF10)
)


def test_digits_of_other_scripts_are_no_code(client):
    phone, _ = enrolled(person())
    sign_in(client)

    for script in (ARABIC, FULL_WIDTH):
        answer = client.post(CODE, {"code": phone.code().translate(script)})
        assert answer.status_code == 200
    assert not is_in(client)


@pytest.mark.parametrize(
    "code",
    ["", "12345", "1234567", "abcdef", "-12345", "1e5", "x" * 100_000, "12\x003456", "½½½½½½"],
)
def test_odd_texts_are_no_code(client, code):
    enrolled(person())
    sign_in(client)

    answer = client.post(CODE, {"code": code})

    assert answer.status_code == 200
    assert answer.context["form"].errors
    assert not is_in(client)


def test_five_wrong_codes_close_the_second_step_for_fifteen_minutes(client, time):
    user = person()
    phone, _ = enrolled(user)
    sign_in(client)
    for _ in range(5):
        assert client.post(CODE, {"code": phone.wrong()}).status_code == 200

    answer = client.post(CODE, {"code": phone.code()})

    assert answer.status_code == 429
    assert answer["Retry-After"] == "900"
    assert "Too many failed tries. Try again in 15 min." in answer.content.decode()
    assert not is_in(client)
    (event,) = events("locked_out")
    assert (event.username, event.detail) == ("vera", "code")
    # From anywhere: whoever guesses codes has the password already.
    other = Client(REMOTE_ADDR="203.0.113.77")
    sign_in(other)
    assert other.post(CODE, {"code": phone.code()}).status_code == 429
    time.at += timedelta(minutes=15)
    sign_in(client)
    assert client.post(CODE, {"code": phone.code()}).url == HOME


def test_hammering_does_not_lengthen_the_wait(time):
    phone, _ = enrolled(person())
    factor = SecondFactor.objects.get()
    for _ in range(5):
        second_factor.check(factor, phone.wrong())
    for minutes in range(1, 15):
        time.at += timedelta(minutes=1)
        with pytest.raises(TooManyFailuresError) as refused:
            second_factor.check(factor, phone.code())
        assert refused.value.wait_s == (15 - minutes) * 60
    time.at += timedelta(minutes=1)

    assert second_factor.check(factor, phone.code()).is_right


def test_twenty_wrong_codes_close_it_for_a_day(time):
    phone, _ = enrolled(person())
    factor = SecondFactor.objects.get()
    for _ in range(4):
        for _ in range(5):
            second_factor.check(factor, phone.wrong())
        time.at += timedelta(minutes=15)

    with pytest.raises(TooManyFailuresError) as refused:
        second_factor.check(factor, phone.code())

    # The last failure was fifteen minutes ago.
    assert refused.value.wait_s == 24 * 3600 - 15 * 60
    time.at += timedelta(seconds=refused.value.wait_s)
    assert second_factor.check(factor, phone.code()).is_right


def test_a_right_code_forgives_the_wrong_ones(time):
    phone, _ = enrolled(person())
    factor = SecondFactor.objects.get()
    for _ in range(3):
        for _ in range(4):
            assert not second_factor.check(factor, phone.wrong()).is_right
        assert second_factor.check(factor, phone.code()).is_right
        time.at += timedelta(seconds=30)


def test_a_recovery_code_opens_once(client):
    user = person()
    _, codes = enrolled(user)
    sign_in(client)
    page = client.get(CODE + "?recovery")
    assert 'inputmode="text"' in page.content.decode()

    assert client.post(CODE, {"code": codes[3]}).url == HOME

    other = Client()
    sign_in(other)
    assert other.post(CODE, {"code": codes[3]}).status_code == 200
    assert not is_in(other)
    (event,) = events("recovery_code_used")
    assert (event.username, event.detail) == ("vera", "9 left")
    assert second_factor.codes_left(factor_of(user)) == 9


def test_a_recovery_code_is_read_as_people_write_it(time):
    enrolled(person())
    factor = SecondFactor.objects.get()
    code = "0011-abcd-ef01"
    RecoveryCode.objects.filter(factor=factor).delete()
    RecoveryCode.objects.create(
        factor=factor, code_hash=second_factor._code_hash(factor, code.replace("-", ""))
    )

    assert second_factor.check(factor, " OoIl ABCD EFoL ").verdict is Verdict.RECOVERY


def test_a_recovery_code_opens_for_nobody_else():
    _, codes = enrolled(person("anna"))
    enrolled(person("vera"))
    factor = SecondFactor.objects.get(user__username="vera")

    assert second_factor.check(factor, codes[0]).verdict is Verdict.WRONG
    assert RecoveryCode.objects.filter(used_at=None).count() == 20


def test_the_code_field_helps_phones_and_password_managers(client):
    enrolled(person())
    sign_in(client)
    page = client.get(CODE).content.decode()

    assert 'autocomplete="one-time-code"' in page
    assert 'inputmode="numeric"' in page
    assert "autofocus" in page
    assert 'for="id_code"' in page


def at_once(count: int, act) -> list:
    """Run `act` on so many connections at the same moment; return what each gave."""
    gate = threading.Barrier(count)

    def one(number: int):
        try:
            connection.ensure_connection()
            gate.wait(timeout=30)
            return act(number)
        finally:
            connection.close()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_of_equal_codes_at_the_same_moment_one_opens():
    for turn in range(5):
        phone, codes = enrolled(person(f"vera{turn}"))
        factor = SecondFactor.objects.get(user__username=f"vera{turn}")
        now_code = phone.code()

        app = at_once(4, lambda _: second_factor._spend(factor, now_code))
        recovery = at_once(4, lambda _: second_factor._spend(factor, codes[0]))

        assert sorted(v.name for v in app) == ["APP", "WRONG", "WRONG", "WRONG"]
        assert sorted(v.name for v in recovery) == ["RECOVERY", "WRONG", "WRONG", "WRONG"]


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_guesses_at_the_same_moment_are_no_more_than_five():
    phone, _ = enrolled(person())
    factor = SecondFactor.objects.get()
    wrong = phone.wrong()

    def guess(_: int) -> str:
        try:
            return second_factor.check(factor, wrong).verdict.name
        except TooManyFailuresError:
            return "refused"

    assert sorted(at_once(12, guess)) == ["WRONG"] * 5 + ["refused"] * 7


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_of_two_replacements_at_the_same_moment_one_stands():
    user = person()
    enrolled(user)
    old = factor_of(user).pk
    phones = [Phone(second_factor.new_secret()) for _ in range(3)]

    def replace(number: int) -> str:
        phone = phones[number]
        try:
            second_factor.enrol(user, secret=phone.secret, code=phone.code(), replacing=old)
        except second_factor.ConflictError:
            return "refused"
        return "stands"

    assert sorted(at_once(3, replace)) == ["refused", "refused", "stands"]
    assert SecondFactor.objects.count() == 1
    assert RecoveryCode.objects.count() == 10


def test_another_phone_needs_a_code_of_the_one_before(client, time):
    user = person()
    phone, codes = enrolled(user)
    pass_door(client, user, phone)
    assert client.get(ENROL).url == OWN  # no short cut
    assert client.post(OWN, {"code": phone.wrong(), "do": "move"}).status_code == 200
    time.at += timedelta(seconds=30)
    assert client.post(OWN, {"code": phone.code(), "do": "move"}).url == ENROL
    new = Phone(shown_secret(client.get(ENROL)))
    before = client.session.session_key

    done = client.post(ENROL, {"code": new.code()})

    assert len(shown_codes(done)) == 10
    assert new.secret != phone.secret
    assert client.session.session_key != before
    assert is_in(client)
    time.at += timedelta(seconds=30)
    factor = factor_of(user)
    assert second_factor.check(factor, phone.code()).verdict is Verdict.WRONG
    assert second_factor.check(factor, codes[0]).verdict is Verdict.WRONG
    assert second_factor.check(factor, new.code()).verdict is Verdict.APP


def test_another_phone_ends_the_sessions_of_the_old_one(client, time):
    user = person()
    phone, _ = enrolled(user)
    elsewhere = Client()
    pass_door(elsewhere, user, phone)
    time.at += timedelta(seconds=30)
    pass_door(client, user, phone)
    time.at += timedelta(seconds=30)
    client.post(OWN, {"code": phone.code(), "do": "move"})
    client.post(ENROL, {"code": Phone(shown_secret(client.get(ENROL))).code()})

    assert is_in(client)
    assert not is_in(elsewhere)


def test_the_leave_to_change_phones_ends_after_ten_minutes(client, time):
    user = person()
    phone, _ = enrolled(user)
    pass_door(client, user, phone)
    time.at += timedelta(seconds=30)
    client.post(OWN, {"code": phone.code(), "do": "move"})
    new = Phone(shown_secret(client.get(ENROL)))
    time.at += timedelta(minutes=10, seconds=1)

    assert client.post(ENROL, {"code": new.code()}).url == OWN
    assert second_factor.of_user(user) is not None
    assert SecondFactor.objects.count() == 1


def test_new_recovery_codes_replace_the_old(client, time):
    user = person()
    phone, codes = enrolled(user)
    pass_door(client, user, phone)
    time.at += timedelta(seconds=30)

    page = client.post(OWN, {"code": phone.code(), "do": "codes"})

    new = shown_codes(page)
    assert len(new) == 10
    assert not set(new) & set(codes)
    factor = factor_of(user)
    assert second_factor.check(factor, codes[0]).verdict is Verdict.WRONG
    assert second_factor.check(factor, new[0]).verdict is Verdict.RECOVERY
    assert [event.kind for event in events("recovery_codes_made")] == ["recovery_codes_made"]


def test_a_secret_copied_to_another_row_does_not_open(caplog):
    phone, _ = enrolled(person("anna"))
    _, codes = enrolled(person("vera"))
    anna, vera = SecondFactor.objects.order_by("user__username")
    SecondFactor.objects.filter(pk=vera.pk).update(sealed_secret=anna.sealed_secret)

    verdict = second_factor.check(factor_of(vera.user), phone.code()).verdict

    assert verdict is Verdict.WRONG
    (line,) = [r for r in caplog.records if r.getMessage() == "second_factor.unreadable"]
    assert line.user_id == vera.user_id
    # Recovery codes need no sealed secret.
    assert second_factor.check(factor_of(vera.user), codes[0]).verdict is Verdict.RECOVERY


def test_the_command_resets_and_logs(client, capsys):
    user = person()
    phone, _ = enrolled(user)
    pass_door(client, user, phone)
    factor = factor_of(user)
    for _ in range(5):
        second_factor.check(factor, phone.wrong())

    call_command("reset_second_factor", "vera", "--reason", "phone lost, seen in person")

    assert "vera enrols a new app at the next sign-in." in capsys.readouterr().out
    assert not is_in(client)
    assert sign_in(client).url == ENROL
    (event,) = events("second_factor_reset")
    assert (event.username, event.user_id, event.object_type, event.object_id, event.detail) == (
        "system:reset_second_factor",
        None,
        "auth.user",
        str(user.pk),
        "vera: phone lost, seen in person",
    )
    call_command("reset_second_factor", "vera", "--reason", "again")
    assert "vera had no second factor" in capsys.readouterr().out


def test_the_command_refuses_unknown_names():
    with pytest.raises(CommandError, match="no member of staff named 'nobody'"):
        call_command("reset_second_factor", "nobody", "--reason", "none")
    assert not events()
