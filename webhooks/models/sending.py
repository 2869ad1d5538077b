"""What sending needs besides: the platform's signing keys, and mails to partners."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class SigningKey(models.Model):
    """The platform's Ed25519 key for `v1a` signatures; its public half is published."""

    kid = models.CharField(max_length=43, primary_key=True, db_collation="C")
    public_key = models.BinaryField()
    private_sealed = models.BinaryField()
    created_at = models.DateTimeField(db_default=Now())
    retired_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return self.kid


class MailMessage(models.Model):
    """A mail to a partner or one of its people, written with the fact it tells of, sent after.
    `kind` is its template, with the room before a full stop where another room writes it.

    `dedupe_key` keeps a storm of failures from becoming a storm of mails.
    """

    class State(models.TextChoices):
        PENDING = "pending", "Waiting to be sent"
        SENT = "sent", "Handed to the mail server"
        FAILED = "failed", "Given up"

    partner = models.ForeignKey("partners.Partner", on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=40)
    context = models.JSONField(default=dict)
    dedupe_key = models.CharField(max_length=120, unique=True, db_collation="C")
    state = models.CharField(max_length=8, choices=State.choices, default=State.PENDING)
    recipient = models.EmailField(blank=True)
    subject = models.CharField(max_length=200, blank=True)
    attempt_count = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField(db_default=Now())
    claim_id = models.UUIDField(null=True, blank=True)
    last_error = models.CharField(max_length=200, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [models.Index(fields=["due_at"], condition=Q(state="pending"), name="mail_due")]

    def __str__(self) -> str:
        return f"{self.kind} {self.state}"
