"""Sending the mails that are due, over the one connection of a time slice.

Guarantee: at least once. A row is claimed with a lease before its mail is sent, so two workers
never send the same one; a crash between the server's yes and our note of it sends it again, with
the same Message-ID, by which mail programs know a copy. A server that is away costs no mail: all of
them wait a minute, unspent, for seven days. What the server refuses for good (5xx) is not tried
again; what it defers (4xx) is, eight times over a day.
"""

import logging
import smtplib
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import Enum

from django.core.mail import EmailMultiAlternatives, get_connection
from django.core.mail.backends.base import BaseEmailBackend

from webhooks import letters, sql
from webhooks.models import MailMessage

log = logging.getLogger(__name__)

LEASE_S = 120
SLICE_S = 5.0
DEADLINE_S = 30.0  # one mail, connection included, however slowly the server drips
KEPT_DAYS = 7
BACKOFF_S = (60, 300, 900, 3_600, 10_800, 21_600, 43_200)
AWAY_S = 60

# An array is made once. As an IN, the look for one row could be run again for each row it is
# compared with, and claim one more each time.
_CLAIM = """
UPDATE webhooks_mailmessage
SET claim_id = %(claim)s, attempt_count = attempt_count + 1,
    due_at = statement_timestamp() + make_interval(secs => %(lease)s)
WHERE id = ANY(ARRAY(SELECT id FROM webhooks_mailmessage
                     WHERE state = 'pending' AND due_at <= statement_timestamp()
                     ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED))
RETURNING id
"""
_SENT = """
UPDATE webhooks_mailmessage
SET state = 'sent', claim_id = NULL, sent_at = statement_timestamp(), last_error = '',
    recipient = %(recipient)s, subject = %(subject)s
WHERE id = %(id)s AND claim_id = %(claim)s
"""
_OBSOLETE = """
UPDATE webhooks_mailmessage SET state = 'failed', claim_id = NULL, last_error = 'obsolete'
WHERE id = %(id)s AND claim_id = %(claim)s
"""
_FAILED = """
UPDATE webhooks_mailmessage
SET state = CASE WHEN %(is_final)s OR attempt_count > %(tries)s THEN 'failed' ELSE 'pending' END,
    claim_id = NULL, last_error = %(error)s,
    due_at = statement_timestamp() + make_interval(secs => %(delay)s)
WHERE id = %(id)s AND claim_id = %(claim)s
RETURNING state
"""
_GIVEN_BACK = """
UPDATE webhooks_mailmessage
SET claim_id = NULL, attempt_count = attempt_count - 1, last_error = %(error)s
WHERE id = %(id)s AND claim_id = %(claim)s
"""
_HOLD_ALL = """
UPDATE webhooks_mailmessage SET due_at = statement_timestamp() + make_interval(secs => %(delay)s)
WHERE id IN (SELECT id FROM webhooks_mailmessage
             WHERE state = 'pending' AND due_at <= statement_timestamp()
             FOR UPDATE SKIP LOCKED)
   OR id = %(id)s
"""
_TOO_OLD = """
UPDATE webhooks_mailmessage SET state = 'failed', claim_id = NULL, last_error = 'too old'
WHERE id IN (SELECT id FROM webhooks_mailmessage
             WHERE state = 'pending' AND due_at <= statement_timestamp()
               AND created_at < statement_timestamp() - make_interval(days => %(days)s)
             FOR UPDATE SKIP LOCKED)
"""


