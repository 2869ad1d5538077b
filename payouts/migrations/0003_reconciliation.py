"""Reconciliation: what banks booked, kept as evidence, and the breaks between their books and ours.

Facts of entries, notices and breaks are fixed by row triggers: `WHEN` is decided before any
function runs, so that working out statuses costs nothing.
"""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

import atlaspay.core.models

FACTS = {
    "payouts_bankentry": [
        "id", "provider", "account_id", "reference", "kind", "amount_minor", "currency",
        "end_to_end_id", "bank_reference", "booked_at", "read_at",
    ],
    "payouts_banknotice": [
        "id", "provider", "account_id", "reference", "amount_minor", "currency", "end_to_end_id",
        "read_at",
    ],
    "payouts_reconciliationbreak": [
        "id", "provider", "kind", "subject", "entry_id", "payout_id", "currency", "expected_minor",
        "actual_minor", "detail", "opened_at",
    ],
}  # fmt: skip
KEPT = [*FACTS, "payouts_bankstatement"]


def _differs(names: list[str]) -> str:
    old, new = (", ".join(f'{row}."{name}"' for name in names) for row in ("OLD", "NEW"))
    return f"({new}) IS DISTINCT FROM ({old})"


SQL = """
CREATE FUNCTION payouts_refuse_row() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'row % of % is evidence: what it says never changes', OLD.id, TG_TABLE_NAME
        USING ERRCODE = 'check_violation', CONSTRAINT = 'reconciliation_facts';
END $$;
CREATE TRIGGER closed_stays BEFORE UPDATE ON payouts_reconciliationbreak
    FOR EACH ROW WHEN (OLD.resolved_at IS NOT NULL) EXECUTE FUNCTION payouts_refuse_row();
"""
SQL += "".join(
    f"CREATE TRIGGER facts_stay BEFORE UPDATE ON {table} FOR EACH ROW WHEN ({_differs(names)})"
    " EXECUTE FUNCTION payouts_refuse_row();\n"
    for table, names in FACTS.items()
)
SQL += "".join(
    f"CREATE TRIGGER no_delete BEFORE DELETE ON {table}"
    " FOR EACH STATEMENT EXECUTE FUNCTION payouts_refuse();\n"
    f"CREATE TRIGGER no_truncate BEFORE TRUNCATE ON {table}"
    " FOR EACH STATEMENT EXECUTE FUNCTION payouts_refuse();\n"
    for table in KEPT
)
REVERSE = "DROP TRIGGER closed_stays ON payouts_reconciliationbreak;\n"
REVERSE += "".join(f"DROP TRIGGER facts_stay ON {table};\n" for table in FACTS)
REVERSE += "".join(
    f"DROP TRIGGER no_delete ON {table}; DROP TRIGGER no_truncate ON {table};\n" for table in KEPT
)
REVERSE += "DROP FUNCTION payouts_refuse_row();"


