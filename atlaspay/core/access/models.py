"""Rows of the door: what happened at it, second factors, and failures counted.

Nothing here is readable by theft of the database: authenticator secrets are sealed, recovery codes
are keyed hashes (PCI DSS 8.3.2).
"""

from django.conf import settings
from django.db import models
from django.db.models.functions import Now


class AccessEvent(models.Model):
    """One thing that somebody did at the door or on a page worth logging; append-only by trigger.

    No foreign keys: the row must outlive what it speaks of.
    """

    class Kind(models.TextChoices):
        """What happened."""

        LOGIN = "login", "Signed in"
        LOGIN_FAILED = "login_failed", "Sign-in failed"
        LOCKED_OUT = "locked_out", "Locked out"
        LOGOUT = "logout", "Signed out"
        SESSION_ENDED = "session_ended", "Session ended"
        SECOND_FACTOR_ENROLLED = "second_factor_enrolled", "Second factor enrolled"
        SECOND_FACTOR_FAILED = "second_factor_failed", "Second factor failed"
        SECOND_FACTOR_RESET = "second_factor_reset", "Second factor reset"
        RECOVERY_CODE_USED = "recovery_code_used", "Recovery code used"
        RECOVERY_CODES_MADE = "recovery_codes_made", "Recovery codes made"
        VIEWED = "viewed", "Viewed"
        REFUSED = "refused", "Refused"
        EXPORTED = "exported", "Exported"
        VERIFIED = "verified", "Verified"
        STAFF_CHANGED = "staff_changed", "Staff changed"
        PASSWORD_CHANGED = "password_changed", "Password changed"
        MEMBER_CHANGED = "member_changed", "Portal member changed"

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField(db_default=Now(), editable=False)
    kind = models.CharField(max_length=32, choices=Kind)
    username = models.CharField(max_length=150, blank=True)
    user_id = models.BigIntegerField(null=True)
    address = models.GenericIPAddressField(null=True)
    method = models.CharField(max_length=8, blank=True)
    path = models.CharField(max_length=300, blank=True)
    object_type = models.CharField(max_length=64, blank=True)
    object_id = models.CharField(max_length=64, blank=True)
    request_id = models.CharField(max_length=64, blank=True)
    detail = models.CharField(max_length=500, blank=True)

    class Meta:
        app_label = "core"
        verbose_name_plural = "access log"
        default_permissions = ("view",)
        indexes = [
            models.Index(fields=["kind", "-id"], name="accessevent_kind"),
            models.Index(fields=["username", "-id"], name="accessevent_username"),
            models.Index(fields=["object_id", "-id"], name="accessevent_object"),
            models.Index(fields=["address", "-id"], name="accessevent_address"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.username} {self.id}"


class SecondFactor(models.Model):
    """A person's authenticator app. Enrolling again makes a new row, which ends the sessions that
    the old one opened.
    """

    id = models.BigAutoField(primary_key=True)
    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="second_factor"
    )
    sealed_secret = models.BinaryField()
    # Codes of this time step and before it are spent.
    last_step = models.BigIntegerField()
    enrolled_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        app_label = "core"
        default_permissions = ()

    def __str__(self) -> str:
        return f"second factor of {self.user_id}"


class RecoveryCode(models.Model):
    """One way in without the app, once."""

    id = models.BigAutoField(primary_key=True)
    factor = models.ForeignKey(SecondFactor, on_delete=models.CASCADE, related_name="recovery")
    code_hash = models.BinaryField()
    used_at = models.DateTimeField(null=True)

    class Meta:
        app_label = "core"
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["factor", "code_hash"], name="recoverycode_once")
        ]

    def __str__(self) -> str:
        return f"recovery code {self.id}"


class FailureCount(models.Model):
    """Failures of one kind by one subject since it was last quiet for the kind's whole period.

    `subject` is a keyed hash: people type passwords where names belong.
    """

    id = models.BigAutoField(primary_key=True)
    limit_name = models.CharField(max_length=16)
    subject = models.BinaryField()
    failures = models.PositiveIntegerField()
    forgotten_at = models.DateTimeField()

    class Meta:
        app_label = "core"
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["limit_name", "subject"], name="failurecount_subject")
        ]
        indexes = [models.Index(fields=["forgotten_at"], name="failurecount_forgotten")]

    def __str__(self) -> str:
        return f"{self.limit_name}: {self.failures}"
