"""What each role may do with the tables of the full compliance room."""

from django.db import migrations

READ = [
    "view_autopolicy",
    "view_autostep",
    "view_backtest",
    "view_policydraft",
    "view_policystep",
    "view_rescreen",
    "view_rescreenhit",
    "view_rulesnooze",
    "view_safematch",
    "view_shadowtally",
    "view_watchlistimport",
    "view_watchlistparty",
]
READERS = ["officer", "lead", "rule_author", "rule_publisher", "auditor"]
OWN = {"import_watchlist": "Can import watchlists and switch them on and off"}
MODEL_OF = {"import_watchlist": "watchlist"}
MORE = {
    "lead": ["import_watchlist"],
    "operator": ["import_watchlist", "view_watchlist", "view_watchlistimport"],
}


def make(apps, schema_editor):
    ContentType = apps.get_model("contenttypes", "ContentType")
    Permission = apps.get_model("auth", "Permission")
    Group = apps.get_model("auth", "Group")
    for role in {*READERS, *MORE}:
        group, _ = Group.objects.get_or_create(name=role)
        for codename in (READ if role in READERS else []) + MORE.get(role, []):
            model = MODEL_OF.get(codename) or codename.partition("_")[2]
            content_type, _ = ContentType.objects.get_or_create(app_label="compliance", model=model)
            words = (
                OWN.get(codename)
                or f"Can view {apps.get_model('compliance', model)._meta.verbose_name}"
            )
            permission, _ = Permission.objects.get_or_create(
                content_type=content_type, codename=codename, defaults={"name": words}
            )
            group.permissions.add(permission)


class Migration(migrations.Migration):
    dependencies = [("compliance", "0007_law_in_full"), ("compliance", "0004_roles")]

    operations = [migrations.RunPython(make, migrations.RunPython.noop)]
