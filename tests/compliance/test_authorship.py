"""Whoever wrote something stays its writer: under another name, and when another takes the name."""

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, transaction

from atlaspay.core.errors import PermissionRefusedError
from compliance.models import AutoPolicy, AutoStep, Policy, PolicyDraft, PolicyStep
from compliance.screening import live
from compliance.services import auto_policy, drafts
from compliance.services.audit import heads
from compliance.services.second import confirm
from tests.compliance.factories import listed_case, staff
from tests.compliance.forging import faults, forge
from tests.compliance.test_auto import DOCUMENT
from tests.compliance.test_decide import approve, everything
from tests.compliance.test_policies import both_roles, draft_of, frozen_by, publish
from tests.console.test_pages import page, signed_in

pytestmark = pytest.mark.django_db


def renamed(user: User, username: str) -> User:
    user.username = username
    user.save(update_fields=["username"])
    return User.objects.get(pk=user.pk)


def test_an_author_with_another_name_publishes_nothing_of_theirs() -> None:
    ines, ben = both_roles("ines"), both_roles("ben")
    draft = draft_of(ines)
    drafts.save_draft(
        draft.pk, ben, title="Ours", note="both", document=draft.document, expected_version=2
    )
    policy = drafts.freeze_draft(draft.pk, ben, expected_version=3)
    was = live.live_number()

    for user, name in ((ines, "ines.b"), (ben, "benjamin")):
        with pytest.raises(PermissionRefusedError, match="somebody else has to publish"):
            publish(policy, renamed(user, name))
        assert b"somebody else has to publish" in signed_in(user).get(page(policy)).content

    assert live.live_number() == was
    assert PolicyDraft.objects.get().editor_ids == [ines.pk, ben.pk]


def test_who_took_an_authors_name_is_another_person() -> None:
    policy = frozen_by(staff("rule_author", "ines"))
    renamed(User.objects.get(username="ines"), "ines.b")

    step = publish(policy, staff("rule_publisher", "ines"))

    assert live.live_number() == policy.number
    assert (step.actor, step.user.username) == ("user:ines", "ines")
    assert faults() == {}


def test_the_author_of_automatic_approval_cannot_arm_it_under_another_name() -> None:
    arne = both_roles("arne")
    policy = auto_policy.write(DOCUMENT, note="small ones", user=arne)
    arne = renamed(arne, "arne.k")

    with pytest.raises(PermissionRefusedError, match="somebody else has to arm"):
        auto_policy.arm(policy.number, note="agreed", user=arne)
    url = f"/console/compliance/autopolicy/{policy.number}/arm/"
    answer = signed_in(arne).post(url, {"note": "agreed"})

    assert AutoStep.objects.count() == 0
    assert b"somebody else has to arm" in signed_in(arne).get(page(policy)).content
    assert answer.status_code in {302, 403}


def test_a_maker_with_another_name_confirms_nothing_of_theirs() -> None:
    lena = staff("lead", "lena")
    case = listed_case()
    proposal = approve(case, lena)
    lena = renamed(lena, "lena.m")
    before = everything(case)

    with pytest.raises(PermissionRefusedError, match="You proposed this"):
        confirm(case.pk, proposal_id=proposal.id, internal_text="Seen the passport.", user=lena)

    assert everything(case) == before


@pytest.mark.parametrize("name", ["gone", "vera"])
def test_what_was_written_before_ids_were_kept_is_judged_by_its_texts(name: str) -> None:
    """A name that nobody has any more could be anybody's: nobody is then another person."""
    vera = staff("rule_publisher", "vera")
    number = Policy.objects.order_by("-number")[0].number + 1
    policy = Policy.objects.create(
        number=number, title="Old", document=live_document(), author=f"user:{name}"
    )
    auto = AutoPolicy.objects.create(number=1, document=DOCUMENT, author=f"user:{name}")
    was = live.live_number()

    words = "nobody has that name now" if name == "gone" else "You wrote some of this version"
    with pytest.raises(PermissionRefusedError, match=words):
        publish(policy, vera)
    with pytest.raises(PermissionRefusedError, match=words):
        auto_policy.arm(auto.number, note="agreed", user=vera)
    assert live.live_number() == was
    assert AutoStep.objects.count() == 0

    staff("rule_author", "gone")
    if name == "gone":
        publish(policy, vera)
        assert live.live_number() == number


def live_document() -> dict[str, object]:
    return Policy.objects.get(number=live.live_number()).document


def test_the_database_refuses_an_author_as_publisher_and_as_armer() -> None:
    ines, ben = both_roles("ines"), both_roles("ben")
    draft = draft_of(ines)
    drafts.save_draft(
        draft.pk, ben, title="Ours", note="both", document=draft.document, expected_version=2
    )
    policy = drafts.freeze_draft(draft.pk, ines, expected_version=3)
    auto = auto_policy.write(DOCUMENT, note="small ones", user=ines)

    for user in (ines, ben):
        with (
            pytest.raises(DatabaseError, match="who wrote it cannot publish"),
            transaction.atomic(),
        ):
            PolicyStep.objects.create(policy=policy, kind="published", actor="user:x", user=user)
    with pytest.raises(DatabaseError, match="who wrote it cannot arm"), transaction.atomic():
        AutoStep.objects.create(policy=auto, kind="armed", actor="user:x", user=ines)

    PolicyStep.objects.create(policy=policy, kind="withdrawn", actor="user:x", user=ines)
    AutoStep.objects.create(policy=auto, kind="armed", actor="user:x", user=ben)


def test_a_verification_finds_them_by_id() -> None:
    ines, paul = staff("rule_author", "ines"), staff("rule_publisher", "paul")
    auto = auto_policy.write(DOCUMENT, note="small ones", user=ines)
    auto_policy.arm(auto.number, note="agreed", user=paul)
    policy = frozen_by(ines)
    publish(policy, paul)
    assert faults() == {}

    forge(
        f"UPDATE compliance_policystep SET user_id = {ines.pk} WHERE policy_id = {policy.number};"
        f" UPDATE compliance_autostep SET user_id = {ines.pk}",
        "compliance_policystep",
        "compliance_autostep",
    )

    assert faults() == {
        "policies": f"policy {policy.number} was published by user:paul, who wrote it"
        f" (step {PolicyStep.objects.get(policy=policy).pk})",
        "automatic": f"automatic approval {auto.number} was armed by user:paul, who wrote it"
        f" (step {AutoStep.objects.get().pk})",
    }


def test_a_head_digests_who_it_was_and_holds_for_rows_without_ids() -> None:
    Policy.objects.create(number=90, title="Old", document={}, author="user:a")
    anchored = heads.anchor()
    assert anchored is not None
    ines = staff("rule_author", "ines")
    policy = frozen_by(ines)
    heads.anchor(every=heads.EVERY * 0)
    assert "heads" not in faults()

    other = staff("rule_author", "otto")
    forge(
        f"UPDATE compliance_policy SET author_user_id = {other.pk} WHERE number = {policy.number}",
        "compliance_policy",
    )

    assert faults()["heads"] == f"policy {policy.number} is not what head 2 anchored"
