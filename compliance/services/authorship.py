"""Who wrote what, judged by the ids of people: a name can be changed, and taken by another.

Rows from before ids were kept are judged by their texts; where a text names nobody any more, who it
was cannot be told, and nobody is taken for another person.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from django.contrib.auth.models import User

from compliance.models import AutoPolicy, Policy, PolicyDraft
from compliance.services.permit import actor_of

_PERSON = "user:"


@dataclass(frozen=True, slots=True)
class Writers:
    """Everybody who wrote something: actors as they were called then, and their ids if kept."""

    actors: frozenset[str]
    ids: frozenset[int]
    is_by_id: bool

    def objection(self, user: User, verb: str) -> str:
        """Return why this person may not `verb` it (`publish`), empty where they may."""
        if user.pk in self.ids or (not self.is_by_id and actor_of(user) in self.actors):
            return f"You wrote some of this version, so somebody else has to {verb} it."
        unknown = set() if self.is_by_id else self.actors - _present(self.actors)
        if unknown:
            return (
                f"{min(unknown).removeprefix(_PERSON)} wrote this version, and nobody has that name"
                " now: it cannot be told that you are another person. Write it anew."
            )
        return ""


def writers_of(policy: Policy) -> Writers:
    """Return who saved any of what became a policy; one query."""
    draft = PolicyDraft.objects.filter(became=policy).first()
    return Writers(
        actors=frozenset([policy.author, *(draft.editors if draft else [])]),
        ids=_known([policy.author_user_id, *(draft.editor_ids if draft else [])]),
        is_by_id=policy.author_user_id is not None,
    )


def writers_of_auto(policy: AutoPolicy) -> Writers:
    """Return who wrote a version of automatic approval."""
    return Writers(
        actors=frozenset([policy.author]),
        ids=_known([policy.author_user_id]),
        is_by_id=policy.author_user_id is not None,
    )


def _known(ids: Iterable[int | None]) -> frozenset[int]:
    return frozenset(one for one in ids if one is not None)


def _present(actors: Iterable[str]) -> set[str]:
    """Return those actors that are no person, or a person of today."""
    names = [one.removeprefix(_PERSON) for one in actors if one.startswith(_PERSON)]
    users = User.objects.filter(username__in=names).values_list("username", flat=True)
    return {f"{_PERSON}{name}" for name in users} | {
        one for one in actors if not one.startswith(_PERSON)
    }
