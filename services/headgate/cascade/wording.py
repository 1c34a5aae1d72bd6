"""pydantic's errors in the words of this project, at the keys of the file.

plain values -> CascadeFile, or a Mistake for each error

No value is repeated that may be a secret.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from headgate.cascade.mistakes import (
    KeyPath,
    Mistake,
    described,
    did_you_mean,
    listed,
    quoted,
)
from headgate.cascade.schema import KEY, Node, expectation, locate, resolved
from headgate.cascade.spec import CascadeFile


def check_types(values: object) -> CascadeFile | list[Mistake]:
    """Return the validated file, or what is wrong with its keys, types and limits."""
    try:
        # As JSON, a list may become a tuple although the models are strict.
        return CascadeFile.model_validate_json(json.dumps(values))
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
        return [mistake for detail in details for mistake in _mistakes(detail, values)]


def _mistakes(detail: ErrorDetails, values: object) -> Iterator[Mistake]:
    path, node = locate(detail["loc"])
    value = value_at(values, path)
    match detail["type"]:
        case "house":
            yield Mistake(path, detail["ctx"]["problem"], detail["ctx"]["remedy"])
        case "missing":
            yield _missing(path[:-1], str(path[-1]))
        case "extra_forbidden":
            yield _unknown(path, resolved(node)["properties"])
        case "union_tag_not_found":
            yield _missing(path, node["discriminator"]["propertyName"])
        case "union_tag_invalid":
            key = node["discriminator"]["propertyName"]
            yield _other(
                (*path, key), value_at(value, (key,)), list(node["discriminator"]["mapping"])
            )
        case "too_short" if value:
            return  # pydantic does not count items that are wrong themselves
        case _:
            yield _misfit(path, value, node)


def _missing(parent: KeyPath, key: str) -> Mistake:
    return Mistake(parent, f"missing key {key!r}", "Add it.")


def _unknown(path: KeyPath, allowed: Node) -> Mistake:
    key = str(path[-1])
    remedy = did_you_mean(key, allowed, f"Allowed here: {listed(allowed)}.")
    return Mistake(path, f"unknown key {quoted(key)}", remedy)


def _other(path: KeyPath, value: object, choices: list[str]) -> Mistake:
    problem = f"expected {listed(choices)}, found {described(value, path)}"
    return Mistake(path, problem, _near(value, choices) or "Use one of these.")


def _near(value: object, choices: list[str]) -> str:
    return did_you_mean(value, choices, "") if isinstance(value, str) else ""


def _misfit(path: KeyPath, value: object, node: Node) -> Mistake:
    node = resolved(node)
    expected = expectation(node)
    if node.items() >= KEY.items():
        value = path[-1]
    problem = f"expected {expected}, found {described(value, path)}"
    choices = node.get("enum") or [node.get("const", "")]
    return Mistake(path, problem, _near(value, choices) or _remedy(value, node))


def _remedy(value: object, node: Node) -> str:
    wanted = node.get("type")
    if wanted in ("integer", "number") and isinstance(value, str):
        return "Write the number without quotes or units."
    if wanted == "string" and isinstance(value, bool | int | float):
        return "Put it in quotes."
    return "Change the value." if value is not None else "Write a value."


def value_at(values: object, path: KeyPath) -> object:
    """Return the value at `path`; None when there is none."""
    for part in path:
        match values:
            case dict():
                values = values.get(part)
            case list() if isinstance(part, int):
                values = values[part]
            case _:
                return None
    return values
