"""Endpoints prove that they verify before they receive live events; what recovers is noted."""

import django.db.models.deletion
from django.db import migrations, models
from django.db.models.functions import Now

import atlaspay.core.models

MODES = [("test", "Test: no live events yet"), ("live", "Live")]


class Migration(migrations.Migration):
    dependencies = [
        ("webhooks", "0003_exhausted_index"),
    ]

    operations = [
        migrations.CreateModel(
            name="EndpointCheck",
            fields=[
                ("id", atlaspay.core.models.PublicIdField(prefix="wc", serialize=False)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("conformance", "Does it verify what it receives?"),
                            ("rotation", "Does it know the new secret?"),
                        ],
                        max_length=11,
                    ),
                ),
                ("url", models.URLField(max_length=500)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("pending", "Under way"),
                            ("passed", "Passed"),
                            ("failed", "Not passed"),
                            ("canceled", "Overtaken by a later change"),
                        ],
                        default="pending",
                        max_length=8,
                    ),
                ),
                ("attempt_count", models.PositiveSmallIntegerField(default=0)),
                ("due_at", models.DateTimeField(db_default=Now())),
                ("claim_id", models.UUIDField(blank=True, null=True)),
                ("results", models.JSONField(blank=True, default=list)),
                ("summary", models.CharField(blank=True, max_length=400)),
                ("requested_by", models.CharField(blank=True, max_length=100)),
                ("created_at", models.DateTimeField(db_default=Now())),
                ("tried_at", models.DateTimeField(blank=True, null=True)),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
                (
                    "endpoint",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="checks",
                        to="webhooks.endpoint",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "pending")),
                        fields=["due_at"],
                        name="check_due",
                    ),
                    models.Index(
                        models.F("endpoint"),
                        models.OrderBy(models.F("id"), descending=True),
                        name="check_by_endpoint",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state", "pending")),
                        fields=("endpoint", "kind"),
                        name="check_one_open_per_endpoint",
                    )
                ],
            },
        ),
        # What receives events today goes on receiving them; what is made from now on proves itself.
        migrations.AddField(
            model_name="endpoint",
            name="mode",
            field=models.CharField(choices=MODES, default="live", max_length=4),
        ),
        migrations.AlterField(
            model_name="endpoint",
            name="mode",
            field=models.CharField(choices=MODES, default="test", max_length=4),
        ),
        migrations.AddField(
            model_name="endpoint",
            name="proposed_url",
            field=models.URLField(blank=True, max_length=500),
        ),
        migrations.AddField(
            model_name="historicalendpoint",
            name="mode",
            field=models.CharField(choices=MODES, default="live", max_length=4),
        ),
        migrations.AlterField(
            model_name="historicalendpoint",
            name="mode",
            field=models.CharField(choices=MODES, default="test", max_length=4),
        ),
        migrations.AddField(
            model_name="historicalendpoint",
            name="proposed_url",
            field=models.URLField(blank=True, max_length=500),
        ),
        migrations.AddField(
            model_name="endpointhealth",
            name="recovered_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddIndex(
            model_name="endpointhealth",
            index=models.Index(
                condition=models.Q(("recovered_at__isnull", False)),
                fields=["recovered_at"],
                name="health_recovered",
            ),
        ),
        migrations.AlterField(
            model_name="delivery",
            name="state",
            field=models.CharField(
                choices=[
                    ("pending", "Waiting for its next attempt"),
                    ("delivered", "Delivered"),
                    ("exhausted", "All attempts failed"),
                    ("canceled", "Canceled: the endpoint was disabled or deleted"),
                    ("superseded", "A later event of the same payout went instead"),
                ],
                default="pending",
                max_length=10,
            ),
        ),
    ]
