"""Mails to people of partners, over the outbox of `webhooks.mail`: noted with the fact, sent after.

A link in a mail is a secret: it is made when the mail is sent, and neither logged nor kept. The
text is `templates/portal/mail/<kind>.txt`, whose first line is the subject.
"""

from collections.abc import Callable
from typing import Any, Final

from django.template.loader import render_to_string

from portal.members import invitations, resets
from webhooks.letters import ObsoleteError, Written
from webhooks.models import MailMessage

ROOM: Final = "portal"

# Kind -> who it is for and what its template is told; None where it is to be told no longer.
_FACTS: Final[dict[str, Callable[[MailMessage], tuple[str, dict[str, Any]] | None]]] = {
    invitations.MAIL_KIND: invitations.mail_facts,
    resets.MAIL_KIND: resets.mail_facts,
}


def write(message: MailMessage) -> Written:
    """Write the mail of a row, its link included. Raises ObsoleteError."""
    found = _FACTS[message.kind](message) if message.kind in _FACTS else None
    if found is None:
        raise ObsoleteError(message.kind)
    to, values = found
    return Written(
        to, render_to_string(f"portal/mail/{message.kind.partition('.')[2]}.txt", values)
    )