class Fate(Enum):
    """What a failure to send means for this mail and for the others."""

    REFUSED = "refused"  # this one, for good
    DEFERRED = "deferred"  # this one, for now
    BROKE = "broke"  # the session broke over this one; perhaps it would over each
    AWAY = "away"  # no session, or none for us: nothing can be sent at all


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a mail was not taken; `error` names no address."""

    fate: Fate
    error: str


def send_due(slice_s: float = SLICE_S) -> int:
    """Send what is due, one by one, for a time slice; return how many the mail server took.

    Call it outside any transaction.
    """
    if given_up := sql.run(_TOO_OLD, {"days": KEPT_DAYS}):
        log.error("mail.given_up", extra={"count": given_up})
    connection = get_connection()
    ends, sent = time.monotonic() + slice_s, 0
    try:
        while time.monotonic() < ends:
            claim_id = uuid.uuid4()
            rows = sql.fetch(_CLAIM, {"claim": claim_id, "lease": float(LEASE_S)})
            if not rows:
                break
            message = MailMessage.objects.select_related("partner").get(pk=rows[0]["id"])
            failure = _send(connection, message, claim_id)
            if failure is None:
                sent += 1
            elif failure.fate in {Fate.AWAY, Fate.BROKE}:
                break
    finally:
        with suppress(smtplib.SMTPException, OSError):
            connection.close()
    return sent


def _send(
    connection: BaseEmailBackend, message: MailMessage, claim_id: uuid.UUID
) -> Failure | None:
    try:
        letter = letters.compose(message)
    except letters.ObsoleteError:
        _note_obsolete(message, claim_id)
        return Failure(Fate.REFUSED, "obsolete")
    except ValueError as error:  # a line break in a header, an address that is none
        failure = Failure(Fate.REFUSED, type(error).__name__)
    else:
        found = _hand_over(connection, letter)
        if found is None:
            _note_sent(message, claim_id, letter)
            return None
        failure = found
    _note_failure(message, claim_id, failure)
    return failure


def _hand_over(connection: BaseEmailBackend, letter: EmailMultiAlternatives) -> Failure | None:
    fate = Fate.AWAY
    try:
        with _cut_after(connection, DEADLINE_S):
            connection.open()
            fate = Fate.BROKE
            connection.send_messages([letter])
    except smtplib.SMTPRecipientsRefused as error:
        codes = [code for code, _ in error.recipients.values()]
        is_final = all(code >= 500 for code in codes)
        return Failure(Fate.REFUSED if is_final else Fate.DEFERRED, f"recipient {min(codes)}")
    except smtplib.SMTPDataError as error:
        is_final = error.smtp_code >= 500
        return Failure(Fate.REFUSED if is_final else Fate.DEFERRED, f"data {error.smtp_code}")
    except (smtplib.SMTPException, OSError) as error:
        with suppress(smtplib.SMTPException, OSError):
            connection.close()
        # Our own sender address refused is as if the server were away: none of them would go.
        is_ours = isinstance(error, smtplib.SMTPSenderRefused)
        return Failure(Fate.AWAY if is_ours else fate, type(error).__name__)
    except ValueError as error:
        return Failure(Fate.REFUSED, type(error).__name__)
    return None


@contextmanager
def _cut_after(connection: BaseEmailBackend, seconds: float) -> Iterator[None]:
    """Break the connection's socket after so long; smtplib's own timeout is per answer."""

    def cut() -> None:
        opened = getattr(getattr(connection, "connection", None), "sock", None)
        if opened is not None:
            with suppress(OSError):
                opened.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _note_sent(message: MailMessage, claim_id: uuid.UUID, letter: EmailMultiAlternatives) -> None:
    recipient, subject = letter.to[0], str(letter.subject)
    values = {"id": message.pk, "claim": claim_id, "recipient": recipient, "subject": subject[:200]}
    sql.run(_SENT, values)
    log.info("mail.sent", extra={"mail_id": message.pk, "kind": message.kind})


def _note_obsolete(message: MailMessage, claim_id: uuid.UUID) -> None:
    sql.run(_OBSOLETE, {"id": message.pk, "claim": claim_id})
    log.info("mail.obsolete", extra={"mail_id": message.pk, "kind": message.kind})


def _note_failure(message: MailMessage, claim_id: uuid.UUID, failure: Failure) -> None:
    values = {"id": message.pk, "claim": claim_id, "error": failure.error[:200]}
    extra = {"mail_id": message.pk, "kind": message.kind, "error": failure.error}
    if failure.fate is Fate.AWAY:
        sql.run(_GIVEN_BACK, values)
        sql.run(_HOLD_ALL, {"delay": float(AWAY_S), "id": message.pk})
        log.error("mail.server_away", extra=extra)
        return
    index = min(message.attempt_count, len(BACKOFF_S)) - 1
    (row,) = sql.fetch(
        _FAILED,
        {
            **values,
            "is_final": failure.fate is Fate.REFUSED,
            "tries": len(BACKOFF_S),
            "delay": float(BACKOFF_S[index]),
        },
    ) or [{"state": "lost"}]
    if failure.fate is Fate.BROKE:
        sql.run(_HOLD_ALL, {"delay": float(AWAY_S), "id": None})
    log.error("mail.failed", extra={**extra, "state": row["state"]})
