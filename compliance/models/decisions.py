"""Decision receipts: append-only, hash-chained by the database; and the blind second look."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from atlaspay.core.models import PublicIdField, ReferenceField


class Decision(models.Model):
    """One decision with all that was known: the row a later reader must be able to trust.

    `position`, `format`, `facts_hash`, `prev_hash`, `hash` and `decided_at` are set by the trigger
    whatever the writer says; `compliance.services.chain` describes the chain and recomputes it.
    """

    class Kind(models.TextChoices):
        APPROVE = "approve", "Approved"
        REJECT = "reject", "Rejected"
        OVERRIDE = "override", "Overrode a block and approved"
        UNDO = "undo", "Undid an approval"

    class Stage(models.TextChoices):
        FINAL = "final", "Took effect"
        PROPOSED = "proposed", "Waits for a second officer"
        CONFIRMED = "confirmed", "Confirmed as second officer"
        DECLINED = "declined", "Declined as second officer"

    TAKES_EFFECT = (Stage.FINAL, Stage.CONFIRMED)

    id = PublicIdField(prefix="dc")
    position = models.BigIntegerField(unique=True, db_default=0, editable=False)
    format = models.PositiveSmallIntegerField(
        default=1, db_default=1, editable=False, help_text="Which columns the hash covers."
    )
    case = models.ForeignKey("compliance.Case", on_delete=models.PROTECT, related_name="decisions")
    payout = models.ForeignKey("payouts.Payout", on_delete=models.PROTECT, related_name="decisions")
    kind = models.CharField(max_length=8, choices=Kind.choices)
    stage = models.CharField(
        max_length=9, choices=Stage.choices, default=Stage.FINAL, db_default=Stage.FINAL
    )
    about = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="answers",
        help_text="The proposal this confirms or declines, or the approval this undoes.",
    )
    four_eyes = ArrayField(
        models.CharField(max_length=20),
        default=list,
        db_default=[],
        blank=True,
        help_text="Why a second officer was needed; empty where one was enough.",
    )
    bulk_id = ReferenceField(
        max_length=32, blank=True, default="", db_default="", help_text="Decided together."
    )
    reason_code = models.CharField(max_length=40)
    internal_text = models.TextField(
        max_length=2000, help_text="For colleagues and auditors; no partner ever sees it."
    )
    partner_text = models.CharField(max_length=300, blank=True, help_text="What the partner reads.")
    actor = models.CharField(max_length=80)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
    )
    before = models.JSONField()
    after = models.JSONField()
    evidence = models.JSONField(help_text="Findings, facts and lists the officer saw.")
    policy = models.ForeignKey(
        "compliance.Policy", on_delete=models.PROTECT, related_name="+", db_index=False
    )
    facts_hash = models.BinaryField(
        max_length=32,
        db_default=b"",
        editable=False,
        help_text="SHA-256 of the evidence as PostgreSQL prints it.",
    )
    request_id = ReferenceField(max_length=64, blank=True, default="")
    opened_at = models.DateTimeField(
        null=True, blank=True, help_text="When the person took the case: the handling time's start."
    )
    decided_at = models.DateTimeField(db_default=Now(), editable=False)
    prev_hash = models.BinaryField(max_length=32, db_default=b"", editable=False)
    hash = models.BinaryField(max_length=32, db_default=b"", editable=False)

    class Meta:
        ordering = ["-position"]
        permissions = [("verify_audit", "Can verify and export the audit chain")]
        indexes = [
            models.Index(fields=["user", "-decided_at"], name="decision_by_user"),
            models.Index(fields=["-decided_at"], name="decision_by_time"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["about"],
                condition=Q(about__isnull=False),
                name="decision_answered_or_undone_once",
            ),
            models.UniqueConstraint(
                fields=["case"],
                condition=Q(stage__in=["final", "confirmed"]) & ~Q(kind="undo"),
                name="decision_one_in_effect_per_case",
            ),
        ]

    def __str__(self) -> str:
        return f"Decision {self.position}: {self.get_kind_display().lower()} {self.payout_id}"

    @property
    def is_in_effect(self) -> bool:
        """Say whether it moved the payout, rather than proposing or declining to."""
        return self.stage in self.TAKES_EFFECT


class BlindReview(models.Model):
    """A decided case judged once more by somebody who is not shown the decision: changes nothing,
    measures agreement."""

    class Opinion(models.TextChoices):
        APPROVE = "approve", "Would approve"
        REJECT = "reject", "Would reject"

    decision = models.OneToOneField(Decision, on_delete=models.PROTECT, related_name="blind_review")
    sampled_at = models.DateTimeField(db_default=Now())
    reviewer = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
    )
    opinion = models.CharField(max_length=8, choices=Opinion.choices, blank=True)
    reason_code = models.CharField(max_length=40, blank=True)
    text = models.CharField(max_length=500, blank=True)
    claimed_at = models.DateTimeField(null=True, blank=True)
    reviewed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["sampled_at"]
        indexes = [
            models.Index(
                fields=["sampled_at"], condition=Q(reviewed_at=None), name="blind_review_waiting"
            )
        ]

    def __str__(self) -> str:
        return f"Second look at {self.decision_id}"
