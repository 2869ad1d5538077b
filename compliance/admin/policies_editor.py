"""What the draft editor shows: the form as typed, its problems at their fields, its words."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from atlaspay.core.errors import InvalidRequestError
from compliance.admin.policies_form import CLASSES, MODES, Condition, PolicyForm, Posted
from compliance.admin.policies_form_act import act
from compliance.admin.policies_form_read import UnbuildableError, from_document, from_post
from compliance.models import PolicyDraft
from compliance.rules.catalogue import FACTS, VALUE_SORTS
from compliance.rules.errors import PolicyError
from compliance.rules.policy import compile_document
from compliance.rules.upgrade import upgraded
from compliance.services import documents
from compliance.services.policy_words import PolicyWords, describe

SORT_WORDS = {
    "country": "Countries",
    "currency": "Currencies",
    "corridor": "Corridors",
    "rail": "Rails",
    "account_type": "Types of account",
    "partner": "Partners",
    "name": "Names",
}
_SETTINGS = ("review_score", "block_score", "review_minutes", "four_eyes")
_GROUPS = (
    ("The payment", ("amount", "currency", "rail", "corridor")),
    (
        "Recipient and account",
        (
            "recipient_name",
            "recipient_country",
            "account_country",
            "account_abroad",
            "account_type",
            "first_to_account",
            "recipient_age",
            "destination_changed",
        ),
    ),
    ("Watchlists", ("name_similarity",)),
    ("Partner", ("partner", "partner_country", "partner_age")),
)


@dataclass(slots=True)
class Edited:
    """A draft as somebody has it on the screen. `form` is None where the document cannot be built
    by form; `broken` says why the JSON text is no document; `focus` is where the cursor goes, `at`
    the rule somebody is at."""

    title: str
    note: str
    version: int
    document: dict[str, Any]
    mode: str = "form"
    form: PolicyForm | None = None
    json: str = ""
    broken: str = ""
    focus: str = ""
    at: str = ""


def typed(draft: PolicyDraft) -> Edited:
    """Return the draft as it is saved."""
    document = _second_format(draft.document)
    made = Edited(draft.title, draft.note, draft.version, document)
    made.json = documents.to_text(document)
    try:
        made.form = from_document(document)
    except UnbuildableError:
        made.mode = "json"
    return made


def edited(posted: Posted, draft: PolicyDraft) -> Edited:
    """Return what the browser sent, after what its button asked."""
    version = posted.get("version", "")
    made = Edited(
        title=posted.get("title", ""),
        note=posted.get("note", ""),
        version=int(version) if version.isascii() and version.isdecimal() else 0,
        document={},
        mode="json" if posted.get("mode") == "json" else "form",
    )
    asked = posted.get("do", "save")
    if asked == "save-over":
        made.version = draft.version
    if made.mode == "json":
        made.json = posted.get("json", "")
        try:
            made.document = documents.from_text(made.json)
        except InvalidRequestError as error:
            made.broken = error.detail
        if asked == "to-form" and not made.broken:
            _to_form(made)
        return made
    made.form = from_post(posted)
    made.focus = act(made.form, asked)
    made.at = (made.focus or asked.partition(":")[2]).partition(".")[0].removesuffix("w")
    made.document = made.form.as_json()
    if asked == "to-json":
        made.mode, made.json = "json", documents.to_text(made.document)
    return made


def editor_page(draft: PolicyDraft, now: Edited) -> dict[str, Any]:
    """Return the editor's context."""
    problems = [] if now.broken else documents.problems(now.document)
    found = [(each["pointer"], each["detail"]) for each in problems]
    words = describe(now.document) if not now.broken else PolicyWords()
    if now.form is not None:
        _offer_lists(now.form)
        for rule, said in zip(now.form.rules, words.rules, strict=False):
            rule.said = said
            rule.is_open = bool(said.problems) or now.at == rule.path
    rest = _mark(found, now.form) if now.form is not None and now.mode == "form" else []
    return {
        "heading": "Edit draft",
        "summary": draft.title,
        "facts": None,
        "draft": draft,
        "now": now,
        "problems": found if now.mode == "json" else [],
        "elsewhere": rest,
        "problem_count": len(problems),
        "fact_groups": fact_groups(),
        "classes": CLASSES,
        "modes": list(MODES.items()),
        "sorts": [(name, SORT_WORDS.get(name, name)) for name in VALUE_SORTS],
    }


def fact_groups() -> list[tuple[str, list[tuple[str, str]]]]:
    """Return the facts a condition may ask for, grouped for choosing; the rest looks back."""
    named = {name for _, names in _GROUPS for name in names}
    groups: list[tuple[str, Iterable[str]]] = [*_GROUPS]
    groups.append(("Over a time", (name for name in FACTS if name not in named)))
    return [
        (title, [(name, FACTS[name].title) for name in names if name in FACTS])
        for title, names in groups
    ]


def _to_form(made: Edited) -> None:
    try:
        made.form = from_document(_second_format(made.document))
    except UnbuildableError:
        made.broken = "This document is too odd for the form: mend it here first."
    else:
        made.mode, made.document = "form", made.form.as_json()


def _second_format(document: dict[str, Any]) -> dict[str, Any]:
    """Return a first-format document as conditions, where it makes sense."""
    if document.get("format", 1) != 1:
        return document
    if not document.get("rules"):
        return {**document, "format": 2}
    try:
        compile_document(document)
    except PolicyError:
        return document
    return upgraded(document)


def _mark(problems: Iterable[tuple[str, str]], form: PolicyForm) -> list[str]:
    """Put each problem at the field it is about (`self` for a whole part); return the rest."""
    places = dict(form.places())
    rest = []
    for pointer, said in problems:
        # On the form everything is typed as text, and a default is the amount itself.
        words = said.replace(" as text", "").replace("Write the default", "Write the amount")
        at, steps = pointer, [""]
        while at not in places:
            at, _, step = at.rpartition("/")
            steps.append(step)
        name = steps[-1] or "self"
        if at == "" and name == "thresholds" and len(steps) > 2:
            name = steps[-2]
        if at == "" and name not in _SETTINGS:
            rest.append(words)
        places[at].problems.setdefault(name, []).append(words)
    return rest


def _offer_lists(form: PolicyForm) -> None:
    """Let each condition over codes or names choose among the lists of its sort."""
    for _, each in form.places():
        if isinstance(each, Condition) and each.spec is not None and each.takes_members:
            sort = each.spec.values
            found = [one for one in form.lists if one.of == sort]
            each.choices = [(one.name, one.title or one.name) for one in found if one.name]
            if each.chosen and each.chosen not in dict(each.choices):
                each.choices.append((each.chosen, f"{each.chosen}, which is not there"))
