"""Who wrote, published and armed, by the ids of people: names can change, ids cannot.

Rows from before keep their texts alone; drafts still being written learn the ids that fit.
"""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

SQL = """
CREATE FUNCTION compliance_guard_publisher() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM compliance_policy WHERE number = NEW.policy_id AND author_user_id = NEW.user_id)
        OR EXISTS (SELECT FROM compliance_policydraft
            WHERE became_id = NEW.policy_id AND NEW.user_id = ANY(editor_ids)) THEN
        RAISE EXCEPTION 'policy %: who wrote it cannot publish it', NEW.policy_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'policy_published_by_another';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER guard_publisher BEFORE INSERT ON compliance_policystep FOR EACH ROW
    WHEN (NEW.kind = 'published') EXECUTE FUNCTION compliance_guard_publisher();

CREATE FUNCTION compliance_guard_armer() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM compliance_autopolicy WHERE number = NEW.policy_id AND author_user_id = NEW.user_id) THEN
        RAISE EXCEPTION 'automatic approval %: who wrote it cannot arm it', NEW.policy_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'auto_policy_armed_by_another';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER guard_armer BEFORE INSERT ON compliance_autostep FOR EACH ROW
    WHEN (NEW.kind = 'armed') EXECUTE FUNCTION compliance_guard_armer();

UPDATE compliance_policydraft d SET
    author_user_id = (SELECT u.id FROM auth_user u WHERE 'user:' || u.username = d.author),
    editor_ids = coalesce((SELECT array_agg(u.id) FROM auth_user u WHERE 'user:' || u.username = ANY(d.editors)), '{}')
WHERE d.became_id IS NULL
    AND NOT EXISTS (SELECT FROM unnest(d.editors || ARRAY[d.author]) AS e(actor)
        WHERE NOT EXISTS (SELECT FROM auth_user u WHERE 'user:' || u.username = e.actor));
"""
REVERSE = """
DROP TRIGGER guard_armer ON compliance_autostep; DROP FUNCTION compliance_guard_armer();
DROP TRIGGER guard_publisher ON compliance_policystep; DROP FUNCTION compliance_guard_publisher();
"""


def person():
    return models.ForeignKey(
        blank=True,
        null=True,
        on_delete=django.db.models.deletion.PROTECT,
        related_name="+",
        to=settings.AUTH_USER_MODEL,
    )


class Migration(migrations.Migration):
    dependencies = [
        ("compliance", "0015_case_decided_by_partner"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField("policy", "author_user", person()),
        migrations.AddField("policydraft", "author_user", person()),
        migrations.AddField(
            "policydraft",
            "editor_ids",
            django.contrib.postgres.fields.ArrayField(
                base_field=models.BigIntegerField(), blank=True, db_default=[], default=list
            ),
        ),
        migrations.AddField("policystep", "user", person()),
        migrations.AddField("autopolicy", "author_user", person()),
        migrations.AddField("autostep", "user", person()),
        migrations.RunSQL(SQL, REVERSE),
    ]
