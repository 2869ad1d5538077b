"""Policies in the console: what each role sees and may do; nothing else changes anything."""

import json
from copy import deepcopy
from datetime import date, timedelta
from html.parser import HTMLParser

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from atlaspay.core import clock
from compliance.models import (
    Backtest,
    Policy,
    PolicyDraft,
    PolicyStep,
    RuleSnooze,
    ShadowRun,
    ShadowTally,
    Watchlist,
)
from compliance.screening import live
from compliance.services import backtest, backtest_run, drafts, policies, snooze
from tests.compliance.factories import flagged_payout, staff
from tests.compliance.test_policies_form import DOCUMENT
from tests.console.test_pages import signed_in
from tests.factories import PartnerFactory

pytestmark = pytest.mark.django_db
POLICIES = "/console/compliance/policy/"
SNOOZES = "/console/compliance/rulesnooze/"


@pytest.fixture
def author() -> User:
    return staff("rule_author", "ines")


@pytest.fixture
def publisher() -> User:
    return staff("rule_publisher", "paul")


def draft_of(user: User, document: dict | None = None) -> PolicyDraft:
    draft = drafts.create_draft(user, title="Stricter amounts")
    return drafts.save_draft(
        draft.pk,
        user,
        title="Stricter amounts",
        note="Fraud rose",
        document=document or DOCUMENT,
        expected_version=1,
    )


def frozen_by(user: User) -> Policy:
    draft = draft_of(user)
    return drafts.freeze_draft(draft.pk, user, expected_version=2)


def edit_url(draft: PolicyDraft) -> str:
    return reverse("admin:compliance_policydraft_edit", args=[draft.pk])


def policy_url(policy: Policy, name: str) -> str:
    return reverse(f"admin:compliance_policy_{name}", args=[policy.number])


def as_json(draft: PolicyDraft, document: object, **more: str) -> dict[str, str]:
    """Return what the JSON editor sends."""
    text = document if isinstance(document, str) else json.dumps(document)
    return {
        "mode": "json",
        "json": text,
        "title": draft.title,
        "note": draft.note,
        "version": str(draft.version),
        **more,
    }


def everything() -> list[object]:
    models = (Policy, PolicyStep, PolicyDraft, Backtest, RuleSnooze)
    return [list(model.objects.order_by("pk").values()) for model in models]


def test_the_list_shows_what_is_live_in_shadow_and_in_work(author: User, publisher: User) -> None:
    policy = frozen_by(author)
    policies.start_shadow(policy.number, author)
    draft_of(author)

    text = signed_in(publisher).get(POLICIES).content.decode()

    for words in (
        f"Policy {policy.number}",
        "In shadow",
        "Not published",
        "Live",
        "Stricter amounts",
        "Draft, version 2",
    ):
        assert words in text
    assert "Write a new version" not in text
    assert "Write a new version" in signed_in(author).get(POLICIES).content.decode()


def test_a_version_reads_in_words(author: User) -> None:
    policy = frozen_by(author)

    text = signed_in(staff("auditor")).get(policy_url(policy, "change")).content.decode()

    assert "When the amount is at least 10,000 (or 1,600,000 JPY)." in text
    assert "the list “Closed countries”" in text
    assert "IR, KP" in text
    assert "Fraud rose" in text
    for words in ("Publish…", "Run in shadow", "Withdraw…", "Backtest</button>"):
        assert words not in text


