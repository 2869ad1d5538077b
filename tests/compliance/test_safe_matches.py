"""Who a recipient is not: kept with an approval, for one account, while the list says the same."""

from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.db.utils import DatabaseError

from atlaspay.core.errors import (
    ConflictError,
    InvalidRequestError,
    NotFoundError,
    PermissionRefusedError,
)
from compliance.models import Case, Decision, SafeMatch, WatchlistParty
from compliance.services import safe_matches
from compliance.services.second import confirm
from tests.compliance.factories import listed_case, staff
from tests.compliance.lists import PUBLISHED, import_plain
from tests.compliance.test_decide import approve

pytestmark = pytest.mark.django_db
NAME = "Odette Farnsleigh"
LATER = PUBLISHED + timedelta(days=1)


@pytest.fixture
def case() -> Case:
    import_plain(f"1,{NAME}", "2,Somebody Else")
    return listed_case(recipient_name=NAME)


@pytest.fixture
def anna() -> object:
    return staff("officer", "anna")


def approved(case: Case, maker: object) -> Decision:
    proposal = approve(case, maker)
    return confirm(
        case.id, proposal_id=proposal.id, internal_text="Looked too.", user=staff("lead", "lena")
    )


def party(subject: str = "1") -> WatchlistParty:
    return WatchlistParty.objects.get(watchlist="own", subject=subject)


def test_a_pair_is_kept_with_the_approval_it_came_from(case: Case, anna: object) -> None:
    decision = approved(case, anna)

    (match,) = safe_matches.add(
        case.payout_id, [party().pk], reason="Born 1990, the listed one 1954.", user=anna
    )

    payout = case.payout
    assert (match.partner_id, match.recipient_key) == (payout.partner_id, "farnsleigh odette")
    assert (bytes(match.account_index), match.account_last4) == (
        bytes(payout.account_index),
        "4300",
    )
    assert (match.party, match.party_hash) == (party(), party().content_hash)
    assert (match.decision, match.revoked_at) == (decision, None)
    assert safe_matches.add(case.payout_id, [party().pk], reason="again", user=anna) == []
    assert SafeMatch.objects.count() == 1


def test_an_import_that_changes_the_party_ends_it(case: Case, anna: object) -> None:
    approved(case, anna)
    (match,) = safe_matches.add(case.payout_id, [party().pk], reason="Another one.", user=anna)
    import_plain(f"1,{NAME}", "2,Somebody Else,,An Alias", published_on=LATER)
    match = SafeMatch.objects.select_related("party").get()
    assert not safe_matches.has_lapsed(match)

    import_plain(f"1,{NAME},,,,,,1954", "2,Somebody Else,,An Alias", published_on=LATER)
    match = SafeMatch.objects.select_related("party").get()
    assert safe_matches.has_lapsed(match)

    (anew,) = safe_matches.add(case.payout_id, [party().pk], reason="Still not.", user=anna)
    match.refresh_from_db()
    assert match.revoked_because == "Lapsed: the list changed what it says of the party."
    assert anew.party_hash == party().content_hash


def test_only_after_an_approval_and_of_parties_it_met(case: Case, anna: object) -> None:
    with pytest.raises(ConflictError, match="still open"):
        safe_matches.add(case.payout_id, [party().pk], reason="Not yet.", user=anna)
    approved(case, anna)
    for parties in ([], [party("2").pk], [party().pk, party("2").pk], [0]):
        with pytest.raises(InvalidRequestError):
            safe_matches.add(case.payout_id, parties, reason="Wrong ones.", user=anna)
    with pytest.raises(NotFoundError):
        safe_matches.add("po_none", [party().pk], reason="Nobody.", user=anna)
    for reason in ("", "x", "r" * 501, "a\x00bc"):
        with pytest.raises(InvalidRequestError):
            safe_matches.add(case.payout_id, [party().pk], reason=reason, user=anna)
    for role in ("auditor", "operator", "rule_author"):
        with pytest.raises(PermissionRefusedError):
            safe_matches.add(case.payout_id, [party().pk], reason="May I?", user=staff(role))
    assert SafeMatch.objects.count() == 0


def test_a_pair_is_revoked_once_with_a_reason(case: Case, anna: object) -> None:
    approved(case, anna)
    (match,) = safe_matches.add(case.payout_id, [party().pk], reason="Another one.", user=anna)
    with pytest.raises(PermissionRefusedError):
        safe_matches.revoke(match.pk, reason="May I?", user=staff("auditor"))
    with pytest.raises(InvalidRequestError):
        safe_matches.revoke(match.pk, reason="", user=anna)
    with pytest.raises(NotFoundError):
        safe_matches.revoke(0, reason="None such.", user=anna)
    assert SafeMatch.objects.get().revoked_at is None

    safe_matches.revoke(match.pk, reason="It was him.", user=anna)

    match.refresh_from_db()
    assert (match.revoked_by, match.revoked_because) == ("user:anna", "It was him.")
    with pytest.raises(ConflictError, match="anna revoked it"):
        safe_matches.revoke(match.pk, reason="Twice.", user=anna)


def test_what_was_kept_stays_as_it_was(case: Case, anna: object) -> None:
    approved(case, anna)
    safe_matches.add(case.payout_id, [party().pk], reason="Another one.", user=anna)
    for statement in (
        "UPDATE compliance_safematch SET reason = 'x'",
        "UPDATE compliance_safematch SET party_hash = 'x'",
        "DELETE FROM compliance_safematch",
        "TRUNCATE compliance_safematch",
    ):
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
    assert SafeMatch.objects.get().reason == "Another one."
