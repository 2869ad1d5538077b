"""Policy 2, the first whose rules are conditions: all that policy 1 asks, and three things more."""

from django.db import migrations

# Policy 1's limits by currency, as texts.
LARGE = {
    "default": "10000",
    "CLP": "10000000",
    "CZK": "250000",
    "DKK": "75000",
    "HUF": "4000000",
    "INR": "900000",
    "ISK": "1500000",
    "JPY": "1600000",
    "KRW": "15000000",
    "MXN": "200000",
    "NOK": "110000",
    "PHP": "600000",
    "SEK": "110000",
    "THB": "350000",
    "TRY": "400000",
    "VND": "270000000",
    "ZAR": "180000",
}


def share(numerator, denominator):
    """The same limits by another measure."""
    return {
        currency: str(int(limit) * numerator // denominator) for currency, limit in LARGE.items()
    }


DAILY = {
    "default": "50000",
    "CLP": "50000000",
    "HUF": "20000000",
    "ISK": "7500000",
    "JPY": "8000000",
    "KRW": "75000000",
    "VND": "1350000000",
}
TWIN = {
    "default": "500",
    "CLP": "500000",
    "HUF": "200000",
    "ISK": "75000",
    "JPY": "80000",
    "KRW": "750000",
    "VND": "13500000",
}
SANCTIONED = {"list": "sanctioned_countries"}


def asks(fact, op, value, **more):
    return {"fact": fact, **more, "op": op, "value": value}


POLICY = {
    "format": 2,
    "lists": {
        "sanctioned_countries": {
            "title": "Sanctioned countries",
            "of": "country",
            "values": ["CU", "IR", "KP", "RU", "SY"],
        }
    },
    "rules": [
        {
            "code": "amount_over_limit",
            "title": "Amount over the limit",
            "class": "amount",
            "weight": 30,
            "when": asks("amount", "at_least", LARGE),
        },
        {
            "code": "country",
            "title": "Restricted country",
            "class": "country",
            "weight": 60,
            "when": asks("recipient_country", "in", SANCTIONED),
        },
        {
            "code": "account_velocity",
            "title": "Many payouts to one account",
            "class": "velocity",
            "weight": 30,
            "when": {
                "any": [
                    asks("account_count", "above", 25, window="24h"),
                    {
                        "all": [
                            asks("account_count", "at_least", 2, window="24h"),
                            asks("account_sum", "above", DAILY, window="24h"),
                        ]
                    },
                ]
            },
        },
        {
            "code": "watchlist",
            "title": "Name on a watchlist",
            "class": "sanctions",
            "weight": 80,
            "when": asks("name_similarity", "at_least", 80),
        },
        {
            "code": "listed_and_sanctioned",
            "title": "Listed name in a sanctioned country",
            "class": "sanctions",
            "weight": 100,
            "blocks": True,
            "when": {
                "all": [
                    asks("name_similarity", "at_least", 95),
                    asks("recipient_country", "in", SANCTIONED),
                ]
            },
        },
        {
            "code": "duplicate",
            "title": "Possible duplicate",
            "class": "duplicate",
            "weight": 20,
            "when": {
                "all": [
                    asks("has_twin", "is", True, window="24h"),
                    asks("amount", "at_least", TWIN),
                ]
            },
        },
        {
            "code": "destination_changed",
            "title": "Recipient's account changed",
            "class": "destination",
            "weight": 40,
            "when": {
                "all": [
                    asks("destination_changed", "is", True, window="24h"),
                    asks("amount", "above", share(1, 10)),
                ]
            },
        },
        {
            "code": "new_account_new_partner",
            "title": "New account paid by a new partner",
            "class": "destination",
            "weight": 20,
            "when": {
                "all": [
                    asks("first_to_account", "is", True),
                    asks("partner_age", "below", 30),
                    asks("amount", "above", share(1, 2)),
                ]
            },
        },
    ],
    "thresholds": {"review_score": 20, "review_minutes": 30},
    "four_eyes": share(5, 2),
}


def load(apps, schema_editor):
    policy, is_new = apps.get_model("compliance", "Policy").objects.get_or_create(
        number=2,
        defaults={
            "title": "Second policy: changed accounts, new partners, a block",
            "document": POLICY,
            "author": "system:migration",
            "note": "All of policy 1, and: a changed account cools off for a day, new partners start small, a listed"
            " name in a sanctioned country is blocked, two officers from 25,000.",
        },
    )
    steps = apps.get_model("compliance", "PolicyStep").objects
    # Where officers have published one of their own since, theirs stays.
    if (
        is_new
        and steps.filter(kind="published")
        .order_by("-id")
        .values_list("policy_id", flat=True)
        .first()
        == 1
    ):
        steps.create(
            policy=policy, kind="published", actor="system:migration", note="With the rule language"
        )


class Migration(migrations.Migration):
    dependencies = [("compliance", "0013_screening_keeps")]

    # Policies are never deleted, so backwards leaves it and forwards again finds it.
    operations = [migrations.RunPython(load, migrations.RunPython.noop)]
