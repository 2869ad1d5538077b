"""Signed callbacks: content, signature, retries, loss, doubles, order."""

import queue
from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks import Webhook

from payouts.rails.simulator.callbacks import SecretError, signature, signing_key
from tests.simulator.bankproc import SECRET, BankProcess
from tests.simulator.receiver import Receiver


def configure(bank: BankProcess, receiver: Receiver, **webhooks: object) -> None:
    bank.configure(webhooks={"url": receiver.url, **webhooks})


def expect_silence(receiver: Receiver, timeout_s: float = 0.5) -> None:
    with pytest.raises(queue.Empty):
        receiver.next(timeout_s)


def test_the_signature_reproduces_the_published_vector() -> None:
    key = signing_key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    signed = signature(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize(
    "secret", ["", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_***", "whsec_YQ=="]
)
def test_a_bad_secret_is_refused(secret: str) -> None:
    with pytest.raises(SecretError):
        signing_key(secret)


def test_a_later_settlement_is_told_and_verifies(bank: BankProcess, receiver: Receiver) -> None:
    transfer = bank.pay(1, callback_url=receiver.url)
    bank.advance(seconds=1)
    message = receiver.next()
    event = Webhook(SECRET).verify(message.raw, message.headers)
    assert event["type"] == "transfer.updated"
    assert event["data"] == bank.transfer(transfer["id"])
    sent_at = datetime.fromtimestamp(int(message.headers["webhook-timestamp"]), UTC)
    assert abs(datetime.now(UTC) - sent_at) < timedelta(seconds=10)


def test_a_synchronous_outcome_is_told_only_when_asked(
    bank: BankProcess, receiver: Receiver
) -> None:
    configure(bank, receiver)
    bank.pay(0)
    expect_silence(receiver)
    configure(bank, receiver, synchronous=True)
    transfer = bank.pay(0)
    assert receiver.next().event["data"]["id"] == transfer["id"]


def test_a_return_is_told_with_its_amount(bank: BankProcess, receiver: Receiver) -> None:
    configure(bank, receiver)
    transfer = bank.pay(17, amount_minor=1000)
    bank.advance(days=2)
    events = [receiver.next().event, receiver.next().event]
    assert [event["type"] for event in events] == ["transfer.returned"] * 2
    amounts = sorted(event["data"]["return"]["amount_minor"] for event in events)
    assert amounts == [250, 500]
    assert {event["data"]["id"] for event in events} == {transfer["id"]}


def test_12_and_15_are_told_when_they_turn(bank: BankProcess, receiver: Receiver) -> None:
    configure(bank, receiver)
    bank.pay(15)
    bank.advance(seconds=5)
    assert receiver.next().event["data"]["status"] == "blocked"


def test_18_is_never_told(bank: BankProcess, receiver: Receiver) -> None:
    configure(bank, receiver)
    bank.pay(18)
    bank.advance(seconds=1)
    expect_silence(receiver)
    assert bank.sim("callbacks", method="GET") == {"waiting": 0, "withheld": 1}


def test_19_is_told_three_times_and_out_of_order(bank: BankProcess, receiver: Receiver) -> None:
    configure(bank, receiver)
    bank.pay(19)
    bank.advance(seconds=1)
    messages = [receiver.next() for _ in range(3)]
    statuses = [message.event["data"]["status"] for message in messages]
    assert statuses == ["settled", "pending", "settled"]
    ids = [message.headers["webhook-id"] for message in messages]
    assert ids[0] == ids[2] != ids[1]
    assert messages[1].event["timestamp"] < messages[0].event["timestamp"]
    expect_silence(receiver)


def test_a_refused_callback_is_sent_again_with_the_same_id(
    bank: BankProcess, receiver: Receiver
) -> None:
    configure(bank, receiver, retry_s=0.05)
    receiver.statuses = [500, 302]
    bank.pay(1)
    bank.advance(seconds=1)
    messages = [receiver.next() for _ in range(3)]
    assert len({message.headers["webhook-id"] for message in messages}) == 1
    assert len({message.raw for message in messages}) == 1
    expect_silence(receiver)
    assert bank.sim("callbacks", method="GET") == {"waiting": 0, "retried": 2, "delivered": 1}


def test_it_gives_up_after_its_attempts(bank: BankProcess, receiver: Receiver) -> None:
    configure(bank, receiver, retry_s=0.02, max_attempts=3)
    receiver.statuses = [500] * 10
    bank.pay(1)
    bank.advance(seconds=1)
    for _ in range(3):
        receiver.next()
    expect_silence(receiver)
    assert bank.sim("callbacks", method="GET") == {"waiting": 0, "retried": 2, "given_up": 1}


def test_lost_callbacks_stay_lost(bank: BankProcess, receiver: Receiver) -> None:
    configure(bank, receiver, loss_share=1)
    bank.pay(1)
    bank.advance(seconds=1)
    expect_silence(receiver)
    assert bank.sim("callbacks", method="GET") == {"waiting": 0, "lost": 1}


def test_doubled_callbacks_share_their_id(bank: BankProcess, receiver: Receiver) -> None:
    configure(bank, receiver, duplicate_share=1)
    bank.pay(1)
    bank.advance(seconds=1)
    first, second = receiver.next(), receiver.next()
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.raw == second.raw


def test_reordered_callbacks_are_overtaken(bank: BankProcess, receiver: Receiver) -> None:
    configure(bank, receiver, reorder_share=1)
    slow = bank.pay(1)
    bank.advance(seconds=1)
    bank.sim("config", {"webhooks": {"reorder_share": 0}}, "PATCH")
    fast = bank.pay(1)
    bank.advance(seconds=1)
    order = [receiver.next().event["data"]["id"] for _ in range(2)]
    assert order == [fast["id"], slow["id"]]


def test_an_unreachable_receiver_harms_nothing(bank: BankProcess) -> None:
    bank.configure(webhooks={"url": "http://127.0.0.1:9/", "retry_s": 0.01, "max_attempts": 2})
    transfer = bank.pay(1)
    bank.advance(seconds=1)
    assert bank.transfer(transfer["id"])["status"] == "settled"
    while bank.sim("callbacks", method="GET")["waiting"]:
        pass
    assert bank.sim("callbacks", method="GET")["given_up"] == 1