def test_from_an_idea_to_a_live_policy(author: User, publisher: User) -> None:
    writes, publishes, was = signed_in(author), signed_in(publisher), live.live_number()
    answer = writes.post(f"{POLICIES}{was}/draft/", {"title": "From the live one"})
    draft = PolicyDraft.objects.get()
    assert answer.url == edit_url(draft)

    saved = writes.post(edit_url(draft), as_json(draft, DOCUMENT, note="Fewer rules", do="save"))
    draft.refresh_from_db()
    assert (saved.status_code, draft.version, draft.document) == (302, 2, DOCUMENT)

    frozen = writes.post(
        reverse("admin:compliance_policydraft_freeze", args=[draft.pk]), {"version": "2"}
    )
    policy = Policy.objects.get(number=was + 1)
    assert frozen.url == policy_url(policy, "change")
    assert writes.get(edit_url(draft)).status_code == 302
    shadow = writes.post(policy_url(policy, "step"), {"kind": "shadow", "note": "a week"})
    assert shadow.status_code == 302

    page = publishes.get(policy_url(policy, "publish")).content.decode()
    assert f"Against live policy {was}" in page
    assert "Odd ones" in page
    agreed = {"expected_live": str(was), "note": "Agreed"}
    early = publishes.post(policy_url(policy, "publish"), agreed)
    assert early.status_code == 409
    assert "compares names with ofac, un, which is no list in use" in early.content.decode()
    assert live.live_number() == was
    for code in ("ofac", "un"):
        Watchlist.objects.create(code=code, title=code.upper(), published_on=date(2026, 11, 1))
    done = publishes.post(policy_url(policy, "publish"), agreed)

    assert done.status_code == 302
    assert live.live_number() == policy.number
    kinds = list(policy.steps.order_by("id").values_list("kind", "actor"))
    assert kinds == [
        ("shadow", "user:ines"),
        ("shadow_end", "user:paul"),
        ("published", "user:paul"),
    ]


def test_publishing_is_refused_with_the_reason_on_the_page(author: User, publisher: User) -> None:
    policy, was, client = frozen_by(author), live.live_number(), signed_in(publisher)
    url = policy_url(policy, "publish")

    no_note = client.post(url, {"expected_live": str(was), "note": " "})
    assert no_note.status_code == 422
    assert b"A note has 3 to 500 characters" in no_note.content
    stale = client.post(url, {"expected_live": "999", "note": "Agreed"})
    assert stale.status_code == 409
    assert b"compare with that one" in stale.content
    assert b"Agreed" in stale.content
    assert live.live_number() == was


def test_the_author_is_told_that_somebody_else_publishes(author: User) -> None:
    author.groups.add(staff("rule_publisher").groups.get())
    policy, client = frozen_by(author), signed_in(author)

    assert b"somebody else has to publish it" in client.get(policy_url(policy, "change")).content
    answer = client.post(
        policy_url(policy, "publish"), {"expected_live": str(live.live_number()), "note": "mine"}
    )

    assert answer.status_code == 403
    assert live.live_number() != policy.number


def test_the_builder_shows_every_field_and_saves_what_it_shows(author: User) -> None:
    draft, client = draft_of(author), signed_in(author)

    fields = form_fields(client.get(edit_url(draft)).content.decode())
    assert fields["r0w.0#fact"] == "amount"
    assert fields["r0w.0#more"] == "JPY 1600000"
    answer = client.post(edit_url(draft), {**fields, "do": "save"})

    draft.refresh_from_db()
    assert answer.status_code == 302
    assert (draft.version, draft.document) == (3, DOCUMENT)


def form_fields(text: str) -> dict[str, str]:
    """Return the fields of the builder as a browser without a script would send them."""
    parser = _Fields()
    parser.feed(text)
    del parser.found["csrfmiddlewaretoken"]
    return parser.found


