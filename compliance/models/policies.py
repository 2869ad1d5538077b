"""Policies and watchlists: what payouts are screened against."""

from django.db import models
from django.db.models.functions import Now


class Policy(models.Model):
    """An immutable, numbered set of rules. The highest number is the live one; going back means
    publishing again."""

    number = models.PositiveSmallIntegerField(primary_key=True)
    title = models.CharField(max_length=140)
    document = models.JSONField(
        help_text="Rules with their parameters and weights, and the thresholds."
    )
    author = models.CharField(max_length=80)
    publisher = models.CharField(max_length=80)
    published_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["-number"]
        verbose_name_plural = "policies"
        permissions = [
            ("author_policy", "Can write policies"),
            ("publish_policy", "Can publish policies others wrote"),
        ]

    def __str__(self) -> str:
        return f"Policy {self.number}"


class Watchlist(models.Model):
    """One list of names. `revision` rises with every change of its entries, so that workers know to
    index it anew."""

    code = models.CharField(max_length=20, primary_key=True)
    title = models.CharField(max_length=140)
    published_on = models.DateField(help_text="As printed on the list by its publisher.")
    revision = models.PositiveIntegerField(default=1)
    imported_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["code"]

    def __str__(self) -> str:
        return f"{self.title} of {self.published_on:%d %b %Y}"


class WatchlistEntry(models.Model):
    """One listed name. An alias is an entry of its own with the same `subject`."""

    class Kind(models.TextChoices):
        PERSON = "person", "Person"
        ORGANISATION = "organisation", "Organisation"

    watchlist = models.ForeignKey(Watchlist, on_delete=models.PROTECT, related_name="entries")
    subject = models.CharField(
        max_length=40, help_text="The publisher's id of the person or organisation."
    )
    name = models.CharField(max_length=200)
    kind = models.CharField(max_length=12, choices=Kind.choices)
    note = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["watchlist", "subject", "name"], name="watchlist_name_once_per_subject"
            )
        ]
        ordering = ["name"]
        verbose_name_plural = "watchlist entries"

    def __str__(self) -> str:
        return self.name
