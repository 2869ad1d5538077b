"""What the schema generator cannot see: problem answers, the rate headers, and which paths are the
partners'.
"""

from typing import Any

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
    for path, item in result.get("paths", {}).items():
        for method in _METHODS:
            if method in item:
                answers = item[method].setdefault("responses", {})
                for status in _statuses(path, method, item[method]):
                    answers.setdefault(status, {"$ref": f"#/components/responses/Problem{status}"})
    return result


def _statuses(path: str, method: str, operation: dict[str, Any]) -> list[str]:
    found = {"400", "401", "403", "406", "429", "500", "503"}
    if "{" in path:
        found.add("404")
    if method in {"post", "put", "patch"}:
        found |= {"409", "411", "413", "415", "422"}
    if method == "delete":
        found.add("409")
    if method == "get" and operation.get("parameters"):
        found.add("422")
    return sorted(found)


def _retry_after() -> dict[str, Any]:
    return {
        "Retry-After": {
            "description": "Seconds to wait.",
            "schema": {"type": "integer", "minimum": 1},
        }
    }
