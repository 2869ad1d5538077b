"""A policy's life: drafted, frozen, tried in shadow, published by somebody else, rolled back."""

import threading

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection, transaction
from django.db.models import Max
from django.db.utils import DatabaseError

from atlaspay.core.errors import (
    ConflictError,
    InvalidRequestError,
    NotFoundError,
    PermissionRefusedError,
    ProblemError,
    StaleFormError,
)
from compliance.models import Policy, PolicyDraft, PolicyStep
from compliance.screening import live
from compliance.services import drafts, policies
from compliance.services.lifecycle import Standing, life
from tests.compliance.factories import flagged_payout, staff
from tests.compliance.policy_documents import small

pytestmark = pytest.mark.django_db


@pytest.fixture
def author() -> User:
    return staff("rule_author", "ines")


@pytest.fixture
def publisher() -> User:
    return staff("rule_publisher", "paul")


def both_roles(username: str) -> User:
    user = staff("rule_author", username)
    user.groups.add(Group.objects.get(name="rule_publisher"))
    return user


def draft_of(user: User, document: dict | None = None) -> PolicyDraft:
    draft = drafts.create_draft(user, title="Stricter amounts")
    return drafts.save_draft(
        draft.pk,
        user,
        title="Stricter amounts",
        note="Fraud rose since October",
        document=document or small(),
        expected_version=draft.version,
    )


def frozen_by(user: User, document: dict | None = None) -> Policy:
    draft = draft_of(user, document)
    return drafts.freeze_draft(draft.pk, user, expected_version=draft.version)


def everything() -> list[object]:
    return [
        list(model.objects.order_by("pk").values()) for model in (Policy, PolicyStep, PolicyDraft)
    ]


def publish(policy: Policy, user: User, note: str = "Agreed with risk") -> PolicyStep:
    return policies.publish(policy.number, user, note=note, expected_live=live.live_number())


def test_a_draft_begins_with_the_live_policy(author: User) -> None:
    draft = drafts.create_draft_from_live(author, title="  More of the same ")

    number = live.live_number()
    assert draft.based_on_id == number
    assert draft.document == Policy.objects.get(number=number).document
    assert (draft.title, draft.author, draft.editors) == (
        "More of the same",
        "user:ines",
        ["user:ines"],
    )
    assert draft.version == 1


def test_an_empty_draft_is_kept_but_never_frozen(author: User) -> None:
    draft = drafts.create_draft(author, title="From nothing")
    before = everything()

    with pytest.raises(InvalidRequestError) as refusal:
        drafts.freeze_draft(draft.pk, author, expected_version=1)

    assert refusal.value.errors
    assert everything() == before


def test_saving_raises_the_version_and_a_stale_save_names_who_was_first(author: User) -> None:
    draft, other = draft_of(author), staff("rule_author", "ben")
    assert draft.version == 2
    saved = drafts.save_draft(
        draft.pk,
        other,
        title="Milder amounts",
        note="",
        document=small(limit=5_000),
        expected_version=2,
    )
    before = everything()

    with pytest.raises(StaleFormError) as refusal:
        drafts.save_draft(
            draft.pk,
            author,
            title="Mine",
            note="",
            document=small(),
            expected_version=2,
        )

    assert saved.version == 3
    assert saved.editors == ["user:ines", "user:ben"]
    assert refusal.value.status == 409
    assert refusal.value.detail == (
        f"ben saved version 3 of this draft at {saved.updated_at:%Y-%m-%d %H:%M:%S} UTC; you had"
        " version 2. Nothing was saved."
    )
    assert everything() == before


