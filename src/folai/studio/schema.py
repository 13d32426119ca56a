"""JSON schemas: for the checks of requests, and for the description of the interface.

Only the part of JSON Schema that is used here: a few lines rather than a dependency.
"""

from __future__ import annotations

import math
import re
from typing import Any

Schema = dict[str, Any]

TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}


def check(value: Any, schema: Schema, where: str = "the request") -> None:
    """Raise ValueError, naming the place, unless `value` (parsed JSON) is what `schema` says."""
    if "anyOf" in schema:
        _check_any(value, schema["anyOf"], where)
        return
    if "type" in schema:
        names = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        if not any(_is_a(value, name) for name in names):
            raise ValueError(f"{where} is {_shown(value)}: give {' or '.join(names)}")
    if "enum" in schema and not any(
        value is allowed or value == allowed for allowed in schema["enum"]
    ):
        allowed = ", ".join(str(allowed) for allowed in schema["enum"])
        raise ValueError(f"{where} is {_shown(value)}: use one of {allowed}")
    if isinstance(value, str):
        _check_text(value, schema, where)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        _check_number(value, schema, where)
    elif isinstance(value, list):
        _check_list(value, schema, where)
    elif isinstance(value, dict):
        _check_object(value, schema, where)


def _check_any(value: Any, schemas: list[Schema], where: str) -> None:
    errors = []
    for schema in schemas:
        try:
            check(value, schema, where)
            return
        except ValueError as error:
            errors.append(str(error))
    raise ValueError(max(errors, key=len))  # the one that got furthest


def _check_text(value: str, schema: Schema, where: str) -> None:
    shortest, longest = schema.get("minLength", 0), schema.get("maxLength", math.inf)
    if not shortest <= len(value) <= longest:
        raise ValueError(f"{where} has {len(value)} characters: give {shortest} to {longest}")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"{where} holds an unpaired surrogate: send UTF-8") from error
    if "pattern" in schema and not re.search(schema["pattern"], value):
        raise ValueError(f"{where} is {_shown(value)}: it must match {schema['pattern']}")


def _check_number(value: float, schema: Schema, where: str) -> None:
    lowest, highest = schema.get("minimum", -math.inf), schema.get("maximum", math.inf)
    if not lowest <= value <= highest:
        raise ValueError(f"{where} is {_shown(value)}: give {lowest} to {highest}")


def _check_list(value: list[Any], schema: Schema, where: str) -> None:
    shortest, longest = schema.get("minItems", 0), schema.get("maxItems", math.inf)
    if not shortest <= len(value) <= longest:
        raise ValueError(f"{where} has {len(value)} items: give {shortest} to {longest}")
    if "items" in schema:
        for index, item in enumerate(value):
            check(item, schema["items"], f"{where}[{index}]")


def _check_object(value: dict[str, Any], schema: Schema, where: str) -> None:
    missing = [name for name in schema.get("required", []) if name not in value]
    if missing:
        raise ValueError(f"{where} lacks {', '.join(missing)}")
    if len(value) > schema.get("maxProperties", math.inf):
        raise ValueError(f"{where} has {len(value)} entries: at most {schema['maxProperties']}")
    properties, others = schema.get("properties", {}), schema.get("additionalProperties", True)
    for name, item in value.items():
        place = f"{where}.{name[:64]}"
        if "propertyNames" in schema:
            check(name, schema["propertyNames"], f"the name {place}")
        if name in properties:
            check(item, properties[name], place)
        elif others is False:
            raise ValueError(f"{place} is unknown: use {', '.join(properties)}")
        elif isinstance(others, dict):
            check(item, others, place)


def _is_a(value: Any, name: str) -> bool:
    if isinstance(value, bool):
        return name == "boolean"
    if name == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, TYPES[name])


def _shown(value: Any) -> str:
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else text[:60] + "..."


# How schemas are written


def an_object(
    required: str = "", /, *, others: bool | Schema = False, **properties: Schema
) -> Schema:
    """An object with these properties, of which those named in `required` must be there."""
    schema: Schema = {"type": "object", "properties": properties, "additionalProperties": others}
    if required:
        schema["required"] = required.split()
    return schema


def a_list(items: Schema, most: int, least: int = 0) -> Schema:
    return {"type": "array", "items": items, "minItems": least, "maxItems": most}


def or_null(schema: Schema) -> Schema:
    return {"anyOf": [{"type": "null"}, schema]}


def text(most: int = 200, least: int = 0, pattern: str | None = None) -> Schema:
    schema: Schema = {"type": "string", "minLength": least, "maxLength": most}
    return schema if pattern is None else {**schema, "pattern": pattern}


def number(lowest: float | None = None, highest: float | None = None) -> Schema:
    return _bounded("number", lowest, highest)


def integer(lowest: int | None = None, highest: int | None = None) -> Schema:
    return _bounded("integer", lowest, highest)


def one_of(*allowed: str) -> Schema:
    return {"type": "string", "enum": list(allowed)}


def _bounded(kind: str, lowest: float | None, highest: float | None) -> Schema:
    schema: Schema = {"type": kind}
    if lowest is not None:
        schema["minimum"] = lowest
    if highest is not None:
        schema["maximum"] = highest
    return schema


BOOLEAN: Schema = {"type": "boolean"}
