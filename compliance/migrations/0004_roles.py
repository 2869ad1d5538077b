"""Roles as groups. Permissions are made here because Django makes its own only after all
migrations.

Officer decides; lead also overrides; author and publisher of rules are different people; auditor
reads and verifies and changes nothing; operator looks after rails and deliveries.
"""

from django.db import migrations

READ_PAYOUTS = [
    "payouts.view_batch",
    "payouts.view_payout",
    "payouts.view_attempt",
    "payouts.view_return",
    "payouts.view_bankcallback",
    "payouts.view_railstate",
    "partners.view_partner",
]
READ_REVIEW = [
    "compliance.view_case",
    "compliance.view_decision",
    "compliance.view_screeningrun",
    "compliance.view_policy",
    "compliance.view_watchlist",
    "compliance.view_watchlistentry",
]
READ_MONEY = [
    "ledger.view_account",
    "ledger.view_journal",
    "ledger.view_posting",
    "payouts.view_reconciliationbreak",
]
READ_WEBHOOKS = ["webhooks.view_event", "webhooks.view_endpoint", "webhooks.view_delivery"]
OWN = {
    "compliance.decide_case": "Can approve and reject held payouts",
    "compliance.override_decision": "Can override a decision, and be its second pair of eyes",
    "compliance.author_policy": "Can write policies",
    "compliance.publish_policy": "Can publish policies others wrote",
    "compliance.verify_audit": "Can verify and export the audit chain",
    "payouts.pause_rail": "Can pause and resume rails",
    "webhooks.retry_delivery": "Can retry deliveries",
}
MODEL_OF = {
    "decide_case": "case",
    "override_decision": "case",
    "author_policy": "policy",
    "publish_policy": "policy",
    "verify_audit": "decision",
    "pause_rail": "railstate",
    "retry_delivery": "delivery",
}
OFFICER = [*READ_REVIEW, *READ_PAYOUTS, *READ_WEBHOOKS, *READ_MONEY, "compliance.decide_case"]
ROLES = {
    "officer": OFFICER,
    "lead": [*OFFICER, "compliance.override_decision", "compliance.verify_audit"],
    "rule_author": [*READ_REVIEW, *READ_PAYOUTS, "compliance.author_policy"],
    "rule_publisher": [*READ_REVIEW, *READ_PAYOUTS, "compliance.publish_policy"],
    "auditor": [
        *READ_REVIEW,
        *READ_PAYOUTS,
        *READ_WEBHOOKS,
        *READ_MONEY,
        "partners.view_apikey",
        "compliance.verify_audit",
    ],
    "operator": [
        *READ_PAYOUTS,
        *READ_WEBHOOKS,
        *READ_MONEY,
        "partners.view_apikey",
        "payouts.pause_rail",
        "webhooks.retry_delivery",
    ],
}


def make(apps, schema_editor):
    ContentType = apps.get_model("contenttypes", "ContentType")
    Permission = apps.get_model("auth", "Permission")
    Group = apps.get_model("auth", "Group")
    made = {}
    for wanted in sorted({name for names in ROLES.values() for name in names}):
        app_label, codename = wanted.split(".")
        model = MODEL_OF.get(codename) or codename.partition("_")[2]
        content_type, _ = ContentType.objects.get_or_create(app_label=app_label, model=model)
        words = OWN.get(wanted) or f"Can view {apps.get_model(app_label, model)._meta.verbose_name}"
        made[wanted], _ = Permission.objects.get_or_create(
            content_type=content_type, codename=codename, defaults={"name": words}
        )
    for name, wanted in ROLES.items():
        group, _ = Group.objects.get_or_create(name=name)
        group.permissions.set([made[each] for each in wanted])


def unmake(apps, schema_editor):
    apps.get_model("auth", "Group").objects.filter(name__in=list(ROLES)).delete()


class Migration(migrations.Migration):
    dependencies = [
        ("compliance", "0003_first_policy"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
        ("ledger", "0001_initial"),
        ("partners", "0001_initial"),
        ("payouts", "0003_reconciliation"),
        ("payouts", "0002_payout_law"),
        ("webhooks", "0001_initial"),
    ]

    operations = [migrations.RunPython(make, unmake)]
