"""Mails to people: `templates/portal/mail/<kind>.txt`, whose first line is the subject.

A link in a mail is a secret: it is made for the mail, and neither logged nor kept.
"""

import logging
import smtplib
from typing import Any

from django.core.mail import EmailMessage
from django.template.loader import render_to_string

log = logging.getLogger(__name__)


def send(kind: str, to: str, values: dict[str, Any]) -> bool:
    """Send one mail now and say whether the server took it. Call it outside any transaction."""
    text = render_to_string(f"portal/mail/{kind}.txt", values)
    first, _, body = text.strip().partition("\n")
    letter = EmailMessage(" ".join(first.split())[:150], f"{body.strip()}\n", to=[to])
    try:
        letter.send()
    except (smtplib.SMTPException, OSError) as error:
        log.warning("portal.mail_failed", extra={"kind": kind, "error": type(error).__name__})
        return False
    return True
