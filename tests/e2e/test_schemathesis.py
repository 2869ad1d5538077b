"""Requests made up from the OpenAPI document, against a running server with a valid key.

Schemathesis judges: no server error, no answer outside the document, no undocumented status, no
body accepted that the document forbids. Whether a *valid* body is accepted it cannot judge: check
digits, balances and signed cursors are beyond JSON Schema.
"""

import os
import subprocess
import sys

import pytest

from tests.factories import ApiKeyFactory, PartnerFactory
from tests.payouts.factories import make_payouts

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow, pytest.mark.e2e]

MAX_TIME_S = 60
CHECKS_LEFT_OUT = "positive_data_acceptance"


def test_the_api_keeps_its_document(live_server, settings, tmp_path):
    settings.ATLASPAY_RATE_PER_SECOND = settings.ATLASPAY_RATE_BURST = 100_000
    settings.WEBHOOKS_ALLOW_PRIVATE = True
    partner = PartnerFactory(funded={"EUR": 10_000_000_00, "USD": 10_000_000_00})
    make_payouts(partner, [100, 200])
    key = ApiKeyFactory(partner=partner)
    program = os.path.join(os.path.dirname(sys.executable), "schemathesis")
    run = subprocess.run(
        [
            program,
            "run",
            f"{live_server.url}/v1/openapi.json",
            "--header",
            f"Authorization: Bearer {key.text}",
            "--exclude-checks",
            CHECKS_LEFT_OUT,
            "--max-examples",
            "20",
            "--max-time",
            str(MAX_TIME_S),
            "--seed",
            "1",
            "--continue-on-failure",
            "--no-color",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=MAX_TIME_S * 5,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-6000:] + run.stderr[-2000:]
