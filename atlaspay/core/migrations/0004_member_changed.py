"""The access log knows changes of portal members."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("core", "0003_readers"),
    ]

    operations = [
        migrations.AlterField(
            model_name="accessevent",
            name="kind",
            field=models.CharField(
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
                    ("member_changed", "Portal member changed"),
                ],
                max_length=32,
            ),
        ),
    ]
