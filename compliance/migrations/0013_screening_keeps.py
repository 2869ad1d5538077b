"""What screening keeps beside payouts; whom the payouts so far went to."""

import hashlib
import unicodedata

import django.db.models.deletion
from django.db import migrations, models

CHUNK = 10_000
NEXT = """
SELECT id, partner_id, recipient_name, submitted_at FROM payouts_payout
WHERE id > %s AND state <> 'screening' ORDER BY id LIMIT %s
"""
KEEP = """
INSERT INTO compliance_recipientseen (payout_id, recipient_key, submitted_at)
SELECT * FROM unnest(%s::text[], %s::bigint[], %s::timestamptz[]) ON CONFLICT DO NOTHING
"""


def trail_key(partner_id, name):
    # As compliance/screening/recipients.py has it.
    folded = " ".join(unicodedata.normalize("NFKC", name).casefold().split())
    digest = hashlib.blake2b(f"{partner_id}\n{folded}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def fill(apps, schema_editor):
    last = ""
    with schema_editor.connection.cursor() as cursor:
        while True:
            cursor.execute(NEXT, [last, CHUNK])
            rows = cursor.fetchall()
            if not rows:
                return
            last = rows[-1][0]
            keys = [trail_key(partner_id, name) for _, partner_id, name, _ in rows]
            cursor.execute(KEEP, [[row[0] for row in rows], keys, [row[3] for row in rows]])


class Migration(migrations.Migration):
    dependencies = [
        ("compliance", "0012_audit_heads"),
        ("partners", "0001_initial"),
        ("payouts", "0003_reconciliation"),
    ]

    operations = [
        migrations.CreateModel(
            name="FlowMark",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("closed_until", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="RecipientSeen",
            fields=[
                (
                    "payout",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="payouts.payout",
                    ),
                ),
                ("recipient_key", models.BigIntegerField()),
                ("submitted_at", models.DateTimeField()),
            ],
            options={
                "indexes": [
                    models.Index(
                        fields=["recipient_key", "submitted_at"], name="recipient_seen_lookup"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="PartnerFlow",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("currency", models.CharField(max_length=3)),
                ("span_minutes", models.PositiveSmallIntegerField(help_text="1 or 60.")),
                ("starts_at", models.DateTimeField()),
                ("count", models.PositiveIntegerField()),
                ("total_minor", models.BigIntegerField()),
                (
                    "partner",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="partners.partner",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("partner", "currency", "span_minutes", "starts_at"),
                        name="partner_flow_once",
                    )
                ],
            },
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
