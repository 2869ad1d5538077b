"""The API only grows: its outline is kept beside this test, so every change shows in review.

After a change that is meant: ATLASPAY_WRITE_OUTLINE=1 pytest tests/core/test_openapi_outline.py
"""

import difflib
import json
import os
from collections.abc import Iterator
from pathlib import Path

from atlaspay import openapi

KEPT = Path(__file__).with_name("openapi_outline.txt")


def kind(schema: dict) -> str:
    """Return a schema's type in one word: a name, a type with its format, alternatives, a list."""
    if "$ref" in schema:
        return schema["$ref"].rpartition("/")[2]
    for word in ("oneOf", "anyOf", "allOf"):
        if word in schema:
            return f" {word[:3]} ".join(sorted(kind(inner) for inner in schema[word]))
    if "const" in schema:
        return json.dumps(schema["const"])
    if "enum" in schema:
        return "|".join(sorted(str(value) for value in schema["enum"]))
    names = schema.get("type", "any")
    names = names if isinstance(names, str) else "|".join(sorted(names))
    if "items" in schema:
        return f"{names}[{kind(schema['items'])}]"
    return f"{names}:{schema['format']}" if "format" in schema else names


def outline(schema: dict) -> Iterator[str]:
    for path, item in sorted(schema["paths"].items()):
        for method, operation in sorted(item.items()):
            yield f"{method.upper()} {path} ({operation['operationId']})"
            for parameter in sorted(
                operation.get("parameters", ()), key=lambda p: (p["in"], p["name"])
            ):
                must = " required" if parameter.get("required") else ""
                shape = kind(parameter.get("schema", {}))
                yield f"  {parameter['in']} {parameter['name']}: {shape}{must}"
            for media, body in sorted(operation.get("requestBody", {}).get("content", {}).items()):
                yield f"  takes {media}: {kind(body.get('schema', {}))}"
            for status, answer in sorted(operation["responses"].items()):
                shapes = [kind(b.get("schema", {})) for b in answer.get("content", {}).values()]
                if "$ref" not in answer:
                    yield f"  {status}: {', '.join(shapes) or 'nothing'}"
            yield f"  refusals: {' '.join(s for s in sorted(operation['responses']) if s >= '4')}"
    for name, shape in sorted(schema["components"]["schemas"].items()):
        properties = shape.get("properties")
        if properties is None:
            yield f"{name}: {kind(shape)}"
            continue
        yield name
        for member, inner in sorted(properties.items()):
            must = " required" if member in shape.get("required", ()) else ""
            yield f"  {member}: {kind(inner)}{must}"


def test_the_outline_of_the_api_is_as_it_was_reviewed():
    now = [line + "\n" for line in outline(json.loads(openapi._document()))]
    if os.environ.get("ATLASPAY_WRITE_OUTLINE"):
        KEPT.write_text("".join(now), encoding="utf-8")
    before = KEPT.read_text(encoding="utf-8").splitlines(keepends=True)
    changed = "".join(difflib.unified_diff(before, now, "reviewed", "now", n=1))
    assert not changed, f"the API's outline changed; see this file's first lines\n{changed}"