class Migration(migrations.Migration):
    dependencies = [
        ("payouts", "0002_payout_law"),
    ]

    operations = [
        migrations.CreateModel(
            name="BankEntry",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("provider", models.CharField(max_length=48)),
                ("account_id", atlaspay.core.models.ReferenceField(max_length=64)),
                ("reference", atlaspay.core.models.ReferenceField(max_length=120)),
                ("kind", models.CharField(max_length=32)),
                (
                    "amount_minor",
                    models.BigIntegerField(help_text="Credit above zero, debit below."),
                ),
                ("currency", models.CharField(max_length=3)),
                ("end_to_end_id", atlaspay.core.models.ReferenceField(blank=True, max_length=64)),
                ("bank_reference", atlaspay.core.models.ReferenceField(blank=True, max_length=64)),
                ("booked_at", models.DateTimeField()),
                (
                    "read_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                (
                    "funding_reference",
                    atlaspay.core.models.ReferenceField(
                        blank=True,
                        default="",
                        help_text="Of the booking by fund_partner.",
                        max_length=64,
                    ),
                ),
                (
                    "statement_on",
                    models.DateField(
                        blank=True, help_text="The day whose statement carries it.", null=True
                    ),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("matched", "Matched"),
                            ("unmatched", "Known to the bank alone"),
                            ("broken", "Does not agree"),
                        ],
                        default="unmatched",
                        max_length=9,
                    ),
                ),
                ("cause", models.CharField(blank=True, default="", max_length=20)),
                (
                    "bank_changed",
                    models.CharField(
                        blank=True,
                        default="",
                        help_text="What a later reading said instead.",
                        max_length=300,
                    ),
                ),
                ("is_open", models.BooleanField(default=True)),
                (
                    "asked_at",
                    models.DateTimeField(
                        blank=True,
                        help_text="When the bank was asked about its payout because of it.",
                        null=True,
                    ),
                ),
                (
                    "attempt",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="bank_entries",
                        to="payouts.attempt",
                    ),
                ),
                (
                    "returned",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="bank_entries",
                        to="payouts.return",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "bank entries",
            },
        ),
        migrations.CreateModel(
            name="BankNotice",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("provider", models.CharField(max_length=48)),
                ("account_id", atlaspay.core.models.ReferenceField(max_length=64)),
                ("reference", atlaspay.core.models.ReferenceField(max_length=120)),
                ("amount_minor", models.BigIntegerField()),
                ("currency", models.CharField(max_length=3)),
                ("end_to_end_id", atlaspay.core.models.ReferenceField(blank=True, max_length=64)),
                (
                    "read_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                (
                    "is_open",
                    models.BooleanField(
                        default=True, help_text="Not yet seen to agree with its entry."
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("is_open", True)),
                        fields=["provider", "id"],
                        name="notice_open",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("provider", "account_id", "reference"), name="bank_notice_once"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="BankStatement",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("provider", models.CharField(max_length=48)),
                ("rail", models.CharField(max_length=16)),
                ("account_id", atlaspay.core.models.ReferenceField(max_length=64)),
                ("currency", models.CharField(max_length=3)),
                ("on", models.DateField()),
                ("begins_at", models.DateTimeField()),
                ("ends_at", models.DateTimeField()),
                ("opening_minor", models.BigIntegerField()),
                ("closing_minor", models.BigIntegerField()),
                ("entry_count", models.PositiveIntegerField()),
                ("entries_minor", models.BigIntegerField()),
                (
                    "problems",
                    models.JSONField(
                        blank=True,
                        default=list,
                        help_text="subject, expected_minor, actual_minor, detail.",
                    ),
                ),
                (
                    "read_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("provider", "account_id", "on"), name="bank_statement_once"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="BankStream",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("provider", models.CharField(max_length=48)),
                ("rail", models.CharField(max_length=16)),
                (
                    "kind",
                    models.CharField(
                        choices=[("entries", "Booked entries"), ("notices", "Notifications")],
                        max_length=8,
                    ),
                ),
                ("cursor", models.TextField(blank=True)),
                (
                    "read_at",
                    models.DateTimeField(
                        blank=True,
                        help_text="When its end was reached last; all before is stored.",
                        null=True,
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("provider", "rail", "kind"), name="bank_stream_once"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ReconciliationBreak",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("provider", models.CharField(max_length=48)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("ours_only", "Booked here, not by the bank"),
                            ("theirs_only", "Booked by the bank, not here"),
                            ("amount_differs", "Amounts differ"),
                            ("booked_twice", "Booked twice by the bank"),
                            ("state_differs", "Paid by the bank, refused here"),
                            ("entry_changed", "The bank changed an entry"),
                            ("notice_differs", "Notification and entry differ"),
                            ("statement_missing", "Missing from the day's statement"),
                            ("statement_differs", "Statement does not add up"),
                        ],
                        max_length=20,
                    ),
                ),
                (
                    "subject",
                    atlaspay.core.models.ReferenceField(
                        help_text="What it is about: entry:, attempt:, return:, funding:, …",
                        max_length=200,
                    ),
                ),
                ("currency", models.CharField(max_length=3)),
                (
                    "expected_minor",
                    models.BigIntegerField(help_text="What our books say the bank should show."),
                ),
                ("actual_minor", models.BigIntegerField(help_text="What the bank shows.")),
                ("detail", models.CharField(blank=True, max_length=300)),
                (
                    "opened_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("resolved_at", models.DateTimeField(blank=True, null=True)),
                ("resolved_by", models.CharField(blank=True, default="", max_length=80)),
                ("is_resolved_by_hand", models.BooleanField(default=False)),
                ("owner", models.CharField(blank=True, default="", max_length=80)),
                ("note", models.CharField(blank=True, default="", max_length=300)),
                (
                    "entry",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="breaks",
                        to="payouts.bankentry",
                    ),
                ),
                (
                    "payout",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="breaks",
                        to="payouts.payout",
                    ),
                ),
            ],
        ),
        migrations.AddIndex(
            model_name="bankentry",
            index=models.Index(
                condition=models.Q(("is_open", True)), fields=["provider", "id"], name="entry_open"
            ),
        ),
        migrations.AddIndex(
            model_name="bankentry",
            index=models.Index(
                condition=models.Q(("statement_on", None)),
                fields=["provider", "account_id", "booked_at"],
                name="entry_on_no_statement",
            ),
        ),
        migrations.AddIndex(
            model_name="bankentry",
            index=models.Index(
                condition=models.Q(("funding_reference", ""), _negated=True),
                fields=["funding_reference"],
                name="entry_funding",
            ),
        ),
        migrations.AddConstraint(
            model_name="bankentry",
            constraint=models.UniqueConstraint(
                fields=("provider", "account_id", "reference"), name="bank_entry_once"
            ),
        ),
        migrations.AddIndex(
            model_name="reconciliationbreak",
            index=models.Index(fields=["provider", "kind", "subject"], name="break_subject"),
        ),
        migrations.AddConstraint(
            model_name="reconciliationbreak",
            constraint=models.UniqueConstraint(
                condition=models.Q(("resolved_at", None)),
                fields=("provider", "kind", "subject"),
                name="break_open_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="reconciliationbreak",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("is_resolved_by_hand", False),
                    models.Q(("note", ""), _negated=True),
                    _connector="OR",
                ),
                name="break_by_hand_has_note",
            ),
        ),
        migrations.RunSQL(SQL, REVERSE),
    ]
