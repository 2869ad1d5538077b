"""What each import changed of whom, and names that are never changed: only ended."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

SQL = """
CREATE FUNCTION compliance_guard_entry() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.removed_in IS NOT NULL OR (NEW.id, NEW.party_id, NEW.name, NEW.is_primary, NEW.strength, NEW.added_in)
        IS DISTINCT FROM (OLD.id, OLD.party_id, OLD.name, OLD.is_primary, OLD.strength, OLD.added_in) THEN
        RAISE EXCEPTION 'listed name %: it can only be taken off, once', OLD.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'watchlist_entry_only_ended';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER guard BEFORE UPDATE ON compliance_watchlistentry FOR EACH ROW EXECUTE FUNCTION compliance_guard_entry();

CREATE FUNCTION compliance_guard_party() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.id, NEW.watchlist_id, NEW.subject, NEW.added_in)
        IS DISTINCT FROM (OLD.id, OLD.watchlist_id, OLD.subject, OLD.added_in) THEN
        RAISE EXCEPTION 'listed party %: who it is never changes', OLD.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'watchlist_party_fixed_columns';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER guard BEFORE UPDATE ON compliance_watchlistparty FOR EACH ROW EXECUTE FUNCTION compliance_guard_party();
""" + "".join(
    f"""
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON compliance_{table}
    FOR EACH STATEMENT EXECUTE FUNCTION compliance_refuse();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON compliance_{table} FOR EACH STATEMENT EXECUTE FUNCTION compliance_refuse();
"""
    for table in ("watchlistchange", "watchlistswitch")
)
BACK = """
DROP TRIGGER guard ON compliance_watchlistparty;
DROP FUNCTION compliance_guard_party;
DROP TRIGGER guard ON compliance_watchlistentry;
DROP FUNCTION compliance_guard_entry;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("compliance", "0010_decisions_guarded"),
    ]

    operations = [
        migrations.CreateModel(
            name="WatchlistChange",
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
                            ("added", "Added"),
                            ("changed", "Changed"),
                            ("removed", "Removed"),
                        ],
                        max_length=7,
                    ),
                ),
                ("before", models.JSONField(default=dict)),
                ("after", models.JSONField(default=dict)),
            ],
            options={
                "ordering": ["id"],
            },
        ),
        migrations.CreateModel(
            name="WatchlistSwitch",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("revision", models.PositiveIntegerField()),
                ("is_active", models.BooleanField()),
                ("reason", models.CharField(max_length=500)),
                ("actor", models.CharField(max_length=80)),
                ("at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "verbose_name_plural": "watchlist switches",
                "ordering": ["-id"],
            },
        ),
        migrations.RemoveConstraint(
            model_name="watchlistentry",
            name="watchlist_name_once_a_party",
        ),
        migrations.AddField(
            model_name="rescreen",
            name="days",
            field=models.PositiveSmallIntegerField(
                db_default=365,
                default=365,
                help_text="How far back recipients already paid are compared.",
            ),
        ),
        migrations.AddField(
            model_name="watchlistimport",
            name="accepted",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=20),
                blank=True,
                db_default=[],
                default=list,
                help_text="What it was told to let pass: shrink, mismatch, older.",
                size=None,
            ),
        ),
        migrations.AlterField(
            model_name="rescreen",
            name="cursor",
            field=models.CharField(
                blank=True, help_text="The payout compared last; newest first.", max_length=200
            ),
        ),
        migrations.AlterField(
            model_name="rescreen",
            name="paid",
            field=models.PositiveIntegerField(
                default=0, help_text="Sent already: a person looks at it."
            ),
        ),
        migrations.AlterField(
            model_name="watchlist",
            name="is_active",
            field=models.BooleanField(
                db_default=True,
                default=True,
                help_text="An inactive list is kept, and not compared with.",
            ),
        ),
        migrations.AddConstraint(
            model_name="watchlistentry",
            constraint=models.UniqueConstraint(
                condition=models.Q(("removed_in", None)),
                fields=("party", "name"),
                name="watchlist_name_once_a_party",
            ),
        ),
        migrations.AddField(
            model_name="watchlistchange",
            name="at_import",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="changes",
                to="compliance.watchlistimport",
            ),
        ),
        migrations.AddField(
            model_name="watchlistchange",
            name="party",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="changes",
                to="compliance.watchlistparty",
            ),
        ),
        migrations.AddField(
            model_name="watchlistswitch",
            name="watchlist",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="switches",
                to="compliance.watchlist",
            ),
        ),
        migrations.AddConstraint(
            model_name="watchlistchange",
            constraint=models.UniqueConstraint(
                fields=("at_import", "party"), name="watchlist_change_once_an_import"
            ),
        ),
        migrations.RunSQL(SQL, BACK),
    ]
