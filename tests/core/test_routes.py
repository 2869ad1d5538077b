"""No address of the partner API is open by accident, and the document of the API is true."""

import json
from collections.abc import Iterator

import pytest
from django.urls import URLPattern, URLResolver, get_resolver
from openapi_spec_validator import validate
from rest_framework.settings import api_settings
from rest_framework.views import APIView

from atlaspay import openapi
from partners.auth import ApiKeyAuthentication
from partners.models import Scope
from partners.permissions import HasScope
from partners.throttles import KeyRateThrottle

# What anybody may read: the docs and what they are made of.
OPEN = {"v1/openapi.json", "v1/docs/", "v1/docs/problems/"}
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def routes(resolver: URLResolver, prefix: str = "") -> Iterator[tuple[str, URLPattern]]:
    for entry in resolver.url_patterns:
        path = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from routes(entry, path)
        else:
            yield path, entry


def api_views() -> list[tuple[str, type[APIView]]]:
    found = []
    for path, entry in routes(get_resolver()):
        if path.startswith("v1/") and path not in OPEN:
            view = getattr(entry.callback, "cls", None)
            assert view is not None, f"{path} is no API view"
            found.append((path, view))
    return found


def test_every_route_of_the_api_needs_a_key_with_a_scope():
    views = api_views()
    assert len(views) > 10
    for path, view in views:
        assert view.authentication_classes == [ApiKeyAuthentication], path
        assert view.permission_classes == [HasScope], path
        assert view.throttle_classes == [KeyRateThrottle], path
        methods = {method for method in METHODS if hasattr(view, method.lower())}
        assert methods <= set(view.required_scopes), path
        assert set(view.required_scopes.values()) <= set(Scope.values), path


@pytest.mark.django_db
def test_every_route_of_the_api_answers_401_without_a_key(web):
    for path, view in api_views():
        address = "/" + path.replace("<batch_id:batch_id>", "bt_01jd" + "0" * 22).replace(
            "<payout_id:payout_id>", "po_01jd" + "0" * 22
        )
        for method in METHODS:
            if hasattr(view, method.lower()):
                assert web.generic(method, address).status_code == 401, (method, address)


def test_closed_is_the_default():
    assert [ApiKeyAuthentication] == api_settings.DEFAULT_AUTHENTICATION_CLASSES
    assert [HasScope] == api_settings.DEFAULT_PERMISSION_CLASSES


def test_the_document_is_valid_names_the_key_and_every_problem(web, recwarn):
    openapi._document.cache_clear()
    response = web.get("/v1/openapi.json")
    assert response["Content-Type"] == "application/json"
    schema = json.loads(response.content)
    validate(schema)
    assert schema["components"]["securitySchemes"]["ApiKey"]["scheme"] == "bearer"
    for path, item in schema["paths"].items():
        assert path.startswith("/v1/")
        assert not path.startswith("/v1/docs")
        for method, operation in item.items():
            where = f"{method} {path}"
            assert operation["security"] == [{"ApiKey": []}], where
            answers = operation["responses"]
            assert {"400", "401", "403", "406", "429", "500", "503"} <= set(answers), where
            # One names the endpoint it is about in its query.
            names_one = "{" in path or path == "/v1/webhook-figures"
            assert ("404" in answers) == names_one, where
            assert answers["401"] == {"$ref": "#/components/responses/Problem401"}, where
            success = next(a for status, a in answers.items() if status.startswith("2"))
            assert "RateLimit-Remaining" in success["headers"], where


def test_the_docs_work_without_the_internet(web):
    page = web.get("/v1/docs/").content.decode()
    assert "/static/drf_spectacular_sidecar/" in page
    assert "//cdn" not in page
