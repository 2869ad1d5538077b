"""Tables of the outbox, endpoints, deliveries, signing keys and mails."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.comparison
import django.db.models.functions.datetime
import simple_history.models
from django.conf import settings
from django.db import migrations, models

import atlaspay.core.context
import atlaspay.core.history
import atlaspay.core.models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("partners", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        # The event table's column default names it.
        migrations.RunSQL(
            "CREATE SEQUENCE webhooks_event_position_seq",
            "DROP SEQUENCE IF EXISTS webhooks_event_position_seq",
        ),
        migrations.CreateModel(
            name="Endpoint",
            fields=[
                ("id", atlaspay.core.models.PublicIdField(prefix="we", serialize=False)),
                ("url", models.URLField(max_length=500)),
                ("description", models.CharField(blank=True, max_length=140)),
                (
                    "event_types",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=40),
                        blank=True,
                        default=list,
                        help_text="Empty: all events.",
                        size=None,
                    ),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[("enabled", "Enabled"), ("disabled", "Disabled")],
                        default="enabled",
                        max_length=8,
                    ),
                ),
                ("disabled_reason", models.CharField(blank=True, max_length=140)),
                ("secret_sealed", models.BinaryField()),
                ("previous_secret_sealed", models.BinaryField(blank=True, null=True)),
                ("previous_secret_until", models.DateTimeField(blank=True, null=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                ("deleted_at", models.DateTimeField(blank=True, null=True)),
                (
                    "partner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="endpoints",
                        to="partners.partner",
                    ),
                ),
            ],
            options={
                "ordering": ["-created_at"],
            },
        ),
        migrations.CreateModel(
            name="SigningKey",
            fields=[
                (
                    "kid",
                    models.CharField(
                        db_collation="C", max_length=43, primary_key=True, serialize=False
                    ),
                ),
                ("public_key", models.BinaryField()),
                ("private_sealed", models.BinaryField()),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("retired_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "ordering": ["-created_at"],
            },
        ),
        migrations.CreateModel(
            name="EndpointHealth",
            fields=[
                (
                    "endpoint",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="health",
                        serialize=False,
                        to="webhooks.endpoint",
                    ),
                ),
                ("failing_since", models.DateTimeField(blank=True, null=True)),
                ("streak", models.PositiveIntegerField(default=0)),
                ("breaker_trips", models.PositiveSmallIntegerField(default=0)),
                ("breaker_open_until", models.DateTimeField(blank=True, null=True)),
                ("window", models.PositiveSmallIntegerField(default=4)),
                ("warnings_sent", models.PositiveSmallIntegerField(default=0)),
            ],
            options={
                "verbose_name_plural": "endpoint health",
            },
        ),
        migrations.CreateModel(
            name="Event",
            fields=[
                ("id", atlaspay.core.models.PublicIdField(prefix="ev", serialize=False)),
                ("type", models.CharField(max_length=40)),
                ("object_id", atlaspay.core.models.ReferenceField(max_length=32)),
                ("sequence", models.PositiveIntegerField()),
                ("body", models.BinaryField()),
                (
                    "position",
                    models.BigIntegerField(
                        db_default=models.Func(
                            models.Value("webhooks_event_position_seq"), function="nextval"
                        ),
                        editable=False,
                    ),
                ),
                (
                    "xid",
                    models.BigIntegerField(
                        db_default=django.db.models.functions.comparison.Cast(
                            django.db.models.functions.comparison.Cast(
                                models.Func(function="pg_current_xact_id"), models.TextField()
                            ),
                            models.BigIntegerField(),
                        ),
                        editable=False,
                    ),
                ),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
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
        ),
        migrations.CreateModel(
            name="Delivery",
            fields=[
                ("id", atlaspay.core.models.PublicIdField(prefix="wd", serialize=False)),
                ("object_id", atlaspay.core.models.ReferenceField(max_length=32)),
                ("sequence", models.PositiveIntegerField()),
                ("message_id", models.CharField(db_collation="C", max_length=40)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("pending", "Waiting for its next attempt"),
                            ("delivered", "Delivered"),
                            ("exhausted", "All attempts failed"),
                            ("canceled", "Canceled: the endpoint was disabled or deleted"),
                        ],
                        default="pending",
                        max_length=10,
                    ),
                ),
                ("attempt_count", models.PositiveSmallIntegerField(default=0)),
                ("step", models.PositiveSmallIntegerField(default=0)),
                ("due_at", models.DateTimeField(blank=True, null=True)),
                ("claim_id", models.UUIDField(blank=True, null=True)),
                ("last_error", models.CharField(blank=True, max_length=60)),
                ("misconfigured", models.BooleanField(default=False)),
                (
                    "event_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("delivered_at", models.DateTimeField(blank=True, null=True)),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
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
                (
                    "endpoint",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="deliveries",
                        to="webhooks.endpoint",
                    ),
                ),
                (
                    "event",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="deliveries",
                        to="webhooks.event",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "deliveries",
                "permissions": [("retry_delivery", "Can retry deliveries")],
            },
        ),
        migrations.CreateModel(
            name="HistoricalEndpoint",
            fields=[
                ("actor", models.CharField(default=atlaspay.core.context.actor, max_length=80)),
                (
                    "request_id",
                    models.CharField(
                        blank=True, default=atlaspay.core.history._request_id, max_length=64
                    ),
                ),
                ("id", atlaspay.core.models.PublicIdField(db_index=True, prefix="we")),
                ("url", models.URLField(max_length=500)),
                ("description", models.CharField(blank=True, max_length=140)),
                (
                    "event_types",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=40),
                        blank=True,
                        default=list,
                        help_text="Empty: all events.",
                        size=None,
                    ),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[("enabled", "Enabled"), ("disabled", "Disabled")],
                        default="enabled",
                        max_length=8,
                    ),
                ),
                ("disabled_reason", models.CharField(blank=True, max_length=140)),
                ("previous_secret_until", models.DateTimeField(blank=True, null=True)),
                ("created_at", models.DateTimeField(blank=True, editable=False)),
                ("updated_at", models.DateTimeField(blank=True, editable=False)),
                ("deleted_at", models.DateTimeField(blank=True, null=True)),
                ("history_id", models.AutoField(primary_key=True, serialize=False)),
                ("history_date", models.DateTimeField()),
                ("history_change_reason", models.CharField(max_length=100, null=True)),
                (
                    "history_type",
                    models.CharField(
                        choices=[("+", "Created"), ("~", "Changed"), ("-", "Deleted")], max_length=1
                    ),
                ),
                (
                    "history_user",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "partner",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="partners.partner",
                    ),
                ),
            ],
            options={
                "verbose_name": "historical endpoint",
                "verbose_name_plural": "historical endpoints",
                "ordering": ("-history_date", "-history_id"),
                "get_latest_by": ("history_date", "history_id"),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name="MailMessage",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("kind", models.CharField(max_length=40)),
                ("context", models.JSONField(default=dict)),
                ("dedupe_key", models.CharField(db_collation="C", max_length=120, unique=True)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("pending", "Waiting to be sent"),
                            ("sent", "Handed to the mail server"),
                            ("failed", "Given up"),
                        ],
                        default="pending",
                        max_length=8,
                    ),
                ),
                ("recipient", models.EmailField(blank=True, max_length=254)),
                ("subject", models.CharField(blank=True, max_length=200)),
                ("attempt_count", models.PositiveSmallIntegerField(default=0)),
                (
                    "due_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("claim_id", models.UUIDField(blank=True, null=True)),
                ("last_error", models.CharField(blank=True, max_length=200)),
                ("sent_at", models.DateTimeField(blank=True, null=True)),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                (
                    "partner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="partners.partner",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="DeliveryAttempt",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("number", models.PositiveSmallIntegerField()),
                (
                    "outcome",
                    models.CharField(
                        choices=[
                            ("delivered", "2xx"),
                            ("refused", "Answered with another status"),
                            ("failed", "No answer"),
                            ("in_doubt", "The sender stopped before it knew"),
                        ],
                        max_length=10,
                    ),
                ),
                ("http_status", models.PositiveSmallIntegerField(blank=True, null=True)),
                ("error", models.CharField(blank=True, max_length=60)),
                ("detail", models.CharField(blank=True, max_length=300)),
                ("response_body", models.BinaryField(blank=True, null=True)),
                ("response_headers", models.JSONField(blank=True, default=dict)),
                ("started_at", models.DateTimeField(blank=True, null=True)),
                ("duration_ms", models.PositiveIntegerField(blank=True, null=True)),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                (
                    "delivery",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="attempts",
                        to="webhooks.delivery",
                    ),
                ),
            ],
            options={
                "ordering": ["number"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("delivery", "number"), name="delivery_attempt_number_once"
                    )
                ],
            },
        ),
        migrations.AddIndex(
            model_name="event",
            index=models.Index(fields=["partner", "xid", "position"], name="event_feed"),
        ),
        migrations.AddConstraint(
            model_name="event",
            constraint=models.UniqueConstraint(
                fields=("object_id", "sequence"), name="event_sequence_once_per_object"
            ),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                condition=models.Q(("attempt_count", 0), ("state", "pending")),
                fields=["endpoint", "due_at"],
                name="delivery_fresh",
            ),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                condition=models.Q(("attempt_count__gt", 0), ("state", "pending")),
                fields=["endpoint", "due_at"],
                name="delivery_retry",
            ),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                condition=models.Q(("state", "pending")),
                fields=["object_id", "endpoint", "sequence"],
                name="delivery_order",
            ),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                models.F("endpoint"),
                models.OrderBy(models.F("id"), descending=True),
                name="delivery_by_endpoint",
            ),
        ),
        migrations.AddConstraint(
            model_name="delivery",
            constraint=models.UniqueConstraint(
                fields=("endpoint", "message_id"), name="delivery_once_per_endpoint"
            ),
        ),
        migrations.AddConstraint(
            model_name="delivery",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state", "pending"), _negated=True),
                    ("due_at__isnull", False),
                    _connector="OR",
                ),
                name="delivery_pending_is_due",
            ),
        ),
        migrations.AddConstraint(
            model_name="delivery",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("state", "pending"), ("claim_id__isnull", True), _connector="OR"
                ),
                name="delivery_claimed_is_pending",
            ),
        ),
        migrations.AddIndex(
            model_name="mailmessage",
            index=models.Index(
                condition=models.Q(("state", "pending")), fields=["due_at"], name="mail_due"
            ),
        ),
    ]
