"""A page that cannot be rendered is an error, never an empty page with status 200."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.core.exceptions import ObjectDoesNotExist
from django.template import Context, Engine, VariableDoesNotExist
from django.test import Client
from django.urls import reverse

from tests.compliance.factories import staff

ROOTS = [Path(settings.BASE_DIR) / "templates", Path(settings.BASE_DIR) / "portal"]


def templates() -> Iterator[Path]:
    for root in ROOTS:
        yield from root.rglob("*.html")


def rendered(child: str, **values: object) -> str:
    """Render a template over one that puts a filter with a missing argument into a block."""
    engine = Engine(
        loaders=[
            (
                "django.template.loaders.locmem.Loader",
                {
                    "base": "{% block body %}before {{ name|default:missing }} after{% endblock %}",
                    "child": child,
                },
            )
        ],
        libraries={"parent": "atlaspay.core.templatetags.parent"},
    )
    return engine.get_template("child").render(Context(values))


def test_the_variable_swallows_a_fault_and_the_tag_does_not() -> None:
    swallows = '{% extends "base" %}{% block body %}<{{ block.super }}>{% endblock %}'
    passes = '{% extends "base" %}{% load parent %}{% block body %}<{% parent %}>{% endblock %}'

    assert rendered(swallows) == "<>"
    with pytest.raises(VariableDoesNotExist):
        rendered(passes)
    assert rendered(passes, missing="", name="Anna") == "<before Anna after>"


def test_no_template_of_ours_asks_for_its_parent_by_the_variable() -> None:
    found = [path.name for path in templates() if "block.super" in path.read_text()]

    assert found == []
    assert sum("{% parent %}" in path.read_text() for path in templates()) >= 4


@pytest.mark.django_db
@pytest.mark.parametrize("fault", [VariableDoesNotExist("%s", ("x",)), ObjectDoesNotExist("x")])
@pytest.mark.parametrize(
    "name", ["index", "compliance_case_changelist", "compliance_policy_changelist"]
)
def test_a_fault_anywhere_in_a_page_is_an_error(
    monkeypatch: pytest.MonkeyPatch, fault: Exception, name: str
) -> None:
    """As when a row is gone, or a template names what no view gives."""
    client = Client(raise_request_exception=False)
    client.force_login(staff("auditor", "vera"))
    url = reverse(f"admin:{name}")
    assert client.get(url).status_code == 200

    def fails(*args: object, **kwargs: object) -> str:
        raise fault

    monkeypatch.setattr("django.template.loader_tags.IncludeNode.render", fails)
    assert client.get(url).status_code == 500


def test_the_skip_link_is_kept() -> None:
    text = (ROOTS[0] / "admin" / "base_site.html").read_text()

    assert re.search(r'class="ap-skip" href="#content".*?\{% parent %\}', text, re.DOTALL)
