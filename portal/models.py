"""Who of a partner may come into the portal, who is asked to, and files on their way in."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from simple_history.models import HistoricalRecords

from atlaspay.core.history import ActorHistory
from atlaspay.core.models import PublicIdField, ReferenceField


class Role(models.TextChoices):
    """What somebody is to a partner; what each may do is in `portal.rights`."""

    OWNER = "owner", "Owner"
    OPERATOR = "operator", "Operator"
    DEVELOPER = "developer", "Developer"
    VIEWER = "viewer", "Viewer"


class Membership(models.Model):
    """A person's place at a partner. Staff have none; who has several switches between them."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships"
    )
    partner = models.ForeignKey(
        "partners.Partner", on_delete=models.PROTECT, related_name="memberships"
    )
    role = models.CharField(max_length=9, choices=Role)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    last_entered_at = models.DateTimeField(
        null=True,
        blank=True,
        editable=False,
        help_text="Signed in to this partner's portal, or switched to it.",
    )
    suspended_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="By the platform's support, until let in."
    )
    sessions_ended_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="Sessions that began before it are over."
    )

    history = HistoricalRecords(bases=[ActorHistory], excluded_fields=["last_entered_at"])

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "partner"], name="membership_once"),
            models.CheckConstraint(condition=Q(role__in=Role.values), name="membership_role"),
        ]
        permissions = [("manage_member", "Can suspend portal members and end their sessions")]

    def __str__(self) -> str:
        return f"{self.user.get_username()} at {self.partner.name}"


class Invitation(models.Model):
    """A one-time link. Only the keyed hash of its token is kept.

    Until its mail is sent there is a seed, of which the server's key makes the token once more.
    """

    partner = models.ForeignKey(
        "partners.Partner", on_delete=models.PROTECT, related_name="invitations"
    )
    email = models.EmailField()
    role = models.CharField(max_length=9, choices=Role)
    token_hash = models.BinaryField(max_length=32, unique=True)
    seed = models.BinaryField(max_length=16, null=True, editable=False)
    invited_by = models.CharField(max_length=80)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["partner", "email"],
                condition=Q(accepted_at=None, revoked_at=None),
                name="invitation_one_open",
            ),
            models.CheckConstraint(condition=Q(role__in=Role.values), name="invitation_role"),
        ]

    def __str__(self) -> str:
        return f"{self.email} to {self.partner.name}"


class Upload(models.Model):
    """A batch file between its preview and its submission.

    The file names accounts: it is sealed, and dropped once it is submitted or a day old. The row
    stays, so that submitting it again, by a second click or the back button, leads to its batch.
    """

    id = PublicIdField(prefix="up")
    partner = models.ForeignKey("partners.Partner", on_delete=models.PROTECT, related_name="+")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    filename = models.CharField(max_length=120)
    parameters = models.JSONField(default=dict)
    notes = models.JSONField(default=list, blank=True, help_text="How the file was read.")
    sealed_body = models.BinaryField(null=True)
    batch_id = ReferenceField(blank=True, default="")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        indexes = [
            models.Index(
                fields=["created_at"],
                condition=Q(sealed_body__isnull=False),
                name="portal_upload_held",
            )
        ]

    def __str__(self) -> str:
        return self.id
