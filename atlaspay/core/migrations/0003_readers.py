"""Auditors and leads read the access log."""

from django.db import migrations

READERS = ["auditor", "lead"]


def make(apps, schema_editor):
    content_type, _ = apps.get_model("contenttypes", "ContentType").objects.get_or_create(
        app_label="core", model="accessevent"
    )
    permission, _ = apps.get_model("auth", "Permission").objects.get_or_create(
        content_type=content_type,
        codename="view_accessevent",
        defaults={"name": "Can view access event"},
    )
    for name in READERS:
        group, _ = apps.get_model("auth", "Group").objects.get_or_create(name=name)
        group.permissions.add(permission)


def unmake(apps, schema_editor):
    apps.get_model("auth", "Permission").objects.filter(
        content_type__app_label="core", codename="view_accessevent"
    ).delete()


class Migration(migrations.Migration):
    dependencies = [
        ("core", "0002_append_only"),
        # It makes the roles, and sets what they may: after it, this adds to them.
        ("compliance", "0004_roles"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [migrations.RunPython(make, unmake)]