@pytest.mark.parametrize(
    ("changes", "pointers"),
    [
        ({"title": "  x "}, ["/title"]),
        ({"title": "y" * 141}, ["/title"]),
        ({"title": "nul\x00nul", "note": "z" * 501}, ["/note", "/title"]),
        ({"document": {"rules": ["a\x00b"]}}, ["/document"]),
        ({"document": {"rules": ["\ud800"]}}, ["/document"]),
        ({"document": {"weight": float("nan")}}, ["/document"]),
        ({"document": {"rules": "x" * 262_144}}, ["/document"]),
    ],
)
def test_what_cannot_be_kept_is_refused_by_field(
    author: User, changes: dict, pointers: list
) -> None:
    draft = draft_of(author)
    before = everything()
    given = {"title": "Good title", "note": "", "document": small(), **changes}

    with pytest.raises(InvalidRequestError) as refusal:
        drafts.save_draft(draft.pk, author, **given, expected_version=draft.version)

    assert [error["pointer"] for error in refusal.value.errors] == pointers
    assert everything() == before


def test_freezing_makes_the_next_number_and_the_draft_stays_as_it_was(author: User) -> None:
    last = Policy.objects.aggregate(last=Max("number"))["last"]
    draft = draft_of(author)

    policy = drafts.freeze_draft(draft.pk, author, expected_version=2)

    draft.refresh_from_db()
    assert policy.number == last + 1
    assert (policy.document, policy.title) == (small(), "Stricter amounts")
    assert (policy.author, policy.note) == ("user:ines", "Fraud rose since October")
    assert draft.became == policy
    assert live.live_number() == last
    for act in (
        lambda: drafts.freeze_draft(draft.pk, author, expected_version=3),
        lambda: drafts.discard_draft(draft.pk, author, expected_version=3),
    ):
        with pytest.raises(ConflictError, match=f"became policy {policy.number}"):
            act()
    with pytest.raises(DatabaseError), transaction.atomic():
        PolicyDraft.objects.filter(pk=draft.pk).update(title="Changed")


@pytest.mark.parametrize(
    "broken",
    [
        {"rules": [], "thresholds": {"review_score": 20, "review_minutes": 30}},
        {**small(), "thresholds": {}},
        {**small(), "rules": [{**small()["rules"][0], "rule": "guess"}]},
    ],
)
def test_what_does_not_compile_is_not_frozen(author: User, broken: dict) -> None:
    draft = draft_of(author, broken)
    before = everything()

    with pytest.raises(InvalidRequestError, match="does not compile"):
        drafts.freeze_draft(draft.pk, author, expected_version=2)

    assert everything() == before


def test_freezing_asks_why(author: User) -> None:
    draft = drafts.create_draft_from_live(author, title="No reason given")

    with pytest.raises(InvalidRequestError, match="what changed and why"):
        drafts.freeze_draft(draft.pk, author, expected_version=1)


def test_a_discarded_draft_is_kept_and_closed(author: User) -> None:
    draft = draft_of(author)

    drafts.discard_draft(draft.pk, author, expected_version=2)

    draft.refresh_from_db()
    assert draft.is_discarded
    with pytest.raises(ConflictError, match="ines discarded this draft"):
        drafts.freeze_draft(draft.pk, author, expected_version=3)


def test_publishing_takes_effect_with_the_next_chunk(author: User, publisher: User) -> None:
    before, policy = live.live_number(), frozen_by(author)
    assert flagged_payout(100_000, recipient_name="Anna Jansen").state == "queued"

    step = publish(policy, publisher)

    assert live.live_number() == policy.number
    assert (step.actor, step.note) == ("user:paul", "Agreed with risk")
    assert life().standing(policy.number) is Standing.LIVE
    assert life().standing(before) is Standing.REPLACED
    assert flagged_payout(100_000, recipient_name="Anna Jansen").state == "in_review"


def test_nobody_publishes_what_they_wrote(caplog: pytest.LogCaptureFixture) -> None:
    ines, ben = both_roles("ines"), both_roles("ben")
    draft = draft_of(ines)
    drafts.save_draft(
        draft.pk, ben, title="Ours", note="both of us", document=small(), expected_version=2
    )
    policy = drafts.freeze_draft(draft.pk, ines, expected_version=3)
    before = everything()

    for user in (ines, ben):
        with pytest.raises(PermissionRefusedError, match="somebody else has to publish"):
            publish(policy, user)

    assert everything() == before
    lines = [record for record in caplog.records if record.message == "policy.refused"]
    assert [(line.attempt, line.subject, line.username) for line in lines] == [
        ("publish", str(policy.number), "ines"),
        ("publish", str(policy.number), "ben"),
    ]


