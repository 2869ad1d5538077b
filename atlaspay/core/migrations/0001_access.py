"""The door: access log, second factors, recovery codes, failures counted."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="AccessEvent",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), editable=False
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("login", "Signed in"),
                            ("login_failed", "Sign-in failed"),
                            ("locked_out", "Locked out"),
                            ("logout", "Signed out"),
                            ("session_ended", "Session ended"),
                            ("second_factor_enrolled", "Second factor enrolled"),
                            ("second_factor_failed", "Second factor failed"),
                            ("second_factor_reset", "Second factor reset"),
                            ("recovery_code_used", "Recovery code used"),
                            ("recovery_codes_made", "Recovery codes made"),
                            ("viewed", "Viewed"),
                            ("refused", "Refused"),
                            ("exported", "Exported"),
                            ("verified", "Verified"),
                            ("staff_changed", "Staff changed"),
                            ("password_changed", "Password changed"),
                        ],
                        max_length=32,
                    ),
                ),
                ("username", models.CharField(blank=True, max_length=150)),
                ("user_id", models.BigIntegerField(null=True)),
                ("address", models.GenericIPAddressField(null=True)),
                ("method", models.CharField(blank=True, max_length=8)),
                ("path", models.CharField(blank=True, max_length=300)),
                ("object_type", models.CharField(blank=True, max_length=64)),
                ("object_id", models.CharField(blank=True, max_length=64)),
                ("request_id", models.CharField(blank=True, max_length=64)),
                ("detail", models.CharField(blank=True, max_length=500)),
            ],
            options={
                "verbose_name_plural": "access log",
                "default_permissions": ("view",),
                "indexes": [
                    models.Index(fields=["kind", "-id"], name="accessevent_kind"),
                    models.Index(fields=["username", "-id"], name="accessevent_username"),
                    models.Index(fields=["object_id", "-id"], name="accessevent_object"),
                    models.Index(fields=["address", "-id"], name="accessevent_address"),
                ],
            },
        ),
        migrations.CreateModel(
            name="FailureCount",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("limit_name", models.CharField(max_length=16)),
                ("subject", models.BinaryField()),
                ("failures", models.PositiveIntegerField()),
                ("forgotten_at", models.DateTimeField()),
            ],
            options={
                "default_permissions": (),
                "indexes": [models.Index(fields=["forgotten_at"], name="failurecount_forgotten")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("limit_name", "subject"), name="failurecount_subject"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="SecondFactor",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("sealed_secret", models.BinaryField()),
                ("last_step", models.BigIntegerField()),
                (
                    "enrolled_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), editable=False
                    ),
                ),
                (
                    "user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="second_factor",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="RecoveryCode",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("code_hash", models.BinaryField()),
                ("used_at", models.DateTimeField(null=True)),
                (
                    "factor",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="recovery",
                        to="core.secondfactor",
                    ),
                ),
            ],
            options={
                "default_permissions": (),
                "constraints": [
                    models.UniqueConstraint(
                        fields=("factor", "code_hash"), name="recoverycode_once"
                    )
                ],
            },
        ),
    ]
