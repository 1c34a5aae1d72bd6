"""The JSON Schema of the models, and what a person is told from it.

pydantic location ("spec", "models", "slm", "encoder", "batch")
    -> KeyPath ("spec", "models", "slm", "batch") and the schema's node there

The schema says which parts of a location are tags of a union and not keys, which keys are
allowed at a place, and what is expected of a value.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from headgate.cascade.mistakes import KeyPath, listed
from headgate.cascade.spec import CascadeFile
from headgate.cascade.strict import PATTERN_MEANINGS

Node = dict[str, Any]
"""One node of a JSON Schema."""

KEY = {"title": "[key]"}
"""In the node of what a key itself must be."""


@cache
def schema() -> Node:
    """Return the JSON Schema of a cascade file, as pydantic makes it."""
    return CascadeFile.model_json_schema()


def resolved(node: Node) -> Node:
    """Return the node behind a reference or an optional value."""
    for option in node.get("anyOf", []):
        if option != {"type": "null"}:
            return resolved(option)
    if reference := node.get("$ref"):
        return resolved(schema()["$defs"][reference.removeprefix("#/$defs/")])
    return node


def expectation(node: Node) -> str:
    """Return what the schema's node accepts, such as "a whole number from 1 to 64"."""
    node = resolved(node)
    if choices := node.get("enum") or ([node["const"]] if "const" in node else []):
        return listed(choices)
    match node.get("type"):
        case "integer" | "number" as kind:
            return f"a {'whole ' * (kind == 'integer')}number{_range(node)}"
        case "array":
            return f"a list{_count(node, 'Items', 'items')}"
        case "string":
            return _text(node)
    return f"a mapping{_count(node, 'Properties', 'keys')}"


def _text(node: Node) -> str:
    meaning = PATTERN_MEANINGS[node["pattern"]] if "pattern" in node else "text"
    return meaning + (f" of at most {node['maxLength']} characters" if "maxLength" in node else "")


def _range(node: Node) -> str:
    low, high = node.get("minimum"), node.get("maximum")
    if low is not None and high is not None:
        return f" from {low} to {high}"
    wordings = {
        "exclusiveMinimum": "above",
        "minimum": "of at least",
        "maximum": "at most",
        "exclusiveMaximum": "below",
    }
    limits = [f"{words} {node[key]}" for key, words in wordings.items() if key in node]
    return f" {', '.join(limits)}"


def _count(node: Node, suffix: str, noun: str) -> str:
    low, high = node.get(f"min{suffix}", 0), node.get(f"max{suffix}")
    if high is None:
        return ""
    return f" of {low} to {high} {noun}" if low != high else f" of {low} {noun.rstrip('s')}"


def locate(loc: tuple[str | int, ...]) -> tuple[KeyPath, Node]:
    """Return the keys of a pydantic location, without its tags, and the schema there.

    For an unknown key the schema is that of the mapping it stands in.
    """
    path: KeyPath = ()
    node = parent = schema()
    for part in loc:
        node = resolved(node)
        if part == "[key]" and "patternProperties" in parent and "properties" not in node:
            # pydantic's: the key of what is here is wrong itself.
            node = {"type": "string", "pattern": next(iter(parent["patternProperties"])), **KEY}
        elif "discriminator" not in node:
            path = (*path, part)
            parent, node = node, _child(node, part)
        else:
            node = _tagged(node["discriminator"]["mapping"][part])
    return path, node


def _tagged(option: str | Node) -> Node:
    return {"$ref": option} if isinstance(option, str) else option


def _child(node: Node, part: str | int) -> Node:
    if isinstance(part, int):
        return dict(node["items"])
    for child in node.get("patternProperties", {}).values():
        return dict(child)
    if isinstance(node.get("additionalProperties"), dict):
        return dict(node["additionalProperties"])
    return dict(node.get("properties", {}).get(part, node))