def test_a_publication_compared_with_another_live_policy_is_stale(
    author: User, publisher: User
) -> None:
    first, second, was = frozen_by(author), frozen_by(author), live.live_number()
    step = publish(first, publisher)
    before = everything()

    with pytest.raises(StaleFormError) as refusal:
        policies.publish(second.number, publisher, note="late", expected_live=was)

    assert refusal.value.detail == (
        f"paul published policy {first.number} at {step.at:%Y-%m-%d %H:%M:%S} UTC: compare with"
        " that one and confirm again."
    )
    assert everything() == before


@pytest.mark.parametrize("note", ["", "  ", "ok", "x" * 501, "why\x00"])
def test_publishing_asks_for_a_note(author: User, publisher: User, note: str) -> None:
    policy = frozen_by(author)
    before = everything()

    with pytest.raises(InvalidRequestError) as refusal:
        publish(policy, publisher, note)

    assert [error["pointer"] for error in refusal.value.errors] == ["/note"]
    assert everything() == before


def test_rolling_back_is_publishing_an_older_version_again(author: User, publisher: User) -> None:
    was, policy = live.live_number(), frozen_by(author)
    publish(policy, publisher)

    policies.publish(was, publisher, note="Too many held", expected_live=policy.number)

    assert live.live_number() == was
    assert life().standing(policy.number) is Standing.REPLACED
    with pytest.raises(ConflictError, match="live already"):
        policies.publish(was, publisher, note="again", expected_live=was)


def test_shadow_starts_and_stops_and_ends_with_publication(author: User, publisher: User) -> None:
    first, second = frozen_by(author), frozen_by(author)
    policies.start_shadow(first.number, author, note="a week")
    policies.start_shadow(second.number, author)
    assert life().shadows == (first.number, second.number)
    with pytest.raises(ConflictError, match="in shadow already"):
        policies.start_shadow(first.number, author)

    policies.stop_shadow(second.number, publisher)
    publish(first, publisher)

    assert life().shadows == ()
    kinds = list(first.steps.order_by("id").values_list("kind", flat=True))
    assert kinds == ["shadow", "shadow_end", "published"]
    with pytest.raises(ConflictError, match="does not run in shadow"):
        policies.stop_shadow(second.number, author)
    with pytest.raises(ConflictError, match="is live"):
        policies.start_shadow(first.number, author)


def test_three_policies_in_shadow_are_enough(author: User) -> None:
    for _ in range(3):
        policies.start_shadow(frozen_by(author).number, author)
    fourth = frozen_by(author)
    before = everything()

    with pytest.raises(ConflictError, match="At most 3"):
        policies.start_shadow(fourth.number, author)

    assert everything() == before


def test_a_withdrawn_version_is_never_published(author: User, publisher: User) -> None:
    policy = frozen_by(author)
    policies.start_shadow(policy.number, author)

    step = policies.withdraw(policy.number, author, note="Wrong limits")

    assert life().standing(policy.number) is Standing.WITHDRAWN
    assert life().shadows == ()
    for act in (
        lambda: publish(policy, publisher),
        lambda: policies.start_shadow(policy.number, author),
        lambda: policies.withdraw(policy.number, author, note="again"),
    ):
        with pytest.raises(ConflictError) as refusal:
            act()
        assert refusal.value.detail == (
            f"ines withdrew policy {policy.number} at {step.at:%Y-%m-%d %H:%M} UTC: Wrong limits"
        )


def test_the_live_policy_cannot_be_withdrawn(author: User) -> None:
    before = everything()

    with pytest.raises(ConflictError, match="publish another"):
        policies.withdraw(live.live_number(), author, note="stop it")

    assert everything() == before


