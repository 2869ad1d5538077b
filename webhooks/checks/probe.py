"""Sending a check's messages one after the other; the first one that fails may end it."""

import time
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from yarl import URL

from atlaspay.core import fanout
from webhooks.checks import script
from webhooks.checks.script import Finding
from webhooks.delivery import call
from webhooks.delivery.schedule import PROMPT_DEADLINE_S
from webhooks.models import EndpointCheck

LATER_DEADLINE_S = 5.0


@dataclass(frozen=True, slots=True)
class Job:
    """A claimed check with all that sending it needs."""

    check_id: str
    claim_id: str
    kind: str
    partner_id: str
    endpoint_id: str
    url: str
    keys: tuple[bytes, ...]


async def run(fan: fanout.Fanout, job: Job, private_key: Ed25519PrivateKey | None) -> list[Finding]:
    """Send the script and return the findings. Where the genuine message fails the rest is not
    sent: its answers would show nothing.
    """
    findings: list[Finding] = []
    for message in _messages(job, private_key):
        answer = await call.post(
            fan,
            URL(job.url),
            body=message.body,
            headers=message.headers,
            deadline_s=LATER_DEADLINE_S if findings else PROMPT_DEADLINE_S,
        )
        findings.append(script.judge(message, answer))
        if not findings[0]["is_ok"]:
            break
    return findings


def _messages(job: Job, private_key: Ed25519PrivateKey | None) -> list[script.Message]:
    now_s = int(time.time())
    if job.kind == EndpointCheck.Kind.ROTATION:
        return script.rotation(
            job.partner_id, job.endpoint_id, job.url, new_key=job.keys[0], now_s=now_s
        )
    return script.conformance(
        job.partner_id,
        job.endpoint_id,
        job.url,
        keys=job.keys,
        private_key=private_key,
        now_s=now_s,
    )
