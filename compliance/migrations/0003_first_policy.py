"""Policy 1 and the synthetic watchlist it screens names against."""

from datetime import date

from django.db import migrations

POLICY = {
    "rules": [
        {
            "code": "amount_over_limit",
            "rule": "amount_at_least",
            "weight": 30,
            "parameters": {
                "major": 10_000,
                "major_by_currency": {
                    "CLP": 10_000_000,
                    "CZK": 250_000,
                    "DKK": 75_000,
                    "HUF": 4_000_000,
                    "INR": 900_000,
                    "ISK": 1_500_000,
                    "JPY": 1_600_000,
                    "KRW": 15_000_000,
                    "MXN": 200_000,
                    "NOK": 110_000,
                    "PHP": 600_000,
                    "SEK": 110_000,
                    "THB": 350_000,
                    "TRY": 400_000,
                    "VND": 270_000_000,
                    "ZAR": 180_000,
                },
            },
        },
        {
            "code": "country",
            "rule": "country_in",
            "weight": 60,
            "parameters": {"countries": ["CU", "IR", "KP", "RU", "SY"]},
        },
        {
            "code": "account_velocity",
            "rule": "account_velocity",
            "weight": 30,
            "parameters": {
                "count": 25,
                "major": 50_000,
                "major_by_currency": {
                    "CLP": 50_000_000,
                    "HUF": 20_000_000,
                    "ISK": 7_500_000,
                    "JPY": 8_000_000,
                    "KRW": 75_000_000,
                    "VND": 1_350_000_000,
                },
            },
        },
        {
            "code": "watchlist",
            "rule": "watchlist_name",
            "weight": 80,
            "parameters": {"similarity": 80},
        },
        {
            "code": "duplicate",
            "rule": "duplicate_elsewhere",
            "weight": 20,
            "parameters": {
                "major": 500,
                "major_by_currency": {
                    "CLP": 500_000,
                    "HUF": 200_000,
                    "ISK": 75_000,
                    "JPY": 80_000,
                    "KRW": 750_000,
                    "VND": 13_500_000,
                },
            },
        },
    ],
    "thresholds": {"review_score": 20, "review_minutes": 30},
}

# All invented. A real list replaces it by import; nothing in the code knows these names.
PEOPLE = [
    "Viktor Drazhenko",
    "Maryam Tabrizi-Kohan",
    "Anselm Okorovic",
    "Teodora Vrancheva",
    "Ruslan Quaremshah",
    "Ilse van Morgenthal-Reyk",
    "Juan Carlos Espadero Luzón",
    "Nadir Belhassoune",
    "Søren Kvistgaardsen",
    "Li Weiquan Taizhou",
]
ORGANISATIONS = [
    "Orlan Trading FZE",
    "Blue Heron Shipping Ltd",
    "Meridian Crescent Holdings SA",
    "Zarya Polymetal OOO",
    "Kestrel & Vane Commodities GmbH",
    "Al Nuqra General Supplies LLC",
    "Pale Harbour Marine Services Inc",
    "Third Lantern Exchange House",
]


def load(apps, schema_editor):
    apps.get_model("compliance", "Policy").objects.get_or_create(
        number=1,
        defaults={
            "title": "First policy: amount, country, velocity, watchlist, duplicates",
            "document": POLICY,
            "author": "system:migration",
            "publisher": "system:migration",
        },
    )
    watchlist, _ = apps.get_model("compliance", "Watchlist").objects.get_or_create(
        code="synthetic",
        defaults={"title": "Synthetic demonstration list", "published_on": date(2026, 1, 1)},
    )
    entry = apps.get_model("compliance", "WatchlistEntry")
    named = [("person", name) for name in PEOPLE] + [
        ("organisation", name) for name in ORGANISATIONS
    ]
    entry.objects.bulk_create(
        (
            entry(watchlist=watchlist, subject=f"SYN-{index:03d}", name=name, kind=kind)
            for index, (kind, name) in enumerate(named, 1)
        ),
        ignore_conflicts=True,
    )


class Migration(migrations.Migration):
    dependencies = [("compliance", "0002_evidence")]

    # Policies are never deleted, so backwards leaves them and forwards again finds them.
    operations = [migrations.RunPython(load, migrations.RunPython.noop)]
