"""Checks JSON against a JSON Schema: the part of the standard that the schemas here use, and no more.

A package for all of it would be one more thing to install in Slicer. Source: json-schema.org, draft 2020-12.
"""

import re
from collections.abc import Iterator, Mapping

_NOTES = {"$schema", "title", "description"}
_TYPES = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "null": type(None),
}


def problems(value: object, schema: Mapping[str, object], where: str) -> Iterator[str]:
    """What is wrong with a value, a text for each mistake.

    Args:
        value: parsed JSON.
        schema: parsed JSON Schema.
        where: name of the value in the texts.

    Yields:
        Texts such as "models[0].version: 0 is below 1"; none if the value is as described.

    Raises:
        ValueError: the schema uses a keyword that is not checked here.
    """
    unknown = schema.keys() - _NOTES - _CHECKS.keys()
    if unknown:
        raise ValueError(f"the schema uses keywords that are not checked: {', '.join(sorted(unknown))}")
    if "type" in schema and not _has_type(value, schema["type"]):
        # nothing else can be said about a value of another type
        yield f"{where}: {value!r} is not of the type {_in_words(schema['type'])}"
        return
    for keyword, argument in schema.items():
        if keyword in _CHECKS:
            yield from _CHECKS[keyword](value, argument, schema, where)


def _has_type(value: object, types: str | list[str]) -> bool:
    names = [types] if isinstance(types, str) else types
    # true is an integer to Python, not to JSON
    return any(
        isinstance(value, _TYPES[name]) and (name == "boolean" or not isinstance(value, bool))
        for name in names
    )


def _in_words(types: str | list[str]) -> str:
    return types if isinstance(types, str) else " or ".join(types)


def _required(value: object, names: list[str], schema: Mapping, where: str) -> Iterator[str]:
    if isinstance(value, dict):
        yield from (f"{where}: '{name}' is missing" for name in names if name not in value)


def _properties(value: object, schemas: Mapping, schema: Mapping, where: str) -> Iterator[str]:
    if isinstance(value, dict):
        for name in value.keys() & schemas.keys():
            yield from problems(value[name], schemas[name], f"{where}.{name}")


def _additional(value: object, allowed: bool | Mapping, schema: Mapping, where: str) -> Iterator[str]:
    if isinstance(value, dict):
        for name in sorted(value.keys() - schema.get("properties", {}).keys()):
            if allowed is False:
                yield f"{where}: '{name}' is not known"
            elif isinstance(allowed, dict):
                yield from problems(value[name], allowed, f"{where}.{name}")


def _items(value: object, item_schema: Mapping, schema: Mapping, where: str) -> Iterator[str]:
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from problems(item, item_schema, f"{where}[{index}]")


def _enum(value: object, choices: list, schema: Mapping, where: str) -> Iterator[str]:
    if value not in choices:
        yield f"{where}: {value!r} is none of {', '.join(map(str, choices))}"


def _const(value: object, wanted: object, schema: Mapping, where: str) -> Iterator[str]:
    if value != wanted:
        yield f"{where}: {value!r} was found instead of {wanted!r}"


def _pattern(value: object, pattern: str, schema: Mapping, where: str) -> Iterator[str]:
    if isinstance(value, str) and not re.search(pattern, value):
        yield f"{where}: '{value}' does not have the form {pattern}"


def _min_length(value: object, least: int, schema: Mapping, where: str) -> Iterator[str]:
    if isinstance(value, str) and len(value) < least:
        yield f"{where}: the text is empty" if least == 1 else f"{where}: the text is too short"


def _minimum(value: object, least: float, schema: Mapping, where: str) -> Iterator[str]:
    if isinstance(value, int | float) and value < least:
        yield f"{where}: {value} is below {least}"


def _above(value: object, bound: float, schema: Mapping, where: str) -> Iterator[str]:
    if isinstance(value, int | float) and value <= bound:
        yield f"{where}: {value} is not above {bound}"


_CHECKS = {
    "type": lambda value, types, schema, where: (),
    "required": _required,
    "properties": _properties,
    "additionalProperties": _additional,
    "items": _items,
    "enum": _enum,
    "const": _const,
    "pattern": _pattern,
    "minLength": _min_length,
    "minimum": _minimum,
    "exclusiveMinimum": _above,
}
