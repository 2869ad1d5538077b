"""Does what the rule builder's buttons ask: add, remove, move, group. Changes the form alone."""

from compliance.admin.policies_form import (
    PARTS_MAX,
    Condition,
    Group,
    ListForm,
    Part,
    PolicyForm,
    RuleForm,
)
from compliance.admin.policies_form_read import number
from compliance.rules.document import LISTS_MAX, RULES_MAX


def act(form: PolicyForm, asked: str) -> str:
    """Do what a button asks (`add:r0w`) and return the path to put the cursor at, or nothing.

    What cannot be done is left alone: the page may be older than the form.
    """
    verb, _, path = asked.partition(":")
    if verb == "add-rule" and len(form.rules) < RULES_MAX:
        form.rules.append(RuleForm("", when=Group("", parts=[Condition("")])))
        number(form)
        return form.rules[-1].path
    if verb == "add-list" and len(form.lists) < LISTS_MAX:
        form.lists.append(ListForm(""))
        number(form)
        return form.lists[-1].path
    if verb in ("up", "down", "drop-rule"):
        return _move_rule(form, verb, path)
    if verb == "drop-list":
        form.lists = [each for each in form.lists if each.path != path]
        number(form)
        return ""
    for rule in form.rules:
        found = _act_on_part(rule.when, verb, path)
        if found is not None:
            number(form)
            return found.path if verb != "drop" else path.rpartition(".")[0]
    return ""


def _move_rule(form: PolicyForm, verb: str, path: str) -> str:
    index = next((i for i, rule in enumerate(form.rules) if rule.path == path), None)
    if index is None:
        return ""
    rule = form.rules.pop(index)
    if verb != "drop-rule":
        form.rules.insert(max(index - 1, 0) if verb == "up" else index + 1, rule)
    number(form)
    return rule.path if verb != "drop-rule" else ""


def _act_on_part(group: Group, verb: str, path: str) -> Part | None:
    """Return what the cursor goes to, None where the path is not below this group."""
    if group.path == path and verb in ("add", "group") and len(group.parts) < PARTS_MAX:
        new: Part = Condition("")
        if verb == "group":
            new = Group("", mode="any", parts=[Condition("")])
        group.parts.append(new)
        return new
    for part in list(group.parts):
        if part.path == path and verb == "drop":
            group.parts.remove(part)
            return group
        if isinstance(part, Group):
            found = _act_on_part(part, verb, path)
            if found is not None:
                return found
    return None
