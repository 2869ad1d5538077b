"""Heads of the decision chain, chained themselves; verifications that stay once they ended.

hash(n) = sha256(netstrings of hash(n-1), number, position, decision hash, marks, at in
microseconds); see `compliance/services/audit/heads.py`, which recomputes it.
"""

import django.db.models.functions.datetime
from django.db import migrations, models

SQL = """
CREATE FUNCTION compliance_chain_head() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE last record; receipt record;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('compliance_audithead'), 1);
    SELECT number, hash INTO last FROM compliance_audithead ORDER BY number DESC LIMIT 1;
    SELECT position, hash INTO receipt FROM compliance_decision ORDER BY position DESC LIMIT 1;
    NEW.number := coalesce(last.number, 0) + 1;
    NEW.at := clock_timestamp();
    NEW.position := coalesce(receipt.position, 0);
    NEW.decision_hash := coalesce(receipt.hash, sha256('atlaspay decision chain'));
    NEW.prev_hash := coalesce(last.hash, sha256('atlaspay audit heads'));
    NEW.hash := sha256(convert_to(
        compliance_netstring(encode(NEW.prev_hash, 'hex')) || compliance_netstring(NEW.number::text)
        || compliance_netstring(NEW.position::text) || compliance_netstring(encode(NEW.decision_hash, 'hex'))
        || compliance_netstring(NEW.marks::text)
        || compliance_netstring(((extract(epoch FROM NEW.at) * 1000000)::bigint)::text), 'UTF8'));
    RETURN NEW;
END $$;
CREATE TRIGGER chain BEFORE INSERT ON compliance_audithead FOR EACH ROW EXECUTE FUNCTION compliance_chain_head();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON compliance_audithead
    FOR EACH STATEMENT EXECUTE FUNCTION compliance_refuse();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON compliance_audithead
    FOR EACH STATEMENT EXECUTE FUNCTION compliance_refuse();

CREATE FUNCTION compliance_guard_verification() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'verification % has ended and stays as it is', OLD.id
        USING ERRCODE = 'check_violation', CONSTRAINT = 'verification_stays';
END $$;
CREATE TRIGGER guard BEFORE UPDATE ON compliance_verification FOR EACH ROW WHEN (OLD.finished_at IS NOT NULL)
    EXECUTE FUNCTION compliance_guard_verification();
CREATE TRIGGER no_delete BEFORE DELETE ON compliance_verification
    FOR EACH STATEMENT EXECUTE FUNCTION compliance_refuse();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON compliance_verification
    FOR EACH STATEMENT EXECUTE FUNCTION compliance_refuse();
"""
READERS = ["auditor", "lead"]
CODENAMES = ["view_audithead", "view_verification"]


def let_read(apps, schema_editor):
    ContentType = apps.get_model("contenttypes", "ContentType")
    Permission = apps.get_model("auth", "Permission")
    Group = apps.get_model("auth", "Group")
    for codename in CODENAMES:
        model = codename.partition("_")[2]
        content_type, _ = ContentType.objects.get_or_create(app_label="compliance", model=model)
        words = f"Can view {apps.get_model('compliance', model)._meta.verbose_name}"
        permission, _ = Permission.objects.get_or_create(
            content_type=content_type, codename=codename, defaults={"name": words}
        )
        for role in READERS:
            group, _ = Group.objects.get_or_create(name=role)
            group.permissions.add(permission)


class Migration(migrations.Migration):
    # Going back would drop evidence.
    dependencies = [("compliance", "0011_watchlist_versions"), ("compliance", "0004_roles")]

    operations = [
        migrations.CreateModel(
            name="AuditHead",
            fields=[
                (
                    "number",
                    models.BigIntegerField(
                        db_default=0, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), editable=False
                    ),
                ),
                ("position", models.BigIntegerField(db_default=0, editable=False)),
                ("decision_hash", models.BinaryField(db_default=b"", max_length=32)),
                (
                    "marks",
                    models.JSONField(
                        default=dict,
                        help_text="A table's rows so far, its last id, and the SHA-256 over them.",
                    ),
                ),
                ("prev_hash", models.BinaryField(db_default=b"", max_length=32)),
                ("hash", models.BinaryField(db_default=b"", max_length=32)),
            ],
            options={"verbose_name": "anchored head", "ordering": ["-number"]},
        ),
        migrations.CreateModel(
            name="Verification",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "Waiting"),
                            ("running", "Running"),
                            ("done", "Done"),
                            ("failed", "Given up"),
                        ],
                        default="waiting",
                        max_length=8,
                    ),
                ),
                ("is_sound", models.BooleanField(help_text="Whether every check held.", null=True)),
                (
                    "replays_all",
                    models.BooleanField(
                        default=False,
                        help_text="Every screening run is judged again, not a sample.",
                    ),
                ),
                ("actor", models.CharField(max_length=80)),
                (
                    "done",
                    models.PositiveIntegerField(default=0, help_text="Rows looked at so far."),
                ),
                ("total", models.PositiveIntegerField(default=0)),
                (
                    "work",
                    models.JSONField(default=dict, help_text="Where it stands while it runs."),
                ),
                (
                    "checks",
                    models.JSONField(
                        default=list, help_text="Each check with the first row breaking it."
                    ),
                ),
                ("figures", models.JSONField(default=dict)),
                (
                    "position",
                    models.BigIntegerField(default=0, help_text="The last receipt verified."),
                ),
                ("head", models.CharField(blank=True, default="", max_length=64)),
                ("detail", models.CharField(blank=True, default="", max_length=300)),
                ("claim_id", models.UUIDField(blank=True, null=True)),
                ("leased_until", models.DateTimeField(blank=True, null=True)),
                (
                    "asked_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "ordering": ["-id"],
                "indexes": [
                    models.Index(
                        fields=["id"],
                        condition=models.Q(("state__in", ["waiting", "running"])),
                        name="verification_waiting",
                    )
                ],
            },
        ),
        migrations.AddIndex(
            model_name="screeningrun",
            index=models.Index(
                fields=["payout"],
                condition=models.Q(("verdict", "clear"), _negated=True),
                name="screening_run_flagged",
            ),
        ),
        migrations.RunSQL(SQL),
        migrations.RunPython(let_read, migrations.RunPython.noop),
    ]
