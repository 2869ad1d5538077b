"""What the schema generator cannot see: keys, problem answers, headers, and what is public."""

from functools import lru_cache
from typing import Any

from django.http import HttpRequest, HttpResponse
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiJsonRenderer

from atlaspay.core.problems import MEDIA_TYPE

_METHODS = ("get", "post", "put", "patch", "delete")
_INTERNAL = ("/v1/openapi.json", "/v1/docs/")

PROBLEM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "description": "A refusal (RFC 9457). Branch on `code`; other members depend on it.",
    "required": ["type", "title", "status", "detail", "instance", "code", "request_id"],
    "properties": {
        "type": {"type": "string", "format": "uri", "description": "Where the code is explained."},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string", "description": "What happened and what to do."},
        "instance": {"type": "string", "description": "The path that was asked."},
        "code": {"type": "string", "example": "validation_failed"},
        "request_id": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pointer", "code", "detail"],
                "properties": {
                    "pointer": {"type": "string", "example": "/payouts/3/amount_minor"},
                    "code": {"type": "string"},
                    "detail": {"type": "string"},
                },
            },
        },
    },
    "additionalProperties": True,
}

_TEXT = {
    "400": "The request could not be read.",
    "401": "No key, or not a valid one.",
    "403": "The key may not do this.",
    "404": "No such object of yours.",
    "406": "None of the accepted forms is offered.",
    "409": "The object's state does not allow it, or the same request is at work.",
    "411": "A body without Content-Length.",
    "413": "The body is too large.",
    "415": "The body's media type is not read here.",
    "422": "The request breaks a rule; `errors` says where.",
    "429": "The key's request budget is used up.",
    "500": "A fault of ours.",
    "503": "Temporarily unavailable; repeat after Retry-After.",
}

_HEADERS: dict[str, dict[str, Any]] = {
    "X-Request-Id": {
        "description": "Yours, where you sent one of up to 64 safe characters, else ours.",
        "schema": {"type": "string"},
    },
    "RateLimit-Limit": {
        "description": "Requests that fit into the key's budget at once.",
        "schema": {"type": "integer"},
    },
    "RateLimit-Remaining": {
        "description": "Requests left of it now.",
        "schema": {"type": "integer"},
    },
    "RateLimit-Reset": {
        "description": "Seconds until the budget is full again.",
        "schema": {"type": "integer"},
    },
}

_IDEMPOTENCY_KEY = {
    "type": "string",
    "minLength": 1,
    "maxLength": 255,
    "pattern": "^[!-~]([ -~]*[!-~])?$",
}


class ApiKeyScheme(OpenApiAuthenticationExtension):
    """Bearer keys in the schema; registered by being imported."""

    target_class = "partners.auth.ApiKeyAuthentication"
    name = "ApiKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        """Return the security scheme."""
        return {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "ap_test_…",
            "description": "Authorization: Bearer followed by your API key.",
        }


@lru_cache(maxsize=1)
def _document() -> bytes:
    schema = SchemaGenerator().get_schema(request=None, public=True)
    return OpenApiJsonRenderer().render(schema)


def openapi_json(request: HttpRequest) -> HttpResponse:
    """Return the partner API's OpenAPI document; made once a process, it does not change."""
    return HttpResponse(_document(), content_type="application/json")


def only_partner_api(endpoints: list[Any], **kwargs: Any) -> list[Any]:
    """Keep what partners call: /v1 without its own docs (drf-spectacular preprocessing hook)."""
    return [
        endpoint
        for endpoint in endpoints
        if endpoint[0].startswith("/v1/") and not endpoint[0].startswith(_INTERNAL)
    ]


def add_problem_answers(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """Add the problem answers each operation can give (drf-spectacular postprocessing hook)."""
    components = result.setdefault("components", {})
    components.setdefault("schemas", {})["Problem"] = PROBLEM_SCHEMA
    shared = components.setdefault("responses", {})
    for status, text in _TEXT.items():
        shared[f"Problem{status}"] = {
            "description": text,
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
            **({"headers": _retry_after()} if status in {"429", "503"} else {}),
        }
    components.setdefault("headers", {}).update(_HEADERS)
    headers = {name: {"$ref": f"#/components/headers/{name}"} for name in _HEADERS}
    for path, item in result.get("paths", {}).items():
        for method in _METHODS:
            if method in item:
                for parameter in item[method].get("parameters", ()):
                    if parameter["name"] == "Idempotency-Key":
                        parameter["schema"] = _IDEMPOTENCY_KEY
                answers = item[method].setdefault("responses", {})
                for own in answers.values():
                    if "$ref" not in own:
                        own["headers"] = {**headers, **own.get("headers", {})}
                for status in _statuses(path, method, item[method]):
                    answers.setdefault(status, {"$ref": f"#/components/responses/Problem{status}"})
    return result


def _statuses(path: str, method: str, operation: dict[str, Any]) -> list[str]:
    found = {"400", "401", "403", "406", "429", "500", "503"}
    if "{" in path or "/webhook-figures" in path:
        found.add("404")
    if method in {"post", "put", "patch"}:
        found |= {"409", "411", "413", "415", "422"}
    if method == "delete":
        found.add("409")
    if any(parameter["in"] == "query" for parameter in operation.get("parameters", ())):
        found.add("422")
    return sorted(found)


def _retry_after() -> dict[str, Any]:
    return {
        "Retry-After": {
            "description": "Seconds to wait.",
            "schema": {"type": "integer", "minimum": 1},
        }
    }
