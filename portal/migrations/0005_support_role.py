"""Who may see members of partners in the console, and who may act on them.

A role of its own acts: whoever can take a second factor away is nearly in.
"""

from django.db import migrations

READ = {
    "view_membership": ("membership", "Can view membership"),
    "view_invitation": ("invitation", "Can view invitation"),
}
ACT = {"manage_member": ("membership", "Can suspend portal members and end their sessions")}
ROLES = {
    "support": {**READ, **ACT},
    "operator": READ,
    "lead": READ,
    "auditor": READ,
}


def make(apps, schema_editor):
    ContentType = apps.get_model("contenttypes", "ContentType")
    Permission = apps.get_model("auth", "Permission")
    Group = apps.get_model("auth", "Group")
    for role, wanted in ROLES.items():
        group, _ = Group.objects.get_or_create(name=role)
        for codename, (model, words) in wanted.items():
            content_type, _ = ContentType.objects.get_or_create(app_label="portal", model=model)
            permission, _ = Permission.objects.get_or_create(
                content_type=content_type, codename=codename, defaults={"name": words}
            )
            group.permissions.add(permission)
    partners, _ = ContentType.objects.get_or_create(app_label="partners", model="partner")
    permission, _ = Permission.objects.get_or_create(
        content_type=partners, codename="view_partner", defaults={"name": "Can view partner"}
    )
    Group.objects.get(name="support").permissions.add(permission)


class Migration(migrations.Migration):
    dependencies = [
        ("portal", "0004_suspended_members"),
        # It makes the other roles, and sets what they may: after it, this adds to them.
        ("compliance", "0004_roles"),
    ]

    operations = [migrations.RunPython(make, migrations.RunPython.noop)]
