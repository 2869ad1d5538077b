"""Let drf-spectacular describe msgspec types: `shape(Type)` stands where it wants a serializer."""

from collections.abc import Mapping
from typing import Any, get_args

import msgspec
from drf_spectacular.drainage import set_override
from drf_spectacular.extensions import OpenApiSerializerExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

from payouts.api import words

_REFERENCE = "#/components/schemas/{name}"
# Closed sets of words that get a component of their own, by their values.
WORDS = {
    frozenset(get_args(kind)): name
    for name, kind in (
        ("PayoutStatus", words.PayoutStatus),
        ("BatchStatus", words.BatchStatus),
        ("StageName", words.StageName),
        ("RailName", words.RailName),
        ("IntakeState", words.IntakeState),
        ("AccountType", words.AccountType),
        ("WaitingOn", words.WaitingOn),
        ("FinalityState", words.FinalityState),
        ("FinalityBasis", words.FinalityBasis),
        ("TimelineActor", words.TimelineActor),
        ("BalanceAccount", words.BalanceAccount),
    )
}


class ShapeSerializer(serializers.Serializer):
    """Never serializes; carries the msgspec type of one component."""

    struct: type[msgspec.Struct]


_shapes: dict[str, type[ShapeSerializer]] = {}


def shape(struct: type[msgspec.Struct]) -> type[ShapeSerializer]:
    """Return the serializer class that stands for a msgspec struct; one a struct."""
    if struct.__name__ in _shapes:
        return _shapes[struct.__name__]
    made = type(struct.__name__, (ShapeSerializer,), {"struct": struct, "__doc__": struct.__doc__})
    set_override(made, "component_name", struct.__name__)
    _shapes[struct.__name__] = made
    return made


class ShapeExtension(OpenApiSerializerExtension):
    """Describe a `ShapeSerializer` by its struct, and the structs inside it as components."""

    target_class = "payouts.api.openapi.ShapeSerializer"
    match_subclasses = True

    def get_name(self, auto_schema: AutoSchema, direction: str) -> str:
        """Return the component's name; requests get drf-spectacular's suffix."""
        return self.target.struct.__name__

    def map_serializer(self, auto_schema: AutoSchema, direction: str) -> dict[str, Any]:
        """Return the struct's JSON schema."""
        struct = self.target.struct
        components = components_of(struct)
        for name, schema in components.items():
            if name != struct.__name__:
                component = ResolvedComponent(
                    name=name,
                    type=ResolvedComponent.SCHEMA,
                    object=_shapes.get(name, name),
                    schema=schema,
                )
                auto_schema.registry.register_on_missing(component)
        return components[struct.__name__]


def components_of(struct: type[msgspec.Struct]) -> dict[str, dict[str, Any]]:
    """Return the JSON schemas of a struct and all it holds, closed sets of words by name."""
    _, plain = msgspec.json.schema_components([struct], ref_template=_REFERENCE)
    found: dict[str, dict[str, Any]] = {}
    made = {name: _worded(schema, found) for name, schema in plain.items()}
    return {**found, **made}


def _worded(
    schema: Any, found: dict[str, dict[str, Any]], named: Mapping[frozenset[str], str] = WORDS
) -> Any:
    """Give each enum its type, and a component of its own where `named` has a name for it."""
    if isinstance(schema, list):
        return [_worded(one, found, named) for one in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: _worded(value, found, named) for key, value in schema.items()}
    if isinstance(made.get("pattern"), str):
        # Python's end of text is not ECMA 262's, which JSON Schema speaks.
        made["pattern"] = made["pattern"].replace("\\Z", "$")
    values = made.get("enum")
    if not isinstance(values, list):
        return made
    rest = {key: value for key, value in made.items() if key != "enum"}
    if len(values) == 1:
        return {**rest, "type": "string", "const": values[0]}
    name = named.get(frozenset(values))
    if name is None:
        return {**rest, "type": "string", "enum": values}
    found[name] = {"type": "string", "enum": values}
    return {**rest, "$ref": _REFERENCE.format(name=name)}


def query_parameters(struct: type[msgspec.Struct]) -> list[OpenApiParameter]:
    """Return the parameters of a query struct; a list is one comma-separated value."""
    _, components = msgspec.json.schema_components([struct])
    schema = components[struct.__name__]
    made = []
    for name, one in schema["properties"].items():
        plain = _plain(one)
        is_list = plain.get("type") == "array"
        made.append(
            OpenApiParameter(
                name,
                description=plain.pop("description", ""),
                type=plain,
                location=OpenApiParameter.QUERY,
                required=name in schema.get("required", ()),
                style="form" if is_list else None,
                explode=False if is_list else None,
            )
        )
    return made


def _plain(schema: Any) -> dict[str, Any]:
    """Return a field's schema for a query, where a value is there or not and never null."""
    made = _worded(schema, {}, named={})
    options = [one for one in made.pop("anyOf", []) if one != {"type": "null"}]
    if len(options) == 1:
        made = {**made, **options[0]}
    if made.get("default", ...) in (None, "", []):
        del made["default"]
    return made


def id_parameter(name: str, prefix: str) -> OpenApiParameter:
    """Return the path parameter of a public id."""
    pattern = f"^{prefix}_[0-7][0-9a-hjkmnp-tv-z]{{25}}$"
    return OpenApiParameter(
        name, type={"type": "string", "pattern": pattern}, location=OpenApiParameter.PATH
    )


def header(
    name: str, description: str, *, pattern: str = "", required: bool = False
) -> OpenApiParameter:
    """Return a request header."""
    return OpenApiParameter(
        name,
        type={"type": "string", "pattern": pattern} if pattern else OpenApiTypes.STR,
        location=OpenApiParameter.HEADER,
        required=required,
        description=description,
    )


def answer_header(name: str, description: str, statuses: list[int]) -> OpenApiParameter:
    """Return a header of an answer."""
    return OpenApiParameter(
        name,
        type=OpenApiTypes.STR,
        location=OpenApiParameter.HEADER,
        description=description,
        response=statuses,
    )
