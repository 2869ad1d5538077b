"""Cases, decisions, policies and watchlists with all their columns; rows are carried over next."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

import atlaspay.core.models


class Migration(migrations.Migration):
    dependencies = [
        ("compliance", "0004_roles"),
        ("partners", "0003_kept"),
        ("payouts", "0003_reconciliation"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="AutoDay",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("day", models.DateField(help_text="In UTC.")),
                ("currency", models.CharField(max_length=3)),
                ("count", models.PositiveIntegerField(default=0)),
                ("total_minor", models.BigIntegerField(default=0)),
            ],
        ),
        migrations.CreateModel(
            name="AutoPolicy",
            fields=[
                ("number", models.PositiveSmallIntegerField(primary_key=True, serialize=False)),
                (
                    "document",
                    models.JSONField(
                        help_text="Caps a payout and a day, rules it may answer, the record they need, hold-out."
                    ),
                ),
                ("author", models.CharField(max_length=80)),
                ("note", models.CharField(blank=True, max_length=500)),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
            ],
            options={
                "verbose_name_plural": "automatic approval policies",
                "ordering": ["-number"],
            },
        ),
        migrations.CreateModel(
            name="AutoStep",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("armed", "Armed"),
                            ("disarmed", "Disarmed"),
                            ("stopped", "Stopped by itself"),
                        ],
                        max_length=8,
                    ),
                ),
                ("actor", models.CharField(max_length=80)),
                ("note", models.CharField(blank=True, max_length=500)),
                ("at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "ordering": ["-id"],
            },
        ),
        migrations.CreateModel(
            name="Backtest",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("title", models.CharField(max_length=140)),
                ("document", models.JSONField(help_text="What was tried, as it was.")),
                ("since", models.DateTimeField()),
                ("until", models.DateTimeField()),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "Waiting"),
                            ("running", "Running"),
                            ("done", "Done"),
                            ("failed", "Failed"),
                            ("stopped", "Stopped"),
                        ],
                        default="waiting",
                        max_length=8,
                    ),
                ),
                (
                    "total",
                    models.PositiveIntegerField(default=0, help_text="Payouts in the range."),
                ),
                ("done", models.PositiveIntegerField(default=0)),
                (
                    "cursor",
                    models.CharField(blank=True, help_text="The last payout tried.", max_length=32),
                ),
                ("totals", models.JSONField(default=dict)),
                ("detail", models.CharField(blank=True, max_length=300)),
                ("actor", models.CharField(max_length=80)),
                ("claim_id", models.UUIDField(blank=True, null=True)),
                ("leased_until", models.DateTimeField(blank=True, null=True)),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "ordering": ["-id"],
            },
        ),
        migrations.CreateModel(
            name="BlindReview",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "sampled_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                (
                    "opinion",
                    models.CharField(
                        blank=True,
                        choices=[("approve", "Would approve"), ("reject", "Would reject")],
                        max_length=8,
                    ),
                ),
                ("reason_code", models.CharField(blank=True, max_length=40)),
                ("text", models.CharField(blank=True, max_length=500)),
                ("claimed_at", models.DateTimeField(blank=True, null=True)),
                ("reviewed_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "ordering": ["sampled_at"],
            },
        ),
        migrations.CreateModel(
            name="PolicyDraft",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("title", models.CharField(max_length=140)),
                ("document", models.JSONField()),
                ("note", models.CharField(blank=True, max_length=500)),
                ("author", models.CharField(max_length=80)),
                (
                    "version",
                    models.PositiveIntegerField(default=1, help_text="Rises with each save."),
                ),
                ("is_discarded", models.BooleanField(default=False)),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                (
                    "updated_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
            ],
            options={
                "ordering": ["-updated_at"],
            },
        ),
        migrations.CreateModel(
            name="PolicyStep",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("shadow", "Runs in shadow"),
                            ("shadow_end", "Shadow ended"),
                            ("published", "Published"),
                            ("withdrawn", "Withdrawn, never to be published"),
                        ],
                        max_length=10,
                    ),
                ),
                ("actor", models.CharField(max_length=80)),
                ("note", models.CharField(blank=True, max_length=500)),
                ("at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "ordering": ["-id"],
            },
        ),
        migrations.CreateModel(
            name="Rescreen",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "cause",
                    models.CharField(help_text="What changed, or who asked.", max_length=200),
                ),
                (
                    "since_lists",
                    models.JSONField(
                        default=dict,
                        help_text="Revision of each list before: only later names are compared.",
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "Waiting"),
                            ("running", "Running"),
                            ("done", "Done"),
                            ("failed", "Failed"),
                        ],
                        default="waiting",
                        max_length=8,
                    ),
                ),
                ("total", models.PositiveIntegerField(default=0)),
                ("done", models.PositiveIntegerField(default=0)),
                ("cursor", models.CharField(blank=True, max_length=200)),
                ("held", models.PositiveIntegerField(default=0)),
                ("raised", models.PositiveIntegerField(default=0)),
                (
                    "paid",
                    models.PositiveIntegerField(
                        default=0, help_text="Already sent: for a person to look at."
                    ),
                ),
                ("detail", models.CharField(blank=True, max_length=300)),
                ("actor", models.CharField(max_length=80)),
                ("claim_id", models.UUIDField(blank=True, null=True)),
                ("leased_until", models.DateTimeField(blank=True, null=True)),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "ordering": ["-id"],
            },
        ),
        migrations.CreateModel(
            name="RescreenHit",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("similarity", models.PositiveSmallIntegerField()),
                (
                    "outcome",
                    models.CharField(
                        choices=[
                            ("held", "Held for an officer"),
                            ("raised", "Added to an open case"),
                            ("paid", "Sent already"),
                        ],
                        max_length=6,
                    ),
                ),
                ("reviewed_at", models.DateTimeField(blank=True, null=True)),
                ("review_note", models.CharField(blank=True, max_length=500)),
            ],
            options={
                "ordering": ["-id"],
            },
        ),
        migrations.CreateModel(
            name="RuleSnooze",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("rule_code", models.CharField(max_length=40)),
                ("until", models.DateTimeField()),
                ("comment", models.CharField(max_length=500)),
                ("actor", models.CharField(max_length=80)),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                ("ended_by", models.CharField(blank=True, max_length=80)),
            ],
            options={
                "ordering": ["-id"],
            },
        ),
        migrations.CreateModel(
            name="SafeMatch",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "recipient_key",
                    models.CharField(
                        help_text="The name as `compliance.rules.names` normalises it.",
                        max_length=300,
                    ),
                ),
                ("recipient_name", models.CharField(max_length=140)),
                ("account_index", models.BinaryField(max_length=32)),
                ("account_last4", models.CharField(max_length=4)),
                ("party_hash", models.CharField(blank=True, max_length=64)),
                ("reason", models.CharField(max_length=500)),
                ("actor", models.CharField(max_length=80)),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("revoked_at", models.DateTimeField(blank=True, null=True)),
                ("revoked_by", models.CharField(blank=True, max_length=80)),
                ("revoked_because", models.CharField(blank=True, max_length=500)),
            ],
            options={
                "verbose_name_plural": "safe matches",
                "ordering": ["-id"],
            },
        ),
        migrations.CreateModel(
            name="SavedFilter",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=60)),
                (
                    "query",
                    models.CharField(help_text="The queue's address after the ?.", max_length=500),
                ),
                ("is_shared", models.BooleanField(default=False)),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
            ],
            options={
                "ordering": ["name"],
            },
        ),
        migrations.CreateModel(
            name="ShadowRun",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("verdict", models.CharField(max_length=8)),
                ("live_verdict", models.CharField(max_length=8)),
                ("score", models.PositiveSmallIntegerField(default=0)),
                ("findings", models.JSONField(default=list)),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
            ],
            options={
                "ordering": ["-id"],
            },
        ),
        migrations.CreateModel(
            name="ShadowTally",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("hour", models.DateTimeField()),
                ("screened", models.PositiveIntegerField(default=0)),
                ("both", models.PositiveIntegerField(default=0, help_text="Flagged by both.")),
                ("only_live", models.PositiveIntegerField(default=0)),
                ("only_shadow", models.PositiveIntegerField(default=0)),
            ],
        ),
        migrations.CreateModel(
            name="WatchlistImport",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("revision", models.PositiveIntegerField()),
                ("published_on", models.DateField()),
                (
                    "sources",
                    models.JSONField(help_text="Each file's name, size in bytes and SHA-256."),
                ),
                ("parties", models.PositiveIntegerField()),
                ("names", models.PositiveIntegerField()),
                ("added", models.PositiveIntegerField()),
                ("changed", models.PositiveIntegerField()),
                ("removed", models.PositiveIntegerField()),
                ("actor", models.CharField(max_length=80)),
                (
                    "imported_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
            ],
            options={
                "ordering": ["-id"],
            },
        ),
        migrations.CreateModel(
            name="WatchlistParty",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("subject", models.CharField(help_text="The publisher's id.", max_length=80)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("person", "Person"),
                            ("organisation", "Organisation"),
                            ("vessel", "Vessel"),
                            ("aircraft", "Aircraft"),
                            ("unknown", "Not said"),
                        ],
                        max_length=12,
                    ),
                ),
                (
                    "programs",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=80),
                        blank=True,
                        db_default=[],
                        default=list,
                        size=None,
                    ),
                ),
                (
                    "countries",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=80),
                        blank=True,
                        db_default=[],
                        default=list,
                        size=None,
                    ),
                ),
                (
                    "birth_dates",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=80),
                        blank=True,
                        db_default=[],
                        default=list,
                        size=None,
                    ),
                ),
                (
                    "addresses",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=400),
                        blank=True,
                        db_default=[],
                        default=list,
                        size=None,
                    ),
                ),
                ("remarks", models.TextField(blank=True, db_default="", default="")),
                (
                    "content_hash",
                    models.CharField(
                        blank=True,
                        db_default="",
                        default="",
                        help_text="SHA-256 over all that was imported of it: a change ends what relied on it.",
                        max_length=64,
                    ),
                ),
                ("added_in", models.PositiveIntegerField(db_default=1, default=1)),
                ("changed_in", models.PositiveIntegerField(db_default=1, default=1)),
                ("removed_in", models.PositiveIntegerField(blank=True, null=True)),
            ],
            options={
                "verbose_name_plural": "watchlist parties",
            },
        ),
        migrations.AlterModelOptions(
            name="watchlist",
            options={
                "ordering": ["code"],
                "permissions": [
                    ("import_watchlist", "Can import watchlists and switch them on and off")
                ],
            },
        ),
        migrations.RemoveConstraint(
            model_name="case",
            name="case_one_open_per_payout",
        ),
        migrations.RemoveConstraint(
            model_name="case",
            name="case_closed_at_fits_state",
        ),
        migrations.RemoveConstraint(
            model_name="watchlistentry",
            name="watchlist_name_once_per_subject",
        ),
        migrations.RemoveIndex(
            model_name="case",
            name="case_queue",
        ),
        migrations.RemoveIndex(
            model_name="case",
            name="case_queue_by_partner",
        ),
        migrations.RemoveIndex(
            model_name="case",
            name="case_closed",
        ),
        migrations.RenameField(
            model_name="policy",
            old_name="published_at",
            new_name="created_at",
        ),
        migrations.AddField(
            model_name="case",
            name="auto",
            field=models.CharField(
                blank=True,
                choices=[
                    ("", "Not eligible"),
                    ("eligible", "Eligible"),
                    ("holdout", "Held out for people to check"),
                ],
                db_default="",
                default="",
                help_text="What automatic approval made of it; no officer is shown a hold-out as one.",
                max_length=8,
            ),
        ),
        migrations.AddField(
            model_name="case",
            name="escalated_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="case",
            name="escalated_by",
            field=models.CharField(blank=True, db_default="", default="", max_length=80),
        ),
        migrations.AddField(
            model_name="case",
            name="escalation_note",
            field=models.CharField(blank=True, db_default="", default="", max_length=500),
        ),
        migrations.AddField(
            model_name="case",
            name="heartbeat_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="case",
            name="is_blocked",
            field=models.BooleanField(
                db_default=False, default=False, help_text="Only an override by a lead lets it go."
            ),
        ),
        migrations.AddField(
            model_name="case",
            name="origin",
            field=models.CharField(
                choices=[
                    ("screening", "Screening"),
                    ("rescreen", "A watchlist changed"),
                    ("undo", "An approval was undone"),
                ],
                db_default="screening",
                default="screening",
                max_length=9,
            ),
        ),
        migrations.AddField(
            model_name="case",
            name="raised_at",
            field=models.DateTimeField(
                blank=True, help_text="When a later screening last added a hit.", null=True
            ),
        ),
        migrations.AddField(
            model_name="case",
            name="rank_at",
            field=models.DateTimeField(
                help_text="The queue's order: the due time, drawn nearer by the amount.", null=True
            ),
        ),
        migrations.AddField(
            model_name="decision",
            name="about",
            field=models.ForeignKey(
                blank=True,
                help_text="The proposal this confirms or declines, or the approval this undoes.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="answers",
                to="compliance.decision",
            ),
        ),
        migrations.AddField(
            model_name="decision",
            name="bulk_id",
            field=atlaspay.core.models.ReferenceField(
                blank=True, db_default="", default="", help_text="Decided together.", max_length=32
            ),
        ),
        migrations.AddField(
            model_name="decision",
            name="format",
            field=models.PositiveSmallIntegerField(
                db_default=1, default=1, editable=False, help_text="Which columns the hash covers."
            ),
        ),
        migrations.AddField(
            model_name="decision",
            name="four_eyes",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=20),
                blank=True,
                db_default=[],
                default=list,
                help_text="Why a second officer was needed; empty where one was enough.",
                size=None,
            ),
        ),
        migrations.AddField(
            model_name="decision",
            name="opened_at",
            field=models.DateTimeField(
                blank=True,
                help_text="When the person took the case: the handling time's start.",
                null=True,
            ),
        ),
        migrations.AddField(
            model_name="decision",
            name="stage",
            field=models.CharField(
                choices=[
                    ("final", "Took effect"),
                    ("proposed", "Waits for a second officer"),
                    ("confirmed", "Confirmed as second officer"),
                    ("declined", "Declined as second officer"),
                ],
                db_default="final",
                default="final",
                max_length=9,
            ),
        ),
        migrations.AddField(
            model_name="historicalcase",
            name="auto",
            field=models.CharField(
                blank=True,
                choices=[
                    ("", "Not eligible"),
                    ("eligible", "Eligible"),
                    ("holdout", "Held out for people to check"),
                ],
                db_default="",
                default="",
                help_text="What automatic approval made of it; no officer is shown a hold-out as one.",
                max_length=8,
            ),
        ),
        migrations.AddField(
            model_name="historicalcase",
            name="escalated_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="historicalcase",
            name="escalated_by",
            field=models.CharField(blank=True, db_default="", default="", max_length=80),
        ),
        migrations.AddField(
            model_name="historicalcase",
            name="escalation_note",
            field=models.CharField(blank=True, db_default="", default="", max_length=500),
        ),
        migrations.AddField(
            model_name="historicalcase",
            name="heartbeat_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="historicalcase",
            name="is_blocked",
            field=models.BooleanField(
                db_default=False, default=False, help_text="Only an override by a lead lets it go."
            ),
        ),
        migrations.AddField(
            model_name="historicalcase",
            name="origin",
            field=models.CharField(
                choices=[
                    ("screening", "Screening"),
                    ("rescreen", "A watchlist changed"),
                    ("undo", "An approval was undone"),
                ],
                db_default="screening",
                default="screening",
                max_length=9,
            ),
        ),
        migrations.AddField(
            model_name="historicalcase",
            name="raised_at",
            field=models.DateTimeField(
                blank=True, help_text="When a later screening last added a hit.", null=True
            ),
        ),
        migrations.AddField(
            model_name="historicalcase",
            name="rank_at",
            field=models.DateTimeField(
                help_text="The queue's order: the due time, drawn nearer by the amount.", null=True
            ),
        ),
        migrations.AddField(
            model_name="policy",
            name="note",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="What changed, and why.",
                max_length=500,
            ),
        ),
        migrations.AddField(
            model_name="screeningrun",
            name="occasion",
            field=models.CharField(
                choices=[("intake", "Submitted"), ("rescreen", "A watchlist changed")],
                db_default="intake",
                default="intake",
                max_length=8,
            ),
        ),
        migrations.AddField(
            model_name="watchlist",
            name="format",
            field=models.CharField(
                choices=[
                    ("ofac", "OFAC CSV (sdn, alt, add)"),
                    ("un", "UN consolidated XML"),
                    ("opensanctions", "OpenSanctions targets.simple.csv"),
                    ("plain", "Plain CSV"),
                ],
                db_default="plain",
                default="plain",
                max_length=13,
            ),
        ),
        migrations.AddField(
            model_name="watchlist",
            name="is_active",
            field=models.BooleanField(
                db_default=True,
                default=True,
                help_text="An inactive list is kept and not screened against.",
            ),
        ),
        migrations.AddField(
            model_name="watchlistentry",
            name="added_in",
            field=models.PositiveIntegerField(db_default=1, default=1),
        ),
        migrations.AddField(
            model_name="watchlistentry",
            name="is_primary",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddField(
            model_name="watchlistentry",
            name="removed_in",
            field=models.PositiveIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="watchlistentry",
            name="strength",
            field=models.CharField(
                choices=[("strong", "Name or strong alias"), ("weak", "Weak alias")],
                db_default="strong",
                default="strong",
                max_length=6,
            ),
        ),
        migrations.AlterField(
            model_name="case",
            name="run",
            field=models.OneToOneField(
                help_text="The run that opened it; none where an approval was undone.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="case",
                to="compliance.screeningrun",
            ),
        ),
        migrations.AlterField(
            model_name="case",
            name="state",
            field=models.CharField(
                choices=[
                    ("open", "Open"),
                    ("second", "Waits for a second officer"),
                    ("decided", "Decided"),
                    ("withdrawn", "Withdrawn: the partner canceled the payout"),
                ],
                default="open",
                max_length=9,
            ),
        ),
        migrations.AlterField(
            model_name="decision",
            name="case",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="decisions",
                to="compliance.case",
            ),
        ),
        migrations.AlterField(
            model_name="decision",
            name="kind",
            field=models.CharField(
                choices=[
                    ("approve", "Approved"),
                    ("reject", "Rejected"),
                    ("override", "Overrode a block and approved"),
                    ("undo", "Undid an approval"),
                ],
                max_length=8,
            ),
        ),
        migrations.AlterField(
            model_name="historicalcase",
            name="run",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                help_text="The run that opened it; none where an approval was undone.",
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="compliance.screeningrun",
            ),
        ),
        migrations.AlterField(
            model_name="historicalcase",
            name="state",
            field=models.CharField(
                choices=[
                    ("open", "Open"),
                    ("second", "Waits for a second officer"),
                    ("decided", "Decided"),
                    ("withdrawn", "Withdrawn: the partner canceled the payout"),
                ],
                default="open",
                max_length=9,
            ),
        ),
        migrations.AlterField(
            model_name="screeningrun",
            name="verdict",
            field=models.CharField(
                choices=[
                    ("clear", "Clear"),
                    ("review", "Held for an officer"),
                    ("block", "Blocked: only an override lets it go"),
                ],
                max_length=8,
            ),
        ),
        migrations.AlterField(
            model_name="watchlistentry",
            name="name",
            field=models.CharField(max_length=350),
        ),
        migrations.AddIndex(
            model_name="case",
            index=models.Index(
                condition=models.Q(("state__in", ["open", "second"])),
                fields=["rank_at", "id"],
                name="case_queue",
            ),
        ),
        migrations.AddIndex(
            model_name="case",
            index=models.Index(
                condition=models.Q(("state__in", ["open", "second"])),
                fields=["due_at", "id"],
                name="case_by_due",
            ),
        ),
        migrations.AddIndex(
            model_name="case",
            index=models.Index(
                condition=models.Q(("state__in", ["open", "second"])),
                fields=["partner", "rank_at"],
                name="case_queue_by_partner",
            ),
        ),
        migrations.AddIndex(
            model_name="case",
            index=models.Index(
                condition=models.Q(("state__in", ["decided", "withdrawn"])),
                fields=["-closed_at"],
                name="case_closed",
            ),
        ),
        migrations.AddIndex(
            model_name="case",
            index=models.Index(
                condition=models.Q(("auto", "eligible"), ("state", "open")),
                fields=["rank_at", "id"],
                name="case_auto_eligible",
            ),
        ),
        migrations.AddIndex(
            model_name="decision",
            index=models.Index(fields=["user", "-decided_at"], name="decision_by_user"),
        ),
        migrations.AddIndex(
            model_name="decision",
            index=models.Index(fields=["-decided_at"], name="decision_by_time"),
        ),
        migrations.AddConstraint(
            model_name="case",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state__in", ["open", "second"])),
                fields=("payout",),
                name="case_one_waiting_per_payout",
            ),
        ),
        migrations.AddConstraint(
            model_name="case",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("closed_at", None), ("state__in", ["open", "second"])),
                    models.Q(("state__in", ["decided", "withdrawn"]), ("closed_at__isnull", False)),
                    _connector="OR",
                ),
                name="case_closed_at_fits_state",
            ),
        ),
        migrations.AddConstraint(
            model_name="case",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("run", None), _negated=True), ("origin", "undo"), _connector="OR"
                ),
                name="case_has_run_unless_undo",
            ),
        ),
        migrations.AddConstraint(
            model_name="decision",
            constraint=models.UniqueConstraint(
                condition=models.Q(("about__isnull", False)),
                fields=("about",),
                name="decision_answered_or_undone_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="decision",
            constraint=models.UniqueConstraint(
                condition=models.Q(
                    ("stage__in", ["final", "confirmed"]), models.Q(("kind", "undo"), _negated=True)
                ),
                fields=("case",),
                name="decision_one_in_effect_per_case",
            ),
        ),
        migrations.AddField(
            model_name="autoday",
            name="policy",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="compliance.autopolicy",
            ),
        ),
        migrations.AddField(
            model_name="autostep",
            name="case",
            field=models.ForeignKey(
                blank=True,
                help_text="The hold-out that showed the miss.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="compliance.case",
            ),
        ),
        migrations.AddField(
            model_name="autostep",
            name="policy",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="steps",
                to="compliance.autopolicy",
            ),
        ),
        migrations.AddField(
            model_name="backtest",
            name="policy",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="compliance.policy",
            ),
        ),
        migrations.AddField(
            model_name="backtest",
            name="user",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="blindreview",
            name="decision",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="blind_review",
                to="compliance.decision",
            ),
        ),
        migrations.AddField(
            model_name="blindreview",
            name="reviewer",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="policydraft",
            name="based_on",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="compliance.policy",
            ),
        ),
        migrations.AddField(
            model_name="policydraft",
            name="became",
            field=models.OneToOneField(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="draft",
                to="compliance.policy",
            ),
        ),
        migrations.AddField(
            model_name="backtest",
            name="draft",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="backtests",
                to="compliance.policydraft",
            ),
        ),
        migrations.AddField(
            model_name="policystep",
            name="policy",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="steps",
                to="compliance.policy",
            ),
        ),
        migrations.AddField(
            model_name="rescreenhit",
            name="entry",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="compliance.watchlistentry",
            ),
        ),
        migrations.AddField(
            model_name="rescreenhit",
            name="payout",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="payouts.payout"
            ),
        ),
        migrations.AddField(
            model_name="rescreenhit",
            name="rescreen",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="hits",
                to="compliance.rescreen",
            ),
        ),
        migrations.AddField(
            model_name="rescreenhit",
            name="reviewed_by",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="rulesnooze",
            name="partner",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="partners.partner"
            ),
        ),
        migrations.AddField(
            model_name="safematch",
            name="decision",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="compliance.decision",
            ),
        ),
        migrations.AddField(
            model_name="safematch",
            name="partner",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="partners.partner"
            ),
        ),
        migrations.AddField(
            model_name="savedfilter",
            name="user",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="saved_filters",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="shadowrun",
            name="policy",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="compliance.policy",
            ),
        ),
        migrations.AddField(
            model_name="shadowrun",
            name="run",
            field=models.ForeignKey(
                db_constraint=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="shadows",
                to="compliance.screeningrun",
            ),
        ),
        migrations.AddField(
            model_name="shadowtally",
            name="policy",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="compliance.policy",
            ),
        ),
        migrations.AddField(
            model_name="watchlistimport",
            name="watchlist",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="imports",
                to="compliance.watchlist",
            ),
        ),
        migrations.AddField(
            model_name="watchlistparty",
            name="watchlist",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="listed",
                to="compliance.watchlist",
            ),
        ),
        migrations.AddField(
            model_name="safematch",
            name="party",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="safe_matches",
                to="compliance.watchlistparty",
            ),
        ),
        migrations.AddField(
            model_name="watchlistentry",
            name="party",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="names",
                to="compliance.watchlistparty",
            ),
        ),
        migrations.AddConstraint(
            model_name="watchlistentry",
            constraint=models.UniqueConstraint(
                fields=("party", "name"), name="watchlist_name_once_a_party"
            ),
        ),
        migrations.AddConstraint(
            model_name="autoday",
            constraint=models.UniqueConstraint(
                fields=("policy", "day", "currency"), name="auto_day_once_a_currency"
            ),
        ),
        migrations.AddIndex(
            model_name="blindreview",
            index=models.Index(
                condition=models.Q(("reviewed_at", None)),
                fields=["sampled_at"],
                name="blind_review_waiting",
            ),
        ),
        migrations.AddIndex(
            model_name="policystep",
            index=models.Index(
                condition=models.Q(("kind", "published")),
                fields=["-id"],
                name="policy_step_published",
            ),
        ),
        migrations.AddIndex(
            model_name="rescreenhit",
            index=models.Index(
                condition=models.Q(("outcome", "paid"), ("reviewed_at", None)),
                fields=["-id"],
                name="rescreen_hit_waiting",
            ),
        ),
        migrations.AddConstraint(
            model_name="rescreenhit",
            constraint=models.UniqueConstraint(
                fields=("rescreen", "payout", "entry"), name="rescreen_hit_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="rulesnooze",
            constraint=models.UniqueConstraint(
                condition=models.Q(("ended_at", None)),
                fields=("partner", "rule_code"),
                name="rule_snooze_one_at_a_time",
            ),
        ),
        migrations.AddConstraint(
            model_name="savedfilter",
            constraint=models.UniqueConstraint(
                fields=("user", "name"), name="saved_filter_name_once"
            ),
        ),
        migrations.AddIndex(
            model_name="shadowrun",
            index=models.Index(fields=["policy", "-id"], name="shadow_run_by_policy"),
        ),
        migrations.AddConstraint(
            model_name="shadowtally",
            constraint=models.UniqueConstraint(
                fields=("policy", "hour"), name="shadow_tally_once_an_hour"
            ),
        ),
        migrations.AddConstraint(
            model_name="watchlistimport",
            constraint=models.UniqueConstraint(
                fields=("watchlist", "revision"), name="watchlist_import_once_a_revision"
            ),
        ),
        migrations.AddConstraint(
            model_name="watchlistparty",
            constraint=models.UniqueConstraint(
                fields=("watchlist", "subject"), name="watchlist_party_once_a_list"
            ),
        ),
        migrations.AddConstraint(
            model_name="safematch",
            constraint=models.UniqueConstraint(
                condition=models.Q(("revoked_at", None)),
                fields=("partner", "recipient_key", "account_index", "party"),
                name="safe_match_once",
            ),
        ),
    ]
