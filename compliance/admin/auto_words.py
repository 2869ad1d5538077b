"""Automatic approval in words: its state, its caps, its record and its life."""

from atlaspay.core import clock, console
from atlaspay.core.console import Fact, Table
from atlaspay.core.money import display as money_text
from compliance.admin.words import code_words
from compliance.models import AutoPolicy, AutoStep
from compliance.rules.auto import AutoRules, wilson_lower
from compliance.selectors.auto import approved_by, holdouts_since, officers_record, spent_on

STEPS_SHOWN = 30
STEP_TONES = {"armed": "good", "disarmed": "idle", "stopped": "bad"}


def state_badge(last: AutoStep | None) -> object:
    """Return whether a version is armed, and what became of the last one."""
    if last is None:
        return console.badge("Never armed", "idle")
    words = {
        "armed": f"{last.policy_id} is armed",
        "disarmed": "Disarmed",
        "stopped": f"{last.policy_id} stopped itself",
    }
    return console.badge(words[last.kind], STEP_TONES[last.kind])


def today_facts(armed: AutoStep, rules: AutoRules) -> list[Fact]:
    """Return how much of the day's caps is used."""
    spent = spent_on(armed.policy, clock.now().date())
    count = sum(row.count for row in spent.values())
    sums = [
        f"{money_text(spent[currency].total_minor if currency in spent else 0, currency)} of"
        f" {money_text(most, currency)}"
        for currency, most in sorted(rules.day_minor.items())
    ]
    return [
        Fact("Approved today", f"{count:,} of {rules.day_count:,}"),
        Fact("Sum today", "; ".join(sums)),
        Fact("Approved in all", f"{approved_by(armed.policy):,}"),
        Fact("Armed", console.when(armed.at)),
        Fact("By", console.actor(armed.actor)),
    ]


def holdout_facts(armed: AutoStep) -> list[Fact]:
    """Return how people decided what was held out for them."""
    found = holdouts_since(armed.at)
    return [
        Fact(
            "Held out for people",
            f"{found.approved:,} approved, {found.rejected:,} rejected, {found.waiting:,} waiting",
        )
    ]


def rule_facts(rules: AutoRules) -> list[Fact]:
    """Return a version in words."""
    amounts = [
        f"{money_text(most, currency)} each,"
        f" {money_text(rules.day_minor[currency], currency)} a day"
        for currency, most in sorted(rules.max_minor.items())
    ]
    return [
        Fact("Rules", ", ".join(code_words(code) for code in sorted(rules.codes)), wide=True),
        Fact("Amounts", "; ".join(amounts), wide=True),
        Fact("Payouts a day", f"{rules.day_count:,}"),
        Fact("Held out", f"{rules.holdout_percent} of 100"),
        Fact(
            "Record it needs",
            f"{rules.least_decided:,} decisions in {rules.record_days} days, at least"
            f" {rules.least_percent} % approved for certain",
        ),
        Fact(
            "Never for partners", console.text_or_dash(", ".join(sorted(rules.excluded_partners)))
        ),
    ]


def record_table(rules: AutoRules) -> Table:
    """Return officers' record of each combination a version may answer."""
    found = officers_record(rules.codes, rules.record_days)
    rows = [
        [
            ", ".join(code_words(code) for code in one.combination),
            f"{one.decided:,}",
            f"{one.approved:,}",
            f"{wilson_lower(one.approved, one.decided) * 100:.1f} %",
            console.badge("Good enough", "good")
            if rules.is_good(one.approved, one.decided)
            else console.badge("People decide", "idle"),
        ]
        for one in sorted(found.values(), key=lambda one: -one.decided)
    ]
    return Table(
        f"Officers' record of the last {rules.record_days} days",
        ["Flagged by exactly", "Decided>", "Approved>", "At least, for certain>", ""],
        rows,
        empty="Officers have decided no case flagged by these rules alone.",
        note="the share officers truly approve is above the bound 39 times in 40",
    )


def versions_table(armed: AutoStep | None) -> Table:
    """Return the latest versions."""
    rows = [
        [
            console.link(policy, str(policy)),
            console.badge("Armed", "good")
            if armed is not None and armed.policy_id == policy.number
            else console.NOTHING,
            policy.note,
            console.actor(policy.author),
            console.when(policy.created_at),
        ]
        for policy in AutoPolicy.objects.order_by("-number")[:STEPS_SHOWN]
    ]
    headers = ["Version", "State", "Why", "Written by", "At"]
    return Table("Versions", headers, rows, empty="No version was written yet.")


def latest_steps() -> list[AutoStep]:
    """Return the latest steps of all versions."""
    return list(AutoStep.objects.select_related("case").order_by("-id")[:STEPS_SHOWN])


def steps_table(steps: list[AutoStep]) -> Table:
    """Return who armed, disarmed or stopped what, and why."""
    rows = [
        [
            console.when(step.at),
            str(step.policy_id),
            console.toned(step.kind, step.get_kind_display(), STEP_TONES),
            console.actor(step.actor),
            step.note,
            console.link(step.case, "Case") if step.case else console.NOTHING,
        ]
        for step in steps
    ]
    headers = ["At", "Version>", "Step", "Who", "Why", "Case"]
    return Table("Armed, disarmed, stopped", headers, rows, empty="Nothing was ever armed.")
