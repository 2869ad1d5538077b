"""Watchlists as imported, who is on them, and who was found to be somebody else."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class Watchlist(models.Model):
    """One list. `revision` rises with every change of its names, so that workers index it anew."""

    class Format(models.TextChoices):
        OFAC = "ofac", "OFAC CSV (sdn, alt, add)"
        UN = "un", "UN consolidated XML"
        OPENSANCTIONS = "opensanctions", "OpenSanctions targets.simple.csv"
        PLAIN = "plain", "Plain CSV"

    code = models.CharField(max_length=20, primary_key=True)
    title = models.CharField(max_length=140)
    format = models.CharField(
        max_length=13, choices=Format.choices, default=Format.PLAIN, db_default=Format.PLAIN
    )
    published_on = models.DateField(help_text="As printed on the list by its publisher.")
    revision = models.PositiveIntegerField(default=1)
    is_active = models.BooleanField(
        default=True, db_default=True, help_text="An inactive list is kept, and not compared with."
    )
    imported_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["code"]
        permissions = [("import_watchlist", "Can import watchlists and switch them on and off")]

    def __str__(self) -> str:
        return f"{self.title} of {self.published_on:%d %b %Y}"


class WatchlistImport(models.Model):
    """One import of a list, with what it changed. Append-only."""

    watchlist = models.ForeignKey(Watchlist, on_delete=models.PROTECT, related_name="imports")
    revision = models.PositiveIntegerField()
    published_on = models.DateField()
    sources = models.JSONField(help_text="Each file's name, size in bytes and SHA-256.")
    parties = models.PositiveIntegerField()
    names = models.PositiveIntegerField()
    added = models.PositiveIntegerField()
    changed = models.PositiveIntegerField()
    removed = models.PositiveIntegerField()
    accepted = ArrayField(
        models.CharField(max_length=20),
        default=list,
        db_default=[],
        blank=True,
        help_text="What it was told to let pass: shrink, mismatch, older.",
    )
    actor = models.CharField(max_length=80)
    imported_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["watchlist", "revision"], name="watchlist_import_once_a_revision"
            )
        ]

    def __str__(self) -> str:
        return f"{self.watchlist_id}@{self.revision}"


class WatchlistSwitch(models.Model):
    """A list switched on or off, by whom and why. Append-only."""

    watchlist = models.ForeignKey(Watchlist, on_delete=models.PROTECT, related_name="switches")
    revision = models.PositiveIntegerField()
    is_active = models.BooleanField()
    reason = models.CharField(max_length=500)
    actor = models.CharField(max_length=80)
    at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "watchlist switches"

    def __str__(self) -> str:
        return f"{self.watchlist_id} {'on' if self.is_active else 'off'}"


class WatchlistParty(models.Model):
    """A listed person, organisation or vessel. One taken off the list stays, with `removed_in`."""

    class Kind(models.TextChoices):
        PERSON = "person", "Person"
        ORGANISATION = "organisation", "Organisation"
        VESSEL = "vessel", "Vessel"
        AIRCRAFT = "aircraft", "Aircraft"
        UNKNOWN = "unknown", "Not said"

    watchlist = models.ForeignKey(Watchlist, on_delete=models.PROTECT, related_name="listed")
    subject = models.CharField(max_length=80, help_text="The publisher's id.")
    kind = models.CharField(max_length=12, choices=Kind.choices)
    programs = ArrayField(models.CharField(max_length=80), default=list, db_default=[], blank=True)
    countries = ArrayField(models.CharField(max_length=80), default=list, db_default=[], blank=True)
    birth_dates = ArrayField(
        models.CharField(max_length=80), default=list, db_default=[], blank=True
    )
    addresses = ArrayField(
        models.CharField(max_length=400), default=list, db_default=[], blank=True
    )
    remarks = models.TextField(blank=True, default="", db_default="")
    content_hash = models.CharField(
        max_length=64,
        blank=True,
        default="",
        db_default="",
        help_text="SHA-256 over all that was imported of it: a change ends what relied on it.",
    )
    added_in = models.PositiveIntegerField(default=1, db_default=1)
    changed_in = models.PositiveIntegerField(default=1, db_default=1)
    removed_in = models.PositiveIntegerField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["watchlist", "subject"], name="watchlist_party_once_a_list"
            )
        ]
        verbose_name_plural = "watchlist parties"

    def __str__(self) -> str:
        return f"{self.watchlist_id} {self.subject}"


class WatchlistEntry(models.Model):
    """One name of a listed party, never changed. One taken off stays, with `removed_in`: runs point
    at it. A name that comes back, or whose strength changed, is a new row."""

    class Strength(models.TextChoices):
        STRONG = "strong", "Name or strong alias"
        WEAK = "weak", "Weak alias"

    party = models.ForeignKey(WatchlistParty, on_delete=models.PROTECT, related_name="names")
    name = models.CharField(max_length=350)
    is_primary = models.BooleanField(default=False, db_default=False)
    strength = models.CharField(
        max_length=6, choices=Strength.choices, default=Strength.STRONG, db_default=Strength.STRONG
    )
    added_in = models.PositiveIntegerField(default=1, db_default=1)
    removed_in = models.PositiveIntegerField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["party", "name"],
                condition=Q(removed_in=None),
                name="watchlist_name_once_a_party",
            )
        ]
        ordering = ["name"]
        verbose_name_plural = "watchlist entries"

    def __str__(self) -> str:
        return self.name


class WatchlistChange(models.Model):
    """What one import changed of one party. Append-only.

    `before` and `after` hold the details that differ, `names` and `weak_names` among them; both are
    empty where the party was added (its row tells all) or removed.
    """

    class Kind(models.TextChoices):
        ADDED = "added", "Added"
        CHANGED = "changed", "Changed"
        REMOVED = "removed", "Removed"

    at_import = models.ForeignKey(
        WatchlistImport, on_delete=models.PROTECT, related_name="changes", db_index=False
    )
    party = models.ForeignKey(WatchlistParty, on_delete=models.PROTECT, related_name="changes")
    kind = models.CharField(max_length=7, choices=Kind.choices)
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["at_import", "party"], name="watchlist_change_once_an_import"
            )
        ]

    def __str__(self) -> str:
        return f"{self.party_id}: {self.kind}"


class SafeMatch(models.Model):
    """A recipient an officer found not to be a listed party: that pair does not flag again.

    Holds for one partner's recipient at one account, and only while the list says of the party
    what it said then. Never deleted; revoked.
    """

    partner = models.ForeignKey("partners.Partner", on_delete=models.PROTECT, related_name="+")
    recipient_key = models.CharField(
        max_length=300, help_text="The name as `compliance.rules.names` normalises it."
    )
    recipient_name = models.CharField(max_length=140)
    account_index = models.BinaryField(max_length=32)
    account_last4 = models.CharField(max_length=4)
    party = models.ForeignKey(WatchlistParty, on_delete=models.PROTECT, related_name="safe_matches")
    party_hash = models.CharField(max_length=64, blank=True)
    reason = models.CharField(max_length=500)
    decision = models.ForeignKey(
        "compliance.Decision", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    actor = models.CharField(max_length=80)
    created_at = models.DateTimeField(db_default=Now())
    revoked_at = models.DateTimeField(null=True, blank=True)
    revoked_by = models.CharField(max_length=80, blank=True)
    revoked_because = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "safe matches"
        constraints = [
            models.UniqueConstraint(
                fields=["partner", "recipient_key", "account_index", "party"],
                condition=Q(revoked_at=None),
                name="safe_match_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.recipient_name} is not {self.party}"