ACTS = {
    "create_draft": lambda user, draft, number: drafts.create_draft(user, title="Mine"),
    "save_draft": lambda user, draft, number: drafts.save_draft(
        draft, user, title="Mine", note="", document=small(), expected_version=2
    ),
    "discard_draft": lambda user, draft, number: drafts.discard_draft(
        draft, user, expected_version=2
    ),
    "freeze_draft": lambda user, draft, number: drafts.freeze_draft(
        draft, user, expected_version=2
    ),
    "publish": lambda user, draft, number: policies.publish(
        number, user, note="why not", expected_live=live.live_number()
    ),
    "start_shadow": lambda user, draft, number: policies.start_shadow(number, user),
    "stop_shadow": lambda user, draft, number: policies.stop_shadow(number, user),
    "withdraw": lambda user, draft, number: policies.withdraw(number, user, note="no good"),
}
MAY = {
    "rule_author": set(ACTS) - {"publish"},
    "rule_publisher": {"publish", "start_shadow", "stop_shadow", "withdraw"},
}


@pytest.mark.parametrize(
    ("role", "attempt"),
    [
        (role, attempt)
        for role in ("officer", "lead", "auditor", "operator", *MAY)
        for attempt in ACTS
        if attempt not in MAY.get(role, ())
    ],
)
def test_who_may_not_changes_nothing_and_is_logged(
    role: str, attempt: str, author: User, caplog: pytest.LogCaptureFixture
) -> None:
    user, draft, policy = staff(role, "eve"), draft_of(author), frozen_by(author)
    before = everything()

    with pytest.raises(PermissionRefusedError):
        ACTS[attempt](user, draft.pk, policy.number)

    assert everything() == before
    (line,) = [record for record in caplog.records if record.message == "policy.refused"]
    assert (line.attempt, line.username) == (attempt, "eve")


def test_who_left_does_nothing(author: User, publisher: User) -> None:
    policy = frozen_by(author)
    publisher.is_active = False

    with pytest.raises(PermissionRefusedError):
        publish(policy, publisher)


def test_what_is_not_there_is_not_found(author: User, publisher: User) -> None:
    for act in (
        lambda: drafts.create_draft(author, title="From 999", based_on=999),
        lambda: drafts.discard_draft(999, author, expected_version=1),
        lambda: policies.publish(999, publisher, note="why", expected_live=live.live_number()),
        lambda: policies.start_shadow(999, author),
    ):
        with pytest.raises(NotFoundError):
            act()


@pytest.mark.django_db(transaction=True)
def test_two_publications_at_once_are_one_after_the_other() -> None:
    author, was = staff("rule_author", "ines"), live.live_number()
    numbers = [frozen_by(author).number for _ in range(4)]
    people = [staff("rule_publisher", f"paul-{number}") for number in numbers]
    gate = threading.Barrier(len(numbers))
    outcomes: list[str] = []

    def act(position: int) -> None:
        gate.wait()
        try:
            policies.publish(
                numbers[position], people[position], note="me first", expected_live=was
            )
            outcomes.append("published")
        except ProblemError as error:
            outcomes.append(type(error).__name__)
        finally:
            connection.close()

    threads = [threading.Thread(target=act, args=(n,)) for n in range(len(numbers))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert sorted(outcomes) == ["StaleFormError"] * 3 + ["published"]
    assert PolicyStep.objects.filter(policy_id__in=numbers).count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_drafts_frozen_at_once_get_two_numbers() -> None:
    author = staff("rule_author", "ines")
    last = Policy.objects.aggregate(last=Max("number"))["last"]
    made = [draft_of(author) for _ in range(4)]
    gate = threading.Barrier(len(made))
    numbers: list[int] = []

    def act(draft: PolicyDraft) -> None:
        gate.wait()
        try:
            numbers.append(drafts.freeze_draft(draft.pk, author, expected_version=2).number)
        finally:
            connection.close()

    threads = [threading.Thread(target=act, args=(draft,)) for draft in made]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert sorted(numbers) == [last + 1, last + 2, last + 3, last + 4]
