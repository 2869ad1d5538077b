"""Make the partner, key, money and endpoint of a benchmark; prints them as one JSON line.

Run as a process of its own, so that the benchmark itself never loads the product.
"""

import argparse
import json
import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "atlaspay.settings")
django.setup()

from atlaspay.core import context  # noqa: E402 - needs the settings
from partners.models import Scope  # noqa: E402
from partners.services import create_partner, issue_api_key  # noqa: E402
from payouts.services.funding import fund_partner  # noqa: E402
from webhooks.services import create_endpoint  # noqa: E402

FUNDS_MINOR = 10**13


def main() -> None:
    """Seed one partner whose webhooks go to `--hook`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", default="Bench Marketplace")
    parser.add_argument("--hook", required=True, help="URL of the receiver")
    options = parser.parse_args()
    with context.bind(actor="system:bench"):
        partner = create_partner(name=options.name, email="bench@example.com")
        key = issue_api_key(partner.id, name="bench", scopes=Scope.values)
        fund_partner(partner.id, amount_minor=FUNDS_MINOR, currency="EUR")
        endpoint, secret = create_endpoint(partner.id, url=options.hook, is_vouched=True)
    print(
        json.dumps(
            {
                "partner_id": partner.id,
                "key": key.text,
                "endpoint_id": endpoint.id,
                "secret": secret,
            }
        )
    )


if __name__ == "__main__":
    main()
