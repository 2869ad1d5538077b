"""Partners (marketplaces), their API keys, and the record that makes their requests repeatable."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from simple_history.models import HistoricalRecords

from atlaspay.core.history import ActorHistory
from atlaspay.core.models import PublicIdField, ReferenceField


class Scope(models.TextChoices):
    """What a key may do."""

    PAYOUTS_WRITE = "payouts:write", "Create and cancel payouts"
    PAYOUTS_READ = "payouts:read", "Read batches and payouts"
    WEBHOOKS_WRITE = "webhooks:write", "Manage webhook endpoints"
    WEBHOOKS_READ = "webhooks:read", "Read endpoints, events and deliveries"
    BALANCE_READ = "balance:read", "Read balance and ledger entries"


class Partner(models.Model):
    """A marketplace that pays its sellers through AtlasPay."""

    class Status(models.TextChoices):
        ACTIVE = "active", "Active"
        PAUSED = "paused", "Paused: accepts nothing, sends nothing"

    id = PublicIdField(prefix="pt")
    name = models.CharField(max_length=140)
    email = models.EmailField(help_text="Told when webhook retries are exhausted.")
    country = models.CharField(max_length=2, default="NL")
    status = models.CharField(max_length=8, choices=Status.choices, default=Status.ACTIVE)
    created_at = models.DateTimeField(auto_now_add=True)

    history = HistoricalRecords(bases=[ActorHistory])

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return self.name


class ApiKey(models.Model):
    """A partner's key: readable prefix, HMAC of the secret, duties and limits. The secret itself
    is never stored.
    """

    class Mode(models.TextChoices):
        TEST = "test", "Test"
        LIVE = "live", "Live"

    id = PublicIdField(prefix="key")
    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, related_name="api_keys")
    name = models.CharField(max_length=80)
    mode = models.CharField(max_length=4, choices=Mode.choices, default=Mode.TEST)
    prefix = models.CharField(max_length=24, unique=True, db_collation="C")
    secret_hash = models.BinaryField(max_length=32)
    scopes = ArrayField(models.CharField(max_length=20, choices=Scope.choices), default=list)
    cidrs = ArrayField(models.CharField(max_length=43), default=list, blank=True)
    rotated_from = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="successors"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    history = HistoricalRecords(
        bases=[ActorHistory], excluded_fields=["last_used_at", "secret_hash"]
    )

    class Meta:
        ordering = ["-created_at"]
        verbose_name = "API key"

    def __str__(self) -> str:
        return f"{self.prefix}… ({self.name})"


class IdempotencyRecord(models.Model):
    """The first answer to a key, kept as long as the object it made.

    `fingerprint` is the HMAC of the canonical request; `digests` holds eight bytes for each named
    part of it, so that a reuse with another body can be told which parts differ without keeping
    the body.
    """

    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, related_name="+")
    key = models.CharField(max_length=255, db_collation="C")
    operation = models.CharField(max_length=40)
    fingerprint = models.BinaryField(max_length=32)
    digests = models.JSONField(default=dict)
    object_id = ReferenceField()
    response_status = models.PositiveSmallIntegerField()
    response_body = models.TextField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["partner", "key"], name="idempotency_key_once_per_partner"
            )
        ]

    def __str__(self) -> str:
        return f"{self.operation} {self.object_id}"
