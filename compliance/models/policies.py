"""Policies: what payouts are screened against, how a version came to be, and what was tried."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class Policy(models.Model):
    """An immutable, numbered set of rules. What it is used for is in its `PolicyStep`s."""

    number = models.PositiveSmallIntegerField(primary_key=True)
    title = models.CharField(max_length=140)
    document = models.JSONField(
        help_text="Rules with their parameters and weights, and the thresholds."
    )
    author = models.CharField(max_length=80)
    author_user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    note = models.CharField(
        max_length=500, blank=True, default="", db_default="", help_text="What changed, and why."
    )
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["-number"]
        verbose_name_plural = "policies"
        permissions = [
            ("author_policy", "Can write policies"),
            ("publish_policy", "Can publish policies others wrote"),
        ]

    def __str__(self) -> str:
        return f"Policy {self.number}"


class PolicyStep(models.Model):
    """One step of a version's life. Append-only; the latest `published` names the live policy."""

    class Kind(models.TextChoices):
        SHADOW = "shadow", "Runs in shadow"
        SHADOW_END = "shadow_end", "Shadow ended"
        PUBLISHED = "published", "Published"
        WITHDRAWN = "withdrawn", "Withdrawn, never to be published"

    policy = models.ForeignKey(Policy, on_delete=models.PROTECT, related_name="steps")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    actor = models.CharField(max_length=80)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    note = models.CharField(max_length=500, blank=True)
    at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(
                fields=["-id"], condition=Q(kind="published"), name="policy_step_published"
            )
        ]

    def __str__(self) -> str:
        return f"{self.policy_id}: {self.get_kind_display().lower()}"


class PolicyDraft(models.Model):
    """A policy being written. Freezing it makes the numbered version; the draft then stays as it
    was."""

    title = models.CharField(max_length=140)
    document = models.JSONField()
    note = models.CharField(max_length=500, blank=True)
    based_on = models.ForeignKey(
        Policy, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    became = models.OneToOneField(
        Policy, on_delete=models.PROTECT, null=True, blank=True, related_name="draft"
    )
    author = models.CharField(max_length=80)
    author_user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    editors = ArrayField(
        models.CharField(max_length=80),
        default=list,
        db_default=[],
        blank=True,
        help_text="Everybody who saved it, the latest last: none of them may publish what it"
        " becomes.",
    )
    editor_ids = ArrayField(models.BigIntegerField(), default=list, db_default=[], blank=True)
    version = models.PositiveIntegerField(default=1, help_text="Rises with each save.")
    is_discarded = models.BooleanField(default=False)
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["-updated_at"]

    def __str__(self) -> str:
        return f"Draft “{self.title}”"


class RuleSnooze(models.Model):
    """One rule held silent for one partner until a time. Its hits stay in the run as `snoozed`."""

    partner = models.ForeignKey("partners.Partner", on_delete=models.PROTECT, related_name="+")
    rule_code = models.CharField(max_length=40)
    until = models.DateTimeField()
    comment = models.CharField(max_length=500)
    actor = models.CharField(max_length=80)
    created_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.CharField(max_length=80, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["partner", "rule_code"],
                condition=Q(ended_at=None),
                name="rule_snooze_one_at_a_time",
            )
        ]

    def __str__(self) -> str:
        return f"{self.rule_code} snoozed until {self.until:%Y-%m-%d %H:%M}"


class ShadowRun(models.Model):
    """What a shadow policy said of a payout that it or the live policy flagged; moves nothing."""

    policy = models.ForeignKey(Policy, on_delete=models.PROTECT, related_name="+", db_index=False)
    run = models.ForeignKey(
        "compliance.ScreeningRun",
        on_delete=models.PROTECT,
        related_name="shadows",
        db_constraint=False,
    )
    verdict = models.CharField(max_length=8)
    live_verdict = models.CharField(max_length=8)
    score = models.PositiveSmallIntegerField(default=0)
    findings = models.JSONField(default=list)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["policy", "-id"], name="shadow_run_by_policy")]

    def __str__(self) -> str:
        return f"{self.policy_id}: {self.verdict} ({self.live_verdict} live)"


class ShadowTally(models.Model):
    """How many payouts a shadow policy saw in an hour, by what it and the live policy said."""

    policy = models.ForeignKey(Policy, on_delete=models.PROTECT, related_name="+")
    hour = models.DateTimeField()
    screened = models.PositiveIntegerField(default=0)
    both = models.PositiveIntegerField(default=0, help_text="Flagged by both.")
    only_live = models.PositiveIntegerField(default=0)
    only_shadow = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["policy", "hour"], name="shadow_tally_once_an_hour")
        ]

    def __str__(self) -> str:
        return f"{self.policy_id}, {self.hour:%Y-%m-%d %H}:00"


class Backtest(models.Model):
    """A policy or draft run over past payouts; `totals` holds the figures its page and the command
    print."""

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"
        STOPPED = "stopped", "Stopped"

    title = models.CharField(max_length=140)
    document = models.JSONField(help_text="What was tried, as it was.")
    policy = models.ForeignKey(
        Policy, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    draft = models.ForeignKey(
        PolicyDraft, on_delete=models.SET_NULL, null=True, blank=True, related_name="backtests"
    )
    since = models.DateTimeField()
    until = models.DateTimeField()
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    total = models.PositiveIntegerField(default=0, help_text="Payouts in the range.")
    done = models.PositiveIntegerField(default=0)
    cursor = models.CharField(max_length=32, blank=True, help_text="The last payout tried.")
    totals = models.JSONField(default=dict)
    detail = models.CharField(max_length=300, blank=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    actor = models.CharField(max_length=80)
    claim_id = models.UUIDField(null=True, blank=True)
    leased_until = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"Backtest of “{self.title}”"


class AutoPolicy(models.Model):
    """An immutable, numbered rule of what may be approved without a person. See `AutoStep`."""

    number = models.PositiveSmallIntegerField(primary_key=True)
    document = models.JSONField(
        help_text="Caps a payout and a day, rules it may answer, the record they need, hold-out."
    )
    author = models.CharField(max_length=80)
    author_user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    note = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["-number"]
        verbose_name_plural = "automatic approval policies"

    def __str__(self) -> str:
        return f"Automatic approval {self.number}"


class AutoStep(models.Model):
    """Armed by a person who did not write it; disarmed by a person, or by the system at a miss."""

    class Kind(models.TextChoices):
        ARMED = "armed", "Armed"
        DISARMED = "disarmed", "Disarmed"
        STOPPED = "stopped", "Stopped by itself"

    policy = models.ForeignKey(AutoPolicy, on_delete=models.PROTECT, related_name="steps")
    kind = models.CharField(max_length=8, choices=Kind.choices)
    actor = models.CharField(max_length=80)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    note = models.CharField(max_length=500, blank=True)
    case = models.ForeignKey(
        "compliance.Case",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text="The hold-out that showed the miss.",
    )
    at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.policy_id}: {self.get_kind_display().lower()}"


class AutoDay(models.Model):
    """What automatic approval let go on a day, by currency: held against the caps under lock."""

    policy = models.ForeignKey(AutoPolicy, on_delete=models.PROTECT, related_name="+")
    day = models.DateField(help_text="In UTC.")
    currency = models.CharField(max_length=3)
    count = models.PositiveIntegerField(default=0)
    total_minor = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["policy", "day", "currency"], name="auto_day_once_a_currency"
            )
        ]

    def __str__(self) -> str:
        return f"{self.day}: {self.count}"
