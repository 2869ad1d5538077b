"""Running the checks that are due, many at once, for one time slice."""

import logging
import time
from concurrent.futures import FIRST_COMPLETED, Future, wait

from atlaspay.core import fanout
from webhooks.checks import book, probe
from webhooks.checks.probe import Job
from webhooks.checks.script import Finding
from webhooks.signing_keys import current as signing_key

log = logging.getLogger(__name__)

SLICE_S = 15.0  # what is under way at its end takes 28 s at most; the task's limit is 60
AT_ONCE = 50
LOOK_S = 0.25


def run_checks(slice_s: float = SLICE_S) -> int:
    """Run what is due and return how many checks were tried. Call it outside any transaction.

    Any number may run at once; a crash leaves its claims to their leases.
    """
    book.end_rotations()
    fan = fanout.current()
    private_key = signing_key()[1]
    running: dict[Future[list[Finding]], Job] = {}
    ends, tried = time.monotonic() + slice_s, 0
    while True:
        if time.monotonic() < ends and len(running) < AT_ONCE:
            for job in book.claim(AT_ONCE - len(running)):
                running[fan.submit(probe.run(fan, job, private_key))] = job
        if not running:
            return tried
        done, _ = wait(running, timeout=LOOK_S, return_when=FIRST_COMPLETED)
        for finished in done:
            tried += 1
            _close(running.pop(finished), finished)


def _close(job: Job, finished: Future[list[Finding]]) -> None:
    try:
        findings = finished.result()
    except Exception:
        # A fault of ours in one check must not keep the others from their results.
        log.exception("webhook.check_broke", extra={"check_id": job.check_id})
    else:
        book.close(job, findings)