class _Fields(HTMLParser):
    """Collects inputs, chosen options and text areas of the form `ap-builder`."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, str] = {}
        self._inside = False
        self._select = self._area = ""

    def handle_starttag(self, tag: str, attrs: list) -> None:
        given = dict(attrs)
        if tag == "form":
            self._inside = given.get("id") == "ap-builder"
        if not self._inside or not (given.get("name") or (tag == "option" and self._select)):
            return
        if tag == "input" and given.get("type") == "checkbox":
            if "checked" in given:
                self.found[given["name"]] = "on"
        elif tag == "input":
            self.found[given["name"]] = given.get("value") or ""
        elif tag == "select":
            self._select = given["name"]
        elif tag == "textarea":
            self._area = given["name"]
            self.found[self._area] = ""
        elif tag == "option" and ("selected" in given or self._select not in self.found):
            self.found[self._select] = given.get("value") or ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            self._area = ""
        elif tag == "select":
            self._select = ""

    def handle_data(self, data: str) -> None:
        if self._area and self._inside:
            self.found[self._area] += data


def test_the_builders_buttons_save_nothing(author: User) -> None:
    draft, client = draft_of(author), signed_in(author)
    fields = form_fields(client.get(edit_url(draft)).content.decode())
    before = everything()

    answer = client.post(edit_url(draft), {**fields, "do": "add:r1w.2"})

    text = answer.content.decode()
    assert answer.status_code == 200
    assert 'name="r1w.2.3#fact"' in text
    assert form_fields(text)["r1w.2#parts"] == "4"
    assert everything() == before
    rebuilt = client.post(edit_url(draft), {**form_fields(text), "do": "drop:r1w.2.3"})
    assert form_fields(rebuilt.content.decode()) == fields


def test_a_problem_stands_at_its_field(author: User) -> None:
    draft, client = draft_of(author), signed_in(author)
    fields = form_fields(client.get(edit_url(draft)).content.decode())
    fields |= {"r0w.0#text": "12,5", "r0#weight": "0", "review_minutes": ""}

    answer = client.post(edit_url(draft), {**fields, "do": "save"}, follow=True)

    text = answer.content.decode()
    draft.refresh_from_db()
    assert draft.version == 3
    assert draft.document["rules"][0]["when"]["value"]["default"] == "12,5"
    assert "Not ready to freeze" in text
    assert "3 things to mend" in text
    rule = text[text.index('id="r0"') : text.index('id="r1"')]
    assert "Write the amount with no decimals" in rule
    assert "Write a whole number from 1 to 1,000." in rule
    assert "Write a whole number from 1 to 20,160." in text[: text.index('id="r0"')]


def test_words_follow_while_typing(author: User) -> None:
    draft, client = draft_of(author), signed_in(author)
    fields = form_fields(client.get(edit_url(draft)).content.decode())
    before = everything()

    url = reverse("admin:compliance_policydraft_preview", args=[draft.pk])
    text = client.post(url, {**fields, "r0w.0#text": "7777"}).content.decode()

    assert "the amount is at least 7,777 (or 1,600,000 JPY)" in text
    assert "<html" not in text
    assert everything() == before


def test_a_save_that_comes_second_keeps_what_was_typed(author: User) -> None:
    draft, client = draft_of(author), signed_in(author)
    sent = as_json(draft, DOCUMENT, title="Mine", do="save")
    other = staff("rule_author", "ben")
    drafts.save_draft(
        draft.pk, other, title="Theirs", note="", document=DOCUMENT, expected_version=2
    )

    answer = client.post(edit_url(draft), sent)

    text = answer.content.decode()
    draft.refresh_from_db()
    assert (answer.status_code, draft.title) == (409, "Theirs")
    assert "ben saved version 3 of this draft" in text
    assert 'value="Mine"' in text
    over = client.post(edit_url(draft), {**sent, "do": "save-over"})
    draft.refresh_from_db()
    assert (over.status_code, draft.title, draft.version) == (302, "Mine", 4)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "No valid JSON"),
        ("[]", "is a JSON object"),
        ("[" * 90_000, "nested too deeply"),
        ('{"a": "\\u0000"}', "Control characters"),
        ('{"a": "\\ud800"}', "half a character"),
    ],
)
def test_broken_json_is_not_saved_and_stays_on_the_screen(
    author: User, text: str, words: str
) -> None:
    draft, client = draft_of(author), signed_in(author)
    before = everything()

    answer = client.post(edit_url(draft), as_json(draft, text, do="save"))

    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert everything() == before


def test_json_and_form_lead_to_each_other(author: User) -> None:
    draft, client = draft_of(author), signed_in(author)
    fields = form_fields(client.get(edit_url(draft)).content.decode())

    answer = client.post(edit_url(draft), {**fields, "do": "to-json"})
    sent = form_fields(answer.content.decode())
    assert json.loads(sent["json"]) == DOCUMENT
    back = client.post(edit_url(draft), {**sent, "do": "to-form"})
    assert form_fields(back.content.decode()) == fields
    odd = client.post(edit_url(draft), {**sent, "json": '{"rules": 5}', "do": "to-form"})
    assert "too odd for the form" in odd.content.decode()


def test_an_odd_document_is_edited_as_json(author: User) -> None:
    draft = draft_of(author, {"format": 2, "rules": "none", "thresholds": {}})

    text = signed_in(author).get(edit_url(draft)).content.decode()

    assert 'name="json"' in text
    assert "/rules" in text


def test_a_draft_may_be_discarded(author: User) -> None:
    draft, client = draft_of(author), signed_in(author)
    url = reverse("admin:compliance_policydraft_discard", args=[draft.pk])

    stale = client.post(url, {"version": "1"}, follow=True)
    assert b"saved version 2" in stale.content
    client.post(url, {"version": "2"})

    draft.refresh_from_db()
    assert draft.is_discarded
    assert client.get(edit_url(draft)).status_code == 302


def test_a_backtest_follows_until_it_is_done(author: User) -> None:
    flagged_payout()
    policy, client = frozen_by(author), signed_in(author)
    answer = client.post(policy_url(policy, "backtest"), {"days": "7"})
    made = Backtest.objects.get()
    assert answer.url == reverse("admin:compliance_backtest_change", args=[made.pk])
    assert made.until - made.since <= timedelta(days=7)

    waiting = client.get(answer.url).content.decode()
    assert "It waits for its turn" in waiting
    assert "data-reload" in waiting
    backtest_run.run_slice()

    done = client.get(answer.url).content.decode()
    assert "data-reload" not in done
    assert "1 on 1 day" in done
    assert "Big amounts" in done


def test_a_backtest_may_be_stopped(author: User) -> None:
    draft, client = draft_of(author), signed_in(author)
    client.post(reverse("admin:compliance_policydraft_backtest", args=[draft.pk]))
    made = Backtest.objects.get()

    client.post(reverse("admin:compliance_backtest_stop", args=[made.pk]))

    made.refresh_from_db()
    assert made.state == "stopped"
    text = client.get(reverse("admin:compliance_backtest_change", args=[made.pk])).content.decode()
    assert "Stopped" in text


def test_a_broken_draft_is_not_tried(author: User) -> None:
    draft = draft_of(author, {"format": 2})

    url = reverse("admin:compliance_policydraft_backtest", args=[draft.pk])
    answer = signed_in(author).post(url, follow=True)

    assert b"does not compile" in answer.content
    assert not Backtest.objects.exists()


def test_shadow_results_stand_beside_the_live_ones(author: User) -> None:
    payout = flagged_payout()
    run = payout.screening_runs.get()
    policy = frozen_by(author)
    hour = clock.now().replace(minute=0, second=0, microsecond=0)
    ShadowTally.objects.create(
        policy=policy, hour=hour, screened=1_000, both=10, only_live=5, only_shadow=20
    )
    finding = {"code": "odd", "result": "hit", "weight": 1, "words": "", "trace": {}}
    for verdict, live_verdict in (("review", "clear"), ("clear", "review"), ("block", "review")):
        ShadowRun.objects.create(
            policy=policy, run=run, verdict=verdict, live_verdict=live_verdict, findings=[finding]
        )

    client = signed_in(staff("auditor"))
    with CaptureQueriesContext(connection) as captured:
        text = client.get(policy_url(policy, "shadow")).content.decode()

    assert "1,000" in text
    assert "3.00 % of payouts" in text
    assert "1.50 %" in text
    gained = text[text.index("Only this policy flags") : text.index("Only the live policy flagged")]
    assert gained.count(payout.reference) == 1
    assert "Odd ones" in gained
    assert len(captured) <= 18


def test_a_snooze_begins_and_ends(author: User) -> None:
    lead, partner = signed_in(staff("lead", "grace")), PartnerFactory(name="Tulip Tickets")
    code = snooze.snoozable_codes()[0]
    page = lead.get(SNOOZES, {"partner": partner.id, "rule": code}).content.decode()
    assert f'<option value="{partner.id}" selected>Tulip Tickets</option>' in page
    assert f'<option value="{code}" selected>' in page

    sent = {"partner": partner.id, "rule": code, "days": "7", "comment": "Known peak"}
    assert lead.post(SNOOZES, sent).status_code == 302
    made = RuleSnooze.objects.get()
    assert timedelta(days=6, hours=23) < made.until - clock.now() <= timedelta(days=7)
    again = lead.post(SNOOZES, sent)
    assert again.status_code == 409
    assert b"end that first" in again.content
    bad = lead.post(SNOOZES, {**sent, "days": "91", "comment": ""})
    assert bad.status_code == 422
    assert bad.content.count(b"ap-error") == 2

    assert lead.post(f"{SNOOZES}{made.pk}/end/").status_code == 302
    made.refresh_from_db()
    assert made.ended_by == "user:grace"
    assert b"Known peak" in lead.get(SNOOZES).content


def posts(author: User) -> dict[str, tuple[str, dict[str, str]]]:
    """Return every address that changes something, with a body that would."""
    policy, draft = frozen_by(author), draft_of(author)
    tried = backtest.backtest_policy(
        policy.number, since=clock.now() - timedelta(days=1), until=clock.now(), actor="system:t"
    )
    held = snooze.create_snooze(
        staff("lead", "lena"),
        partner_id=PartnerFactory().id,
        rule_code=snooze.snoozable_codes()[0],
        until=clock.now() + timedelta(days=1),
        comment="known",
    )
    body = {"partner": held.partner_id, "rule": held.rule_code, "days": "1", "comment": "more"}
    version = {"version": str(draft.version)}
    drafted = "admin:compliance_policydraft_"
    note = {"note": "because", "expected_live": str(live.live_number())}
    return {
        "new": (f"{POLICIES}draft/", {"title": "Mine"}),
        "draft": (policy_url(policy, "draft"), {"title": "Mine"}),
        "publish": (policy_url(policy, "publish"), note),
        "shadow": (policy_url(policy, "step"), {"kind": "shadow"}),
        "shadow_end": (policy_url(policy, "step"), {"kind": "shadow_end"}),
        "withdraw": (policy_url(policy, "step"), {"kind": "withdrawn", **note}),
        "backtest": (policy_url(policy, "backtest"), {"days": "1"}),
        "edit": (edit_url(draft), as_json(draft, DOCUMENT, do="save", title="Mine")),
        "over": (edit_url(draft), as_json(draft, DOCUMENT, do="save-over", title="Mine")),
        "preview": (reverse(f"{drafted}preview", args=[draft.pk]), as_json(draft, DOCUMENT)),
        "freeze": (reverse(f"{drafted}freeze", args=[draft.pk]), version),
        "discard": (reverse(f"{drafted}discard", args=[draft.pk]), version),
        "try": (reverse(f"{drafted}backtest", args=[draft.pk]), {}),
        "stop": (reverse("admin:compliance_backtest_stop", args=[tried.pk]), {}),
        "snooze": (SNOOZES, body),
        "end": (f"{SNOOZES}{held.pk}/end/", {}),
    }


ENDS_SNOOZES = {"end"}
MAY = {
    "officer": ENDS_SNOOZES,
    "lead": {"end", "snooze"},
    "auditor": set(),
    "operator": set(),
    "rule_author": ENDS_SNOOZES,
    "rule_publisher": {"end", "snooze"},
}
WRITES = {"new", "draft", "edit", "over", "preview", "freeze", "discard"}
BOTH = {"shadow", "shadow_end", "withdraw", "backtest", "try", "stop"}
MAY["rule_author"] = MAY["rule_author"] | WRITES | BOTH
MAY["rule_publisher"] = MAY["rule_publisher"] | BOTH | {"publish"}


@pytest.mark.parametrize("role", MAY)
def test_who_may_not_is_refused_everywhere_and_nothing_changes(role: str, author: User) -> None:
    addresses, client = posts(author), signed_in(staff(role, "eve"))
    before = everything()

    for name, (url, body) in addresses.items():
        if name not in MAY[role]:
            assert client.post(url, body).status_code == 403, name

    assert everything() == before


def test_nobody_changes_anything_by_reading_or_without_signing_in(author: User) -> None:
    addresses = posts(author)
    before = everything()
    root = signed_in(User.objects.create_superuser("root"))

    for name, (url, body) in addresses.items():
        assert Client().post(url, body).status_code == 302, name
        assert root.get(url, body).status_code in {200, 302, 405}, name

    assert everything() == before


def test_what_is_not_there_is_not_found(author: User, publisher: User) -> None:
    both = signed_in(User.objects.create_superuser("root"))

    for url in (
        f"{POLICIES}999/publish/",
        f"{POLICIES}999/shadow/",
        "/console/compliance/policydraft/999/edit/",
    ):
        assert both.get(url).status_code == 404, url
    for url in (
        f"{POLICIES}999/step/",
        f"{POLICIES}999/draft/",
        f"{POLICIES}999/backtest/",
        "/console/compliance/policydraft/999/freeze/",
        "/console/compliance/backtest/999/stop/",
        f"{SNOOZES}999/end/",
    ):
        sent = {"kind": "shadow", "title": "Good title"}
        assert both.post(url, sent).status_code == 404, url
    policy = frozen_by(author)
    assert both.post(policy_url(policy, "step"), {"kind": "explode"}).status_code == 404


def test_a_longer_past_costs_no_more_queries(author: User) -> None:
    client = signed_in(staff("auditor"))

    def count(url: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            assert client.get(url).status_code == 200
        return len(captured)

    policy, draft = frozen_by(author), draft_of(author)
    urls = [
        POLICIES,
        SNOOZES,
        policy_url(policy, "change"),
        policy_url(policy, "publish"),
        reverse("admin:compliance_policydraft_change", args=[draft.pk]),
        "/console/compliance/policydraft/",
        "/console/compliance/backtest/",
    ]
    for url in urls:
        client.get(url)
    few = [count(url) for url in urls]
    for _ in range(3):
        frozen_by(author)
        draft_of(author)
    code, lead = snooze.snoozable_codes()[0], staff("lead", "lena")
    for _ in range(3):
        snooze.create_snooze(
            lead,
            partner_id=PartnerFactory().id,
            rule_code=code,
            until=clock.now() + timedelta(days=1),
            comment="known",
        )

    assert [count(url) for url in urls] == few
    assert max(few) <= 12


def test_a_policy_of_a_hundred_rules_can_be_edited(author: User) -> None:
    document = deepcopy(DOCUMENT)
    rule = document["rules"][1]
    document["rules"] = [{**rule, "code": f"odd_{index}"} for index in range(100)]
    draft, client = draft_of(author, document), signed_in(author)

    fields = form_fields(client.get(edit_url(draft)).content.decode())
    assert len(fields) > 3_000
    answer = client.post(edit_url(draft), {**fields, "do": "save"})

    draft.refresh_from_db()
    assert (answer.status_code, draft.version) == (302, 3)
    assert draft.document == document
